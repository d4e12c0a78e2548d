/* The queries of verify, as text. Only what StarRocks documents is used. */
#include "pipeline/verify/verify_priv.h"

#include "millrace/base/clock.h"

void
mri_query_ledger(const struct mr_layout *layout, struct mr_text *out)
{
    mr_text_adds(out,
                 "SELECT l.`topic`, l.`partition`, l.`start`, l.`end`, l.`event_time`, "
                 "l.`consumed`, l.`detail`, l.`quarantined`, l.`filtered`, l.`late`, "
                 "l.`tombstones`, l.`rollups` FROM ");
    mri_text_table(out, layout->database, MR_LEDGER_TABLE);
    mr_text_adds(out, " AS l WHERE l.`pipeline` = ");
    mri_text_string(out, layout->pipeline);
    mr_text_adds(out, " ORDER BY l.`topic`, l.`partition`");
}

/* FROM table AS t, with the ledger's row of each offset's partition beside it. */
static void
from_with_ledger(const struct mr_layout *layout, const char *table, struct mr_text *out)
{
    mr_text_adds(out, " FROM ");
    mri_text_table(out, layout->database, table);
    mr_text_adds(out, " AS t LEFT JOIN (SELECT `topic`, `partition`, `end` FROM ");
    mri_text_table(out, layout->database, MR_LEDGER_TABLE);
    mr_text_adds(out, " WHERE `pipeline` = ");
    mri_text_string(out, layout->pipeline);
    mr_text_adds(out,
                 ") AS l ON l.`topic` = t.`_topic` AND l.`partition` = t.`_partition` "
                 "GROUP BY t.`_topic`, t.`_partition` ORDER BY t.`_topic`, t.`_partition`");
}

void
mri_query_detail(const struct mr_layout *layout, struct mr_text *out)
{
    mr_text_adds(out,
                 "SELECT t.`_topic`, t.`_partition`, "
                 "SUM(CASE WHEN t.`_offset` < l.`end` THEN 1 ELSE 0 END), "
                 "SUM(CASE WHEN t.`_offset` < l.`end` THEN 0 ELSE 1 END)");
    from_with_ledger(layout, layout->detail_table, out);
}

void
mri_query_quarantine(const struct mr_layout *layout, struct mr_text *out)
{
    mr_text_adds(out,
                 "SELECT t.`_topic`, t.`_partition`, "
                 "COUNT(DISTINCT CASE WHEN t.`_offset` < l.`end` THEN t.`_offset` END), "
                 "COUNT(DISTINCT CASE WHEN t.`_offset` < l.`end` THEN NULL ELSE t.`_offset` END)");
    from_with_ledger(layout, layout->quarantine_table, out);
}

void
mri_query_repeats(const struct mr_layout *layout, struct mr_text *out)
{
    mr_text_adds(out,
                 "SELECT g.`_topic`, g.`_partition`, COUNT(*), MIN(g.`_offset`) FROM ("
                 "SELECT `_topic`, `_partition`, `_offset` FROM ");
    mri_text_table(out, layout->database, layout->detail_table);
    mr_text_adds(out,
                 " GROUP BY `_topic`, `_partition`, `_offset` HAVING COUNT(*) > 1) AS g "
                 "GROUP BY g.`_topic`, g.`_partition` ORDER BY g.`_topic`, g.`_partition`");
}

bool
mri_query_rollup_count(const struct mr_layout *layout, uint32_t rollup, struct mr_text *out)
{
    const struct mr_rollup *from = &layout->rollups[rollup];
    uint32_t i = 0;
    while (i < from->measure_count && from->measures[i].op != MR_OP_COUNT_ALL)
        i++;
    if (i == from->measure_count)
        return false;
    mr_text_adds(out, "SELECT COALESCE(SUM(r.");
    mri_text_name(out, from->measures[i].name);
    mr_text_adds(out, "), 0) FROM ");
    mri_text_table(out, layout->database, from->table);
    mr_text_adds(out, " AS r");
    return true;
}

/* Whole seconds since 1970, minus what is left over since the window's start. Independent of the
 * session's time zone (DATETIME has none); right before 1970, where % gives negative rests, and
 * within INT, which the interval is: elapsed seconds themselves would not fit. */
void
mri_query_window_start(const struct mr_rollup *rollup, const char *column, struct mr_text *out)
{
    long long size = rollup->size_us / MR_US_PER_S;
    long long offset = rollup->offset_us / MR_US_PER_S;
    mr_text_adds(out, "DATE_SUB(DATE_TRUNC('second', ");
    mr_text_adds(out, column);
    mr_text_adds(out,
                 "), INTERVAL CAST(((TIMESTAMPDIFF(SECOND, "
                 "CAST('1970-01-01 00:00:00' AS DATETIME), DATE_TRUNC('second', ");
    mr_text_adds(out, column);
    mr_text_addf(
        out, ")) - %lld) %% %lld + %lld) %% %lld AS INT) SECOND)", offset, size, size, size);
}

/* ---- windows: both sides as one list, grouped once more, the unequal ones kept ---- */

struct windows {
    const struct mr_layout *layout;
    const struct mr_rollup *rollup;
    struct mr_text *out;
};

typedef void (*part_fn)(const struct windows *windows,
                        const struct mri_part *part,
                        const struct mr_measure *measure,
                        unsigned number);

static void
each_part(const struct windows *windows, part_fn fn)
{
    unsigned number = 0;
    for (uint32_t i = 0; i < windows->rollup->measure_count; i++) {
        struct mri_part parts[2];
        const struct mr_measure *measure = &windows->rollup->measures[i];
        uint32_t count = mri_measure_parts(windows->layout, measure, parts);
        for (uint32_t p = 0; p < count; p++)
            fn(windows, &parts[p], measure, number++);
    }
}

/* Sums of DOUBLE depend on the order of the summands. */
static bool
is_rounded(const struct mri_part *part, const struct mr_measure *measure)
{
    return part->op == MR_OP_SUM && measure->type == MR_TYPE_DOUBLE;
}

static void
numbered(const struct windows *windows, const char *before, const char *prefix, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        mr_text_addf(windows->out, "%s%s%u", before, prefix, i);
}

static void
table_part(const struct windows *windows,
           const struct mri_part *part,
           const struct mr_measure *measure,
           unsigned number)
{
    mr_text_addf(windows->out, ", %s(r.", part->aggregate);
    mri_text_name(windows->out, part->name);
    mr_text_addf(windows->out, ") AS m%u", number);
    if (is_rounded(part, measure))
        mr_text_addf(windows->out, ", CAST(NULL AS DOUBLE) AS g%u", number);
}

static void
table_side(const struct windows *windows)
{
    struct mr_text *out = windows->out;
    mr_text_adds(out, "SELECT 0 AS s, r.`window_start` AS w");
    for (uint32_t i = 0; i < windows->rollup->dim_count; i++) {
        mr_text_adds(out, ", r.");
        mri_text_name(out, windows->layout->columns[windows->rollup->dims[i]].name);
        mr_text_addf(out, " AS d%u", i);
    }
    each_part(windows, table_part);
    mr_text_adds(out, " FROM ");
    mri_text_table(out, windows->layout->database, windows->rollup->table);
    mr_text_adds(out, " AS r GROUP BY r.`window_start`");
    for (uint32_t i = 0; i < windows->rollup->dim_count; i++) {
        mr_text_adds(out, ", r.");
        mri_text_name(out, windows->layout->columns[windows->rollup->dims[i]].name);
    }
}

/* The aggregation over the detail rows, wide enough to be exact. */
static void
detail_part(const struct windows *windows,
            const struct mri_part *part,
            const struct mr_measure *measure,
            unsigned number)
{
    struct mr_text *out = windows->out;
    bool wider =
        (part->op == MR_OP_SUM && measure->type != MR_TYPE_DOUBLE) || measure->type == MR_TYPE_BOOL;
    if (part->op == MR_OP_COUNT_ALL)
        mr_text_adds(out, ", COUNT(*)");
    else if (part->op == MR_OP_COUNT)
        mr_text_addf(out, ", COUNT(x.c%u)", number);
    else if (wider)
        mr_text_addf(out, ", %s(CAST(x.c%u AS %s))", part->aggregate, number, part->type);
    else
        mr_text_addf(out, ", %s(x.c%u)", part->aggregate, number);
    mr_text_addf(out, " AS m%u", number);
    if (is_rounded(part, measure))
        mr_text_addf(out, ", SUM(ABS(x.c%u)) AS g%u", number, number);
}

static void
detail_column(const struct windows *windows,
              const struct mri_part *part,
              const struct mr_measure *measure,
              unsigned number)
{
    if (part->op == MR_OP_COUNT_ALL)
        return;
    mr_text_adds(windows->out, ", t.");
    mri_text_name(windows->out, windows->layout->columns[measure->column].name);
    mr_text_addf(windows->out, " AS c%u", number);
}

static void
detail_side(const struct windows *windows)
{
    const struct mr_layout *layout = windows->layout;
    struct mr_text *out = windows->out;
    struct mr_text time = {0};
    mr_text_adds(&time, "t.");
    mri_text_name(&time, layout->columns[layout->time_column].name);
    out->overflow |= time.overflow;
    mr_text_adds(out, "SELECT 1 AS s, x.w AS w");
    for (uint32_t i = 0; i < windows->rollup->dim_count; i++)
        mr_text_addf(out, ", x.d%u AS d%u", i, i);
    each_part(windows, detail_part);
    mr_text_adds(out, " FROM (SELECT ");
    mri_query_window_start(windows->rollup, mr_text_str(&time), out);
    mr_text_fini(&time);
    mr_text_adds(out, " AS w");
    for (uint32_t i = 0; i < windows->rollup->dim_count; i++) {
        mr_text_adds(out, ", t.");
        mri_text_name(out, layout->columns[windows->rollup->dims[i]].name);
        mr_text_addf(out, " AS d%u", i);
    }
    each_part(windows, detail_column);
    mr_text_adds(out, " FROM ");
    mri_text_table(out, layout->database, layout->detail_table);
    mr_text_adds(out, " AS t) AS x GROUP BY x.w");
    numbered(windows, ", ", "x.d", windows->rollup->dim_count);
}

static void
paired_part(const struct windows *windows,
            const struct mri_part *part,
            const struct mr_measure *measure,
            unsigned number)
{
    mr_text_addf(windows->out,
                 ", MAX(CASE WHEN u.s = 0 THEN u.m%u END) AS a%u"
                 ", MAX(CASE WHEN u.s = 1 THEN u.m%u END) AS b%u",
                 number,
                 number,
                 number,
                 number);
    if (is_rounded(part, measure))
        mr_text_addf(windows->out, ", MAX(u.g%u) AS g%u", number, number);
}

/* Rounded sums may differ by a billionth of what was added up, signs apart. */
static void
unequal_part(const struct windows *windows,
             const struct mri_part *part,
             const struct mr_measure *measure,
             unsigned number)
{
    mr_text_addf(windows->out, " OR (NOT (q.a%u <=> q.b%u)", number, number);
    if (is_rounded(part, measure))
        mr_text_addf(windows->out,
                     " AND NOT (q.a%u IS NOT NULL AND q.b%u IS NOT NULL AND "
                     "ABS(q.a%u - q.b%u) <= 1e-9 * q.g%u)",
                     number,
                     number,
                     number,
                     number,
                     number);
    mr_text_adds(windows->out, ")");
}

static void
listed_part(const struct windows *windows,
            const struct mri_part *part,
            const struct mr_measure *measure,
            unsigned number)
{
    (void)part;
    (void)measure;
    mr_text_addf(windows->out, ", q.a%u, q.b%u", number, number);
}

static void
paired(const struct windows *windows)
{
    struct mr_text *out = windows->out;
    uint32_t dims = windows->rollup->dim_count;
    mr_text_adds(out, "SELECT u.w AS w");
    for (uint32_t i = 0; i < dims; i++)
        mr_text_addf(out, ", u.d%u AS d%u", i, i);
    each_part(windows, paired_part);
    mr_text_adds(out,
                 ", SUM(CASE WHEN u.s = 0 THEN 1 ELSE 0 END) AS n0"
                 ", SUM(CASE WHEN u.s = 1 THEN 1 ELSE 0 END) AS n1 FROM (");
    table_side(windows);
    mr_text_adds(out, " UNION ALL ");
    detail_side(windows);
    mr_text_adds(out, ") AS u GROUP BY u.w");
    numbered(windows, ", ", "u.d", dims);
}

void
mri_query_windows(const struct mr_layout *layout,
                  uint32_t rollup,
                  uint32_t limit,
                  struct mr_text *out)
{
    struct windows windows = {layout, &layout->rollups[rollup], out};
    if (limit == 0) {
        mr_text_adds(out, "SELECT COUNT(*)");
    } else {
        mr_text_adds(out, "SELECT q.w");
        numbered(&windows, ", ", "q.d", windows.rollup->dim_count);
        each_part(&windows, listed_part);
        mr_text_adds(out, ", q.n0, q.n1");
    }
    mr_text_adds(out, " FROM (");
    paired(&windows);
    mr_text_adds(out, ") AS q WHERE q.n0 <> 1 OR q.n1 <> 1");
    each_part(&windows, unequal_part);
    if (limit == 0)
        return;
    mr_text_adds(out, " ORDER BY q.w");
    numbered(&windows, ", ", "q.d", windows.rollup->dim_count);
    mr_text_addf(out, " LIMIT %u", limit);
}
