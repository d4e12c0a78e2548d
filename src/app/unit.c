/* Life of a unit: opened by feed, filled by workers, handed to harvest by the last holder. */
#include "app_priv.h"

#include <stdlib.h>

#include "millrace/base/assert.h"
#include "millrace/base/clock.h"
#include "millrace/base/race.h"

static int64_t
ledger_bytes(struct mr_app *app)
{
    pthread_mutex_lock(&app->units_lock);
    uint32_t partitions = mr_ledger_partitions(app->ledger);
    pthread_mutex_unlock(&app->units_lock);
    return mr_harvest_ledger_bytes(app->layout, partitions);
}

int64_t
mri_unit_least_bytes(struct mr_app *app)
{
    return mr_fold_least_bytes(app->fold) + ledger_bytes(app);
}

/* Room for the ledger's rows, which are made when the unit can no longer be refused. */
static enum mr_rc
promise_ledger(struct mr_app *app, struct mr_unit *unit)
{
    int64_t bytes = ledger_bytes(app);
    if (!mr_budget_promise(&app->budget, bytes))
        return MR_BUSY;
    unit->promised = bytes;
    return MR_OK;
}

enum mr_rc
mri_unit_open(struct mr_app *app, struct mr_unit **ret_unit)
{
    struct mr_unit *unit = calloc(1, sizeof *unit);
    enum mr_rc rc = unit ? promise_ledger(app, unit) : MR_MEMORY;
    if (rc == MR_OK)
        rc = mr_fold_unit_open(app->fold, &unit->fold);
    for (uint32_t i = 0; rc == MR_OK && i < app->worker_count; i++)
        rc = mr_rows_new(app->layout, &app->budget, (size_t)app->config->quarantine.raw_bytes,
                         &unit->shares[i].rows);
    if (rc != MR_OK) {
        mri_unit_free(app, &unit);
        return rc;
    }
    pthread_mutex_lock(&app->units_lock);
    unit->number = mr_ledger_open(app->ledger);
    pthread_mutex_unlock(&app->units_lock);
    if (unit->number == 0) { /* an earlier unit failed: its partitions must be read again first */
        mri_unit_free(app, &unit);
        return MR_STOPPED;
    }
    unit->opened_ms = mr_clock_monotonic_ms();
    unit->newest_event_us = INT64_MIN;
    atomic_init(&unit->in_flight, 1);
    atomic_init(&unit->sealed, false);
    atomic_init(&unit->dropped, false);
    *ret_unit = unit;
    return MR_OK;
}

void
mri_unit_release(struct mr_app *app, struct mr_unit *unit)
{
    MR_RACE_POINT("unit.before_release");
    /* Release: everything this thread added to the unit. Acquire: the last holder, and through the
     * ring harvest, sees what all the others added. */
    if (atomic_fetch_sub_explicit(&unit->in_flight, 1, memory_order_acq_rel) == 1) {
        bool pushed = mr_ring_push_mpmc(app->quiet_units, unit);
        MR_INSIST(pushed);
    }
}

void
mri_unit_free(struct mr_app *app, struct mr_unit **unit)
{
    if (!*unit)
        return;
    for (uint32_t i = 0; i < app->worker_count; i++) {
        mr_rows_free(&(*unit)->shares[i].rows);
        free((*unit)->shares[i].spans);
    }
    for (uint32_t i = 0; i < MRI_MAX_TARGETS; i++)
        if ((*unit)->targets[i].body.budget)
            mr_body_fini(&(*unit)->targets[i].body);
    if ((*unit)->fold)
        mr_fold_unit_retire(app->fold, &(*unit)->fold);
    mr_budget_release(&app->budget, (*unit)->promised);
    free(*unit);
    *unit = NULL;
}
