/* Exactly once: what a chain does, in which order, and how it ends. The world itself demands each row
 * once, all partitions in each commit, and no COMMIT before its decision. */
#include "test.h"

#include <stdio.h>

#include "app/exact_priv.h"
#include "app_case.h"
#include "millrace/base/clock.h"

/* What a hook knows. */
struct script {
    _Atomic uint32_t failed;      /* calls that the hook made fail */
    _Atomic bool hold_load, held; /* LOADs wait for their end; one did */
    _Atomic bool hold_commit;
    struct mr_chain chain; /* of the first failure; read after the run */
    int64_t failed_ms;
    _Atomic int64_t begun_ms; /* the first BEGIN after it */
};

static struct script script;

static void
open_case(struct app_case *c, const struct world_options *options)
{
    struct world_options exact = *options;
    memset(&script, 0, sizeof script);
    exact.exact = true;
    app_case_open(c, &exact);
    c->world.config.threads.loaders = 8; /* a LOAD that is held holds up no other */
    app_case_build(c);
}

Test(app_exact, a_chain_is_in_the_registry_and_in_force_before_its_first_transaction)
{
    static struct app_case c;
    uint32_t announced, found, in_force, begun, decided, in;
    open_case(&c, &(struct world_options){.records = 1000});
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
    return event->kind == MR_STEP_ANNOUNCE && atomic_fetch_add(&script.failed, 1) == 0;
}

Test(app_exact, nothing_is_begun_while_the_registry_does_not_show_the_chain)
{
    static struct app_case c;
    uint32_t place, begun;
    open_case(&c, &(struct world_options){.records = 500, .txn = lose_first_announce});
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
    open_case(&c, &(struct world_options){.records = 40, .partitions = 6, .batch_most = 1});
    c.world.config.flush.rows = 20;
    app_case_run_exact(&c);
    uint32_t decisions = app_case_count(&c, MR_STEP_DECIDE, 0);
    T_TRUE(decisions > 1);
    for (uint32_t i = 0; i < decisions; i++, place = last + 1)
        T_INT_EQ(app_case_event(&c, MR_STEP_DECIDE, place, &last).count, 6);
    app_case_close(&c);
}

static bool
fail_first_load(struct world *world, const struct world_event *event, const _Atomic bool *give_up,
                enum mr_outcome *ret_outcome)
{
    int64_t never = 0;
    (void)world;
    (void)give_up;
    if (event->kind == MR_STEP_BEGIN && atomic_load(&script.failed) > 0)
        (void)atomic_compare_exchange_strong(&script.begun_ms, &never, mr_clock_monotonic_ms());
    if (event->kind != MR_STEP_LOAD || event->n != 1 || event->table != WORLD_DETAIL)
        return false;
    script.failed_ms = mr_clock_monotonic_ms();
    atomic_fetch_add(&script.failed, 1);
    *ret_outcome = MR_OUTCOME_RETRY;
    return true;
}

Test(app_exact, a_load_that_fails_is_rolled_back_and_made_again_under_a_later_number_after_a_pause)
{
    static struct app_case c;
    uint32_t undone;
    open_case(&c, &(struct world_options){.records = 300, .txn = fail_first_load});
    c.world.config.flush.every_ms = 400; /* one unit: the second would be begun beside the first */
    app_case_run_exact(&c);
    T_INT_EQ(script.failed, 1);
    T_INT_EQ(app_case_event(&c, MR_STEP_ROLLBACK, 0, &undone).n, 1);
    T_INT_EQ(app_case_event(&c, MR_STEP_BEGIN, undone, &undone).n, 2);
    T_INT_EQ(app_case_count(&c, MR_STEP_COMMIT, 1), 0);
    T_INT_EQ(app_case_count(&c, MR_STEP_DECIDE, 1), 0);
    T_TRUE(atomic_load(&script.begun_ms) - script.failed_ms >= 50);
    app_case_close(&c);
}

static enum mr_answer
fence_first_decision(struct world *world, const struct world_event *event)
{
    if (event->kind != MR_STEP_DECIDE || atomic_fetch_add(&script.failed, 1) > 0)
        return MR_ANSWER_OK;
    script.chain = event->chain;
    atomic_store(&world->order, WORLD_ORDER_EVICT);
    return MR_ANSWER_FENCED;
}

Test(app_exact, who_is_fenced_commits_nothing_and_takes_nothing_until_the_next_chain)
{
    static struct app_case c;
    open_case(&c, &(struct world_options){.records = 3000, .batch_most = 40,
                                          .offsets = fence_first_decision});
    app_case_run_exact(&c);
    T_TRUE(script.failed > 1);
    T_INT_EQ(c.world.tallies.lost, 1);
    for (uint32_t i = 0; i < c.world.event_count; i++)
        T_TRUE(c.world.events[i].kind != MR_STEP_COMMIT ||
               !mr_chain_equal(&c.world.events[i].chain, &script.chain));
    app_case_close(&c);
}

Test(app_exact, after_a_good_answer_to_who_is_no_member_any_more_recovery_alone_commits)
{
    static struct app_case c;
    open_case(&c, &(struct world_options){.records = 400, .batch_most = 40, .chances = {.moved = 1}});
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
    if (event->kind == MR_STEP_COMMIT && atomic_fetch_add(&script.failed, 1) == 0)
        world_abort(world, &event->chain, event->n);
    return false;
}

/* Recovery asks again for the COMMIT of a unit that was aborted. */
static bool
is_open(struct world *world, const struct world_event *event)
{
    pthread_mutex_lock(&world->lock);
    const struct world_txn *txn = world_find_txn(world, &event->chain, event->n);
    bool open = txn && txn->state == WORLD_OPEN;
    pthread_mutex_unlock(&world->lock);
    return open;
}

/* script.begun_ms: of the first chain that is announced after the third one. */
static bool
abort_three(struct world *world, const struct world_event *event, const _Atomic bool *give_up,
            enum mr_outcome *ret_outcome)
{
    int64_t never = 0;
    (void)give_up;
    (void)ret_outcome;
    if (event->kind == MR_STEP_ANNOUNCE && atomic_load(&script.failed) == 3)
        (void)atomic_compare_exchange_strong(&script.begun_ms, &never, mr_clock_monotonic_ms());
    if (event->kind != MR_STEP_COMMIT || atomic_load(&script.failed) == 3 ||
        !is_open(world, event))
        return false;
    world_abort(world, &event->chain, event->n);
    script.failed_ms = mr_clock_monotonic_ms();
    atomic_fetch_add(&script.failed, 1);
    return false;
}

Test(app_exact, recoveries_are_further_and_further_apart_while_only_the_commits_fail)
{
    static struct app_case c;
    open_case(&c, &(struct world_options){.records = 300, .txn = abort_three});
    c.world.config.flush.every_ms = 200;
    app_case_run_exact(&c);
    T_INT_EQ(c.world.tallies.aborted, 3);
    T_TRUE(atomic_load(&script.begun_ms) - script.failed_ms >= 200);
    app_case_close(&c);
}

static void
check_replay(bool interrupted)
{
    static struct app_case c;
    const struct world_options options = {.records = 1500, .batch_most = 20, .txn = abort_first,
                                          .revoke_in_replay = interrupted};
    open_case(&c, &options);
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
    open_case(&c, &(struct world_options){.records = 2000, .batch_most = 60, .rebalances = 4,
                                          .chances = {.rebalance = 30}});
    app_case_run_exact(&c);
    T_TRUE(c.world.tallies.orderly > 1);
    T_INT_EQ(c.world.tallies.replays, 0);
    for (uint32_t i = 0; i < c.world.event_count; i++)
        T_TRUE(c.world.events[i].kind != MR_STEP_COMMIT || !c.world.events[i].recovering);
    app_case_close(&c);
}

/* ---- by hand: the test is feed ---- */

static enum mr_rc
take_positions(void *context, const struct mr_span *spans, uint32_t count)
{
    struct mr_app *app = context;
    T_INT_EQ(count, 1);
    T_INT_EQ(mr_ledger_assign(app->ledger, &spans[0]), MR_OK);
    return mri_exact_begin(app, spans, count);
}

static enum mr_rc
take_starts(void *context, struct mr_span *spans, int64_t *until, uint32_t count)
{
    (void)context;
    (void)spans;
    (void)until;
    (void)count;
    return MR_OK;
}

static void
ignore_revocation(void *context, bool lost)
{
    (void)context;
    (void)lost;
}

static void
open_hand(struct app_case *c, const struct world_options *options)
{
    struct world_options exact = *options;
    exact.blind = true;
    exact.partitions = 1;
    exact.records = 100;
    open_case(c, &exact);
    const struct mr_consumer_events events = {c->app, take_starts, take_positions,
                                              ignore_revocation};
    app_case_start_loaders(c);
    T_INT_EQ(mr_consumer_new(&c->world.config, &events, &c->app->consumer, &c->error), MR_OK);
    T_INT_EQ(mr_consumer_subscribe(c->app->consumer, &c->error), MR_OK);
    while (!c->app->exact->live)
        T_INT_EQ(mr_consumer_fill(c->app->consumer, NULL, 1, &c->error), MR_OK);
}

static void
close_hand(struct app_case *c)
{
    mr_consumer_free(&c->app->consumer);
    app_case_join_loaders(c);
    T_TRUE(!c->app->units);
    mr_fold_trim(c->app->fold);
    T_INT_EQ(mr_budget_used(&c->app->budget), c->app->batch_fixed);
    app_case_close(c);
}

static void
pump_until(struct app_case *c, bool (*done)(struct app_case *c))
{
    for (int64_t start_ms = mr_clock_monotonic_ms(); !done(c); mr_clock_sleep_ms(1)) {
        mri_exact_pump(c->app);
        T_TRUE(mr_clock_monotonic_ms() - start_ms < 20000);
    }
}

/* The COMMIT of the first unit lasts until the LOAD of the second is given up. */
static bool
hold_both(struct world *world, const struct world_event *event, const _Atomic bool *give_up,
          enum mr_outcome *ret_outcome)
{
    (void)world;
    *ret_outcome = MR_OUTCOME_RETRY;
    if (event->kind == MR_STEP_COMMIT) {
        atomic_store(&script.hold_commit, true);
        while (atomic_load(&script.failed) == 0)
            mr_clock_sleep_ms(1);
        return false;
    }
    if (event->kind != MR_STEP_LOAD || event->n != 2)
        return false;
    atomic_store(&script.held, true);
    while (!atomic_load(give_up))
        mr_clock_sleep_ms(1);
    atomic_fetch_add(&script.failed, 1);
    return true;
}

static bool
both_are_held(struct app_case *c)
{
    (void)c;
    return atomic_load(&script.hold_commit) && atomic_load(&script.held);
}

Test(app_exact, when_partitions_go_the_decided_unit_is_committed_and_the_other_one_rolled_back)
{
    static struct app_case c;
    uint32_t place;
    open_hand(&c, &(struct world_options){.txn = hold_both});
    for (int i = 0; i < 2; i++)
        mri_land(c.app, app_case_unit(&c));
    pump_until(&c, both_are_held);
    mri_exact_leave(c.app);
    T_TRUE(!c.app->exact->live);
    T_INT_EQ(app_case_event(&c, MR_STEP_COMMIT, 0, &place).outcome, MR_OUTCOME_DONE);
    T_INT_EQ(app_case_event(&c, MR_STEP_ROLLBACK, 0, &place).n, 2);
    T_INT_EQ(app_case_count(&c, MR_STEP_COMMIT, 0), 1);
    T_INT_EQ(app_case_count(&c, MR_STEP_DECIDE, 2), 0);
    T_INT_EQ(c.app->landed_records, 10);
    T_INT_EQ(app_case_metric(&c, MR_M_UNITS_FAILED), 1);
    close_hand(&c);
}

static bool
hold_begin(struct world *world, const struct world_event *event, const _Atomic bool *give_up,
           enum mr_outcome *ret_outcome)
{
    (void)world;
    (void)give_up;
    (void)ret_outcome;
    atomic_store(&script.held, event->kind == MR_STEP_BEGIN);
    while (event->kind == MR_STEP_BEGIN && atomic_load(&script.hold_load))
        mr_clock_sleep_ms(1);
    return false;
}

static bool
begin_is_held(struct app_case *c)
{
    (void)c;
    return atomic_load(&script.held);
}

static bool
nothing_is_under_way(struct app_case *c)
{
    bool used = false;
    for (unsigned i = 0; i < MRI_CALLS; i++)
        used |= c->app->exact->calls[i].used;
    return !used;
}

Test(app_exact, an_answer_to_a_former_session_moves_nothing)
{
    static struct app_case c;
    open_hand(&c, &(struct world_options){.txn = hold_begin});
    atomic_store(&script.hold_load, true);
    mri_land(c.app, app_case_unit(&c));
    pump_until(&c, begin_is_held);
    c.app->exact->session++; /* as if the chain were another one by now */
    atomic_store(&script.hold_load, false);
    pump_until(&c, nothing_is_under_way);
    for (int i = 0; i < 20; i++) {
        mri_exact_pump(c.app);
        mr_clock_sleep_ms(1);
    }
    T_INT_EQ(app_case_count(&c, MR_STEP_BEGIN, 1), 1);
    T_INT_EQ(app_case_count(&c, MR_STEP_LOAD, 0), 0);
    mr_live_free(&c.app->exact->live); /* which waits for that answer for good */
    atomic_store(&c.world.lost_now, true); /* so its transaction stays open */
    mri_exact_leave(c.app);
    close_hand(&c);
}

static bool
is_in(struct app_case *c)
{
    return c->app->landed_records > 0;
}

/* BEGIN succeeds each time, the first LOADs fail; no COMMIT gets through before its end. */
static bool
fail_loads(struct world *world, const struct world_event *event, const _Atomic bool *give_up,
           enum mr_outcome *ret_outcome)
{
    (void)world;
    if (event->kind == MR_STEP_COMMIT) {
        atomic_store(&script.held, true);
        while (atomic_load(&script.hold_commit) && !atomic_load(give_up))
            mr_clock_sleep_ms(1);
    }
    if (event->kind != MR_STEP_LOAD || event->table != WORLD_DETAIL ||
        atomic_fetch_add(&script.failed, 1) >= 3)
        return false;
    *ret_outcome = MR_OUTCOME_RETRY;
    return true;
}

static bool
loads_failed(struct app_case *c)
{
    return c->app->exact->failures == 3;
}

static bool
commit_is_held(struct app_case *c)
{
    (void)c;
    return atomic_load(&script.held);
}

Test(app_exact, pauses_grow_while_loads_fail_and_begin_anew_with_the_first_that_succeeds)
{
    static struct app_case c;
    open_hand(&c, &(struct world_options){.txn = fail_loads});
    atomic_store(&script.hold_commit, true);
    mri_land(c.app, app_case_unit(&c));
    pump_until(&c, loads_failed);
    T_INT_EQ(app_case_count(&c, MR_STEP_COMMIT, 0), 0);
    pump_until(&c, commit_is_held);
    T_INT_EQ(c.app->exact->failures, 0);
    T_INT_EQ(c.app->landed_records, 0);
    atomic_store(&script.hold_commit, false);
    pump_until(&c, is_in);
    mri_exact_leave(c.app);
    close_hand(&c);
}

struct question {
    struct app_case *c;
    _Atomic bool give_up;
    enum mr_answer answer;
};

static void
ask_visible(void *argument)
{
    struct question *q = argument;
    struct mr_app *app = q->c->app;
    const struct mr_step step = {.kind = MR_STEP_VISIBLE, .chain = app->exact->chain, .number = 1};
    q->answer = mri_call_settle(app, app->exact->loader, &step, &q->give_up);
}

Test(app_exact, a_question_for_a_label_ends_when_its_call_is_given_up)
{
    static struct app_case c;
    struct question q = {.c = &c, .answer = MR_ANSWER_OK};
    struct mr_thread thread = {0};
    open_hand(&c, &(struct world_options){.records = 0});
    atomic_store(&c.world.mute, true);
    int64_t start_ms = mr_clock_monotonic_ms();
    T_INT_EQ(mr_thread_start(&thread, "load", ask_visible, &q), MR_OK);
    mr_clock_sleep_ms(50);
    atomic_store(&q.give_up, true);
    mr_thread_join(&thread);
    T_INT_EQ(q.answer, MR_ANSWER_LOST);
    T_TRUE(mr_clock_monotonic_ms() - start_ms < 1000);
    mri_exact_leave(c.app);
    close_hand(&c);
}

static bool
refuse_commits(struct world *world, const struct world_event *event, const _Atomic bool *give_up,
               enum mr_outcome *ret_outcome)
{
    (void)world;
    (void)give_up;
    *ret_outcome = MR_OUTCOME_FATAL;
    return event->kind == MR_STEP_COMMIT && atomic_fetch_add(&script.failed, 1) < 4;
}

Test(app_exact, a_commit_that_is_refused_for_good_is_not_sent_again_without_a_pause)
{
    static struct app_case c;
    open_hand(&c, &(struct world_options){.txn = refuse_commits});
    mri_land(c.app, app_case_unit(&c));
    int64_t start_ms = mr_clock_monotonic_ms();
    pump_until(&c, is_in);
    T_INT_EQ(script.failed, 5);
    T_TRUE(mr_clock_monotonic_ms() - start_ms >= 50 + 100 + 200);
    mri_exact_leave(c.app);
    close_hand(&c);
}
