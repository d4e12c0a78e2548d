/* Start-up: waits, with back-off and a clear word each time the reason changes, until StarRocks has
 * the tables and Kafka has the topics. */
#include "app_priv.h"

#include <string.h>

#include "millrace/base/clock.h"
#include "millrace/base/log.h"

#define PAUSE_MIN_MS 250
#define PAUSE_MAX_MS 5000
#define REPEAT_MS 30000
#define TOPICS_TIMEOUT_MS 3000

struct patience {
    const char *stage;
    char last[sizeof(((struct mr_error *)0)->text)];
    int64_t logged_ms;
    int64_t pause_ms;
};

static bool
stopping(struct mr_app *app)
{
    /* Relaxed: a request; nothing else is read through it. */
    return atomic_load_explicit(&app->stopping, memory_order_relaxed);
}

/* Logs a new reason at once and an old one each REPEAT_MS, then waits a little longer each time. */
static void
wait_again(struct mr_app *app, struct patience *patience, const struct mr_error *error)
{
    int64_t now = mr_clock_monotonic_ms();
    mri_report_trouble(app, error);
    if (strcmp(patience->last, error->text) != 0 || now - patience->logged_ms >= REPEAT_MS) {
        mr_log_error(patience->stage, "cannot start yet: retrying", error);
        memcpy(patience->last, error->text, sizeof patience->last);
        patience->logged_ms = now;
    }
    if (patience->pause_ms == 0)
        patience->pause_ms = PAUSE_MIN_MS;
    for (int64_t slept = 0; slept < patience->pause_ms && !stopping(app); slept += 50)
        mr_clock_sleep_ms(50);
    if (patience->pause_ms < PAUSE_MAX_MS)
        patience->pause_ms *= 2;
}

/* *ret_unfit: the server is of a version that cannot do what is asked; waiting does not mend that. */
static enum mr_rc
check_tables(struct mr_app *app, bool *ret_unfit, struct mr_error *error)
{
    struct mr_sql *sql = NULL;
    enum mr_rc rc = mr_sql_connect(app->config, &sql, error);
    if (rc == MR_OK && app->exact) {
        rc = mr_sql_check_multi(sql, error);
        *ret_unfit = rc == MR_TABLE;
    }
    if (rc == MR_OK)
        rc = mr_ddl_check(sql, app->config, app->layout, error);
    if (rc == MR_OK)
        mri_horizon_ask(app, sql);
    mr_sql_close(&sql);
    return rc;
}

static enum mr_rc
wait_for_tables(struct mr_app *app)
{
    struct patience patience = {.stage = "verify"};
    struct mr_error error = {.rc = MR_OK};
    bool unfit = false;
    while (!stopping(app)) {
        if (check_tables(app, &unfit, &error) == MR_OK) {
            mri_report_trouble(app, NULL);
            return MR_OK;
        }
        if (unfit) {
            app->end_error = error;
            return error.rc;
        }
        wait_again(app, &patience, &error);
    }
    return MR_STOPPED;
}

static enum mr_rc
wait_for_topics(struct mr_app *app)
{
    struct patience patience = {.stage = "consume"};
    struct mr_error error = {.rc = MR_OK};
    while (!stopping(app)) {
        enum mr_rc rc = mr_consumer_topics(app->consumer, TOPICS_TIMEOUT_MS, &error);
        if (rc == MR_OK)
            rc = mr_consumer_subscribe(app->consumer, &error);
        if (rc == MR_OK) {
            mri_report_trouble(app, NULL);
            return MR_OK;
        }
        wait_again(app, &patience, &error);
    }
    return MR_STOPPED;
}

enum mr_rc
mri_connect(struct mr_app *app, const struct mr_consumer_events *events)
{
    enum mr_rc rc = app->options.without_sql ? MR_OK : wait_for_tables(app);
    if (rc == MR_OK)
        rc = mr_consumer_new(app->config, events, &app->consumer, &app->end_error);
    if (rc == MR_OK)
        rc = wait_for_topics(app);
    if (rc == MR_OK)
        mr_log(MR_LOG_INFO, "app", "connected", MR_STR("pipeline", app->layout->pipeline),
               MR_STR("chain", app->chain), MR_INT("workers", app->worker_count),
               MR_INT("loaders", app->loader_count));
    return rc;
}

enum mr_rc
mri_recover(struct mr_app *app, struct mr_span *spans, uint32_t count)
{
    struct mr_sql *sql = NULL;
    struct mr_error error = {.rc = MR_OK};
    if (app->options.without_sql) {
        for (uint32_t i = 0; i < count; i++)
            spans[i].end = -1;
        return MR_OK;
    }
    enum mr_rc rc = mr_sql_connect(app->config, &sql, &error);
    if (rc == MR_OK)
        rc = mr_sql_ledger(sql, app->layout, spans, count, &error);
    mr_sql_close(&sql);
    if (rc != MR_OK)
        mr_log_error("verify", "ledger rows cannot be read: the assignment waits", &error);
    mri_report_trouble(app, rc == MR_OK ? NULL : &error);
    return rc;
}
