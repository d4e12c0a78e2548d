/* Replies: what a backend's or an FE's JSON means. Pure. */
#include "pipeline/load/load_priv.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "millrace/base/attr.h"

struct phrase {
    enum mr_outcome outcome;
    bool mendable;
    const char *cause, *phrase, *hint;
};

static const struct phrase phrases[] = {
#define X(outcome, mendable, cause, phrase, hint)                                                  \
    {MR_OUTCOME_##outcome, mendable, cause, phrase, hint},
#include "pipeline/load/phrases.def"
#undef X
};

void
mri_load_reply_init(struct mr_load_reply *reply)
{
    *reply =
        (struct mr_load_reply){.outcome = MR_OUTCOME_UNKNOWN, .txn_id = -1, .cause = "no answer"};
}

enum mr_outcome
mri_load_reply_set(struct mr_load_reply *reply,
                   enum mr_outcome outcome,
                   const char *cause,
                   const char *format,
                   ...)
{
    va_list args;
    reply->outcome = outcome;
    reply->cause = cause;
    reply->mendable = false;
    reply->hint[0] = '\0';
    va_start(args, format);
    (void)vsnprintf(reply->message, sizeof reply->message, format, args);
    va_end(args);
    return outcome;
}

static void
set_hint(struct mr_load_reply *reply, const char *hint)
{
    (void)snprintf(reply->hint, sizeof reply->hint, "%s", hint);
}

/* Servers quote refused rows, whose bytes need not be UTF-8; without them the reply would be no
 * JSON and its verdict lost. */
static json_t *
parse_scrubbed(const char *body, size_t len)
{
    char *copy = malloc(len + 1);
    if (!copy)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)body[i];
        copy[i] = c >= 0x80 ? '?' : c < 0x20 ? ' ' : (char)c;
    }
    json_t *root = json_loadb(copy, len, JSON_ALLOW_NUL, NULL);
    free(copy);
    return root;
}

/* A JSON object, or NULL. */
static json_t *
parse_object(const char *body, size_t len)
{
    json_t *root = json_loadb(body, len, JSON_ALLOW_NUL, NULL);
    if (!root)
        root = parse_scrubbed(body, len);
    if (root && !json_is_object(root)) {
        json_decref(root);
        root = NULL;
    }
    return root;
}

/* Member by name: as spelled, else in any case of letters (servers differ). */
static json_t *
find_member(json_t *root, const char *name)
{
    json_t *exact = json_object_get(root, name), *value;
    const char *key;
    if (exact)
        return exact;
    json_object_foreach(root, key, value)
    {
        if (strcasecmp(key, name) == 0)
            return value;
    }
    return NULL;
}

static const char *
find_string(json_t *root, const char *name)
{
    const char *text = json_string_value(find_member(root, name));
    return text ? text : "";
}

static uint64_t
find_count(json_t *root, const char *name)
{
    json_int_t value = json_integer_value(find_member(root, name));
    return value > 0 ? (uint64_t)value : 0;
}

static void
read_fields(json_t *root, struct mr_load_reply *reply)
{
    const json_t *txn = find_member(root, "TxnId");
    if (json_is_integer(txn))
        reply->txn_id = json_integer_value(txn);
    reply->rows_total = find_count(root, "NumberTotalRows");
    reply->rows_loaded = find_count(root, "NumberLoadedRows");
    reply->rows_filtered = find_count(root, "NumberFilteredRows");
    reply->rows_unselected = find_count(root, "NumberUnselectedRows");
    const char *url = find_string(root, "ErrorURL");
    if (strlen(url) < sizeof reply->error_url)
        memcpy(reply->error_url, url, strlen(url) + 1);
}

/* Message of either shape. */
static const char *
find_message(json_t *root)
{
    const char *message = find_string(root, "Message");
    return message[0] ? message : find_string(root, "msg");
}

enum mr_outcome
mri_load_reply_conclude(struct mr_load_reply *reply, enum mr_outcome outcome, const char *cause)
{
    reply->outcome = outcome;
    reply->cause = cause;
    return outcome;
}

enum mr_outcome
mri_load_message_classify(const char *message, struct mr_load_reply *reply)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(phrases); i++) {
        const struct phrase *p = &phrases[i];
        if (strcasestr(message, p->phrase)) {
            reply->mendable = p->mendable;
            set_hint(reply, p->hint);
            return mri_load_reply_conclude(reply, p->outcome, p->cause);
        }
    }
    return mri_load_reply_conclude(reply, MR_OUTCOME_UNKNOWN, "failed for a reason not known here");
}

static enum mr_outcome
judge_load(const struct mri_words *words, struct mr_load_reply *reply, void *context)
{
    (void)context;
    const char *status = words->status;
    if (strcasecmp(status, "Success") == 0) {
        reply->visible = true;
        return mri_load_reply_conclude(reply, MR_OUTCOME_DONE, "success");
    }
    if (strcasecmp(status, "Publish Timeout") == 0)
        return mri_load_reply_conclude(reply, MR_OUTCOME_DONE, "committed, visible later");
    if (strcasecmp(status, "Label Already Exists") == 0 ||
        strcasecmp(status, "LABEL_ALREADY_EXISTS") == 0) {
        if (strcasecmp(words->job_status, "FINISHED") == 0)
            return mri_load_reply_conclude(reply, MR_OUTCOME_DONE, "an earlier attempt was loaded");
        return mri_load_reply_conclude(reply, MR_OUTCOME_UNKNOWN, "an earlier attempt still runs");
    }
    /* "OK" is what other endpoints say: it is no word about a load. */
    if (!status[0] || strcasecmp(status, "OK") == 0)
        return mri_load_reply_conclude(reply, MR_OUTCOME_UNKNOWN, "not a load's reply");
    return mri_load_message_classify(words->message, reply);
}

/* HTTP statuses that no load's reply has: FE errors, and whatever stands in between. 408 and 5xx
 * are UNKNOWN: a proxy says 502 or 504 for loads that are still running behind it. */
static const struct {
    int first, last;
    enum mr_outcome outcome;
    const char *cause, *hint;
} http_statuses[] = {
    {300, 399, MR_OUTCOME_RETRY, "redirected once more", ""},
    {401,
     401,
     MR_OUTCOME_FATAL,
     "access denied",
     "check sink.starrocks.user and password, and GRANT INSERT ON the table TO that user"},
    {403,
     403,
     MR_OUTCOME_FATAL,
     "access denied",
     "check sink.starrocks.user and password, and GRANT INSERT ON the table TO that user"},
    {408, 408, MR_OUTCOME_UNKNOWN, "server error", ""},
    {413,
     413,
     MR_OUTCOME_FATAL,
     "body too large",
     "raise the limit of the proxy in between, or lower flush.bytes"},
    {429, 429, MR_OUTCOME_RETRY, "server busy", ""},
    {400,
     499,
     MR_OUTCOME_FATAL,
     "request refused",
     "is this address a StarRocks FE or backend, at its HTTP port?"},
    {500, 599, MR_OUTCOME_UNKNOWN, "server error", ""},
};

static enum mr_outcome
classify_http(int http_status, struct mr_load_reply *reply)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(http_statuses); i++) {
        if (http_status < http_statuses[i].first || http_status > http_statuses[i].last)
            continue;
        set_hint(reply, http_statuses[i].hint);
        reply->mendable = http_statuses[i].outcome == MR_OUTCOME_FATAL;
        return mri_load_reply_conclude(reply, http_statuses[i].outcome, http_statuses[i].cause);
    }
    return mri_load_reply_conclude(reply, MR_OUTCOME_UNKNOWN, "unexpected HTTP status");
}

/* Printable, and without the double quotes that the log would escape once more. */
static void
set_message(struct mr_load_reply *reply, const char *text, size_t len)
{
    char copy[sizeof reply->message];
    size_t kept = len < sizeof copy ? len : sizeof copy;
    for (size_t i = 0; i < kept; i++)
        copy[i] = text[i] == '"' ? '\'' : text[i];
    (void)mr_text_quote(reply->message, sizeof reply->message, copy, kept);
}

enum mr_outcome
mri_load_reply_read(int http_status,
                    const char *body,
                    size_t len,
                    enum mr_outcome (*judge)(const struct mri_words *words,
                                             struct mr_load_reply *reply,
                                             void *context),
                    void *context,
                    struct mr_load_reply *ret_reply)
{
    mri_load_reply_init(ret_reply);
    json_t *root = parse_object(body, len);
    const char *message = root ? find_message(root) : "";
    if (message[0])
        set_message(ret_reply, message, strlen(message));
    else
        set_message(ret_reply, body, len);
    if (root)
        read_fields(root, ret_reply);
    if (http_status < 200 || http_status >= 300) {
        (void)classify_http(http_status, ret_reply);
    } else if (root) {
        const struct mri_words words = {.status = find_string(root, "Status"),
                                        .message = message,
                                        .job_status = find_string(root, "ExistingJobStatus")};
        (void)judge(&words, ret_reply, context);
    } else {
        (void)mri_load_reply_conclude(ret_reply, MR_OUTCOME_UNKNOWN, "not a load's reply");
    }
    json_decref(root);
    return ret_reply->outcome;
}

enum mr_outcome
mr_load_classify(int http_status, const char *body, size_t len, struct mr_load_reply *ret_reply)
{
    return mri_load_reply_read(http_status, body, len, judge_load, NULL, ret_reply);
}

static const struct {
    const char *name;
    enum mr_label_state state;
} label_states[] = {
    {"UNKNOWN", MR_LABEL_UNKNOWN},
    {"PREPARE", MR_LABEL_PREPARE},
    {"PREPARED", MR_LABEL_PREPARED},
    {"COMMITTED", MR_LABEL_COMMITTED},
    {"VISIBLE", MR_LABEL_VISIBLE},
    {"ABORTED", MR_LABEL_ABORTED},
};

static enum mr_label_state
read_state(json_t *root)
{
    const char *name = find_string(root, "state");
    if (strcasecmp(find_string(root, "Status"), "OK") != 0)
        return MR_LABEL_UNANSWERED;
    for (size_t i = 0; i < MR_ARRAY_LEN(label_states); i++) {
        if (strcasecmp(name, label_states[i].name) == 0)
            return label_states[i].state;
    }
    return MR_LABEL_UNANSWERED;
}

enum mr_label_state
mri_load_label_parse(long status, const char *body, size_t len, struct mr_load_reply *ret_reply)
{
    json_t *root = status == 200 ? parse_object(body, len) : NULL;
    enum mr_label_state state = root ? read_state(root) : MR_LABEL_UNANSWERED;
    json_decref(root);
    if (state == MR_LABEL_UNANSWERED)
        (void)mr_load_classify((int)status, body, len, ret_reply);
    return state;
}
