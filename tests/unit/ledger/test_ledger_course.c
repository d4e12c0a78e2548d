/* The live machine's course: two units at once, failures, the limit, closing, revocation, loss. */
#include "live_case.h"

Test(ledger_course, the_next_unit_is_loaded_meanwhile_and_decided_after)
{
    struct mr_live *live = make_open(false);
    mr_live_feed(live, 10);
    pass(live, MR_STEP_BEGIN, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_LOAD, 1, MR_ANSWER_OK);
    mr_live_feed(live, 20);
    T_TRUE(!mr_live_may_feed(live));
    struct mr_step decide = expect(live, MR_STEP_DECIDE, 1);
    T_INT_EQ(decide.content, 10);
    pass(live, MR_STEP_BEGIN, 2, MR_ANSWER_OK);
    pass(live, MR_STEP_LOAD, 2, MR_ANSWER_OK);
    expect(live, MR_STEP_NONE, 0);
    mr_live_answer(live, &decide, MR_ANSWER_OK, &member);
    struct mr_step commit = expect(live, MR_STEP_COMMIT, 1);
    expect(live, MR_STEP_NONE, 0);
    mr_live_answer(live, &commit, MR_ANSWER_OK, &member);
    T_INT_EQ(mr_live_committed(live), 10);
    T_TRUE(mr_live_may_feed(live));
    expect(live, MR_STEP_DECIDE, 2);
    mr_live_free(&live);
}

Test(ledger_course, a_failed_unit_takes_the_next_one_with_it_and_comes_first_again)
{
    struct mr_live *live = make_open(false);
    mr_live_feed(live, 10);
    mr_live_feed(live, 20);
    struct mr_step first = expect(live, MR_STEP_BEGIN, 1);
    struct mr_step second = expect(live, MR_STEP_BEGIN, 2);
    mr_live_answer(live, &second, MR_ANSWER_OK, &member);
    second = expect(live, MR_STEP_LOAD, 2);
    mr_live_answer(live, &first, MR_ANSWER_LOST, &member);
    first = expect(live, MR_STEP_ROLLBACK, 1);
    mr_live_answer(live, &first, MR_ANSWER_UNKNOWN, &member);
    expect(live, MR_STEP_NONE, 0); /* the second is still loading */
    mr_live_answer(live, &second, MR_ANSWER_OK, &member);
    second = expect(live, MR_STEP_ROLLBACK, 2);
    expect(live, MR_STEP_NONE, 0);
    mr_live_answer(live, &second, MR_ANSWER_OK, &member);
    first = expect(live, MR_STEP_BEGIN, 3);
    T_INT_EQ(first.content, 10);
    second = expect(live, MR_STEP_BEGIN, 4);
    T_INT_EQ(second.content, 20);
    mr_live_free(&live);
}

Test(ledger_course, a_failed_next_unit_leaves_the_one_before_alone)
{
    struct mr_live *live = make_open(false);
    mr_live_feed(live, 10);
    pass(live, MR_STEP_BEGIN, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_LOAD, 1, MR_ANSWER_OK);
    struct mr_step decide = expect(live, MR_STEP_DECIDE, 1);
    mr_live_feed(live, 20);
    pass(live, MR_STEP_BEGIN, 2, MR_ANSWER_ERROR);
    pass(live, MR_STEP_ROLLBACK, 2, MR_ANSWER_OK);
    pass(live, MR_STEP_BEGIN, 3, MR_ANSWER_OK);
    mr_live_answer(live, &decide, MR_ANSWER_OK, &member);
    expect(live, MR_STEP_COMMIT, 1);
    mr_live_free(&live);
}

Test(ledger_course, sixteen_numbers_above_the_last_committed_one_are_begun_and_no_more)
{
    struct mr_live *live = make_open(false);
    commit_unit(live, 1, 1);
    mr_live_feed(live, 2);
    for (uint64_t n = 2; n <= 1 + MR_FENCE_DISTANCE; n++) {
        pass(live, MR_STEP_BEGIN, n, MR_ANSWER_ERROR);
        pass(live, MR_STEP_ROLLBACK, n, MR_ANSWER_OK);
    }
    expect_end(live, MR_END_RECOVER);
    mr_live_free(&live);
}

Test(ledger_course, the_limit_waits_for_a_unit_that_may_lift_it)
{
    struct mr_live *live = make_open(false);
    mr_live_feed(live, 1);
    pass(live, MR_STEP_BEGIN, 1, MR_ANSWER_OK);
    struct mr_step load = expect(live, MR_STEP_LOAD, 1);
    mr_live_feed(live, 2);
    for (uint64_t n = 2; n <= MR_FENCE_DISTANCE; n++) {
        pass(live, MR_STEP_BEGIN, n, MR_ANSWER_ERROR);
        pass(live, MR_STEP_ROLLBACK, n, MR_ANSWER_OK);
    }
    expect(live, MR_STEP_NONE, 0);
    mr_live_answer(live, &load, MR_ANSWER_OK, &member);
    pass(live, MR_STEP_DECIDE, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_COMMIT, 1, MR_ANSWER_OK);
    expect(live, MR_STEP_BEGIN, MR_FENCE_DISTANCE + 1);
    mr_live_free(&live);
}

Test(ledger_course, the_limit_rolls_back_what_is_loaded_behind_it)
{
    struct mr_live *live = make_open(false);
    mr_live_feed(live, 1);
    for (uint64_t n = 1; n < MR_FENCE_DISTANCE; n++) {
        pass(live, MR_STEP_BEGIN, n, MR_ANSWER_ERROR);
        pass(live, MR_STEP_ROLLBACK, n, MR_ANSWER_OK);
    }
    struct mr_step first = expect(live, MR_STEP_BEGIN, MR_FENCE_DISTANCE);
    mr_live_feed(live, 2);
    expect(live, MR_STEP_NONE, 0);
    mr_live_answer(live, &first, MR_ANSWER_LOST, &member);
    pass(live, MR_STEP_ROLLBACK, MR_FENCE_DISTANCE, MR_ANSWER_ERROR);
    pass(live, MR_STEP_ROLLBACK, MR_FENCE_DISTANCE, MR_ANSWER_OK);
    expect_end(live, MR_END_RECOVER);
    mr_live_free(&live);
}

Test(ledger_course, predecessors_are_closed_after_the_first_visible_unit_and_again_when_it_failed)
{
    struct mr_live *live = make_open(true);
    commit_unit(live, 1, 1);
    pass(live, MR_STEP_VISIBLE, 1, MR_ANSWER_ALREADY);
    pass(live, MR_STEP_VISIBLE, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_CLOSE, 1, MR_ANSWER_LOST);
    expect(live, MR_STEP_NONE, 0);
    commit_unit(live, 2, 2);
    pass(live, MR_STEP_VISIBLE, 2, MR_ANSWER_OK);
    pass(live, MR_STEP_CLOSE, 2, MR_ANSWER_OK);
    commit_unit(live, 3, 3);
    expect(live, MR_STEP_NONE, 0);
    mr_live_free(&live);
}

Test(ledger_course, an_announce_is_loaded_again_under_the_next_number_until_it_is_seen)
{
    struct mr_live *live = make_live(false);
    pass(live, MR_STEP_ANNOUNCE, 1, MR_ANSWER_LOST);
    pass(live, MR_STEP_FIND_ANNOUNCE, 1, MR_ANSWER_ERROR);
    pass(live, MR_STEP_FIND_ANNOUNCE, 1, MR_ANSWER_UNKNOWN);
    pass(live, MR_STEP_ANNOUNCE, 2, MR_ANSWER_OK);
    pass(live, MR_STEP_FIND_ANNOUNCE, 2, MR_ANSWER_OK);
    pass(live, MR_STEP_COMMIT_CHAIN, 2, MR_ANSWER_LOST);
    pass(live, MR_STEP_READ_CHAIN, 2, MR_ANSWER_UNKNOWN);
    pass(live, MR_STEP_COMMIT_CHAIN, 2, MR_ANSWER_ERROR);
    pass(live, MR_STEP_READ_CHAIN, 2, MR_ANSWER_OK);
    T_TRUE(mr_live_may_feed(live));
    mr_live_free(&live);
}

/* One unit past its decision and one loaded behind it. */
static struct mr_live *
make_two(struct mr_step *ret_decide)
{
    struct mr_live *live = make_open(false);
    mr_live_feed(live, 1);
    mr_live_feed(live, 2);
    pass(live, MR_STEP_BEGIN, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_LOAD, 1, MR_ANSWER_OK);
    *ret_decide = expect(live, MR_STEP_DECIDE, 1);
    pass(live, MR_STEP_BEGIN, 2, MR_ANSWER_OK);
    pass(live, MR_STEP_LOAD, 2, MR_ANSWER_OK);
    return live;
}

Test(ledger_course, revoked_finishes_what_is_past_its_decision_and_rolls_the_rest_back)
{
    struct mr_step decide;
    struct mr_live *live = make_two(&decide);
    mr_live_revoke(live, false);
    T_TRUE(!mr_live_may_feed(live));
    pass(live, MR_STEP_ROLLBACK, 2, MR_ANSWER_OK);
    expect(live, MR_STEP_NONE, 0);
    mr_live_answer(live, &decide, MR_ANSWER_OK, &member);
    pass(live, MR_STEP_COMMIT, 1, MR_ANSWER_OK);
    expect_end(live, MR_END_REVOKED);
    T_INT_EQ(mr_live_committed(live), 1);
    mr_live_free(&live);
}

Test(ledger_course, revoked_with_time_finishes_everything)
{
    struct mr_step decide;
    struct mr_live *live = make_two(&decide);
    mr_live_revoke(live, true);
    mr_live_answer(live, &decide, MR_ANSWER_OK, &member);
    pass(live, MR_STEP_COMMIT, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_DECIDE, 2, MR_ANSWER_OK);
    pass(live, MR_STEP_COMMIT, 2, MR_ANSWER_OK);
    expect_end(live, MR_END_REVOKED);
    mr_live_free(&live);
}

Test(ledger_course, revoked_whose_time_runs_out_rolls_back_what_is_not_asked)
{
    struct mr_step decide;
    struct mr_live *live = make_two(&decide);
    mr_live_revoke(live, true);
    mr_live_revoke(live, false);
    mr_live_revoke(live, true); /* too late */
    pass(live, MR_STEP_ROLLBACK, 2, MR_ANSWER_OK);
    mr_live_answer(live, &decide, MR_ANSWER_OK, &member);
    pass(live, MR_STEP_COMMIT, 1, MR_ANSWER_OK);
    expect_end(live, MR_END_REVOKED);
    mr_live_free(&live);
}

Test(ledger_course, revoked_decides_nothing_after_a_decided_unit_that_the_sink_refuses)
{
    struct mr_step decide;
    struct mr_live *live = make_two(&decide);
    mr_live_revoke(live, true);
    mr_live_answer(live, &decide, MR_ANSWER_OK, &member);
    pass(live, MR_STEP_COMMIT, 1, MR_ANSWER_ABORTED);
    pass(live, MR_STEP_ROLLBACK, 2, MR_ANSWER_OK);
    expect_end(live, MR_END_REVOKED);
    mr_live_free(&live);
}

Test(ledger_course, revoked_with_time_tries_a_failed_unit_again)
{
    struct mr_live *live = make_open(false);
    mr_live_feed(live, 1);
    mr_live_revoke(live, true);
    pass(live, MR_STEP_BEGIN, 1, MR_ANSWER_ERROR);
    pass(live, MR_STEP_ROLLBACK, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_BEGIN, 2, MR_ANSWER_OK);
    mr_live_free(&live);
}

Test(ledger_course, revoked_before_the_chain_is_open_waits_for_its_answer_only)
{
    struct mr_live *live = make_live(false);
    struct mr_step step = expect(live, MR_STEP_ANNOUNCE, 1);
    mr_live_revoke(live, true);
    expect(live, MR_STEP_NONE, 0);
    mr_live_answer(live, &step, MR_ANSWER_OK, &member);
    expect_end(live, MR_END_REVOKED);
    mr_live_answer(live, &step, MR_ANSWER_OK, &member); /* ignored after the end */
    mr_live_free(&live);
}

Test(ledger_course, revoked_during_a_recovery_to_come_is_revoked)
{
    struct mr_step decide;
    struct mr_live *live = make_two(&decide);
    mr_live_answer(live, &decide, MR_ANSWER_OK, &member);
    pass(live, MR_STEP_COMMIT, 1, MR_ANSWER_UNKNOWN);
    mr_live_revoke(live, true);
    pass(live, MR_STEP_ROLLBACK, 2, MR_ANSWER_OK);
    expect_end(live, MR_END_REVOKED);
    mr_live_free(&live);
}

Test(ledger_course, lost_sends_no_commit_and_rolls_back_only_what_was_never_asked)
{
    struct mr_step decide, step;
    struct mr_live *live = make_two(&decide);
    mr_live_next(live, &the_lost, &step);
    T_INT_EQ(step.kind, MR_STEP_ROLLBACK);
    T_INT_EQ(step.number, 2);
    mr_live_answer(live, &decide, MR_ANSWER_OK, &the_lost); /* left to the successor */
    mr_live_revoke(live, true);
    mr_live_answer(live, &step, MR_ANSWER_ERROR, &the_lost);
    mr_live_next(live, &the_lost, &step);
    T_INT_EQ(step.end, MR_END_LEFT);
    mr_live_free(&live);
}

Test(ledger_course, a_topic_that_is_gone_stops_the_decision_and_leads_to_recovery)
{
    struct mr_standing gone = member;
    struct mr_step step;
    struct mr_live *live = make_open(false);
    mr_live_feed(live, 1);
    mr_live_feed(live, 2);
    pass(live, MR_STEP_BEGIN, 1, MR_ANSWER_OK);
    struct mr_step load = expect(live, MR_STEP_LOAD, 1);
    pass(live, MR_STEP_BEGIN, 2, MR_ANSWER_OK);
    mr_live_answer(live, &load, MR_ANSWER_OK, &member);
    gone.topics_known = false;
    mr_live_next(live, &gone, &step);
    T_INT_EQ(step.kind, MR_STEP_ROLLBACK);
    mr_live_answer(live, &step, MR_ANSWER_OK, &gone);
    pass(live, MR_STEP_ROLLBACK, 1, MR_ANSWER_OK);
    expect_end(live, MR_END_RECOVER);
    mr_live_free(&live);
}

Test(ledger_course, metadata_that_the_broker_would_refuse_is_not_sent)
{
    struct mr_standing narrow = member;
    struct mr_step step;
    struct mr_live *live = make_open(false);
    mr_live_feed(live, 1);
    pass(live, MR_STEP_BEGIN, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_LOAD, 1, MR_ANSWER_OK);
    narrow.metadata_fits = false;
    mr_live_next(live, &narrow, &step);
    T_INT_EQ(step.kind, MR_STEP_ROLLBACK);
    mr_live_answer(live, &step, MR_ANSWER_OK, &narrow);
    expect_end(live, MR_END_STOPPED);
    T_INT_EQ(mr_live_stop(live), MR_STOP_METADATA_SIZE);
    mr_live_free(&live);
}

Test(ledger_course, every_step_has_a_name)
{
    for (int kind = 0; kind < MR_STEP_COUNT; kind++) {
        T_TRUE(strlen(mr_step_name((enum mr_step_kind)kind)) > 0);
    }
}

Test(ledger_course, metadata_that_the_broker_does_not_take_stops_a_chain_before_it_is_in_force)
{
    struct mr_standing narrow = member;
    struct mr_step step;
    struct mr_live *live = make_live(false);
    narrow.metadata_fits = false;
    pass(live, MR_STEP_ANNOUNCE, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_FIND_ANNOUNCE, 1, MR_ANSWER_OK);
    mr_live_next(live, &narrow, &step);
    T_INT_EQ(step.kind, MR_STEP_END);
    T_INT_EQ(step.end, MR_END_STOPPED);
    T_INT_EQ(mr_live_stop(live), MR_STOP_METADATA_SIZE);
    mr_live_free(&live);
}
