/* Building, starting and stopping of the pipeline. */
#include "exact_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "millrace/base/assert.h"
#include "millrace/base/clock.h"
#include "millrace/base/hash.h"
#include "millrace/base/log.h"

#define BATCHES_PER_WORKER 2
#define BATCHES_SPARE 2
#define POOL_SHARE 2 /* of memory at most one in so many bytes; the rest is for tables and bodies */
#define UNITS_MAX 64
#define JOBS_MAX (UNITS_MAX * MRI_MAX_TARGETS)
/* For what is made while a unit waits and cannot be refused: rows of the registry, trials of rows. */
#define CONTROL_BYTES ((int64_t)2 << 20)
/* A value, a key (each at most event.max_bytes) and room for a good load of small ones. */
#define BATCH_BYTES_MIN ((size_t)512 << 10)

static uint32_t
bounded(int64_t wanted, int64_t most)
{
    return (uint32_t)(wanted < 1 ? 1 : wanted > most ? most : wanted);
}

static size_t
batch_bytes(const struct mr_app *app)
{
    size_t worst = 2 * (size_t)app->config->event.max_bytes;
    return worst > BATCH_BYTES_MIN ? worst : BATCH_BYTES_MIN;
}

/* Bytes of the batch pool for so many workers. */
static int64_t
pool_bytes(const struct mr_app *app, uint32_t workers)
{
    size_t batch = batch_bytes(app) + MRI_BATCH_RECORDS * sizeof(struct mr_record);
    return (int64_t)((workers * BATCHES_PER_WORKER + BATCHES_SPARE) * batch);
}

/* The pool is charged for good. Where it used up the memory, no batch could ever be handed out; so
 * memory bounds the number of workers, on machines with many cores too. */
static void
choose_workers(struct mr_app *app)
{
    int64_t asked = app->config->threads.workers, most = app->config->memory / POOL_SHARE;
    uint32_t wanted = bounded(asked > 0 ? asked : sysconf(_SC_NPROCESSORS_ONLN), MRI_MAX_WORKERS);
    uint32_t count = wanted;
    while (count > 1 && pool_bytes(app, count) > most)
        count--;
    if (count < wanted)
        mr_log(asked > 0 ? MR_LOG_WARN : MR_LOG_INFO, "app",
               "fewer workers than wanted: memory has no room for their batches",
               MR_INT("wanted", wanted), MR_INT("workers", count),
               MR_INT("memory", app->config->memory));
    app->worker_count = count;
    app->batch_count = count * BATCHES_PER_WORKER + BATCHES_SPARE;
}

static enum mr_rc
make_batches(struct mr_app *app)
{
    enum mr_rc rc = mr_ring_new(app->batch_count, &app->free_batches);
    if (rc == MR_OK)
        rc = mr_ring_new(app->batch_count, &app->full_batches);
    app->batch_fixed = pool_bytes(app, app->worker_count);
    mr_budget_force(&app->budget, app->batch_fixed);
    mr_budget_keep(&app->budget, CONTROL_BYTES);
    for (uint32_t i = 0; rc == MR_OK && i < app->batch_count; i++) {
        struct mr_batch *batch;
        rc = mr_batch_new(MRI_BATCH_RECORDS, batch_bytes(app), &batch);
        if (rc == MR_OK && !mr_ring_push_mpmc(app->free_batches, batch))
            rc = MR_INTERNAL;
    }
    return rc;
}

static enum mr_rc
make_worker(struct mr_app *app, uint32_t index)
{
    struct mri_worker *worker = &app->workers[index];
    size_t columns = app->layout->column_count;
    worker->app = app;
    worker->index = index;
    worker->cell = mr_metrics_cell(app->metrics);
    worker->values = calloc(MRI_GROUP * columns, sizeof *worker->values);
    enum mr_rc rc = worker->values ? MR_OK : MR_MEMORY;
    if (rc == MR_OK)
        rc = mr_decoder_new(app->plan, batch_bytes(app), &worker->decoder);
    if (rc == MR_OK)
        rc = mr_fold_worker_new(app->fold, &worker->fold);
    for (size_t i = 0; rc == MR_OK && i < MRI_GROUP; i++)
        worker->events[i].values = worker->values + i * columns;
    return rc;
}

static uint32_t
loader_threads(const struct mr_app *app)
{
    return app->loader_count + app->control_count;
}

static enum mr_rc
make_loader(struct mr_app *app, uint32_t index)
{
    app->loaders[index].app = app;
    app->loaders[index].ring = index < app->loader_count ? app->jobs : app->controls;
    app->loaders[index].cell = mr_metrics_cell(app->metrics);
    return mr_loader_new(app->hub, &app->loaders[index].loader);
}

static enum mr_rc
make_stages(struct mr_app *app, struct mr_error *error)
{
    size_t row_bytes[MR_MAX_ROLLUPS];
    for (uint32_t i = 0; i < app->layout->rollup_count; i++)
        row_bytes[i] = mr_harvest_row_bytes(app->layout, i);
    const struct mr_fold_options fold = {
        .budget = &app->budget, .seed = mr_hash_random(), .row_bytes = row_bytes};
    enum mr_rc rc = make_batches(app);
    if (rc == MR_OK)
        rc = mr_ring_new(UNITS_MAX, &app->quiet_units);
    if (rc == MR_OK)
        rc = mr_ring_new(JOBS_MAX, &app->jobs);
    if (rc == MR_OK)
        rc = mr_ring_new(JOBS_MAX, &app->controls);
    if (rc == MR_OK)
        rc = mr_ledger_new(app->layout->rollup_count, &app->ledger);
    if (rc == MR_OK)
        rc = mr_fold_new(app->layout, &fold, &app->fold);
    for (uint32_t i = 0; rc == MR_OK && i < app->worker_count; i++)
        rc = make_worker(app, i);
    if (rc != MR_OK)
        return mr_error_set(error, rc, "the pipeline cannot be built: %s", mr_rc_text(rc));
    rc = mr_load_hub_new(app->config, &app->hub, error);
    bool exact = app->config->delivery == MR_DELIVERY_EXACTLY_ONCE;
    app->control_count = exact ? MRI_CONTROLS : 0;
    for (uint32_t i = 0; rc == MR_OK && i < loader_threads(app); i++)
        rc = make_loader(app, i);
    if (rc == MR_OK && exact)
        rc = mri_exact_new(app);
    return rc;
}

static enum mr_rc
start_status(struct mr_app *app, struct mr_error *error)
{
    struct mr_status_probes probes = mri_report_probes(app);
    if (!app->config->status.host)
        return MR_OK;
    return mr_status_start(app->config->status.host, app->config->status.port, app->metrics,
                           &probes, &app->status, error);
}

enum mr_rc
mr_app_new(const struct mr_config *config, const struct mr_plan *plan,
           const struct mr_app_options *options, struct mr_app **ret_app,
           struct mr_error *reterr_error)
{
    struct mr_app *app = calloc(1, sizeof *app);
    struct mr_chain chain;
    if (!app)
        return mr_error_set(reterr_error, MR_MEMORY, "no memory for the pipeline");
    app->config = config;
    app->plan = plan;
    app->layout = mr_plan_layout(plan);
    if (options)
        app->options = *options;
    pthread_mutex_init(&app->units_lock, NULL);
    mr_budget_init(&app->budget, config->memory);
    mr_chain_draw(&chain);
    memcpy(app->chain, chain.text, sizeof app->chain);
    choose_workers(app);
    app->loader_count = bounded(config->threads.loaders, MRI_MAX_LOADERS);
    app->visible_event_us = INT64_MIN;
    app->label_memory = (struct mr_label_memory)MR_LABEL_MEMORY_DEFAULT;
    enum mr_rc rc = mr_metrics_new(&app->metrics);
    if (rc == MR_OK) {
        app->feed_cell = mr_metrics_cell(app->metrics);
        app->harvest_cell = mr_metrics_cell(app->metrics);
        app->status_cell = mr_metrics_cell(app->metrics);
        mr_metrics_set(app->metrics, MR_M_BUILD, 1);
        mr_metrics_set(app->metrics, MR_M_START, (double)mr_clock_wall_us() / 1e6);
        /* First, so that /livez answers while the rest is still being built. */
        rc = start_status(app, reterr_error);
    }
    if (rc == MR_OK)
        rc = make_stages(app, reterr_error);
    if (rc != MR_OK) {
        mr_app_free(&app);
        return rc;
    }
    /* Release: all that was built; partner: the acquire in the probes. */
    atomic_store_explicit(&app->built, true, memory_order_release);
    *ret_app = app;
    return MR_OK;
}

/* The far end first: nobody may hand work to a thread that is not there. */
enum mr_rc
mr_app_start(struct mr_app *app, struct mr_error *reterr_error)
{
    char name[16];
    enum mr_rc rc = MR_OK;
    for (uint32_t i = 0; rc == MR_OK && i < loader_threads(app); i++) {
        bool control = i >= app->loader_count;
        snprintf(name, sizeof name, control ? "control-%u" : "load-%u",
                 control ? i - app->loader_count : i);
        rc = mr_thread_start(&app->loaders[i].thread, name, mri_load_run, &app->loaders[i]);
    }
    if (rc == MR_OK)
        rc = mr_thread_start(&app->harvest_thread, "harvest", mri_harvest_run, app);
    for (uint32_t i = 0; rc == MR_OK && i < app->worker_count; i++) {
        snprintf(name, sizeof name, "work-%u", i);
        rc = mr_thread_start(&app->workers[i].thread, name, mri_work_run, &app->workers[i]);
    }
    if (rc == MR_OK)
        rc = mr_thread_start(&app->feed_thread, "feed", mri_feed_run, app);
    if (rc != MR_OK)
        return mr_error_set(reterr_error, rc, "threads cannot be started: %s", mr_rc_text(rc));
    return MR_OK;
}

void
mr_app_stop(struct mr_app *app)
{
    atomic_store_explicit(&app->stopping, true, memory_order_relaxed);
}

bool
mr_app_ended(struct mr_app *app)
{
    /* Acquire: end_rc and end_error; partner: the release at the end of mri_feed_run. */
    return atomic_load_explicit(&app->ended, memory_order_acquire);
}

/* The near end first: feed ends when its units are in or given up, then each stage runs dry. */
enum mr_rc
mr_app_join(struct mr_app *app, struct mr_error *reterr_error)
{
    mr_thread_join(&app->feed_thread);
    mr_ring_close(app->full_batches);
    for (uint32_t i = 0; i < app->worker_count; i++)
        mr_thread_join(&app->workers[i].thread);
    mr_ring_close(app->quiet_units);
    mr_thread_join(&app->harvest_thread);
    mri_land_give_up(app);
    mr_load_stop(app->hub);
    mr_ring_close(app->jobs);
    mr_ring_close(app->controls);
    for (uint32_t i = 0; i < loader_threads(app); i++)
        mr_thread_join(&app->loaders[i].thread);
    if (app->end_rc != MR_OK && reterr_error)
        *reterr_error = app->end_error;
    return app->end_rc;
}

static void
free_batches(struct mr_app *app)
{
    struct mr_batch *batch;
    if (app->pending)
        mr_batch_free(&app->pending);
    while (app->free_batches && (batch = mr_ring_pop_mpmc(app->free_batches, 0)) != NULL)
        mr_batch_free(&batch);
    mr_ring_free(&app->free_batches);
    mr_ring_free(&app->full_batches);
}

static void
free_units(struct mr_app *app)
{
    while (app->units) {
        struct mr_unit *unit = app->units;
        app->units = unit->next;
        mri_unit_free(app, &unit);
    }
}

void
mr_app_free(struct mr_app **app_p)
{
    struct mr_app *app = *app_p;
    if (!app)
        return;
    mr_status_stop(&app->status);
    free_units(app);
    mri_exact_free(app);
    for (uint32_t i = 0; i < loader_threads(app); i++)
        mr_loader_free(&app->loaders[i].loader);
    mr_load_hub_free(&app->hub);
    for (uint32_t i = 0; i < app->worker_count; i++) {
        mr_fold_worker_free(&app->workers[i].fold);
        mr_decoder_free(&app->workers[i].decoder);
        free(app->workers[i].values);
    }
    mr_fold_free(&app->fold);
    mr_ledger_free(&app->ledger);
    free_batches(app);
    mri_refuse_free(app);
    mr_ring_free(&app->quiet_units);
    mr_ring_free(&app->jobs);
    mr_ring_free(&app->controls);
    mr_metrics_free(&app->metrics);
    pthread_mutex_destroy(&app->units_lock);
    free(app);
    *app_p = NULL;
}

uint64_t
mr_app_committed_records(struct mr_app *app)
{
    pthread_mutex_lock(&app->units_lock);
    uint64_t records = app->committed_records;
    pthread_mutex_unlock(&app->units_lock);
    return records;
}

uint16_t
mr_app_status_port(const struct mr_app *app)
{
    return app->status ? mr_status_port(app->status) : 0;
}
