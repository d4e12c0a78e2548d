/* Harvest thread: quiet units in the order of their numbers → bodies and ledger rows. */
#include "app_priv.h"

#include <stdlib.h>

#include "millrace/base/assert.h"
#include "millrace/base/log.h"

#define WAITING_MAX 64

/* Adds one worker's counts of a partition to the unit's. Every event counts into every rollup. */
static void
merge_span(const struct mr_app *app, const struct mr_span *from, struct mr_span *spans,
           uint32_t *count)
{
    struct mr_span add = *from;
    uint32_t i = 0;
    for (uint32_t r = 0; r < app->layout->rollup_count; r++)
        add.totals.rollups[r] = add.totals.detail;
    while (i < *count && (spans[i].partition != add.partition || spans[i].topic != add.topic))
        i++;
    if (i == *count)
        spans[(*count)++] = add;
    else
        mr_span_add(&spans[i], &add);
}

static struct mr_span *
merge_shares(const struct mr_app *app, struct mr_unit *unit, uint32_t *ret_count)
{
    size_t most = 1;
    for (uint32_t i = 0; i < app->worker_count; i++)
        most += unit->shares[i].count;
    struct mr_span *spans = calloc(most, sizeof *spans);
    *ret_count = 0;
    for (uint32_t i = 0; spans && i < app->worker_count; i++)
        for (uint32_t k = 0; k < unit->shares[i].count; k++)
            merge_span(app, &unit->shares[i].spans[k], spans, ret_count);
    for (uint32_t i = 0; spans && i < *ret_count; i++)
        if (spans[i].event_time_us > unit->newest_event_us)
            unit->newest_event_us = spans[i].event_time_us;
    return spans;
}

static void
report_fold(struct mr_app *app, const struct mr_unit *unit)
{
    double fill = 0;
    uint64_t keys = 0, probes_max = 0;
    for (uint32_t r = 0; r < app->layout->rollup_count; r++) {
        struct mr_fold_stats stats;
        mr_fold_unit_stats(unit->fold, r, &stats);
        double ratio = stats.slots ? (double)stats.keys / (double)stats.slots : 0;
        fill = ratio > fill ? ratio : fill;
        keys = stats.keys > keys ? stats.keys : keys;
        probes_max = stats.probes_max > probes_max ? stats.probes_max : probes_max;
        mr_metrics_add(app->harvest_cell, MR_M_FOLD_PROBES, stats.probes_total);
        mr_metrics_add(app->harvest_cell, MR_M_FOLD_LOOKUPS, stats.lookups);
    }
    mr_metrics_set(app->metrics, MR_M_FOLD_KEYS, (double)keys);
    mr_metrics_set(app->metrics, MR_M_FOLD_FILL, fill);
    mr_metrics_set(app->metrics, MR_M_FOLD_PROBE_MAX, (double)probes_max);
}

/* Ledger rows of the unit, as one more target behind the data targets. */
static enum mr_rc
add_ledger_target(struct mr_app *app, struct mr_unit *unit)
{
    uint32_t count, rows_count = 0;
    struct mr_span *spans = merge_shares(app, unit, &count);
    enum mr_rc rc = spans ? MR_OK : MR_MEMORY;
    pthread_mutex_lock(&app->units_lock);
    if (rc == MR_OK && mr_ledger_state(app->ledger, unit->number) == MR_UNIT_SEALED)
        rc = mr_ledger_count(app->ledger, unit->number, spans, count);
    else if (rc == MR_OK)
        rc = MR_STOPPED; /* its partitions were taken away: somebody else reads them again */
    /* Exactly once: made for each try, for the rows name its label. */
    const struct mr_span *rows =
        rc == MR_OK && !app->exact ? mr_ledger_rows(app->ledger, unit->number, &rows_count) : NULL;
    if (rows)
        rc = mr_harvest_ledger(app->layout, &app->budget, app->chain, unit->number, rows,
                               rows_count, &unit->targets[unit->target_count]);
    pthread_mutex_unlock(&app->units_lock);
    free(spans);
    return rc;
}

/* The unit leaves before it reached the loaders. */
static void
drop_unit(struct mr_app *app, struct mr_unit *unit)
{
    mr_log(MR_LOG_WARN, "harvest", "unit dropped: its offsets will be read again",
           MR_INT("unit", unit->number), MR_INT("records", unit->records));
    pthread_mutex_lock(&app->units_lock);
    mr_ledger_failed(app->ledger, unit->number);
    pthread_mutex_unlock(&app->units_lock);
    mr_metrics_add(app->harvest_cell, MR_M_UNITS_FAILED, 1);
    mri_land_forget(app, &unit);
}

static void
harvest_unit(struct mr_app *app, struct mr_unit *unit)
{
    struct mr_rows *rows[MRI_MAX_WORKERS];
    struct mr_error error;
    for (uint32_t i = 0; i < app->worker_count; i++)
        rows[i] = unit->shares[i].rows;
    enum mr_rc rc = mr_harvest_unit(app->layout, &app->budget, unit->fold, rows, app->worker_count,
                                    unit->targets, &unit->target_count);
    if (rc == MR_OK)
        rc = add_ledger_target(app, unit);
    if (rc != MR_OK && rc != MR_STOPPED) {
        (void)mr_error_set(&error, rc, "unit %llu cannot be harvested: %s",
                           (unsigned long long)unit->number, mr_rc_text(rc));
        mri_fail(app, &error);
    }
    if (rc != MR_OK) {
        drop_unit(app, unit);
        return;
    }
    report_fold(app, unit);
    /* The table's memory serves the next units while this one is loaded. */
    mr_fold_unit_retire(app->fold, &unit->fold);
    mri_land(app, unit);
}

/* Units may fall quiet out of order; they are counted, and so harvested, in order. */
void
mri_harvest_run(void *argument)
{
    struct mr_app *app = argument;
    struct mr_unit *waiting[WAITING_MAX] = {NULL};
    uint64_t expected = 1;
    struct mr_unit *unit;
    while ((unit = mr_ring_pop_mpmc(app->quiet_units, -1)) != NULL) {
        MR_INSIST(unit->number - expected < WAITING_MAX);
        waiting[unit->number % WAITING_MAX] = unit;
        while (waiting[expected % WAITING_MAX]) {
            unit = waiting[expected % WAITING_MAX];
            waiting[expected % WAITING_MAX] = NULL;
            expected++;
            harvest_unit(app, unit);
        }
    }
}
