/* Checks of the partitions: the ledger's totals against detail and quarantine. */
#include <stdlib.h>

#include "pipeline/verify/verify_priv.h"

/* The partition's place, made when it is new; NULL when memory ran out. */
static struct mri_partition *
part_of(struct mri_verification *v, const char *topic, int64_t partition)
{
    for (uint32_t i = 0; i < v->part_count; i++)
        if (v->parts[i].ledger.span.partition == partition &&
            strcmp(v->parts[i].ledger.topic, topic) == 0)
            return &v->parts[i];
    if (v->part_count == v->part_capacity) {
        uint32_t capacity = v->part_capacity ? v->part_capacity * 2 : 16;
        struct mri_partition *grown = realloc(v->parts, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        v->parts = grown;
        v->part_capacity = capacity;
    }
    struct mri_partition *part = &v->parts[v->part_count++];
    *part = (struct mri_partition){.ledger.span.partition = (int32_t)partition};
    snprintf(part->ledger.topic, sizeof part->ledger.topic, "%s", topic);
    return part;
}

static enum mr_rc
take_ledger(void *context, const struct mri_ledger_row *row)
{
    struct mri_verification *v = context;
    struct mri_partition *part = part_of(v, row->topic, row->span.partition);
    if (!part)
        return mr_error_set(v->error, MR_MEMORY, "no memory for the ledger's partitions");
    part->ledger = *row;
    part->in_ledger = true;
    return MR_OK;
}

/* Reads topic, partition and two numbers; hands them to the partition's fields. */
static enum mr_rc
take_pair(struct mri_verification *v,
          const struct mri_row *row,
          void (*set)(struct mri_partition *part, int64_t first, int64_t second))
{
    int64_t partition, first, second;
    if (row->count != 4 || !row->cells[0] || !mri_cell_i64(row, 1, &partition) ||
        !mri_cell_i64(row, 2, &first) || !mri_cell_i64(row, 3, &second))
        return mr_error_set(v->error, MR_STARROCKS, "a count came back in an unknown form");
    struct mri_partition *part = part_of(v, row->cells[0], partition);
    if (!part)
        return mr_error_set(v->error, MR_MEMORY, "no memory for the list of partitions");
    set(part, first, second);
    return MR_OK;
}

static void
set_detail(struct mri_partition *part, int64_t within, int64_t past)
{
    part->detail = within;
    part->detail_past = past;
}

static enum mr_rc
take_detail(void *context, const struct mri_row *row)
{
    return take_pair(context, row, set_detail);
}

static void
set_quarantined(struct mri_partition *part, int64_t within, int64_t past)
{
    part->quarantined = within;
    part->quarantined_past = past;
}

static enum mr_rc
take_quarantine(void *context, const struct mri_row *row)
{
    return take_pair(context, row, set_quarantined);
}

static void
set_repeats(struct mri_partition *part, int64_t offsets, int64_t first)
{
    part->repeated = offsets;
    part->first_repeat = first;
}

static enum mr_rc
take_repeats(void *context, const struct mri_row *row)
{
    return take_pair(context, row, set_repeats);
}

enum mr_rc
mri_verify_read_parts(struct mri_verification *v)
{
    struct mr_text query = {0};
    enum mr_rc rc = mri_ledger_each(v->sql, v->layout, take_ledger, v, v->error);
    if (rc == MR_OK) {
        mri_query_detail(v->layout, &query);
        rc = mri_verify_run(v, &query, take_detail, v);
    }
    if (rc == MR_OK) {
        mri_query_quarantine(v->layout, &query);
        rc = mri_verify_run(v, &query, take_quarantine, v);
    }
    if (rc == MR_OK && v->layout->key_count == 0) {
        mri_query_repeats(v->layout, &query);
        rc = mri_verify_run(v, &query, take_repeats, v);
    }
    mr_text_fini(&query);
    return rc;
}

static void
check_past(struct mri_verification *v, const char *of, const char *name, int64_t past)
{
    if (past > 0)
        mri_report_add_i64(&v->report, false, name, of, 0, past);
}

/* Key mode: of repeats of an event one row stays, so rows may be fewer than events. */
static void
check_detail(struct mri_verification *v, const struct mri_partition *part, const char *of)
{
    int64_t expected = part->ledger.span.totals.detail;
    if (v->layout->key_count == 0) {
        mri_report_add_i64(
            &v->report, part->detail == expected, "detail rows", of, expected, part->detail);
        mri_report_add_i64(
            &v->report, part->repeated == 0, "offsets more than once", of, 0, part->repeated);
        return;
    }
    char at_most[32], found[24];
    snprintf(at_most, sizeof at_most, "<= %lld", (long long)expected);
    snprintf(found, sizeof found, "%lld", (long long)part->detail);
    mri_report_add(&v->report, part->detail <= expected, "detail rows", of, at_most, found);
}

void
mri_verify_part(struct mri_verification *v, const struct mri_partition *part)
{
    const struct mr_totals *totals = &part->ledger.span.totals;
    char topic[280], of[300]; /* a topic's name comes from the tables, where anybody may write */
    mr_text_quote(topic, sizeof topic, part->ledger.topic, strlen(part->ledger.topic));
    snprintf(of, sizeof of, "%s/%d", topic, part->ledger.span.partition);
    if (part->in_ledger) {
        int64_t sum = totals->detail + totals->quarantined + totals->filtered + totals->tombstones;
        mri_report_add_i64(&v->report,
                           totals->consumed == sum,
                           "consumed = detail + quarantined + filtered + tombstones",
                           of,
                           totals->consumed,
                           sum);
        check_detail(v, part, of);
        mri_report_add_i64(&v->report,
                           part->quarantined == totals->quarantined,
                           "quarantined offsets",
                           of,
                           totals->quarantined,
                           part->quarantined);
    }
    check_past(v, of, "detail rows past the ledger's end", part->detail_past);
    check_past(v, of, "quarantined offsets past the ledger's end", part->quarantined_past);
    if (part->repeated > 0)
        mr_text_addf(&v->report.notes,
                     "%s: offset %lld is the first that stands there twice\n",
                     of,
                     (long long)part->first_repeat);
}

void
mri_verify_collapsed(struct mri_verification *v)
{
    int64_t events = 0, rows = 0;
    for (uint32_t i = 0; i < v->part_count; i++) {
        events += v->parts[i].ledger.span.totals.detail;
        rows += v->parts[i].detail;
    }
    if (events > 0) {
        char found[24];
        snprintf(found, sizeof found, "%lld", (long long)rows);
        mri_report_add(&v->report, rows > 0, "detail rows", v->layout->detail_table, ">= 1", found);
    }
    mr_text_addf(&v->report.notes,
                 "%s: %lld repeats collapsed by the primary key\n",
                 v->layout->detail_table,
                 (long long)(events - rows));
}
