/* Exactly once: how long a chain waits before it tries again what failed. */
#include "test.h"

#include "app/exact_priv.h"
#include "exact_case.h"
#include "millrace/base/clock.h"

static bool
fail_first_load(struct world *world, const struct world_event *event, const _Atomic bool *give_up,
                enum mr_outcome *ret_outcome)
{
    int64_t never = 0;
    (void)world;
    (void)give_up;
    if (event->kind == MR_STEP_BEGIN && atomic_load(&exact_script.failed) > 0)
        (void)atomic_compare_exchange_strong(&exact_script.begun_ms, &never,
                                             mr_clock_monotonic_ms());
    if (event->kind != MR_STEP_LOAD || event->n != 1 || event->table != WORLD_DETAIL)
        return false;
    exact_script.failed_ms = mr_clock_monotonic_ms();
    atomic_fetch_add(&exact_script.failed, 1);
    *ret_outcome = MR_OUTCOME_RETRY;
    return true;
}

Test(app_exact_pauses, a_load_that_fails_is_rolled_back_and_made_again_under_a_later_number)
{
    static struct app_case c;
    uint32_t undone;
    exact_case_open(&c, &(struct world_options){.records = 300, .txn = fail_first_load});
    app_case_one_unit(&c); /* the second would be begun beside the first */
    app_case_run_exact(&c);
    T_INT_EQ(exact_script.failed, 1);
    T_INT_EQ(app_case_event(&c, MR_STEP_ROLLBACK, 0, &undone).n, 1);
    T_INT_EQ(app_case_event(&c, MR_STEP_BEGIN, undone, &undone).n, 2);
    T_INT_EQ(app_case_count(&c, MR_STEP_COMMIT, 1), 0);
    T_INT_EQ(app_case_count(&c, MR_STEP_DECIDE, 1), 0);
    T_TRUE(atomic_load(&exact_script.begun_ms) - exact_script.failed_ms >= 50);
    app_case_close(&c);
}

/* exact_script.begun_ms: of the first chain that is announced after the third one. */
static bool
abort_three(struct world *world, const struct world_event *event, const _Atomic bool *give_up,
            enum mr_outcome *ret_outcome)
{
    int64_t never = 0;
    (void)give_up;
    (void)ret_outcome;
    if (event->kind == MR_STEP_ANNOUNCE && atomic_load(&exact_script.failed) == 3)
        (void)atomic_compare_exchange_strong(&exact_script.begun_ms, &never,
                                             mr_clock_monotonic_ms());
    if (event->kind != MR_STEP_COMMIT || atomic_load(&exact_script.failed) == 3 ||
        !exact_case_is_open(world, event))
        return false;
    world_abort(world, &event->chain, event->n);
    exact_script.failed_ms = mr_clock_monotonic_ms();
    atomic_fetch_add(&exact_script.failed, 1);
    return false;
}

Test(app_exact_pauses, recoveries_are_further_and_further_apart_while_only_the_commits_fail)
{
    static struct app_case c;
    exact_case_open(&c, &(struct world_options){.records = 300, .txn = abort_three});
    c.world.config.flush.every_ms = 200;
    app_case_run_exact(&c);
    T_INT_EQ(c.world.tallies.aborted, 3);
    T_TRUE(atomic_load(&exact_script.begun_ms) - exact_script.failed_ms >= 200);
    app_case_close(&c);
}

/* BEGIN succeeds each time, the first LOADs fail; no COMMIT gets through before its end. */
static bool
fail_loads(struct world *world, const struct world_event *event, const _Atomic bool *give_up,
           enum mr_outcome *ret_outcome)
{
    (void)world;
    if (event->kind == MR_STEP_COMMIT) {
        atomic_store(&exact_script.held, true);
        while (atomic_load(&exact_script.hold_commit) && !atomic_load(give_up))
            mr_clock_sleep_ms(1);
    }
    if (event->kind != MR_STEP_LOAD || event->table != WORLD_DETAIL ||
        atomic_fetch_add(&exact_script.failed, 1) >= 3)
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
    return atomic_load(&exact_script.held);
}

Test(app_exact_pauses, pauses_grow_while_loads_fail_and_begin_anew_with_the_first_that_succeeds)
{
    static struct app_case c;
    exact_case_open_hand(&c, &(struct world_options){.txn = fail_loads});
    atomic_store(&exact_script.hold_commit, true);
    mri_land(c.app, app_case_unit(&c));
    exact_case_pump_until(&c, loads_failed);
    T_INT_EQ(app_case_count(&c, MR_STEP_COMMIT, 0), 0);
    exact_case_pump_until(&c, commit_is_held);
    T_INT_EQ(c.app->exact->failures, 0);
    T_INT_EQ(c.app->landed_records, 0);
    atomic_store(&exact_script.hold_commit, false);
    exact_case_pump_until(&c, exact_case_is_in);
    mri_exact_leave(c.app);
    exact_case_close_hand(&c);
}

static bool
refuse_commits(struct world *world, const struct world_event *event, const _Atomic bool *give_up,
               enum mr_outcome *ret_outcome)
{
    (void)world;
    (void)give_up;
    *ret_outcome = MR_OUTCOME_FATAL;
    return event->kind == MR_STEP_COMMIT && atomic_fetch_add(&exact_script.failed, 1) < 4;
}

Test(app_exact_pauses, a_commit_that_is_refused_for_good_is_not_sent_again_without_a_pause)
{
    static struct app_case c;
    exact_case_open_hand(&c, &(struct world_options){.txn = refuse_commits});
    mri_land(c.app, app_case_unit(&c));
    int64_t start_ms = mr_clock_monotonic_ms();
    exact_case_pump_until(&c, exact_case_is_in);
    T_INT_EQ(exact_script.failed, 5);
    T_TRUE(mr_clock_monotonic_ms() - start_ms >= 50 + 100 + 200);
    mri_exact_leave(c.app);
    exact_case_close_hand(&c);
}

static bool
nothing_is_due(struct app_case *c)
{
    return !c->app->exact->stirred && app_case_count(c, MR_STEP_COMMIT_CHAIN, 0) > 0;
}

static bool
has_ended(struct app_case *c)
{
    return !c->app->exact->live;
}

/* A question to the client's own thread for each batch would be most of what exactly-once costs. */
Test(app_exact_pauses, while_nothing_is_due_the_place_in_the_group_is_looked_at_now_and_then)
{
    static struct app_case c;
    exact_case_open_hand(&c, &(struct world_options){.records = 0});
    exact_case_pump_until(&c, nothing_is_due);
    uint64_t before = atomic_load(&c.world.standings);
    int64_t start_ms = mr_clock_monotonic_ms();
    for (int i = 0; i < 10000; i++)
        mri_exact_pump(c.app);
    int64_t looks = (mr_clock_monotonic_ms() - start_ms) / MRI_LOOK_MS + 1;
    T_TRUE(looks < 5000); /* else this machine shows nothing */
    T_TRUE((int64_t)(atomic_load(&c.world.standings) - before) <= looks);
    atomic_store(&c.world.lost_now, true);
    exact_case_pump_until(&c, has_ended);
    mri_exact_leave(c.app);
    exact_case_close_hand(&c);
}

static bool
ends_without_looks(struct app_case *c)
{
    c->app->exact->look_at_ms = INT64_MAX;
    return !c->app->units && !c->app->exact->stirred;
}

/* The looks would hide, for some time each, that an answer is not acted on. */
Test(app_exact_pauses, answers_units_and_the_end_need_no_look)
{
    static struct app_case c;
    exact_case_open_hand(&c, &(struct world_options){.records = 0});
    for (int i = 1; i <= 2; i++) {
        mri_land(c.app, app_case_unit(&c));
        exact_case_pump_until(&c, ends_without_looks);
        T_INT_EQ(c.app->landed_records, 10 * i);
    }
    c.app->exact->look_at_ms = INT64_MAX;
    int64_t start_ms = mr_clock_monotonic_ms();
    mri_exact_leave(c.app);
    T_TRUE(mr_clock_monotonic_ms() - start_ms < 9000); /* it gives up after 10 s */
    exact_case_close_hand(&c);
}
