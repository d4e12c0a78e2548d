/* What the two files of the probe share: probe.c has the thread, probe_look.c asks the brokers. */
#pragma once

#include <pthread.h>

#include "pipeline/consume/consume_priv.h"

#define MRI_PROBE_SLOW_MS 1000
#define MRI_PROBE_LEADERS 64

struct mri_probe_part {
    struct mri_slot slot;
    int32_t leader; /* -1 unknown */
    uint32_t doubts;
};

struct mri_probe_topic {
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

    struct mri_probe_part *parts; /* [own: probe thread] sorted by leader */
    uint32_t part_count;
    uint64_t generation;
    uint32_t cursors[MRI_PROBE_LEADERS]; /* [own: probe thread] next to look at, by leader */
    struct mri_probe_topic *seen;        /* [own: probe thread] one a topic */
    int64_t metadata_at_ms;              /* [own: probe thread] */
    unsigned idle_ticks;                 /* [own: probe thread] */
};

/* Asks for the topics when it is time: which partitions there are, and who leads them. */
void mri_probe_look_at_topics(struct mri_probe *probe);

/* Asks for the ends of `each` partitions of every leader. */
void mri_probe_look_at_parts(struct mri_probe *probe, uint32_t each);
