/* Checks of the rollups: their sums against the ledger, their windows against detail. */
#include "pipeline/verify/verify_priv.h"

struct number {
    struct mri_verification *v;
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

enum mr_rc
mri_verify_rollup_count(struct mri_verification *v, uint32_t rollup)
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
        rc = mri_verify_run(v, &query, take_number, &sum);
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
    struct mri_verification *v;
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

enum mr_rc
mri_verify_windows(struct mri_verification *v, uint32_t rollup)
{
    const char *table = v->layout->rollups[rollup].table;
    struct mr_text query = {0};
    struct listing listing = {.v = v, .rollup = rollup};
    mri_query_windows(v->layout, rollup, MRI_VERIFY_LISTED, &query);
    enum mr_rc rc = mri_verify_run(v, &query, take_window, &listing);
    struct number all = {.v = v, .value = listing.count};
    if (rc == MR_OK && listing.count == MRI_VERIFY_LISTED) {
        mri_query_windows(v->layout, rollup, 0, &query);
        rc = mri_verify_run(v, &query, take_number, &all);
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
