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
#include "millrace/protocol.h"

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

/* ---- What the exactly-once protocol reads. Rows of any age count, so these ask the leader FE; that
 * fails, and says so, rather than read a follower that lags. ---- */

/* Topics of registry and ledger rows that the layout does not name: index layout->topic_count + i. */
struct mr_other_topics {
    char **names;
    uint32_t count;
};

void
mr_other_topics_fini(struct mr_other_topics *topics);

/* Connects to the leader FE: the configured one if it leads, else the one that it names as leader, if
 * the allow list of hosts has it. */
MR_NODISCARD enum mr_rc
mr_sql_connect_leader(const struct mr_config *config, struct mr_sql **ret_sql,
                      struct mr_error *reterr_error);

/* May units of several tables be loaded in one transaction that a restart cannot leave half done?
 * MR_TABLE: this server cannot; the error names its version, the hint the way out. */
MR_NODISCARD enum mr_rc
mr_sql_check_multi(struct mr_sql *sql, struct mr_error *reterr_error);

/* How long a server remembers the labels of finished transactions, a database: whichever is less. */
struct mr_label_memory {
    int64_t count, seconds;
};

/* As documented. */
#define MR_LABEL_MEMORY_DEFAULT {1000, 259200}

/* As the frontend asked is configured, at this moment. Needs OPERATE on SYSTEM. */
MR_NODISCARD enum mr_rc
mr_sql_label_memory(struct mr_sql *sql, struct mr_label_memory *ret_memory,
                    struct mr_error *reterr_error);

/* Registry rows of a pipeline for recovery: every row of the places, every row of the chains, and every
 * open row of those rows' partitions. Caller frees *ret_rows. */
MR_NODISCARD enum mr_rc
mr_sql_registry(struct mr_sql *sql, const struct mr_layout *layout, struct mr_other_topics *topics,
                const struct mr_place *places, uint32_t place_count, const struct mr_chain *chains,
                uint32_t chain_count, struct mr_registry_row **ret_rows, uint32_t *ret_count,
                struct mr_error *reterr_error);

/* Ledger rows of the pipeline, all partitions, as recovery wants them. Caller frees *ret_rows. */
MR_NODISCARD enum mr_rc
mr_sql_ledger_ends(struct mr_sql *sql, const struct mr_layout *layout, struct mr_other_topics *topics,
                   struct mr_ledger_row **ret_rows, uint32_t *ret_count,
                   struct mr_error *reterr_error);

/* Registry rows of one chain, whatever their partition. Caller frees *ret_rows. */
MR_NODISCARD enum mr_rc
mr_sql_chain(struct mr_sql *sql, const struct mr_layout *layout, struct mr_other_topics *topics,
             const struct mr_chain *chain, struct mr_registry_row **ret_rows, uint32_t *ret_count,
             struct mr_error *reterr_error);

/* Rows of the places that were closed before that time (microseconds since 1970), at most 1,000. */
MR_NODISCARD enum mr_rc
mr_sql_chains_closed_before(struct mr_sql *sql, const struct mr_layout *layout,
                            const struct mr_place *places, uint32_t place_count, int64_t before_us,
                            struct mr_registry_row **ret_rows, uint32_t *ret_count,
                            struct mr_error *reterr_error);
