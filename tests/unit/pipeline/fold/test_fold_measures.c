/* Measures: exact sums, extremes, NULLs, refusals. */
#include "fold_case.h"
#include "test.h"

#include <math.h>

static const __int128 e19 = (__int128)UINT64_C(10000000000000000000);

static struct fold_case
started(enum mr_op op, int32_t column)
{
    struct fold_case test = {.options = {.seed = 1}};
    fold_case_rollup(&test, -1);
    fold_case_measure(&test, "m", op, column);
    return test;
}

/* The one row of a case without dimensions whose events are all in the window 0. */
static const struct mr_value *
only_row(struct fold_case *test)
{
    fold_case_drain(test);
    T_INT_EQ(test->drained.rows, 1);
    const struct ff_row *row = ff_map_find(&test->drained, "0");
    T_TRUE(row != NULL);
    return row->values;
}

static __int128
sum_of(int32_t column, const __int128 *addends, unsigned count)
{
    struct fold_case test = started(MR_OP_SUM, column);
    struct mr_value values[FF_COUNT];
    fold_case_start(&test);
    for (unsigned i = 0; i < count; i++) {
        struct mr_event event = ff_event(values, 0);
        values[column] = column == FF_NUM ? ff_i64((int64_t)addends[i]) : ff_dec(addends[i]);
        fold_case_add(&test, &event);
    }
    __int128 sum = only_row(&test)[0].dec;
    fold_case_end(&test);
    return sum;
}

Test(fold_measures, a_sum_of_integers_passes_64_bits_in_both_directions)
{
    const __int128 up[] = {INT64_MAX, INT64_MAX, INT64_MAX, 5};
    const __int128 down[] = {INT64_MIN, INT64_MIN, INT64_MIN, -7};
    const __int128 across[] = {-1, 1, -1, -1, INT64_MIN, INT64_MAX, 3};
    T_TRUE(sum_of(FF_NUM, up, 4) == (__int128)INT64_MAX * 3 + 5);
    T_TRUE(sum_of(FF_NUM, down, 4) == (__int128)INT64_MIN * 3 - 7);
    T_TRUE(sum_of(FF_NUM, across, 7) == 0);
}

Test(fold_measures, a_sum_of_decimals_carries_between_its_words)
{
    const __int128 one = (__int128)1 << 64;
    const __int128 addends[] = {one - 1, 1, one - 1, -one, -(one - 1), one / 2, one / 2};
    __int128 expected = 0;
    for (unsigned i = 0; i < MR_ARRAY_LEN(addends); i++) {
        expected += addends[i];
        T_TRUE(sum_of(FF_WIDE, addends, i + 1) == expected);
    }
}

Test(fold_measures, random_sums_equal_128_bit_arithmetic)
{
    uint64_t random = 9;
    for (unsigned round = 0; round < 50; round++) {
        __int128 addends[200], expected = 0;
        for (unsigned i = 0; i < MR_ARRAY_LEN(addends); i++) {
            addends[i] =
                (__int128)((unsigned __int128)ff_random(&random) << 56 | ff_random(&random)) >>
                ff_random(&random) % 120;
            if (ff_random(&random) % 2)
                addends[i] = -addends[i];
            expected += addends[i];
        }
        T_TRUE(sum_of(FF_WIDE, addends, MR_ARRAY_LEN(addends)) == expected);
    }
}

/* limit - step + step is read back; one more step is refused. */
static void
limit_case(__int128 limit, int step)
{
    struct fold_case test = started(MR_OP_SUM, FF_WIDE);
    struct mr_value values[FF_COUNT];
    struct mr_event event = ff_event(values, 0);
    fold_case_start(&test);
    values[FF_WIDE] = ff_dec(limit - step);
    fold_case_add(&test, &event);
    values[FF_WIDE] = ff_dec(step);
    fold_case_add(&test, &event);
    T_TRUE(only_row(&test)[0].dec == limit);
    mr_fold_add(test.worker, test.unit, &event, 1);
    T_INT_EQ(mr_fold_drain(test.unit, 0, ff_map_merge, &test.drained), MR_TABLE);
    fold_case_end(&test);
}

Test(fold_measures, the_greatest_decimal_sum_passes_and_one_more_is_refused)
{
    limit_case(e19 * e19 - 1, 1);
    limit_case(1 - e19 * e19, -1);
}

Test(fold_measures, a_decimal_sum_that_would_wrap_128_bits_is_refused_not_wrapped)
{
    struct fold_case test = started(MR_OP_SUM, FF_WIDE);
    struct mr_value values[FF_COUNT];
    struct mr_event event = ff_event(values, 0);
    fold_case_start(&test);
    values[FF_WIDE] = ff_dec(e19 * e19 / 25 * 17); /* five of them are 3.4e38 = 2^128, nearly */
    for (unsigned i = 0; i < 5; i++)
        mr_fold_add(test.worker, test.unit, &event, 1);
    T_INT_EQ(mr_fold_drain(test.unit, 0, ff_map_merge, &test.drained), MR_TABLE);
    values[FF_WIDE] = ff_dec(-(e19 * e19 / 25 * 17));
    for (unsigned i = 0; i < 5; i++)
        mr_fold_add(test.worker, test.unit, &event, 1);
    T_INT_EQ(mr_fold_drain(test.unit, 0, ff_map_merge, &test.drained), MR_OK); /* back to 0 */
    fold_case_end(&test);
}

Test(fold_measures, extremes_of_every_type_are_found)
{
    struct fold_case test = started(MR_OP_MIN, FF_NUM);
    static const int32_t columns[] = {
        FF_NUM, FF_PRICE, FF_WIDE, FF_RATIO, FF_NAME, FF_DAY, FF_FLAG, FF_AT};
    static const char *const names[] = {"b", "a", "aa", "", "c", "ab"};
    const int64_t numbers[] = {3, INT64_MAX, INT64_MIN, -1, 0, 5};
    struct mr_value values[FF_COUNT];
    for (unsigned i = 0; i < MR_ARRAY_LEN(columns); i++) {
        fold_case_measure(&test, "least", MR_OP_MIN, columns[i]);
        fold_case_measure(&test, "most", MR_OP_MAX, columns[i]);
    }
    fold_case_start(&test);
    for (unsigned i = 0; i < MR_ARRAY_LEN(names); i++) {
        struct mr_event event = ff_event(values, i);
        values[FF_NUM] = ff_i64(numbers[i]);
        values[FF_PRICE] = ff_dec(numbers[i] / 100);
        values[FF_WIDE] = ff_dec((__int128)numbers[i] * 1000000000000);
        values[FF_RATIO] = ff_f64((double)numbers[i] / 4);
        values[FF_NAME] = ff_text(names[i]);
        values[FF_DAY] = ff_i64(numbers[i] % 1000);
        values[FF_FLAG] = ff_i64(i == 4);
        fold_case_add(&test, &event);
    }
    const struct mr_value *row = only_row(&test);
    T_TRUE(row[1].i64 == INT64_MIN && row[2].i64 == INT64_MAX);
    T_TRUE(row[5].dec == (__int128)INT64_MIN * 1000000000000);
    T_TRUE(mr_slice_equal(row[9].text, mr_slice_of("")) && row[9].set);
    T_TRUE(mr_slice_equal(row[10].text, mr_slice_of("c")));
    fold_case_end(&test);
}

Test(fold_measures, an_extreme_equal_to_the_neutral_value_is_not_null)
{
    struct fold_case test = started(MR_OP_MIN, FF_NUM);
    struct mr_value values[FF_COUNT];
    struct mr_event event = ff_event(values, 0);
    fold_case_measure(&test, "most", MR_OP_MAX, FF_NUM);
    fold_case_start(&test);
    values[FF_NUM] = ff_i64(INT64_MAX);
    fold_case_add(&test, &event);
    const struct mr_value *row = only_row(&test);
    T_TRUE(row[0].set && row[0].i64 == INT64_MAX);
    T_TRUE(row[1].set && row[1].i64 == INT64_MAX);
    fold_case_end(&test);
}

Test(fold_measures, over_nulls_alone_counts_are_zero_and_the_rest_is_null)
{
    struct fold_case test = started(MR_OP_COUNT_ALL, -1);
    static const enum mr_op ops[] = {MR_OP_COUNT, MR_OP_SUM, MR_OP_MIN, MR_OP_MAX, MR_OP_AVG};
    struct mr_value values[FF_COUNT];
    struct mr_event event = ff_event(values, 0);
    for (unsigned i = 0; i < MR_ARRAY_LEN(ops); i++)
        fold_case_measure(&test, "m", ops[i], FF_NUM);
    fold_case_measure(&test, "name", MR_OP_MIN, FF_NAME);
    fold_case_measure(&test, "ratio", MR_OP_SUM, FF_RATIO);
    fold_case_start(&test);
    fold_case_add(&test, &event);
    const struct mr_value *row = only_row(&test);
    T_INT_EQ(row[0].i64, 1);
    T_TRUE(row[1].set && row[1].i64 == 0);
    for (unsigned i = 2; i <= 5; i++)
        T_TRUE(!row[i].set);
    T_TRUE(row[6].set && row[6].i64 == 0);
    T_TRUE(!row[7].set && !row[8].set);
    fold_case_end(&test);
}

Test(fold_measures, nulls_between_values_are_skipped)
{
    struct fold_case test = started(MR_OP_COUNT_ALL, -1);
    struct mr_value values[FF_COUNT];
    fold_case_measure(&test, "n", MR_OP_COUNT, FF_NUM);
    fold_case_measure(&test, "mean", MR_OP_AVG, FF_NUM);
    fold_case_measure(&test, "least", MR_OP_MIN, FF_NUM);
    fold_case_start(&test);
    for (int i = 0; i < 10; i++) {
        struct mr_event event = ff_event(values, 0);
        if (i % 3 == 0)
            values[FF_NUM] = ff_i64(i + 1);
        fold_case_add(&test, &event);
    }
    const struct mr_value *row = only_row(&test);
    T_INT_EQ(row[0].i64, 10);
    T_INT_EQ(row[1].i64, 4);
    T_INT_EQ((int64_t)row[2].dec, 1 + 4 + 7 + 10);
    T_INT_EQ(row[3].i64, 4);
    T_INT_EQ(row[4].i64, 1);
    fold_case_end(&test);
}

Test(fold_measures, a_double_sum_that_leaves_the_doubles_is_refused)
{
    struct fold_case test = started(MR_OP_SUM, FF_RATIO);
    struct mr_value values[FF_COUNT];
    struct mr_event event = ff_event(values, 0);
    fold_case_start(&test);
    values[FF_RATIO] = ff_f64(1.7e308);
    mr_fold_add(test.worker, test.unit, &event, 1);
    mr_fold_add(test.worker, test.unit, &event, 1);
    T_INT_EQ(mr_fold_drain(test.unit, 0, ff_map_merge, &test.drained), MR_TABLE);
    fold_case_end(&test);
}

Test(fold_measures, what_cannot_be_summed_or_grouped_is_refused_at_start)
{
    static const struct {
        enum mr_op op;
        int32_t column, dim;
    } cases[] = {{MR_OP_SUM, FF_NAME, -1},
                 {MR_OP_AVG, FF_DAY, -1},
                 {MR_OP_SUM, FF_FLAG, -1},
                 {MR_OP_SUM, FF_COUNT, -1},
                 {MR_OP_SUM, FF_NUM, FF_RATIO}};
    for (unsigned i = 0; i < MR_ARRAY_LEN(cases); i++) {
        struct fold_case test = {.options = {.seed = 1}};
        struct mr_fold *fold = NULL;
        fold_case_rollup(&test, cases[i].dim);
        test.rollup.measure_count = 1;
        test.rollup.measures[0] = (struct mr_measure){.op = cases[i].op, .column = cases[i].column};
        test.layout = ff_layout(&test.rollup, 1);
        T_INT_EQ(mr_fold_new(&test.layout, &test.options, &fold), MR_SCHEMA);
        T_TRUE(fold == NULL);
    }
}
