/* Ledger: state of every unit and its offset spans; what may be committed. Pure: no I/O, no clock,
 * no threads of its own.
 * Threads: all calls under the caller's one lock or thread (the consumer thread owns it).
 * Memory: units in flight are bounded by depth + 2; partitions by MR_LEDGER_PARTITIONS.
 * Errors: a broken call order is an MR_REQUIRE; a gap or a step back in offsets is reported. */
#pragma once

#include "millrace/base/error.h"
#include "millrace/model/totals.h"

#define MR_LEDGER_PARTITIONS 4096

enum mr_unit_state {
    MR_UNIT_OPEN,      /* takes batches */
    MR_UNIT_SEALED,    /* cut; waits for workers, then for its loads */
    MR_UNIT_LOADED,    /* data tables and ledger row are in StarRocks */
    MR_UNIT_COMMITTED, /* its offsets are committed in Kafka: gone from the ledger */
    MR_UNIT_FAILED     /* will not be loaded by this member; its spans will be read again */
};

struct mr_ledger;

MR_NODISCARD enum mr_rc
mr_ledger_new(uint32_t rollup_count, struct mr_ledger **ret_ledger);

void
mr_ledger_free(struct mr_ledger **ledger);

/* Takes a partition over: next offset expected, and totals since the beginning. */
MR_NODISCARD enum mr_rc
mr_ledger_assign(struct mr_ledger *ledger, const struct mr_span *row);

/* Drops all partitions and forgets units that are not loaded: their answers are ignored. */
void
mr_ledger_revoke_all(struct mr_ledger *ledger);

/* Opens the next unit; numbers are 1, 2, 3 … a process. No other unit may be open. */
uint64_t
mr_ledger_open(struct mr_ledger *ledger);

/* The open unit takes the offsets [first, next) of a partition; logs with gaps (compaction,
 * transaction markers) may skip forward: first may be above the expected offset. A first below it is
 * MR_STOPPED with the ranges in the error. */
MR_NODISCARD enum mr_rc
mr_ledger_take(struct mr_ledger *ledger, uint16_t topic, int32_t partition, int64_t first,
               int64_t next, struct mr_error *reterr_error);

void
mr_ledger_seal(struct mr_ledger *ledger, uint64_t unit);

/* Adds what the workers counted; then the rows to be written into the ledger table are those of
 * mr_ledger_rows: cumulative, spans of this unit. Units become quiet and are counted in order. */
MR_NODISCARD enum mr_rc
mr_ledger_count(struct mr_ledger *ledger, uint64_t unit, const struct mr_span *spans, uint32_t count);

/* Cumulative rows of a counted unit, valid until the unit is committed or forgotten. */
const struct mr_span *
mr_ledger_rows(const struct mr_ledger *ledger, uint64_t unit, uint32_t *ret_count);

void
mr_ledger_loaded(struct mr_ledger *ledger, uint64_t unit);

void
mr_ledger_failed(struct mr_ledger *ledger, uint64_t unit);

/* Spans whose `end` may be committed now: every unit up to the highest loaded one without a gap.
 * Returns that unit's number, 0 when there is nothing to commit. *ret_rows: one a partition held. */
uint64_t
mr_ledger_committable(const struct mr_ledger *ledger, const struct mr_span **ret_rows,
                      uint32_t *ret_count);

/* The commit of mr_ledger_committable was confirmed. */
void
mr_ledger_committed(struct mr_ledger *ledger, uint64_t unit);

enum mr_unit_state
mr_ledger_state(const struct mr_ledger *ledger, uint64_t unit);

/* Units by state, for metrics: counts[MR_UNIT_FAILED + 1]. */
void
mr_ledger_states(const struct mr_ledger *ledger, uint32_t *counts);
