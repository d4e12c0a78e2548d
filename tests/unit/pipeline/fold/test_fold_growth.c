/* Growth: duplicates across segments, collisions, the worst case of memory. */
#include "fold_case.h"
#include "test.h"

#include <stdio.h>

static void
start_tiny(struct fold_case *test, uint64_t hash_mask)
{
    *test = (struct fold_case){
        .options = {.seed = 1, .slots_min = 8, .chunk_entries = 1, .hash_mask = hash_mask}};
    fold_case_rollup(test, FF_NUM);
    fold_case_measure(test, "n", MR_OP_COUNT_ALL, -1);
    fold_case_measure(test, "sum", MR_OP_SUM, FF_NUM);
    fold_case_measure(test, "least", MR_OP_MIN, FF_PRICE);
    fold_case_measure(test, "most", MR_OP_MAX, FF_PRICE);
    fold_case_start(test);
}

static void
add_number(struct fold_case *test, int64_t number, int64_t price)
{
    struct mr_value values[FF_COUNT];
    struct mr_event event = ff_event(values, 0);
    values[FF_NUM] = ff_i64(number);
    values[FF_PRICE] = ff_dec(price);
    fold_case_add(test, &event);
}

Test(fold_growth, a_key_found_again_after_growth_comes_in_two_pieces_that_add_up)
{
    struct fold_case test;
    start_tiny(&test, 0);
    for (int64_t i = 0; i < 100; i++) {
        add_number(&test, 1000, i);
        add_number(&test, i, -i);
    }
    fold_case_drain(&test);
    const struct ff_row *row = ff_map_find(&test.drained, "0|1000");
    T_TRUE(row != NULL);
    T_TRUE(row->pieces > 1);
    T_INT_EQ(row->values[0].i64, 100);
    struct mr_fold_stats stats;
    mr_fold_unit_stats(test.unit, 0, &stats);
    T_TRUE(stats.keys > test.drained.rows);
    T_INT_EQ(mr_fold_unit_keys(test.unit), stats.keys);
    T_TRUE(stats.slots >= stats.keys);
    T_INT_EQ(stats.lookups, 200);
    T_TRUE(stats.probes_total >= stats.lookups && stats.probes_max >= 1);
    fold_case_end(&test);
}

Test(fold_growth, a_segment_never_holds_a_key_twice)
{
    struct fold_case test;
    start_tiny(&test, 0xf);
    for (int64_t i = 0; i < 3000; i++)
        add_number(&test, i % 5, i);
    fold_case_drain(&test);
    struct mr_fold_stats stats;
    mr_fold_unit_stats(test.unit, 0, &stats);
    T_INT_EQ(stats.slots, 8);
    T_INT_EQ(stats.keys, 5);
    fold_case_end(&test);
}

Test(fold_growth, hashes_that_all_collide_cost_probes_and_no_row)
{
    struct fold_case test;
    start_tiny(&test, 0xf);
    for (int64_t i = 0; i < 2000; i++)
        add_number(&test, i % 700, i);
    fold_case_drain(&test);
    T_INT_EQ(test.drained.rows, 700);
    struct mr_fold_stats stats;
    mr_fold_unit_stats(test.unit, 0, &stats);
    T_TRUE(stats.probes_max > 100);
    T_TRUE(stats.slots <= 8 * stats.keys); /* collisions do not make the table explode */
    fold_case_end(&test);
}

Test(fold_growth, a_hundred_thousand_keys_grow_from_eight_slots)
{
    struct fold_case test;
    start_tiny(&test, 0);
    for (int64_t i = 0; i < 100000; i++)
        add_number(&test, i * 7919, i);
    fold_case_drain(&test);
    T_INT_EQ(test.drained.rows, 100000);
    fold_case_end(&test);
}

/* Charges of one batch, at any size of the table, stay below what was announced for it. */
Test(fold_growth, the_worst_case_covers_every_batch)
{
    static const uint32_t name_lens[] = {4, 60, 500, 40000};
    for (unsigned mode = 0; mode < 2 * MR_ARRAY_LEN(name_lens); mode++) {
        struct fold_case test = {.options = {.seed = 1, .slots_min = 8, .chunk_entries = 4}};
        static char name[40000];
        struct mr_value values[FF_COUNT];
        uint32_t len = name_lens[mode / 2];
        memset(name, 'n', sizeof name);
        fold_case_rollup(&test, FF_NAME);
        fold_case_measure(&test, "n", MR_OP_COUNT_ALL, -1);
        if (mode % 2) {
            fold_case_measure(&test, "last", MR_OP_MAX, FF_NAME);
            fold_case_measure(&test, "wide", MR_OP_MAX, FF_WIDE);
        }
        /* Of every other length the text is a default, which is not in the records. */
        bool is_default = mode / 2 % 2;
        if (is_default)
            test.default_bytes = len > 8 ? len : 8;
        fold_case_start(&test);
        for (unsigned batch = 0; batch < 60; batch++) {
            uint32_t records = 1 + batch * 3;
            int64_t before = mr_budget_used(&test.budget);
            for (uint32_t i = 0; i < records; i++) {
                struct mr_event event = ff_event(values, 0);
                int written = snprintf(name, 12, "%07u", batch * 1000 + i);
                name[written] = 'n';
                values[FF_NAME] = ff_text("");
                values[FF_NAME].text = (struct mr_slice){name, len > 8 ? len : 8};
                values[FF_WIDE] = ff_dec(batch * 1000 + i);
                mr_fold_add(test.worker, test.unit, &event, 1);
            }
            size_t bytes = is_default ? 0 : (size_t)records * (len > 8 ? len : 8);
            T_TRUE(mr_budget_used(&test.budget) - before <=
                   mr_fold_worst_bytes(test.fold, records, bytes));
        }
        fold_case_end(&test);
    }
}

/* What the budget knows covers the memory that the tables have. */
Test(fold_growth, the_charge_covers_slots_and_entries)
{
    struct fold_case test;
    start_tiny(&test, 0);
    for (int64_t i = 0; i < 20000; i++) {
        struct mr_fold_stats stats;
        add_number(&test, i, i);
        mr_fold_unit_stats(test.unit, 0, &stats);
        T_TRUE(mr_budget_used(&test.budget) >= (int64_t)stats.bytes);
    }
    fold_case_end(&test);
}
