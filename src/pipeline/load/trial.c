/* Trial: would these rows load? What is wrong with rows shows up only where they are written: at
 * COMMIT in a transaction of several tables, at PREPARE in one of one table, which can still be
 * rolled back then. COMMIT is never sent. */
#include <stdio.h>

#include "millrace/base/assert.h"
#include "millrace/base/clock.h"
#include "pipeline/load/txn_priv.h"

#define CALL_TRIES 5 /* about a second of pauses */
#define UNDO_TRIES 7 /* about five: a load that was cut keeps the transaction busy for a while */

static const struct mri_sentences sentences = {
    .failed = "trial of rows failed, retrying",
    .refused = "trial of rows refused",
    .unknown = "fate of a call of a trial is unknown, to be rolled back",
    .recovered = "trial of rows recovered",
};

struct trial {
    struct mr_loader *loader;
    const struct mr_load_job *job;
    int64_t timeout_s;
    struct mr_txn_reply *reply;
    enum mr_txn_call call; /* the last one */
    bool begun;            /* it may be open */
    struct mri_trouble trouble;
};

static enum mr_outcome
attempt(struct trial *t)
{
    struct mr_loader *loader = t->loader;
    t->trouble.attempts++;
    if (t->call == MR_TXN_LOAD)
        return mri_txn_load_try(loader, t->job, true, t->reply);
    bool is_begin = t->call == MR_TXN_BEGIN;
    const struct mri_txn_ask ask = {.call = t->call,
                                    .label = t->job->label,
                                    .table = t->job->table,
                                    .timeout_s = t->timeout_s,
                                    .wait_s = is_begin ? 0 : loader->hub->load_timeout_s};
    return mri_txn_control(loader, &ask, t->reply);
}

/* A busy transaction has taken nothing of the call; a begin that is told so has no part in it. */
static bool
may_repeat(const struct trial *t, enum mr_outcome outcome)
{
    return outcome == MR_OUTCOME_RECONNECT ||
           (t->call != MR_TXN_BEGIN && t->reply->answer == MR_TXN_BUSY);
}

static enum mr_outcome
make(struct trial *t, enum mr_txn_call call)
{
    t->call = call;
    mri_txn_reply_init(t->reply);
    enum mr_outcome outcome = mri_load_reply_set(
        &t->reply->load, MR_OUTCOME_RETRY, "stopped", "stopped before the call was made");
    for (int tries = 1; !mri_load_stopped(t->loader); tries++) {
        outcome = attempt(t);
        if (!may_repeat(t, outcome) || tries == CALL_TRIES)
            return outcome;
        t->loader->careful = true;
        mri_trouble_wait(&t->trouble, outcome);
    }
    return outcome;
}

/* After RECONNECT and FATAL it was not begun. */
static enum mr_outcome
try_rows(struct trial *t)
{
    enum mr_outcome outcome = make(t, MR_TXN_BEGIN);
    t->begun = t->trouble.attempts > 0 && outcome != MR_OUTCOME_RECONNECT &&
               outcome != MR_OUTCOME_FATAL;
    if (outcome == MR_OUTCOME_DONE)
        outcome = make(t, MR_TXN_LOAD);
    if (outcome == MR_OUTCOME_DONE)
        outcome = make(t, MR_TXN_PREPARE);
    return outcome;
}

/* A label that is committed already says nothing about these rows. */
static enum mr_outcome
judge(const struct trial *t, enum mr_outcome outcome)
{
    if (outcome == MR_OUTCOME_RECONNECT)
        return MR_OUTCOME_RETRY;
    bool of_rows = t->call != MR_TXN_BEGIN && t->reply->answer == MR_TXN_REFUSED;
    return outcome == MR_OUTCOME_REJECTED && !of_rows ? MR_OUTCOME_UNKNOWN : outcome;
}

/* The reply of the trial stays as it is; of the rollback only that it was not confirmed. */
static void
roll_back(struct trial *t, const _Atomic bool *give_up)
{
    struct mr_txn_reply end;
    const struct mr_load_job *job = t->job;
    enum mr_outcome outcome =
        mri_txn_undo(t->loader, job->label, job->table, UNDO_TRIES, give_up, &end);
    t->reply->left_open = outcome != MR_OUTCOME_DONE && outcome != MR_OUTCOME_REJECTED;
    if (!t->reply->left_open)
        return;
    if (!t->reply->load.hint[0])
        (void)snprintf(t->reply->load.hint,
                       sizeof t->reply->load.hint,
                       "not rolled back for certain; ends by itself after %lld s",
                       (long long)t->timeout_s);
    mr_log(MR_LOG_WARN,
           "load",
           "trial of rows may still be open, the server's timeout ends it",
           MR_STR("table", job->table),
           MR_STR("label", job->label),
           MR_STR("cause", end.load.cause),
           MR_STR("message", end.load.message),
           MR_INT("timeout_s", t->timeout_s));
}

enum mr_outcome
mr_txn_trial(struct mr_loader *loader,
             const struct mr_load_job *job,
             int64_t timeout_s,
             const _Atomic bool *give_up,
             struct mr_txn_reply *ret_reply)
{
    struct trial t = {.loader = loader,
                      .job = job,
                      .timeout_s = timeout_s,
                      .reply = ret_reply,
                      .trouble = {.loader = loader,
                                  .table = job->table,
                                  .label = job->label,
                                  .say = &sentences,
                                  .reply = &ret_reply->load,
                                  .begin_ms = mr_clock_monotonic_ms()}};
    MR_REQUIRE(timeout_s > 0);
    MR_REQUIRE(job->body->bytes > 0); /* the server fails empty transactions: do not send them */
    mri_txn_reply_init(ret_reply);
    if (mri_txn_label_refused(job->label, &ret_reply->load))
        return MR_OUTCOME_FATAL;
    loader->give_up = give_up;
    enum mr_outcome outcome = mri_trouble_finish(&t.trouble, judge(&t, try_rows(&t)));
    loader->careful = false;
    if (t.begun)
        roll_back(&t, give_up);
    loader->give_up = NULL;
    return outcome;
}
