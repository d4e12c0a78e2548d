/* Loader threads: the targets of a unit in any order, its ledger rows last, units in order. */
#include "exact_priv.h"

#include <inttypes.h>
#include <stdlib.h>

#include "millrace/base/assert.h"
#include "millrace/base/clock.h"
#include "millrace/base/log.h"
#include "millrace/base/race.h"

#define REJECTED_PAUSE_MS 1000
#define REJECTED_PAUSE_MAX_MS 30000

static void
push_job(struct mr_app *app, struct mr_unit *unit, uint32_t target)
{
    struct mri_job *job = malloc(sizeof *job);
    MR_INSIST(job);
    *job = (struct mri_job){.unit = unit, .target = target};
    bool pushed = mr_ring_push_mpmc(app->jobs, job);
    /* Closed only after all units landed or were given up: then nobody waits for this one. */
    if (!pushed)
        free(job);
}

/* Relaxed: a request that the unit's loaders poll; its bookkeeping is under units_lock. */
static void
drop(struct mr_unit *unit)
{
    atomic_store_explicit(&unit->dropped, true, memory_order_relaxed);
}

/* units_lock held: the oldest unit, once its data is in, for its ledger rows to be loaded by the
 * caller; else NULL. A later unit's rows may not overtake, nor come after an earlier unit failed: the
 * ledger's end would then claim rows that are not there. */
static struct mr_unit *
next_to_finish(struct mr_app *app)
{
    struct mr_unit *unit = app->units;
    if (!unit || !unit->data_loaded || unit->ledger_queued)
        return NULL;
    unit->ledger_queued = true;
    if (!mr_ledger_may_finish(app->ledger, unit->number))
        drop(unit);
    return unit;
}

void
mri_land(struct mr_app *app, struct mr_unit *unit)
{
    MR_RACE_POINT("land.before_list");
    pthread_mutex_lock(&app->units_lock);
    /* Its partitions may have gone away since it was counted. */
    if (mr_ledger_state(app->ledger, unit->number) != MR_UNIT_SEALED)
        drop(unit);
    struct mr_unit **last = &app->units;
    while (*last)
        last = &(*last)->next;
    *last = unit;
    if (app->exact) { /* feed hands it to the chain in force */
        pthread_mutex_unlock(&app->units_lock);
        return;
    }
    unit->remaining = unit->target_count;
    unit->data_loaded = unit->remaining == 0;
    uint32_t targets = unit->target_count; /* the unit may be gone once its last job runs */
    for (uint32_t i = 0; i < targets; i++)
        push_job(app, unit, i);
    struct mr_unit *ready = next_to_finish(app);
    if (ready)
        push_job(app, ready, ready->target_count);
    pthread_mutex_unlock(&app->units_lock);
}

struct mr_unit *
mri_land_find(struct mr_app *app, uint64_t number)
{
    pthread_mutex_lock(&app->units_lock);
    struct mr_unit *unit = app->units;
    while (unit && unit->number != number)
        unit = unit->next;
    pthread_mutex_unlock(&app->units_lock);
    MR_INSIST(unit);
    return unit;
}

/* In one go: a unit that harvest has not listed yet finds the ledger without it. */
void
mri_land_give_up(struct mr_app *app)
{
    pthread_mutex_lock(&app->units_lock);
    for (struct mr_unit *unit = app->units; unit; unit = unit->next)
        drop(unit);
    mr_ledger_revoke_all(app->ledger);
    pthread_mutex_unlock(&app->units_lock);
}

void
mri_land_forget(struct mr_app *app, struct mr_unit **unit)
{
    uint64_t records = (*unit)->records;
    mri_unit_free(app, unit);
    pthread_mutex_lock(&app->units_lock);
    app->units_sealed--;
    app->sealed_records -= records;
    pthread_mutex_unlock(&app->units_lock);
}

uint32_t
mri_land_waiting(struct mr_app *app)
{
    pthread_mutex_lock(&app->units_lock);
    uint32_t count = app->units_sealed;
    pthread_mutex_unlock(&app->units_lock);
    return count;
}

void
mri_fail(struct mr_app *app, const struct mr_error *error)
{
    pthread_mutex_lock(&app->units_lock);
    /* Release: failure; partner: the acquire in feed. Under the lock, so that one thread writes. */
    if (!atomic_load_explicit(&app->failed, memory_order_relaxed)) {
        app->failure = *error;
        atomic_store_explicit(&app->failed, true, memory_order_release);
    }
    pthread_mutex_unlock(&app->units_lock);
}

static bool
is_dropped(struct mr_unit *unit)
{
    return atomic_load_explicit(&unit->dropped, memory_order_relaxed);
}

/* Sleeps in slices so that a dropped unit ends soon. */
static void
pause_for(struct mr_unit *unit, int64_t ms)
{
    for (int64_t slept = 0; slept < ms && !is_dropped(unit); slept += 50)
        mr_clock_sleep_ms(50);
}

/* The server refused rows that our own checks had passed: the table no longer fits the schema. The
 * operator mends the table; until then these bytes wait here, so that nothing is lost. */
void
mri_land_report_rejected(struct mri_loader *loader, const struct mr_load_job *job,
                         const struct mr_load_reply *reply)
{
    char rows[512] = "";
    if (reply->error_url[0] &&
        mr_load_error_rows(loader->loader, reply->error_url, rows, sizeof rows) != MR_OK)
        rows[0] = '\0';
    mr_log(MR_LOG_ERROR, "load", "the server refused rows: retrying until the table takes them",
           MR_STR("table", job->table), MR_STR("label", job->label),
           MR_INT("rows_filtered", reply->rows_filtered), MR_STR("error", reply->message),
           MR_STR("rows", rows),
           MR_STR("hint", "does the table still fit the schema? compare with millrace ddl"));
}

static void
fail(struct mr_app *app, const struct mr_load_job *job, const struct mr_load_reply *reply)
{
    struct mr_error error;
    (void)mr_error_set(&error, MR_STARROCKS, "table \"%s\": %s", job->table, reply->message);
    mr_error_hint(&error, "%s", reply->hint);
    mri_fail(app, &error);
}

static enum mr_outcome
load_until_settled(struct mri_loader *loader, struct mr_unit *unit, const struct mr_load_job *job)
{
    struct mr_load_reply reply;
    int64_t pause = REJECTED_PAUSE_MS;
    for (;;) {
        if (is_dropped(unit))
            return MR_OUTCOME_RETRY;
        mri_horizon_count(loader->app);
        enum mr_outcome outcome = mr_load_settled(loader->loader, job, &unit->dropped, &reply);
        if (outcome == MR_OUTCOME_FATAL)
            fail(loader->app, job, &reply);
        if (outcome != MR_OUTCOME_REJECTED)
            return outcome;
        mri_land_report_rejected(loader, job, &reply);
        pause_for(unit, pause);
        pause = pause * 2 < REJECTED_PAUSE_MAX_MS ? pause * 2 : REJECTED_PAUSE_MAX_MS;
    }
}

void
mri_land_job(const struct mr_app *app, const struct mr_target *target, const char *label,
             struct mr_text *columns, struct mr_load_job *ret_job)
{
    const struct mr_layout *layout = app->layout;
    mr_harvest_columns(layout, target->kind, target->rollup, columns);
    MR_INSIST(!columns->overflow);
    *ret_job = (struct mr_load_job){
        .table = mr_harvest_table(layout, target->kind, target->rollup), .label = label,
        .columns = mr_text_str(columns), .body = &target->body};
    if (target->kind == MR_TARGET_DETAIL && layout->key_count > 0)
        ret_job->merge_condition = layout->sequence_column >= 0
                                       ? layout->columns[layout->sequence_column].name
                                       : "_offset";
}

static enum mr_outcome
load_target(struct mri_loader *loader, struct mr_unit *unit, struct mr_target *target)
{
    const struct mr_app *app = loader->app;
    char label[160];
    struct mr_text columns = {.limit = 0};
    struct mr_load_job job;
    if (target->body.rows == 0)
        return MR_OUTCOME_DONE; /* a unit that took nothing; servers refuse empty loads */
    snprintf(label, sizeof label, "%s-%s-%" PRIu64 "-%s", app->layout->pipeline, app->chain,
             unit->number, mr_harvest_table(app->layout, target->kind, target->rollup));
    mri_land_job(app, target, label, &columns, &job);
    enum mr_outcome outcome = load_until_settled(loader, unit, &job);
    mr_text_fini(&columns);
    return outcome;
}

/* units_lock held. The oldest unit leaves the list; `landed`: all its rows and its ledger row are in. */
static void
remove_first(struct mr_app *app, struct mr_unit *unit, bool landed)
{
    MR_INSIST(app->units == unit);
    app->units = unit->next;
    if (!landed) {
        mr_ledger_failed(app->ledger, unit->number);
        /* Not those of a later assignment, behind a unit that the ledger has forgotten. */
        for (struct mr_unit *later = app->units; later; later = later->next)
            if (mr_ledger_state(app->ledger, later->number) == MR_UNIT_FAILED)
                drop(later);
        return;
    }
    mr_ledger_loaded(app->ledger, unit->number);
    app->landed_records += unit->records;
    app->visible_at_ms = mr_clock_monotonic_ms();
    if (unit->newest_event_us > app->visible_event_us)
        app->visible_event_us = unit->newest_event_us;
}

void
mri_land_log(const struct mr_unit *unit)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; i < unit->target_count; i++)
        rows += unit->targets[i].body.rows;
    mr_log(MR_LOG_INFO, "load", "unit is in", MR_INT("unit", unit->number),
           MR_INT("records", unit->records), MR_INT("rows", rows),
           MR_INT("tables", unit->target_count),
           MR_INT("ms", mr_clock_monotonic_ms() - unit->sealed_ms));
}

static void
end_unit(struct mri_loader *loader, struct mr_unit *unit, bool landed)
{
    if (landed)
        mri_land_log(unit);
    else
        mr_metrics_add(loader->cell, MR_M_UNITS_FAILED, 1);
    mri_land_forget(loader->app, &unit);
}

/* Bookkeeping after one target; frees the unit with its last one. A dropped unit passes through the
 * same steps without being loaded, so that the order of the list holds. Returns the unit whose ledger
 * rows this loader loads next: in the queue they could wait behind loads of later units that the
 * server refuses, for as long as that lasts. */
static struct mr_unit *
settle_job(struct mri_loader *loader, const struct mri_job *job, bool done)
{
    struct mr_app *app = loader->app;
    struct mr_unit *unit = job->unit, *finished = NULL;
    if (!done)
        drop(unit);
    MR_RACE_POINT("land.before_settle");
    pthread_mutex_lock(&app->units_lock);
    if (job->target < unit->target_count) {
        unit->data_loaded = --unit->remaining == 0;
    } else {
        remove_first(app, unit, done);
        finished = unit;
    }
    struct mr_unit *next = next_to_finish(app);
    pthread_mutex_unlock(&app->units_lock);
    MR_RACE_POINT("land.settled");
    if (finished)
        end_unit(loader, finished, done);
    return next;
}

/* One target; returns the job that follows from it, without a unit when there is none. */
static struct mri_job
run_job(struct mri_loader *loader, const struct mri_job *job)
{
    struct mr_target *target = &job->unit->targets[job->target];
    bool done = !is_dropped(job->unit) &&
                load_target(loader, job->unit, target) == MR_OUTCOME_DONE;
    struct mr_unit *next = settle_job(loader, job, done);
    return (struct mri_job){.unit = next, .target = next ? next->target_count : 0};
}

void
mri_load_run(void *argument)
{
    struct mri_loader *loader = argument;
    struct mri_job *job;
    while ((job = mr_ring_pop_mpmc(loader->ring, -1)) != NULL) {
        struct mri_job now = *job;
        free(job);
        if (now.call)
            mri_call_run(loader, now.call, now.target);
        while (now.unit)
            now = run_job(loader, &now);
    }
}
