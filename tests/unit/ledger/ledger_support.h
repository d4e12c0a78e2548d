/* Builders for the ledger's tests. */
#pragma once

#include <string.h>

#include "millrace/ledger.h"
#include "test.h"

static inline struct mr_ledger *
make_ledger(void)
{
    struct mr_ledger *ledger = NULL;
    T_INT_EQ(mr_ledger_new(2, &ledger), MR_OK);
    return ledger;
}

static inline void
assign(struct mr_ledger *ledger, uint16_t topic, int32_t partition, int64_t end)
{
    struct mr_span row = {.topic = topic,
                          .partition = partition,
                          .start = end,
                          .end = end,
                          .event_time_us = INT64_MIN};
    T_INT_EQ(mr_ledger_assign(ledger, &row), MR_OK);
}

static inline void
take(struct mr_ledger *ledger, uint16_t topic, int32_t partition, int64_t first, int64_t next)
{
    struct mr_error error = {0};
    enum mr_rc rc = mr_ledger_take(ledger, topic, partition, first, next, &error);
    T_TRUE_MSG(rc == MR_OK, "%s", error.text);
}

/* A worker's span in which every offset was a record and became a detail row. */
static inline struct mr_span
span_of(uint16_t topic, int32_t partition, int64_t start, int64_t end)
{
    int64_t records = end - start;
    return (struct mr_span){
        .topic = topic,
        .partition = partition,
        .start = start,
        .end = end,
        .event_time_us = end * 10,
        .totals = {.consumed = records, .detail = records, .rollups = {records, 0}}};
}

/* Opens, takes [first, next) of (0, 0), seals and counts. Returns the unit's number. */
static inline uint64_t
fill_unit(struct mr_ledger *ledger, int64_t first, int64_t next)
{
    uint64_t unit = mr_ledger_open(ledger);
    struct mr_span span = span_of(0, 0, first, next);
    take(ledger, 0, 0, first, next);
    mr_ledger_seal(ledger, unit);
    T_INT_EQ(mr_ledger_count(ledger, unit, &span, 1), MR_OK);
    return unit;
}

/* Number that may be committed, 0 for none; its first row's end in *ret_end. */
static inline uint64_t
committable(const struct mr_ledger *ledger, int64_t *ret_end)
{
    const struct mr_span *rows = NULL;
    uint32_t count = 0;
    uint64_t unit = mr_ledger_committable(ledger, &rows, &count);
    *ret_end = unit ? rows[0].end : -1;
    return unit;
}
