/* Verify: StarRocks over the MySQL protocol: DDL, ledger rows, and source = target.
 * Threads: a connection belongs to one thread. Progress: blocks on the network up to its timeouts.
 * Memory: results are streamed. Errors: MR_STARROCKS, MR_TABLE, MR_DIFFERENT, with hints.
 * Limits: text queries with our own quoting (identifiers in backticks, strings escaped). */
#pragma once

#include <stdio.h>

#include "millrace/base/error.h"
#include "millrace/config.h"
#include "millrace/model/layout.h"
#include "millrace/model/totals.h"

struct mr_sql; /* one MySQL connection; session time zone UTC */

/* For questions that are answered at once: 15 s without an answer are an error, because who asks has
 * signals and rebalances to serve. */
MR_NODISCARD enum mr_rc
mr_sql_connect(const struct mr_config *config, struct mr_sql **ret_sql,
               struct mr_error *reterr_error);

/* For statements that read or make whole tables: an answer is waited for as long as for a load. */
MR_NODISCARD enum mr_rc
mr_sql_connect_patient(const struct mr_config *config, struct mr_sql **ret_sql,
                       struct mr_error *reterr_error);

void
mr_sql_close(struct mr_sql **sql);

/* All DDL of the pipeline, statements ended with ";\n". */
enum mr_rc
mr_ddl_print(const struct mr_config *config, const struct mr_layout *layout, FILE *out);

/* Creates what is missing, then compares everything that exists; each difference is printed to out
 * with its table and column. MR_TABLE when something does not fit. */
MR_NODISCARD enum mr_rc
mr_ddl_apply(struct mr_sql *sql, const struct mr_config *config, const struct mr_layout *layout,
             FILE *out, struct mr_error *reterr_error);

/* Only compares (used at the start of run): MR_TABLE names the first difference or missing table. */
MR_NODISCARD enum mr_rc
mr_ddl_check(struct mr_sql *sql, const struct mr_config *config, const struct mr_layout *layout,
             struct mr_error *reterr_error);

/* Ledger rows for the given partitions (spans[i].topic/partition given): fills start, end,
 * event_time_us and totals; end = -1 where there is no row. */
MR_NODISCARD enum mr_rc
mr_sql_ledger(struct mr_sql *sql, const struct mr_layout *layout, struct mr_span *spans,
              uint32_t count, struct mr_error *reterr_error);

/* Compares ledger, detail, quarantine and rollups; prints the table of checks to out. MR_OK: all
 * equal. MR_DIFFERENT: the windows that differ are printed (the first 20 of each rollup). */
MR_NODISCARD enum mr_rc
mr_verify(struct mr_sql *sql, const struct mr_layout *layout, FILE *out,
          struct mr_error *reterr_error);
