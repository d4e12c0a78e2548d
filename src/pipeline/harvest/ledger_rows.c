/* Ledger: one row a span, in the order of MR_LEDGER_COLUMNS. */
#include "harvest_priv.h"

#include <string.h>

struct ledger_row {
    const struct mr_layout *layout;
    const char *chain;
    uint64_t unit;
    int64_t now_us;
};

static char *
put_totals(char *out, const struct mr_totals *totals)
{
    const int64_t values[] = {totals->consumed,
                              totals->detail,
                              totals->quarantined,
                              totals->filtered,
                              totals->late,
                              totals->tombstones};
    for (uint32_t i = 0; i < MR_ARRAY_LEN(values); i++) {
        out = mri_harvest_put_int(out, values[i]);
        *out++ = MR_CSV_COLUMN_SEPARATOR;
    }
    return out;
}

/* {"table":count,…}; table names need no escape. */
static char *
put_rollups(char *out, const struct mr_layout *layout, const struct mr_totals *totals)
{
    *out++ = '{';
    for (uint32_t i = 0; i < layout->rollup_count; i++) {
        if (i > 0)
            *out++ = ',';
        *out++ = '"';
        out = stpcpy(out, layout->rollups[i].table);
        memcpy(out, "\":", 2);
        out = mri_harvest_put_int(out + 2, totals->rollups[i]);
    }
    *out++ = '}';
    return out;
}

static char *
put_event_time(char *out, int64_t event_time_us, struct mri_dates *dates)
{
    if (event_time_us != INT64_MIN)
        return mri_harvest_put_time(out, event_time_us, dates);
    memcpy(out, "\\N", 2);
    return out + 2;
}

static char *
put_span(char *out,
         const struct ledger_row *row,
         const struct mr_span *span,
         struct mri_dates *dates)
{
    const char *texts[] = {row->layout->pipeline, row->layout->topics[span->topic]};
    const int64_t numbers[] = {(int64_t)row->unit, span->start, span->end};
    for (uint32_t i = 0; i < MR_ARRAY_LEN(texts); i++) {
        out = stpcpy(out, texts[i]);
        *out++ = MR_CSV_COLUMN_SEPARATOR;
    }
    out = mri_harvest_put_int(out, span->partition);
    *out++ = MR_CSV_COLUMN_SEPARATOR;
    out = stpcpy(out, row->chain);
    *out++ = MR_CSV_COLUMN_SEPARATOR;
    for (uint32_t i = 0; i < MR_ARRAY_LEN(numbers); i++) {
        out = mri_harvest_put_int(out, numbers[i]);
        *out++ = MR_CSV_COLUMN_SEPARATOR;
    }
    out = put_event_time(out, span->event_time_us, dates);
    *out++ = MR_CSV_COLUMN_SEPARATOR;
    out = put_totals(out, &span->totals);
    out = put_rollups(out, row->layout, &span->totals);
    *out++ = MR_CSV_COLUMN_SEPARATOR;
    out = mri_harvest_put_time(out, row->now_us, dates);
    *out++ = MR_CSV_ROW_DELIMITER;
    return out;
}

/* Of a row, without chain and topic. */
static size_t
span_fixed(const struct mr_layout *layout)
{
    size_t bound = 16 * MRI_FIXED_MAX + strlen(layout->pipeline);
    for (uint32_t i = 0; i < layout->rollup_count; i++)
        bound += MRI_FIXED_MAX + strlen(layout->rollups[i].table);
    return bound;
}

static size_t
span_bound(const struct ledger_row *row, const struct mr_span *span)
{
    return span_fixed(row->layout) + strlen(row->chain) + strlen(row->layout->topics[span->topic]);
}

int64_t
mr_harvest_ledger_bytes(const struct mr_layout *layout, uint32_t partitions)
{
    size_t topic = 0;
    for (uint32_t i = 0; i < layout->topic_count; i++)
        topic = strlen(layout->topics[i]) > topic ? strlen(layout->topics[i]) : topic;
    size_t bytes = partitions * (span_fixed(layout) + MR_CHAIN_CHARS + topic);
    /* As of a body: a quarter in vain, and the first chunk whole, with its header. */
    return (int64_t)(bytes + bytes / 4 + MR_BODY_LEAST + sizeof(struct mr_chunk));
}

enum mr_rc
mr_harvest_ledger(const struct mr_layout *layout,
                  struct mr_budget *budget,
                  const char *chain,
                  uint64_t unit,
                  const struct mr_span *spans,
                  uint32_t count,
                  struct mr_target *ret_target)
{
    const struct ledger_row row = {layout, chain, unit, mr_clock_wall_us()};
    struct mri_dates dates = {.day = INT32_MIN};
    struct mr_target target = {.kind = MR_TARGET_LEDGER};
    mr_body_init(&target.body, MR_BODY_CSV, budget);
    target.body.frugal = true; /* as mr_harvest_ledger_bytes says */
    for (uint32_t i = 0; i < count; i++) {
        char *start = mr_body_reserve(&target.body, span_bound(&row, &spans[i]));
        if (!start) {
            mr_body_fini(&target.body);
            return MR_MEMORY;
        }
        char *end = put_span(start, &row, &spans[i], &dates);
        mr_body_advance(&target.body, (size_t)(end - start));
        target.body.rows++;
    }
    *ret_target = target;
    return MR_OK;
}
