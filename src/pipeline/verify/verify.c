/* The checks: ledger against tables, rollups against detail. */
#include <stdlib.h>

#include "pipeline/verify/verify_priv.h"

/* What is known of one partition. */
struct part {
    struct mri_ledger_row ledger;
    bool in_ledger;
    int64_t detail, detail_past, quarantined, quarantined_past, repeated, first_repeat;
};

struct verification {
    struct mr_sql *sql;
    const struct mr_layout *layout;
    struct mr_error *error;
    struct mri_report report;
    struct part *parts;
    uint32_t part_count, part_capacity;
};

/* The partition's place, made when it is new; NULL when memory ran out. */
static struct part *
part_of(struct verification *v, const char *topic, int64_t partition)
{
    for (uint32_t i = 0; i < v->part_count; i++)
        if (v->parts[i].ledger.span.partition == partition &&
            strcmp(v->parts[i].ledger.topic, topic) == 0)
            return &v->parts[i];
    if (v->part_count == v->part_capacity) {
        uint32_t capacity = v->part_capacity ? v->part_capacity * 2 : 16;
        struct part *grown = realloc(v->parts, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        v->parts = grown;
        v->part_capacity = capacity;
    }
    struct part *part = &v->parts[v->part_count++];
    *part = (struct part){.ledger.span.partition = (int32_t)partition};
    snprintf(part->ledger.topic, sizeof part->ledger.topic, "%s", topic);
    return part;
}

static enum mr_rc
take_ledger(void *context, const struct mri_ledger_row *row)
{
    struct verification *v = context;
    struct part *part = part_of(v, row->topic, row->span.partition);
    if (!part)
        return mr_error_set(v->error, MR_MEMORY, "no memory for the ledger's partitions");
    part->ledger = *row;
    part->in_ledger = true;
    return MR_OK;
}

/* Reads topic, partition and two numbers; hands them to the partition's fields. */
static enum mr_rc
take_pair(struct verification *v,
          const struct mri_row *row,
          void (*set)(struct part *part, int64_t first, int64_t second))
{
    int64_t partition, first, second;
    if (row->count != 4 || !row->cells[0] || !mri_cell_i64(row, 1, &partition) ||
        !mri_cell_i64(row, 2, &first) || !mri_cell_i64(row, 3, &second))
        return mr_error_set(v->error, MR_STARROCKS, "a count came back in an unknown form");
    struct part *part = part_of(v, row->cells[0], partition);
    if (!part)
        return mr_error_set(v->error, MR_MEMORY, "no memory for the list of partitions");
    set(part, first, second);
    return MR_OK;
}

static void
set_detail(struct part *part, int64_t within, int64_t past)
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
set_quarantined(struct part *part, int64_t within, int64_t past)
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
set_repeats(struct part *part, int64_t offsets, int64_t first)
{
    part->repeated = offsets;
    part->first_repeat = first;
}

static enum mr_rc
take_repeats(void *context, const struct mri_row *row)
{
    return take_pair(context, row, set_repeats);
}

/* Runs the text and empties it. */
static enum mr_rc
run(struct verification *v, struct mr_text *query, mri_row_fn each, void *context)
{
    enum mr_rc rc = query->overflow
                        ? mr_error_set(v->error, MR_MEMORY, "no memory for a query")
                        : mri_sql_run(v->sql, mr_text_str(query), each, context, v->error);
    mr_text_reset(query);
    return rc;
}

static enum mr_rc
read_parts(struct verification *v)
{
    struct mr_text query = {0};
    enum mr_rc rc = mri_ledger_each(v->sql, v->layout, take_ledger, v, v->error);
    if (rc == MR_OK) {
        mri_query_detail(v->layout, &query);
        rc = run(v, &query, take_detail, v);
    }
    if (rc == MR_OK) {
        mri_query_quarantine(v->layout, &query);
        rc = run(v, &query, take_quarantine, v);
    }
    if (rc == MR_OK && v->layout->key_count == 0) {
        mri_query_repeats(v->layout, &query);
        rc = run(v, &query, take_repeats, v);
    }
    mr_text_fini(&query);
    return rc;
}

static void
check_past(struct verification *v, const char *of, const char *name, int64_t past)
{
    if (past > 0)
        mri_report_add_i64(&v->report, false, name, of, 0, past);
}

/* Key mode: of repeats of an event one row stays, so rows may be fewer than events. */
static void
check_detail(struct verification *v, const struct part *part, const char *of)
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

static void
check_part(struct verification *v, const struct part *part)
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

/* Which repeats collapsed only the keys tell, but of any number of events one row stays at least. */
static void
check_collapsed(struct verification *v)
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

struct number {
    struct verification *v;
    int64_t value;
};

static enum mr_rc
take_number(void *context, const struct mri_row *row)
{
    struct number *number = context;
    if (row->count == 1 && mri_cell_i64(row, 0, &number->value))
        return MR_OK;
    return mr_error_set(number->v->error, MR_STARROCKS, "a count came back in an unknown form");
}

static enum mr_rc
check_rollup_count(struct verification *v, uint32_t rollup)
{
    const char *table = v->layout->rollups[rollup].table;
    struct mr_text query = {0};
    struct number sum = {.v = v};
    int64_t expected = 0;
    enum mr_rc rc = MR_OK;
    for (uint32_t i = 0; i < v->part_count; i++)
        expected += v->parts[i].ledger.span.totals.rollups[rollup];
    if (!mri_query_rollup_count(v->layout, rollup, &query)) {
        mr_text_addf(&v->report.notes, "%s: has no count() to compare with the ledger\n", table);
    } else {
        rc = run(v, &query, take_number, &sum);
        if (rc == MR_OK)
            mri_report_add_i64(&v->report,
                               sum.value == expected,
                               "events in the rollup",
                               table,
                               expected,
                               sum.value);
    }
    mr_text_fini(&query);
    return rc;
}

/* ---- windows ---- */

struct listing {
    struct verification *v;
    uint32_t rollup, count;
};

static void
note_cell(struct mr_text *notes, const char *name, const char *cell)
{
    char quoted[120];
    if (!cell)
        mr_text_addf(notes, " %s=NULL", name);
    else
        mr_text_addf(
            notes, " %s=%s", name, mr_text_quote(quoted, sizeof quoted, cell, strlen(cell)));
}

static bool
cells_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static void
note_parts(const struct listing *listing, const struct mri_row *row)
{
    const struct mr_layout *layout = listing->v->layout;
    const struct mr_rollup *rollup = &layout->rollups[listing->rollup];
    struct mr_text *notes = &listing->v->report.notes;
    uint32_t cell = 1 + rollup->dim_count;
    for (uint32_t i = 0; i < rollup->measure_count; i++) {
        struct mri_part parts[2];
        uint32_t count = mri_measure_parts(layout, &rollup->measures[i], parts);
        for (uint32_t p = 0; p < count; p++, cell += 2)
            if (!cells_equal(row->cells[cell], row->cells[cell + 1]))
                mr_text_addf(notes,
                             "; %s is %s, detail says %s",
                             parts[p].name,
                             row->cells[cell] ? row->cells[cell] : "NULL",
                             row->cells[cell + 1] ? row->cells[cell + 1] : "NULL");
    }
}

static uint32_t
count_parts(const struct mr_layout *layout, const struct mr_rollup *rollup)
{
    struct mri_part parts[2];
    uint32_t count = 0;
    for (uint32_t i = 0; i < rollup->measure_count; i++)
        count += mri_measure_parts(layout, &rollup->measures[i], parts);
    return count;
}

static enum mr_rc
take_window(void *context, const struct mri_row *row)
{
    struct listing *listing = context;
    const struct mr_layout *layout = listing->v->layout;
    const struct mr_rollup *rollup = &layout->rollups[listing->rollup];
    struct mr_text *notes = &listing->v->report.notes;
    uint32_t sides = 1 + rollup->dim_count + 2 * count_parts(layout, rollup);
    int64_t in_table, in_detail; /* the last two cells: rows a side */
    if (row->count != sides + 2 || !mri_cell_i64(row, sides, &in_table) ||
        !mri_cell_i64(row, sides + 1, &in_detail))
        return mr_error_set(
            listing->v->error, MR_STARROCKS, "a window came back in an unknown form");
    mr_text_addf(notes, "%s:", rollup->table);
    note_cell(notes, "window_start", row->cells[0]);
    for (uint32_t i = 0; i < rollup->dim_count; i++)
        note_cell(notes, layout->columns[rollup->dims[i]].name, row->cells[1 + i]);
    if (in_table == 0)
        mr_text_adds(notes, "; is not in the rollup");
    else if (in_detail == 0)
        mr_text_adds(notes, "; has no detail row");
    else
        note_parts(listing, row);
    mr_text_adds(notes, "\n");
    listing->count++;
    return MR_OK;
}

static enum mr_rc
check_windows(struct verification *v, uint32_t rollup)
{
    const char *table = v->layout->rollups[rollup].table;
    struct mr_text query = {0};
    struct listing listing = {.v = v, .rollup = rollup};
    mri_query_windows(v->layout, rollup, MRI_VERIFY_LISTED, &query);
    enum mr_rc rc = run(v, &query, take_window, &listing);
    struct number all = {.v = v, .value = listing.count};
    if (rc == MR_OK && listing.count == MRI_VERIFY_LISTED) {
        mri_query_windows(v->layout, rollup, 0, &query);
        rc = run(v, &query, take_number, &all);
        mr_text_addf(&v->report.notes,
                     "%s: %lld windows differ, the first %u are named\n",
                     table,
                     (long long)all.value,
                     listing.count);
    }
    if (rc == MR_OK)
        mri_report_add_i64(
            &v->report, all.value == 0, "windows other than detail says", table, 0, all.value);
    mr_text_fini(&query);
    return rc;
}

static enum mr_rc
check_all(struct verification *v)
{
    bool append = v->layout->key_count == 0;
    enum mr_rc rc = read_parts(v);
    for (uint32_t i = 0; i < v->part_count && rc == MR_OK; i++)
        check_part(v, &v->parts[i]);
    for (uint32_t i = 0; i < v->layout->rollup_count && rc == MR_OK; i++) {
        rc = check_rollup_count(v, i);
        if (rc == MR_OK && append)
            rc = check_windows(v, i);
    }
    if (rc == MR_OK && !append)
        check_collapsed(v);
    if (rc == MR_OK && v->part_count == 0)
        mr_text_addf(&v->report.notes,
                     "%s has no row of pipeline '%s': nothing was loaded yet\n",
                     MR_LEDGER_TABLE,
                     v->layout->pipeline);
    if (rc == MR_OK && (v->report.overflow || v->report.notes.overflow))
        rc = mr_error_set(v->error, MR_MEMORY, "no memory for the list of checks");
    return rc;
}

enum mr_rc
mr_verify(struct mr_sql *sql,
          const struct mr_layout *layout,
          FILE *out,
          struct mr_error *reterr_error)
{
    struct verification v = {.sql = sql, .layout = layout, .error = reterr_error};
    enum mr_rc rc = check_all(&v);
    if (rc == MR_OK)
        mri_report_print(&v.report, out);
    if (rc == MR_OK && v.report.different > 0)
        rc = mr_error_set(reterr_error,
                          MR_DIFFERENT,
                          "%u of %u checks differ",
                          v.report.different,
                          v.report.count);
    mri_report_fini(&v.report);
    free(v.parts);
    return rc;
}
