/* Redirect: which backend takes a load. An FE is asked with an empty PUT; its Location is
 * server-made data, so only host and port are taken from it, and only when they are on the allow
 * list. */
#include "pipeline/load/load_priv.h"

#include <stdio.h>
#include <string.h>

#include "millrace/base/assert.h"

#define HOPS_MAX 3 /* an FE may name another FE (its leader) before a backend */

bool
mri_load_path(const struct mr_load_hub *hub, const char *table, char *out, size_t size)
{
    char *escaped = curl_easy_escape(NULL, table, 0);
    if (!escaped)
        return false;
    int len = snprintf(out, size, "/api/%s/%s/_stream_load", hub->database, escaped);
    curl_free(escaped);
    return len > 0 && (size_t)len < size;
}

bool
mri_load_url(const struct mri_node *node, const char *path, char *out, size_t size)
{
    int len = snprintf(out, size, "http://%s:%u%s", node->host, node->port, path);
    return len > 0 && (size_t)len < size;
}

static bool
is_printable(const char *text)
{
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            return false;
    }
    return true;
}

struct curl_slist *
mri_load_header_add(struct curl_slist *list, const char *name, const char *value)
{
    struct mr_text line = {0};
    struct curl_slist *longer = NULL;
    mr_text_addf(&line, "%s: %s", name, value);
    if (is_printable(value) && !line.overflow)
        longer = curl_slist_append(list, mr_text_str(&line));
    mr_text_fini(&line);
    if (!longer)
        curl_slist_free_all(list);
    return longer;
}

enum mr_outcome
mri_load_reply_failed(struct mr_load_reply *reply,
                      enum mr_outcome outcome,
                      const struct mri_exchange *exchange)
{
    const char *cause = "connection failed";
    if (exchange->stopped)
        cause = "stopped";
    else if (exchange->oversize)
        cause = "not a load's reply";
    else if (exchange->code == CURLE_OPERATION_TIMEDOUT)
        cause = "no answer in time";
    return mri_load_reply_set(reply,
                              outcome,
                              cause,
                              "%s",
                              exchange->stopped ? "stopped before an answer came"
                                                : exchange->problem);
}

/* One empty PUT. */
static enum mr_outcome
ask(struct mr_loader *loader,
    const struct mri_node *fe,
    const struct mri_question *question,
    struct mri_exchange *x,
    struct mr_load_reply *reply)
{
    char url[MRI_URL_BYTES];
    if (!mri_load_url(fe, question->path, url, sizeof url))
        return mri_load_reply_set(
            reply, MR_OUTCOME_FATAL, "request refused", "table name too long");
    *x = (struct mri_exchange){.url = url,
                               .headers = question->headers,
                               .put = true,
                               .credentials = true,
                               .timeout_ms = loader->hub->limits.control_ms};
    mri_load_count(&loader->hub->counters.fe_asked, 1);
    mri_load_http_exchange(loader, x);
    x->url = NULL;
    x->headers = NULL;
    if (x->code != CURLE_OK)
        return mri_load_reply_failed(
            reply, x->stopped ? MR_OUTCOME_RETRY : MR_OUTCOME_RECONNECT, x);
    return MR_OUTCOME_DONE;
}

/* An FE that answers, but with no redirect. No body was sent, so nothing can be in. */
static enum mr_outcome
judge_refusal(const struct mr_loader *loader,
              long status,
              struct mr_load_reply *reply,
              void *context)
{
    (void)context;
    enum mr_outcome outcome =
        mr_load_classify((int)status, mri_load_text(loader), loader->text.len, reply);
    switch (outcome) {
    case MR_OUTCOME_DONE:
    case MR_OUTCOME_REJECTED:
        reply->outcome = MR_OUTCOME_FATAL;
        reply->mendable = true;
        reply->cause = "no redirect";
        (void)snprintf(reply->hint,
                       sizeof reply->hint,
                       "sink.starrocks.fe must name an FE's HTTP port, usually 8030");
        break;
    case MR_OUTCOME_UNKNOWN:
        reply->outcome = MR_OUTCOME_RETRY;
        break;
    case MR_OUTCOME_RETRY:
    case MR_OUTCOME_RECONNECT:
    case MR_OUTCOME_FATAL:
        break;
    }
    return reply->outcome;
}

enum mr_outcome
mri_load_follow(const struct mr_loader *loader,
                const struct mri_exchange *x,
                uint16_t default_port,
                struct mri_node *ret_node,
                struct mr_load_reply *reply)
{
    char shown[256];
    (void)mr_text_quote(shown, sizeof shown, x->redirect, strlen(x->redirect));
    const char *problem = mri_load_node_parse(x->redirect, default_port, ret_node);
    if (problem) {
        (void)mri_load_reply_set(reply,
                                 MR_OUTCOME_FATAL,
                                 "redirect refused",
                                 "redirected to \"%s\", which %s",
                                 shown,
                                 problem);
        return MR_OUTCOME_FATAL;
    }
    if (mri_load_node_allowed(loader->hub, ret_node))
        return MR_OUTCOME_DONE;
    (void)mri_load_reply_set(reply,
                             MR_OUTCOME_FATAL,
                             "redirect refused",
                             "redirected to %s:%u, which is not on the allow list",
                             ret_node->host,
                             ret_node->port);
    (void)snprintf(
        reply->hint,
        sizeof reply->hint,
        "if it is a backend of this cluster, add \"%.160s:%u\" to sink.starrocks.backends",
        ret_node->host,
        ret_node->port);
    return MR_OUTCOME_FATAL;
}

static bool
is_fe(const struct mr_load_hub *hub, const struct mri_node *node)
{
    for (uint32_t i = 0; i < hub->fe_count; i++) {
        if (mri_load_node_equal(&hub->fes[i], node))
            return true;
    }
    return false;
}

enum mr_outcome
mri_load_redirect(struct mr_loader *loader,
                  const struct mri_question *question,
                  struct mri_node *ret_node,
                  struct mr_load_reply *reply)
{
    struct mr_load_hub *hub = loader->hub;
    uint32_t fe = mri_load_hub_fe(hub);
    struct mri_node node = question->leader ? mri_load_hub_leader(hub) : hub->fes[fe];
    const struct mri_node first = node;
    struct mri_exchange x;
    enum mr_outcome outcome = MR_OUTCOME_RETRY;
    for (int hop = 0; hop < HOPS_MAX; hop++) {
        outcome = ask(loader, &node, question, &x, reply);
        if (outcome == MR_OUTCOME_DONE)
            outcome =
                x.redirect[0]
                    ? mri_load_follow(loader, &x, MRI_BE_PORT, &node, reply)
                    : question->judge.classify(loader, x.status, reply, question->judge.context);
        if (outcome != MR_OUTCOME_DONE)
            break;
        if (!is_fe(hub, &node)) {
            *ret_node = node;
            return MR_OUTCOME_DONE;
        }
        outcome = mri_load_reply_set(
            reply, MR_OUTCOME_RETRY, "redirected in a circle", "FEs name each other, no backend");
    }
    if (outcome != MR_OUTCOME_FATAL && !x.stopped) {
        mri_load_hub_fe_failed(hub, fe);
        mri_load_hub_leader_failed(hub, &first);
    }
    return outcome;
}

/* The label goes along so that the FE's log names the load. */
enum mr_outcome
mri_load_redirect_plain(struct mr_loader *loader,
                        const char *table,
                        const char *label,
                        struct mri_node *ret_node,
                        struct mr_load_reply *reply)
{
    char path[MRI_URL_BYTES];
    if (!mri_load_path(loader->hub, table, path, sizeof path))
        return mri_load_reply_set(
            reply, MR_OUTCOME_FATAL, "request refused", "table name too long");
    struct curl_slist *headers = mri_load_header_add(NULL, "Expect", "100-continue");
    if (headers && label)
        headers = mri_load_header_add(headers, "label", label);
    if (!headers)
        return mri_load_reply_set(
            reply, MR_OUTCOME_RETRY, "out of memory", "no memory for a request");
    struct mri_question question = {
        .path = path, .headers = headers, .judge = {judge_refusal, NULL}};
    enum mr_outcome outcome = mri_load_redirect(loader, &question, ret_node, reply);
    curl_slist_free_all(headers);
    return outcome;
}

static enum mr_rc
probe_failed(const struct mr_load_reply *reply, struct mr_error *reterr_error)
{
    enum mr_rc rc = MR_STARROCKS;
    if (strcmp(reply->cause, "redirect refused") == 0)
        rc = MR_CONFIG;
    else if (strcmp(reply->cause, "table missing") == 0 ||
             strcmp(reply->cause, "database missing") == 0)
        rc = MR_TABLE;
    rc = mr_error_set(reterr_error, rc, "%s: %s", reply->cause, reply->message);
    if (reply->hint[0])
        mr_error_hint(reterr_error, "%s", reply->hint);
    return rc;
}

enum mr_rc
mr_load_probe(struct mr_loader *loader, const char *table, struct mr_error *reterr_error)
{
    struct mri_node node;
    struct mr_load_reply reply;
    enum mr_outcome outcome = MR_OUTCOME_RECONNECT;
    mri_load_reply_init(&reply);
    loader->give_up = NULL;
    for (uint32_t i = 0; i < loader->hub->fe_count && outcome == MR_OUTCOME_RECONNECT; i++)
        outcome = mri_load_redirect_plain(loader, table, NULL, &node, &reply);
    if (outcome != MR_OUTCOME_DONE)
        return probe_failed(&reply, reterr_error);
    char problem[CURL_ERROR_SIZE];
    if (mri_load_http_connects(loader, &node, problem))
        return MR_OK;
    (void)mr_error_set(reterr_error,
                       MR_STARROCKS,
                       "the backend %s:%u that the FE names: %s",
                       node.host,
                       node.port,
                       problem);
    mr_error_hint(reterr_error,
                  "backends must be reachable from here under the address that they "
                  "registered with");
    return MR_STARROCKS;
}

enum mr_rc
mr_load_error_rows(struct mr_loader *loader, const char *url, char *out, size_t size)
{
    struct mri_node node;
    if (mri_load_node_parse(url, MRI_BE_PORT, &node) || !mri_load_node_allowed(loader->hub, &node))
        return MR_STARROCKS;
    /* Without credentials: the error log asks for none. */
    struct mri_exchange x = {.url = url, .timeout_ms = loader->hub->limits.control_ms};
    mri_load_http_exchange(loader, &x);
    if (x.status != 200 || loader->text.len == 0 || (x.code != CURLE_OK && !x.oversize))
        return MR_STARROCKS;
    (void)mr_text_quote(out, size, loader->text.p, loader->text.len);
    return MR_OK;
}
