/* The source: the contract of consume over the world's records, with rebalances by the dice. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/app_priv.h"
#include "ledger/ledger_priv.h"
#include "millrace/base/clock.h"
#include "millrace/base/hash.h"

struct mr_consumer {
    struct world *world;
    struct mr_consumer_events events;
    struct world_dice dice;
    bool assigned[WORLD_PARTITIONS], wanted[WORLD_PARTITIONS];
    int64_t position[WORLD_PARTITIONS];
    bool subscribed, waiting; /* waiting: an assignment is to be made (again) */
    uint32_t pause;           /* calls until then */
    uint32_t rebalances;
    int64_t last_offset[WORLD_PARTITIONS]; /* given out last; -1 none */
    struct mr_batch *batch;                /* being filled */
};

enum mr_rc
mr_consumer_new(const struct mr_config *config, const struct mr_consumer_events *events,
                struct mr_consumer **ret_consumer, struct mr_error *reterr_error)
{
    struct mr_consumer *consumer = calloc(1, sizeof *consumer);
    (void)config;
    if (!consumer)
        return mr_error_set(reterr_error, MR_MEMORY, "no memory");
    consumer->world = world_now;
    consumer->events = *events;
    consumer->dice.seed = mr_hash_bytes(&world_now->run, sizeof world_now->run,
                                        world_now->options.seed + 3);
    *ret_consumer = consumer;
    return MR_OK;
}

enum mr_rc
mr_consumer_topics(struct mr_consumer *consumer, int64_t timeout_ms, struct mr_error *reterr_error)
{
    (void)timeout_ms;
    if (consumer->world->options.topics_refused == 0)
        return MR_OK;
    consumer->world->options.topics_refused--;
    return mr_error_set(reterr_error, MR_CONFIG, "topic \"even\" is missing");
}

enum mr_rc
mr_consumer_subscribe(struct mr_consumer *consumer, struct mr_error *reterr_error)
{
    (void)reterr_error;
    consumer->subscribed = true;
    consumer->waiting = true;
    for (uint32_t i = 0; i < consumer->world->options.partitions; i++)
        consumer->wanted[i] = true;
    return MR_OK;
}

/* ---- rebalances ---- */

static bool
holds_any(const struct mr_consumer *consumer)
{
    for (uint32_t i = 0; i < WORLD_PARTITIONS; i++)
        if (consumer->assigned[i])
            return true;
    return false;
}

/* Units that were numbered before the partitions went away. */
static uint64_t
units_so_far(struct mr_app *app)
{
    pthread_mutex_lock(&app->units_lock);
    uint64_t number = app->ledger->next - 1;
    pthread_mutex_unlock(&app->units_lock);
    return number;
}

/* An orderly revoke leaves nothing that is loaded and not committed. */
static void
check_orderly(const struct mr_consumer *consumer)
{
    const struct world *world = consumer->world;
    for (uint32_t i = 0; i < world->options.partitions && world->generation_landed; i++)
        WORLD_NEED(!consumer->assigned[i] || !world->ledger[i].there ||
                       world->committed[i] == world->ledger[i].end,
                   "partition %u was given back: committed %lld, the ledger ends at %lld", i,
                   (long long)world->committed[i], (long long)world->ledger[i].end);
}

static void
take_away(struct mr_consumer *consumer, bool lost)
{
    struct world *world = consumer->world;
    struct mr_app *app = consumer->events.context;
    if (!holds_any(consumer))
        return;
    consumer->events.revoked(consumer->events.context, lost);
    uint64_t units = units_so_far(app);
    pthread_mutex_lock(&world->lock);
    world->fence = units;
    if (lost)
        world->tallies.lost++;
    else
        world->tallies.orderly++;
    if (!lost && !world->used_fatal)
        check_orderly(consumer);
    pthread_mutex_unlock(&world->lock);
    memset(consumer->assigned, 0, sizeof consumer->assigned);
    if (consumer->batch) {
        consumer->batch->count = 0;
        consumer->batch->bytes_used = 0;
    }
    world_step(world);
}

static void
start_at(struct mr_consumer *consumer, struct mr_span *spans, uint32_t count)
{
    struct world *world = consumer->world;
    pthread_mutex_lock(&world->lock);
    world->generation_landed = false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = (uint32_t)spans[i].partition * WORLD_TOPICS + spans[i].topic;
        const struct world_ledger_row *row = &world->ledger[place];
        WORLD_NEED(spans[i].end == (row->there ? row->end : -1),
                   "partition %u is to start at %lld, the ledger ends at %lld", place,
                   (long long)spans[i].end, (long long)(row->there ? row->end : -1));
        if (spans[i].end < 0)
            spans[i].end = world->committed[place] < 0 ? 0 : world->committed[place];
        spans[i].start = spans[i].end;
        consumer->position[place] = spans[i].end;
        consumer->last_offset[place] = -1;
    }
    pthread_mutex_unlock(&world->lock);
}

/* More partitions than the ledger holds: refused as a whole. */
static void
flood(struct mr_consumer *consumer)
{
    const uint32_t count = MR_LEDGER_PARTITIONS + 1;
    struct mr_span *spans = calloc(count, sizeof *spans);
    WORLD_NEED(spans != NULL, "no memory");
    for (uint32_t i = 0; i < count; i++)
        spans[i].partition = (int32_t)i;
    WORLD_NEED(consumer->events.positions(consumer->events.context, spans, count) == MR_MEMORY,
               "more partitions than the ledger holds were taken");
    free(spans);
}

static enum mr_rc
try_assign(struct mr_consumer *consumer)
{
    struct world *world = consumer->world;
    struct mr_span spans[WORLD_PARTITIONS];
    uint32_t count = 0;
    memset(spans, 0, sizeof spans);
    for (uint32_t i = 0; i < world->options.partitions; i++)
        if (consumer->wanted[i])
            spans[count++] = (struct mr_span){.topic = i % WORLD_TOPICS,
                                              .partition = (int32_t)(i / WORLD_TOPICS),
                                              .start = -1, .end = -1, .event_time_us = INT64_MIN};
    int64_t until[WORLD_PARTITIONS];
    for (uint32_t i = 0; i < count; i++)
        until[i] = -1;
    enum mr_rc rc = consumer->events.assigned(consumer->events.context, spans, until, count);
    if (rc != MR_OK)
        return rc;
    start_at(consumer, spans, count);
    if (world->options.flood)
        flood(consumer);
    rc = consumer->events.positions(consumer->events.context, spans, count);
    if (rc == MR_OK)
        memcpy(consumer->assigned, consumer->wanted, sizeof consumer->assigned);
    return rc;
}

static void
choose_partitions(struct mr_consumer *consumer)
{
    const struct world_options *options = &consumer->world->options;
    bool all = consumer->rebalances >= options->rebalances ||
               !world_one_in(&consumer->dice, options->chances.partial);
    bool any = false;
    for (uint32_t i = 0; i < options->partitions; i++) {
        consumer->wanted[i] = all || world_one_in(&consumer->dice, 2);
        any |= consumer->wanted[i];
    }
    if (!any)
        consumer->wanted[0] = true;
}

static void
rebalance(struct mr_consumer *consumer)
{
    const struct world_chances *chances = &consumer->world->options.chances;
    if (consumer->waiting) {
        if (consumer->pause > 0) {
            consumer->pause--;
        } else if (try_assign(consumer) == MR_OK) {
            consumer->waiting = false;
            consumer->world->tallies.assignments++;
            world_step(consumer->world);
        } else {
            consumer->pause = 3;
        }
        return;
    }
    if (consumer->rebalances >= consumer->world->options.rebalances ||
        !world_one_in(&consumer->dice, chances->rebalance))
        return;
    consumer->rebalances++;
    take_away(consumer, world_one_in(&consumer->dice, chances->lost));
    choose_partitions(consumer);
    consumer->waiting = true;
    consumer->pause = (uint32_t)(world_draw(&consumer->dice) % 8);
}

/* ---- messages ---- */

static bool
add_record(struct mr_consumer *consumer, uint32_t place, int64_t offset)
{
    struct world *world = consumer->world;
    char text[WORLD_TEXT];
    size_t len;
    const char *value = world_record_text(world, place, offset, text, &len);
    const struct mr_record record = {.value = value, .key = "key", .key_len = 3,
                                     .value_len = (uint32_t)len, .value_total = (uint32_t)len,
                                     .topic = place % WORLD_TOPICS,
                                     .partition = (int32_t)(place / WORLD_TOPICS),
                                     .offset = offset, .time_us = 1741000000000000};
    return mr_batch_add(consumer->batch, &record, (size_t)world->config.event.max_bytes,
                        (size_t)world->config.quarantine.raw_bytes);
}

/* Up to `most` records of one partition; how many. */
static uint32_t
take_run(struct mr_consumer *consumer, uint32_t place, uint32_t most)
{
    struct world *world = consumer->world;
    uint32_t taken = 0;
    int64_t *position = &consumer->position[place];
    for (; *position < world->options.records && taken < most; (*position)++) {
        if (world_record_at(world, place, *position).kind == WORLD_GAP)
            continue;
        if (!add_record(consumer, place, *position))
            break;
        consumer->last_offset[place] = *position;
        taken++;
    }
    int64_t before = atomic_fetch_add_explicit(&world->yielded, taken, memory_order_relaxed);
    int64_t step_back = world->options.step_back_at;
    if (step_back > 0 && before < step_back && before + taken >= step_back)
        (void)!add_record(consumer, place, consumer->last_offset[place]);
    return taken;
}

static void
take(struct mr_consumer *consumer)
{
    struct world *world = consumer->world;
    uint32_t wanted = 1 + (uint32_t)(world_draw(&consumer->dice) % world->options.batch_most);
    uint32_t taken = 0;
    for (uint32_t tries = 0; taken < wanted && tries < 2 * WORLD_PARTITIONS; tries++) {
        uint32_t place = (uint32_t)(world_draw(&consumer->dice) % world->options.partitions);
        uint32_t run = 1 + (uint32_t)(world_draw(&consumer->dice) % wanted);
        if (consumer->assigned[place])
            taken += take_run(consumer, place, run < wanted - taken ? run : wanted - taken);
    }
    if (taken > 0)
        world_step(world);
}

static bool
may_yield(const struct world *world)
{
    return !world->options.hold_records ||
           atomic_load_explicit(&world->let_go, memory_order_relaxed);
}

enum mr_rc
mr_consumer_fill(struct mr_consumer *consumer, struct mr_batch *batch, int64_t timeout_ms,
                 struct mr_error *reterr_error)
{
    struct world *world = consumer->world;
    int64_t yielded = atomic_load_explicit(&world->yielded, memory_order_relaxed);
    if (world->options.fill_fails != MR_OK && yielded >= world->options.fill_fails_at) {
        if (world->options.fill_fails_at_stop)
            mr_app_stop(consumer->events.context);
        return mr_error_set(reterr_error, world->options.fill_fails, "the world's end");
    }
    consumer->batch = batch;
    if (batch && may_yield(world))
        take(consumer);
    rebalance(consumer); /* also with records in the batch: they are dropped then */
    if (timeout_ms > 0 && (!batch || batch->count == 0))
        mr_clock_sleep_ms(1);
    consumer->batch = NULL;
    return MR_OK;
}

enum mr_rc
mr_consumer_commit(struct mr_consumer *consumer, const struct mr_span *spans, uint32_t count,
                   struct mr_error *reterr_error)
{
    struct world *world = consumer->world;
    bool refused = world->options.commits_refused > 0 ||
                   world_one_in(&consumer->dice, world->options.chances.commit_refused);
    pthread_mutex_lock(&world->lock);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = (uint32_t)spans[i].partition * WORLD_TOPICS + spans[i].topic;
        const struct world_ledger_row *row = &world->ledger[place];
        WORLD_NEED(consumer->assigned[place], "commit of partition %u, which is not ours", place);
        WORLD_NEED(spans[i].end <= (row->there ? row->end : 0),
                   "partition %u: commit of %lld, the ledger ends at %lld", place,
                   (long long)spans[i].end, (long long)row->end);
        WORLD_NEED(spans[i].end >= world->committed[place], "partition %u: a commit goes back",
                   place);
        if (!refused)
            world->committed[place] = spans[i].end;
    }
    world->tallies.commits += !refused;
    world->tallies.commits_refused += refused;
    pthread_mutex_unlock(&world->lock);
    world_step(world);
    if (!refused)
        return MR_OK;
    world->options.commits_refused -= world->options.commits_refused > 0;
    return mr_error_set(reterr_error, MR_KAFKA, "the world refuses the commit");
}

void
mr_consumer_get_state(struct mr_consumer *consumer, struct mr_consumer_state *ret_state)
{
    struct mr_consumer_state state = {.connected = consumer->subscribed,
                                      .joined = !consumer->waiting,
                                      .rebalances = consumer->rebalances};
    for (uint32_t i = 0; i < WORLD_PARTITIONS; i++) {
        state.partitions += consumer->assigned[i];
        state.lag_records += consumer->assigned[i]
                                 ? consumer->world->options.records - consumer->position[i]
                                 : 0;
    }
    *ret_state = state;
}

void
mr_consumer_free(struct mr_consumer **consumer)
{
    if (!*consumer)
        return;
    take_away(*consumer, false);
    free(*consumer);
    *consumer = NULL;
}
