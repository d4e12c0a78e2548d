/* Settle: attempts, questions and pauses until a job's outcome is certain. The policy for outcomes
 * stands here and nowhere else. */
#include "millrace/load.h"

#include <stdio.h>
#include <string.h>

#include "millrace/base/clock.h"
#include "millrace/base/log.h"
#include "pipeline/load/load_priv.h"

static const struct mri_sentences sentences = {
    .failed = "load failed, retrying",
    .refused = "load refused, waiting for this to be mended",
    .unknown = "fate of a load is unknown, asking for its label",
    .recovered = "load recovered",
};

/* One job on its way. */
struct settle {
    struct mr_loader *loader;
    const struct mr_load_job *job;
    struct mr_load_reply *reply;
    struct mri_trouble trouble;
    char witness[MRI_LABEL_BYTES]; /* label that was in before this job's first attempt, or "" */
    int64_t doubt_ms;              /* begin of the first attempt whose fate is open, -1: none */
};

/* Is a load that no FE knows surely not in?
 * The server forgets finished labels, oldest first. So while it still knows a label that was
 * finished before this job's first attempt, it would know this job's too: unknown is then absent.
 * Without such a witness unknown is taken as absent only inside the time for which the server keeps
 * labels in all but the busiest databases. Sending again is then safe in any case as long as the
 * bytes and the label are the same: should the lost request still be on its way, the server lets
 * only one of the two have the label. */
static bool
absent(struct settle *s)
{
    struct mr_error error;
    if (s->witness[0]) {
        enum mr_label_state state = mri_load_label_ask(s->loader, s->witness, &error);
        if (state == MR_LABEL_COMMITTED || state == MR_LABEL_VISIBLE)
            return true;
    }
    int64_t age = mr_clock_monotonic_ms() - s->doubt_ms;
    return age <= s->loader->hub->limits.horizon_ms + s->loader->hub->load_timeout_s * 1000;
}

static enum mr_outcome
in_after_all(struct settle *s, bool visible)
{
    mri_load_hub_done(s->loader->hub, s->job, visible);
    s->reply->visible = visible;
    s->reply->cause = "in, by its label";
    return MR_OUTCOME_DONE;
}

static enum mr_outcome
unknown_label(struct settle *s)
{
    if (absent(s)) {
        s->trouble.failures = 0;
        return MR_OUTCOME_RETRY;
    }
    (void)mri_load_reply_set(
        s->reply,
        MR_OUTCOME_FATAL,
        "label forgotten",
        "no FE knows label \"%s\" any more, so nobody can say whether its rows are "
        "in table %s",
        s->job->label,
        s->job->table);
    (void)snprintf(s->reply->hint,
                   sizeof s->reply->hint,
                   "look for the label in information_schema.loads; raise the FE option "
                   "label_keep_max_num");
    return MR_OUTCOME_FATAL;
}

/* The fate of a load whose answer was lost: DONE, RETRY (not in, send it again), FATAL; UNKNOWN
 * only when stopped. */
static enum mr_outcome
ask_fate(struct settle *s)
{
    struct mr_error error;
    while (!mri_load_stopped(s->loader)) {
        mri_trouble_note(&s->trouble, MR_OUTCOME_UNKNOWN);
        enum mr_label_state state = mri_load_label_ask(s->loader, s->job->label, &error);
        switch (state) {
        case MR_LABEL_COMMITTED:
        case MR_LABEL_VISIBLE:
            return in_after_all(s, state == MR_LABEL_VISIBLE);
        case MR_LABEL_ABORTED:
            s->doubt_ms = -1;
            s->trouble.failures = 0; /* an FE answers: the pauses begin anew */
            return MR_OUTCOME_RETRY;
        case MR_LABEL_UNKNOWN:
            return unknown_label(s);
        case MR_LABEL_PREPARE:
        case MR_LABEL_PREPARED:
            (void)mri_load_reply_set(s->reply,
                                     MR_OUTCOME_UNKNOWN,
                                     "an earlier attempt still runs",
                                     "label is %s",
                                     state == MR_LABEL_PREPARE ? "PREPARE" : "PREPARED");
            break;
        case MR_LABEL_UNANSWERED:
            (void)mri_load_reply_set(
                s->reply, MR_OUTCOME_UNKNOWN, "no FE tells the label's state", "%s", error.text);
            (void)snprintf(s->reply->hint, sizeof s->reply->hint, "%s", mr_error_get_hint(&error));
            break;
        }
        mri_trouble_pause(&s->trouble);
    }
    mri_trouble_log(&s->trouble, MR_LOG_WARN, "stopped before the fate of a load was known");
    return MR_OUTCOME_UNKNOWN;
}

/* The server counted other rows than were sent: nothing can be undone, but somebody must know. */
static void
check_rows(struct settle *s)
{
    const struct mr_load_reply *reply = s->reply;
    if (reply->rows_total == 0 || reply->rows_loaded == s->job->body->rows)
        return;
    mri_load_count(&s->loader->hub->counters.row_differences, 1);
    mr_log(MR_LOG_ERROR,
           "load",
           "the server loaded another number of rows than was sent",
           MR_STR("table", s->job->table),
           MR_STR("label", s->job->label),
           MR_INT("sent", s->job->body->rows),
           MR_INT("loaded", reply->rows_loaded),
           MR_INT("filtered", reply->rows_filtered),
           MR_INT("unselected", reply->rows_unselected));
}

static bool
is_final(const struct settle *s, enum mr_outcome outcome)
{
    return outcome == MR_OUTCOME_DONE || outcome == MR_OUTCOME_REJECTED ||
           (outcome == MR_OUTCOME_FATAL && !s->reply->mendable);
}

static enum mr_outcome
run(struct settle *s)
{
    while (!mri_load_stopped(s->loader)) {
        int64_t start = mr_clock_monotonic_ms();
        s->trouble.attempts++;
        enum mr_outcome outcome = mr_load_once(s->loader, s->job, s->reply);
        if (outcome == MR_OUTCOME_DONE)
            check_rows(s);
        s->loader->careful = outcome != MR_OUTCOME_DONE;
        bool asked = outcome == MR_OUTCOME_UNKNOWN;
        if (asked) {
            s->doubt_ms = s->doubt_ms < 0 ? start : s->doubt_ms;
            outcome = ask_fate(s);
        }
        if (is_final(s, outcome))
            return mri_trouble_finish(&s->trouble, outcome);
        if (outcome == MR_OUTCOME_UNKNOWN)
            break;
        if (asked)
            mri_trouble_pause(&s->trouble); /* what went wrong is in the log already */
        else
            mri_trouble_wait(&s->trouble, outcome);
    }
    return mri_trouble_finish(&s->trouble, MR_OUTCOME_RETRY);
}

enum mr_outcome
mr_load_settled(struct mr_loader *loader,
                const struct mr_load_job *job,
                const _Atomic bool *give_up,
                struct mr_load_reply *ret_reply)
{
    struct settle s = {.loader = loader,
                       .job = job,
                       .reply = ret_reply,
                       .trouble = {.loader = loader,
                                   .table = job->table,
                                   .label = job->label,
                                   .say = &sentences,
                                   .reply = ret_reply,
                                   .begin_ms = mr_clock_monotonic_ms()},
                       .doubt_ms = -1};
    mri_load_reply_init(ret_reply);
    mri_load_hub_witness(loader->hub, s.witness);
    loader->give_up = give_up;
    enum mr_outcome outcome = run(&s);
    loader->give_up = NULL;
    loader->careful = false;
    return outcome;
}
