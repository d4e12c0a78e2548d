/* Exactly-once delivery: the list of sealed units. Harvest appends to it under the lock; all else about
 * it is feed's: which unit the chain gets next, which ones are in, which are given up and freed. */
#include "exact_priv.h"

#include "millrace/base/assert.h"
#include "millrace/base/clock.h"

static void
count_landed(struct mr_app *app, const struct mr_unit *unit)
{
    uint64_t rows = 0, bytes = 0;
    for (uint32_t i = 0; i < unit->target_count; i++) {
        rows += unit->targets[i].body.rows;
        bytes += unit->targets[i].body.bytes;
    }
    mr_load_hub_landed(app->hub, rows, bytes);
    mri_land_log(unit);
}

/* A unit leaves the list; landed: the sink has committed it. Its call, if any, was answered. */
static void
end_unit(struct mr_app *app, struct mr_unit **link, bool landed)
{
    struct mr_unit *unit = *link;
    pthread_mutex_lock(&app->units_lock);
    *link = unit->next;
    if (landed) {
        mr_ledger_loaded(app->ledger, unit->number);
        mr_ledger_committed(app->ledger, unit->number);
        app->landed_records += unit->records;
        app->committed_records += unit->records;
        app->visible_at_ms = mr_clock_monotonic_ms();
        if (unit->newest_event_us > app->visible_event_us)
            app->visible_event_us = unit->newest_event_us;
    } else {
        mr_ledger_failed(app->ledger, unit->number);
    }
    pthread_mutex_unlock(&app->units_lock);
    mr_metrics_add(app->feed_cell, landed ? MR_M_UNITS_DONE : MR_M_UNITS_FAILED, 1);
    if (landed)
        count_landed(app, unit);
    mri_land_forget(app, &unit);
}

static bool
is_dropped(const struct mr_unit *unit)
{
    return atomic_load_explicit(&unit->dropped, memory_order_relaxed);
}

/* Is a call of it under way? */
static bool
is_busy(const struct mri_exact *exact, const struct mr_unit *unit)
{
    for (unsigned i = 0; i < MRI_CALLS; i++)
        if (exact->calls[i].used && exact->calls[i].unit == unit)
            return true;
    return false;
}

/* Harvest only appends, under the lock; all else about the list is feed's. */
static struct mr_unit **
next_link(struct mr_app *app, struct mr_unit **link)
{
    pthread_mutex_lock(&app->units_lock);
    struct mr_unit **next = *link ? &(*link)->next : NULL;
    if (next && !*next)
        next = NULL;
    pthread_mutex_unlock(&app->units_lock);
    return next;
}

static struct mr_unit **
first_link(struct mr_app *app)
{
    pthread_mutex_lock(&app->units_lock);
    struct mr_unit **link = app->units ? &app->units : NULL;
    pthread_mutex_unlock(&app->units_lock);
    return link;
}

void
mri_exact_sweep(struct mr_app *app)
{
    struct mr_unit **link = first_link(app);
    while (link) {
        if (is_dropped(*link) && !is_busy(app->exact, *link)) {
            end_unit(app, link, false);
            link = first_link(app);
        } else {
            link = next_link(app, link);
        }
    }
}

/* Units that the machine says are in. */
void
mri_exact_take_landed(struct mr_app *app)
{
    uint64_t committed = mr_live_committed(app->exact->live);
    struct mr_unit **link = first_link(app);
    while (link && (*link)->number <= committed) {
        app->exact->failures = 0;
        app->exact->unfit = 0;
        end_unit(app, link, true);
        link = first_link(app);
    }
}

/* The next harvested unit goes to the chain, oldest first. */
void
mri_exact_feed(struct mr_app *app)
{
    struct mri_exact *exact = app->exact;
    struct mr_unit **link = first_link(app);
    while (link && mr_live_may_feed(exact->live)) {
        if ((*link)->number > exact->fed && !is_dropped(*link)) {
            exact->fed = (*link)->number;
            mr_live_feed(exact->live, exact->fed);
            exact->stirred = true;
        }
        link = next_link(app, link);
    }
}
