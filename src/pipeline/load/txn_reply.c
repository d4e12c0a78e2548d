/* Replies to the calls of a transaction: what the server said about it, and what follows. Pure. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "millrace/base/attr.h"
#include "pipeline/load/txn_priv.h"

struct phrase {
    enum mr_txn_answer answer;
    const char *cause, *phrase, *also, *hint;
};

static const struct phrase phrases[] = {
#define X(answer, cause, phrase, also, hint) {MR_TXN_##answer, cause, phrase, also, hint},
#include "pipeline/load/txn_phrases.def"
#undef X
};

static const struct {
    const char *status;
    enum mr_txn_answer answer;
    const char *cause;
} statuses[] = {
    {"TXN_NOT_EXISTS", MR_TXN_MISSING, "no such transaction"},
    {"TXN_IN_PROCESSING", MR_TXN_BUSY, "in processing"},
    {"PUBLISH_TIMEOUT", MR_TXN_PUBLISHING, "publish timeout"},
    {"Publish Timeout", MR_TXN_PUBLISHING, "publish timeout"},
    {"ABORTED", MR_TXN_ABORTED, "aborted"},
};

/* Of the transaction that has the label already. */
static const struct {
    const char *job_status;
    enum mr_txn_answer answer;
    const char *cause;
} job_statuses[] = {
    {"COMMITED", MR_TXN_ALREADY_COMMITTED, "already committed"},
    {"COMMITTED", MR_TXN_ALREADY_COMMITTED, "already committed"},
    {"FINISHED", MR_TXN_ALREADY_COMMITTED, "already committed"},
    {"VISIBLE", MR_TXN_ALREADY_COMMITTED, "already committed"},
    {"CANCELLED", MR_TXN_ABORTED, "label of an aborted transaction"},
    {"ABORTED", MR_TXN_ABORTED, "label of an aborted transaction"},
};

static const struct {
    const char *name;
    /* What each call's outcome is. */
    enum mr_outcome begin, load, prepare, commit, rollback;
} answers[] = {
#define ROW(name, begin, load, prepare, commit, rollback)                                          \
    {                                                                                              \
        name, MR_OUTCOME_##begin, MR_OUTCOME_##load, MR_OUTCOME_##prepare, MR_OUTCOME_##commit,    \
            MR_OUTCOME_##rollback                                                                  \
    }
    [MR_TXN_UNANSWERED] = ROW("unanswered", UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    [MR_TXN_ACCEPTED] = ROW("accepted", DONE, DONE, DONE, UNKNOWN, UNKNOWN),
    [MR_TXN_COMMITTED] = ROW("committed", REJECTED, REJECTED, UNKNOWN, DONE, REJECTED),
    [MR_TXN_VISIBLE] = ROW("visible", REJECTED, REJECTED, UNKNOWN, DONE, REJECTED),
    [MR_TXN_ALREADY_COMMITTED] = ROW("already committed", REJECTED, REJECTED, UNKNOWN, DONE, REJECTED),
    [MR_TXN_PUBLISHING] = ROW("publishing", UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    [MR_TXN_ABORTED] = ROW("aborted", RETRY, RETRY, RETRY, RETRY, DONE),
    [MR_TXN_ABORTING] = ROW("aborting", RETRY, RETRY, RETRY, RETRY, RETRY),
    [MR_TXN_MISSING] = ROW("missing", UNKNOWN, RETRY, UNKNOWN, UNKNOWN, DONE),
    [MR_TXN_BUSY] = ROW("busy", RETRY, RETRY, RETRY, RETRY, RETRY),
    [MR_TXN_STARTED] = ROW("already started", UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    [MR_TXN_REFUSED] = ROW("refused", FATAL, FATAL, FATAL, FATAL, FATAL),
#undef ROW
};

const char *
mr_txn_answer_name(enum mr_txn_answer answer)
{
    return answers[answer].name;
}

void
mri_txn_reply_init(struct mr_txn_reply *reply)
{
    reply->answer = MR_TXN_UNANSWERED;
    reply->left_open = false;
    mri_load_reply_init(&reply->load);
}

static enum mr_outcome
outcome_of(enum mr_txn_call call, enum mr_txn_answer answer)
{
    switch (call) {
    case MR_TXN_BEGIN:
        return answers[answer].begin;
    case MR_TXN_LOAD:
        return answers[answer].load;
    case MR_TXN_PREPARE:
        return answers[answer].prepare;
    case MR_TXN_COMMIT:
        return answers[answer].commit;
    case MR_TXN_ROLLBACK:
        return answers[answer].rollback;
    }
    return MR_OUTCOME_UNKNOWN;
}

/* What the judge of a reply fills beside the reply itself. */
struct verdict {
    enum mr_txn_call call;
    enum mr_txn_answer answer;
};

static enum mr_outcome
conclude(struct verdict *v,
         struct mr_load_reply *reply,
         enum mr_txn_answer answer,
         const char *cause)
{
    v->answer = answer;
    return mri_load_reply_conclude(reply, outcome_of(v->call, answer), cause);
}

static const struct phrase *
find_phrase(const char *message)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(phrases); i++) {
        if (strcasestr(message, phrases[i].phrase) && strcasestr(message, phrases[i].also))
            return &phrases[i];
    }
    return NULL;
}

/* OK, and no word against it. */
static enum mr_outcome
judge_ok(struct verdict *v, struct mr_load_reply *reply)
{
    switch (v->call) {
    case MR_TXN_BEGIN:
        return conclude(v, reply, MR_TXN_ACCEPTED, "open");
    case MR_TXN_LOAD:
        return conclude(v, reply, MR_TXN_ACCEPTED, "rows taken");
    case MR_TXN_PREPARE:
        return conclude(v, reply, MR_TXN_ACCEPTED, "prepared");
    case MR_TXN_COMMIT:
        return conclude(v, reply, MR_TXN_COMMITTED, "committed");
    case MR_TXN_ROLLBACK:
        return conclude(v, reply, MR_TXN_ABORTED, "aborted");
    }
    return reply->outcome;
}

static enum mr_outcome
judge_label(struct verdict *v, const char *job_status, struct mr_load_reply *reply)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(job_statuses); i++) {
        if (strcasecmp(job_status, job_statuses[i].job_status) == 0)
            return conclude(v, reply, job_statuses[i].answer, job_statuses[i].cause);
    }
    return conclude(v, reply, MR_TXN_STARTED, "already started");
}

static enum mr_outcome
judge_failure(struct verdict *v, const struct mri_words *words, struct mr_load_reply *reply)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(statuses); i++) {
        if (strcasecmp(words->status, statuses[i].status) == 0)
            return conclude(v, reply, statuses[i].answer, statuses[i].cause);
    }
    v->answer = MR_TXN_REFUSED;
    return mri_load_message_classify(words->message, reply);
}

/* The words come before the Status: some servers say OK beside words that say that it is not. */
static enum mr_outcome
judge_words(const struct mri_words *words, struct mr_load_reply *reply, void *context)
{
    struct verdict *v = context;
    if (!words->status[0])
        return mri_load_reply_conclude(reply, MR_OUTCOME_UNKNOWN, "not a transaction's reply");
    if (strcasecmp(words->status, "LABEL_ALREADY_EXISTS") == 0)
        return judge_label(v, words->job_status, reply);
    const struct phrase *phrase = find_phrase(words->message);
    if (phrase) {
        (void)snprintf(reply->hint, sizeof reply->hint, "%s", phrase->hint);
        return conclude(v, reply, phrase->answer, phrase->cause);
    }
    if (strcasecmp(words->status, "OK") == 0)
        return judge_ok(v, reply);
    return judge_failure(v, words, reply);
}

enum mr_outcome
mr_txn_classify(enum mr_txn_call call,
                int http_status,
                const char *body,
                size_t len,
                struct mr_txn_reply *ret_reply)
{
    struct verdict v = {.call = call, .answer = MR_TXN_UNANSWERED};
    enum mr_outcome outcome =
        mri_load_reply_read(http_status, body, len, judge_words, &v, &ret_reply->load);
    /* Refused by its HTTP status. */
    if (v.answer == MR_TXN_UNANSWERED && outcome == MR_OUTCOME_FATAL)
        v.answer = MR_TXN_REFUSED;
    ret_reply->answer = v.answer;
    ret_reply->left_open = false;
    return outcome;
}
