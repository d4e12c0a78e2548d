/* Commits of what the ledger allows, and the wait for all of it. */
#include "exact_priv.h"

#include <stdlib.h>
#include <string.h>

#include "millrace/base/assert.h"
#include "millrace/base/clock.h"
#include "millrace/base/log.h"

#define COMMIT_RETRY_MS 500

static void
commit_failed(struct mr_app *app, const struct mr_error *error)
{
    mr_metrics_add(app->feed_cell, MR_M_COMMITS_FAILED, 1);
    app->commit_after_ms = mr_clock_monotonic_ms() + COMMIT_RETRY_MS;
    mr_log(MR_LOG_WARN, "consume", "offset commit not confirmed: retrying",
           MR_STR("error", error->text), MR_STR("hint", mr_error_get_hint(error)));
}

/* The committable rows, copied, because a loader may add to them while the commit is under way. 0 and
 * nothing to free when there are none. */
static uint64_t
copy_committable(struct mr_app *app, struct mr_span **ret_rows, uint32_t *ret_count,
                 uint64_t *ret_landed)
{
    const struct mr_span *rows;
    pthread_mutex_lock(&app->units_lock);
    uint64_t unit = mr_ledger_committable(app->ledger, &rows, ret_count);
    *ret_landed = app->landed_records;
    if (unit > 0) {
        *ret_rows = malloc(*ret_count * sizeof **ret_rows + 1);
        MR_INSIST(*ret_rows);
        memcpy(*ret_rows, rows, *ret_count * sizeof **ret_rows);
    }
    pthread_mutex_unlock(&app->units_lock);
    return unit;
}

/* units_lock held. Returns how many units that ends. */
static uint32_t
note_committed(struct mr_app *app, uint64_t unit)
{
    uint32_t before[MR_UNIT_FAILED + 1], after[MR_UNIT_FAILED + 1];
    mr_ledger_states(app->ledger, before);
    mr_ledger_committed(app->ledger, unit);
    mr_ledger_states(app->ledger, after);
    return before[MR_UNIT_LOADED] - after[MR_UNIT_LOADED];
}

void
mri_commit_ready(struct mr_app *app)
{
    struct mr_span *rows;
    uint32_t count;
    uint64_t landed;
    struct mr_error error = {.rc = MR_OK};
    if (app->exact) {
        mri_exact_pump(app);
        return;
    }
    if (mr_clock_monotonic_ms() < app->commit_after_ms)
        return;
    uint64_t unit = copy_committable(app, &rows, &count, &landed);
    if (unit == 0)
        return;
    enum mr_rc rc = mr_consumer_commit(app->consumer, rows, count, &error);
    free(rows);
    if (rc != MR_OK) {
        commit_failed(app, &error);
        return;
    }
    mr_metrics_add(app->feed_cell, MR_M_COMMITS, 1);
    pthread_mutex_lock(&app->units_lock);
    uint32_t units = note_committed(app, unit);
    app->committed_records = landed;
    pthread_mutex_unlock(&app->units_lock);
    mr_metrics_add(app->feed_cell, MR_M_UNITS_DONE, units);
}

bool
mri_commit_drain(struct mr_app *app, int64_t limit_ms, bool serve)
{
    int64_t start = mr_clock_monotonic_ms();
    const struct mr_span *rows;
    uint32_t count;
    for (;;) {
        mri_commit_ready(app);
        pthread_mutex_lock(&app->units_lock);
        bool done = app->units_sealed == 0 && mr_ledger_committable(app->ledger, &rows, &count) == 0;
        pthread_mutex_unlock(&app->units_lock);
        if (done || (limit_ms >= 0 && mr_clock_monotonic_ms() - start >= limit_ms))
            return done;
        if (serve && app->consumer)
            /* Errors of the input do not matter any more: nothing is taken. */
            (void)!mr_consumer_fill(app->consumer, NULL, MRI_IDLE_MS, NULL);
        else
            mr_clock_sleep_ms(MRI_IDLE_MS);
    }
}
