/* Txn: calls of a transaction until their answers are final. What may be repeated, and when, stands
 * here and nowhere else. */
#include "millrace/load_txn.h"

#include <string.h>

#include "millrace/base/assert.h"
#include "millrace/base/clock.h"
#include "pipeline/load/txn_priv.h"

static const struct mri_sentences sentences[] = {
    [MR_TXN_BEGIN] = {.failed = "begin of a transaction failed, retrying",
                      .refused = "begin of a transaction refused, waiting for this to be mended",
                      .unknown = "fate of a begin is unknown, to be rolled back",
                      .recovered = "begin of a transaction recovered"},
    [MR_TXN_LOAD] = {.failed = "load into a transaction failed, retrying",
                     .refused = "load into a transaction refused, to be rolled back",
                     .unknown = "fate of a load into a transaction is unknown, to be rolled back",
                     .recovered = "load into a transaction recovered"},
    [MR_TXN_COMMIT] = {.failed = "commit failed, retrying",
                       .refused = "commit refused, waiting for this to be mended",
                       .unknown = "fate of a commit is unknown, committing again",
                       .recovered = "commit recovered"},
    [MR_TXN_ROLLBACK] = {.failed = "rollback failed, retrying",
                         .refused = "rollback refused, waiting for this to be mended",
                         .unknown = "fate of a rollback is unknown, rolling back again",
                         .recovered = "rollback recovered"},
};

/* One call on its way. */
struct run {
    struct mr_loader *loader;
    struct mr_txn_reply *reply;
    const char *label;
    bool doubt; /* an attempt may have got through without an answer that tells */
    struct mr_load_reply told; /* the last answer that told rows; rows_total 0: none yet */
    struct mri_trouble trouble;
};

static void
start(struct run *run,
      struct mr_loader *loader,
      enum mr_txn_call call,
      const char *label,
      const _Atomic bool *give_up,
      struct mr_txn_reply *reply)
{
    *run = (struct run){.loader = loader,
                        .reply = reply,
                        .label = label,
                        .trouble = {.loader = loader,
                                    .table = "",
                                    .label = label,
                                    .say = &sentences[call],
                                    .reply = &reply->load,
                                    .begin_ms = mr_clock_monotonic_ms()}};
    mri_txn_reply_init(reply);
    loader->give_up = give_up;
}

static enum mr_outcome
end(struct run *run, enum mr_outcome outcome)
{
    run->loader->give_up = NULL;
    run->loader->careful = false;
    return mri_trouble_finish(&run->trouble, outcome);
}

/* Ends a call that never began, or whose answer is not final. */
static enum mr_outcome
stopped(struct run *run, enum mr_outcome outcome)
{
    if (run->trouble.attempts == 0 || run->reply->load.outcome == MR_OUTCOME_DONE)
        (void)mri_load_reply_set(
            &run->reply->load, outcome, "stopped", "stopped before an answer came");
    return end(run, outcome);
}

bool
mri_txn_label_refused(const char *label, struct mr_load_reply *reply)
{
    if (mri_load_label_valid(label))
        return false;
    (void)mri_load_reply_set(reply,
                             MR_OUTCOME_FATAL,
                             "label refused",
                             "label \"%s\" is not of the form [-\\w]{1,128}",
                             label);
    return true;
}

static bool
is_mendable(const struct run *run, enum mr_outcome outcome)
{
    return outcome == MR_OUTCOME_FATAL && run->reply->load.mendable;
}

enum mr_outcome
mr_txn_begin(struct mr_loader *loader,
             const char *label,
             int64_t timeout_s,
             const _Atomic bool *give_up,
             struct mr_txn_reply *ret_reply)
{
    struct run run;
    MR_REQUIRE(timeout_s > 0);
    start(&run, loader, MR_TXN_BEGIN, label, give_up, ret_reply);
    if (mri_txn_label_refused(run.label, &run.reply->load))
        return end(&run, MR_OUTCOME_FATAL);
    const struct mri_txn_ask ask = {.call = MR_TXN_BEGIN, .label = label, .timeout_s = timeout_s};
    while (!mri_load_stopped(loader)) {
        run.trouble.attempts++;
        enum mr_outcome outcome = mri_txn_control(loader, &ask, ret_reply);
        if (outcome != MR_OUTCOME_RECONNECT && !is_mendable(&run, outcome))
            return end(&run, outcome);
        mri_trouble_wait(&run.trouble, outcome);
    }
    return stopped(&run, MR_OUTCOME_RETRY);
}

enum mr_outcome
mr_txn_load(struct mr_loader *loader,
            const struct mr_load_job *job,
            const _Atomic bool *give_up,
            struct mr_txn_reply *ret_reply)
{
    struct run run;
    MR_REQUIRE(job->body->bytes > 0); /* the server may fail empty loads: do not send them */
    start(&run, loader, MR_TXN_LOAD, job->label, give_up, ret_reply);
    run.trouble.table = job->table;
    if (mri_txn_label_refused(run.label, &run.reply->load))
        return end(&run, MR_OUTCOME_FATAL);
    while (!mri_load_stopped(loader)) {
        run.trouble.attempts++;
        int64_t begin_ms = mr_clock_monotonic_ms();
        enum mr_outcome outcome = mri_txn_load_try(loader, job, false, ret_reply);
        mri_load_count_attempt(loader->hub, outcome, begin_ms);
        if (outcome != MR_OUTCOME_RECONNECT && ret_reply->answer != MR_TXN_BUSY)
            return end(&run, outcome);
        loader->careful = true;
        mri_trouble_wait(&run.trouble, outcome);
    }
    return stopped(&run, MR_OUTCOME_RETRY);
}

/* What the label says where the answer to COMMIT or ROLLBACK does not decide. */
static enum mr_label_state
ask_label(struct run *run)
{
    struct mr_error error;
    enum mr_label_state state = mri_load_label_ask(run->loader, run->label, &error);
    if (state == MR_LABEL_COMMITTED || state == MR_LABEL_VISIBLE) {
        run->reply->answer = state == MR_LABEL_VISIBLE ? MR_TXN_VISIBLE : MR_TXN_COMMITTED;
        run->reply->load.visible = state == MR_LABEL_VISIBLE;
        run->reply->load.cause = "in, by its label";
    }
    return state;
}

/* No transaction is known under the label; `absent` is what that means if the label is unknown,
 * too. False: not final, ask again. */
static bool
explain_missing(struct run *run,
                enum mr_outcome committed,
                enum mr_outcome aborted,
                enum mr_outcome absent,
                enum mr_outcome *ret_outcome)
{
    switch (ask_label(run)) {
    case MR_LABEL_COMMITTED:
    case MR_LABEL_VISIBLE:
        *ret_outcome = committed;
        return true;
    case MR_LABEL_ABORTED:
        run->reply->answer = MR_TXN_ABORTED;
        run->reply->load.cause = "aborted, by its label";
        *ret_outcome = aborted;
        return true;
    case MR_LABEL_UNKNOWN:
        *ret_outcome = absent;
        return true;
    case MR_LABEL_PREPARE: /* its task is lost; the server's time-out will abort it */
    case MR_LABEL_PREPARED:
    case MR_LABEL_UNANSWERED:
        break;
    }
    return false;
}

/* Is this answer to COMMIT final? */
static bool
settle_commit(struct run *run, enum mr_outcome outcome, enum mr_outcome *ret_outcome)
{
    *ret_outcome = outcome;
    switch (run->reply->answer) {
    case MR_TXN_COMMITTED:
    case MR_TXN_VISIBLE:
    case MR_TXN_ALREADY_COMMITTED:
    case MR_TXN_ABORTED:
        return true;
    case MR_TXN_MISSING:
        return explain_missing(
            run, MR_OUTCOME_DONE, MR_OUTCOME_RETRY, MR_OUTCOME_UNKNOWN, ret_outcome);
    case MR_TXN_REFUSED:
        if (outcome == MR_OUTCOME_REJECTED ||
            (outcome == MR_OUTCOME_FATAL && !run->reply->load.mendable))
            return true;
        break;
    case MR_TXN_UNANSWERED:
        if (outcome == MR_OUTCOME_FATAL)
            return true;
        break;
    case MR_TXN_ACCEPTED:
    case MR_TXN_PUBLISHING:
    case MR_TXN_ABORTING:
    case MR_TXN_BUSY:
    case MR_TXN_STARTED:
        break;
    }
    if (outcome != MR_OUTCOME_UNKNOWN)
        return false;
    enum mr_label_state state = ask_label(run);
    *ret_outcome = MR_OUTCOME_DONE;
    return state == MR_LABEL_COMMITTED || state == MR_LABEL_VISIBLE;
}

/* Is this answer to ROLLBACK final? */
static bool
settle_rollback(struct run *run, enum mr_outcome outcome, enum mr_outcome *ret_outcome)
{
    *ret_outcome = outcome;
    switch (run->reply->answer) {
    case MR_TXN_ABORTED:
    case MR_TXN_COMMITTED:
    case MR_TXN_VISIBLE:
    case MR_TXN_ALREADY_COMMITTED:
        return true;
    case MR_TXN_MISSING:
        return explain_missing(
            run, MR_OUTCOME_REJECTED, MR_OUTCOME_DONE, MR_OUTCOME_DONE, ret_outcome);
    case MR_TXN_REFUSED:
    case MR_TXN_UNANSWERED:
        return outcome == MR_OUTCOME_FATAL && !run->reply->load.mendable;
    case MR_TXN_ACCEPTED:
    case MR_TXN_PUBLISHING:
    case MR_TXN_ABORTING:
    case MR_TXN_BUSY:
    case MR_TXN_STARTED:
        break;
    }
    return false;
}

void
mr_txn_bound(struct mr_loader *loader, uint32_t attempts)
{
    loader->attempts_most = attempts;
}

static bool
may_try(const struct run *run, uint32_t most)
{
    return run->trouble.attempts < most && !mri_load_stopped(run->loader);
}

static uint32_t
attempts_of(const struct mr_loader *loader)
{
    return loader->attempts_most > 0 ? loader->attempts_most : UINT32_MAX;
}

/* The answer to a repeated commit no longer tells the rows of the first. */
static void
keep_rows(struct run *run)
{
    struct mr_load_reply *reply = &run->reply->load;
    if (reply->rows_total > 0)
        run->told = *reply;
    reply->rows_total = run->told.rows_total;
    reply->rows_loaded = run->told.rows_loaded;
    reply->rows_filtered = run->told.rows_filtered;
    reply->rows_unselected = run->told.rows_unselected;
}

enum mr_outcome
mr_txn_commit(struct mr_loader *loader,
              const char *label,
              const _Atomic bool *give_up,
              struct mr_txn_reply *ret_reply)
{
    struct run run;
    start(&run, loader, MR_TXN_COMMIT, label, give_up, ret_reply);
    if (mri_txn_label_refused(run.label, &run.reply->load))
        return end(&run, MR_OUTCOME_FATAL);
    int64_t wait_s = loader->hub->limits.publish_wait_s;
    const struct mri_txn_ask ask = {
        .call = MR_TXN_COMMIT, .label = label, .timeout_s = wait_s, .wait_s = wait_s};
    while (may_try(&run, attempts_of(loader))) {
        enum mr_outcome settled;
        run.trouble.attempts++;
        enum mr_outcome outcome = mri_txn_control(loader, &ask, ret_reply);
        keep_rows(&run);
        run.doubt = run.doubt || outcome == MR_OUTCOME_UNKNOWN;
        if (settle_commit(&run, outcome, &settled))
            return end(&run,
                       run.doubt && settled == MR_OUTCOME_FATAL ? MR_OUTCOME_UNKNOWN : settled);
        mri_trouble_wait(&run.trouble, outcome);
    }
    return stopped(&run, MR_OUTCOME_UNKNOWN);
}

enum mr_outcome
mri_txn_undo(struct mr_loader *loader,
             const char *label,
             const char *table,
             uint32_t tries,
             const _Atomic bool *give_up,
             struct mr_txn_reply *reply)
{
    struct run run;
    start(&run, loader, MR_TXN_ROLLBACK, label, give_up, reply);
    if (mri_txn_label_refused(run.label, &run.reply->load))
        return end(&run, MR_OUTCOME_FATAL);
    const struct mri_txn_ask ask = {.call = MR_TXN_ROLLBACK, .label = label, .table = table};
    while (may_try(&run, tries)) {
        enum mr_outcome settled;
        run.trouble.attempts++;
        enum mr_outcome outcome = mri_txn_control(loader, &ask, reply);
        if (settle_rollback(&run, outcome, &settled))
            return end(&run, settled);
        mri_trouble_wait(&run.trouble, outcome);
    }
    return stopped(&run, MR_OUTCOME_UNKNOWN);
}

enum mr_outcome
mr_txn_rollback(struct mr_loader *loader,
                const char *label,
                const _Atomic bool *give_up,
                struct mr_txn_reply *ret_reply)
{
    return mri_txn_undo(loader, label, NULL, attempts_of(loader), give_up, ret_reply);
}
