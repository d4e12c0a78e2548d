/* One call of a transaction. begin, commit and rollback are empty POSTs that the leader FE answers;
 * a load is shown to the FE without its body, which then goes to the backend that the FE names:
 * with the same headers, because both read them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "millrace/base/assert.h"
#include "millrace/base/clock.h"
#include "pipeline/load/txn_priv.h"

static const char *const call_names[] = {
    [MR_TXN_BEGIN] = "begin",
    [MR_TXN_LOAD] = "load",
    [MR_TXN_COMMIT] = "commit",
    [MR_TXN_ROLLBACK] = "rollback",
};

struct call {
    enum mr_txn_call call;
    struct mr_txn_reply *reply;
};

static enum mr_outcome
refuse(struct mr_txn_reply *reply, const char *message)
{
    reply->answer = MR_TXN_UNANSWERED;
    return mri_load_reply_set(&reply->load, MR_OUTCOME_FATAL, "request refused", "%s", message);
}

static struct curl_slist *
add_txn(const struct mr_loader *loader, struct curl_slist *list)
{
    if (list)
        list = mri_load_header_add(list, "db", loader->hub->database_name);
    if (list)
        list = mri_load_header_add(list, "transaction_type", "multi");
    return list;
}

/* Headers of an empty POST; libcurl's own Content-Type is left out. */
static struct curl_slist *
control_headers(const struct mr_loader *loader, const char *label, int64_t timeout_s)
{
    char timeout[24];
    struct curl_slist *list = add_txn(loader, curl_slist_append(NULL, "Content-Type:"));
    if (list)
        list = mri_load_header_add(list, "label", label);
    (void)snprintf(timeout, sizeof timeout, "%" PRId64, timeout_s);
    if (list && timeout_s > 0)
        list = mri_load_header_add(list, "timeout", timeout);
    return list;
}

/* The call to the leader, as far as it is known; an FE that gives no answer is not asked next. */
static enum mr_outcome
post(struct mr_loader *loader,
     enum mr_txn_call call,
     struct mri_exchange *x,
     struct mr_txn_reply *reply)
{
    char path[64];
    struct mr_load_hub *hub = loader->hub;
    uint32_t fe = mri_load_hub_fe(hub);
    (void)snprintf(path, sizeof path, "/api/transaction/%s", call_names[call]);
    const struct mri_node first = mri_load_hub_leader(hub);
    struct mri_node node = first;
    enum mr_outcome outcome = mri_load_ask(loader, &node, path, x, &reply->load);
    if (outcome == MR_OUTCOME_DONE)
        outcome =
            mr_txn_classify(call, (int)x->status, mri_load_text(loader), loader->text.len, reply);
    else if (outcome == MR_OUTCOME_RECONNECT && x->asked)
        outcome = MR_OUTCOME_UNKNOWN; /* it may have got there */
    else if (outcome == MR_OUTCOME_RECONNECT && x->stopped)
        outcome = MR_OUTCOME_RETRY;
    if (reply->answer != MR_TXN_UNANSWERED && !mri_load_node_equal(&node, &first))
        mri_load_hub_leads(hub, &node);
    if (reply->answer == MR_TXN_UNANSWERED && outcome != MR_OUTCOME_FATAL && !x->stopped) {
        mri_load_hub_fe_failed(hub, fe);
        mri_load_hub_leader_failed(hub, &first);
    }
    return outcome;
}

enum mr_outcome
mri_txn_control(struct mr_loader *loader,
                enum mr_txn_call call,
                const char *label,
                int64_t timeout_s,
                struct mr_txn_reply *reply)
{
    mri_txn_reply_init(reply);
    struct curl_slist *headers = control_headers(loader, label, timeout_s);
    if (!headers)
        return refuse(reply, "the database's name has a control character, or no memory");
    struct mri_exchange x = {
        .headers = headers, .post = true, .timeout_ms = loader->hub->limits.control_ms};
    if (call == MR_TXN_COMMIT)
        x.timeout_ms += timeout_s * 1000; /* the server waits that long before it answers */
    enum mr_outcome outcome = post(loader, call, &x, reply);
    curl_slist_free_all(headers);
    reply->load.outcome = outcome;
    return outcome;
}

/* An FE that takes a load answers with a redirect, so its OK means nothing here. */
static enum mr_outcome
classify_fe(const struct mr_loader *loader, long status, struct mr_load_reply *reply, void *context)
{
    struct mr_txn_reply *txn = context;
    MR_REQUIRE(reply == &txn->load);
    enum mr_outcome outcome =
        mr_txn_classify(MR_TXN_LOAD, (int)status, mri_load_text(loader), loader->text.len, txn);
    if (outcome != MR_OUTCOME_DONE && outcome != MR_OUTCOME_UNKNOWN)
        return outcome;
    txn->answer = outcome == MR_OUTCOME_DONE ? MR_TXN_REFUSED : txn->answer;
    return mri_load_reply_conclude(
        reply, MR_OUTCOME_RETRY, outcome == MR_OUTCOME_DONE ? "no redirect" : reply->cause);
}

static enum mr_outcome
classify_be(const struct mr_loader *loader, long status, struct mr_load_reply *reply, void *context)
{
    struct mr_txn_reply *txn = context;
    MR_REQUIRE(reply == &txn->load);
    return mr_txn_classify(MR_TXN_LOAD, (int)status, mri_load_text(loader), loader->text.len, txn);
}

static struct curl_slist *
load_headers(const struct mr_loader *loader, const struct mr_load_job *job, bool expect)
{
    struct curl_slist *list = add_txn(loader, mri_load_headers(loader, job, expect));
    return list ? mri_load_header_add(list, "table", job->table) : NULL;
}

static enum mr_outcome
find_backend(struct mr_loader *loader,
             const struct mr_load_job *job,
             const char *path,
             struct mri_node *ret_backend,
             struct mr_txn_reply *reply)
{
    struct mri_question question = {.path = path,
                                    .leader = true,
                                    .headers = load_headers(loader, job, true),
                                    .judge = {classify_fe, reply}};
    if (!question.headers)
        return mri_load_headers_refused(job, &reply->load);
    enum mr_outcome outcome = mri_load_redirect(loader, &question, ret_backend, &reply->load);
    curl_slist_free_all(question.headers);
    return outcome;
}

static enum mr_outcome
attempt(struct mr_loader *loader, const struct mr_load_job *job, struct mr_txn_reply *reply)
{
    static const char path[] = "/api/transaction/load";
    const struct mri_judge judge = {classify_be, reply};
    struct mri_node backend;
    enum mr_outcome outcome = find_backend(loader, job, path, &backend, reply);
    if (outcome != MR_OUTCOME_DONE)
        return outcome;
    struct curl_slist *headers = load_headers(loader, job, loader->careful);
    if (!headers)
        return mri_load_headers_refused(job, &reply->load);
    outcome = mri_load_send(loader, &backend, path, headers, job->body, &judge, &reply->load);
    curl_slist_free_all(headers);
    return outcome;
}

enum mr_outcome
mri_txn_load_once(struct mr_loader *loader,
                  const struct mr_load_job *job,
                  struct mr_txn_reply *reply)
{
    int64_t begin = mr_clock_monotonic_ms();
    mri_txn_reply_init(reply);
    enum mr_outcome outcome = attempt(loader, job, reply);
    if (outcome == MR_OUTCOME_UNKNOWN && reply->answer == MR_TXN_ACCEPTED)
        reply->answer = MR_TXN_UNANSWERED; /* accepted before all of it was sent */
    reply->load.outcome = outcome;
    mri_load_count_attempt(loader->hub, outcome, begin);
    return outcome;
}
