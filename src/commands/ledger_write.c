/* What the operator's decisions write: offsets of the group, ledger and registry rows, rollbacks.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ledger_priv.h"
#include "millrace/base/hash.h"
#include "millrace/harvest.h"
#include "millrace/load.h"
#include "millrace/load_txn.h"
#include "millrace/model/tables.h"

void
mri_ledger_draw_chain(struct mr_chain *ret_chain)
{
    const uint64_t random[2] = {mr_hash_random(), mr_hash_random()};
    uint8_t bits[MR_CHAIN_BYTES];
    memcpy(bits, random, sizeof bits);
    mr_chain_make(bits, ret_chain);
}

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

struct writer {
    struct mr_load_hub *hub;
    struct mr_loader *loader;
};

static void
close_writer(struct writer *writer)
{
    mr_loader_free(&writer->loader);
    mr_load_hub_free(&writer->hub);
}

static enum mr_rc
open_writer(struct mri_ledger *ledger, struct writer *writer)
{
    *writer = (struct writer){NULL, NULL};
    enum mr_rc rc = mr_load_hub_new(ledger->config, &writer->hub, &ledger->error);
    if (rc == MR_OK) {
        rc = mr_loader_new(writer->hub, &writer->loader);
    }
    if (rc != MR_OK) {
        close_writer(writer);
    }
    return rc;
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

static enum mr_rc
load(struct mri_ledger *ledger,
     struct mr_loader *loader,
     const char *table,
     const struct mr_label *label,
     struct mr_text *columns,
     bool removes,
     const struct mr_body *body)
{
    struct mr_load_reply reply;
    if (removes) {
        mr_text_adds(columns, ",__op='delete'");
    }
    const struct mr_load_job job = {
        .table = table, .label = label->text, .columns = mr_text_str(columns), .body = body};
    if (columns->overflow) {
        return mr_error_set(&ledger->error, MR_MEMORY, "no memory for a load");
    }
    if (mr_load_settled(loader, &job, NULL, &reply) == MR_OUTCOME_DONE) {
        return MR_OK;
    }
    enum mr_rc rc = mr_error_set(&ledger->error,
                                 MR_STARROCKS,
                                 "rows of %s were not taken: %s: %.200s",
                                 table,
                                 reply.cause,
                                 reply.message);
    mr_error_hint(&ledger->error, "%s", reply.hint[0] ? reply.hint : "run the command again");
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
         struct mr_loader *loader,
         const struct mr_layout *layout,
         const struct mr_chain *chain,
         const struct mri_ledger_end *ends,
         uint32_t count,
         bool removes)
{
    struct mr_budget budget;
    struct mr_body body;
    struct mr_label label;
    struct mr_text columns = {0};
    mr_budget_init(&budget, INT64_MAX);
    enum mr_rc rc = mr_label_announce(layout->pipeline, chain, 1, &label);
    if (rc == MR_OK) {
        rc = fill_spans(layout, &budget, ends, count, &body);
    }
    if (rc != MR_OK) {
        return mr_error_set(&ledger->error, rc, "no rows for the ledger: %s", mr_rc_text(rc));
    }
    mr_harvest_columns(layout, MR_TARGET_LEDGER, 0, &columns);
    rc = load(ledger, loader, MR_LEDGER_TABLE, &label, &columns, removes, &body);
    mr_body_fini(&body);
    mr_text_fini(&columns);
    return rc;
}

static enum mr_rc
put_rows(struct mri_ledger *ledger,
         struct mr_loader *loader,
         const struct mr_layout *layout,
         const struct mr_chain *chain,
         const struct mr_registry_row *rows,
         uint32_t count,
         bool removes)
{
    struct mr_budget budget;
    struct mr_body body;
    struct mr_label label;
    struct mr_text columns = {0};
    mr_budget_init(&budget, INT64_MAX);
    enum mr_rc rc = mr_label_announce(layout->pipeline, chain, 2, &label);
    if (rc == MR_OK) {
        rc = mr_harvest_chains(layout, &budget, rows, count, count, INT64_MIN, &body);
    }
    if (rc != MR_OK) {
        return mr_error_set(&ledger->error, rc, "no rows for the registry: %s", mr_rc_text(rc));
    }
    mr_harvest_chain_columns(false, &columns);
    rc = load(ledger, loader, MR_CHAINS_TABLE, &label, &columns, removes, &body);
    mr_body_fini(&body);
    mr_text_fini(&columns);
    return rc;
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
    struct writer writer;
    struct mr_layout layout;
    enum mr_rc rc = widen_layout(ledger, &layout);
    if (rc != MR_OK) {
        return rc;
    }
    rc = open_writer(ledger, &writer);
    if (rc == MR_OK && end_count > 0) {
        rc = put_ends(ledger, writer.loader, &layout, chain, ends, end_count, removes);
    }
    if (rc == MR_OK && row_count > 0) {
        rc = put_rows(ledger, writer.loader, &layout, chain, rows, row_count, removes);
    }
    close_writer(&writer);
    free((void *)(uintptr_t)layout.topics);
    return rc;
}

/* ---- Fence ---- */

/* Highest number of the chain that a ledger row shows, be it of another partition. */
static uint64_t
highest(const struct mri_ledger *ledger, const struct mr_chain *chain)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < ledger->end_count; i++) {
        const struct mr_unit_name *unit = &ledger->ends[i].unit;
        n = mr_chain_equal(&unit->chain, chain) && unit->n > n ? unit->n : n;
    }
    return n;
}

/* Numbers above the highest one, until enough in a row are unknown to the sink. */
static enum mr_rc
fence_chain(struct mri_ledger *ledger, struct mr_loader *loader, const struct mr_chain *chain)
{
    const char *pipeline = ledger->layout->pipeline;
    uint64_t n = highest(ledger, chain);
    for (unsigned unknown = 0; unknown < MR_FENCE_DISTANCE;) {
        struct mr_label label;
        struct mr_txn_reply reply;
        enum mr_rc rc = mr_label_unit(MR_MODE_MULTI, pipeline, chain, ++n, NULL, 0, 0, &label);
        if (rc != MR_OK) {
            return mr_error_set(&ledger->error, rc, "no label for unit %" PRIu64, n);
        }
        enum mr_outcome outcome = mr_txn_rollback(loader, label.text, NULL, &reply);
        if (outcome != MR_OUTCOME_DONE && outcome != MR_OUTCOME_REJECTED) {
            rc = mr_error_set(&ledger->error,
                              MR_STARROCKS,
                              "label %s cannot be rolled back: %s: %.200s",
                              label.text,
                              reply.load.cause,
                              reply.load.message);
            mr_error_hint(&ledger->error, "nothing was deleted; run the command again");
            return rc;
        }
        unknown = reply.answer == MR_TXN_MISSING ? unknown + 1 : 0;
    }
    return MR_OK;
}

/* The first row of its chain that is open. */
static bool
begins_chain(const struct mri_ledger *ledger, uint32_t index)
{
    const struct mr_registry_row *row = &ledger->rows[index];
    for (uint32_t i = 0; i < index; i++) {
        if (!ledger->rows[i].closed && mr_chain_equal(&ledger->rows[i].chain, &row->chain)) {
            return false;
        }
    }
    return !row->closed;
}

enum mr_rc
mri_ledger_fence(struct mri_ledger *ledger)
{
    struct writer writer;
    enum mr_rc rc = open_writer(ledger, &writer);
    for (uint32_t i = 0; rc == MR_OK && i < ledger->row_count; i++) {
        if (begins_chain(ledger, i)) {
            rc = fence_chain(ledger, writer.loader, &ledger->rows[i].chain);
        }
    }
    close_writer(&writer);
    return rc;
}
