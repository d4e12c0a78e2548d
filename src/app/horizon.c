/* How far back the server's memory of labels reaches: what it keeps against the labels that are used. */
#include "app_priv.h"

#include "millrace/base/clock.h"
#include "millrace/base/log.h"

#define WINDOW_MS 60000 /* labels are counted over one to two of these */

/* Labels a second of units that are cut by their age: more are used when units are cut sooner, fewer when
 * nothing comes. At least once: a label a table and one for the ledger rows. */
static double
planned_rate(const struct mr_app *app)
{
    uint32_t labels = app->exact ? 1 : app->layout->rollup_count + 2;
    return labels * 1000.0 / (double)app->config->flush.every_ms;
}

double
mri_horizon_of(const struct mr_label_memory *memory, double labels_a_second)
{
    double by_count = (double)memory->count / labels_a_second;
    return by_count < (double)memory->seconds ? by_count : (double)memory->seconds;
}

void
mri_horizon_count(struct mr_app *app)
{
    /* Relaxed: a count. */
    atomic_fetch_add_explicit(&app->labels, 1, memory_order_relaxed);
}

/* What the server would have to keep for as long as the outage that is tolerated. */
static void
warn_if_short(const struct mr_app *app, const struct mr_label_memory *memory)
{
    char hint[160];
    double rate = planned_rate(app), horizon = mri_horizon_of(memory, rate);
    int64_t outage = app->config->starrocks.transaction_timeout_ms / 1000;
    if (horizon >= (double)outage)
        return;
    snprintf(hint, sizeof hint,
             "ADMIN SET FRONTEND CONFIG (\"%s\" = \"%lld\") or more, or a longer flush.every",
             memory->seconds < outage ? "label_keep_max_second" : "label_keep_max_num",
             memory->seconds < outage ? (long long)outage : (long long)((double)outage * rate) + 1);
    mr_log(MR_LOG_WARN, "app", "the server forgets labels before the tolerated outage is over",
           MR_INT("horizon_seconds", horizon), MR_INT("tolerated_seconds", outage),
           MR_INT("label_keep_max_num", memory->count),
           MR_INT("label_keep_max_second", memory->seconds), MR_STR("hint", hint));
}

void
mri_horizon_ask(struct mr_app *app, struct mr_sql *sql)
{
    struct mr_label_memory memory = MR_LABEL_MEMORY_DEFAULT;
    struct mr_error error = {.rc = MR_OK};
    if (mr_sql_label_memory(sql, &memory, &error) != MR_OK)
        mr_log(MR_LOG_WARN, "verify", "how long the server remembers labels cannot be read: its "
                                      "documented defaults are assumed",
               MR_STR("error", error.text), MR_STR("hint", mr_error_get_hint(&error)));
    pthread_mutex_lock(&app->units_lock);
    app->label_memory = memory;
    pthread_mutex_unlock(&app->units_lock);
    warn_if_short(app, &memory);
}

/* Over the last one or two windows; until the first has passed, since the first call. */
static double
measured_rate(struct mr_app *app)
{
    struct mri_label_mark now = {mr_clock_monotonic_ms(),
                                 atomic_load_explicit(&app->labels, memory_order_relaxed)};
    struct mri_label_mark *marks = app->label_marks;
    if (marks[0].at_ms == 0)
        marks[0] = marks[1] = now;
    if (now.at_ms - marks[1].at_ms >= WINDOW_MS) {
        marks[0] = marks[1];
        marks[1] = now;
    }
    int64_t passed_ms = now.at_ms - marks[0].at_ms;
    return passed_ms > WINDOW_MS / 10
               ? (double)(now.labels - marks[0].labels) * 1000.0 / (double)passed_ms
               : 0;
}

double
mri_horizon_seconds(struct mr_app *app)
{
    double planned = planned_rate(app), measured = measured_rate(app);
    pthread_mutex_lock(&app->units_lock);
    struct mr_label_memory memory = app->label_memory;
    pthread_mutex_unlock(&app->units_lock);
    return mri_horizon_of(&memory, measured > planned ? measured : planned);
}
