/* The bounds by which memory is promised, against what the greatest values of each type really
 * take: many columns of one type side by side, so that a byte missing for each cannot hide. */
#include "harvest_fixture.h"
#include "test.h"

#include <float.h>
#include <stdio.h>

#include "pipeline/harvest/harvest_priv.h"

#define E13     ((__int128)INT64_C(10000000000000))
#define E19     ((__int128)UINT64_C(10000000000000000000))
#define WIDEST  (-(E19 * E19 - 1))
#define LAST_US (((int64_t)MR_DAYS_MAX + 1) * MR_US_PER_DAY - 1)
#define EVENTS  (E13 - 1) /* of a unit, at most */
#define QUOTES  "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\""
#define FEEDS   "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"
#define LEAST   "-2.2250738585072014e-308"

struct extreme {
    struct mr_column column;
    struct mr_value value, sum; /* sum: the greatest of a unit, where the type has one */
    size_t in_record;           /* bytes that the value takes there at least, of texts */
};

#define TEXT(string) {.text = {string, sizeof(string) - 1}, .set = true}
#define DECIMAL(p, s) {.name = "c", .type = MR_TYPE_DECIMAL, .precision = (p), .scale = (s)}
#define COLUMN(of) {.name = "c", .type = (of)}

static const struct extreme extremes[] = {
    {COLUMN(MR_TYPE_INT64), {.i64 = INT64_MIN, .set = true},
     {.dec = INT64_MIN * EVENTS, .set = true}, 0},
    {COLUMN(MR_TYPE_INT64), {.set = false}, {.set = false}, 0},
    {DECIMAL(1, 1), {.dec = -9, .set = true}, {.dec = -9 * EVENTS, .set = true}, 0},
    {DECIMAL(18, 2), {.dec = -(E19 / 10 - 1), .set = true},
     {.dec = -(E19 / 10 - 1) * EVENTS, .set = true}, 0},
    {DECIMAL(37, 37), {.dec = WIDEST / 10, .set = true}, {.dec = WIDEST / 10, .set = true}, 0},
    {DECIMAL(38, 38), {.dec = WIDEST, .set = true}, {.dec = WIDEST, .set = true}, 0},
    {DECIMAL(38, 0), {.dec = WIDEST, .set = true}, {.dec = WIDEST, .set = true}, 0},
    {DECIMAL(38, 37), {.dec = WIDEST, .set = true}, {.dec = WIDEST, .set = true}, 0},
    {DECIMAL(38, 4), {.set = false}, {.set = false}, 0},
    {COLUMN(MR_TYPE_BOOL), {.i64 = 0, .set = true}, {.set = false}, 0},
    {COLUMN(MR_TYPE_BOOL), {.i64 = 1, .set = true}, {.set = false}, 0},
    {COLUMN(MR_TYPE_BOOL), {.set = false}, {.set = false}, 0},
    {COLUMN(MR_TYPE_TIMESTAMP), {.i64 = LAST_US, .set = true}, {.set = false}, 0},
    {COLUMN(MR_TYPE_TIMESTAMP), {.set = false}, {.set = false}, 0},
    {COLUMN(MR_TYPE_DATE), {.i64 = MR_DAYS_MAX, .set = true}, {.set = false}, 0},
    {COLUMN(MR_TYPE_DATE), {.set = false}, {.set = false}, 0},
    {COLUMN(MR_TYPE_STRING), TEXT(QUOTES), {.set = false}, 2 * (sizeof QUOTES - 1)},
    {COLUMN(MR_TYPE_STRING), TEXT(FEEDS), {.set = false}, 2 * (sizeof FEEDS - 1)},
    {COLUMN(MR_TYPE_STRING), TEXT(""), {.set = false}, 0},
    {COLUMN(MR_TYPE_STRING), {.set = false}, {.set = false}, 0},
    {COLUMN(MR_TYPE_JSON), TEXT("[" QUOTES "]"), {.set = false}, sizeof QUOTES + 1},
    {COLUMN(MR_TYPE_JSON), {.set = false}, {.set = false}, 0},
    {COLUMN(MR_TYPE_DOUBLE), TEXT(LEAST), {.f64 = -DBL_MIN, .set = true}, sizeof LEAST - 1},
    {COLUMN(MR_TYPE_DOUBLE), {.set = false}, {.set = false}, 0},
};

static struct mr_budget budget;
static struct mr_column columns_of_one[MR_MAX_COLUMNS];
static char long_topic[250];

/* As many columns as there may be, all of this one's kind; the topic's name is as long as any. */
static struct mr_layout
layout_of(const struct mr_column *column)
{
    static const char *const topics[] = {"short", long_topic};
    struct mr_layout layout = ff_layout(NULL, 0);
    memset(long_topic, 't', sizeof long_topic - 1);
    for (uint32_t i = 0; i < MR_MAX_COLUMNS; i++)
        columns_of_one[i] = *column;
    layout.columns = columns_of_one;
    layout.column_count = MR_MAX_COLUMNS;
    layout.topics = topics;
    mr_budget_init(&budget, INT64_MAX);
    return layout;
}

/* ---- rollups ---- */

static struct mr_rollup
rollup_of(enum mr_op op, bool dims)
{
    struct mr_rollup rollup = {.table = "wide", .measure_count = MR_MAX_MEASURES};
    rollup.dim_count = dims ? MR_MAX_DIMS : 0; /* all of column 0 */
    for (uint32_t i = 0; i < MR_MAX_MEASURES; i++)
        rollup.measures[i] = (struct mr_measure){.name = "m", .op = op, .column = 0};
    return rollup;
}

static void
check_rollup(const struct extreme *extreme, enum mr_op op, const struct mr_value *value)
{
    const struct mr_value start = {.i64 = LAST_US, .set = true};
    const struct mr_value events = {.i64 = (int64_t)EVENTS, .set = true};
    const struct mr_value *values[MRI_ROLLUP_MAX] = {&start};
    struct mr_rollup rollup = rollup_of(op, op == MR_OP_MAX);
    struct mr_layout layout = layout_of(&extreme->column);
    struct mri_out columns[MRI_ROLLUP_MAX];
    struct mri_dates dates = {.day = INT32_MIN};
    struct mr_body body;
    layout.rollups = &rollup;
    layout.rollup_count = 1;
    uint32_t count = mri_harvest_rollup(&layout, &rollup, columns);
    size_t promised = mr_harvest_row_bytes(&layout, 0);
    for (uint32_t i = 1; i < count; i++) {
        bool counts = op == MR_OP_COUNT || strcmp(columns[i].suffix, "_count") == 0;
        values[i] = counts ? &events : value;
        promised += values[i]->text.len;
    }
    mr_body_init(&body, MR_BODY_CSV, &budget);
    T_INT_EQ(mri_harvest_csv_values(&body, columns, values, count, &dates), MR_OK);
    T_TRUE_MSG(body.bytes <= promised, "type %d, precision %d, op %d: %zu bytes, promised %zu",
               (int)extreme->column.type, extreme->column.precision, (int)op, body.bytes, promised);
    mr_body_fini(&body);
}

static void
check_measures(const struct extreme *extreme)
{
    struct mr_value drained = extreme->value;
    if (extreme->column.type == MR_TYPE_DOUBLE && drained.set)
        drained = extreme->sum; /* fold keeps no text of a number */
    check_rollup(extreme, MR_OP_MAX, &drained);
    check_rollup(extreme, MR_OP_COUNT, &drained);
    if (!extreme->sum.set)
        return;
    check_rollup(extreme, MR_OP_SUM, &extreme->sum);
    check_rollup(extreme, MR_OP_AVG, &extreme->sum);
}

Test(harvest_bounds, a_rollup_s_row_has_room_for_the_greatest_value_of_each_type)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(extremes); i++)
        check_measures(&extremes[i]);
}

/* ---- detail and quarantine ---- */

static struct mr_record
longest_record(void)
{
    struct mr_record record = hf_record("");
    record.topic = 1;
    record.partition = INT32_MAX;
    record.offset = INT64_MAX;
    return record;
}

static struct mr_rows *
rows_of(const struct mr_layout *layout, const struct extreme *extreme, bool json, uint32_t count)
{
    static struct mr_value values[MR_MAX_COLUMNS];
    struct mr_record record = longest_record();
    const struct mr_event event = {.record = &record, .values = values};
    struct mr_rows *rows = hf_rows(layout, &budget, 100);
    for (uint32_t i = 0; i < MR_MAX_COLUMNS; i++)
        values[i] = extreme->value;
    values[0].set |= json; /* a NULL is never unsafe */
    values[0].csv_unsafe = json;
    for (uint32_t i = 0; i < count; i++)
        T_INT_EQ(mr_rows_add(rows, &event), MR_OK);
    return rows;
}

/* Half of what a record adds to the promise: the other half is for the ends of chunks. */
static size_t
promised_row(const struct mr_layout *layout, size_t in_record)
{
    int64_t one = mr_rows_worst_bytes(layout, 1, in_record, 100);
    return (size_t)(mr_rows_worst_bytes(layout, 2, 2 * in_record, 100) - one) / 2;
}

static void
check_row(const struct extreme *extreme, bool json)
{
    struct mr_layout layout = layout_of(&extreme->column);
    struct mr_rows *rows = rows_of(&layout, extreme, json, 1);
    const struct mr_body *body = json ? &rows->json : &rows->csv;
    size_t promised = promised_row(&layout, MR_MAX_COLUMNS * extreme->in_record);
    T_INT_EQ(body->rows, 1);
    T_TRUE_MSG(body->bytes <= promised, "type %d, scale %d, %s: %zu bytes, promised %zu",
               (int)extreme->column.type, extreme->column.scale, json ? "JSON" : "CSV", body->bytes,
               promised);
    mr_rows_free(&rows);
    T_INT_EQ(mr_budget_used(&budget), 0);
}

Test(harvest_bounds, a_detail_row_has_room_for_the_greatest_value_of_each_type)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(extremes); i++) {
        check_row(&extremes[i], false);
        check_row(&extremes[i], true);
    }
}

static void
check_batch(const struct extreme *extreme, bool json)
{
    const uint32_t count = 300;
    struct mr_layout layout = layout_of(&extreme->column);
    struct mr_rows *rows = rows_of(&layout, extreme, json, count);
    size_t bytes = count * (size_t)MR_MAX_COLUMNS * extreme->in_record;
    int64_t promised = mr_rows_worst_bytes(&layout, count, bytes, 100);
    T_TRUE_MSG(mr_budget_used(&budget) <= promised, "type %d, scale %d: %lld bytes, promised %lld",
               (int)extreme->column.type, extreme->column.scale,
               (long long)mr_budget_used(&budget), (long long)promised);
    mr_rows_free(&rows);
}

Test(harvest_bounds, a_batch_of_the_greatest_values_takes_no_more_memory_than_it_was_promised)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(extremes); i++) {
        check_batch(&extremes[i], false);
        check_batch(&extremes[i], true);
    }
}

static void
check_rejected(const char *key, const char *value)
{
    const struct mr_column column = COLUMN(MR_TYPE_BOOL);
    struct mr_reject_info info = {.reason = MR_REJECT_malformed};
    struct mr_layout layout = layout_of(&column);
    struct mr_rows *rows = hf_rows(&layout, &budget, SIZE_MAX);
    struct mr_record record = longest_record();
    size_t bytes = (key ? strlen(key) : 0) + (value ? strlen(value) : 0);
    layout.column_count = 1;
    memset(info.message, 'm', sizeof info.message);
    record.key = key;
    record.key_len = key ? (uint32_t)strlen(key) : 0;
    record.value = value;
    record.value_len = value ? (uint32_t)strlen(value) : 0;
    record.value_total = UINT32_MAX;
    record.time_us = LAST_US;
    T_INT_EQ(mr_rows_reject(rows, &record, &info, LAST_US), MR_OK);
    T_TRUE_MSG(rows->quarantine.bytes <= promised_row(&layout, bytes), "%zu bytes, promised %zu",
               rows->quarantine.bytes, promised_row(&layout, bytes));
    mr_rows_free(&rows);
}

Test(harvest_bounds, a_quarantine_row_has_room_for_its_greatest_values)
{
    static char key[3000], value[9000];
    memset(key, '\xff', sizeof key - 1);
    memset(value, '\x01', sizeof value - 1);
    check_rejected(NULL, NULL);
    check_rejected("", "");
    check_rejected(key, NULL);
    check_rejected(key, value);
}

/* ---- ledger ---- */

static struct mr_span
greatest_span(void)
{
    struct mr_span span = {.topic = 1, .partition = INT32_MAX, .start = INT64_MIN, .end = INT64_MIN,
                           .event_time_us = LAST_US,
                           .totals = {.consumed = INT64_MIN, .detail = INT64_MIN,
                                      .quarantined = INT64_MIN, .filtered = INT64_MIN,
                                      .late = INT64_MIN, .tombstones = INT64_MIN}};
    for (uint32_t i = 0; i < MR_MAX_ROLLUPS; i++)
        span.totals.rollups[i] = INT64_MIN;
    return span;
}

static struct mr_layout
layout_of_rollups(struct mr_rollup *rollups, uint32_t count)
{
    const struct mr_column column = COLUMN(MR_TYPE_BOOL);
    static char table[65], pipeline[65];
    struct mr_layout layout = layout_of(&column);
    memset(table, 'r', sizeof table - 1);
    memset(pipeline, 'p', sizeof pipeline - 1);
    for (uint32_t i = 0; i < count; i++)
        rollups[i] = (struct mr_rollup){.table = table};
    layout.pipeline = pipeline;
    layout.rollups = rollups;
    layout.rollup_count = count;
    return layout;
}

static void
check_ledger(uint32_t rollup_count, uint32_t partitions)
{
    static struct mr_rollup rollups[MR_MAX_ROLLUPS];
    static struct mr_span spans[1000];
    struct mr_layout layout = layout_of_rollups(rollups, rollup_count);
    struct mr_target target;
    for (uint32_t i = 0; i < partitions; i++)
        spans[i] = greatest_span();
    T_INT_EQ(mr_harvest_ledger(&layout, &budget, "abcdefghijklmnop", INT64_MAX, spans, partitions,
                               &target),
             MR_OK);
    int64_t promised = mr_harvest_ledger_bytes(&layout, partitions);
    /* Four rows more bring a fifth: the quarter that may be in vain. */
    int64_t row = (mr_harvest_ledger_bytes(&layout, partitions + 4) - promised) / 5;
    T_TRUE_MSG(mr_budget_used(&budget) <= promised, "%u rows, %u rollups: %lld bytes, not %lld",
               partitions, rollup_count, (long long)mr_budget_used(&budget), (long long)promised);
    T_TRUE((int64_t)target.body.bytes <= partitions * row);
    mr_body_fini(&target.body);
}

Test(harvest_bounds, the_ledger_s_rows_take_no_more_memory_than_their_unit_was_promised)
{
    static const uint32_t partitions[] = {1, 2, 7, 60, 200, 1000};
    for (size_t i = 0; i < MR_ARRAY_LEN(partitions); i++) {
        check_ledger(0, partitions[i]);
        check_ledger(1, partitions[i]);
        check_ledger(MR_MAX_ROLLUPS, partitions[i]);
    }
}
