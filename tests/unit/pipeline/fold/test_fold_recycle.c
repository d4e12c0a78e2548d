/* Recycling: arrays serve unit after unit without clearing, and give back what a burst took. */
#include "fold_case.h"
#include "test.h"

static void
add_number(struct fold_case *test, int64_t number)
{
    struct mr_value values[FF_COUNT];
    struct mr_event event = ff_event(values, 0);
    values[FF_NUM] = ff_i64(number);
    fold_case_add(test, &event);
}

static void
start(struct fold_case *test, uint32_t slots_min, uint32_t chunk)
{
    *test =
        (struct fold_case){.options = {.seed = 1, .slots_min = slots_min, .chunk_entries = chunk}};
    fold_case_rollup(test, FF_NUM);
    fold_case_measure(test, "n", MR_OP_COUNT_ALL, -1);
    fold_case_measure(test, "sum", MR_OP_SUM, FF_NUM);
    fold_case_start(test);
}

Test(fold_recycle, seven_hundred_units_never_see_a_word_of_another)
{
    struct fold_case test;
    start(&test, 64, 1);
    for (int64_t unit = 0; unit < 700; unit++) {
        int64_t sign = unit % 2 ? 1 : -1; /* a negative sum leaves its mark in the second word */
        for (int64_t i = 0; i < 20; i++)
            add_number(&test, sign * (i % 7 + unit % 13));
        fold_case_drain(&test); /* equal to the reference of this unit alone */
        fold_case_next_unit(&test);
    }
    fold_case_end(&test);
}

/* A word of the unit 255 or 256 openings ago would read as one of this unit, had the array not been
 * cleared: units that share no key with their neighbours show it. */
Test(fold_recycle, a_rare_key_does_not_come_back_when_the_generations_wrap)
{
    struct fold_case test;
    start(&test, 64, 1);
    for (int64_t unit = 0; unit < 600; unit++) {
        add_number(&test, unit);
        fold_case_drain(&test);
        T_INT_EQ(test.drained.rows, 1);
        fold_case_next_unit(&test);
    }
    fold_case_end(&test);
}

Test(fold_recycle, an_empty_unit_drains_to_nothing)
{
    struct fold_case test;
    start(&test, 64, 64);
    add_number(&test, 1);
    fold_case_drain(&test);
    fold_case_next_unit(&test);
    fold_case_drain(&test);
    T_INT_EQ(test.drained.rows, 0);
    T_INT_EQ(mr_fold_unit_keys(test.unit), 0);
    fold_case_end(&test);
}

Test(fold_recycle, the_next_unit_is_sized_by_the_last_one_and_charges_nothing_new)
{
    struct fold_case test;
    start(&test, 8, 16);
    for (int unit = 0; unit < 3; unit++) {
        for (int64_t i = 0; i < 5000; i++)
            add_number(&test, i);
        fold_case_drain(&test);
        fold_case_next_unit(&test);
    }
    int64_t before = mr_budget_used(&test.budget);
    for (int64_t i = 0; i < 5000; i++)
        add_number(&test, i);
    fold_case_drain(&test);
    struct mr_fold_stats stats;
    mr_fold_unit_stats(test.unit, 0, &stats);
    T_INT_EQ(stats.keys, 5000); /* no growth, so no key in two pieces */
    fold_case_next_unit(&test);
    T_INT_EQ(mr_budget_used(&test.budget), before);
    fold_case_end(&test);
}

Test(fold_recycle, memory_of_a_burst_is_given_back_after_a_few_units)
{
    struct fold_case test;
    start(&test, 64, 16);
    int64_t before = mr_budget_used(&test.budget);
    for (int64_t i = 0; i < 200000; i++)
        add_number(&test, i);
    int64_t burst = mr_budget_used(&test.budget);
    for (int unit = 0; unit < 20; unit++) {
        fold_case_next_unit(&test);
        add_number(&test, unit);
    }
    fold_case_next_unit(&test);
    int64_t after = mr_budget_used(&test.budget);
    T_TRUE(burst > 100 * before);
    T_TRUE(after < burst / 100);
    fold_case_end(&test);
}

Test(fold_recycle, several_units_are_open_at_once_and_a_worker_may_come_back_to_one)
{
    struct fold_case test;
    start(&test, 64, 16);
    struct mr_fold_unit *units[6] = {NULL};
    struct mr_value values[FF_COUNT];
    for (unsigned i = 0; i < MR_ARRAY_LEN(units); i++)
        T_INT_EQ(mr_fold_unit_open(test.fold, &units[i]), MR_OK);
    for (int64_t i = 0; i < 600; i++) {
        struct mr_event event = ff_event(values, 0);
        values[FF_NUM] = ff_i64(i / 6 % 10);
        mr_fold_add(test.worker, units[i % 6], &event, 1);
        mr_fold_leave(test.worker, units[i % 6]);
    }
    for (unsigned i = 0; i < MR_ARRAY_LEN(units); i++) {
        T_INT_EQ(mr_fold_unit_keys(units[i]), 10);
        mr_fold_unit_retire(test.fold, &units[i]);
    }
    fold_case_drain(&test);
    fold_case_end(&test);
}

Test(fold_recycle, a_full_budget_opens_a_small_unit_or_says_busy)
{
    struct fold_case test;
    start(&test, 64, 16);
    struct mr_fold_unit *unit = NULL;
    for (int64_t i = 0; i < 50000; i++)
        add_number(&test, i);
    fold_case_next_unit(&test);
    int64_t used = mr_budget_used(&test.budget);
    mr_budget_force(&test.budget, test.budget.limit - used - 1000);
    T_INT_EQ(mr_fold_unit_open(test.fold, &unit), MR_OK);
    struct mr_fold_stats stats;
    mr_fold_unit_stats(unit, 0, &stats);
    T_INT_EQ(stats.slots, 64);
    mr_budget_force(&test.budget, 1000);
    struct mr_fold_unit *second = NULL;
    T_INT_EQ(mr_fold_unit_open(test.fold, &second), MR_BUSY);
    T_TRUE(second == NULL);
    mr_budget_refund(&test.budget, test.budget.limit - used);
    mr_fold_unit_retire(test.fold, &unit);
    fold_case_end(&test);
}

Test(fold_recycle, ids_of_workers_are_reused_and_bounded)
{
    struct fold_case test;
    start(&test, 64, 16);
    struct mr_fold_worker *workers[256] = {NULL};
    for (unsigned i = 0; i < 255; i++)
        T_INT_EQ(mr_fold_worker_new(test.fold, &workers[i]), MR_OK);
    T_INT_EQ(mr_fold_worker_new(test.fold, &workers[255]), MR_MEMORY);
    T_TRUE(workers[255] == NULL);
    mr_fold_worker_free(&workers[100]);
    T_INT_EQ(mr_fold_worker_new(test.fold, &workers[100]), MR_OK);
    for (unsigned i = 0; i < 255; i++)
        mr_fold_worker_free(&workers[i]);
    fold_case_end(&test);
}
