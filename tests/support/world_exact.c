/* What exactly-once delivery asks of consume, load and verify. The world's runs are at-least-once so far:
 * a call to one of these is a mistake of the test, and ends it. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

#include "millrace/load_txn.h"
#include "millrace/verify.h"

#define NOT_HERE(result, name, ...)                                                                \
    result name(__VA_ARGS__)                                                                       \
    {                                                                                              \
        fprintf(stderr, "world: %s was called in an at-least-once run\n", #name);                  \
        abort();                                                                                   \
    }

#define UNUSED __attribute__((unused))

NOT_HERE(enum mr_answer, mr_consumer_commit_offsets, UNUSED struct mr_consumer *consumer,
         UNUSED const struct mr_offset *offsets, UNUSED uint32_t count,
         UNUSED struct mr_error *error)
NOT_HERE(enum mr_rc, mr_consumer_committed, UNUSED struct mr_consumer *consumer,
         UNUSED struct mr_offset *offsets, UNUSED uint32_t count, UNUSED struct mr_error *error)
NOT_HERE(void, mr_consumer_standing, UNUSED struct mr_consumer *consumer,
         UNUSED struct mr_standing *standing)
NOT_HERE(int64_t, mr_consumer_session_ms, UNUSED const struct mr_consumer *consumer)
NOT_HERE(enum mr_answer, mr_consumer_same_topic, UNUSED struct mr_consumer *consumer,
         UNUSED uint16_t topic, UNUSED int32_t partition, UNUSED int64_t end,
         UNUSED struct mr_error *error)
NOT_HERE(bool, mr_consumer_replaying, UNUSED const struct mr_consumer *consumer)
NOT_HERE(void, mr_consumer_restart, UNUSED struct mr_consumer *consumer)
NOT_HERE(enum mr_outcome, mr_txn_begin, UNUSED struct mr_loader *loader, UNUSED const char *label,
         UNUSED int64_t timeout_s, UNUSED const _Atomic bool *give_up,
         UNUSED struct mr_txn_reply *reply)
NOT_HERE(enum mr_outcome, mr_txn_load, UNUSED struct mr_loader *loader,
         UNUSED const struct mr_load_job *job, UNUSED const _Atomic bool *give_up,
         UNUSED struct mr_txn_reply *reply)
NOT_HERE(enum mr_outcome, mr_txn_commit, UNUSED struct mr_loader *loader, UNUSED const char *label,
         UNUSED const _Atomic bool *give_up, UNUSED struct mr_txn_reply *reply)
NOT_HERE(enum mr_outcome, mr_txn_rollback, UNUSED struct mr_loader *loader,
         UNUSED const char *label, UNUSED const _Atomic bool *give_up,
         UNUSED struct mr_txn_reply *reply)
NOT_HERE(enum mr_label_state, mr_load_label_state, UNUSED struct mr_loader *loader,
         UNUSED const char *label, UNUSED struct mr_error *error)
NOT_HERE(enum mr_rc, mr_sql_connect_leader, UNUSED const struct mr_config *config,
         UNUSED struct mr_sql **sql, UNUSED struct mr_error *error)
NOT_HERE(enum mr_rc, mr_sql_check_multi, UNUSED struct mr_sql *sql, UNUSED struct mr_error *error)
NOT_HERE(enum mr_rc, mr_sql_registry, UNUSED struct mr_sql *sql,
         UNUSED const struct mr_layout *layout, UNUSED struct mr_other_topics *topics,
         UNUSED const struct mr_place *places, UNUSED uint32_t place_count,
         UNUSED const struct mr_chain *chains, UNUSED uint32_t chain_count,
         UNUSED struct mr_registry_row **rows, UNUSED uint32_t *count,
         UNUSED struct mr_error *error)
NOT_HERE(enum mr_rc, mr_sql_ledger_ends, UNUSED struct mr_sql *sql,
         UNUSED const struct mr_layout *layout, UNUSED struct mr_other_topics *topics,
         UNUSED struct mr_ledger_row **rows, UNUSED uint32_t *count,
         UNUSED struct mr_error *error)
NOT_HERE(enum mr_rc, mr_sql_chain, UNUSED struct mr_sql *sql, UNUSED const struct mr_layout *layout,
         UNUSED struct mr_other_topics *topics, UNUSED const struct mr_chain *chain,
         UNUSED struct mr_registry_row **rows, UNUSED uint32_t *count,
         UNUSED struct mr_error *error)
NOT_HERE(enum mr_rc, mr_sql_chains_closed_before, UNUSED struct mr_sql *sql,
         UNUSED const struct mr_layout *layout, UNUSED const struct mr_place *places,
         UNUSED uint32_t place_count, UNUSED int64_t before_us,
         UNUSED struct mr_registry_row **rows, UNUSED uint32_t *count,
         UNUSED struct mr_error *error)
NOT_HERE(void, mr_other_topics_fini, UNUSED struct mr_other_topics *topics)
NOT_HERE(enum mr_rc, mr_ddl_print, UNUSED const struct mr_config *config,
         UNUSED const struct mr_layout *layout, UNUSED FILE *out)
