/* What the operator's decisions write: offsets of the group, ledger and registry rows. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ledger_priv.h"
#include "millrace/harvest.h"
#include "millrace/model/tables.h"

/* A client that never joined commits with no generation: the broker takes that from nobody else
 * than the only user of an empty group. */
enum mr_rc
mri_ledger_commit(struct mri_ledger *ledger, const struct mr_offset *offsets, uint32_t count)
{
    if (ledger->kafka.rc != MR_OK) {
        ledger->error = ledger->kafka;
        return ledger->error.rc;
    }
    enum mr_answer answer =
        mr_consumer_commit_offsets(ledger->consumer, offsets, count, &ledger->error);
    if (answer == MR_ANSWER_OK) {
        return MR_OK;
    }
    if (answer == MR_ANSWER_FENCED) {
        (void)mr_error_set(&ledger->error,
                           MR_BUSY,
                           "consumer group \"%s\" has members; nothing was changed",
                           ledger->config->kafka.group);
        mr_error_hint(&ledger->error,
                      "stop every millrace run of the group; after a crash wait for the session "
                      "timeout");
        return MR_BUSY;
    }
    mr_error_hint(&ledger->error, "nothing was changed in StarRocks; run the command again");
    return ledger->error.rc = MR_KAFKA;
}

/* ---- Loads ---- */

enum mr_rc
mri_ledger_connect(struct mri_ledger *ledger)
{
    enum mr_rc rc = MR_OK;
    if (!ledger->hub) {
        rc = mr_load_hub_new(ledger->config, &ledger->hub, &ledger->error);
    }
    if (rc == MR_OK && !ledger->loader && mr_loader_new(ledger->hub, &ledger->loader) != MR_OK) {
        rc = mr_error_set(&ledger->error, MR_MEMORY, "no memory for connections to StarRocks");
    }
    return rc == MR_OK ? mri_ledger_limit_start(ledger) : rc;
}

/* Names of every topic that a row may have: the configuration's and the others. Free ->topics. */
static enum mr_rc
widen_layout(struct mri_ledger *ledger, struct mr_layout *ret_layout)
{
    const struct mr_layout *layout = ledger->layout;
    uint32_t count = layout->topic_count + ledger->topics.count;
    const char **topics = calloc(count, sizeof *topics);
    if (!topics) {
        return mr_error_set(&ledger->error, MR_MEMORY, "no memory for the topics");
    }
    for (uint32_t i = 0; i < count; i++) {
        topics[i] = mri_ledger_topic(ledger, (struct mr_place){(uint16_t)i, 0});
    }
    *ret_layout = *layout;
    ret_layout->topics = topics;
    ret_layout->topic_count = count;
    return MR_OK;
}

/* Given up: a server that does not answer may still have taken the rows. */
static enum mr_rc
is_unsettled(struct mri_ledger *ledger,
             const struct mr_load_job *job,
             const struct mr_load_reply *reply)
{
    (void)mr_error_set(&ledger->error,
                       MR_STARROCKS,
                       "nobody says whether the rows of %s, label %s, were taken, tried for "
                       "%" PRId64 " s: %s: %.200s",
                       job->table,
                       job->label,
                       ledger->config->starrocks.load_timeout_s,
                       reply->cause,
                       reply->message);
    mr_error_hint(&ledger->error,
                  "stopped half-way: start no run before the command was run again to its end, "
                  "when StarRocks' frontends and backends answer over HTTP");
    return MR_STARROCKS;
}

static enum mr_rc
load(struct mri_ledger *ledger, const struct mr_load_job *job)
{
    struct mr_load_reply reply;
    mri_ledger_limit_begin(ledger);
    enum mr_outcome outcome = mr_load_settled(ledger->loader, job, &ledger->limit.over, &reply);
    mri_ledger_limit_rest(ledger);
    if (outcome == MR_OUTCOME_DONE) {
        return MR_OK;
    }
    if (outcome == MR_OUTCOME_RETRY) {
        return is_unsettled(ledger, job, &reply);
    }
    enum mr_rc rc = mr_error_set(&ledger->error,
                                 MR_STARROCKS,
                                 "rows of %s were not taken: %s: %.200s",
                                 job->table,
                                 reply.cause,
                                 reply.message);
    mr_error_hint(&ledger->error, "%s", reply.hint[0] ? reply.hint : "run the command again");
    return rc;
}

/* Rows of one table, to be put under a label of their own. */
struct batch {
    const char *table;
    uint64_t k; /* number of the label */
    struct mr_budget budget;
    struct mr_body body;
    struct mr_text columns;
};

/* made: what filling the body came to. The batch ends with it. */
static enum mr_rc
put(struct mri_ledger *ledger,
    const struct mr_chain *chain,
    struct batch *batch,
    enum mr_rc made,
    bool removes)
{
    struct mr_label label;
    enum mr_rc rc = made;
    if (removes) {
        mr_text_adds(&batch->columns, ",__op='delete'");
    }
    if (rc == MR_OK) {
        rc = mr_label_announce(ledger->layout->pipeline, chain, batch->k, &label);
    }
    if (rc == MR_OK && batch->columns.overflow) {
        rc = MR_MEMORY;
    }
    if (rc == MR_OK) {
        rc = load(ledger,
                  &(struct mr_load_job){.table = batch->table,
                                        .label = label.text,
                                        .columns = mr_text_str(&batch->columns),
                                        .body = &batch->body});
    } else {
        (void)mr_error_set(&ledger->error, rc, "no rows for %s: %s", batch->table, mr_rc_text(rc));
    }
    if (made == MR_OK) {
        mr_body_fini(&batch->body);
    }
    mr_text_fini(&batch->columns);
    return rc;
}

/* Each row keeps its own unit: from the highest number of a chain its fence begins. */
static enum mr_rc
fill_spans(const struct mr_layout *layout,
           struct mr_budget *budget,
           const struct mri_ledger_end *ends,
           uint32_t count,
           struct mr_body *ret_body)
{
    struct mr_body body;
    enum mr_rc rc = MR_OK;
    mr_body_init(&body, MR_BODY_CSV, budget);
    for (uint32_t i = 0; rc == MR_OK && i < count; i++) {
        struct mr_target target;
        rc = mr_harvest_ledger(
            layout, budget, ends[i].unit.chain.text, ends[i].unit.n, &ends[i].span, 1, &target);
        if (rc == MR_OK) {
            mr_body_append_take(&body, &target.body);
        }
    }
    if (rc == MR_OK) {
        *ret_body = body;
    } else {
        mr_body_fini(&body);
    }
    return rc;
}

static enum mr_rc
put_ends(struct mri_ledger *ledger,
         const struct mr_layout *layout,
         const struct mr_chain *chain,
         const struct mri_ledger_end *ends,
         uint32_t count,
         bool removes)
{
    struct batch batch = {.table = MR_LEDGER_TABLE, .k = 1};
    mr_budget_init(&batch.budget, INT64_MAX);
    mr_harvest_columns(layout, MR_TARGET_LEDGER, 0, &batch.columns);
    enum mr_rc made = fill_spans(layout, &batch.budget, ends, count, &batch.body);
    return put(ledger, chain, &batch, made, removes);
}

static enum mr_rc
put_rows(struct mri_ledger *ledger,
         const struct mr_layout *layout,
         const struct mr_chain *chain,
         const struct mr_registry_row *rows,
         uint32_t count,
         bool removes)
{
    struct batch batch = {.table = MR_CHAINS_TABLE, .k = 2};
    mr_budget_init(&batch.budget, INT64_MAX);
    mr_harvest_chain_columns(false, &batch.columns);
    enum mr_rc made =
        mr_harvest_chains(layout, &batch.budget, rows, count, count, INT64_MIN, &batch.body);
    return put(ledger, chain, &batch, made, removes);
}

enum mr_rc
mri_ledger_put(struct mri_ledger *ledger,
               const struct mr_chain *chain,
               const struct mr_registry_row *rows,
               uint32_t row_count,
               const struct mri_ledger_end *ends,
               uint32_t end_count,
               bool removes)
{
    struct mr_layout layout;
    enum mr_rc rc = widen_layout(ledger, &layout);
    if (rc != MR_OK) {
        return rc;
    }
    rc = mri_ledger_connect(ledger);
    if (rc == MR_OK && end_count > 0) {
        rc = put_ends(ledger, &layout, chain, ends, end_count, removes);
    }
    if (rc == MR_OK && row_count > 0) {
        rc = put_rows(ledger, &layout, chain, rows, row_count, removes);
    }
    free((void *)(uintptr_t)layout.topics);
    return rc;
}
