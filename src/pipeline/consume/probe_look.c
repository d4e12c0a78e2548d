/* What the brokers say of the logs: somebody answers; a topic was deleted, re-created or cut. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "millrace/base/clock.h"
#include "pipeline/consume/probe_priv.h"

#define METADATA_MS      5000
#define QUERY_MS         1000
#define LOOKS_TO_BELIEVE 3 /* a leader change or a starting broker may lie once or twice */

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

/* Asks for one partition's end; doubts grow while it lies below what was already read. */
static void
look_at(struct mri_probe *probe, struct mri_probe_part *part)
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
    struct mri_probe_topic *seen = &probe->seen[topic];
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
    const struct mri_probe_part *left = a, *right = b;
    return (left->leader > right->leader) - (left->leader < right->leader);
}

static void
learn_leaders(struct mri_probe *probe, uint32_t topic, const rd_kafka_metadata_topic_t *found)
{
    for (uint32_t i = 0; i < probe->part_count; i++) {
        struct mri_probe_part *part = &probe->parts[i];
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

void
mri_probe_look_at_topics(struct mri_probe *probe)
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
    probe->metadata_at_ms = now + (soon ? MRI_PROBE_SLOW_MS : METADATA_MS);
}

/* The next partitions of every leader in turn. */
void
mri_probe_look_at_parts(struct mri_probe *probe, uint32_t each)
{
    uint32_t begin = 0;
    for (uint32_t leader = 0; leader < MRI_PROBE_LEADERS && begin < probe->part_count; leader++) {
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
