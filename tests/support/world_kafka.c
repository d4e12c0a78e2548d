/* The source: the contract of consume over the world's records. */
#include "world_priv.h"

#include <stdlib.h>

#include "millrace/app.h"
#include "millrace/base/clock.h"
#include "millrace/base/hash.h"

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
    consumer->generation = -1;
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
    consumer->generation = 1;
    for (uint32_t i = 0; i < consumer->world->options.partitions; i++)
        consumer->wanted[i] = true;
    return MR_OK;
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
    int64_t end = consumer->replaying ? consumer->until[place] : world->options.records;
    for (; *position < end && taken < most; (*position)++) {
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

/* The end of a replay is told at once. */
static void
end_replay(struct mr_consumer *consumer)
{
    bool over = consumer->replaying;
    for (uint32_t i = 0; i < WORLD_PARTITIONS; i++) {
        if (consumer->until[i] >= 0 && consumer->position[i] >= consumer->until[i])
            consumer->until[i] = -1;
        over &= !consumer->assigned[i] || consumer->until[i] < 0;
    }
    consumer->replaying &= !over;
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
    end_replay(consumer);
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
    if (consumer->refused)
        return mr_error_set(reterr_error, MR_STOPPED, "the start of the partitions was refused");
    if (atomic_load_explicit(&world->dead, memory_order_relaxed))
        return MR_OK;
    consumer->batch = batch;
    consumer->replay_fills = consumer->replaying ? consumer->replay_fills + (batch != NULL) : 0;
    if (batch && may_yield(world))
        take(consumer);
    world_rebalance(consumer); /* also with records in the batch: they are dropped then */
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
        uint32_t place = world_place(spans[i].topic, spans[i].partition);
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
    world_take_away(*consumer, false);
    free(*consumer);
    *consumer = NULL;
}
