/* Feed thread: takes batches from Kafka, stamps them with the open unit, hands them to the workers. It
 * owns the Kafka client, so that rebalance, cut and commit cannot overlap. */
#include "exact_priv.h"

#include "millrace/base/assert.h"
#include "millrace/base/clock.h"
#include "millrace/base/log.h"

#define FILL_MS 10
#define REVOKE_MS 30000
#define STATE_MS 250

static bool
stopping(struct mr_app *app)
{
    /* Relaxed: a request; nothing else is read through it. */
    return atomic_load_explicit(&app->stopping, memory_order_relaxed);
}

static bool
has_failed(struct mr_app *app)
{
    /* Acquire: failure; partner: the release in mri_fail. */
    return atomic_load_explicit(&app->failed, memory_order_acquire);
}

static enum mr_rc
on_assigned(void *context, struct mr_span *spans, int64_t *until, uint32_t count)
{
    struct mr_app *app = context;
    if (!app->exact)
        return mri_recover(app, spans, count);
    app->exact->in_event = true;
    enum mr_rc rc = mri_recover_exact(app, spans, until, count);
    app->exact->in_event = false;
    return rc;
}

static enum mr_rc
on_positions(void *context, const struct mr_span *spans, uint32_t count)
{
    struct mr_app *app = context;
    enum mr_rc rc = MR_OK;
    pthread_mutex_lock(&app->units_lock);
    for (uint32_t i = 0; rc == MR_OK && i < count; i++)
        rc = mr_ledger_assign(app->ledger, &spans[i]);
    pthread_mutex_unlock(&app->units_lock);
    if (rc == MR_OK && app->exact)
        rc = mri_exact_begin(app, spans, count);
    /* Refused as a whole: the same partitions are assigned again later. */
    if (rc != MR_OK)
        mri_land_give_up(app);
    return rc;
}

/* A chain that ends meanwhile gives up what it has; one that ended before had given it up. */
static bool
finish_units(struct mr_app *app)
{
    const struct mri_exact *exact = app->exact;
    bool chained = exact && exact->live;
    int64_t limit_ms = app->hurried ? 0 : REVOKE_MS;
    bool done = mri_commit_drain(app, limit_ms, false) && !has_failed(app);
    return done && (!chained || exact->live) &&
           (!exact || (!exact->restart && exact->left_at_ms == 0));
}

/* Orderly: what was taken is finished and committed, so that the next owner repeats nothing. Lost:
 * commits are hopeless; what has not landed is given up and will be read again by the next owner. */
static void
on_revoked(void *context, bool lost)
{
    struct mr_app *app = context;
    /* Not part of any unit yet: whoever owns the partitions next reads them again. */
    if (app->pending)
        mr_batch_reset(app->pending);
    bool replays = app->exact && app->exact->replaying;
    mri_exact_drop_replay(app);
    mri_cut(app, MR_M_CUT_STOP);
    if (app->exact)
        app->exact->in_event = true;
    bool finished = !lost && finish_units(app) && !replays;
    if (app->exact) {
        mri_exact_leave(app);
        app->exact->in_event = false;
    } else {
        mri_land_give_up(app);
    }
    mr_log(finished ? MR_LOG_INFO : MR_LOG_WARN, "consume",
           finished ? "partitions given back, all units committed"
                    : "partitions lost with units in flight: the next owner reads them again",
           MR_INT("lost", lost));
}

/* Tells the ledger about the runs of offsets in a batch. */
static enum mr_rc
account(struct mr_app *app, const struct mr_batch *batch, struct mr_error *error)
{
    enum mr_rc rc = MR_OK;
    pthread_mutex_lock(&app->units_lock);
    for (uint32_t i = 0, first = 0; rc == MR_OK && i < batch->count; i++) {
        const struct mr_record *from = &batch->records[first], *this = &batch->records[i];
        const struct mr_record *next = i + 1 < batch->count ? this + 1 : NULL;
        if (next && next->partition == from->partition && next->topic == from->topic &&
            next->offset > this->offset)
            continue;
        rc = mr_ledger_take(app->ledger, from->topic, from->partition, from->offset,
                            this->offset + 1, error);
        first = i + 1;
    }
    app->newest_record_us = batch->records[batch->count - 1].time_us;
    pthread_mutex_unlock(&app->units_lock);
    return rc;
}

static int64_t
worst_bytes(const struct mr_app *app, const struct mr_batch *batch)
{
    return mr_fold_worst_bytes(app->fold, batch->count, batch->bytes_used) +
           mr_rows_worst_bytes(app->layout, batch->count, batch->bytes_used,
                               (size_t)app->config->quarantine.raw_bytes);
}

/* Stamps the pending batch, for which memory and a unit are there, and gives it to the workers. */
static enum mr_rc
hand_out(struct mr_app *app)
{
    struct mr_batch *batch = app->pending;
    enum mr_rc rc = account(app, batch, &app->end_error);
    if (rc != MR_OK) {
        mr_budget_release(&app->budget, batch->reserved);
        batch->reserved = 0;
        return rc;
    }
    app->pending = NULL;
    app->open->records += batch->count;
    app->open->bytes += batch->bytes_used;
    mr_metrics_add(app->feed_cell, MR_M_RECORDS, batch->count);
    mr_metrics_add(app->feed_cell, MR_M_RECORD_BYTES, batch->bytes_used);
    batch->unit = app->open;
    /* Relaxed: feed's own reference keeps the count above 0; the ring publishes the batch. */
    atomic_fetch_add_explicit(&app->open->in_flight, 1, memory_order_relaxed);
    bool pushed = mr_ring_push_mpmc(app->full_batches, batch);
    MR_INSIST(pushed); /* as many places as batches */
    return MR_OK;
}

/* Keeps room for the worst case of the pending batch, and sees that a unit is open. MR_BUSY: no budget. */
static enum mr_rc
try_reserve(struct mr_app *app, int64_t need)
{
    if (!mr_budget_promise(&app->budget, need))
        return MR_BUSY;
    enum mr_rc rc = app->open ? MR_OK : mri_unit_open(app, &app->open);
    if (rc == MR_OK)
        app->pending->reserved = need;
    else
        mr_budget_release(&app->budget, need);
    return rc;
}

/* Nothing is in flight but the pending batch: no memory comes back by waiting. */
static bool
is_idle(struct mr_app *app)
{
    bool whole = app->exact && app->exact->replaying; /* an open replay cannot be cut */
    return (!app->open || whole) && mr_ring_count(app->free_batches) + 1 == app->batch_count &&
           mri_land_waiting(app) == 0;
}

/* As try_reserve. Idleness is seen before the last try, so that what came back in between counts. */
static enum mr_rc
reserve(struct mr_app *app)
{
    int64_t need = worst_bytes(app, app->pending);
    enum mr_rc rc = try_reserve(app, need);
    bool idle = rc == MR_BUSY && is_idle(app);
    if (idle) {
        mr_fold_trim(app->fold);
        rc = try_reserve(app, need);
    }
    if (idle && rc == MR_BUSY)
        return mr_error_set(&app->end_error, MR_MEMORY,
                            "one batch may need %lld bytes, its unit %lld, and memory has %lld left "
                            "of %lld",
                            (long long)need, (long long)mri_unit_least_bytes(app),
                            (long long)mr_budget_left(&app->budget), (long long)app->budget.limit);
    if (rc != MR_OK && rc != MR_BUSY)
        return mr_error_set(&app->end_error, rc, "a unit cannot be opened: %s", mr_rc_text(rc));
    return rc;
}

/* No budget for the pending batch: a smaller unit, then patience, rebalances served meanwhile. */
static enum mr_rc
wait_for_budget(struct mr_app *app)
{
    int64_t before = mr_clock_monotonic_ms();
    if (app->open && mri_cut_may(app))
        mri_cut(app, MR_M_CUT_MEMORY);
    enum mr_rc rc = mr_consumer_fill(app->consumer, NULL, FILL_MS, &app->end_error);
    pthread_mutex_lock(&app->units_lock);
    app->paused_s += (double)(mr_clock_monotonic_ms() - before) / 1000.0;
    pthread_mutex_unlock(&app->units_lock);
    return rc;
}

static void
copy_state(struct mr_app *app)
{
    struct mr_consumer_state state;
    int64_t now = mr_clock_monotonic_ms();
    if (now < app->state_after_ms)
        return;
    app->state_after_ms = now + STATE_MS;
    mr_consumer_get_state(app->consumer, &state);
    pthread_mutex_lock(&app->units_lock);
    app->consumer_state = state;
    pthread_mutex_unlock(&app->units_lock);
}

/* Fills app->pending; it stays empty when nothing came. It is known to on_revoked from the start, so
 * that what came before a rebalance in the same call is dropped by it. */
static enum mr_rc
take_batch(struct mr_app *app)
{
    /* Where the workers are the slow side, the next free batch is waited for, not the clock. */
    if (!app->pending)
        app->pending = mr_ring_pop_mpmc(app->free_batches, MRI_IDLE_MS);
    return mr_consumer_fill(app->consumer, app->pending, app->pending ? FILL_MS : 0,
                            &app->end_error);
}

/* The last record of a replay has been handed out: its unit ends here, before the next fill. */
static void
end_replay(struct mr_app *app)
{
    if (!app->exact || !app->exact->replaying || mr_consumer_replaying(app->consumer))
        return;
    app->exact->replaying = false;
    mri_cut(app, MR_M_CUT_REPLAY);
}

static enum mr_rc
feed_once(struct mr_app *app)
{
    enum mr_rc rc = MR_OK;
    if (has_failed(app))
        return app->failure.rc;
    if (app->exact && app->exact->stop.rc != MR_OK) {
        app->end_error = app->exact->stop;
        return app->end_error.rc;
    }
    mri_commit_ready(app);
    mri_cut_when_due(app);
    copy_state(app);
    if (app->exact && !app->exact->live) /* nobody to count for: rebalances only */
        return mr_consumer_fill(app->consumer, NULL, FILL_MS, &app->end_error);
    if (!app->pending || app->pending->count == 0) {
        end_replay(app);
        rc = take_batch(app);
    }
    if (rc != MR_OK || !app->pending || app->pending->count == 0)
        return rc;
    rc = reserve(app);
    if (rc == MR_BUSY)
        return wait_for_budget(app);
    return rc == MR_OK ? hand_out(app) : rc;
}

/* What is in flight is finished as far as that goes in the time that an end may take; the rest is given
 * up when the partitions are given back: units that are decided count, for whoever owns them next. */
static void
drain_for_end(struct mr_app *app, bool serve)
{
    mri_exact_drop_replay(app);
    mri_cut(app, MR_M_CUT_STOP);
    app->hurried = !mri_commit_drain(app, app->config->stop.timeout_ms, serve);
    if (!app->hurried)
        return;
    pthread_mutex_lock(&app->units_lock);
    uint64_t records = app->sealed_records + app->landed_records - app->committed_records;
    pthread_mutex_unlock(&app->units_lock);
    mr_log(MR_LOG_WARN, "app", "stopping without the units in flight: they will be read again",
           MR_INT("records_at_most", records), MR_INT("after_ms", app->config->stop.timeout_ms),
           MR_STR("hint", "stop.timeout is how long they are waited for"));
}

/* The orderly end: what was taken is loaded and committed. */
static enum mr_rc
finish(struct mr_app *app)
{
    if (app->pending)
        mr_batch_reset(app->pending); /* never stamped: its offsets are not part of any unit */
    drain_for_end(app, true);
    return has_failed(app) ? app->failure.rc : MR_OK;
}

/* What was taken is finished as far as that goes in a short time; the rest is read again. */
static enum mr_rc
end_with_error(struct mr_app *app, enum mr_rc rc)
{
    if (app->exact && app->exact->stop.rc != MR_OK)
        app->end_error = app->exact->stop;
    /* A stage that failed is the reason, whatever feed stumbled over because of it. */
    if (has_failed(app)) {
        app->end_error = app->failure;
        rc = app->failure.rc;
    }
    mri_report_trouble(app, &app->end_error);
    mr_log_error("app", "stopping: going on could lose or double rows", &app->end_error);
    drain_for_end(app, false);
    if (!app->exact) /* else when the partitions are given back, after what is under way has ended */
        mri_land_give_up(app);
    return rc;
}

void
mri_feed_run(void *argument)
{
    struct mr_app *app = argument;
    const struct mr_consumer_events events = {app, on_assigned, on_positions, on_revoked};
    enum mr_rc rc = mri_connect(app, &events);
    bool connected = rc == MR_OK;
    while (rc == MR_OK && !stopping(app))
        rc = feed_once(app);
    if (connected && rc == MR_OK)
        rc = finish(app);
    else if (!connected && stopping(app))
        rc = MR_OK;
    if (rc != MR_OK)
        rc = end_with_error(app, rc);
    if (app->consumer)
        mr_consumer_free(&app->consumer);
    app->end_rc = rc;
    /* Release: end_rc and end_error; partner: the acquire in mr_app_ended. */
    atomic_store_explicit(&app->ended, true, memory_order_release);
}
