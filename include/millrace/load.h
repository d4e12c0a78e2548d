/* Load: bodies → StarRocks by Stream Load; outcomes and the fate of labels.
 * Threads: a loader belongs to one thread; the shared list of FEs and backends is inside
 *   mr_load_hub (lock: hub, a leaf, held for no I/O). Progress: blocks on the network up to its
 *   timeouts; mr_load_stop makes every wait end within 100 ms.
 * Memory: bodies are borrowed and sent from their chunks; replies are cut at 64 KiB.
 * Errors: outcome classes (model/outcome.h); HTTP 200 proves nothing, the JSON status counts; a
 *   request whose answer was lost is UNKNOWN and settled by asking for the label, never resent
 *   blindly. Credentials go only to FE hosts and to backends on the allow list. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "millrace/base/error.h"
#include "millrace/config.h"
#include "millrace/model/body.h"
#include "millrace/model/outcome.h"

struct mr_load_hub; /* FEs, known backends, allow list, counters: one a process */
struct mr_loader;   /* connections: one a thread */

/* curl_global_init is the caller's (main), once. */
MR_NODISCARD enum mr_rc
mr_load_hub_new(const struct mr_config *config, struct mr_load_hub **ret_hub,
                struct mr_error *reterr_error);

void
mr_load_hub_free(struct mr_load_hub **hub);

/* Any thread: waits and transfers under way end soon, as UNKNOWN or RETRY. */
void
mr_load_stop(struct mr_load_hub *hub);

/* What happened so far, all loaders. */
struct mr_load_counts {
    uint64_t outcomes[MR_OUTCOME_FATAL + 1]; /* attempts to load */
    uint64_t bytes, rows;                    /* of loads that are in */
    uint64_t attempt_us;                     /* time spent in attempts, summed over the loaders */
    uint64_t fe_asked;                       /* redirects asked for */
    uint64_t labels_asked;                   /* questions for the fate of a label */
    uint64_t connects;                       /* connections opened, FE and backends */
    uint64_t row_differences; /* loads that are in with another row count than was sent */
};

/* Any thread; wait-free. */
void
mr_load_hub_counts(const struct mr_load_hub *hub, struct mr_load_counts *ret_counts);

/* Loads into a transaction are in when that is committed: its caller tells, once. Any thread;
 * wait-free. */
void
mr_load_hub_landed(struct mr_load_hub *hub, uint64_t rows, uint64_t bytes);

MR_NODISCARD enum mr_rc
mr_loader_new(struct mr_load_hub *hub, struct mr_loader **ret_loader);

void
mr_loader_free(struct mr_loader **loader);

struct mr_load_job {
    const char *table;
    const char *label;   /* ^[-\w]{1,128}$ */
    const char *columns; /* `columns` header */
    const char *merge_condition; /* or NULL */
    const struct mr_body *body;
};

struct mr_load_reply {
    enum mr_outcome outcome;
    int64_t txn_id; /* -1 unknown */
    uint64_t rows_total, rows_loaded, rows_filtered, rows_unselected;
    bool visible;        /* Success; false after Publish Timeout */
    bool mendable;       /* FATAL only: an operator can mend it while we wait */
    const char *cause;   /* a few words for logs, static: "too many versions"; never NULL */
    char message[512];   /* the server's, quoted */
    char error_url[512]; /* or "" */
    char hint[256];
};

/* One attempt: FE, redirect by hand, body to the backend (or straight to a cached backend). */
enum mr_outcome
mr_load_once(struct mr_loader *loader, const struct mr_load_job *job, struct mr_load_reply *ret_reply);

/* Fate of a label as FE tells it. */
enum mr_label_state {
    MR_LABEL_UNKNOWN, /* never existed, or forgotten: no proof of absence */
    MR_LABEL_PREPARE,
    MR_LABEL_PREPARED,
    MR_LABEL_COMMITTED,
    MR_LABEL_VISIBLE,
    MR_LABEL_ABORTED,
    MR_LABEL_UNANSWERED /* nobody answered */
};

/* give_up (may be NULL) ends it as mr_load_stop does, within 100 ms, as UNANSWERED; so also after some
 * FEs said UNKNOWN and before the others were heard. */
enum mr_label_state
mr_load_label_state(struct mr_loader *loader, const char *label, const _Atomic bool *give_up,
                    struct mr_error *reterr_error);

/* Attempts until the job is settled: back-off with jitter (100 ms … 30 s), other FEs, UNKNOWN
 * settled by the label. Returns DONE, REJECTED or FATAL; RETRY only after mr_load_stop. Logs each
 * change of situation once (first failure, still failing each 30 s, recovered). FATAL situations
 * that an operator can mend while we wait (wrong password, missing table, missing privilege) are
 * retried too and logged as ERROR with a hint, until *give_up (may be NULL) says true. give_up ends
 * this job as mr_load_stop ends all: within 100 ms, a transfer under way too; the job is then RETRY,
 * its fate unsettled. FATAL is returned only for what waiting cannot mend. */
enum mr_outcome
mr_load_settled(struct mr_loader *loader, const struct mr_load_job *job,
                const _Atomic bool *give_up, struct mr_load_reply *ret_reply);

/* Fetches up to `size` bytes of an ErrorURL (allow-listed hosts only), as printable text. */
MR_NODISCARD enum mr_rc
mr_load_error_rows(struct mr_loader *loader, const char *url, char *out, size_t size);

/* Asks an FE where it would send a load of this table, without a body, and whether the backend it
 * names is allowed and takes a TCP connection. MR_STARROCKS: nobody answers, or the login fails.
 * MR_TABLE: table, database or privilege is missing. MR_CONFIG: the backend is not on the allow
 * list. */
MR_NODISCARD enum mr_rc
mr_load_probe(struct mr_loader *loader, const char *table, struct mr_error *reterr_error);

/* Parses one reply body (pure; the fuzz target). http_status as received. */
enum mr_outcome
mr_load_classify(int http_status, const char *body, size_t len, struct mr_load_reply *ret_reply);
