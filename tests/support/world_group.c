/* The group: partitions come and go by the dice, and what is due is read again. */
#include "world_priv.h"

#include <stdlib.h>
#include <string.h>

#include "app/app_priv.h"
#include "ledger/ledger_priv.h"

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

/* An orderly revocation by who had its place until then leaves no transaction of its chain open; those
 * of former chains may be of partitions that are not ours. */
static void
check_settled(const struct world *world)
{
    for (uint32_t p = 0; p < world->options.partitions; p++) {
        struct mr_chain chain = world_chain_in_force(world, p);
        for (uint32_t i = 0; world->held[p] && i < world->txn_count; i++)
            WORLD_NEED(world->txns[i]->state != WORLD_OPEN ||
                           !mr_chain_equal(&world->txns[i]->chain, &chain),
                       "%s is open after an orderly revocation", world->txns[i]->label);
    }
}

void
world_take_away(struct mr_consumer *consumer, bool lost)
{
    struct world *world = consumer->world;
    struct mr_app *app = consumer->events.context;
    bool held = holds_any(consumer);
    if (held) {
        consumer->in_event = true;
        consumer->events.revoked(consumer->events.context, lost);
        consumer->in_event = false;
    }
    bool orderly = !lost && !consumer->lost && !consumer->fenced && /* until its end */
                   !atomic_load_explicit(&world->lost_now, memory_order_relaxed);
    consumer->epoch++;
    consumer->replaying = false;
    consumer->lost = consumer->fenced = false;
    if (!held)
        return;
    uint64_t units = units_so_far(app);
    pthread_mutex_lock(&world->lock);
    world->fence = units;
    if (lost)
        world->tallies.lost++;
    else
        world->tallies.orderly++;
    bool dead = atomic_load_explicit(&world->dead, memory_order_relaxed);
    if (!lost && !world->used_fatal && !world->options.exact)
        check_orderly(consumer);
    if (orderly && world->options.exact && !dead)
        check_settled(world);
    memset(world->held, 0, sizeof world->held);
    memset(world->replay, 0, sizeof world->replay);
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
        uint32_t place = world_place(spans[i].topic, spans[i].partition);
        const struct world_ledger_row *row = &world->ledger[place];
        bool none = world->options.exact && !row->there && spans[i].end == 0; /* by the registry */
        WORLD_NEED(spans[i].end == (row->there ? row->end : -1) || none,
                   "partition %u is to start at %lld, the ledger ends at %lld", place,
                   (long long)spans[i].end, (long long)(row->there ? row->end : -1));
        WORLD_NEED(!world->options.exact || spans[i].end >= 0 || world->committed[place] < 0,
                   "partition %u starts anew although %lld is committed", place,
                   (long long)world->committed[place]);
        if (spans[i].end < 0)
            spans[i].end = world->committed[place] < 0 ? 0 : world->committed[place];
        spans[i].start = spans[i].end;
        consumer->position[place] = consumer->start[place] = spans[i].end;
        consumer->until[place] = -1;
        world->held[place] = true;
        consumer->last_offset[place] = -1;
    }
    pthread_mutex_unlock(&world->lock);
}

/* Decided, and not in: that is what is read again. */
static void
start_replay(struct mr_consumer *consumer, const struct mr_span *spans, const int64_t *until,
             uint32_t count)
{
    struct world *world = consumer->world;
    pthread_mutex_lock(&world->lock);
    consumer->replaying = false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = world_place(spans[i].topic, spans[i].partition);
        bool due = world->options.exact && world->committed[place] > spans[i].end;
        WORLD_NEED(until[i] == (due ? world->committed[place] : -1),
                   "partition %u starts at %lld, committed is %lld, to be read again up to %lld", place,
                   (long long)spans[i].end, (long long)world->committed[place], (long long)until[i]);
        consumer->until[place] = until[i];
        consumer->replaying |= due;
        if (due)
            world->replay[place] = (struct world_span){place, spans[i].end, until[i]};
    }
    world->tallies.replays += consumer->replaying;
    pthread_mutex_unlock(&world->lock);
}

/* Nothing that a predecessor began may end behind our back. */
static void
check_fenced(const struct mr_consumer *consumer)
{
    struct world *world = consumer->world;
    pthread_mutex_lock(&world->lock);
    for (uint32_t i = 0; i < world->txn_count; i++)
        for (uint32_t p = 0; p < WORLD_PARTITIONS; p++)
            WORLD_NEED(!consumer->wanted[p] ||
                           (world->txns[i]->state != WORLD_OPEN &&
                            world->txns[i]->state != WORLD_COMMITTED) ||
                           !world_find_chain(world, p, &world->txns[i]->chain),
                       "partition %u starts, and %s is not settled", p, world->txns[i]->label);
    pthread_mutex_unlock(&world->lock);
}

static void
set_recovering(struct mr_consumer *consumer, bool recovering)
{
    pthread_mutex_lock(&consumer->world->lock);
    consumer->world->recovering = recovering;
    pthread_mutex_unlock(&consumer->world->lock);
    consumer->in_event = recovering;
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
    set_recovering(consumer, true);
    enum mr_rc rc = consumer->events.assigned(consumer->events.context, spans, until, count);
    set_recovering(consumer, false);
    consumer->refused |= rc == MR_STOPPED;
    if (rc != MR_OK)
        return rc;
    if (world->options.exact)
        check_fenced(consumer);
    start_at(consumer, spans, count);
    start_replay(consumer, spans, until, count);
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
try_again(struct mr_consumer *consumer)
{
    if (consumer->pause > 0) {
        consumer->pause--;
    } else if (try_assign(consumer) == MR_OK) {
        consumer->waiting = false;
        consumer->world->tallies.assignments++;
        world_step(consumer->world);
    } else {
        consumer->pause = 3;
    }
}

static void
move(struct mr_consumer *consumer, bool lost)
{
    world_take_away(consumer, lost);
    choose_partitions(consumer);
    consumer->waiting = true;
    consumer->generation++;
    consumer->epoch++;
    consumer->pause = (uint32_t)(world_draw(&consumer->dice) % 8);
}

/* The group went on without us. Commits are fenced; that the partitions are lost is known some calls
 * later, and still later they are taken away. */
static void
begin_loss(struct mr_consumer *consumer)
{
    consumer->fenced = true;
    consumer->losing = 1 + (uint32_t)(world_draw(&consumer->dice) % 30);
}

static void
go_on_losing(struct mr_consumer *consumer)
{
    if (consumer->losing-- > 8)
        return;
    consumer->lost = true;
    if (consumer->losing == 0 || world_one_in(&consumer->dice, 4))
        move(consumer, true);
}

/* What the test asks for, once. */
static void
obey(struct mr_consumer *consumer)
{
    enum world_order order = (enum world_order)atomic_exchange_explicit(
        &consumer->world->order, WORLD_ORDER_NONE, memory_order_relaxed);
    if (order == WORLD_ORDER_REVOKE)
        move(consumer, false);
    if (order == WORLD_ORDER_EVICT)
        begin_loss(consumer);
    if (atomic_exchange_explicit(&consumer->world->lost_now, false, memory_order_relaxed)) {
        consumer->lost = true;
        move(consumer, true);
    }
    if (consumer->world->options.revoke_in_replay && consumer->replay_fills > 3) {
        consumer->world->options.revoke_in_replay = false;
        move(consumer, false);
    }
}

void
world_rebalance(struct mr_consumer *consumer)
{
    const struct world_chances *chances = &consumer->world->options.chances;
    obey(consumer);
    if (consumer->lost || consumer->fenced) {
        go_on_losing(consumer);
        return;
    }
    if (consumer->waiting) {
        try_again(consumer);
        return;
    }
    if (consumer->rebalances >= consumer->world->options.rebalances ||
        !world_one_in(&consumer->dice, chances->rebalance))
        return;
    consumer->rebalances++;
    bool lost = world_one_in(&consumer->dice, chances->lost);
    if (lost && consumer->world->options.exact)
        begin_loss(consumer);
    else
        move(consumer, lost);
}

void
mr_consumer_restart(struct mr_consumer *consumer)
{
    struct world *world = consumer->world;
    WORLD_NEED(!consumer->in_event, "a restart inside an event");
    consumer->epoch++;
    consumer->replaying = false;
    pthread_mutex_lock(&world->lock);
    world->tallies.restarts++;
    memset(world->held, 0, sizeof world->held);
    memset(world->replay, 0, sizeof world->replay);
    pthread_mutex_unlock(&world->lock);
    consumer->waiting |= holds_any(consumer);
    consumer->pause = 0;
    memset(consumer->assigned, 0, sizeof consumer->assigned);
    world_step(world);
}

bool
mr_consumer_replaying(const struct mr_consumer *consumer)
{
    return consumer->replaying;
}
