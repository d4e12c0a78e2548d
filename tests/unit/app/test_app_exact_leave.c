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
    T_TRUE(mr_clock_monotonic_ms() - start_ms < 1000);
    mri_exact_leave(c.app);
    exact_case_close_hand(&c);
}
