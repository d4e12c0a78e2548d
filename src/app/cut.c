/* When the open unit ends, and how. */
#include "exact_priv.h"

#include "millrace/base/clock.h"

#define UNCOMMITTED_MAX 4 /* units that are in, but not committed in Kafka */

void
mri_cut(struct mr_app *app, enum mr_metric cause)
{
    struct mr_unit *unit = app->open;
    if (!unit)
        return;
    app->open = NULL;
    unit->sealed_ms = mr_clock_monotonic_ms();
    pthread_mutex_lock(&app->units_lock);
    mr_ledger_seal(app->ledger, unit->number);
    app->units_sealed++;
    app->sealed_records += unit->records;
    pthread_mutex_unlock(&app->units_lock);
    mr_metrics_add(app->feed_cell, cause, 1);
    atomic_store_explicit(&unit->sealed, true, memory_order_relaxed);
    mri_unit_release(app, unit);
}

static uint64_t
max_keys(const struct mr_layout *layout)
{
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < layout->rollup_count; i++)
        least = layout->rollups[i].max_keys < least ? layout->rollups[i].max_keys : least;
    return least;
}

/* Why the open unit should end now; MR_METRIC_COUNT when it should not. */
static enum mr_metric
cause_of_cut(const struct mr_app *app)
{
    const struct mr_unit *unit = app->open;
    if (unit->records >= (uint64_t)app->config->flush.rows)
        return MR_M_CUT_ROWS;
    if (unit->bytes >= (uint64_t)app->config->flush.bytes)
        return MR_M_CUT_BYTES;
    if (mr_fold_unit_keys(unit->fold) >= max_keys(app->layout))
        return MR_M_CUT_KEYS;
    if (mr_clock_monotonic_ms() - unit->opened_ms >= app->config->flush.every_ms)
        return MR_M_CUT_TIME;
    return MR_METRIC_COUNT;
}

bool
mri_cut_may(struct mr_app *app)
{
    if (app->exact && app->exact->replaying)
        return false; /* a replay is one unit */
    uint32_t states[MR_UNIT_FAILED + 1];
    pthread_mutex_lock(&app->units_lock);
    mr_ledger_states(app->ledger, states);
    bool may = app->units_sealed < (uint32_t)app->config->flush.depth &&
               states[MR_UNIT_LOADED] < UNCOMMITTED_MAX;
    pthread_mutex_unlock(&app->units_lock);
    return may;
}

void
mri_cut_when_due(struct mr_app *app)
{
    if (!app->open)
        return;
    enum mr_metric cause = cause_of_cut(app);
    if (cause != MR_METRIC_COUNT && mri_cut_may(app))
        mri_cut(app, cause);
}
