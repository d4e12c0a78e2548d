/* Ledger: state of every unit and its offset spans; what may be committed. Pure: no I/O, no clock,
 * no threads of its own.
 * Threads: all calls under the caller's one lock or thread (the consumer thread owns it).
 * Memory: units in flight are bounded by MR_LEDGER_UNITS, partitions by MR_LEDGER_PARTITIONS.
 * Errors: a broken call order is an MR_REQUIRE; a step back in offsets is reported.
 * Units that mr_ledger_revoke_all forgot may still be named by late answers: seal, count, loaded,
 * failed and committed do nothing for them. */
#pragma once

#include <stdbool.h>

#include "millrace/base/error.h"
#include "millrace/model/totals.h"

#define MR_LEDGER_PARTITIONS 4096
#define MR_LEDGER_UNITS 16     /* held at once: flush.depth + 2 at most */
#define MR_LEDGER_HISTORY 1024 /* numbers back for which mr_ledger_state still knows the end */

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

/* Takes a partition over that is not held yet: row->end is the next offset expected (-1: the first
 * take decides), row->totals and event_time_us are those since the beginning.
 * Errors: MR_MEMORY, also beyond MR_LEDGER_PARTITIONS. */
MR_NODISCARD enum mr_rc
mr_ledger_assign(struct mr_ledger *ledger, const struct mr_span *row);

/* Partitions held. */
uint32_t
mr_ledger_partitions(const struct mr_ledger *ledger);

/* Drops all partitions and forgets all units: their answers are ignored. Ends a failure. */
void
mr_ledger_revoke_all(struct mr_ledger *ledger);

/* Opens the next unit; numbers are 1, 2, 3 … a process. No other unit may be open. 0: an earlier unit
 * has failed, and nothing may follow it before its offsets are read again (mr_ledger_revoke_all). */
uint64_t
mr_ledger_open(struct mr_ledger *ledger);

/* The open unit takes the offsets [first, next) of a held partition; logs with gaps (compaction,
 * transaction markers; consume looks twice before it believes one) may skip forward: first may be
 * above the expected offset, and the gap belongs to the unit. A first below it is MR_STOPPED with
 * topic index, partition and ranges in the error; so is an open unit that has failed with an earlier
 * one. MR_MEMORY. Nothing is taken then, and the open unit fails: a batch is taken run by run, and a
 * unit that holds some runs of a batch whose records nobody counts must not be loaded, for its end
 * would lie behind them. */
MR_NODISCARD enum mr_rc
mr_ledger_take(struct mr_ledger *ledger, uint16_t topic, int32_t partition, int64_t first,
               int64_t next, struct mr_error *reterr_error);

void
mr_ledger_seal(struct mr_ledger *ledger, uint64_t unit);

/* Adds what the workers counted in a sealed unit: spans of its partitions, any number each. Totals are
 * cumulative, so units are counted in their order although they may become quiet in another.
 * Errors: MR_INTERNAL when the counts cannot be those of the offsets taken (a partition missing,
 * more records than offsets, consumed ≠ detail + quarantined + filtered + tombstones): nothing is
 * counted, and the unit must not be loaded. MR_MEMORY likewise. */
MR_NODISCARD enum mr_rc
mr_ledger_count(struct mr_ledger *ledger, uint64_t unit, const struct mr_span *spans, uint32_t count);

/* Rows for the ledger table: cumulative totals, [start, end) of this unit, one a partition of which
 * it took offsets. Valid until the unit is committed or forgotten. *ret_count is 0 for a unit that
 * is not counted, has failed or is forgotten. */
const struct mr_span *
mr_ledger_rows(const struct mr_ledger *ledger, uint64_t unit, uint32_t *ret_count);

/* What a commit lists that decides this counted unit, lower ones decided before: one a partition held
 * whose position is known, [start, end) of this unit, idle ones with start = end, totals cumulative.
 * NULL for a unit that is not counted, has failed or is forgotten. Valid as mr_ledger_rows. */
const struct mr_span *
mr_ledger_offsets(const struct mr_ledger *ledger, uint64_t unit, uint32_t *ret_count);

/* True when every lower unit is loaded: only then may this one's ledger rows be written, for recovery
 * starts at the highest `end` that it finds. Its data tables may be loaded earlier. */
bool
mr_ledger_may_finish(const struct mr_ledger *ledger, uint64_t unit);

/* The unit, counted before, is in StarRocks with its ledger rows. Any order. */
void
mr_ledger_loaded(struct mr_ledger *ledger, uint64_t unit);

/* The unit will not be loaded: it and every later one fail, until mr_ledger_revoke_all. */
void
mr_ledger_failed(struct mr_ledger *ledger, uint64_t unit);

/* Spans whose `end` may be committed now: every unit up to the highest loaded one without a gap.
 * Returns that unit's number, 0 when there is nothing to commit. *ret_rows: one a partition held
 * whose position is known, idle ones with start = end; valid as mr_ledger_rows. */
uint64_t
mr_ledger_committable(const struct mr_ledger *ledger, const struct mr_span **ret_rows,
                      uint32_t *ret_count);

/* The commit of mr_ledger_committable was confirmed: the units up to this one are gone. */
void
mr_ledger_committed(struct mr_ledger *ledger, uint64_t unit);

/* Of a unit that is gone: COMMITTED, or FAILED when it was forgotten. */
enum mr_unit_state
mr_ledger_state(const struct mr_ledger *ledger, uint64_t unit);

/* Units by state, for metrics: counts[MR_UNIT_FAILED + 1]. */
void
mr_ledger_states(const struct mr_ledger *ledger, uint32_t *counts);
