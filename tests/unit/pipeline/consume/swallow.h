/* A client that swallows messages on their way to us. The program is linked with
 * --wrap=rd_kafka_consume_callback_queue. */
#pragma once

#include "consume_support.h"

#define SWALLOW_ALWAYS 1000000

struct swallow {
    int32_t partition;
    int64_t first, last;
    int left;                  /* so many times each */
    rd_kafka_resp_err_t error; /* comes instead; 0: nothing does */
    int64_t hits[16];          /* by offset - first */
};

/* Begins anew, with nothing to be swallowed, and four partitions of 100 records each. */
void swallow_start(struct cluster *cluster, struct member *member, const char *group);

void swallow_stop(struct cluster *cluster, struct member *member);

/* To be read by the test. */
struct swallow *
swallow(int32_t partition, int64_t first, int64_t last, int times, rd_kafka_resp_err_t error);

/* The ends of this partition's log are swallowed from now on. */
void swallow_ends(int32_t partition);

void swallow_check_counts(const struct member *member, int64_t skipped, int64_t gap_offsets);
