/* The failure table, a test a row: what the machines do about it. Rows whose cause lies outside of
 * them are tested with what the machines are told. F15 to F26. */
#include "failure_case.h"

Test(ledger_failures_15, F15_a_partial_commit_is_sent_again_by_a_live_owner)
{
    struct mr_live *live = make_loaded();
    pass(live, MR_STEP_DECIDE, 1, MR_ANSWER_ERROR);
    pass(live, MR_STEP_READ_UNIT, 1, MR_ANSWER_UNKNOWN);
    pass(live, MR_STEP_DECIDE, 1, MR_ANSWER_OK);
    expect(live, MR_STEP_COMMIT, 1);
    mr_live_free(&live);
}

/* p0 was told of (b, 3), p1 was not: whoever comes first decides for both. */
static void
init_partial(struct rc_case *c)
{
    rc_init(c, 2);
    rc_commit(c, 0, 'b', 3, 10, 20, 'b');
    rc_commit(c, 1, 'b', 2, 40, 50, 'b');
    rc_row(c, 0, 'b', 1, 0, false);
    rc_row(c, 1, 'b', 1, 0, false);
    rc_ledger(c, 0, 'b', 2, 10);
    rc_ledger(c, 1, 'b', 2, 50);
    rc_label(c, 'b', 3, RC_OPEN, 20);
}

Test(ledger_failures_15, F15_the_first_commit_or_rollback_wins_for_all_partitions)
{
    struct rc_case c;
    init_partial(&c);
    rc_run(&c); /* one owner of both: p0 comes first */
    T_INT_EQ(c.labels[0].state, RC_VISIBLE);
    rc_check_start(&c, 0, 20, 0);
    rc_check_start(&c, 1, 50, 0); /* unless the unit had rows of p1, whose end would tell */
    init_partial(&c);
    c.labels[0].state = RC_ABORTED; /* the owner of p1 came first */
    rc_run(&c);
    rc_check_replay(&c, 0, 10, 20);
    rc_check_start(&c, 1, 50, 0);
}

Test(ledger_failures_15, F16_a_label_that_exists_is_rolled_back_and_the_next_number_is_begun)
{
    struct mr_live *live = make_loaded();
    pass(live, MR_STEP_DECIDE, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_COMMIT, 1, MR_ANSWER_OK);
    mr_live_feed(live, 2);
    pass(live, MR_STEP_BEGIN, 2, MR_ANSWER_ALREADY);
    pass(live, MR_STEP_ROLLBACK, 2, MR_ANSWER_ERROR);
    pass(live, MR_STEP_ROLLBACK, 2, MR_ANSWER_OK);
    pass(live, MR_STEP_BEGIN, 3, MR_ANSWER_ALREADY);
    pass(live, MR_STEP_ROLLBACK, 3, MR_ANSWER_ALREADY); /* committed, and not by us */
    free_ended(live, MR_END_RECOVER);
}

Test(ledger_failures_15, F17_no_start_is_taken_before_every_committed_label_is_visible)
{
    struct rc_case c;
    init_crash(&c, 2, 5, 10);
    rc_label(&c, 'b', 3, RC_COMMITTED, 20); /* found by the fence */
    rc_run(&c);
    rc_check_start(&c, 0, 20, MR_ALARM_AHEAD);
    T_INT_EQ(c.waits, 2);
    init_crash(&c, 3, 10, 20);
    rc_label(&c, 'b', 3, RC_COMMITTED, 20); /* last itself */
    rc_run(&c);
    rc_check_start(&c, 0, 20, 0);
}

Test(ledger_failures_15, F18_a_sink_that_is_down_costs_no_numbers_while_nothing_can_be_confirmed)
{
    struct mr_live *live = make_loaded();
    struct mr_step decide = expect(live, MR_STEP_DECIDE, 1);
    mr_live_feed(live, 2);
    pass(live, MR_STEP_BEGIN, 2, MR_ANSWER_LOST);
    for (int i = 0; i < 100; i++) {
        pass(live, MR_STEP_ROLLBACK, 2, MR_ANSWER_LOST);
    }
    T_TRUE(!mr_live_may_feed(live)); /* two units a member, and no more */
    mr_live_answer(live, &decide, MR_ANSWER_OK, &member);
    for (int i = 0; i < 100; i++) {
        struct mr_step commit = expect(live, MR_STEP_COMMIT, 1);
        pass(live, MR_STEP_ROLLBACK, 2, MR_ANSWER_LOST);
        mr_live_answer(live, &commit, MR_ANSWER_LOST, &member);
    }
    mr_live_free(&live);
}

Test(ledger_failures_15, F19_while_the_coordinator_is_down_nothing_is_rolled_back)
{
    struct mr_live *live = make_loaded();
    mr_live_feed(live, 2);
    struct mr_step decide = expect(live, MR_STEP_DECIDE, 1);
    pass(live, MR_STEP_BEGIN, 2, MR_ANSWER_OK);
    pass(live, MR_STEP_LOAD, 2, MR_ANSWER_OK);
    expect(live, MR_STEP_NONE, 0);
    mr_live_answer(live, &decide, MR_ANSWER_LOST, &member);
    for (int i = 0; i < 50; i++) {
        pass(live, MR_STEP_READ_UNIT, 1, MR_ANSWER_LOST);
    }
    mr_live_free(&live);
}

Test(ledger_failures_15, F20_a_full_replay_does_not_ask_for_the_former_configuration)
{
    struct rc_case c;
    init_crash(&c, 3, 10, 20);
    rc_label(&c, 'b', 3, RC_ABORTED, 0);
    c.options.config = 2;
    rc_run(&c);
    rc_check_replay(&c, 0, 10, 20);
}

Test(ledger_failures_15, F21_metadata_of_another_pipeline_stops_before_anything_is_touched)
{
    struct rc_case c;
    init_crash(&c, 3, 10, 20);
    c.committed[0].kind = MR_METADATA_OTHER_PIPELINE;
    rc_label(&c, 'b', 4, RC_OPEN, 0);
    rc_run(&c);
    rc_check_stop(&c, 0, MR_STOP_OTHER_PIPELINE);
    T_INT_EQ(c.rollbacks + c.commits + c.states, 0);
    T_INT_EQ(c.labels[1].state, RC_OPEN);
}

Test(ledger_failures_15, F22_a_unit_without_rows_of_data_is_decided_like_any_other)
{
    struct mr_metadata metadata = {.pipeline = "p",
                                   .last = {the_chain, 1},
                                   .start = 5,
                                   .tables = 0, /* the ledger row alone */
                                   .in_force = the_chain,
                                   .event_time_us = INT64_MIN};
    struct mr_metadata again;
    char text[MR_METADATA_CHARS + 1];
    mr_metadata_encode(&metadata, text);
    T_INT_EQ(mr_metadata_decode(mr_slice_of(text), "p", &again), MR_METADATA_OURS);
    T_TRUE(again.tables == 0);
    T_INT_EQ(mr_label_count(MR_MODE_MULTI, 0), 1);
    T_INT_EQ(mr_label_count(MR_MODE_SINGLE, 0), 2); /* arbiter and ledger */
}

Test(ledger_failures_15, F24_the_post_check_leaves_a_unit_that_nobody_may_have_decided)
{
    struct mr_live *live = make_loaded();
    struct mr_step step = expect(live, MR_STEP_DECIDE, 1);
    struct mr_standing stale = member;
    stale.generation = -1;
    mr_live_answer(live, &step, MR_ANSWER_OK, &stale);
    mr_live_next(live, &stale, &step);
    T_INT_EQ(step.kind, MR_STEP_END); /* neither COMMIT nor ROLLBACK */
    T_INT_EQ(step.end, MR_END_LEFT);
    mr_live_free(&live);
}

Test(ledger_failures_15, F24_a_stray_decision_is_committed_unless_a_successor_overtook_it_anywhere)
{
    struct rc_case c;
    init_crash(&c, 3, 10, 20);
    rc_label(&c, 'b', 3, RC_OPEN, 20);
    rc_row(&c, 1, 'b', 1, 70, false); /* the chain had another partition */
    rc_row(&c, 1, 'c', 2, 70, false);
    rc_run(&c);
    T_INT_EQ(c.labels[1].state, RC_VISIBLE);
    init_crash(&c, 3, 10, 20);
    rc_label(&c, 'b', 3, RC_OPEN, 20);
    rc_row(&c, 1, 'b', 1, 70, false);
    rc_row(&c, 1, 'c', 2, 70, false);
    rc_ledger(&c, 1, 'c', 1, 75); /* and a successor loaded there */
    rc_run(&c);
    T_INT_EQ(c.labels[1].state, RC_ABORTED);
    rc_check_replay(&c, 0, 10, 20);
    T_INT_EQ(c.verdict[0].alarms, MR_ALARM_OVERTAKEN);
}

Test(ledger_failures_15, F24_an_overtaken_label_that_is_committed_already_counts)
{
    struct rc_case c;
    struct mr_step step;
    init_crash(&c, 3, 10, 20);
    rc_row(&c, 1, 'b', 1, 70, false);
    rc_ledger(&c, 1, 'c', 1, 75);
    rc_label(&c, 'b', 3, RC_OPEN, 20);
    struct mr_recovery *recovery = rc_make(&c);
    mr_recovery_next(recovery, &c.taken, &step);
    while (step.kind != MR_STEP_ROLLBACK || step.number != 3) {
        T_INT_EQ(rc_answer(&c, recovery, &step), MR_OK);
        mr_recovery_next(recovery, &c.taken, &step);
    }
    c.labels[1].state = RC_COMMITTED; /* by somebody else, just now */
    while (step.kind != MR_STEP_END) {
        T_INT_EQ(rc_answer(&c, recovery, &step), MR_OK);
        mr_recovery_next(recovery, &c.taken, &step);
    }
    uint32_t count;
    const struct mr_verdict *verdict = mr_recovery_verdicts(recovery, &count);
    T_INT_EQ(verdict->settled, MR_SETTLED_COMMITTED);
    T_INT_EQ(verdict->start, 20);
    mr_recovery_free(&recovery);
}

Test(ledger_failures_15, F25_labels_later_than_regressed_metadata_are_found_through_the_registry)
{
    struct rc_case c;
    rc_init(&c, 1);
    rc_commit(&c, 0, 'a', 1, 0, 5, 'a'); /* an announce of chain a, delivered late */
    rc_row(&c, 0, 'a', 1, 0, true);
    rc_row(&c, 0, 'b', 2, 5, false);
    rc_ledger(&c, 0, 'b', 2, 10);
    rc_label(&c, 'a', 1, RC_VISIBLE, 5);
    rc_label(&c, 'b', 2, RC_VISIBLE, 10);
    rc_label(&c, 'b', 3, RC_COMMITTED, 20);
    rc_label(&c, 'b', 4, RC_OPEN, 30);
    rc_run(&c);
    T_INT_EQ(c.labels[3].state, RC_ABORTED);
    rc_check_start(&c, 0, 20, MR_ALARM_AHEAD);
}

Test(ledger_failures_15, F26_a_topic_that_is_no_longer_the_same_is_recovered_not_decided)
{
    struct mr_live *live = make_loaded();
    struct mr_standing gone = member;
    struct mr_step step;
    gone.topics_known = false;
    mr_live_next(live, &gone, &step);
    T_INT_EQ(step.kind, MR_STEP_ROLLBACK);
    mr_live_answer(live, &step, MR_ANSWER_OK, &gone);
    free_ended(live, MR_END_RECOVER);
}
