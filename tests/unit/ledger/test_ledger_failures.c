/* The failure table, a test a row: what the machines do about it. Rows whose cause lies outside of
 * them are tested with what the machines are told. F1 to F14; the rest is in
 * test_ledger_failures_15.c. */
#include "failure_case.h"

Test(ledger_failures, F1_a_crash_before_the_unit_was_loaded_is_fenced)
{
    struct rc_case c;
    init_crash(&c, 2, 5, 10);
    rc_label(&c, 'b', 3, RC_OPEN, 20);
    rc_run(&c);
    T_INT_EQ(c.labels[1].state, RC_ABORTED);
    rc_check_start(&c, 0, 10, 0);
}

Test(ledger_failures, F2_a_loaded_unit_whose_commit_was_not_sent_is_fenced)
{
    struct rc_case c;
    init_crash(&c, 2, 5, 10);
    rc_label(&c, 'b', 3, RC_OPEN, 20);
    rc_label(&c, 'b', 4, RC_OPEN, 30); /* and the one loaded meanwhile */
    rc_run(&c);
    T_INT_EQ(c.labels[1].state, RC_ABORTED);
    T_INT_EQ(c.labels[2].state, RC_ABORTED);
    T_INT_EQ(c.commits, 0);
    rc_check_start(&c, 0, 10, 0);
}

Test(ledger_failures, F3_a_commit_without_an_answer_is_sent_again_and_never_rolled_back)
{
    struct mr_live *live = make_loaded();
    pass(live, MR_STEP_DECIDE, 1, MR_ANSWER_LOST);
    pass(live, MR_STEP_READ_UNIT, 1, MR_ANSWER_ERROR);
    pass(live, MR_STEP_READ_UNIT, 1, MR_ANSWER_UNKNOWN);
    pass(live, MR_STEP_DECIDE, 1, MR_ANSWER_ERROR);
    pass(live, MR_STEP_READ_UNIT, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_COMMIT, 1, MR_ANSWER_OK);
    T_INT_EQ(mr_live_committed(live), 1);
    mr_live_free(&live);
}

Test(ledger_failures, F4_a_fenced_commit_is_left_to_the_next_owner)
{
    struct mr_live *live = make_loaded();
    pass(live, MR_STEP_DECIDE, 1, MR_ANSWER_FENCED);
    free_ended(live, MR_END_LEFT); /* neither COMMIT nor ROLLBACK */
    for (int decided = 0; decided < 2; decided++) {
        struct rc_case c;
        init_crash(&c, decided ? 3 : 2, decided ? 10 : 5, decided ? 20 : 10);
        rc_label(&c, 'b', 3, RC_OPEN, 20);
        rc_run(&c);
        rc_check_start(&c, 0, decided ? 20 : 10, 0);
        T_INT_EQ(c.labels[1].state, decided ? RC_VISIBLE : RC_ABORTED);
    }
}

Test(ledger_failures, F5_a_decided_unit_is_committed_by_any_new_owner)
{
    struct rc_case c;
    init_crash(&c, 3, 10, 20);
    rc_label(&c, 'b', 3, RC_OPEN, 20);
    rc_label(&c, 'b', 4, RC_OPEN, 30);
    rc_run(&c);
    T_INT_EQ(c.labels[1].state, RC_VISIBLE);
    T_INT_EQ(c.labels[2].state, RC_ABORTED);
    rc_check_start(&c, 0, 20, 0);
}

Test(ledger_failures, F7_a_decided_unit_that_was_aborted_is_replayed_as_one)
{
    struct rc_case c;
    init_crash(&c, 3, 10, 20);
    rc_label(&c, 'b', 3, RC_ABORTED, 0);
    rc_run(&c);
    rc_check_replay(&c, 0, 10, 20);
    T_INT_EQ(c.verdict[0].alarms, 0);
}

Test(ledger_failures, F7_a_live_member_rolls_back_the_next_unit_and_recovers)
{
    struct mr_live *live = make_loaded();
    mr_live_feed(live, 2);
    struct mr_step decide = expect(live, MR_STEP_DECIDE, 1);
    pass(live, MR_STEP_BEGIN, 2, MR_ANSWER_OK);
    mr_live_answer(live, &decide, MR_ANSWER_OK, &member);
    pass(live, MR_STEP_COMMIT, 1, MR_ANSWER_ABORTED);
    pass(live, MR_STEP_ROLLBACK, 2, MR_ANSWER_LOST);
    pass(live, MR_STEP_ROLLBACK, 2, MR_ANSWER_OK);
    free_ended(live, MR_END_RECOVER);
}

Test(ledger_failures, F8_a_forgotten_label_is_done_when_the_ledger_has_it_and_else_was_aborted)
{
    struct rc_case c;
    init_crash(&c, 3, 10, 20);
    rc_ledger(&c, 0, 'c', 1, 20); /* a later chain's row: (b, 3) is shown by nobody */
    rc_row(&c, 0, 'c', 2, 20, true);
    rc_run(&c);
    rc_check_start(&c, 0, 20, MR_ALARM_OVERTAKEN);
    init_crash(&c, 3, 10, 20);
    rc_run(&c);
    rc_check_replay(&c, 0, 10, 20);
}

Test(ledger_failures, F9_a_zombie_that_resumes_before_its_decision_is_refused)
{
    struct mr_live *live = make_loaded();
    pass(live, MR_STEP_DECIDE, 1, MR_ANSWER_FENCED);
    free_ended(live, MR_END_LEFT);
}

Test(ledger_failures, F10_a_zombie_that_resumes_after_its_decision_meets_already_or_aborted)
{
    struct mr_live *live = make_loaded();
    pass(live, MR_STEP_DECIDE, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_COMMIT, 1, MR_ANSWER_ALREADY);
    T_INT_EQ(mr_live_committed(live), 1);
    mr_live_free(&live);
    live = make_loaded();
    pass(live, MR_STEP_DECIDE, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_COMMIT, 1, MR_ANSWER_ABORTED);
    free_ended(live, MR_END_RECOVER);
}

Test(ledger_failures, F10_a_zombie_that_knows_of_its_loss_commits_nothing)
{
    struct mr_live *live = make_loaded();
    struct mr_standing lost = member;
    struct mr_step step;
    pass(live, MR_STEP_DECIDE, 1, MR_ANSWER_OK);
    lost.lost = true;
    mr_live_next(live, &lost, &step);
    T_INT_EQ(step.kind, MR_STEP_END);
    T_INT_EQ(step.end, MR_END_LEFT);
    mr_live_free(&live);
}

Test(ledger_failures, F11_the_guard_sends_no_commit_after_another_assignment)
{
    struct mr_live *live = make_loaded();
    struct mr_standing moved = member;
    struct mr_step step;
    moved.epoch++;
    mr_live_next(live, &moved, &step);
    T_INT_EQ(step.kind, MR_STEP_ROLLBACK); /* never asked: ours to take back */
    mr_live_answer(live, &step, MR_ANSWER_OK, &moved);
    mr_live_next(live, &moved, &step);
    T_INT_EQ(step.end, MR_END_LEFT);
    mr_live_free(&live);
}

Test(ledger_failures, F11_an_overtaken_label_is_rolled_back_and_the_start_is_the_ledgers_end)
{
    struct rc_case c;
    init_crash(&c, 3, 10, 20);
    rc_label(&c, 'b', 3, RC_OPEN, 20);
    rc_row(&c, 0, 'c', 2, 10, false);
    rc_ledger(&c, 0, 'c', 4, 35);
    rc_run(&c);
    T_INT_EQ(c.labels[1].state, RC_ABORTED);
    T_INT_EQ(c.commits, 0);
    rc_check_start(&c, 0, 35, MR_ALARM_AHEAD | MR_ALARM_OVERTAKEN);
}

Test(ledger_failures, F12_without_an_offset_the_fence_comes_first_and_the_topic_is_asked_about)
{
    struct rc_case c;
    rc_init(&c, 1);
    rc_row(&c, 0, 'b', 1, 0, false);
    rc_ledger(&c, 0, 'b', 2, 10);
    rc_label(&c, 'b', 3, RC_OPEN, 20);
    rc_run(&c);
    T_INT_EQ(c.labels[0].state, RC_ABORTED);
    rc_check_start(&c, 0, 10, MR_ALARM_NO_OFFSET);
    T_INT_EQ(c.topic_offset, 10);
    c.topic = MR_ANSWER_UNKNOWN;
    c.pauses = 0;
    rc_run(&c);
    rc_check_stop(&c, 0, MR_STOP_TOPIC);
}

Test(ledger_failures, F12_without_a_ledger_row_the_topic_must_reach_the_least_start)
{
    struct rc_case c;
    rc_init(&c, 1);
    rc_row(&c, 0, 'b', 1, 70, true);
    rc_row(&c, 0, 'c', 2, 90, false);
    rc_run(&c);
    T_INT_EQ(c.topic_offset, 70);
    rc_check_start(&c, 0, 70, MR_ALARM_NO_OFFSET);
}

Test(ledger_failures, F12_an_admin_reset_is_never_followed_silently)
{
    struct rc_case c;
    init_crash(&c, 2, 5, 10);
    c.committed[0] = (struct mr_committed){.offset = 3, .kind = MR_METADATA_NONE};
    rc_label(&c, 'b', 3, RC_OPEN, 20);
    rc_run(&c);
    T_INT_EQ(c.labels[1].state, RC_ABORTED);
    rc_check_stop(&c, 0, MR_STOP_NO_METADATA);
    c.options.accept_offset = true;
    rc_run(&c);
    rc_check_start(&c, 0, 3, MR_ALARM_OPERATOR);
}

Test(ledger_failures, F13_a_regressed_offset_starts_at_the_ledgers_end_with_an_alarm)
{
    struct rc_case c;
    init_crash(&c, 2, 5, 10);
    rc_ledger(&c, 0, 'b', 5, 40);
    rc_run(&c);
    rc_check_start(&c, 0, 40, MR_ALARM_AHEAD);
}

Test(ledger_failures, F14_a_sink_that_was_restored_stops_the_partition)
{
    struct rc_case c;
    init_crash(&c, 3, 10, 20);
    rc_label(&c, 'b', 3, RC_VISIBLE, 0); /* committed, and the ledger does not have it */
    rc_run(&c);
    rc_check_stop(&c, 0, MR_STOP_RESTORED);
    init_crash(&c, 3, 15, 20);
    rc_label(&c, 'b', 3, RC_ABORTED, 0);
    rc_run(&c);
    rc_check_stop(&c, 0, MR_STOP_RESTORED); /* it ends before the unit's own start */
}

Test(ledger_failures, F14_an_idle_partition_names_its_offset_as_start_so_that_a_hole_is_seen)
{
    struct rc_case c;
    init_crash(&c, 3, 20, 20);
    rc_label(&c, 'b', 3, RC_ABORTED, 0);
    rc_run(&c);
    rc_check_stop(&c, 0, MR_STOP_RESTORED); /* with its old start it would be replayed from 10 */
}

Test(ledger_failures, F14_a_chain_that_the_registry_does_not_know_stops_the_partition)
{
    struct rc_case c;
    init_crash(&c, 3, 10, 20);
    c.row_count = 0;
    rc_run(&c);
    rc_check_stop(&c, 0, MR_STOP_CHAIN);
    T_INT_EQ(c.rollbacks + c.commits, 0);
    init_crash(&c, 3, 10, 20);
    rc_commit(&c, 0, 'b', 3, 10, 20, 'c'); /* announced in Kafka, but not in the sink */
    rc_run(&c);
    rc_check_stop(&c, 0, MR_STOP_CHAIN);
    init_crash(&c, 3, 10, 20);
    rc_commit(&c, 0, 'd', 3, 10, 20, 'b'); /* the chain of last is gone */
    rc_run(&c);
    rc_check_stop(&c, 0, MR_STOP_CHAIN);
}
