/* Harvest: encode detail rows while the unit fills; when it is quiet, drain it to bodies.
 * Threads: an mr_rows belongs to one worker while the unit is open, then to the harvesting thread;
 *   the hand-over is the unit's in-flight counter. Progress: no locks. Memory: bodies, charged to
 *   the budget; mr_rows_worst_bytes bounds what one batch can add. Errors: MR_MEMORY; MR_TABLE when
 *   a sum does not fit its column. */
#pragma once

#include "millrace/base/budget.h"
#include "millrace/base/rc.h"
#include "millrace/fold.h"
#include "millrace/model/body.h"
#include "millrace/model/event.h"
#include "millrace/model/layout.h"
#include "millrace/model/totals.h"
#include "millrace/protocol.h"

struct mr_rows;

/* Encoder of one worker for one unit: detail rows and quarantine rows. */
MR_NODISCARD enum mr_rc
mr_rows_new(const struct mr_layout *layout, struct mr_budget *budget, size_t raw_bytes_max,
            struct mr_rows **ret_rows);

void
mr_rows_free(struct mr_rows **rows);

/* Detail row: layout's columns, then _topic, _partition, _offset. */
MR_NODISCARD enum mr_rc
mr_rows_add(struct mr_rows *rows, const struct mr_event *event);

/* Quarantine row: received_at, reason, message, _topic, _partition, _offset, record_time,
 * record_key, raw, raw_bytes (key and raw as hex text, raw cut to raw_bytes_max). */
MR_NODISCARD enum mr_rc
mr_rows_reject(struct mr_rows *rows, const struct mr_record *record,
               const struct mr_reject_info *info, int64_t now_us);

int64_t
mr_rows_worst_bytes(const struct mr_layout *layout, uint32_t records, size_t bytes,
                    size_t raw_bytes_max);

/* Greatest size of a row of a rollup as CSV, without the bytes of its texts. */
size_t
mr_harvest_row_bytes(const struct mr_layout *layout, uint32_t rollup);

/* Greatest charge for the ledger rows of so many partitions. */
int64_t
mr_harvest_ledger_bytes(const struct mr_layout *layout, uint32_t partitions);

/* Which table of a pipeline a body is for; also the order of the loads. */
enum mr_target_kind { MR_TARGET_ROLLUP, MR_TARGET_DETAIL, MR_TARGET_QUARANTINE, MR_TARGET_LEDGER };

struct mr_target {
    enum mr_target_kind kind;
    uint32_t rollup; /* index, for MR_TARGET_ROLLUP */
    struct mr_body body;
};

/* `columns` header of a target, backticked; and its table's name. Written to out. */
void
mr_harvest_columns(const struct mr_layout *layout, enum mr_target_kind kind, uint32_t rollup,
                   struct mr_text *out);

const char *
mr_harvest_table(const struct mr_layout *layout, enum mr_target_kind kind, uint32_t rollup);

/* Drains a quiet unit: rollups first, then detail, then quarantine; targets without rows are left
 * out. Consumes the contents of rows[0..row_count). When any worker met a value that CSV cannot
 * carry, the whole detail body becomes JSON lines. targets has room for MR_MAX_ROLLUPS + 2. */
MR_NODISCARD enum mr_rc
mr_harvest_unit(const struct mr_layout *layout, struct mr_budget *budget, struct mr_fold_unit *unit,
                struct mr_rows *const *rows, uint32_t row_count, struct mr_target *targets,
                uint32_t *ret_count);

/* Ledger rows of a unit: one a span, cumulative totals (row totals already added by the ledger). */
MR_NODISCARD enum mr_rc
mr_harvest_ledger(const struct mr_layout *layout, struct mr_budget *budget, const char *chain,
                  uint64_t unit, const struct mr_span *spans, uint32_t count,
                  struct mr_target *ret_target);

/* Rows of the registry, which is loaded on its own, never with a unit: to announce (`closed` null; closed_us = INT64_MIN) or to close. The rows from
 * `removed` on are deleted by the same load; `columns` then has `__op`, so an announce has
 * removed = count and a close may have. */
MR_NODISCARD enum mr_rc
mr_harvest_chains(const struct mr_layout *layout, struct mr_budget *budget,
                  const struct mr_registry_row *rows, uint32_t count, uint32_t removed,
                  int64_t closed_us, struct mr_body *ret_body);

/* `columns` header of such a load; removes: some rows are deleted by it. */
void
mr_harvest_chain_columns(bool removes, struct mr_text *out);

/* Rows of one chunk of a finished body. */
uint64_t
mr_harvest_chunk_rows(const struct mr_body *body, const struct mr_chunk *chunk);

/* Rows [first, first + rows) of a detail body as a body of its own, charged to the same budget. */
MR_NODISCARD enum mr_rc
mr_harvest_slice(const struct mr_body *detail, uint64_t first, uint64_t rows, struct mr_body *ret_body);

/* Where the rows of a detail body come from, row by row; places[body->rows]. MR_INTERNAL: not a body that
 * mr_harvest_unit made of this layout. */
struct mr_source {
    uint16_t topic;
    int32_t partition;
    int64_t offset;
};

MR_NODISCARD enum mr_rc
mr_harvest_sources(const struct mr_layout *layout, const struct mr_body *detail,
                   struct mr_source *ret_sources);
