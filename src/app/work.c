/* Worker threads: batch → decode → fold and detail rows, in groups of MRI_GROUP events. */
#include "app_priv.h"

#include <stdlib.h>

#include "millrace/base/assert.h"
#include "millrace/base/clock.h"
#include "millrace/base/race.h"

/* The counts of one partition in this worker's share of the unit. Runs of records of one partition
 * are long, so the last span is nearly always the right one. NULL when memory ran out. */
static struct mr_span *
span_of(struct mri_share *share, const struct mr_record *record, struct mr_span *last)
{
    if (last && last->partition == record->partition && last->topic == record->topic)
        return last;
    for (uint32_t i = 0; i < share->count; i++)
        if (share->spans[i].partition == record->partition && share->spans[i].topic == record->topic)
            return &share->spans[i];
    if (share->count == share->capacity) {
        uint32_t capacity = share->capacity ? share->capacity * 2 : 8;
        struct mr_span *grown = realloc(share->spans, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        share->spans = grown;
        share->capacity = capacity;
    }
    struct mr_span *span = &share->spans[share->count++];
    *span = (struct mr_span){.topic = record->topic, .partition = record->partition,
                             .start = record->offset, .end = record->offset,
                             .event_time_us = INT64_MIN};
    return span;
}

/* One record: an event is added to the group (true), anything else is settled here (false). */
static bool
take_record(struct mri_worker *worker, struct mri_share *share, const struct mr_record *record,
            struct mr_span *span, struct mr_event *event)
{
    struct mr_reject_info info;
    span->totals.consumed++;
    span->start = record->offset < span->start ? record->offset : span->start;
    span->end = record->offset + 1 > span->end ? record->offset + 1 : span->end;
    if (!record->value) {
        span->totals.tombstones++;
        mr_metrics_add(worker->cell, MR_M_TOMBSTONES, 1);
        return false;
    }
    enum mr_reject reject = mr_decode(worker->decoder, record, worker->now_us, event, &info);
    if (worker->refusals && reject == MR_REJECT_NONE &&
        mri_refuse_ask(worker->refusals, record, &info))
        reject = info.reason;
    if (reject == MR_REJECT_NONE) {
        span->totals.detail++;
        if (event->time_us > span->event_time_us)
            span->event_time_us = event->time_us;
        if (event->unknown_fields > 0)
            mr_metrics_add(worker->cell, MR_M_UNKNOWN_FIELDS, event->unknown_fields);
        return true;
    }
    span->totals.quarantined++;
    mr_metrics_add(worker->cell, (enum mr_metric)(MR_M_REJECT_malformed + reject - MR_REJECT_malformed),
                   1);
    /* Chunks cannot be had: the operating system, not the budget, has no memory. Losing the row
     * silently is the one thing that must not happen. */
    enum mr_rc rc = mr_rows_reject(share->rows, record, &info, worker->now_us);
    MR_INSIST(rc == MR_OK);
    return false;
}

static void
fold_group(struct mri_worker *worker, struct mr_unit *unit, struct mri_share *share, uint32_t count)
{
    mr_fold_add(worker->fold, unit->fold, worker->events, count);
    for (uint32_t i = 0; i < count; i++) {
        enum mr_rc rc = mr_rows_add(share->rows, &worker->events[i]);
        MR_INSIST(rc == MR_OK);
    }
    mr_decoder_reset(worker->decoder);
}

static void
work_batch(struct mri_worker *worker, struct mr_batch *batch)
{
    struct mr_unit *unit = batch->unit;
    struct mri_share *share = &unit->shares[worker->index];
    struct mr_span *span = NULL;
    uint32_t grouped = 0;
    uint64_t events = 0;
    worker->now_us = mr_clock_wall_us();
    worker->refusals = mri_refuse_noted(worker->app);
    for (uint32_t i = 0; i < batch->count; i++) {
        span = span_of(share, &batch->records[i], span);
        MR_INSIST(span);
        grouped += take_record(worker, share, &batch->records[i], span, &worker->events[grouped]);
        if (grouped == MRI_GROUP) {
            fold_group(worker, unit, share, grouped);
            events += grouped;
            grouped = 0;
        }
    }
    fold_group(worker, unit, share, grouped);
    mr_metrics_add(worker->cell, MR_M_EVENTS, events + grouped);
}

/* Gives up the unit that this worker kept: private state first, then the reference. */
static void
let_go(struct mri_worker *worker)
{
    if (!worker->held)
        return;
    mr_fold_leave(worker->fold, worker->held->fold);
    mri_unit_release(worker->app, worker->held);
    worker->held = NULL;
}

static void
hold(struct mri_worker *worker, struct mr_unit *unit)
{
    if (worker->held == unit)
        return;
    let_go(worker);
    /* Relaxed: the batch's own reference keeps the unit alive meanwhile. */
    atomic_fetch_add_explicit(&unit->in_flight, 1, memory_order_relaxed);
    worker->held = unit;
}

static void
finish_batch(struct mri_worker *worker, struct mr_batch *batch)
{
    struct mr_app *app = worker->app;
    struct mr_unit *unit = batch->unit;
    int64_t reserved = batch->reserved;
    mr_batch_reset(batch);
    mr_budget_release(&app->budget, reserved);
    bool pushed = mr_ring_push_mpmc(app->free_batches, batch);
    MR_INSIST(pushed);
    mri_unit_release(app, unit);
    MR_RACE_POINT("work.before_sealed");
    /* Relaxed: a missed seal is seen after the next batch, or when the ring is found empty. */
    if (atomic_load_explicit(&worker->held->sealed, memory_order_relaxed))
        let_go(worker);
}

void
mri_work_run(void *argument)
{
    struct mri_worker *worker = argument;
    struct mr_app *app = worker->app;
    for (;;) {
        struct mr_batch *batch = mr_ring_pop_mpmc(app->full_batches, 0);
        if (!batch) {
            let_go(worker);
            batch = mr_ring_pop_mpmc(app->full_batches, -1);
        }
        if (!batch)
            return;
        hold(worker, batch->unit);
        work_batch(worker, batch);
        finish_batch(worker, batch);
    }
}
