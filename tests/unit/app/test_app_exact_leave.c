/* Exactly once: what is under way when the partitions go, and what its answers may still do. */
#include "test.h"

#include "app/exact_priv.h"
#include "exact_case.h"
#include "millrace/base/clock.h"

/* The COMMIT of the first unit lasts until the LOAD of the second is given up. */
static bool
hold_both(struct world *world, const struct world_event *event, const _Atomic bool *give_up,
          enum mr_outcome *ret_outcome)
{
    (void)world;
    *ret_outcome = MR_OUTCOME_RETRY;
    if (event->kind == MR_STEP_COMMIT) {
        atomic_store(&exact_script.hold_commit, true);
        while (atomic_load(&exact_script.failed) == 0)
            mr_clock_sleep_ms(1);
        return false;
    }
    if (event->kind != MR_STEP_LOAD || event->n != 2)
        return false;
    atomic_store(&exact_script.held, true);
    while (!atomic_load(give_up))
        mr_clock_sleep_ms(1);
    atomic_fetch_add(&exact_script.failed, 1);
    return true;
}

static bool
both_are_held(struct app_case *c)
{
    (void)c;
    return atomic_load(&exact_script.hold_commit) && atomic_load(&exact_script.held);
}

Test(app_exact_leave, when_partitions_go_the_decided_unit_is_committed_and_the_other_rolled_back)
{
    static struct app_case c;
    uint32_t place;
    exact_case_open_hand(&c, &(struct world_options){.txn = hold_both});
    for (int i = 0; i < 2; i++)
        mri_land(c.app, app_case_unit(&c));
    exact_case_pump_until(&c, both_are_held);
    mri_exact_leave(c.app);
    T_TRUE(!c.app->exact->live);
    T_INT_EQ(app_case_event(&c, MR_STEP_COMMIT, 0, &place).outcome, MR_OUTCOME_DONE);
    T_INT_EQ(app_case_event(&c, MR_STEP_ROLLBACK, 0, &place).n, 2);
    T_INT_EQ(app_case_count(&c, MR_STEP_COMMIT, 0), 1);
    T_INT_EQ(app_case_count(&c, MR_STEP_DECIDE, 2), 0);
    T_INT_EQ(c.app->landed_records, 10);
    T_INT_EQ(app_case_metric(&c, MR_M_UNITS_FAILED), 1);
    exact_case_close_hand(&c);
}

static bool
hold_begin(struct world *world, const struct world_event *event, const _Atomic bool *give_up,
           enum mr_outcome *ret_outcome)
{
    (void)world;
    (void)give_up;
    (void)ret_outcome;
    atomic_store(&exact_script.held, event->kind == MR_STEP_BEGIN);
    while (event->kind == MR_STEP_BEGIN && atomic_load(&exact_script.hold_load))
        mr_clock_sleep_ms(1);
    return false;
}

static bool
begin_is_held(struct app_case *c)
{
    (void)c;
    return atomic_load(&exact_script.held);
}

static bool
nothing_is_under_way(struct app_case *c)
{
    bool used = false;
    for (unsigned i = 0; i < MRI_CALLS; i++)
        used |= c->app->exact->calls[i].used;
    return !used;
}

Test(app_exact_leave, an_answer_to_a_former_session_moves_nothing)
{
    static struct app_case c;
    exact_case_open_hand(&c, &(struct world_options){.txn = hold_begin});
    atomic_store(&exact_script.hold_load, true);
    mri_land(c.app, app_case_unit(&c));
    exact_case_pump_until(&c, begin_is_held);
    c.app->exact->session++; /* as if the chain were another one by now */
    atomic_store(&exact_script.hold_load, false);
    exact_case_pump_until(&c, nothing_is_under_way);
    for (int i = 0; i < 20; i++) {
        mri_exact_pump(c.app);
        mr_clock_sleep_ms(1);
    }
    T_INT_EQ(app_case_count(&c, MR_STEP_BEGIN, 1), 1);
    T_INT_EQ(app_case_count(&c, MR_STEP_LOAD, 0), 0);
    mr_live_free(&c.app->exact->live); /* which waits for that answer for good */
    atomic_store(&c.world.lost_now, true); /* so its transaction stays open */
    mri_exact_leave(c.app);
    exact_case_close_hand(&c);
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

Test(app_exact_leave, a_question_for_a_label_ends_when_its_call_is_given_up)
{
    static struct app_case c;
    struct question q = {.c = &c, .answer = MR_ANSWER_OK};
    struct mr_thread thread = {0};
    exact_case_open_hand(&c, &(struct world_options){.records = 0});
    atomic_store(&c.world.mute, true);
    int64_t start_ms = mr_clock_monotonic_ms();
    T_INT_EQ(mr_thread_start(&thread, "load", ask_visible, &q), MR_OK);
    mr_clock_sleep_ms(50);
    atomic_store(&q.give_up, true);
    mr_thread_join(&thread);
    T_INT_EQ(q.answer, MR_ANSWER_LOST);
    T_TRUE(mr_clock_monotonic_ms() - start_ms < 8000);
    mri_exact_leave(c.app);
    exact_case_close_hand(&c);
}

/* ---- a restart that waits ---- */

static _Atomic bool fits; /* the table, from now on */

/* Until then the server refuses every row, when it is to commit them and in each trial. */
static bool
refuse_rows(struct world *world, const struct world_event *event, const _Atomic bool *give_up,
            enum mr_outcome *ret_outcome)
{
    (void)give_up;
    if (atomic_load(&fits) || (!event->trial && event->kind != MR_STEP_COMMIT))
        return false;
    if (event->trial)
        atomic_fetch_add(&exact_script.failed, 1);
    else if (exact_case_is_open(world, event))
        world_abort(world, &event->chain, event->n);
    *ret_outcome = MR_OUTCOME_REJECTED;
    return true;
}

static bool
all_samples_refused(struct app_case *c)
{
    (void)c;
    return atomic_load(&exact_script.failed) >= 8;
}

/* Returns when the chain has ended for a table that does not fit, and the next one is some seconds
 * away: while they pass the table is mended. */
static void
wait_for_restart(struct app_case *c, struct world_options options)
{
    options.records = 600;
    options.partitions = 4;
    options.txn = refuse_rows;
    atomic_store(&fits, false);
    exact_case_open(c, &options);
    app_case_one_unit(c);
    app_case_start(c);
    app_case_wait(c, all_samples_refused);
    mr_clock_sleep_ms(200);
    atomic_store(&fits, true);
}

/* of_ms: when the partitions went. */
static void
check_waited(const struct app_case *c, int64_t of_ms)
{
    int64_t due_ms = c->app->exact->again_at_ms;
    T_TRUE_MSG(of_ms < due_ms, "went at %lld, due at %lld", (long long)of_ms, (long long)due_ms);
    T_INT_EQ(c->world.tallies.restarts, 0);
    T_INT_EQ(app_case_metric(c, MR_M_REJECT_load), 0);
}

static void
check_come_back(bool lost)
{
    static struct app_case c;
    wait_for_restart(&c, (struct world_options){.batch_most = 100});
    int64_t went_ms = mr_clock_monotonic_ms();
    if (lost)
        atomic_store(&c.world.lost_now, true);
    else
        atomic_store(&c.world.order, WORLD_ORDER_REVOKE);
    app_case_finish_exact(&c);
    check_waited(&c, went_ms);
    T_INT_EQ(c.world.tallies.aborted, 1);
    T_INT_EQ(c.world.tallies.assignments, 2);
    T_INT_EQ(c.world.tallies.replays, 1);
    T_INT_EQ(c.world.tallies.lost, lost ? 1 : 0);
    app_case_close(&c);
}

Test(app_exact_leave, partitions_that_go_and_come_back_while_a_restart_waits_are_counted_once)
{
    check_come_back(false);
}

Test(app_exact_leave, partitions_that_are_lost_and_come_back_while_a_restart_waits_are_counted_once)
{
    check_come_back(true);
}

Test(app_exact_leave, partitions_that_go_to_another_while_a_restart_waits_are_counted_once)
{
    static struct app_case c;
    wait_for_restart(&c, (struct world_options){.batch_most = 100});
    int64_t went_ms = mr_clock_monotonic_ms();
    mr_app_stop(c.app);
    T_INT_EQ(app_case_join(&c), MR_OK);
    check_waited(&c, went_ms);
    T_INT_EQ(c.world.tallies.committed, 0);
    app_case_again(&c);
    app_case_run_exact(&c);
    T_INT_EQ(c.world.tallies.replays, 1);
    app_case_close(&c);
}

static bool
part_is_in(struct app_case *c)
{
    pthread_mutex_lock(&c->world.lock);
    bool in = c->world.tallies.committed > 0;
    pthread_mutex_unlock(&c->world.lock);
    return in;
}

/* Decided, and not in yet. */
static bool
is_due(const struct app_case *c)
{
    bool due = false;
    for (uint32_t i = 0; i < c->world.options.partitions; i++) {
        const struct world_ledger_row *row = &c->world.ledger[i];
        due |= c->world.committed[i] > (row->there ? row->end : 0);
    }
    return due;
}

Test(app_exact_leave, of_partitions_that_go_while_a_restart_waits_each_owner_counts_its_own)
{
    static struct app_case c;
    const struct world_options part = {.batch_most = 100, .rebalances = 1, .seed = 2,
                                       .chances = {.partial = 1}}; /* not all of them come back */
    wait_for_restart(&c, part);
    int64_t went_ms = mr_clock_monotonic_ms();
    atomic_store(&c.world.order, WORLD_ORDER_REVOKE);
    app_case_wait(&c, part_is_in);
    mr_app_stop(c.app);
    T_INT_EQ(app_case_join(&c), MR_OK);
    check_waited(&c, went_ms);
    uint64_t replays = c.world.tallies.replays + is_due(&c);
    app_case_again(&c);
    app_case_run_exact(&c);
    T_INT_EQ(c.world.tallies.aborted, 1);
    T_INT_EQ(c.world.tallies.replays, replays);
    app_case_close(&c);
}

Test(app_exact_leave, a_restart_that_was_due_when_the_partitions_went_does_not_come_after_them)
{
    static struct app_case c;
    exact_case_open_hand(&c, &(struct world_options){.records = 0});
    c.app->exact->restart = true;
    c.app->exact->again_at_ms = mr_clock_monotonic_ms() + 50;
    c.app->exact->in_event = true;
    mri_exact_leave(c.app);
    c.app->exact->in_event = false;
    for (int i = 0; i < 50; i++, mr_clock_sleep_ms(2))
        mri_exact_pump(c.app);
    T_TRUE(mr_clock_monotonic_ms() > c.app->exact->again_at_ms);
    T_TRUE(!c.app->exact->restart);
    T_INT_EQ(c.world.tallies.restarts, 0);
    exact_case_close_hand(&c);
}
