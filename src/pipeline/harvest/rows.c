/* Rows: what one worker encodes while a unit fills, detail and quarantine. */
#include <stdlib.h>
#include <string.h>

#include "harvest_priv.h"

#include "millrace/base/assert.h"

enum mr_rc
mr_rows_new(const struct mr_layout *layout,
            struct mr_budget *budget,
            size_t raw_bytes_max,
            struct mr_rows **ret_rows)
{
    struct mr_rows *rows = calloc(1, sizeof *rows);
    if (!rows)
        return MR_MEMORY;
    rows->layout = layout;
    rows->budget = budget;
    rows->raw_bytes_max = raw_bytes_max;
    rows->dates.day = INT32_MIN;
    mr_body_init(&rows->csv, MR_BODY_CSV, budget);
    mr_body_init(&rows->json, MR_BODY_JSON, budget);
    mr_body_init(&rows->quarantine, MR_BODY_CSV, budget);
    rows->column_count = mri_harvest_detail(layout, rows->columns);
    *ret_rows = rows;
    return MR_OK;
}

void
mr_rows_free(struct mr_rows **rows)
{
    if (!*rows)
        return;
    mr_body_fini(&(*rows)->csv);
    mr_body_fini(&(*rows)->json);
    mr_body_fini(&(*rows)->quarantine);
    free(*rows);
    *rows = NULL;
}

enum mr_rc
mr_rows_add(struct mr_rows *rows, const struct mr_event *event)
{
    const struct mr_record *record = event->record;
    const struct mr_value *values[MRI_DETAIL_MAX];
    const struct mr_value provenance[] = {
        {.text = mr_slice_of(rows->layout->topics[record->topic]), .set = true},
        {.i64 = record->partition, .set = true},
        {.i64 = record->offset, .set = true},
    };
    uint32_t count = 0;
    bool unsafe = false;
    for (; count < rows->layout->column_count; count++) {
        values[count] = &event->values[count];
        unsafe |= values[count]->set && values[count]->csv_unsafe;
    }
    for (uint32_t i = 0; i < MR_ARRAY_LEN(provenance); i++)
        values[count++] = &provenance[i];
    if (MR_UNLIKELY(unsafe))
        return mri_harvest_json_values(&rows->json, rows->columns, values, count, &rows->dates);
    return mri_harvest_csv_values(&rows->csv, rows->columns, values, count, &rows->dates);
}

/* The message is ours, printable and without separators; a byte that is not becomes a question mark
 * rather than a broken row, and so does a backslash that might begin a \N. */
static size_t
safe_message(const char *message, char *out, size_t room)
{
    size_t len = strnlen(message, room);
    for (size_t i = 0; i < len; i++)
        out[i] = message[i] < 0x20 || message[i] > 0x7e || (i == 0 && message[i] == '\\')
                     ? '?'
                     : message[i];
    return len;
}

/* Hex of the first bytes; NULL as \N. */
static char *
put_bytes(char *out, const char *bytes, size_t len)
{
    if (bytes)
        return mri_harvest_put_hex(out, bytes, len);
    memcpy(out, "\\N", 2);
    return out + 2;
}

/* A producer may stamp any time; one that DATETIME cannot hold is as good as unknown. */
static char *
put_record_time(char *out, int64_t time_us, struct mri_dates *dates)
{
    int64_t first = MR_DAYS_MIN * MR_US_PER_DAY, end = (MR_DAYS_MAX + 1) * MR_US_PER_DAY;
    if (time_us == -1 || time_us < first || time_us >= end)
        return put_bytes(out, NULL, 0);
    return mri_harvest_put_time(out, time_us, dates);
}

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* In the order of MR_QUARANTINE_COLUMNS. */
static char *
put_reject(char *out,
           struct mr_rows *rows,
           const struct mr_record *record,
           const struct mr_reject_info *info,
           int64_t now_us)
{
    const char *reason = mr_reject_name(info->reason);
    const char *topic = rows->layout->topics[record->topic];
    out = mri_harvest_put_time(out, now_us, &rows->dates);
    *out++ = MR_CSV_COLUMN_SEPARATOR;
    out = stpcpy(out, reason);
    *out++ = MR_CSV_COLUMN_SEPARATOR;
    out += safe_message(info->message, out, sizeof info->message);
    *out++ = MR_CSV_COLUMN_SEPARATOR;
    out = stpcpy(out, topic);
    *out++ = MR_CSV_COLUMN_SEPARATOR;
    out = mri_harvest_put_int(out, record->partition);
    *out++ = MR_CSV_COLUMN_SEPARATOR;
    out = mri_harvest_put_int(out, record->offset);
    *out++ = MR_CSV_COLUMN_SEPARATOR;
    out = put_record_time(out, record->time_us, &rows->dates);
    *out++ = MR_CSV_COLUMN_SEPARATOR;
    out = put_bytes(out, record->key, least(record->key_len, rows->raw_bytes_max));
    *out++ = MR_CSV_COLUMN_SEPARATOR;
    out = put_bytes(out, record->value, least(record->value_len, rows->raw_bytes_max));
    *out++ = MR_CSV_COLUMN_SEPARATOR;
    out = mri_harvest_put_int(out, record->value_total);
    *out++ = MR_CSV_ROW_DELIMITER;
    return out;
}

#define REJECT_FIXED 512u /* all columns but topic, key and raw */

enum mr_rc
mr_rows_reject(struct mr_rows *rows,
               const struct mr_record *record,
               const struct mr_reject_info *info,
               int64_t now_us)
{
    size_t need = REJECT_FIXED + strlen(rows->layout->topics[record->topic]) +
                  2 * least(record->key_len, rows->raw_bytes_max) +
                  2 * least(record->value_len, rows->raw_bytes_max);
    char *start = mr_body_reserve(&rows->quarantine, need);
    if (!start)
        return MR_MEMORY;
    char *end = put_reject(start, rows, record, info, now_us);
    MR_INSIST((size_t)(end - start) <= need);
    mr_body_advance(&rows->quarantine, (size_t)(end - start));
    rows->quarantine.rows++;
    return MR_OK;
}

/* Longest text of a kind, quotes included; of texts only what stands around them. */
static size_t
kind_bytes(enum mri_kind kind)
{
    switch (kind) {
    case MRI_KIND_DECIMAL:
    case MRI_KIND_LARGEINT:
        return 43;
    case MRI_KIND_TIMESTAMP:
        return 28;
    case MRI_KIND_INT:
        return 20;
    case MRI_KIND_DATE:
        return 12;
    case MRI_KIND_STRING:
    case MRI_KIND_JSON:
    case MRI_KIND_DOUBLE:
    case MRI_KIND_BOOL:
        return 5;
    }
    return MRI_FIXED_MAX;
}

/* Greatest fixed part of one row: in JSON every column brings its name. */
static size_t
row_fixed(const struct mr_layout *layout)
{
    struct mri_out columns[MRI_DETAIL_MAX];
    uint32_t count = mri_harvest_detail(layout, columns);
    size_t bytes = 256; /* topic */
    for (uint32_t i = 0; i < count; i++)
        bytes += strlen(columns[i].name) + 4 + kind_bytes(columns[i].kind);
    return bytes > REJECT_FIXED + 256 ? bytes : REJECT_FIXED + 256;
}

int64_t
mr_rows_worst_bytes(const struct mr_layout *layout,
                    uint32_t records,
                    size_t bytes,
                    size_t raw_bytes_max)
{
    /* A record is a detail row or a quarantine row. An escaped control character has six bytes and
     * took at least two in the record; hex only doubles, whatever raw is cut to. */
    (void)raw_bytes_max;
    size_t texts = bytes + layout->default_bytes * records;
    size_t encoded = row_fixed(layout) * records + 3 * texts;
    /* What is left at the end of a chunk is less than a row; and each of three bodies may begin a
     * chunk of full size. */
    return (int64_t)(2 * encoded) + 3 * ((int64_t)1 << 20);
}
