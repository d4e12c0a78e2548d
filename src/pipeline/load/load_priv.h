/* What the files of load/ share: nodes, the hub's inside, one HTTP exchange.
 * Threads: a loader and its exchanges belong to one thread; the hub is shared, its lock is a leaf.
 */
#pragma once

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "millrace/base/log.h"
#include "millrace/base/text.h"
#include "millrace/load.h"

#define MRI_REPLY_BYTES   ((size_t)64 * 1024)
#define MRI_BACKENDS      256
#define MRI_HOST_BYTES    256
#define MRI_LABEL_BYTES   129
#define MRI_URL_BYTES     4096
#define MRI_FE_PORT       8030
#define MRI_BE_PORT       8040
#define MRI_STOP_SLICE_MS 50

/* host:port; an IPv6 host keeps its brackets. port 0 on the allow list: any. */
struct mri_node {
    char host[MRI_HOST_BYTES];
    uint16_t port;
};

/* Durations, in one place so that tests can shorten them. */
struct mri_limits {
    int64_t control_ms;     /* one question to an FE */
    int64_t body_slack_ms;  /* on top of the `timeout` header: the server gives up first */
    int64_t publish_wait_s; /* how long a commit may wait at the server to become visible */
    int64_t refresh_ms;     /* ask an FE for a backend at least this often */
    int64_t pause_min_ms, pause_max_ms;
    int64_t remind_ms;  /* "still failing" lines */
    int64_t horizon_ms; /* age up to which an unknown label is taken as absent without a witness */
};

struct mri_counters { /* [atomic: relaxed; plain sums, they order nothing] */
    _Atomic uint64_t outcomes[MR_OUTCOME_FATAL + 1];
    _Atomic uint64_t bytes, rows, attempt_us, fe_asked, labels_asked, connects, row_differences;
};

struct mr_load_hub {
    struct mri_node *fes;     /* [const] */
    uint32_t fe_count;        /* [const] */
    struct mri_node *allowed; /* [const] FE hosts on any port, then sink.starrocks.backends */
    uint32_t allowed_count;   /* [const] */
    char *database;           /* [const] percent-encoded */
    char *database_name;      /* [const] as it is, for headers */
    char *user, *password;    /* [const] */
    int64_t connect_timeout_ms, load_timeout_s; /* [const] */
    struct mri_limits limits;                   /* [const] once loaders exist */
    _Atomic bool stop; /* [atomic: release by mr_load_stop, acquire by the loaders] */
    struct mri_counters counters;

    pthread_mutex_t lock;
    struct mr_loader *loaders;              /* [lock: lock] */
    struct mri_node backends[MRI_BACKENDS]; /* [lock: lock] */
    uint32_t backend_count, backend_next;   /* [lock: lock] */
    uint32_t fe_current;                    /* [lock: lock] */
    struct mri_node leader;                 /* [lock: lock] FE that others named; port 0: none */
    bool news;                              /* [lock: lock] the last redirect named a new backend */
    int64_t asked_ms;                       /* [lock: lock] when a redirect was last asked for */
    char done_label[MRI_LABEL_BYTES]; /* [lock: lock] the last label known as visible, or "" */
};

struct mr_loader {
    struct mr_load_hub *hub; /* [const] */
    struct mr_loader *next;  /* [lock: hub] */
    CURLM *multi;            /* [const] its wakeup may be called by any thread */
    CURL *control;           /* [own: loader] questions to FEs */
    CURL *sender;            /* [own: loader] bodies to backends; NULL after a failure: made anew */
    struct mr_text text;     /* [own: loader] body of the last reply */
    const _Atomic bool *give_up; /* [own: loader] the job's, or NULL */
    uint64_t random;             /* [own: loader] state of the jitter */
    bool careful; /* [own: loader] ask the backend with Expect before the body goes out */
    uint32_t attempts_most; /* of a commit or rollback; 0: no bound */
};

/* One HTTP exchange; the reply's body is in loader->text afterwards. */
struct mri_exchange {
    const char *url;
    struct curl_slist *headers;
    const struct mr_body *body; /* PUT with this body; NULL: as `put` says, without one */
    bool put;
    bool post; /* empty POST, sent once: libcurl may not repeat it on another connection */
    bool credentials;
    int64_t timeout_ms;

    CURLcode code;
    long status;                  /* 0: no status line came */
    bool asked;                   /* the request's head may have gone out */
    bool sent;                    /* bytes of the body may have gone out */
    size_t handed;                /* bytes of the body that libcurl took */
    bool stopped;                 /* cut by mr_load_stop or give_up */
    bool oversize;                /* the reply was longer than MRI_REPLY_BYTES */
    char redirect[MRI_URL_BYTES]; /* absolute, or "" */
    struct mri_node via; /* by mri_load_ask: who named the host that was asked last; port 0: nobody */
    char problem[CURL_ERROR_SIZE];

    struct mr_loader *loader; /* set by mri_load_http_exchange, as is the reading position */
    const struct mr_chunk *chunk;
    size_t offset;
};

/* --- node.c: addresses -------------------------------------------------------------------- */

/* http URL → node. Returns NULL, or what is wrong with it. */
const char *mri_load_node_parse(const char *url, uint16_t default_port, struct mri_node *ret_node);

bool mri_load_node_equal(const struct mri_node *a, const struct mri_node *b);

/* On the allow list? */
bool mri_load_node_allowed(const struct mr_load_hub *hub, const struct mri_node *node);

/* --- hub.c: what the loaders share --------------------------------------------------------- */

/* A known backend, round-robin; false when an FE should be asked. Any thread. */
bool mri_load_hub_backend(struct mr_load_hub *hub, struct mri_node *ret_node);

void mri_load_hub_learn(struct mr_load_hub *hub, const struct mri_node *backend);

/* The backend failed: the next load asks an FE. */
void mri_load_hub_forget(struct mr_load_hub *hub, const struct mri_node *backend);

uint32_t mri_load_hub_fe(struct mr_load_hub *hub);

/* The FE failed: the next question goes to the one after it. */
void mri_load_hub_fe_failed(struct mr_load_hub *hub, uint32_t fe);

/* Where the leader is asked: the FE that others named as such, else the current one. */
struct mri_node mri_load_hub_leader(struct mr_load_hub *hub);

/* `node` answered as leader after a redirect. */
void mri_load_hub_leads(struct mr_load_hub *hub, const struct mri_node *node);

/* It gave no answer: another FE may know of a new leader. */
void mri_load_hub_leader_failed(struct mr_load_hub *hub, const struct mri_node *node);

/* Hosts that could be tried, FEs and known backends. */
uint32_t mri_load_hub_hosts(struct mr_load_hub *hub);

/* A load is in: counts it and, when it is visible, keeps its label as a witness. */
void mri_load_hub_done(struct mr_load_hub *hub, const struct mr_load_job *job, bool visible);

void mri_load_hub_witness(struct mr_load_hub *hub, char *out);

static inline void
mri_load_count(_Atomic uint64_t *counter, uint64_t value)
{
    atomic_fetch_add_explicit(counter, value, memory_order_relaxed);
}

/* --- http.c: one exchange ------------------------------------------------------------------ */

MR_NODISCARD enum mr_rc mri_load_http_open(struct mr_loader *loader);

void mri_load_http_close(struct mr_loader *loader);

/* Thread: the loader's. */
void mri_load_http_exchange(struct mr_loader *loader, struct mri_exchange *exchange);

/* True when the node takes a TCP connection; problem has room for CURL_ERROR_SIZE. */
bool mri_load_http_connects(struct mr_loader *loader, const struct mri_node *node, char *problem);

bool mri_load_stopped(const struct mr_loader *loader);

/* Sleeps, unless stopped. */
void mri_load_pause(struct mr_loader *loader, int64_t ms);

/* Jittered exponential pause after `failures` (1, 2, …) in a row. */
int64_t mri_load_backoff_ms(struct mr_loader *loader, uint32_t failures);

/* --- reply.c: what was answered ------------------------------------------------------------- */

/* What a 2xx reply of JSON says; texts never NULL. */
struct mri_words {
    const char *status, *message, *job_status;
};

/* Empties the reply: outcome UNKNOWN, cause "no answer". */
void mri_load_reply_init(struct mr_load_reply *reply);

enum mr_outcome mri_load_reply_set(struct mr_load_reply *reply,
                                   enum mr_outcome outcome,
                                   const char *cause,
                                   const char *format,
                                   ...) MR_PRINTF(4, 5);

/* The exchange failed without a usable answer: message and cause, outcome as given. */
enum mr_outcome mri_load_reply_failed(struct mr_load_reply *reply,
                                      enum mr_outcome outcome,
                                      const struct mri_exchange *exchange);

/* Outcome and cause; the message stays. */
enum mr_outcome
mri_load_reply_conclude(struct mr_load_reply *reply, enum mr_outcome outcome, const char *cause);

/* Pure: fills the reply from a body of either shape. What is no 2xx or no JSON is judged here, the
 * rest by `judge`. */
enum mr_outcome mri_load_reply_read(int http_status,
                                    const char *body,
                                    size_t len,
                                    enum mr_outcome (*judge)(const struct mri_words *words,
                                                             struct mr_load_reply *reply,
                                                             void *context),
                                    void *context,
                                    struct mr_load_reply *ret_reply);

/* Pure: what the words of a failure mean (phrases.def). */
enum mr_outcome mri_load_message_classify(const char *message, struct mr_load_reply *reply);

/* Pure: reply of get_load_state. MR_LABEL_UNANSWERED when it is no answer. */
enum mr_label_state
mri_load_label_parse(long status, const char *body, size_t len, struct mr_load_reply *ret_reply);

/* Text of the last reply; never NULL. */
static inline const char *
mri_load_text(const struct mr_loader *loader)
{
    return loader->text.p ? loader->text.p : "";
}

/* What the answer in loader->text means. */
struct mri_judge {
    enum mr_outcome (*classify)(const struct mr_loader *loader,
                                long status,
                                struct mr_load_reply *reply,
                                void *context);
    void *context;
};

/* --- redirect.c, ask.c: questions to FEs ----------------------------------------------------- */

/* Asks where a body may be sent. */
struct mri_question {
    const char *path;           /* behind host and port */
    bool leader;                /* only the leader can tell */
    struct curl_slist *headers; /* borrowed */
    struct mri_judge judge;     /* of an answer without a redirect; only a head was sent */
};

/* One empty PUT to an FE, and to the FE that it names. DONE: *ret_node may be sent to. */
enum mr_outcome mri_load_redirect(struct mr_loader *loader,
                                  const struct mri_question *question,
                                  struct mri_node *ret_node,
                                  struct mr_load_reply *reply);

/* The same for a plain load; label may be NULL. */
enum mr_outcome mri_load_redirect_plain(struct mr_loader *loader,
                                        const char *table,
                                        const char *label,
                                        struct mri_node *ret_node,
                                        struct mr_load_reply *reply);

/* Location → node on the allow list: DONE or FATAL. */
enum mr_outcome mri_load_follow(const struct mr_loader *loader,
                                const struct mri_exchange *x,
                                uint16_t default_port,
                                struct mri_node *ret_node,
                                struct mr_load_reply *reply);

/* A request without a body to an FE, and to the leader it names; *fe is then that one. x carries
 * the request; its url is set here. DONE: an answer is in loader->text, its status in x. FATAL:
 * redirected off the allow list. RECONNECT: no answer; x->asked tells whether one was due. */
enum mr_outcome mri_load_ask(struct mr_loader *loader,
                             struct mri_node *fe,
                             const char *path,
                             struct mri_exchange *x,
                             struct mr_load_reply *reply);

/* Path of a plain load. False when it does not fit. */
bool mri_load_path(const struct mr_load_hub *hub, const char *table, char *out, size_t size);

/* URL of a path on a node. False when it does not fit. */
bool mri_load_url(const struct mri_node *node, const char *path, char *out, size_t size);

/* --- label.c: the fate of a label ------------------------------------------------------------ */

/* mr_load_label_state inside a call that has its give_up set already. */
enum mr_label_state mri_load_label_ask(struct mr_loader *loader,
                                       const char *label,
                                       struct mr_error *reterr_error);

/* --- load.c: bodies -------------------------------------------------------------------------- */

bool mri_load_label_valid(const char *label);

/* Appends "name: value"; NULL (and the list freed) when memory ran out or the value holds a control
 * character. */
struct curl_slist *
mri_load_header_add(struct curl_slist *list, const char *name, const char *value);

/* Headers of a load. `expect`: ask before the body goes out. NULL as above. */
struct curl_slist *
mri_load_headers(const struct mr_loader *loader, const struct mr_load_job *job, bool expect);

/* The reply for headers that were NULL. */
enum mr_outcome mri_load_headers_refused(const struct mr_load_job *job,
                                         struct mr_load_reply *reply);

/* The body to a backend, once, and what the answer, or its absence, means: RECONNECT, nothing of
 * the body went out; UNKNOWN, some may have. */
enum mr_outcome mri_load_send(struct mr_loader *loader,
                              const struct mri_node *backend,
                              const char *path,
                              struct curl_slist *headers,
                              const struct mr_body *body,
                              const struct mri_judge *judge,
                              struct mr_load_reply *reply);

/* Counts an attempt to load that began at begin_ms. */
void mri_load_count_attempt(struct mr_load_hub *hub, enum mr_outcome outcome, int64_t begin_ms);

/* --- trouble.c: attempts in a row ------------------------------------------------------------- */

struct mri_sentences {
    const char *failed, *refused, *unknown, *recovered;
};

/* What is in the way of one call, from its first attempt to its end: pauses and log lines. */
struct mri_trouble {
    struct mr_loader *loader;
    const char *table, *label; /* table: "" when there is none */
    const struct mri_sentences *say;
    struct mr_load_reply *reply; /* of the last attempt */
    uint32_t attempts;
    uint32_t failures;   /* in a row that had a pause; sets its length */
    uint32_t reconnects; /* in a row without a pause */
    int64_t begin_ms;
    int64_t logged_ms; /* last line about the trouble */
    const char *cause; /* of that line, NULL: none */
    enum mr_outcome outcome;
};

void mri_trouble_log(const struct mri_trouble *t, enum mr_log_level level, const char *sentence);

/* One line when the situation changes, then one each remind_ms. */
void mri_trouble_note(struct mri_trouble *t, enum mr_outcome outcome);

void mri_trouble_pause(struct mri_trouble *t);

/* After RETRY, RECONNECT or a FATAL that can be mended: notes it and pauses. A host that took
 * nothing costs no pause, once for each host there is. */
void mri_trouble_wait(struct mri_trouble *t, enum mr_outcome outcome);

/* The outcome goes into the reply; DONE after trouble has its line. */
enum mr_outcome mri_trouble_finish(struct mri_trouble *t, enum mr_outcome outcome);
