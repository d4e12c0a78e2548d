/* What exactly-once delivery asks of consume: the group's offsets with metadata and the place in the
 * group; and what must hold at the end. */
#include "world_priv.h"

#include <string.h>

#define SESSION_MS 20

static bool
is_dead(const struct world *world)
{
    return atomic_load_explicit(&world->dead, memory_order_relaxed);
}

/* ---- commits of offsets ---- */

static struct mr_metadata
metadata_of(const struct world *world, const struct mr_offset *offset)
{
    struct mr_metadata metadata;
    struct mr_slice text = {offset->metadata, strlen(offset->metadata)};
    WORLD_NEED(mr_metadata_decode(text, world->layout->pipeline, &metadata) == MR_METADATA_OURS,
               "metadata? \"%s\"", offset->metadata);
    return metadata;
}

/* Every partition held, each once; all of one unit or of one chain. */
static void
check_list(const struct mr_consumer *consumer, const struct mr_offset *offsets, uint32_t count)
{
    const struct world *world = consumer->world;
    bool listed[WORLD_PARTITIONS] = {false};
    struct mr_metadata first = metadata_of(world, &offsets[0]);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = world_place(offsets[i].topic, offsets[i].partition);
        struct mr_metadata metadata = metadata_of(world, &offsets[i]);
        WORLD_NEED(place < world->options.partitions && world->held[place] && !listed[place],
                   "commit of partition %u: not ours, or twice", place);
        WORLD_NEED(mr_chain_equal(&metadata.in_force, &first.in_force),
                   "partition %u: another chain in force than of the others", place);
        listed[place] = true;
    }
    for (uint32_t i = 0; i < world->options.partitions; i++)
        WORLD_NEED(listed[i] == world->held[i], "a commit does not list partition %u", i);
}

/* As last committed, the chain in force excepted. What is new is pinned at its position. */
static void
check_chain_commit(const struct mr_consumer *consumer, const struct mr_offset *offsets, uint32_t count)
{
    const struct world *world = consumer->world;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = world_place(offsets[i].topic, offsets[i].partition);
        struct mr_metadata now = metadata_of(world, &offsets[i]), before = now;
        const struct world_chain_row *row = world_find_chain(world, place, &now.in_force);
        WORLD_NEED(row && !row->closed, "partition %u: chain %s is put in force, not in the registry",
                   place, now.in_force.text);
        WORLD_NEED(offsets[i].offset ==
                       (world->committed[place] >= 0 ? world->committed[place]
                                                     : consumer->start[place]),
                   "partition %u: the announcement moves the offset from %lld to %lld", place,
                   (long long)world->committed[place], (long long)offsets[i].offset);
        if (world->committed[place] >= 0)
            (void)mr_metadata_decode(mr_slice_of(world->metadata[place]), world->layout->pipeline,
                                     &before);
        WORLD_NEED(mr_unit_name_equal(&now.last, &before.last) && now.start == before.start,
                   "partition %u: the announcement changes the last unit", place);
    }
}

static const struct world_span *
span_of(const struct world_txn *txn, uint32_t partition)
{
    for (uint32_t i = 0; i < txn->span_count; i++)
        if (txn->spans[i].partition == partition)
            return &txn->spans[i];
    return NULL;
}

/* What is due to be read again is all of one unit, and that unit is nothing else. */
static void
check_replay(const struct world *world, const struct world_txn *txn)
{
    bool due = false;
    for (uint32_t i = 0; i < WORLD_PARTITIONS; i++)
        due |= world->replay[i].end > world->replay[i].start;
    for (uint32_t i = 0; due && i < WORLD_PARTITIONS; i++) {
        const struct world_span *want = &world->replay[i], *has = span_of(txn, i);
        bool wanted = want->end > want->start;
        WORLD_NEED(wanted == (has != NULL) &&
                       (!has || (has->start == want->start && has->end == want->end)),
                   "%s: partition %u is to be read again in [%lld, %lld), the unit has [%lld, %lld)",
                   txn->label, i, (long long)want->start, (long long)want->end,
                   (long long)(has ? has->start : -1), (long long)(has ? has->end : -1));
    }
}

/* The decision says what was loaded, after all units before are in. */
static void
check_decision(const struct mr_consumer *consumer, const struct mr_offset *offsets, uint32_t count,
               const struct world_txn *txn)
{
    const struct world *world = consumer->world;
    WORLD_NEED(txn && txn->span_count > 0, "a decision about a unit that is not loaded");
    check_replay(world, txn);
    for (uint32_t i = 0; i < world->txn_count; i++)
        WORLD_NEED(world->txns[i] == txn || !world->txns[i]->decided ||
                       !mr_chain_equal(&world->txns[i]->chain, &txn->chain) ||
                       world->txns[i]->state == WORLD_COMMITTED ||
                       world->txns[i]->state == WORLD_VISIBLE,
                   "%s is decided, %s before it is not in", txn->label, world->txns[i]->label);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = world_place(offsets[i].topic, offsets[i].partition);
        const struct mr_metadata metadata = metadata_of(world, &offsets[i]);
        const struct world_span *span = span_of(txn, place);
        WORLD_NEED(metadata.last.n == txn->n && mr_chain_equal(&metadata.last.chain, &txn->chain) &&
                       mr_chain_equal(&metadata.in_force, &txn->chain),
                   "partition %u: the decision about %s names another unit", place, txn->label);
        WORLD_NEED(!span || (offsets[i].offset == span->end && metadata.start == span->start),
                   "%s: partition %u is decided up to %lld, its ledger row ends at %lld", txn->label,
                   place, (long long)offsets[i].offset, (long long)(span ? span->end : -1));
        WORLD_NEED(span || metadata.start == offsets[i].offset, "%s: idle partition %u starts at %lld",
                   txn->label, place, (long long)metadata.start);
    }
}

/* What the broker does: the dice's answer and how many partitions it takes. */
static enum mr_answer
draw_answer(struct mr_consumer *consumer, uint32_t count, uint32_t *ret_applied)
{
    struct world *world = consumer->world;
    *ret_applied = count;
    if (world_one_in(&consumer->dice, world->options.chances.evicted)) {
        *ret_applied = 0;
        consumer->fenced = true;
        consumer->losing = 1 + (uint32_t)(world_draw(&consumer->dice) % 20);
        return MR_ANSWER_FENCED;
    }
    if (!world_one_in(&consumer->dice, world->options.chances.offsets))
        return MR_ANSWER_OK;
    uint64_t lot = world_draw(&consumer->dice) % 5;
    if (lot <= 2)
        *ret_applied = lot == 0 || count == 1
                           ? 0
                           : 1 + (uint32_t)(world_draw(&consumer->dice) % (count - 1));
    world->tallies.offsets_lost += lot > 2;
    world->tallies.offsets_partial += *ret_applied > 0 && *ret_applied < count;
    return lot > 2 ? MR_ANSWER_LOST : MR_ANSWER_ERROR;
}

/* The good answer of a decision comes, and with it the loss of the place in the group. */
static void
move_away(struct mr_consumer *consumer, struct world_txn *txn)
{
    txn->left = true;
    consumer->lost = true;
    consumer->fenced = true;
    consumer->losing = 1 + (uint32_t)(world_draw(&consumer->dice) % 20);
    consumer->world->tallies.moved++;
}

static enum mr_answer
apply(struct mr_consumer *consumer, const struct mr_offset *offsets, uint32_t count,
      struct world_txn *txn, struct world_event *event)
{
    struct world *world = consumer->world;
    uint32_t applied = count;
    enum mr_answer answer = world->options.offsets ? world->options.offsets(world, event)
                                                   : draw_answer(consumer, count, &applied);
    if (world->options.offsets && answer != MR_ANSWER_OK && answer != MR_ANSWER_LOST)
        applied = 0;
    for (uint32_t i = 0; i < applied; i++) {
        uint32_t place = world_place(offsets[i].topic, offsets[i].partition);
        world->committed[place] = offsets[i].offset;
        memcpy(world->metadata[place], offsets[i].metadata, sizeof world->metadata[place]);
    }
    world->tallies.commits += answer == MR_ANSWER_OK;
    if (txn && applied == count) {
        world->tallies.decided += !txn->decided;
        txn->decided = true;
        if (answer == MR_ANSWER_OK && world_one_in(&consumer->dice, world->options.chances.moved))
            move_away(consumer, txn);
    }
    return answer;
}

enum mr_answer
mr_consumer_commit_offsets(struct mr_consumer *consumer, const struct mr_offset *offsets,
                           uint32_t count, struct mr_error *reterr_error)
{
    struct world *world = consumer->world;
    enum mr_answer answer = MR_ANSWER_FENCED;
    WORLD_NEED(count > 0, "a commit of no offset");
    pthread_mutex_lock(&world->lock);
    struct mr_metadata metadata = metadata_of(world, &offsets[0]);
    struct world_event event = {.chain = metadata.in_force, .count = count};
    bool decides = mr_chain_equal(&metadata.last.chain, &metadata.in_force);
    struct world_txn *txn =
        decides ? world_find_txn(world, &metadata.last.chain, metadata.last.n) : NULL;
    event.kind = decides ? MR_STEP_DECIDE : MR_STEP_COMMIT_CHAIN;
    event.n = decides ? metadata.last.n : 0;
    check_list(consumer, offsets, count);
    if (decides)
        check_decision(consumer, offsets, count, txn);
    else
        check_chain_commit(consumer, offsets, count);
    if (is_dead(world))
        answer = MR_ANSWER_LOST;
    else if (!consumer->fenced)
        answer = apply(consumer, offsets, count, txn, &event);
    world->tallies.fenced += answer == MR_ANSWER_FENCED;
    event.answer = answer;
    world_note(world, &event);
    pthread_mutex_unlock(&world->lock);
    if (answer != MR_ANSWER_OK)
        (void)mr_error_set(reterr_error, MR_KAFKA, "the world's answer %d", (int)answer);
    return answer;
}

enum mr_rc
mr_consumer_committed(struct mr_consumer *consumer, struct mr_offset *offsets, uint32_t count,
                      struct mr_error *reterr_error)
{
    struct world *world = consumer->world;
    if (is_dead(world) || world_one_in(&consumer->dice, world->options.chances.unread))
        return mr_error_set(reterr_error, MR_KAFKA, "the world's offsets are not known");
    pthread_mutex_lock(&world->lock);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = world_place(offsets[i].topic, offsets[i].partition);
        offsets[i].offset = world->committed[place];
        memcpy(offsets[i].metadata, world->metadata[place], sizeof offsets[i].metadata);
        offsets[i].metadata_len = (uint32_t)strlen(offsets[i].metadata);
    }
    struct world_event event = {.kind = MR_STEP_READ_COMMITTED, .count = count,
                                .recovering = world->recovering};
    world_note(world, &event);
    pthread_mutex_unlock(&world->lock);
    return MR_OK;
}

/* ---- the place in the group ---- */

void
mr_consumer_standing(struct mr_consumer *consumer, struct mr_standing *ret_standing)
{
    bool dead = is_dead(consumer->world);
    atomic_fetch_add_explicit(&consumer->world->standings, 1, memory_order_relaxed);
    bool lost = consumer->lost ||
                atomic_load_explicit(&consumer->world->lost_now, memory_order_relaxed);
    *ret_standing = (struct mr_standing){.lost = lost || dead, .topics_known = true,
                                         .metadata_fits = true,
                                         .generation = dead ? -1 : consumer->generation,
                                         .member = consumer->world->run,
                                         .epoch = consumer->epoch};
}

int64_t
mr_consumer_session_ms(const struct mr_consumer *consumer)
{
    (void)consumer;
    return SESSION_MS;
}

enum mr_answer
mr_consumer_same_topic(struct mr_consumer *consumer, uint16_t topic, int32_t partition, int64_t end,
                       struct mr_error *reterr_error)
{
    (void)reterr_error;
    (void)topic;
    (void)partition;
    return end <= consumer->world->options.records ? MR_ANSWER_OK : MR_ANSWER_UNKNOWN;
}

/* ---- at the end ---- */

void
world_check_exact(struct world *world)
{
    pthread_mutex_lock(&world->lock);
    world_publish(world);
    for (uint32_t i = 0; i < world->txn_count; i++) {
        const struct world_txn *txn = world->txns[i];
        WORLD_NEED(txn->state != WORLD_OPEN, "%s is open at the end", txn->label);
        WORLD_NEED(txn->state != WORLD_COMMITTED, "%s is not visible at the end", txn->label);
    }
    pthread_mutex_unlock(&world->lock);
    world_check_committed(world);
    world_check_rows(world, false);
}

struct mr_chain
world_chain_in_force(const struct world *world, uint32_t partition)
{
    struct mr_metadata metadata = {.start = 0};
    (void)mr_metadata_decode(mr_slice_of(world->metadata[partition]), world->layout->pipeline,
                             &metadata);
    return metadata.in_force;
}

static bool
has_committed(const struct world *world, const struct mr_chain *chain)
{
    bool any = false;
    for (uint32_t i = 0; i < world->txn_count; i++)
        any |= world->txns[i]->state == WORLD_VISIBLE && mr_chain_equal(&world->txns[i]->chain, chain);
    return any;
}

bool
world_registry_closed(struct world *world)
{
    bool closed = true;
    pthread_mutex_lock(&world->lock);
    for (uint32_t i = 0; i < world->chain_count; i++) {
        const struct world_chain_row *row = &world->chains[i];
        struct mr_chain chain = world_chain_in_force(world, row->partition);
        closed &= row->closed || !world->held[row->partition] || mr_chain_equal(&row->chain, &chain) ||
                  !has_committed(world, &chain) || mr_chain_equal(&chain, &world->close_failed);
    }
    pthread_mutex_unlock(&world->lock);
    return closed;
}
