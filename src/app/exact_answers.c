/* Exactly-once delivery: what the calls answered, for the machine, and how long the next ones wait. */
#include "exact_priv.h"

#include "millrace/base/clock.h"
#include "millrace/base/hash.h"

#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 30000
#define VISIBLE_PAUSE_MS 100 /* between two looks at a label that is not visible yet */
#define UNFIT_MIN_MS 5000
#define UNFIT_MAX_MS 120000

/* Not visible yet is no failure, and "aborted" is what a rollback is for. */
static bool
has_failed(const struct mri_call *call)
{
    if (call->step.kind == MR_STEP_ROLLBACK)
        return call->answer == MR_ANSWER_ALREADY;
    return call->answer != MR_ANSWER_OK && call->step.kind != MR_STEP_VISIBLE;
}

/* For the pauses. A BEGIN that succeeds proves little: its LOAD may fail again and again. A LOAD does,
 * but not of COMMITs, which would each cost a recovery. */
static void
count_call(struct mri_exact *exact, const struct mri_call *call)
{
    enum mr_step_kind kind = call->step.kind;
    bool failed = has_failed(call);
    if (kind == MR_STEP_COMMIT)
        exact->lost_units = failed ? exact->lost_units + 1 : 0;
    else if (failed)
        exact->failures++;
    else if (kind == MR_STEP_LOAD)
        exact->failures = 0;
    if (kind == MR_STEP_COMMIT || kind == MR_STEP_ROLLBACK)
        exact->refusals = call->answer == MR_ANSWER_ERROR ? exact->refusals + 1 : 0;
}

/* The table fits none of the unit's rows. Each round of recovery leaves a chain behind, so the rounds
 * are spread. */
static void
note_unfit(struct mri_exact *exact, const struct mri_call *call)
{
    if (!call->unfit)
        return;
    int64_t pause = UNFIT_MIN_MS << (exact->unfit < 5 ? exact->unfit : 5);
    exact->unfit++;
    exact->again_at_ms =
        mr_clock_monotonic_ms() + (pause < UNFIT_MAX_MS ? pause : UNFIT_MAX_MS);
}

static void
take_answer(struct mr_app *app, struct mri_call *call)
{
    struct mri_exact *exact = app->exact;
    struct mr_standing now;
    if (has_failed(call))
        mri_call_log_failure(call);
    count_call(exact, call);
    call->used = false;
    note_unfit(exact, call);
    if (!exact->live || call->session != exact->session)
        return;
    mr_consumer_standing(app->consumer, &now);
    mr_live_answer(exact->live, &call->step, call->answer, &now);
    exact->stirred = true;
    mri_exact_take_landed(app);
}

void
mri_exact_take_answers(struct mr_app *app)
{
    struct mri_call *call;
    while ((call = mr_ring_pop_mpmc(app->exact->answers, 0)) != NULL)
        take_answer(app, call);
}

static bool
has_calls(const struct mri_exact *exact)
{
    for (unsigned i = 0; i < MRI_CALLS; i++)
        if (exact->calls[i].used)
            return true;
    return false;
}

void
mri_exact_end_calls(struct mr_app *app)
{
    mri_calls_give_up(app, true);
    while (has_calls(app->exact)) {
        struct mri_call *call = mr_ring_pop_mpmc(app->exact->answers, MRI_IDLE_MS);
        if (call)
            call->used = false;
    }
}

/* Grows from failure to failure. */
static int64_t
pause_after(uint32_t failures)
{
    if (failures == 0)
        return 0;
    int64_t pause = PAUSE_MIN_MS << (failures < 10 ? failures - 1 : 9);
    pause = pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS;
    return pause / 2 + (int64_t)(mr_hash_random() % (uint64_t)(pause / 2 + 1));
}

int64_t
mri_exact_pause_before(const struct mri_exact *exact, const struct mr_step *step)
{
    if (step->kind == MR_STEP_LOAD)
        return 0;
    if (step->kind == MR_STEP_COMMIT || step->kind == MR_STEP_ROLLBACK)
        return pause_after(exact->refusals);
    return step->kind == MR_STEP_VISIBLE
               ? VISIBLE_PAUSE_MS
               : pause_after(exact->failures + exact->lost_units);
}
