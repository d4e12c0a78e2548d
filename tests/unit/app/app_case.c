#include "app_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/base/clock.h"
#include "millrace/base/log.h"

void
app_case_open(struct app_case *c, const struct world_options *options)
{
    struct world_options all = *options;
    memset(c, 0, sizeof *c);
    mr_log_setup(MR_LOG_ERROR, MR_LOG_TEXT);
    all.partitions = all.partitions ? all.partitions : 2;
    all.batch_most = all.batch_most ? all.batch_most : 100;
    world_open(&c->world, &all);
}

void
app_case_build(struct app_case *c)
{
    world_run_begin(&c->world);
    WORLD_NEED(mr_app_new(&c->world.config, c->world.plan, NULL, &c->app, &c->error) == MR_OK,
               "no app: %s", c->error.text);
}

void
app_case_start(struct app_case *c)
{
    WORLD_NEED(mr_app_start(c->app, &c->error) == MR_OK, "no start: %s", c->error.text);
}

void
app_case_wait(struct app_case *c, bool (*done)(struct app_case *c))
{
    for (int64_t start_ms = mr_clock_monotonic_ms(); !done(c); mr_clock_sleep_ms(1))
        WORLD_NEED(mr_clock_monotonic_ms() - start_ms < APP_CASE_WAIT_MS, "waited in vain");
}

bool
app_case_all_in(struct app_case *c)
{
    return world_all_in(&c->world);
}

bool
app_case_ended(struct app_case *c)
{
    return mr_app_ended(c->app);
}

enum mr_rc
app_case_join(struct app_case *c)
{
    return mr_app_join(c->app, &c->error);
}

double
app_case_metric(const struct app_case *c, enum mr_metric metric)
{
    return mr_metrics_get(c->app->metrics, metric);
}

void
app_case_close(struct app_case *c)
{
    mr_app_free(&c->app);
    world_close(&c->world);
}

/* ---- exactly once ---- */

uint32_t
app_case_count(struct app_case *c, enum mr_step_kind kind, uint64_t n)
{
    uint32_t count = 0;
    pthread_mutex_lock(&c->world.lock);
    WORLD_NEED(c->world.event_count <= WORLD_LOG, "more events than are kept");
    for (uint32_t i = 0; i < c->world.event_count; i++)
        count += c->world.events[i].kind == kind && (n == 0 || c->world.events[i].n == n);
    pthread_mutex_unlock(&c->world.lock);
    return count;
}

struct world_event
app_case_event(struct app_case *c, enum mr_step_kind kind, uint32_t from, uint32_t *ret_place)
{
    pthread_mutex_lock(&c->world.lock);
    uint32_t i = from;
    while (i < c->world.event_count && c->world.events[i % WORLD_LOG].kind != kind)
        i++;
    WORLD_NEED(i < c->world.event_count && c->world.event_count <= WORLD_LOG, "no event of kind %d",
               (int)kind);
    struct world_event event = c->world.events[i];
    pthread_mutex_unlock(&c->world.lock);
    *ret_place = i;
    return event;
}

void
app_case_one_unit(struct app_case *c)
{
    int64_t rows = 0;
    for (uint32_t p = 0; p < c->world.options.partitions; p++)
        for (int64_t offset = 0; offset < c->world.options.records; offset++)
            rows += world_record_at(&c->world, p, offset).kind != WORLD_GAP;
    c->world.config.flush.every_ms = 3600 * 1000;
    c->world.config.flush.rows = rows;
}

void
app_case_run_exact(struct app_case *c)
{
    app_case_start(c);
    app_case_finish_exact(c);
}

void
app_case_finish_exact(struct app_case *c)
{
    app_case_wait(c, app_case_all_in);
    mr_app_stop(c->app);
    WORLD_NEED(app_case_join(c) == MR_OK, "ended with %s", c->error.text);
    world_check_exact(&c->world);
    mr_fold_trim(c->app->fold);
    WORLD_NEED(!c->app->units && mr_budget_used(&c->app->budget) == c->app->batch_fixed,
               "something is left");
}

void
app_case_again(struct app_case *c)
{
    mr_app_free(&c->app);
    app_case_build(c);
}

/* ---- units by hand ---- */

static enum mr_outcome
decide(struct world *world, enum world_table table, uint64_t unit, const _Atomic bool *give_up)
{
    struct app_script *script = world->options.context;
    WORLD_NEED(unit < CASE_UNITS, "unit?");
    atomic_fetch_add_explicit(&script->begun[unit][table], 1, memory_order_relaxed);
    while (atomic_load_explicit(&script->held[unit][table], memory_order_relaxed) &&
           !atomic_load_explicit(give_up, memory_order_relaxed))
        mr_clock_sleep_ms(1);
    return script->outcome[unit][table];
}

void
app_case_build_script(struct app_case *c)
{
    const struct mr_span row = {.end = 0, .event_time_us = INT64_MIN};
    c->world.options.blind = true;
    c->world.options.decide = decide;
    c->world.options.context = &c->script;
    app_case_build(c);
    WORLD_NEED(mr_ledger_assign(c->app->ledger, &row) == MR_OK, "no partition");
}

static void
add_target(struct mr_app *app, struct mr_unit *unit, enum mr_target_kind kind)
{
    struct mr_target *target = &unit->targets[unit->target_count];
    *target = (struct mr_target){.kind = kind};
    mr_body_init(&target->body, MR_BODY_CSV, &app->budget);
    char *room = mr_body_reserve(&target->body, 2);
    WORLD_NEED(room != NULL, "no memory");
    memcpy(room, "1\x02", 2);
    mr_body_advance(&target->body, 2);
    target->body.rows = 1;
}

struct mr_unit *
app_case_unit(struct app_case *c)
{
    struct mr_app *app = c->app;
    struct mr_unit *unit = NULL;
    WORLD_NEED(mri_unit_open(app, &unit) == MR_OK, "no unit");
    int64_t start = (int64_t)(unit->number - 1) * 10;
    const struct mr_span span = {.start = start, .end = start + 10, .event_time_us = 0,
                                 .totals = {.consumed = 10, .detail = 10, .rollups = {10, 10}}};
    WORLD_NEED(mr_ledger_take(app->ledger, 0, 0, start, start + 10, NULL) == MR_OK, "no take");
    mr_ledger_seal(app->ledger, unit->number);
    WORLD_NEED(mr_ledger_count(app->ledger, unit->number, &span, 1) == MR_OK, "no count");
    app->units_sealed++;
    unit->records = 10;
    unit->sealed_ms = mr_clock_monotonic_ms();
    add_target(app, unit, MR_TARGET_ROLLUP);
    unit->target_count++;
    add_target(app, unit, MR_TARGET_DETAIL);
    unit->target_count++;
    add_target(app, unit, MR_TARGET_LEDGER); /* behind the data targets, as harvest does */
    return unit;
}

void
app_case_start_loaders(struct app_case *c)
{
    for (uint32_t i = 0; i < c->app->loader_count + c->app->control_count; i++)
        WORLD_NEED(mr_thread_start(&c->app->loaders[i].thread, "load", mri_load_run,
                                   &c->app->loaders[i]) == MR_OK,
                   "no thread");
}

bool
app_case_landed(struct app_case *c)
{
    return mri_land_waiting(c->app) == 0;
}

uint32_t
app_case_place(struct app_case *c, enum world_table table, uint64_t unit)
{
    uint32_t place = 0;
    pthread_mutex_lock(&c->world.lock);
    for (uint32_t i = 0; i < c->world.log_count; i++)
        if (c->world.log[i].table == table && c->world.log[i].unit == unit)
            place = i + 1;
    pthread_mutex_unlock(&c->world.lock);
    return place;
}

void
app_case_join_loaders(struct app_case *c)
{
    mr_ring_close(c->app->jobs);
    mr_ring_close(c->app->controls);
    for (uint32_t i = 0; i < c->app->loader_count + c->app->control_count; i++)
        mr_thread_join(&c->app->loaders[i].thread);
}
