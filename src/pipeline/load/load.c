/* Load: one attempt. A redirect when no backend is known, then the body straight to the backend. */
#include "millrace/load.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "millrace/base/assert.h"
#include "millrace/base/clock.h"
#include "pipeline/load/load_priv.h"

bool
mri_load_label_valid(const char *label)
{
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t len = strlen(label);
    return len >= 1 && len < MRI_LABEL_BYTES && strspn(label, good) == len;
}

struct header {
    const char *name, *value; /* value NULL: left out */
};

static struct curl_slist *
add_all(struct curl_slist *list, const struct header *headers, size_t count)
{
    for (size_t i = 0; i < count && list; i++) {
        if (headers[i].value)
            list = mri_load_header_add(list, headers[i].name, headers[i].value);
    }
    return list;
}

/* strict_mode: without it a value that does not convert becomes NULL in silence where the column
 * allows NULL; with it the row is filtered, and max_filter_ratio 0 then fails the load. */
struct curl_slist *
mri_load_headers(const struct mr_loader *loader, const struct mr_load_job *job, bool expect)
{
    char timeout[24];
    (void)snprintf(timeout, sizeof timeout, "%" PRId64, loader->hub->load_timeout_s);
    bool json = job->body->format == MR_BODY_JSON;
    const struct header headers[] = {
        {"label", job->label},
        {"format", json ? "json" : "csv"},
        {"columns", job->columns},
        {"column_separator", json ? NULL : "\\x01"},
        {"row_delimiter", json ? NULL : "\\x02"},
        {"ignore_json_size", json ? "true" : NULL},
        {"timezone", "UTC"},
        {"timeout", timeout},
        {"max_filter_ratio", "0"},
        {"strict_mode", "true"},
        {"merge_condition", job->merge_condition},
    };
    /* libcurl 7.88 asks before every PUT; a backend that is known needs no asking, which saves a
     * round trip, unless the last attempt went wrong: then it may say why before the body goes out.
     */
    struct curl_slist *list = expect ? mri_load_header_add(NULL, "Expect", "100-continue")
                                     : curl_slist_append(NULL, "Expect:");
    return add_all(list, headers, MR_ARRAY_LEN(headers));
}

enum mr_outcome
mri_load_headers_refused(const struct mr_load_job *job, struct mr_load_reply *reply)
{
    return mri_load_reply_set(
        reply,
        MR_OUTCOME_FATAL,
        "request refused",
        "a header of table %s cannot be sent: a control character in a column "
        "name, or no memory",
        job->table);
}

/* What an answer, or its absence, means once the body may have gone out. */
static enum mr_outcome
judge_exchange(struct mr_loader *loader,
               const struct mri_exchange *x,
               const struct mri_judge *judge,
               struct mr_load_reply *reply)
{
    enum mr_outcome outcome;
    if (x->code == CURLE_OK) {
        outcome = judge->classify(loader, x->status, reply, judge->context);
        if (outcome != MR_OUTCOME_DONE || x->handed == x->body->bytes)
            return outcome;
        return mri_load_reply_set(reply,
                                  MR_OUTCOME_UNKNOWN,
                                  "answered too early",
                                  "success was answered before the whole body was sent");
    }
    if (!x->sent && x->status == 0)
        return mri_load_reply_failed(
            reply, x->stopped ? MR_OUTCOME_RETRY : MR_OUTCOME_RECONNECT, x);
    /* A backend that refuses answers before it has read the body and closes: the rest of the body
     * then fails, and the answer, complete as only complete JSON can be parsed, still counts. */
    if (!x->oversize && x->status == 200) {
        outcome = judge->classify(loader, x->status, reply, judge->context);
        if (outcome != MR_OUTCOME_DONE && outcome != MR_OUTCOME_UNKNOWN)
            return outcome;
    }
    return mri_load_reply_failed(reply, MR_OUTCOME_UNKNOWN, x);
}

enum mr_outcome
mri_load_send(struct mr_loader *loader,
              const struct mri_node *backend,
              const char *path,
              struct curl_slist *headers,
              const struct mr_body *body,
              const struct mri_judge *judge,
              struct mr_load_reply *reply)
{
    char url[MRI_URL_BYTES];
    if (!mri_load_url(backend, path, url, sizeof url))
        return mri_load_reply_set(
            reply, MR_OUTCOME_FATAL, "request refused", "table name too long");
    struct mri_exchange x = {.url = url,
                             .headers = headers,
                             .body = body,
                             .put = true,
                             .credentials = true,
                             .timeout_ms = loader->hub->load_timeout_s * 1000 +
                                           loader->hub->limits.body_slack_ms};
    mri_load_http_exchange(loader, &x);
    return judge_exchange(loader, &x, judge, reply);
}

static enum mr_outcome
classify_plain(const struct mr_loader *loader,
               long status,
               struct mr_load_reply *reply,
               void *context)
{
    (void)context;
    return mr_load_classify((int)status, mri_load_text(loader), loader->text.len, reply);
}

static enum mr_outcome
send_plain(struct mr_loader *loader,
           const struct mri_node *backend,
           const struct mr_load_job *job,
           struct mr_load_reply *reply)
{
    char path[MRI_URL_BYTES];
    const struct mri_judge judge = {classify_plain, NULL};
    if (!mri_load_path(loader->hub, job->table, path, sizeof path))
        return mri_load_reply_set(
            reply, MR_OUTCOME_FATAL, "request refused", "table name too long");
    struct curl_slist *headers = mri_load_headers(loader, job, loader->careful);
    if (!headers)
        return mri_load_headers_refused(job, reply);
    enum mr_outcome outcome =
        mri_load_send(loader, backend, path, headers, job->body, &judge, reply);
    curl_slist_free_all(headers);
    return outcome;
}

static enum mr_outcome
attempt(struct mr_loader *loader, const struct mr_load_job *job, struct mr_load_reply *reply)
{
    struct mri_node backend;
    if (mri_load_stopped(loader))
        return mri_load_reply_set(
            reply, MR_OUTCOME_RETRY, "stopped", "stopped before the load began");
    if (!mri_load_label_valid(job->label))
        return mri_load_reply_set(reply,
                                  MR_OUTCOME_FATAL,
                                  "label refused",
                                  "label \"%s\" is not of the form [-\\w]{1,128}",
                                  job->label);
    if (!mri_load_hub_backend(loader->hub, &backend)) {
        enum mr_outcome outcome =
            mri_load_redirect_plain(loader, job->table, job->label, &backend, reply);
        if (outcome != MR_OUTCOME_DONE)
            return outcome;
        mri_load_hub_learn(loader->hub, &backend);
    }
    enum mr_outcome outcome = send_plain(loader, &backend, job, reply);
    if (outcome == MR_OUTCOME_RETRY || outcome == MR_OUTCOME_RECONNECT ||
        outcome == MR_OUTCOME_UNKNOWN)
        mri_load_hub_forget(loader->hub, &backend);
    return outcome;
}

void
mri_load_count_attempt(struct mr_load_hub *hub, enum mr_outcome outcome, int64_t begin_ms)
{
    mri_load_count(&hub->counters.outcomes[outcome], 1);
    mri_load_count(&hub->counters.attempt_us,
                   (uint64_t)(mr_clock_monotonic_ms() - begin_ms) * 1000);
}

enum mr_outcome
mr_load_once(struct mr_loader *loader,
             const struct mr_load_job *job,
             struct mr_load_reply *ret_reply)
{
    MR_REQUIRE(job->body->bytes > 0); /* the server fails empty loads: do not send them */
    struct mr_load_hub *hub = loader->hub;
    int64_t begin = mr_clock_monotonic_ms();
    mri_load_reply_init(ret_reply);
    enum mr_outcome outcome = attempt(loader, job, ret_reply);
    ret_reply->outcome = outcome;
    mri_load_count_attempt(hub, outcome, begin);
    if (outcome == MR_OUTCOME_DONE)
        mri_load_hub_done(hub, job, ret_reply->visible);
    return outcome;
}
