/* Rows of millrace_ledger → spans. */
#include "pipeline/verify/verify_priv.h"

#include <jansson.h>

#include "millrace/base/clock.h"

struct reader {
    const struct mr_layout *layout;
    enum mr_rc (*each)(void *context, const struct mri_ledger_row *row);
    void *context;
    struct mr_error *error;
};

bool
mri_parse_datetime(const char *text, int64_t *ret_us)
{
    int year, month, day, hour, minute, second, used = 0;
    if (sscanf(text,
               "%4d-%2d-%2d %2d:%2d:%2d%n",
               &year,
               &month,
               &day,
               &hour,
               &minute,
               &second,
               &used) != 6 ||
        year < 0 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 ||
        minute < 0 || minute > 59 || second < 0 || second > 59)
        return false;
    int64_t micros = 0, unit = 100000;
    const char *p = text + used;
    if (*p == '.')
        for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10)
            micros += (*p - '0') * unit;
    if (*p)
        return false;
    int64_t days = mr_clock_days(year, (uint32_t)month, (uint32_t)day);
    *ret_us =
        days * MR_US_PER_DAY + ((int64_t)hour * 3600 + minute * 60 + second) * MR_US_PER_S + micros;
    return true;
}

bool
mri_parse_rollups(const struct mr_layout *layout, const char *json, int64_t *rollups)
{
    json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    bool good = json_is_object(root);
    for (uint32_t i = 0; i < layout->rollup_count && good; i++) {
        const json_t *count = json_object_get(root, layout->rollups[i].table);
        good = !count || json_is_integer(count);
        rollups[i] = count && good ? json_integer_value(count) : 0;
    }
    json_decref(root);
    return good;
}

static bool
read_totals(const struct mr_layout *layout, const struct mri_row *row, struct mr_totals *totals)
{
    return mri_cell_i64(row, 5, &totals->consumed) && mri_cell_i64(row, 6, &totals->detail) &&
           mri_cell_i64(row, 7, &totals->quarantined) && mri_cell_i64(row, 8, &totals->filtered) &&
           mri_cell_i64(row, 9, &totals->late) && mri_cell_i64(row, 10, &totals->tombstones) &&
           row->cells[11] && mri_parse_rollups(layout, row->cells[11], totals->rollups);
}

static bool
read_row(const struct mr_layout *layout, const struct mri_row *row, struct mri_ledger_row *ret_row)
{
    struct mri_ledger_row out = {.span.event_time_us = INT64_MIN};
    int64_t partition;
    if (row->count != 12 || !row->cells[0] || strlen(row->cells[0]) >= sizeof out.topic ||
        !mri_cell_i64(row, 1, &partition) || !mri_cell_i64(row, 2, &out.span.start) ||
        !mri_cell_i64(row, 3, &out.span.end) || !read_totals(layout, row, &out.span.totals))
        return false;
    if (row->cells[4] && !mri_parse_datetime(row->cells[4], &out.span.event_time_us))
        return false;
    snprintf(out.topic, sizeof out.topic, "%s", row->cells[0]);
    out.span.partition = (int32_t)partition;
    *ret_row = out;
    return true;
}

static enum mr_rc
take_row(void *context, const struct mri_row *row)
{
    const struct reader *reader = context;
    struct mri_ledger_row ledger;
    if (!read_row(reader->layout, row, &ledger))
        return mr_error_set(reader->error,
                            MR_STARROCKS,
                            "a row of %s for topic '%s', partition %s, cannot be read",
                            MR_LEDGER_TABLE,
                            row->count > 0 && row->cells[0] ? row->cells[0] : "",
                            row->count > 1 && row->cells[1] ? row->cells[1] : "");
    return reader->each(reader->context, &ledger);
}

enum mr_rc
mri_ledger_each(struct mr_sql *sql,
                const struct mr_layout *layout,
                enum mr_rc (*each)(void *context, const struct mri_ledger_row *row),
                void *context,
                struct mr_error *reterr_error)
{
    struct reader reader = {layout, each, context, reterr_error};
    struct mr_text query = {0};
    mri_query_ledger(layout, &query);
    enum mr_rc rc = query.overflow
                        ? mr_error_set(reterr_error, MR_MEMORY, "no memory for a query")
                        : mri_sql_run(sql, mr_text_str(&query), take_row, &reader, reterr_error);
    mr_text_fini(&query);
    return rc;
}

struct wanted {
    const struct mr_layout *layout;
    struct mr_span *spans;
    uint32_t count;
};

static enum mr_rc
fill(void *context, const struct mri_ledger_row *row)
{
    struct wanted *wanted = context;
    for (uint32_t i = 0; i < wanted->count; i++) {
        struct mr_span *span = &wanted->spans[i];
        if (span->partition != row->span.partition ||
            strcmp(wanted->layout->topics[span->topic], row->topic) != 0)
            continue;
        uint16_t topic = span->topic;
        *span = row->span;
        span->topic = topic;
    }
    return MR_OK;
}

enum mr_rc
mr_sql_ledger(struct mr_sql *sql,
              const struct mr_layout *layout,
              struct mr_span *spans,
              uint32_t count,
              struct mr_error *reterr_error)
{
    for (uint32_t i = 0; i < count; i++)
        spans[i] = (struct mr_span){.topic = spans[i].topic,
                                    .partition = spans[i].partition,
                                    .start = -1,
                                    .end = -1,
                                    .event_time_us = INT64_MIN};
    struct wanted wanted = {layout, spans, count};
    return mri_ledger_each(sql, layout, fill, &wanted, reterr_error);
}
