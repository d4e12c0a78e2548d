/* Control totals and offset spans: what the ledger says about one partition.
 * Threads: plain values. Units: rows; offsets are Kafka's, `end` is one past the last. */
#pragma once

#include <stdint.h>

#include "millrace/model/layout.h"

struct mr_totals {
    int64_t consumed; /* = detail + quarantined + filtered + tombstones */
    int64_t detail;
    int64_t quarantined;
    int64_t filtered;
    int64_t late;
    int64_t tombstones;
    int64_t rollups[MR_MAX_ROLLUPS]; /* events counted into each rollup */
};

struct mr_span {
    uint16_t topic; /* index into layout->topics */
    int32_t partition;
    int64_t start, end;       /* this unit holds the offsets [start, end) */
    int64_t event_time_us;    /* greatest event time seen so far, INT64_MIN when none */
    struct mr_totals totals;  /* in a unit: of the unit; in a ledger row: since the beginning */
};

/* to += add, greatest event time, widest span; both of one partition. */
void
mr_span_add(struct mr_span *to, const struct mr_span *add);
