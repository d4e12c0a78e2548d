/* Steps of the protocol that talk to StarRocks, as calls: feed puts them, loaders run them. A LOAD is
 * spread over the loaders, a target each; every other call is one job of the control threads, so that
 * a COMMIT never waits behind the bodies of a later unit. */
#include "exact_priv.h"

#include <stdlib.h>
#include <string.h>

#include "millrace/base/assert.h"
#include "millrace/base/clock.h"
#include "millrace/base/log.h"
#include "millrace/base/race.h"
#include "millrace/model/tables.h"

static bool
is_given_up(const struct mri_call *call)
{
    /* Relaxed: a request; nothing else is read through it. */
    return atomic_load_explicit(&call->give_up, memory_order_relaxed);
}

static void
pause_for(const struct mri_call *call)
{
    for (int64_t slept = 0; slept < call->pause_ms && !is_given_up(call); slept += 20)
        mr_clock_sleep_ms(20);
}

#ifdef MR_RACE_POINTS
void
mri_exact_point(const char *stage, enum mr_step_kind kind, const char *where)
{
    char place[MR_RACE_PLACE_CHARS + 1];
    snprintf(place, sizeof place, "%s.%s.%s", stage, mr_step_name(kind), where);
    for (char *p = place; *p; p++)
        *p = *p == ' ' ? '_' : *p;
    mr_race_point(place);
}
#endif

/* ---- feed's side ---- */

static struct mri_call *
free_call(struct mri_exact *exact)
{
    for (unsigned i = 0; i < MRI_CALLS; i++)
        if (!exact->calls[i].used)
            return &exact->calls[i];
    return NULL;
}

static void
push_job(struct mr_ring *ring, struct mri_call *call, uint32_t target)
{
    struct mri_job *job = malloc(sizeof *job);
    MR_INSIST(job);
    *job = (struct mri_job){.target = target, .call = call};
    bool pushed = mr_ring_push_mpmc(ring, job);
    MR_INSIST(pushed); /* closed only after feed has ended */
}

/* The ledger rows name the label they are loaded under, so each try has its own. */
static void
make_ledger_rows(struct mr_app *app, const struct mr_step *step, struct mr_unit *unit)
{
    struct mr_target *target = &unit->targets[unit->target_count];
    uint32_t count;
    if (target->body.budget)
        mr_body_fini(&target->body);
    pthread_mutex_lock(&app->units_lock);
    const struct mr_span *rows = mr_ledger_rows(app->ledger, unit->number, &count);
    MR_INSIST(rows);
    enum mr_rc rc = mr_harvest_ledger(app->layout, &app->budget, step->chain.text, step->number,
                                      rows, count, target);
    pthread_mutex_unlock(&app->units_lock);
    MR_INSIST(rc == MR_OK);
}

void
mri_call_put(struct mr_app *app, const struct mr_step *step, struct mr_unit *unit, int64_t pause_ms)
{
    struct mri_exact *exact = app->exact;
    struct mri_call *call = free_call(exact);
    MR_INSIST(call);
    *call = (struct mri_call){.app = app, .step = *step, .unit = unit, .session = exact->session,
                              .pause_ms = pause_ms, .remaining = 1, .answer = MR_ANSWER_OK,
                              .used = true};
    if (step->kind != MR_STEP_LOAD) {
        push_job(app->controls, call, 0);
        return;
    }
    make_ledger_rows(app, step, unit);
    uint32_t targets = unit->target_count + 1;
    call->remaining = targets;
    for (uint32_t i = 0; i < targets; i++)
        push_job(app->jobs, call, i);
}

/* Relaxed: requests that the loaders poll. */
void
mri_calls_give_up(struct mr_app *app, bool all)
{
    for (unsigned i = 0; i < MRI_CALLS; i++) {
        struct mri_call *call = &app->exact->calls[i];
        bool beginning = call->step.kind == MR_STEP_BEGIN || call->step.kind == MR_STEP_LOAD ||
                         call->step.kind == MR_STEP_ANNOUNCE ||
                         call->step.kind == MR_STEP_FIND_ANNOUNCE;
        if (call->used && (all || beginning))
            atomic_store_explicit(&call->give_up, true, memory_order_relaxed);
    }
}

void
mri_call_log_failure(const struct mri_call *call)
{
    static const char *const answers[MR_ANSWER_COUNT] = {
        [MR_ANSWER_OK] = "done",       [MR_ANSWER_ALREADY] = "already",
        [MR_ANSWER_ABORTED] = "aborted", [MR_ANSWER_UNKNOWN] = "unknown",
        [MR_ANSWER_ERROR] = "failed",  [MR_ANSWER_LOST] = "no answer",
        [MR_ANSWER_FENCED] = "fenced"};
    mr_log(MR_LOG_WARN, "load", "a step of the protocol did not succeed",
           MR_STR("step", mr_step_name(call->step.kind)), MR_STR("chain", call->step.chain.text),
           MR_INT("n", call->step.number), MR_STR("answer", answers[call->answer]));
}

/* ---- loaders' side ---- */

static void
unit_label(const struct mr_app *app, const struct mr_step *step, struct mr_label *ret_label)
{
    enum mr_rc rc = mr_label_unit(MR_MODE_MULTI, app->layout->pipeline, &step->chain, step->number,
                                  NULL, 0, 0, ret_label);
    MR_INSIST(rc == MR_OK); /* a configured pipeline, a chain that was drawn or parsed */
}

void
mri_call_log_refusal(enum mr_step_kind step, const char *label, const struct mr_load_reply *reply)
{
    mr_log(MR_LOG_ERROR, "load", "a step of a transaction was refused",
           MR_STR("step", mr_step_name(step)), MR_STR("label", label),
           MR_STR("error", reply->message), MR_STR("hint", reply->hint));
}

static enum mr_answer
begin(struct mri_loader *loader, const struct mri_call *call, const char *label)
{
    struct mr_txn_reply reply;
    int64_t timeout_s = loader->app->config->starrocks.transaction_timeout_ms / 1000;
    mri_horizon_count(loader->app);
    switch (mr_txn_begin(loader->loader, label, timeout_s, &call->give_up, &reply)) {
    case MR_OUTCOME_DONE:
        return MR_ANSWER_OK;
    case MR_OUTCOME_UNKNOWN:
        return MR_ANSWER_LOST;
    case MR_OUTCOME_REJECTED:
        return MR_ANSWER_ALREADY;
    case MR_OUTCOME_FATAL:
        mri_call_log_refusal(call->step.kind, label, &reply.load);
        break;
    case MR_OUTCOME_RETRY:
    case MR_OUTCOME_RECONNECT:
        break;
    }
    return MR_ANSWER_ERROR;
}

static enum mr_answer
rollback(struct mr_loader *loader, const char *label, const _Atomic bool *give_up)
{
    struct mr_txn_reply reply;
    switch (mr_txn_rollback(loader, label, give_up, &reply)) {
    case MR_OUTCOME_DONE:
        return reply.answer == MR_TXN_MISSING ? MR_ANSWER_UNKNOWN : MR_ANSWER_ABORTED;
    case MR_OUTCOME_REJECTED:
        return MR_ANSWER_ALREADY;
    case MR_OUTCOME_FATAL:
    case MR_OUTCOME_RETRY:
    case MR_OUTCOME_RECONNECT:
        return MR_ANSWER_ERROR;
    case MR_OUTCOME_UNKNOWN:
        break;
    }
    return MR_ANSWER_LOST;
}

static enum mr_answer
commit(struct mr_loader *loader, const char *label, const _Atomic bool *give_up, bool *ret_refused)
{
    struct mr_txn_reply reply;
    enum mr_outcome outcome = mr_txn_commit(loader, label, give_up, &reply);
    *ret_refused = outcome == MR_OUTCOME_REJECTED;
    if (*ret_refused) {
        mri_call_log_refusal(MR_STEP_COMMIT, label, &reply.load);
        return rollback(loader, label, give_up); /* whatever a refused COMMIT left open */
    }
    switch (outcome) {
    case MR_OUTCOME_DONE:
        return MR_ANSWER_OK;
    case MR_OUTCOME_RETRY:
    case MR_OUTCOME_REJECTED:
        return MR_ANSWER_ABORTED;
    case MR_OUTCOME_UNKNOWN:
        return reply.answer == MR_TXN_MISSING ? MR_ANSWER_UNKNOWN : MR_ANSWER_LOST;
    case MR_OUTCOME_FATAL:
    case MR_OUTCOME_RECONNECT:
        break;
    }
    return MR_ANSWER_ERROR;
}

/* An open transaction may show as UNKNOWN or PREPARE: neither is committed. */
static enum mr_answer
state(struct mr_loader *loader, const char *label, const _Atomic bool *give_up)
{
    struct mr_error error;
    switch (mr_load_label_state(loader, label, give_up, &error)) {
    case MR_LABEL_VISIBLE:
        return MR_ANSWER_OK;
    case MR_LABEL_COMMITTED:
        return MR_ANSWER_ALREADY;
    case MR_LABEL_ABORTED:
        return MR_ANSWER_ABORTED;
    case MR_LABEL_UNKNOWN:
    case MR_LABEL_PREPARE:
    case MR_LABEL_PREPARED:
        return MR_ANSWER_UNKNOWN;
    case MR_LABEL_UNANSWERED:
        break;
    }
    return MR_ANSWER_LOST;
}

enum mr_answer
mri_call_settle(struct mr_app *app, struct mr_loader *loader, const struct mr_step *step,
                const _Atomic bool *give_up)
{
    struct mr_label label;
    unit_label(app, step, &label);
    bool refused;
    if (step->kind == MR_STEP_COMMIT)
        return commit(loader, label.text, give_up, &refused);
    if (step->kind == MR_STEP_ROLLBACK)
        return rollback(loader, label.text, give_up);
    return state(loader, label.text, give_up);
}

/* ---- one job ---- */

/* Rows that do not fit show up here: the server looks at them when it is to commit. The unit was
 * decided, so it is replayed in any case; without the rows that are found. */
static enum mr_answer
commit_unit(struct mri_loader *loader, struct mri_call *call)
{
    struct mr_app *app = loader->app;
    struct mr_label label;
    bool refused;
    unit_label(app, &call->step, &label);
    enum mr_answer answer = commit(loader->loader, label.text, &call->give_up, &refused);
    call->unfit = refused && !mri_refuse_find(loader, call);
    if (call->unfit)
        mr_log(MR_LOG_ERROR, "load", "the server refused rows: retrying until the table takes them",
               MR_STR("table", app->layout->detail_table), MR_STR("label", label.text),
               MR_STR("hint", "does the table still fit the schema? compare with millrace ddl"));
    return answer;
}

static enum mr_answer
control(struct mri_loader *loader, struct mri_call *call)
{
    struct mr_label label;
    if (call->step.kind == MR_STEP_ANNOUNCE)
        return mri_registry_announce(loader, call);
    if (call->step.kind == MR_STEP_FIND_ANNOUNCE)
        return mri_registry_find(loader->app, call);
    if (call->step.kind == MR_STEP_CLOSE)
        return mri_registry_close(loader, call);
    if (call->step.kind == MR_STEP_COMMIT)
        return commit_unit(loader, call);
    if (call->step.kind != MR_STEP_BEGIN)
        return mri_call_settle(loader->app, loader->loader, &call->step, &call->give_up);
    unit_label(loader->app, &call->step, &label);
    return begin(loader, call, label.text);
}

static enum mr_answer
load_target(struct mri_loader *loader, struct mri_call *call, uint32_t index)
{
    struct mr_app *app = loader->app;
    const struct mr_target *target = &call->unit->targets[index];
    struct mr_text columns = {.limit = 0};
    struct mr_txn_reply reply;
    struct mr_load_job job;
    struct mr_label label;
    if (is_given_up(call))
        return MR_ANSWER_ERROR;
    if (target->body.rows == 0)
        return MR_ANSWER_OK; /* servers refuse empty loads */
    unit_label(app, &call->step, &label);
    mri_land_job(app, target, label.text, &columns, &job);
    enum mr_outcome outcome = mr_txn_load(loader->loader, &job, &call->give_up, &reply);
    if (outcome == MR_OUTCOME_REJECTED || outcome == MR_OUTCOME_FATAL)
        mri_land_report_rejected(loader, &job, &reply.load);
    mr_text_fini(&columns);
    return outcome == MR_OUTCOME_DONE ? MR_ANSWER_OK : MR_ANSWER_ERROR;
}

/* True for the last one, which brings the answer back. A target that fails ends the others. */
static bool
settle(struct mr_app *app, struct mri_call *call, enum mr_answer answer)
{
    if (answer != MR_ANSWER_OK)
        atomic_store_explicit(&call->give_up, true, memory_order_relaxed);
    pthread_mutex_lock(&app->units_lock);
    if (answer != MR_ANSWER_OK)
        call->answer = answer;
    bool last = --call->remaining == 0;
    pthread_mutex_unlock(&app->units_lock);
    return last;
}

void
mri_call_run(struct mri_loader *loader, struct mri_call *call, uint32_t target)
{
    struct mr_app *app = loader->app;
    mri_exact_point("exact", call->step.kind, "before");
    pause_for(call);
    enum mr_answer answer =
        call->step.kind == MR_STEP_LOAD ? load_target(loader, call, target) : control(loader, call);
    mri_exact_point("exact", call->step.kind, "after");
    if (settle(app, call, answer)) {
        bool pushed = mr_ring_push_mpmc(app->exact->answers, call);
        MR_INSIST(pushed); /* as many places as calls */
    }
}
