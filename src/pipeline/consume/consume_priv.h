/* Across the files of the consume folder. Everything belongs to the consumer thread, apart from the
 * probe, which has a thread of its own. */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

#include "millrace/base/text.h"
#include "millrace/base/thread.h"
#include "millrace/consume.h"

/* ---- gap.c: offsets that did not come ---- */

struct mri_gap {
    int64_t to;         /* seen once: nothing between the position and here; -1: none */
    bool unreadable;    /* since the last look, records came that the client could not read */
    uint8_t refused;    /* looks that ended so, */
    int64_t refused_ms; /* and when the last of them was counted */
};

enum mri_gap_verdict {
    MRI_GAP_NONE, /* continuous */
    MRI_GAP_REAL, /* nobody has a record there: take what came, the topic is known to have gaps */
    MRI_GAP_AGAIN /* take nothing, read again from the position */
};

struct mri_gap_look {
    int64_t offset; /* of a record; of the end of the log */
    bool end;       /* it is the end of the log */
    bool known;     /* the topic is known to have gaps */
};

/* One assigned partition; sorted by topic, partition. */
struct mri_slot {
    uint16_t topic;
    int32_t partition;
    int64_t position; /* next offset to be taken */
    int64_t until;    /* end of a replay that has not got there; -1: none */
    struct mri_gap gap;
};

/* ---- probe.c, probe_look.c: a thread that looks at the brokers ---- */

struct mri_probe;

MR_NODISCARD enum mr_rc
mri_probe_start(rd_kafka_t *rk, const struct mr_strings *topics, struct mri_probe **ret_probe);

/* Waits for the query under way, at most about a second. */
void mri_probe_stop(struct mri_probe **probe);

/* Partitions assigned and positions reached; a later call with the same count and generation brings
 * positions only. */
void mri_probe_update(struct mri_probe *probe,
                      const struct mri_slot *slots,
                      uint32_t count,
                      uint64_t generation);

/* The consumer takes at full speed: broker threads must be woken (see probe.c). Cheap to repeat. */
void mri_probe_hurry(struct mri_probe *probe, uint32_t records);

/* Monotonic time of the last answer from a broker, and of the last look that got none; 0 never. */
int64_t mri_probe_answered_ms(const struct mri_probe *probe);

int64_t mri_probe_unanswered_ms(const struct mri_probe *probe);

/* MR_STOPPED when a topic was deleted, re-created or cut. Cheap. */
MR_NODISCARD enum mr_rc mri_probe_verdict(struct mri_probe *probe, struct mr_error *reterr_error);

/* ---- problem.c: the last error that still holds ---- */

enum mri_problem_kind {
    MRI_PROBLEM_NONE,
    MRI_PROBLEM_BROKER,   /* ends with the next answer of any broker */
    MRI_PROBLEM_GROUP,    /* ends with the next assignment */
    MRI_PROBLEM_PARTITION /* ends with the next message taken */
};

struct mri_problem {
    enum mri_problem_kind kind;
    rd_kafka_resp_err_t code;
    char text[256];
    int64_t since_ms, last_ms;
    int64_t next_log_ms, pause_ms; /* the same problem is logged again after a growing pause */
};

/* Logs a problem that differs from the one before, or lasts. */
void mri_problem_note(struct mri_problem *problem,
                      enum mri_problem_kind kind,
                      rd_kafka_resp_err_t code,
                      const char *text);

/* Ends problems of this kind, and says so once. */
void mri_problem_end(struct mri_problem *problem, enum mri_problem_kind kind);

/* ---- wait.c: waits that no setting of the clock prolongs ---- */

struct mri_waited {
    rd_kafka_queue_t *queue; /* NULL: not open */
    int fd;                  /* readable when something came into the empty queue */
};

/* Takes the queue over. MR_SYSTEM: no descriptor. */
MR_NODISCARD enum mr_rc mri_wait_open(struct mri_waited *waited, rd_kafka_queue_t *queue);

void mri_wait_close(struct mri_waited *waited);

/* Waits until something may have come, at most timeout_ms. Look into the queue before and after. */
void mri_wait(struct mri_waited *waited, int64_t timeout_ms);

/* The next event; NULL: none came in timeout_ms. */
rd_kafka_event_t *mri_wait_event(struct mri_waited *waited, int64_t timeout_ms);

/* ---- consume.c ---- */

/* A message that did not fit into the batch: the first of the next one. */
struct mri_held {
    bool set;
    struct mr_record record; /* points into bytes */
    struct mr_text bytes;
};

/* Why the consumer cannot go on; sticky until it is freed. */
struct mri_stop {
    enum mr_rc rc;
    rd_kafka_resp_err_t code; /* a partition error whose ranges are still to be asked for */
    struct mri_slot at;
    struct mr_error error;
};

/* See replay.c. */
enum mri_replay {
    MRI_REPLAY_NONE,
    MRI_REPLAY_READING, /* only partitions with an end are read, up to it */
    MRI_REPLAY_ENDED    /* all of it was handed out; the next fill reads on with everything */
};

struct mr_consumer {
    const struct mr_config *config;
    struct mr_consumer_events events;
    rd_kafka_t *rk;
    struct mri_waited control; /* rebalances, errors */
    struct mri_waited data;    /* messages of all partitions: see assign.c */
    struct mri_waited commits; /* answers to offset commits */
    struct mri_probe *probe;

    struct mri_slot *slots;
    uint32_t slot_count;
    enum mri_replay replay;
    uint32_t replay_left; /* partitions short of their end */
    bool *topic_has_gaps; /* by topic */
    bool again;           /* everything is read again from the positions, nothing is taken until then */
    int64_t gap_offsets, skipped;
    uint64_t generation; /* counts assignments and restarts */
    int64_t rebalances;
    bool standby;                             /* a member to whom the group gave nothing */
    rd_kafka_topic_partition_list_t *pending; /* assigned by the group, start not known yet */
    int64_t pending_at_ms, pending_pause_ms;

    struct mr_batch *batch; /* of the fill under way */
    struct mri_held held;
    rd_kafka_topic_t *last_topic; /* of the message before; its index is last_slot's */
    struct mri_slot *last_slot;
    int64_t published_ms; /* positions given to the probe */

    uintptr_t commits_sent, commits_answered;
    uint64_t epoch;      /* counts assignments and their ends, for mr_standing */
    bool metadata_short; /* the broker takes less metadata than ours */
    bool subscribed;
    bool in_event; /* an assignment or revocation is being served */
    struct mri_problem problem;
    struct mri_stop stop;
};

/* Serves control events: the first wait is at most timeout_ms. */
void mri_consume_serve(struct mr_consumer *consumer, int64_t timeout_ms);

/* Index of a topic's name in the configuration; topics.count when it is none of ours. */
uint32_t mri_consume_topic_index(const struct mr_consumer *consumer, const char *name);

struct mri_slot *
mri_consume_find_slot(struct mr_consumer *consumer, uint16_t topic, int32_t partition);

const char *mri_consume_topic_name(const struct mr_consumer *consumer, uint16_t topic);

void mri_consume_publish(struct mr_consumer *consumer, bool now);

/* ---- properties.c ---- */

/* The client's configuration; mistakes may be NULL. MR_CONFIG: mistakes or *reterr_error says why.
 */
MR_NODISCARD enum mr_rc mri_consume_conf(const struct mr_config *config,
                                         struct mr_mistakes *mistakes,
                                         rd_kafka_conf_t **ret_conf,
                                         struct mr_error *reterr_error);

/* ---- assign.c ---- */

void mri_consume_rebalance(struct mr_consumer *consumer,
                           rd_kafka_resp_err_t code,
                           const rd_kafka_topic_partition_list_t *list);

/* Tries an assignment again whose start could not be found. */
void mri_consume_retry(struct mr_consumer *consumer);

/* Forgets positions, and what was fetched or is due of a replay. */
void mri_consume_drop_slots(struct mr_consumer *consumer);

/* Replaces what is assigned in the client, and nothing else: all slots at their positions, while a
 * replay is read those that have an end; NULL: nothing. */
void mri_consume_assign(struct mr_consumer *consumer, const struct mri_slot *slots);

/* ---- starts.c ---- */

/* The app's starts, then Kafka's: absolute offsets into the list and the spans. until[i]: as the app
 * gave it. */
MR_NODISCARD enum mr_rc mri_starts_find(struct mr_consumer *consumer,
                                        rd_kafka_topic_partition_list_t *list,
                                        struct mr_span *spans,
                                        int64_t *until);

/* Logs that starts cannot be had yet. */
void mri_starts_refused(const char *what, const char *reason);

/* ---- replay.c ---- */

/* After an assignment: is there anything to be replayed? */
void mri_replay_begin(struct mr_consumer *consumer);

/* While a replay is read. False: the message is not part of it. */
bool mri_replay_wants(struct mr_consumer *consumer, struct mri_slot *slot, int64_t offset);

/* Nothing of this partition is left below `offset`. */
void mri_replay_reached(struct mr_consumer *consumer, struct mri_slot *slot, int64_t offset);

/* Whatever lies between the queue and us is thrown away, everything assigned is read on from its
 * position. Not after a loss. */
void mri_consume_refetch(struct mr_consumer *consumer);

/* True when the last record has been handed out. */
bool mri_replay_is_over(const struct mr_consumer *consumer);

/* After a replay: everything is read on. */
void mri_replay_go_on(struct mr_consumer *consumer);

/* ---- gap.c ---- */

/* The decision alone. *ret_found: offsets that an earlier look had not shown. */
enum mri_gap_verdict mri_gap_see(int64_t position,
                                 struct mri_gap *gap,
                                 const struct mri_gap_look *look,
                                 int64_t *ret_found);

/* A record or the end of the log has come. True: it may be taken, the position is at it then, but at
 * most at the end of a replay. False: it is read again, or the consumer stops. */
bool mri_gap_pass(struct mr_consumer *consumer, struct mri_slot *slot, int64_t offset, bool end);

/* Counts an error that came in place of records, unless one was counted just before. True: records are
 * there, and cannot be had. */
bool mri_gap_refuse(struct mri_gap *gap, rd_kafka_resp_err_t code, int64_t now_ms);

/* Stops at records that cannot be had. */
void mri_gap_stop(struct mr_consumer *consumer, const struct mri_slot *slot);

/* Reads again what is to be read again; `again` stays set while that is not possible. */
void mri_gap_go_back(struct mr_consumer *consumer);

/* ---- commit.c ---- */

/* Takes answers that came late, and waits at most timeout_ms for those outstanding. False: some still
 * are. */
bool mri_consume_settle(struct mr_consumer *consumer, int64_t timeout_ms);

/* What an error of a request means for the step that sent it. */
enum mr_answer mri_consume_answer_of(rd_kafka_resp_err_t code);

/* ---- limits.c ---- */

/* Asks this broker, bounded, and keeps what it says. */
void mri_consume_ask_limits(struct mr_consumer *consumer, int32_t broker);

/* ---- standing.c ---- */

/* An end of a log, asked at its leader: RD_KAFKA_OFFSET_BEGINNING or _END. Not the call for both
 * watermarks: that one waits as long as a broker is away, whatever its timeout. */
rd_kafka_resp_err_t mri_consume_log_end(rd_kafka_t *rk,
                                        const char *topic,
                                        int32_t partition,
                                        int64_t which,
                                        int64_t timeout_ms,
                                        int64_t *ret_offset);

/* ---- close.c ---- */

/* Leaves the group and destroys the client, both bounded. */
void mri_consume_close(struct mr_consumer *consumer);
