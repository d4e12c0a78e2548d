/* Consume: Kafka → record batches; rebalances; commits what the ledger allows.
 * Threads: everything here runs on the consumer thread, which owns the librdkafka client.
 * Progress: mr_consumer_fill waits at most its timeout. Memory: messages are copied into the batch
 * and given back at once; librdkafka's own queue is bounded by queued.max.messages.kbytes.
 * Errors: MR_KAFKA with the broker's reason; broker outages are not errors: librdkafka reconnects,
 * mr_consumer_state tells. Settings that would break exactness are refused by mr_consumer_check. */
#pragma once

#include "millrace/base/error.h"
#include "millrace/config.h"
#include "millrace/model/record.h"
#include "millrace/model/totals.h"
#include "millrace/protocol.h"

struct mr_consumer;

/* A partition's offset in the group, to be committed or as read. */
struct mr_offset {
    uint16_t topic;
    int32_t partition;
    int64_t offset;                       /* read: -1 when the group has none */
    uint32_t metadata_len;                /* the broker's, also where it was cut to fit */
    char metadata[MR_METADATA_CHARS + 1]; /* printable ASCII to commit; any bytes when read */
};

struct mr_consumer_events {
    void *context;
    /* Start offsets for newly assigned partitions: spans[i].topic/partition are given; fill `end`
     * with the offset to start at and totals so far, or leave end = -1 to start at the committed
     * offset, else at source.kafka.start. until[i], given as -1: where a replay of this partition
     * ends. With one or more of them only these partitions are read, up to there and no further,
     * until all have got there (mr_consumer_replaying); then all go on. Called on the consumer
     * thread inside the rebalance, which may commit and read offsets here; MR_STOPPED ends
     * the consumer, anything else but MR_OK = the assignment is refused and asked for again later. */
    enum mr_rc (*assigned)(void *context, struct mr_span *spans, int64_t *until, uint32_t count);
    /* The offsets chosen at last, one call an assignment: end = position of each partition. */
    enum mr_rc (*positions)(void *context, const struct mr_span *spans, uint32_t count);
    /* Partitions go away; lost: commits are hopeless. Finish quickly (bounded), then return. Called
     * only after positions, also by mr_consumer_free. mr_consumer_commit may be called in it. */
    void (*revoked)(void *context, bool lost);
};

struct mr_consumer_state {
    bool connected;      /* at least one broker is up */
    bool joined;         /* the last assignment, be it empty, has been taken over */
    uint32_t partitions; /* assigned */
    int64_t lag_records; /* high watermarks minus positions, all partitions; -1 unknown */
    int64_t rebalances;
    int64_t gap_offsets; /* offsets passed over because the log has no record there */
    int64_t skipped;     /* offsets that the client had skipped, and that were read again */
    char problem[256]; /* last error that still holds, or "" */
};

/* Checks pass-through properties without connecting: unknown ones, bad values, and those that would
 * break exactness (enable.auto.commit, auto.offset.reset, …) go to mistakes with their line. */
MR_NODISCARD enum mr_rc
mr_consumer_check(const struct mr_config *config, struct mr_mistakes *mistakes);

MR_NODISCARD enum mr_rc
mr_consumer_new(const struct mr_config *config, const struct mr_consumer_events *events,
                struct mr_consumer **ret_consumer, struct mr_error *reterr_error);

/* Gives the partitions back (events->revoked), leaves the group and frees: bounded by 5 s beside what
 * revoked takes. A client that hangs (2.0.2 does after a topic was deleted) is left to the exit. */
void
mr_consumer_free(struct mr_consumer **consumer);

/* Topics exist? Asks the brokers (bounded by timeout_ms). MR_KAFKA: nobody answered; MR_CONFIG: a
 * topic is missing (named in the error). */
MR_NODISCARD enum mr_rc
mr_consumer_topics(struct mr_consumer *consumer, int64_t timeout_ms, struct mr_error *reterr_error);

MR_NODISCARD enum mr_rc
mr_consumer_subscribe(struct mr_consumer *consumer, struct mr_error *reterr_error);

/* Appends messages to batch until it is full or timeout_ms has passed since the first message came,
 * or no message came for timeout_ms. batch NULL: serves rebalances and errors only (back-pressure).
 * When partitions go, what the caller had left in the batch is emptied: it will be read again.
 * It returns early, also empty, when a gap in the offsets is to be looked at again. Errors: MR_STOPPED
 * when going on could lose rows (offset out of range, topic re-created, records that cannot be read),
 * MR_KAFKA for a fatal client error. */
MR_NODISCARD enum mr_rc
mr_consumer_fill(struct mr_consumer *consumer, struct mr_batch *batch, int64_t timeout_ms,
                 struct mr_error *reterr_error);

/* Commits spans[i].end, waits for the answer (bounded), reads back after any error. MR_OK: the broker
 * has them. MR_KAFKA: not confirmed (stays committable). */
MR_NODISCARD enum mr_rc
mr_consumer_commit(struct mr_consumer *consumer, const struct mr_span *spans, uint32_t count,
                   struct mr_error *reterr_error);

/* Sends one offset commit of all these partitions, metadata and all, and waits for the answer, bounded.
 * Also within `assigned`. OK: applied to all. FENCED: not a member any more. LOST: no answer, or an
 * earlier one is still due. ERROR: refused, maybe in part: only mr_consumer_committed tells. */
enum mr_answer
mr_consumer_commit_offsets(struct mr_consumer *consumer, const struct mr_offset *offsets,
                           uint32_t count, struct mr_error *reterr_error);

/* The group's offsets and metadata of the partitions named. Not MR_OK: nothing is known, which is not
 * "none". */
MR_NODISCARD enum mr_rc
mr_consumer_committed(struct mr_consumer *consumer, struct mr_offset *offsets, uint32_t count,
                      struct mr_error *reterr_error);

/* Deletes the group's offsets of the partitions named. MR_OK: it has none of them any more. MR_BUSY: it
 * has members. MR_KAFKA: nobody knows. */
MR_NODISCARD enum mr_rc
mr_consumer_delete_offsets(struct mr_consumer *consumer, const struct mr_offset *offsets,
                           uint32_t count, struct mr_error *reterr_error);

/* The place in the group as it is now: member, generation, assignment lost or not, topics the same. */
void
mr_consumer_standing(struct mr_consumer *consumer, struct mr_standing *ret_standing);

/* The group's session timeout as configured. */
int64_t
mr_consumer_session_ms(const struct mr_consumer *consumer);

/* Is the log of this partition the one that held the offsets up to `end`? OK: it reaches that far.
 * UNKNOWN: it ends before, or there is no such partition. ERROR, LOST: nobody answered. */
enum mr_answer
mr_consumer_same_topic(struct mr_consumer *consumer, uint16_t topic, int32_t partition, int64_t end,
                       struct mr_error *reterr_error);

/* True from an assignment with a replay until the last record of it has been handed out by fill, which
 * then returns at once: the caller ends its unit before the next fill. */
bool
mr_consumer_replaying(const struct mr_consumer *consumer);

/* Gives up the positions, drops what was fetched, and asks `assigned` and `positions` anew for the
 * partitions held, without the group noticing. The caller has settled what was in flight; `revoked`
 * is not called. Not inside an event. */
void
mr_consumer_restart(struct mr_consumer *consumer);

void
mr_consumer_get_state(struct mr_consumer *consumer, struct mr_consumer_state *ret_state);
