/* One call of a transaction. begin, commit and rollback are empty POSTs that the leader FE answers,
 * or, in a transaction of one table, the backend that the FE names: it is asked each time, because
 * it knows by the label which backend that is. A load is shown to the FE without its body, which
 * then goes to the backend that the FE names: with the same headers, because both read them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "millrace/base/assert.h"
#include "pipeline/load/txn_priv.h"

static const char *const call_names[] = {
    [MR_TXN_BEGIN] = "begin",
    [MR_TXN_LOAD] = "load",
    [MR_TXN_PREPARE] = "prepare",
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
add_txn(const struct mr_loader *loader, struct curl_slist *list, bool single)
{
    if (list)
        list = mri_load_header_add(list, "db", loader->hub->database_name);
    if (list && !single)
        list = mri_load_header_add(list, "transaction_type", "multi");
    return list;
}

/* What is prepared no longer ends by `timeout`, but by `prepared_timeout`, a day by default. */
static struct curl_slist *
add_timeouts(struct curl_slist *list, const struct mri_txn_ask *ask)
{
    char timeout[24];
    (void)snprintf(timeout, sizeof timeout, "%" PRId64, ask->timeout_s);
    list = mri_load_header_add(list, "timeout", timeout);
    if (list && ask->table)
        list = mri_load_header_add(list, "prepared_timeout", timeout);
    return list;
}

/* Headers of an empty POST; libcurl's own Content-Type is left out. */
static struct curl_slist *
control_headers(const struct mr_loader *loader, const struct mri_txn_ask *ask)
{
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type:");
    list = add_txn(loader, list, ask->table != NULL);
    if (list)
        list = mri_load_header_add(list, "label", ask->label);
    if (list && ask->table)
        list = mri_load_header_add(list, "table", ask->table);
    if (list && ask->timeout_s > 0)
        list = add_timeouts(list, ask);
    return list;
}

/* In a transaction of one table the leader is who sends a begin on to a backend; it may answer
 * later calls itself, which is why those do not tell. */
static void
learn_leader(struct mr_load_hub *hub,
             const struct mri_txn_ask *ask,
             const struct mri_node *asked,
             const struct mri_node *leader,
             const struct mr_txn_reply *reply)
{
    bool tells = !ask->table || (ask->call == MR_TXN_BEGIN && leader->port != 0);
    if (tells && reply->answer != MR_TXN_UNANSWERED && !mri_load_node_equal(leader, asked))
        mri_load_hub_leads(hub, leader);
}

/* The call to the leader, as far as it is known; an FE that gives no answer is not asked next. */
static enum mr_outcome
post(struct mr_loader *loader,
     const struct mri_txn_ask *ask,
     struct mri_exchange *x,
     struct mr_txn_reply *reply)
{
    char path[64];
    struct mr_load_hub *hub = loader->hub;
    uint32_t fe = mri_load_hub_fe(hub);
    (void)snprintf(path, sizeof path, "/api/transaction/%s", call_names[ask->call]);
    const struct mri_node first = mri_load_hub_leader(hub);
    struct mri_node node = first;
    enum mr_outcome outcome = mri_load_ask(loader, &node, path, x, &reply->load);
    if (outcome == MR_OUTCOME_DONE)
        outcome = mr_txn_classify(
            ask->call, (int)x->status, mri_load_text(loader), loader->text.len, reply);
    else if (outcome == MR_OUTCOME_RECONNECT && x->asked)
        outcome = MR_OUTCOME_UNKNOWN; /* it may have got there */
    else if (outcome == MR_OUTCOME_RECONNECT && x->stopped)
        outcome = MR_OUTCOME_RETRY;
    learn_leader(hub, ask, &first, ask->table ? &x->via : &node, reply);
    if (reply->answer == MR_TXN_UNANSWERED && outcome != MR_OUTCOME_FATAL && !x->stopped) {
        mri_load_hub_fe_failed(hub, fe);
        mri_load_hub_leader_failed(hub, &first);
    }
    return outcome;
}

enum mr_outcome
mri_txn_control(struct mr_loader *loader,
                const struct mri_txn_ask *ask,
                struct mr_txn_reply *reply)
{
    mri_txn_reply_init(reply);
    struct curl_slist *headers = control_headers(loader, ask);
    if (!headers)
        return refuse(reply, "a name has a control character, or no memory");
    struct mri_exchange x = {.headers = headers,
                             .post = true,
                             .timeout_ms = loader->hub->limits.control_ms + ask->wait_s * 1000};
    enum mr_outcome outcome = post(loader, ask, &x, reply);
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
load_headers(const struct mr_loader *loader,
             const struct mr_load_job *job,
             bool single,
             bool expect)
{
    struct curl_slist *list = add_txn(loader, mri_load_headers(loader, job, expect), single);
    return list ? mri_load_header_add(list, "table", job->table) : NULL;
}

static enum mr_outcome
find_backend(struct mr_loader *loader,
             const struct mr_load_job *job,
             bool single,
             const char *path,
             struct mri_node *ret_backend,
             struct mr_txn_reply *reply)
{
    struct mri_question question = {.path = path,
                                    .leader = true,
                                    .headers = load_headers(loader, job, single, true),
                                    .judge = {classify_fe, reply}};
    if (!question.headers)
        return mri_load_headers_refused(job, &reply->load);
    enum mr_outcome outcome = mri_load_redirect(loader, &question, ret_backend, &reply->load);
    curl_slist_free_all(question.headers);
    return outcome;
}

static enum mr_outcome
attempt(struct mr_loader *loader,
        const struct mr_load_job *job,
        bool single,
        struct mr_txn_reply *reply)
{
    static const char path[] = "/api/transaction/load";
    const struct mri_judge judge = {classify_be, reply};
    struct mri_node backend;
    enum mr_outcome outcome = find_backend(loader, job, single, path, &backend, reply);
    if (outcome != MR_OUTCOME_DONE)
        return outcome;
    struct curl_slist *headers = load_headers(loader, job, single, loader->careful);
    if (!headers)
        return mri_load_headers_refused(job, &reply->load);
    outcome = mri_load_send(loader, &backend, path, headers, job->body, &judge, &reply->load);
    curl_slist_free_all(headers);
    return outcome;
}

enum mr_outcome
mri_txn_load_try(struct mr_loader *loader,
                 const struct mr_load_job *job,
                 bool single,
                 struct mr_txn_reply *reply)
{
    mri_txn_reply_init(reply);
    enum mr_outcome outcome = attempt(loader, job, single, reply);
    if (outcome == MR_OUTCOME_UNKNOWN && reply->answer == MR_TXN_ACCEPTED)
        reply->answer = MR_TXN_UNANSWERED; /* accepted before all of it was sent */
    reply->load.outcome = outcome;
    return outcome;
}
