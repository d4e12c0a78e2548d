/* What an operator decides about is closed first: units of open chains are rolled back, and those
 * that turn out to be committed are waited for, as recovery does it. A commit is published later
 * than it is answered, so a row of the ledger may appear after the commit and replace what was
 * decided. */
#include <inttypes.h>

#include "ledger_priv.h"
#include "millrace/base/clock.h"
#include "millrace/load_txn.h"

enum { ASK_AGAIN_MS = 100 };

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

static enum mr_rc
is_late(struct mri_ledger *ledger, const char *label)
{
    (void)mr_error_set(&ledger->error,
                       MR_STARROCKS,
                       "label %s is committed, but its rows cannot be read: waited %" PRId64
                       " s, the longest that ledger commands wait",
                       label,
                       ledger->config->starrocks.load_timeout_s);
    mr_error_hint(&ledger->error,
                  "no row was changed; run the command again when StarRocks has published it "
                  "(SHOW TRANSACTION; sink.starrocks.load_timeout is how long is waited)");
    return ledger->error.rc;
}

static enum mr_rc
contradicts(struct mri_ledger *ledger, const char *label)
{
    (void)mr_error_set(
        &ledger->error, MR_STOPPED, "label %s: %s", label, mr_stop_text(MR_STOP_CONTRADICTION));
    mr_error_hint(&ledger->error, "%s", mr_stop_hint(MR_STOP_CONTRADICTION));
    return MR_STOPPED;
}

/* A label that is forgotten was visible: only ended ones are. Silence is waited out like "not yet".
 */
static enum mr_rc
await_visible(struct mri_ledger *ledger, const char *label)
{
    for (;;) {
        struct mr_error error;
        enum mr_label_state state =
            mr_load_label_state(ledger->loader, label, &ledger->limit.over, &error);
        if (state == MR_LABEL_VISIBLE || state == MR_LABEL_UNKNOWN) {
            return MR_OK;
        }
        if (state == MR_LABEL_ABORTED) {
            return contradicts(ledger, label);
        }
        if (mri_ledger_limit_over(ledger)) {
            return is_late(ledger, label);
        }
        mr_clock_sleep_ms(ASK_AGAIN_MS);
    }
}

static enum mr_rc
is_open(struct mri_ledger *ledger, const char *label, const struct mr_txn_reply *reply)
{
    (void)mr_error_set(&ledger->error,
                       MR_STARROCKS,
                       "label %s cannot be rolled back, tried for up to %" PRId64 " s: %s: %.200s",
                       label,
                       ledger->config->starrocks.load_timeout_s,
                       reply->load.cause,
                       reply->load.message);
    mr_error_hint(&ledger->error,
                  "no row was changed; run the command again when StarRocks' frontends answer over "
                  "HTTP (sink.starrocks.fe; sink.starrocks.load_timeout is how long is waited)");
    return MR_STARROCKS;
}

/* Numbers above the highest one, until enough in a row are unknown to the sink. */
static enum mr_rc
fence_chain(struct mri_ledger *ledger, const struct mr_chain *chain)
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
        mri_ledger_limit_begin(ledger);
        enum mr_outcome outcome =
            mr_txn_rollback(ledger->loader, label.text, &ledger->limit.over, &reply);
        if (outcome == MR_OUTCOME_REJECTED) {
            rc = await_visible(ledger, label.text);
        } else if (outcome != MR_OUTCOME_DONE) {
            rc = is_open(ledger, label.text, &reply);
        }
        if (rc != MR_OK) {
            return rc;
        }
        unknown = reply.answer == MR_TXN_MISSING ? unknown + 1 : 0;
    }
    return MR_OK;
}

static bool
is_wanted(struct mri_ledger *ledger, const struct mr_registry_row *row)
{
    const struct mri_ledger_part *part = mri_ledger_part_at(ledger, row->place);
    return !row->closed && part && part->chosen;
}

/* The first row of its chain that is wanted. */
static bool
begins_chain(struct mri_ledger *ledger, uint32_t index)
{
    const struct mr_registry_row *row = &ledger->rows[index];
    for (uint32_t i = 0; i < index; i++) {
        if (mr_chain_equal(&ledger->rows[i].chain, &row->chain) &&
            is_wanted(ledger, &ledger->rows[i])) {
            return false;
        }
    }
    return is_wanted(ledger, row);
}

enum mr_rc
mri_ledger_fence(struct mri_ledger *ledger)
{
    enum mr_rc rc = mri_ledger_connect(ledger);
    for (uint32_t i = 0; rc == MR_OK && i < ledger->row_count; i++) {
        if (begins_chain(ledger, i)) {
            rc = fence_chain(ledger, &ledger->rows[i].chain);
        }
    }
    mri_ledger_limit_rest(ledger);
    return rc == MR_OK ? mri_ledger_read_ends(ledger) : rc;
}
