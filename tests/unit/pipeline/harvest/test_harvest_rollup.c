/* Rollup bodies byte for byte, from events through fold. */
#include "harvest_fixture.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

struct line {
    struct mr_budget budget;
    struct mr_rollup rollup;
    struct mr_layout layout;
    struct mr_fold *fold;
    struct mr_fold_worker *worker;
    struct mr_fold_unit *unit;
};

static void
start(struct line *line)
{
    mr_budget_init(&line->budget, INT64_MAX);
    line->layout = ff_layout(&line->rollup, 1);
    size_t row_bytes = mr_harvest_row_bytes(&line->layout, 0);
    struct mr_fold_options options = {
        .budget = &line->budget, .seed = 1, .row_bytes = &row_bytes};
    line->fold = ff_fold(&line->layout, &options);
    T_INT_EQ(mr_fold_worker_new(line->fold, &line->worker), MR_OK);
    T_INT_EQ(mr_fold_unit_open(line->fold, &line->unit), MR_OK);
}

static char *
finish(struct line *line, enum mr_body_format format)
{
    struct mr_target targets[MR_MAX_ROLLUPS + 2];
    uint32_t count = 0;
    mr_fold_leave(line->worker, line->unit);
    T_INT_EQ(mr_harvest_unit(&line->layout, &line->budget, line->unit, NULL, 0, targets, &count),
             MR_OK);
    T_INT_EQ(count, 1);
    T_INT_EQ(targets[0].kind, MR_TARGET_ROLLUP);
    T_INT_EQ(targets[0].rollup, 0);
    T_INT_EQ(targets[0].body.format, format);
    mr_fold_unit_retire(line->fold, &line->unit);
    mr_fold_worker_free(&line->worker);
    mr_fold_free(&line->fold);
    char *text = hf_text(&targets[0].body); /* does not depend on the tables any more */
    mr_body_fini(&targets[0].body);
    T_INT_EQ(mr_budget_used(&line->budget), 0);
    return text;
}

static void
every_measure(struct mr_rollup *rollup)
{
    rollup->measures[0] = ff_measure("n", MR_OP_COUNT_ALL, -1);
    rollup->measures[1] = ff_measure("nums", MR_OP_COUNT, FF_NUM);
    rollup->measures[2] = ff_measure("total", MR_OP_SUM, FF_NUM);
    rollup->measures[3] = ff_measure("mean", MR_OP_AVG, FF_PRICE);
    rollup->measures[4] = ff_measure("ratio", MR_OP_SUM, FF_RATIO);
    rollup->measures[5] = ff_measure("last", MR_OP_MAX, FF_AT);
    rollup->measures[6] = ff_measure("first", MR_OP_MIN, FF_NAME);
    rollup->measures[7] = ff_measure("wide", MR_OP_MAX, FF_WIDE);
    rollup->measures[8] = ff_measure("day", MR_OP_MIN, FF_DAY);
    rollup->measure_count = 9;
}

Test(harvest_rollup, a_row_is_window_dimensions_measures)
{
    struct line line = {
        .rollup = {
            .table = "by_name", .size_us = 60000000, .dim_count = 2, .dims = {FF_NAME, FF_FLAG}}};
    every_measure(&line.rollup);
    start(&line);
    struct mr_value values[FF_COUNT];
    for (unsigned i = 0; i < 3; i++) {
        struct mr_event event = ff_event(values, -1 - (int64_t)i);
        values[FF_NAME] = ff_text("web");
        values[FF_FLAG] = ff_i64(0);
        if (i > 0)
            values[FF_NUM] = ff_i64(INT64_MAX);
        values[FF_PRICE] = ff_dec(1050);
        values[FF_RATIO] = ff_f64(0.25);
        values[FF_WIDE] = ff_dec(i);
        values[FF_DAY] = ff_i64(i);
        mr_fold_add(line.worker, line.unit, &event, 1);
    }
    char *text = finish(&line, MR_BODY_CSV);
    T_STR_EQ(text,
             "1969-12-31 23:59:00\x01web\x01"
             "0\x01"
             "3\x01"
             "2\x01"
             "18446744073709551614\x01"
             "31.50\x01"
             "3\x01"
             "0.75\x01"
             "1969-12-31 23:59:59.999999\x01web\x01"
             "0.0002\x01"
             "1970-01-01\x02");
    free(text);
}

Test(harvest_rollup, measures_over_only_nulls_are_null_and_so_are_null_dimensions)
{
    struct line line = {
        .rollup = {
            .table = "by_name", .size_us = 60000000, .dim_count = 2, .dims = {FF_NAME, FF_FLAG}}};
    every_measure(&line.rollup);
    start(&line);
    struct mr_value values[FF_COUNT];
    struct mr_event event = ff_event(values, 0);
    mr_fold_add(line.worker, line.unit, &event, 1);
    char *text = finish(&line, MR_BODY_CSV);
    T_STR_EQ(text,
             "1970-01-01 00:00:00\x01\\N\x01\\N\x01"
             "1\x01"
             "0\x01\\N\x01"
             "0.00\x01"
             "1\x01\\N\x01"
             "1970-01-01 00:00:00\x01\\N\x01\\N\x01\\N\x02");
    free(text);
}

Test(harvest_rollup, a_dimension_that_csv_cannot_carry_makes_the_body_json)
{
    struct line line = {.rollup = {.table = "by_name",
                                   .size_us = 60000000,
                                   .dim_count = 1,
                                   .dims = {FF_NAME},
                                   .measure_count = 2}};
    line.rollup.measures[0] = ff_measure("total", MR_OP_SUM, FF_NUM);
    line.rollup.measures[1] = ff_measure("price", MR_OP_SUM, FF_PRICE);
    start(&line);
    struct mr_value values[FF_COUNT];
    struct mr_event event = ff_event(values, 0);
    values[FF_NUM] = ff_i64(INT64_MIN);
    values[FF_NAME].set = true;
    values[FF_NAME].text = (struct mr_slice){"\\N", 2};
    values[FF_NAME].csv_unsafe = true;
    mr_fold_add(line.worker, line.unit, &event, 1);
    char *text = finish(&line, MR_BODY_JSON);
    T_STR_EQ(text,
             "{\"window_start\":\"1970-01-01 00:00:00\",\"name\":\"\\\\N\","
             "\"total\":\"-9223372036854775808\",\"price\":\"0.00\"}\n");
    free(text);
}

Test(harvest_rollup, an_extreme_text_that_csv_cannot_carry_makes_the_body_json)
{
    struct line line = {.rollup = {.table = "total", .size_us = 60000000, .measure_count = 1}};
    line.rollup.measures[0] = ff_measure("last", MR_OP_MAX, FF_NAME);
    start(&line);
    struct mr_value values[FF_COUNT];
    struct mr_event event = ff_event(values, 0);
    values[FF_NAME].set = true;
    values[FF_NAME].text = (struct mr_slice){"a\x02\0b", 4};
    values[FF_NAME].csv_unsafe = true;
    mr_fold_add(line.worker, line.unit, &event, 1);
    char *text = finish(&line, MR_BODY_JSON);
    T_STR_EQ(text, "{\"window_start\":\"1970-01-01 00:00:00\",\"last\":\"a\\u0002\\u0000b\"}\n");
    free(text);
}

Test(harvest_rollup, a_sum_beyond_its_column_is_refused_and_nothing_is_left)
{
    struct line line = {.rollup = {.table = "total", .size_us = 60000000, .measure_count = 1}};
    line.rollup.measures[0] = ff_measure("wide", MR_OP_SUM, FF_WIDE);
    start(&line);
    const __int128 e19 = (__int128)UINT64_C(10000000000000000000);
    struct mr_value values[FF_COUNT];
    struct mr_event event = ff_event(values, 0);
    values[FF_WIDE] = ff_dec(e19 * e19 - 1);
    mr_fold_add(line.worker, line.unit, &event, 1);
    mr_fold_add(line.worker, line.unit, &event, 1);
    struct mr_target targets[MR_MAX_ROLLUPS + 2];
    uint32_t count = 77;
    int64_t before = mr_budget_used(&line.budget);
    T_INT_EQ(mr_harvest_unit(&line.layout, &line.budget, line.unit, NULL, 0, targets, &count),
             MR_TABLE);
    T_INT_EQ(count, 77);
    T_INT_EQ(mr_budget_used(&line.budget), before);
    mr_fold_unit_retire(line.fold, &line.unit);
    mr_fold_worker_free(&line.worker);
    mr_fold_free(&line.fold);
}

/* Wide numbers and texts of this length, for which the rollup has a dimension and an extreme. */
static void
add_wide(struct line *line, uint32_t row, char *text, size_t len)
{
    const __int128 e18 = (__int128)INT64_C(1000000000000000000);
    struct mr_value values[FF_COUNT];
    struct mr_event event = ff_event(values, INT64_MAX / 4);
    snprintf(text, 9, "%08u", row);
    text[8] = 'x';
    values[FF_NAME] = ff_text("");
    values[FF_NAME].text = (struct mr_slice){text, len};
    values[FF_NUM] = ff_i64(INT64_MIN + 1);
    values[FF_PRICE] = ff_dec(-e18 + 1);
    values[FF_WIDE] = ff_dec(-e18 * e18 + 1);
    mr_fold_add(line->worker, line->unit, &event, 1);
}

Test(harvest_rollup, rows_never_take_more_memory_than_their_unit_was_promised)
{
    static const size_t lens[] = {9, 60, 700, 30000};
    static char text[30000];
    for (unsigned mode = 0; mode < MR_ARRAY_LEN(lens); mode++) {
        struct line line = {.rollup = {.table = "wide", .size_us = 60000000, .dim_count = 1}};
        size_t len = lens[mode];
        line.rollup.dims[0] = FF_NAME;
        every_measure(&line.rollup);
        memset(text, 'x', sizeof text);
        start(&line);
        for (uint32_t row = 0; row < 3000 && row * len < 20000000; row++)
            add_wide(&line, row, text, len);
        int64_t used = mr_budget_used(&line.budget), promised = mr_budget_promised(&line.budget);
        free(finish(&line, MR_BODY_CSV));
        T_TRUE_MSG(line.budget.peak > used && line.budget.peak - used <= promised,
                   "%lld bytes, promised %lld, mode %u", (long long)(line.budget.peak - used),
                   (long long)promised, mode);
        T_INT_EQ(mr_budget_left(&line.budget), INT64_MAX);
    }
}
