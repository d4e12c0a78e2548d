/* Exactly once: what a chain does, in which order, and how it ends. The world itself demands each
 * row once, all partitions in each commit, and no COMMIT before its decision. */
#include "test.h"

#include "app/exact_priv.h"
#include "exact_case.h"

Test(app_exact, a_chain_is_in_the_registry_and_in_force_before_its_first_transaction)
{
    static struct app_case c;
    uint32_t announced, found, in_force, begun, decided, in;
    exact_case_open(&c, &(struct world_options){.records = 1000});
    app_case_run_exact(&c);
    struct mr_chain chain = app_case_event(&c, MR_STEP_ANNOUNCE, 0, &announced).chain;
    T_INT_EQ(app_case_event(&c, MR_STEP_FIND_ANNOUNCE, 0, &found).count, 2);
    struct world_event event = app_case_event(&c, MR_STEP_COMMIT_CHAIN, 0, &in_force);
    T_TRUE(mr_chain_equal(&event.chain, &chain));
    event = app_case_event(&c, MR_STEP_BEGIN, 0, &begun);
    T_TRUE(mr_chain_equal(&event.chain, &chain));
    (void)app_case_event(&c, MR_STEP_DECIDE, 0, &decided);
    T_TRUE(!app_case_event(&c, MR_STEP_COMMIT, 0, &in).recovering);
    T_TRUE(announced < found && found < in_force && in_force < begun && begun < decided &&
           decided < in);
    app_case_close(&c);
}

static bool
lose_first_announce(struct world *world, const struct world_event *event,
                    const _Atomic bool *give_up, enum mr_outcome *ret_outcome)
{
    (void)world;
    (void)give_up;
    *ret_outcome = MR_OUTCOME_RETRY;
    return event->kind == MR_STEP_ANNOUNCE && atomic_fetch_add(&exact_script.failed, 1) == 0;
}

Test(app_exact, nothing_is_begun_while_the_registry_does_not_show_the_chain)
{
    static struct app_case c;
    uint32_t place, begun;
    exact_case_open(&c, &(struct world_options){.records = 500, .txn = lose_first_announce});
    app_case_run_exact(&c);
    T_INT_EQ(app_case_event(&c, MR_STEP_FIND_ANNOUNCE, 0, &place).count, 0);
    T_INT_EQ(app_case_event(&c, MR_STEP_ANNOUNCE, place, &place).n, 2);
    (void)app_case_event(&c, MR_STEP_BEGIN, 0, &begun);
    T_TRUE(place < begun);
    app_case_close(&c);
}

Test(app_exact, every_decision_lists_all_partitions_also_those_of_which_the_unit_took_nothing)
{
    static struct app_case c;
    uint32_t place = 0, last;
    exact_case_open(&c, &(struct world_options){.records = 40, .partitions = 6, .batch_most = 1});
    c.world.config.flush.rows = 20;
    app_case_run_exact(&c);
    uint32_t decisions = app_case_count(&c, MR_STEP_DECIDE, 0);
    T_TRUE(decisions > 1);
    for (uint32_t i = 0; i < decisions; i++, place = last + 1)
        T_INT_EQ(app_case_event(&c, MR_STEP_DECIDE, place, &last).count, 6);
    app_case_close(&c);
}

static enum mr_answer
fence_first_decision(struct world *world, const struct world_event *event)
{
    if (event->kind != MR_STEP_DECIDE || atomic_fetch_add(&exact_script.failed, 1) > 0)
        return MR_ANSWER_OK;
    exact_script.chain = event->chain;
    atomic_store(&world->order, WORLD_ORDER_EVICT);
    return MR_ANSWER_FENCED;
}

Test(app_exact, who_is_fenced_commits_nothing_and_takes_nothing_until_the_next_chain)
{
    static struct app_case c;
    exact_case_open(&c, &(struct world_options){.records = 3000, .batch_most = 40,
                                                .offsets = fence_first_decision});
    app_case_run_exact(&c);
    T_TRUE(exact_script.failed > 1);
    T_INT_EQ(c.world.tallies.lost, 1);
    for (uint32_t i = 0; i < c.world.event_count; i++)
        T_TRUE(c.world.events[i].kind != MR_STEP_COMMIT ||
               !mr_chain_equal(&c.world.events[i].chain, &exact_script.chain));
    app_case_close(&c);
}

Test(app_exact, after_a_good_answer_to_who_is_no_member_any_more_recovery_alone_commits)
{
    static struct app_case c;
    exact_case_open(&c, &(struct world_options){.records = 400, .batch_most = 40,
                                                .chances = {.moved = 1}});
    app_case_run_exact(&c);
    T_TRUE(c.world.tallies.moved > 0);
    for (uint32_t i = 0; i < c.world.event_count; i++)
        T_TRUE(c.world.events[i].kind != MR_STEP_COMMIT || c.world.events[i].recovering);
    app_case_close(&c);
}

static bool
abort_first(struct world *world, const struct world_event *event, const _Atomic bool *give_up,
            enum mr_outcome *ret_outcome)
{
    (void)give_up;
    (void)ret_outcome;
    if (event->kind == MR_STEP_COMMIT && atomic_fetch_add(&exact_script.failed, 1) == 0)
        world_abort(world, &event->chain, event->n);
    return false;
}

static void
check_replay(bool interrupted)
{
    static struct app_case c;
    const struct world_options options = {.records = 1500, .batch_most = 20, .txn = abort_first,
                                          .revoke_in_replay = interrupted};
    exact_case_open(&c, &options);
    c.world.config.flush.every_ms = 1000;
    c.world.config.flush.rows = 400; /* the second time it would be cut at the same number */
    app_case_run_exact(&c);
    T_INT_EQ(c.world.tallies.aborted, 1);
    T_INT_EQ(c.world.tallies.restarts, 1);
    T_INT_EQ(c.world.tallies.replays, interrupted ? 2 : 1);
    T_INT_EQ(c.world.tallies.orderly, interrupted ? 2 : 1); /* and at the end */
    T_INT_EQ(app_case_metric(&c, MR_M_CUT_REPLAY), 1);
    app_case_close(&c);
}

Test(app_exact, a_decided_unit_that_the_sink_aborted_is_read_again_as_one)
{
    check_replay(false);
}

Test(app_exact, a_replay_that_is_interrupted_is_read_again_as_a_whole)
{
    check_replay(true);
}

Test(app_exact, an_orderly_revocation_leaves_nothing_for_the_next_owner_to_settle)
{
    static struct app_case c;
    exact_case_open(&c, &(struct world_options){.records = 2000, .batch_most = 60, .rebalances = 4,
                                                .chances = {.rebalance = 30}});
    app_case_run_exact(&c);
    T_TRUE(c.world.tallies.orderly > 1);
    T_INT_EQ(c.world.tallies.replays, 0);
    for (uint32_t i = 0; i < c.world.event_count; i++)
        T_TRUE(c.world.events[i].kind != MR_STEP_COMMIT || !c.world.events[i].recovering);
    app_case_close(&c);
}
