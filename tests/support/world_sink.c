/* The sink: the contract of load, as far as the app uses it, over the world's tables. */
#include "world_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/base/clock.h"
#include "millrace/base/hash.h"

enum mr_rc
mr_load_hub_new(const struct mr_config *config, struct mr_load_hub **ret_hub,
                struct mr_error *reterr_error)
{
    struct mr_load_hub *hub = calloc(1, sizeof *hub);
    (void)config;
    if (!hub)
        return mr_error_set(reterr_error, MR_MEMORY, "no memory");
    *ret_hub = hub;
    return MR_OK;
}

void
mr_load_hub_free(struct mr_load_hub **hub)
{
    free(*hub);
    *hub = NULL;
}

void
mr_load_stop(struct mr_load_hub *hub)
{
    atomic_store_explicit(&hub->stopped, true, memory_order_relaxed);
}

void
mr_load_hub_counts(const struct mr_load_hub *hub, struct mr_load_counts *ret_counts)
{
    *ret_counts = (struct mr_load_counts){.bytes = 0};
    for (int i = 0; i <= MR_OUTCOME_FATAL; i++)
        ret_counts->outcomes[i] = atomic_load_explicit(&hub->outcomes[i], memory_order_relaxed);
}

void
mr_load_hub_landed(struct mr_load_hub *hub, uint64_t rows, uint64_t bytes)
{
    (void)rows;
    (void)bytes;
    atomic_fetch_add_explicit(&hub->outcomes[MR_OUTCOME_DONE], 1, memory_order_relaxed);
}

enum mr_rc
mr_loader_new(struct mr_load_hub *hub, struct mr_loader **ret_loader)
{
    struct mr_loader *loader = calloc(1, sizeof *loader);
    if (!loader)
        return MR_MEMORY;
    uint32_t index = atomic_fetch_add_explicit(&hub->loaders, 1, memory_order_relaxed);
    uint64_t place[] = {world_now->run, index};
    loader->hub = hub;
    loader->world = world_now;
    loader->dice.seed = mr_hash_bytes(place, sizeof place, world_now->options.seed + 1);
    *ret_loader = loader;
    return MR_OK;
}

void
mr_loader_free(struct mr_loader **loader)
{
    free(*loader);
    *loader = NULL;
}

/* ^[-\w]{1,128}$, ours in form: <pipeline>-<chain>-<n>-<table>. Returns n. */
static uint64_t
unit_of(const struct world *world, const struct mr_load_job *job)
{
    size_t len = strlen(job->label), pipeline = strlen(world->layout->pipeline);
    size_t word = strspn(job->label, "-_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    WORLD_NEED(len >= 1 && len <= 128 && word == len, "label \"%s\" (%zu)", job->label, len);
    WORLD_NEED(strncmp(job->label, world->layout->pipeline, pipeline) == 0 &&
                   job->label[pipeline] == '-',
               "label \"%s\"", job->label);
    const char *number = strchr(job->label + pipeline + 1, '-');
    char *rest = NULL;
    uint64_t unit = number ? strtoull(number + 1, &rest, 10) : 0;
    WORLD_NEED(unit > 0 && rest && *rest == '-' && strcmp(rest + 1, job->table) == 0, "label \"%s\"",
               job->label);
    return unit;
}

enum world_table
world_table_of(const struct world *world, const char *table)
{
    if (strcmp(table, "millrace_ledger") == 0)
        return WORLD_LEDGER;
    if (strcmp(table, world->layout->detail_table) == 0)
        return WORLD_DETAIL;
    if (strcmp(table, world->layout->quarantine_table) == 0)
        return WORLD_QUARANTINE;
    for (uint32_t i = 0; i < world->layout->rollup_count; i++)
        if (strcmp(table, world->layout->rollups[i].table) == 0)
            return (enum world_table)i;
    world_fail("table \"%s\"?", table);
}

bool
world_given_up(const struct mr_loader *loader, const _Atomic bool *give_up)
{
    return (give_up && atomic_load_explicit(give_up, memory_order_relaxed)) ||
           atomic_load_explicit(&loader->hub->stopped, memory_order_relaxed);
}

void
world_take_time(struct mr_loader *loader, const _Atomic bool *give_up)
{
    bool slow = world_one_in(&loader->dice, loader->world->options.chances.slow);
    int64_t ms = (int64_t)(world_draw(&loader->dice) % (slow ? 120 : 3));
    for (int64_t i = 0; i < ms && !world_given_up(loader, give_up); i++)
        mr_clock_sleep_ms(1);
}

/* Lock held. */
static enum mr_outcome
throw_dice(struct mr_loader *loader)
{
    struct world *world = loader->world;
    const struct world_chances *chances = &world->options.chances;
    if (!world->used_rejected && world_one_in(&loader->dice, chances->rejected))
        return MR_OUTCOME_REJECTED;
    if (!world->used_fatal && world_one_in(&loader->dice, chances->fatal))
        return MR_OUTCOME_FATAL;
    return MR_OUTCOME_DONE;
}

/* Lock held: what an attempt ends in, unless it was given up. */
static enum mr_outcome
settle(struct mr_loader *loader, enum world_table table, uint64_t unit,
       const struct mr_load_job *job, const _Atomic bool *give_up, enum mr_outcome outcome)
{
    struct world *world = loader->world;
    bool up = world_given_up(loader, give_up);
    WORLD_NEED(up || unit > world->fence, "unit %llu was given up, and its table %d is loaded",
               (unsigned long long)unit, (int)table);
    if (up) {
        world->tallies.given_up++;
        outcome = MR_OUTCOME_RETRY;
        /* The fate of a transfer that was broken off is open: it may be in. */
        if (!world->options.blind && table != WORLD_LEDGER && world_one_in(&loader->dice, 3)) {
            world->tallies.late++;
            world_apply(world, table, unit, job);
        }
    } else if (outcome == MR_OUTCOME_DONE && !world->options.blind) {
        world_apply(world, table, unit, job);
    }
    world->used_rejected |= outcome == MR_OUTCOME_REJECTED;
    world->used_fatal |= outcome == MR_OUTCOME_FATAL;
    world->tallies.loads++;
    world->tallies.rejected += outcome == MR_OUTCOME_REJECTED;
    world->tallies.fatal += outcome == MR_OUTCOME_FATAL;
    return outcome;
}

static void
write_log(struct world *world, enum world_table table, uint64_t unit, enum mr_outcome outcome,
          const char *label)
{
    struct world_load *load = &world->log[world->log_count % WORLD_LOG];
    world->log_count++;
    *load = (struct world_load){.table = table, .unit = unit, .outcome = outcome};
    snprintf(load->label, sizeof load->label, "%s", label);
}

enum mr_outcome
mr_load_settled(struct mr_loader *loader, const struct mr_load_job *job,
                const _Atomic bool *give_up, struct mr_load_reply *ret_reply)
{
    struct world *world = loader->world;
    if (world->options.exact) {
        enum mr_outcome outcome = world_load_registry(loader, job, give_up);
        *ret_reply = (struct mr_load_reply){.outcome = outcome, .cause = "the world's"};
        return outcome;
    }
    uint64_t unit = unit_of(world, job);
    enum world_table table = world_table_of(world, job->table);
    enum mr_outcome outcome = MR_OUTCOME_DONE;
    WORLD_NEED(job->body->rows > 0, "unit %llu: an empty load of table %d",
               (unsigned long long)unit, (int)table);
    if (world->options.decide)
        outcome = world->options.decide(world, table, unit, give_up);
    else
        world_take_time(loader, give_up);
    pthread_mutex_lock(&world->lock);
    if (!world->options.decide)
        outcome = throw_dice(loader);
    outcome = settle(loader, table, unit, job, give_up, outcome);
    write_log(world, table, unit, outcome, job->label);
    pthread_mutex_unlock(&world->lock);
    world_step(world);
    atomic_fetch_add_explicit(&loader->hub->outcomes[outcome], 1, memory_order_relaxed);
    *ret_reply = (struct mr_load_reply){.outcome = outcome, .cause = "the world's"};
    snprintf(ret_reply->message, sizeof ret_reply->message, "outcome %d by the dice", (int)outcome);
    return outcome;
}

enum mr_rc
mr_load_error_rows(struct mr_loader *loader, const char *url, char *out, size_t size)
{
    (void)loader;
    snprintf(out, size, "rows of %s", url);
    return MR_OK;
}
