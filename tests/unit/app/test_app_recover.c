/* Recovery at an assignment: what was found → where the consumer starts, what it reads again, why the run
 * ends. The world compares each start and each end with what is decided and what is in. */
#include "test.h"

#include <stdio.h>

#include "app_case.h"
#include "millrace/base/clock.h"

static struct {
    _Atomic uint32_t hits;
    _Atomic bool aborts; /* the unit is aborted when the process dies */
    struct app_case *c;
} script;

static void
open_case(struct app_case *c, const struct world_options *options)
{
    struct world_options exact = *options;
    memset(&script, 0, sizeof script);
    script.c = c;
    exact.exact = true;
    app_case_open(c, &exact);
    app_case_build(c);
}

/* kill -9 after the decision of the first unit. */
static bool
die_before_commit(struct world *world, const struct world_event *event, const _Atomic bool *give_up,
                  enum mr_outcome *ret_outcome)
{
    (void)give_up;
    *ret_outcome = MR_OUTCOME_UNKNOWN;
    if (event->kind != MR_STEP_COMMIT || atomic_fetch_add(&script.hits, 1) > 0)
        return false;
    if (atomic_load(&script.aborts))
        world_abort(world, &event->chain, event->n);
    world_kill(world);
    mr_app_stop(script.c->app);
    return true;
}

/* The first process dies between a decision and its COMMIT; the second one ends orderly. */
static void
run_two(struct app_case *c, bool aborts)
{
    open_case(c, &(struct world_options){.records = 1500, .batch_most = 50,
                                         .txn = die_before_commit});
    c->world.config.flush.rows = 300;
    atomic_store(&script.aborts, aborts);
    app_case_start(c);
    (void)app_case_join(c);
    T_INT_EQ(c->world.tallies.kills, 1);
    T_INT_EQ(c->world.tallies.committed, 0);
    T_INT_EQ(c->world.tallies.decided, 1);
    app_case_again(c);
    app_case_run_exact(c);
}

Test(app_recover, a_decided_unit_is_committed_by_the_next_process_and_not_read_again)
{
    static struct app_case c;
    uint32_t place;
    run_two(&c, false);
    struct world_event first = app_case_event(&c, MR_STEP_COMMIT, 0, &place);
    struct world_event second = app_case_event(&c, MR_STEP_COMMIT, place + 1, &place);
    T_TRUE(second.recovering && second.outcome == MR_OUTCOME_DONE);
    T_TRUE(second.n == first.n && mr_chain_equal(&second.chain, &first.chain));
    T_INT_EQ(c.world.tallies.replays, 0);
    T_INT_EQ(app_case_metric(&c, MR_M_CUT_REPLAY), 0);
    app_case_close(&c);
}

Test(app_recover, a_decided_unit_that_was_aborted_is_read_again_by_the_next_process)
{
    static struct app_case c;
    run_two(&c, true);
    T_INT_EQ(c.world.tallies.replays, 1);
    T_INT_EQ(app_case_metric(&c, MR_M_CUT_REPLAY), 1);
    app_case_close(&c);
}

static bool
die_in_load(struct world *world, const struct world_event *event, const _Atomic bool *give_up,
            enum mr_outcome *ret_outcome)
{
    (void)give_up;
    *ret_outcome = MR_OUTCOME_UNKNOWN;
    if (event->kind != MR_STEP_LOAD || atomic_fetch_add(&script.hits, 1) != 2)
        return false;
    world_kill(world);
    mr_app_stop(script.c->app);
    return true;
}

Test(app_recover, what_a_process_left_open_is_fenced_before_anything_is_read)
{
    static struct app_case c;
    uint32_t undone;
    open_case(&c, &(struct world_options){.records = 800, .txn = die_in_load});
    app_case_start(&c);
    (void)app_case_join(&c);
    T_TRUE(c.world.txn_count > 0 && c.world.txns[0]->state == WORLD_OPEN);
    struct mr_chain chain = c.world.txns[0]->chain;
    uint32_t before = c.world.event_count;
    app_case_again(&c);
    app_case_run_exact(&c);
    struct world_event event = app_case_event(&c, MR_STEP_ROLLBACK, before, &undone);
    T_TRUE(event.recovering && mr_chain_equal(&event.chain, &chain));
    T_INT_EQ(c.world.txns[0]->state, WORLD_ABORTED);
    app_case_close(&c);
}

Test(app_recover, a_reset_of_the_offsets_stops_the_run_with_its_reason_and_changes_nothing)
{
    static struct app_case c;
    open_case(&c, &(struct world_options){.records = 600});
    app_case_run_exact(&c);
    uint32_t units = c.world.txn_count, chains = c.world.chain_count;
    c.world.committed[0] = 7;
    c.world.metadata[0][0] = '\0';
    app_case_again(&c);
    app_case_start(&c);
    app_case_wait(&c, app_case_ended);
    T_INT_EQ(app_case_join(&c), MR_STOPPED);
    T_TRUE_MSG(strstr(c.error.text, "topic \"even\" partition 0: stopped, ") != NULL, "%s",
               c.error.text);
    T_TRUE_MSG(strstr(c.error.text, "sink ends at 600, committed 7") != NULL, "%s", c.error.text);
    T_TRUE(mr_error_get_hint(&c.error)[0] != '\0');
    T_TRUE(strstr(c.app->trouble, "partition 0: stopped") != NULL);
    T_INT_EQ(c.world.txn_count, units);
    T_INT_EQ(c.world.chain_count, chains);
    T_INT_EQ(c.world.committed[0], 7);
    app_case_close(&c);
}

static bool
some_are_in(struct app_case *c)
{
    return mr_app_committed_records(c->app) > 0;
}

static bool
has_trouble(struct app_case *c)
{
    pthread_mutex_lock(&c->app->units_lock);
    bool trouble = strstr(c->app->trouble, "refuses the connection") != NULL;
    pthread_mutex_unlock(&c->app->units_lock);
    return trouble;
}

Test(app_recover, while_the_sink_is_down_an_assignment_waits_and_is_tried_again)
{
    static struct app_case c;
    open_case(&c, &(struct world_options){.records = 20000, .batch_most = 20});
    app_case_start(&c);
    app_case_wait(&c, some_are_in);
    atomic_store(&c.world.down, true);
    atomic_store(&c.world.order, WORLD_ORDER_EVICT);
    app_case_wait(&c, has_trouble);
    T_TRUE(!mr_app_ended(c.app));
    atomic_store(&c.world.down, false);
    uint64_t before = mr_app_committed_records(c.app);
    while (mr_app_committed_records(c.app) == before)
        mr_clock_sleep_ms(1);
    T_STR_EQ(c.app->trouble, "");
    mr_app_stop(c.app);
    T_INT_EQ(app_case_join(&c), MR_OK);
    app_case_close(&c);
}

/* The second process loses its place in the middle of the first recovery. */
static bool
lose_in_recovery(struct world *world, const struct world_event *event, const _Atomic bool *give_up,
                 enum mr_outcome *ret_outcome)
{
    (void)give_up;
    (void)ret_outcome;
    if (event->kind == MR_STEP_ROLLBACK && world->run == 2 && atomic_fetch_add(&script.hits, 1) == 3)
        atomic_store(&world->lost_now, true);
    return false;
}

Test(app_recover, a_place_that_is_lost_during_recovery_starts_nothing)
{
    static struct app_case c;
    open_case(&c, &(struct world_options){.records = 8000, .batch_most = 20,
                                          .txn = lose_in_recovery});
    app_case_start(&c);
    app_case_wait(&c, some_are_in);
    world_kill(&c.world); /* its chain stays open */
    mr_app_stop(c.app);
    (void)app_case_join(&c);
    app_case_again(&c);
    uint64_t assignments = c.world.tallies.assignments;
    app_case_run_exact(&c);
    T_TRUE(script.hits > 3);
    T_INT_EQ(c.world.tallies.assignments, assignments + 1);
    app_case_close(&c);
}
