/* A thread that asks the brokers for the ends of the logs. It serves three purposes:
 * - Waking broker threads. When the client's queue is full (queued.max.messages.kbytes), librdkafka
 *   2.0.2 lets the broker's thread sleep for up to 1 s although the queue is emptied in a fraction
 * of that; any request to this broker wakes it. At full speed each leader is asked every 20 ms,
 * else every second.
 * - Seeing that somebody answers, when there is nothing to fetch.
 * - Seeing that a topic was deleted, re-created or cut: librdkafka reads on silently from the old
 *   position. A re-creation that overtakes the old position between two looks cannot be seen. */
#include <stdlib.h>

#include "millrace/base/assert.h"
#include "pipeline/consume/probe_priv.h"

#define TICK_FAST_MS   20
#define TICKS_TO_SLOW  50  /* fast ticks without work before it looks every second again */
#define BATCH_OF_HURRY 500 /* records a fill that mean full speed */
#define LOOKS_SLOW     16  /* partitions a leader and slow tick */

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
            probe->parts[i] = (struct mri_probe_part){.slot = probe->given[i], .leader = -1};
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
    int64_t wait_ms = fast ? TICK_FAST_MS : MRI_PROBE_SLOW_MS;
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
    mri_probe_look_at_topics(probe);
    for (bool fast = false; wait_tick(probe, fast);) {
        mri_probe_look_at_topics(probe);
        fast = is_fast(probe);
        mri_probe_look_at_parts(probe, fast ? 1 : LOOKS_SLOW);
    }
}

enum mr_rc
mri_probe_start(rd_kafka_t *rk, const struct mr_strings *topics, struct mri_probe **ret_probe)
{
    pthread_condattr_t monotonic;
    struct mri_probe *probe = calloc(1, sizeof *probe);
    struct mri_probe_topic *seen = calloc(topics->count + 1, sizeof *seen);
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
