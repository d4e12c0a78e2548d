/* A mock cluster, a configuration for it, and a member that keeps what it took. */
#pragma once

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "millrace/consume.h"

#define T_TOPIC       "orders"
#define T_PARTITIONS  4
#define T_PATIENCE_MS 90000 /* for what hangs: nothing takes that long on the busiest machine */

struct cluster {
    rd_kafka_t *rk; /* a producer; the mock lives in it */
    rd_kafka_mock_cluster_t *mock;
    int64_t produced[T_PARTITIONS];
};

void cluster_start(struct cluster *cluster);

void cluster_stop(struct cluster *cluster);

/* count messages into a partition: key "k<offset>", value "p<partition> o<offset>". */
void cluster_produce(struct cluster *cluster, int32_t partition, int count);

/* One message as it is; value NULL: a tombstone. */
void cluster_produce_one(struct cluster *cluster,
                         int32_t partition,
                         const char *key,
                         const void *value,
                         size_t value_len);

/* An offset committed by somebody who is no member, while the group is empty. */
void cluster_commit(struct cluster *cluster,
                    const char *group,
                    int32_t partition,
                    int64_t offset,
                    const char *metadata);

/* A consumer and all that happened to it. */
struct member {
    struct mr_config config;
    char *topics[2];
    struct mr_pair properties[8];
    struct mr_consumer *consumer;
    struct mr_batch *batch;
    int64_t next[T_PARTITIONS];   /* offset expected; -1 not assigned */
    int64_t first[T_PARTITIONS];  /* position at the last assignment */
    int64_t taken[T_PARTITIONS];  /* records, all assignments */
    int64_t starts[T_PARTITIONS]; /* what `assigned` answers; -1 leaves it to Kafka */
    int64_t until[T_PARTITIONS];  /* likewise: ends of a replay, -1 none */
    void (*in_assigned)(struct member *member); /* called within the event; may be NULL */
    bool stop;       /* `assigned` answers MR_STOPPED */
    int assigned, positions, revoked, lost;
    int refusals;    /* so many calls of `assigned` are refused */
    int64_t *shared; /* what has been taken, by all members: written at revoke, read at assign */
    int checked;     /* records whose bytes were compared */
};

/* Zeroed, with a configuration: group, start earliest, small session time-out. */
void member_init(struct member *member, const struct cluster *cluster, const char *group);

void member_property(struct member *member, const char *name, const char *value);

/* Connects and subscribes. records, bytes: capacity of its batch. */
void member_start(struct member *member, uint32_t records, size_t bytes);

/* One fill; records are checked for continuity and content. */
enum mr_rc member_fill(struct member *member, int64_t timeout_ms, struct mr_error *reterr_error);

/* Fills until at least `total` records were taken; fails when patience ends. */
void member_take(struct member *member, int64_t total);

/* Fills until a replay has been handed out; fails when patience ends. */
void member_take_replay(struct member *member);

/* Serves control events until `assigned partitions` is count. */
void member_wait_assigned(struct member *member, uint32_t count);

/* Serves both until each holds half of the partitions; fails when patience ends. take: records too, not
 * the group's events alone. */
void members_share(struct member *a, struct member *b, bool take);

int64_t member_total(const struct member *member);

/* Commits `next` of all assigned partitions. */
enum mr_rc member_commit(struct member *member, struct mr_error *reterr_error);

void member_stop(struct member *member);
