/* A thread that asks the brokers for the ends of the logs. It serves three purposes:
 * - Waking broker threads. When the client's queue is full (queued.max.messages.kbytes), librdkafka
 *   2.0.2 lets the broker's thread sleep for up to 1 s although the queue is emptied in a fraction
 * of that; any request to this broker wakes it. At full speed each leader is asked every 20 ms,
 * else every second.
 * - Seeing that somebody answers, when there is nothing to fetch.
 * - Seeing that a topic was deleted, re-created or cut: librdkafka reads on silently from the old
 *   position. A re-creation that overtakes the old position between two looks cannot be seen. */
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/base/assert.h"
#include "millrace/base/clock.h"
#include "pipeline/consume/consume_priv.h"

#define TICK_FAST_MS     20
#define TICK_SLOW_MS     1000
#define TICKS_TO_SLOW    50  /* fast ticks without work before it looks every second again */
#define BATCH_OF_HURRY   500 /* records a fill that mean full speed */
#define METADATA_MS      5000
#define QUERY_MS         1000
#define LOOKS_TO_BELIEVE 3 /* a leader change or a starting broker may lie once or twice */
#define LEADERS          64
#define LOOKS_SLOW       16 /* partitions a leader and slow tick */

struct probe_part {
    struct mri_slot slot;
    int32_t leader; /* -1 unknown */
    uint32_t doubts;
};

struct probe_topic {
    rd_kafka_topic_t *handle;
    int32_t partitions; /* greatest count seen; 0: never seen */
    uint32_t doubts;
};

struct mri_probe {
    rd_kafka_t *rk;                  /* [const] */
    const struct mr_strings *topics; /* [const] */
    struct mr_thread thread;         /* [const] after start */

    _Atomic uint32_t work;         /* [atomic: relaxed] records since the last tick, a hint */
    _Atomic bool fast;             /* [atomic: relaxed] a hint; the signal goes by the lock */
    _Atomic int64_t answered_ms;   /* [atomic: relaxed] shown, and compared with other times */
    _Atomic int64_t unanswered_ms; /* [atomic: relaxed] likewise */
    _Atomic bool convicted;  /* [atomic: release by the probe, acquire by the consumer] verdict */
    struct mr_error verdict; /* [const] once convicted */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;             /* [lock] */
    struct mri_slot *given;    /* [lock] what the consumer said last */
    uint32_t given_count;      /* [lock] */
    uint64_t given_generation; /* [lock] */

    struct probe_part *parts; /* [own: probe thread] sorted by leader */
    uint32_t part_count;
    uint64_t generation;
    uint32_t cursors[LEADERS]; /* [own: probe thread] where to look next, by leader in order */
    struct probe_topic *seen;  /* [own: probe thread] one a topic */
    int64_t metadata_at_ms;    /* [own: probe thread] */
    unsigned idle_ticks;       /* [own: probe thread] */
};

static void convict(struct mri_probe *probe, const char *format, ...) MR_PRINTF(2, 3);

/* The first verdict stays. */
static void
convict(struct mri_probe *probe, const char *format, ...)
{
    char text[400];
    va_list list;
    if (atomic_load_explicit(&probe->convicted, memory_order_relaxed)) {
        return; /* written by this thread only */
    }
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    (void)mr_error_set(&probe->verdict, MR_STOPPED, "%s", text);
    mr_error_hint(
        &probe->verdict,
        "was the topic deleted and created again? Then the tables' rows are of the old one: "
        "use another group and other tables, or restore the topic");
    /* Pairs with the acquire of mri_probe_verdict: the text is complete. */
    atomic_store_explicit(&probe->convicted, true, memory_order_release);
}

enum mr_rc
mri_probe_verdict(struct mri_probe *probe, struct mr_error *reterr_error)
{
    /* Pairs with the release of convict. */
    if (!atomic_load_explicit(&probe->convicted, memory_order_acquire)) {
        return MR_OK;
    }
    if (reterr_error) {
        *reterr_error = probe->verdict;
    }
    return MR_STOPPED;
}

static void
note_answer(struct mri_probe *probe, bool answered)
{
    _Atomic int64_t *when = answered ? &probe->answered_ms : &probe->unanswered_ms;
    atomic_store_explicit(when, mr_clock_monotonic_ms(), memory_order_relaxed);
}

int64_t
mri_probe_answered_ms(const struct mri_probe *probe)
{
    return atomic_load_explicit(&probe->answered_ms, memory_order_relaxed);
}

int64_t
mri_probe_unanswered_ms(const struct mri_probe *probe)
{
    return atomic_load_explicit(&probe->unanswered_ms, memory_order_relaxed);
}

/* ---- looking ---- */

/* Asks for one partition's end; doubts grow while it lies below what was already read. */
static void
look_at(struct mri_probe *probe, struct probe_part *part)
{
    const char *topic = probe->topics->items[part->slot.topic];
    int64_t high = 0;
    rd_kafka_resp_err_t code = mri_consume_log_end(
        probe->rk, topic, part->slot.partition, RD_KAFKA_OFFSET_END, QUERY_MS, &high);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        bool answer = code > RD_KAFKA_RESP_ERR__END; /* the broker's own codes */
        note_answer(probe, answer);
        probe->metadata_at_ms = 0; /* look at the topic next */
        return;
    }
    note_answer(probe, true);
    if (high >= part->slot.position) {
        part->doubts = 0;
    } else if (++part->doubts >= LOOKS_TO_BELIEVE) {
        convict(probe,
                "topic \"%s\" partition %" PRId32 " ends at %" PRId64
                ", but was already read to %" PRId64 ": it was re-created or cut",
                topic,
                part->slot.partition,
                high,
                part->slot.position);
    }
}

static void
look_at_topic(struct mri_probe *probe, uint32_t topic, const rd_kafka_metadata_topic_t *found)
{
    struct probe_topic *seen = &probe->seen[topic];
    bool gone = !found || found->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    int32_t count = found && found->err == RD_KAFKA_RESP_ERR_NO_ERROR ? found->partition_cnt : 0;
    if (seen->partitions == 0 || count >= seen->partitions) {
        seen->doubts = 0;
        seen->partitions = count > seen->partitions ? count : seen->partitions;
        return;
    }
    bool fewer = count > 0 && count < seen->partitions;
    seen->doubts += gone || fewer;
    if (seen->doubts >= LOOKS_TO_BELIEVE && gone) {
        convict(probe, "topic \"%s\" does not exist any more", probe->topics->items[topic]);
    } else if (seen->doubts >= LOOKS_TO_BELIEVE && fewer) {
        convict(probe,
                "topic \"%s\" has %d partitions, but had %d: it was re-created",
                probe->topics->items[topic],
                count,
                seen->partitions);
    }
}

static int32_t
find_leader(const rd_kafka_metadata_topic_t *topic, int32_t partition)
{
    for (int i = 0; topic && i < topic->partition_cnt; i++) {
        if (topic->partitions[i].id == partition) {
            return topic->partitions[i].leader;
        }
    }
    return -1;
}

static int
by_leader(const void *a, const void *b)
{
    const struct probe_part *left = a, *right = b;
    return (left->leader > right->leader) - (left->leader < right->leader);
}

static void
learn_leaders(struct mri_probe *probe, uint32_t topic, const rd_kafka_metadata_topic_t *found)
{
    for (uint32_t i = 0; i < probe->part_count; i++) {
        struct probe_part *part = &probe->parts[i];
        if (part->slot.topic == topic) {
            part->leader = find_leader(found, part->slot.partition);
        }
    }
}

static bool
has_doubts(const struct mri_probe *probe)
{
    for (uint32_t i = 0; i < probe->topics->count; i++) {
        if (probe->seen[i].doubts > 0) {
            return true;
        }
    }
    return false;
}

/* One request a topic, by its handle: the request for all known topics would let the broker create
 * a deleted one again. False: nobody answered. */
static bool
ask_for_topic(struct mri_probe *probe, uint32_t topic)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(probe->rk, 0, probe->seen[topic].handle, &metadata, QUERY_MS);
    note_answer(probe, code == RD_KAFKA_RESP_ERR_NO_ERROR);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return false;
    }
    const rd_kafka_metadata_topic_t *found = metadata->topic_cnt == 1 ? &metadata->topics[0] : NULL;
    look_at_topic(probe, topic, found);
    learn_leaders(probe, topic, found);
    rd_kafka_metadata_destroy(metadata);
    return true;
}

static void
look_at_topics(struct mri_probe *probe)
{
    int64_t now = mr_clock_monotonic_ms();
    bool answered = true;
    if (now < probe->metadata_at_ms) {
        return;
    }
    for (uint32_t i = 0; i < probe->topics->count && answered; i++) {
        answered =
            !probe->seen[i].handle || ask_for_topic(probe, i); /* no handle: no lawful name */
    }
    if (probe->part_count > 1) {
        qsort(probe->parts, probe->part_count, sizeof *probe->parts, by_leader);
    }
    bool soon = !answered || has_doubts(probe);
    probe->metadata_at_ms = now + (soon ? TICK_SLOW_MS : METADATA_MS);
}

/* The next partitions of every leader in turn. */
static void
look_at_parts(struct mri_probe *probe, uint32_t each)
{
    uint32_t begin = 0;
    for (uint32_t leader = 0; leader < LEADERS && begin < probe->part_count; leader++) {
        uint32_t end = begin;
        while (end < probe->part_count && probe->parts[end].leader == probe->parts[begin].leader) {
            end++;
        }
        uint32_t size = end - begin;
        for (uint32_t i = 0; i < each && i < size; i++) {
            if (probe->parts[begin].leader >= 0) {
                look_at(probe, &probe->parts[begin + probe->cursors[leader]++ % size]);
            }
        }
        begin = end;
    }
}

/* ---- the thread ---- */

static const struct mri_slot *
find_given(const struct mri_probe *probe, const struct mri_slot *slot)
{
    uint32_t low = 0, high = probe->given_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct mri_slot *given = &probe->given[middle];
        if (given->topic == slot->topic && given->partition == slot->partition) {
            return given;
        }
        bool below = given->topic < slot->topic ||
                     (given->topic == slot->topic && given->partition < slot->partition);
        low = below ? middle + 1 : low;
        high = below ? high : middle;
    }
    return NULL;
}

/* Takes over what the consumer said last. Under the lock. Without memory the probe looks at nothing
 * until the next assignment. */
static void
copy_given(struct mri_probe *probe)
{
    if (probe->generation != probe->given_generation) {
        free(probe->parts);
        probe->parts = calloc(probe->given_count + 1, sizeof *probe->parts);
        probe->part_count = probe->parts ? probe->given_count : 0;
        probe->generation = probe->given_generation;
        probe->metadata_at_ms = 0;
        for (uint32_t i = 0; i < probe->part_count; i++) {
            probe->parts[i] = (struct probe_part){.slot = probe->given[i], .leader = -1};
        }
        return;
    }
    for (uint32_t i = 0; i < probe->part_count; i++) {
        const struct mri_slot *given = find_given(probe, &probe->parts[i].slot);
        MR_INSIST(given);
        probe->parts[i].slot.position = given->position;
    }
}

static bool
is_fast(struct mri_probe *probe)
{
    uint32_t work = atomic_exchange_explicit(&probe->work, 0, memory_order_relaxed);
    probe->idle_ticks = work >= BATCH_OF_HURRY ? 0 : probe->idle_ticks + 1;
    bool fast = atomic_load_explicit(&probe->fast, memory_order_relaxed) &&
                probe->idle_ticks < TICKS_TO_SLOW;
    atomic_store_explicit(&probe->fast, fast, memory_order_relaxed);
    return fast;
}

/* False: stop. */
static bool
wait_tick(struct mri_probe *probe, bool fast)
{
    int64_t wait_ms = fast ? TICK_FAST_MS : TICK_SLOW_MS;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (wait_ms % 1000) * 1000000;
    until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&probe->lock);
    int code = 0;
    while (!probe->stopping && code == 0 && probe->generation == probe->given_generation &&
           (fast || !atomic_load_explicit(&probe->fast, memory_order_relaxed))) {
        code = pthread_cond_timedwait(&probe->changed, &probe->lock, &until);
    }
    bool go_on = !probe->stopping;
    copy_given(probe);
    pthread_mutex_unlock(&probe->lock);
    return go_on;
}

static void
run(void *argument)
{
    struct mri_probe *probe = argument;
    look_at_topics(probe);
    for (bool fast = false; wait_tick(probe, fast);) {
        look_at_topics(probe);
        fast = is_fast(probe);
        look_at_parts(probe, fast ? 1 : LOOKS_SLOW);
    }
}

enum mr_rc
mri_probe_start(rd_kafka_t *rk, const struct mr_strings *topics, struct mri_probe **ret_probe)
{
    pthread_condattr_t monotonic;
    struct mri_probe *probe = calloc(1, sizeof *probe);
    struct probe_topic *seen = calloc(topics->count + 1, sizeof *seen);
    if (!probe || !seen) {
        free(probe);
        free(seen);
        return MR_MEMORY;
    }
    probe->rk = rk;
    probe->topics = topics;
    probe->seen = seen;
    for (uint32_t i = 0; i < topics->count; i++) {
        seen[i].handle = rd_kafka_topic_new(rk, topics->items[i], NULL);
    }
    pthread_mutex_init(&probe->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&probe->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    enum mr_rc rc = mr_thread_start(&probe->thread, "mr-probe", run, probe);
    if (rc != MR_OK) {
        mri_probe_stop(&probe);
        return rc;
    }
    *ret_probe = probe;
    return MR_OK;
}

void
mri_probe_stop(struct mri_probe **probe)
{
    struct mri_probe *old = *probe;
    if (!old) {
        return;
    }
    pthread_mutex_lock(&old->lock);
    old->stopping = true;
    pthread_cond_signal(&old->changed);
    pthread_mutex_unlock(&old->lock);
    mr_thread_join(&old->thread);
    pthread_cond_destroy(&old->changed);
    pthread_mutex_destroy(&old->lock);
    for (uint32_t i = 0; i < old->topics->count; i++) {
        if (old->seen[i].handle) {
            rd_kafka_topic_destroy(old->seen[i].handle);
        }
    }
    free(old->given);
    free(old->parts);
    free(old->seen);
    free(old);
    *probe = NULL;
}

void
mri_probe_update(struct mri_probe *probe,
                 const struct mri_slot *slots,
                 uint32_t count,
                 uint64_t generation)
{
    pthread_mutex_lock(&probe->lock);
    if (generation != probe->given_generation) {
        free(probe->given);
        probe->given = calloc(count + 1, sizeof *slots);
        probe->given_count = probe->given ? count : 0;
        probe->given_generation = generation;
        pthread_cond_signal(&probe->changed);
    }
    for (uint32_t i = 0; i < probe->given_count; i++) {
        probe->given[i] = slots[i];
        /* What is to be read again was there: a log that ends before it was cut. */
        if (slots[i].until > slots[i].position) {
            probe->given[i].position = slots[i].until;
        }
    }
    pthread_mutex_unlock(&probe->lock);
}

void
mri_probe_hurry(struct mri_probe *probe, uint32_t records)
{
    atomic_fetch_add_explicit(&probe->work, records, memory_order_relaxed);
    if (records < BATCH_OF_HURRY || atomic_load_explicit(&probe->fast, memory_order_relaxed)) {
        return;
    }
    pthread_mutex_lock(&probe->lock);
    atomic_store_explicit(&probe->fast, true, memory_order_relaxed);
    pthread_cond_signal(&probe->changed);
    pthread_mutex_unlock(&probe->lock);
}
