/* Probes of the status server: gauges, readiness, /v1/status. */
#include "app_priv.h"

#include <inttypes.h>
#include <string.h>

#include "millrace/base/clock.h"
#include "millrace/base/log.h"

/* Ready means that rows became visible lately or that there is nothing to do; lately is a few flush
 * intervals, at least this long. */
#define LATELY_MIN_MS 10000
#define LATELY_FLUSHES 10

/* What the probes read, copied in one go. */
struct snapshot {
    struct mr_consumer_state consumer;
    uint32_t units[MR_UNIT_FAILED + 1];
    int64_t visible_event_us, newest_record_us;
    int64_t oldest_wait_ms; /* of the oldest unit that waits for StarRocks; 0: none does */
    int64_t visible_age_ms; /* since rows became visible, while a unit waits; 0: none does */
    uint64_t committed_records, landed_records;
    double paused_s;
    char trouble[sizeof(((struct mr_app *)0)->trouble)];
    char chain[MR_CHAIN_CHARS + 1];
};

/* The status server runs before the stages are built. */
static bool
is_built(struct mr_app *app)
{
    /* Acquire: the stages; partner: the release at the end of mr_app_new. */
    return atomic_load_explicit(&app->built, memory_order_acquire);
}

static struct snapshot
look(struct mr_app *app)
{
    struct snapshot now;
    pthread_mutex_lock(&app->units_lock);
    now.consumer = app->consumer_state;
    mr_ledger_states(app->ledger, now.units);
    now.visible_event_us = app->visible_event_us;
    now.newest_record_us = app->newest_record_us;
    now.committed_records = app->committed_records;
    now.landed_records = app->landed_records;
    now.paused_s = app->paused_s;
    int64_t time_ms = mr_clock_monotonic_ms();
    now.oldest_wait_ms = app->units ? time_ms - app->units->sealed_ms : 0;
    now.visible_age_ms = time_ms - app->visible_at_ms;
    memcpy(now.trouble, app->trouble, sizeof now.trouble);
    memcpy(now.chain, app->chain, sizeof now.chain);
    pthread_mutex_unlock(&app->units_lock);
    /* A unit that waits for its turn behind others that go in is no stall. */
    if (now.visible_age_ms > now.oldest_wait_ms)
        now.visible_age_ms = now.oldest_wait_ms;
    return now;
}

void
mri_report_trouble(struct mr_app *app, const struct mr_error *error)
{
    pthread_mutex_lock(&app->units_lock);
    snprintf(app->trouble, sizeof app->trouble, "%.250s", error ? error->text : "");
    pthread_mutex_unlock(&app->units_lock);
}

static int64_t
lately_ms(const struct mr_app *app)
{
    int64_t flushes = app->config->flush.every_ms * LATELY_FLUSHES;
    return flushes > LATELY_MIN_MS ? flushes : LATELY_MIN_MS;
}

static bool
probe_ready(void *context, const char **reason)
{
    struct mr_app *app = context;
    if (!is_built(app)) {
        *reason = "starting";
        return false;
    }
    struct snapshot now = look(app);
    const char *why = NULL;
    if (now.trouble[0])
        why = now.trouble;
    else if (!now.consumer.connected)
        why = now.consumer.problem[0] ? now.consumer.problem : "not connected to Kafka yet";
    else if (!now.consumer.joined)
        why = "waits for its partitions: the group or their ledger rows have not answered yet";
    else if (now.visible_age_ms > lately_ms(app))
        why = "rows wait for StarRocks: no load has succeeded lately";
    if (!why)
        return true;
    snprintf(app->status_trouble, sizeof app->status_trouble, "%s", why);
    *reason = app->status_trouble;
    return false;
}

static double
lag_seconds(const struct snapshot *now)
{
    if (now->consumer.lag_records <= 0 || now->newest_record_us <= 0)
        return 0;
    return (double)(mr_clock_wall_us() - now->newest_record_us) / 1e6;
}

static double
freshness_seconds(const struct snapshot *now)
{
    return now->visible_event_us == INT64_MIN
               ? 0
               : (double)(mr_clock_wall_us() - now->visible_event_us) / 1e6;
}

static void
count_up(struct mr_app *app, enum mr_metric metric, uint64_t now, uint64_t *before)
{
    mr_metrics_add(app->status_cell, metric, now - *before);
    *before = now;
}

/* The loaders count for themselves; their sums are carried over as differences. */
static void
refresh_loads(struct mr_app *app)
{
    struct mr_load_counts now, *before = &app->reported;
    mr_load_hub_counts(app->hub, &now);
    for (int i = 0; i <= MR_OUTCOME_FATAL; i++)
        count_up(app, (enum mr_metric)(MR_M_LOAD_DONE + i), now.outcomes[i], &before->outcomes[i]);
    count_up(app, MR_M_LOAD_BYTES, now.bytes, &before->bytes);
    count_up(app, MR_M_LOAD_ROWS, now.rows, &before->rows);
    count_up(app, MR_M_LOAD_ROW_DIFFERENCES, now.row_differences, &before->row_differences);
    count_up(app, MR_M_LOAD_REDIRECTS, now.fe_asked, &before->fe_asked);
    count_up(app, MR_M_LOAD_LABELS, now.labels_asked, &before->labels_asked);
    count_up(app, MR_M_LOAD_CONNECTS, now.connects, &before->connects);
    mr_metrics_set(app->metrics, MR_M_LOAD_SECONDS, (double)now.attempt_us / 1e6);
}

static void
probe_refresh(void *context)
{
    struct mr_app *app = context;
    const char *reason;
    if (!is_built(app))
        return;
    struct snapshot now = look(app);
    mr_metrics_set(app->metrics, MR_M_LAG, (double)now.consumer.lag_records);
    mr_metrics_set(app->metrics, MR_M_LAG_SECONDS, lag_seconds(&now));
    mr_metrics_set(app->metrics, MR_M_PARTITIONS, now.consumer.partitions);
    mr_metrics_set(app->metrics, MR_M_REBALANCES, (double)now.consumer.rebalances);
    mr_metrics_set(app->metrics, MR_M_GAP_OFFSETS, (double)now.consumer.gap_offsets);
    mr_metrics_set(app->metrics, MR_M_SKIPPED, (double)now.consumer.skipped);
    mr_metrics_set(app->metrics, MR_M_PAUSED, now.paused_s);
    mr_metrics_set(app->metrics, MR_M_UNITS_OPEN, now.units[MR_UNIT_OPEN]);
    mr_metrics_set(app->metrics, MR_M_UNITS_SEALED, now.units[MR_UNIT_SEALED]);
    mr_metrics_set(app->metrics, MR_M_UNITS_LOADED, now.units[MR_UNIT_LOADED]);
    mr_metrics_set(app->metrics, MR_M_MEMORY_USED, (double)mr_budget_used(&app->budget));
    mr_metrics_set(app->metrics, MR_M_MEMORY_PROMISED, (double)mr_budget_promised(&app->budget));
    mr_metrics_set(app->metrics, MR_M_MEMORY_PEAK,
                   (double)atomic_load_explicit(&app->budget.peak, memory_order_relaxed));
    mr_metrics_set(app->metrics, MR_M_MEMORY_LIMIT, (double)app->budget.limit);
    mr_metrics_set(app->metrics, MR_M_FRESHNESS, freshness_seconds(&now));
    mr_metrics_set(app->metrics, MR_M_VISIBLE, (double)now.visible_age_ms / 1000.0);
    mr_metrics_set(app->metrics, MR_M_READY, probe_ready(app, &reason));
    mr_metrics_set(app->metrics, MR_M_LABEL_HORIZON, mri_horizon_seconds(app));
    mr_metrics_set(app->metrics, MR_M_LOG_DROPPED, (double)mr_log_dropped());
    refresh_loads(app);
}

static void
add_json_text(struct mr_text *json, const char *name, const char *value)
{
    mr_text_addf(json, ",\"%s\":\"", name);
    for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
        if (*p < 0x20 || *p == '"' || *p == '\\' || *p >= 0x7f)
            mr_text_addf(json, "\\u%04x", *p);
        else
            mr_text_add(json, p, 1);
    }
    mr_text_adds(json, "\"");
}

static void
probe_status(void *context, struct mr_text *json)
{
    struct mr_app *app = context;
    const char *reason = "";
    if (!is_built(app)) {
        mr_text_adds(json, "{\"ready\":false,\"reason\":\"starting\"}\n");
        return;
    }
    struct snapshot now = look(app);
    bool ready = probe_ready(app, &reason);
    mr_text_addf(json, "{\"version\":\"%s\"", MR_VERSION);
    add_json_text(json, "pipeline", app->layout->pipeline);
    add_json_text(json, "chain", now.chain);
    mr_text_addf(json, ",\"ready\":%s", ready ? "true" : "false");
    add_json_text(json, "reason", ready ? "" : reason);
    mr_text_addf(json,
                 ",\"kafka\":{\"connected\":%s,\"partitions\":%u,\"lag_records\":%" PRId64
                 ",\"rebalances\":%" PRId64 "}",
                 now.consumer.connected ? "true" : "false", now.consumer.partitions,
                 now.consumer.lag_records, now.consumer.rebalances);
    mr_text_addf(json, ",\"units\":{\"open\":%u,\"sealed\":%u,\"loaded\":%u}",
                 now.units[MR_UNIT_OPEN], now.units[MR_UNIT_SEALED], now.units[MR_UNIT_LOADED]);
    mr_text_addf(json,
                 ",\"records\":{\"loaded\":%" PRIu64 ",\"committed\":%" PRIu64
                 "},\"memory\":{\"used\":%" PRId64 ",\"promised\":%" PRId64 ",\"limit\":%" PRId64 "}",
                 now.landed_records, now.committed_records, mr_budget_used(&app->budget),
                 mr_budget_promised(&app->budget), app->budget.limit);
    mr_text_addf(json, ",\"oldest_wait_seconds\":%.3f,\"freshness_seconds\":%.3f}\n",
                 (double)now.oldest_wait_ms / 1000.0, freshness_seconds(&now));
}

struct mr_status_probes
mri_report_probes(struct mr_app *app)
{
    return (struct mr_status_probes){app, probe_refresh, probe_ready, probe_status};
}
