/* The recovery machine's fence: which labels are rolled back, and which are left alone. */
#include "recovery_case.h"

Test(ledger_recover_fence, the_fence_goes_on_until_sixteen_numbers_in_a_row_are_unknown)
{
    struct rc_case c;
    rc_init_open(&c);
    rc_label(&c, 'b', 4, RC_ABORTED, 0);
    rc_label(&c, 'b', 14, RC_OPEN, 0);
    rc_run(&c);
    T_INT_EQ(c.labels[3].state, RC_ABORTED);
    T_INT_EQ(c.rolled_back, 14 + MR_FENCE_DISTANCE);
    T_INT_EQ(c.rollbacks, 14 - 3 + MR_FENCE_DISTANCE);
    rc_check_start(&c, 0, 20, 0);
}

Test(ledger_recover_fence, the_fence_goes_over_every_open_chain_of_the_partition_and_no_closed_one)
{
    struct rc_case c;
    rc_init_open(&c);
    rc_row(&c, 0, 'c', 2, 5, false);
    rc_row(&c, 0, 'd', 3, 5, true);
    rc_label(&c, 'c', 1, RC_OPEN, 0);
    rc_label(&c, 'd', 1, RC_OPEN, 0);
    rc_run(&c);
    T_INT_EQ(c.labels[2].state, RC_ABORTED);
    T_INT_EQ(c.labels[3].state, RC_OPEN);
    T_INT_EQ(c.verdict[0].seq, 4);
    T_INT_EQ(c.open_count, 2); /* of ours, to be closed */
    T_TRUE(!c.open[0].closed && !c.open[1].closed);
}

Test(ledger_recover_fence, the_fence_covers_the_other_partitions_of_the_last_chain_until_it_is_committed)
{
    for (int committed = 0; committed < 2; committed++) {
        struct rc_case c;
        rc_init_open(&c);
        c.labels[1].state = committed ? RC_COMMITTED : RC_OPEN;
        rc_row(&c, 1, 'b', 1, 0, false); /* another member's by now */
        rc_row(&c, 1, 'e', 2, 8, false);
        rc_label(&c, 'e', 1, RC_OPEN, 0);
        rc_run(&c);
        T_INT_EQ(c.labels[2].state, committed ? RC_OPEN : RC_ABORTED);
        T_INT_EQ(c.states, 1);
        T_INT_EQ(c.commits, committed ? 0 : 1);
        T_INT_EQ(c.open_count, 1); /* the other partition's rows are not ours to close */
        rc_check_start(&c, 0, 20, 0);
    }
}

Test(ledger_recover_fence, an_announced_chain_without_units_is_fenced_and_left)
{
    struct rc_case c;
    rc_init(&c, 1);
    rc_commit(&c, 0, 0, 0, 42, 42, 'b');
    rc_row(&c, 0, 'b', 1, 42, false);
    rc_run(&c);
    rc_check_start(&c, 0, 42, 0);
    T_INT_EQ(c.rollbacks, MR_FENCE_DISTANCE);
    T_INT_EQ(c.commits, 0);
    T_TRUE(mr_chain_is_none(&c.verdict[0].metadata.last.chain));
}

Test(ledger_recover_fence, many_rows_of_other_partitions_do_no_harm)
{
    struct rc_case c;
    rc_init_open(&c);
    for (int i = 0; i < 12; i++) {
        rc_row(&c, 1, (char)('f' + i), 1, 0, false);
    }
    rc_label(&c, 'f', 1, RC_OPEN, 0);
    rc_run(&c);
    T_INT_EQ(c.labels[2].state, RC_OPEN);
    rc_check_start(&c, 0, 20, 0);
}

Test(ledger_recover_fence, more_chains_than_one_allocation_are_fenced)
{
    struct rc_case c;
    rc_init(&c, 1);
    for (int i = 0; i < RC_ROWS; i++) {
        rc_row(&c, 0, (char)('a' + i), 1, 3, false);
    }
    rc_run(&c);
    T_INT_EQ(c.rollbacks, RC_ROWS * MR_FENCE_DISTANCE);
    T_INT_EQ(c.topics, 1);
    rc_check_start(&c, 0, 3, MR_ALARM_NO_OFFSET);
    struct mr_recovery *none = NULL;
    mr_recovery_free(&none);
}

Test(ledger_recover_fence, partitions_of_the_same_number_in_different_topics_are_kept_apart)
{
    struct rc_case c;
    rc_init_open(&c);
    rc_row(&c, 0, 'f', 9, 1, false);
    c.rows[1].place.topic = 1;
    rc_label(&c, 'f', 1, RC_OPEN, 0);
    rc_run(&c);
    T_INT_EQ(c.labels[2].state, RC_OPEN);
    T_INT_EQ(c.verdict[0].seq, 2);
}

Test(ledger_recover_fence, only_as_many_numbers_below_the_last_one_are_asked_as_can_be_open)
{
    struct rc_case c;
    rc_init_open(&c);
    c.ledger_count = 0;
    rc_commit(&c, 0, 'b', 40, 10, 20, 'b');
    rc_row(&c, 0, 'a', 1, 10, true);
    c.labels[0].n = 39;
    c.labels[1].n = 40;
    c.labels[1].state = RC_ABORTED;
    rc_ledger(&c, 0, 'a', 1, 10);
    rc_run(&c);
    T_INT_EQ(c.waits, MR_FENCE_DISTANCE);
    rc_check_replay(&c, 0, 10, 20);
}

Test(ledger_recover_fence, a_foreign_offset_is_fenced_by_the_registry_all_the_same)
{
    struct rc_case c;
    rc_init_open(&c);
    c.committed[0].kind = MR_METADATA_FOREIGN;
    rc_run(&c);
    T_INT_EQ(c.labels[1].state, RC_ABORTED);
    rc_check_stop(&c, 0, MR_STOP_NO_METADATA);
}
