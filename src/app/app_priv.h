/* Private to src/app: the shared state of one running pipeline.
 *
 * Threads: `feed` (owns the Kafka client, cuts units, commits), `work-N`, `harvest`, `load-N`, the
 * status server's thread, and main. The one lock, units_lock, is a leaf: nothing blocks under it. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "millrace/app.h"
#include "millrace/base/budget.h"
#include "millrace/base/ring.h"
#include "millrace/base/thread.h"
#include "millrace/consume.h"
#include "millrace/decode.h"
#include "millrace/fold.h"
#include "millrace/harvest.h"
#include "millrace/ledger.h"
#include "millrace/load.h"
#include "millrace/metrics.h"
#include "millrace/protocol.h"
#include "millrace/status.h"
#include "millrace/verify.h"

#define MRI_MAX_WORKERS 32
#define MRI_MAX_LOADERS 16
#define MRI_CONTROLS 3         /* threads for the short calls of the protocol */
#define MRI_GROUP 32           /* events decoded, then folded together */
#define MRI_BATCH_RECORDS 1024 /* records a batch holds at most */
#define MRI_IDLE_MS 5          /* feed's wait for what another thread brings, at most */
#define MRI_MAX_TARGETS (MR_MAX_ROLLUPS + 3)

/* What one worker counted and encoded for one unit. */
struct mri_share {
    struct mr_rows *rows;
    struct mr_span *spans; /* one a partition seen; start and end are the ledger's business */
    uint32_t count, capacity;
};

struct mr_unit {
    uint64_t number;             /* [const] */
    struct mr_fold_unit *fold;   /* written by workers while open; then harvest's */
    _Atomic int32_t in_flight;   /* [atomic: release by whoever gives up a reference, acquire by the
                                    one who takes it to 0] feed's own + batches + workers that keep
                                    private state of this unit */
    _Atomic bool sealed;         /* [atomic: relaxed, a hint to workers to let go soon] */
    struct mri_share shares[MRI_MAX_WORKERS]; /* [own: worker i, then harvest] */
    int64_t opened_ms, sealed_ms; /* [own: feed, then const] */
    uint64_t records, bytes;     /* [own: feed] */
    int64_t promised;            /* [const] of the budget, for the ledger's rows, until it is freed */
    struct mr_target targets[MRI_MAX_TARGETS]; /* [own: harvest, then the loader of each] */
    uint32_t target_count;       /* [const] after harvest; data targets, the ledger's is behind */
    uint32_t remaining;          /* [lock: units_lock] data targets not loaded yet */
    bool data_loaded;            /* [lock: units_lock] */
    bool ledger_queued;          /* [lock: units_lock] */
    _Atomic bool dropped;        /* [atomic: relaxed, a request that its loaders poll] its partitions
                                    moved away, or the process is being aborted: give up */
    int64_t newest_event_us;     /* [own: harvest] */
    struct mr_unit *next;        /* [lock: units_lock] by number */
};

struct mri_call;     /* exact_priv.h */
struct mri_exact;    /* exact_priv.h */
struct mri_refusals; /* refuse.c */

/* At least once: a target of a unit. Exactly once: a call, or one target of it. */
struct mri_job {
    struct mr_unit *unit;
    uint32_t target;
    struct mri_call *call;
};

struct mri_worker {
    struct mr_app *app;
    uint32_t index;
    struct mr_thread thread;
    struct mr_decoder *decoder;
    struct mr_fold_worker *fold;
    struct mr_unit *held; /* unit whose private state this worker still has */
    struct mr_event events[MRI_GROUP];
    struct mr_value *values;
    struct mr_metrics_cell *cell;
    const struct mri_refusals *refusals; /* as of the batch under way */
    int64_t now_us;
};

struct mri_loader {
    struct mr_app *app;
    struct mr_ring *ring; /* [const] where its jobs come from */
    struct mr_thread thread;
    struct mr_loader *loader;
    struct mr_metrics_cell *cell;
};

/* How many labels had been used at a time. */
struct mri_label_mark {
    int64_t at_ms;
    uint64_t labels;
};

struct mr_app {
    const struct mr_config *config; /* [const] */
    const struct mr_plan *plan;     /* [const] */
    const struct mr_layout *layout; /* [const] */
    struct mr_app_options options;  /* [const] */
    struct mri_exact *exact;        /* [const] NULL: at least once; its content is feed's */
    struct mr_budget budget;
    struct mr_metrics *metrics;
    struct mr_status *status;

    struct mr_ring *free_batches; /* feed pops, workers push */
    struct mr_ring *full_batches; /* feed pushes, workers pop */
    struct mr_ring *quiet_units;  /* last holder pushes, harvest pops */
    struct mr_ring *jobs;         /* harvest, feed and loaders push, loaders pop */
    struct mr_ring *controls;     /* feed pushes, the control threads pop */

    struct mr_fold *fold;
    struct mr_load_hub *hub;
    struct mr_consumer *consumer; /* [own: feed] */

    pthread_mutex_t units_lock;
    struct mr_ledger *ledger;     /* [lock: units_lock] */
    char chain[MR_CHAIN_CHARS + 1]; /* [lock: units_lock] exactly once: in force; else [const] */
    struct mr_unit *units;        /* [lock: units_lock] sealed, not landed; oldest first */
    uint32_t units_sealed;        /* [lock: units_lock] cut, and not freed yet */
    uint64_t sealed_records;      /* [lock: units_lock] of those units */
    int64_t visible_event_us;     /* [lock: units_lock] newest event time that landed */
    int64_t visible_at_ms;        /* [lock: units_lock] when rows last became visible */
    uint64_t landed_records;      /* [lock: units_lock] */
    uint64_t committed_records;   /* [lock: units_lock] */
    struct mr_consumer_state consumer_state; /* [lock: units_lock] copy for the probes */
    char trouble[256];            /* [lock: units_lock] why not running, or "" */
    char status_trouble[320];     /* [own: status thread] the copy that a reader gets */
    int64_t newest_record_us;     /* [lock: units_lock] broker time of the newest record taken */
    double paused_s;              /* [lock: units_lock] */
    struct mr_label_memory label_memory; /* [lock: units_lock] of the server, as of the start */
    struct mri_label_mark label_marks[2]; /* [own: status thread] older first */

    struct mr_unit *open;   /* [own: feed] */
    bool hurried;           /* [own: feed] the end has taken its time: what is in flight is given up */
    struct mr_batch *pending; /* [own: feed] filled, waiting for budget */
    int64_t commit_after_ms;  /* [own: feed] not before, after a failed commit */
    int64_t state_after_ms;   /* [own: feed] when the copy for the probes is next made */
    struct mr_metrics_cell *status_cell; /* [own: status thread] */
    struct mr_load_counts reported;      /* [own: status thread] what the metrics already hold */
    int64_t batch_fixed;    /* [const] bytes of the batch pool, charged at start */
    uint32_t batch_count;   /* [const] */

    _Atomic(struct mri_refusals *) refusals; /* [atomic: release by the loader that found them,
                                                acquire by workers]; NULL: none */
    _Atomic uint64_t labels; /* [atomic: relaxed, a count] that were used */
    _Atomic uint64_t trials; /* [atomic: relaxed, numbers for labels] */
    _Atomic bool stopping;   /* [atomic: relaxed, a request that every loop polls] */
    _Atomic bool built;      /* [atomic: release at the end of mr_app_new, acquire by the probes] */
    _Atomic bool failed;     /* [atomic: release after failure, acquire by feed] */
    struct mr_error failure; /* [own: the first thread that fails, then feed] */
    _Atomic bool ended;      /* [atomic: release by feed, acquire by mr_app_ended] */
    enum mr_rc end_rc;       /* [own: feed, then read after join] */
    struct mr_error end_error; /* likewise */
    struct mr_metrics_cell *feed_cell, *harvest_cell;

    uint32_t worker_count, loader_count, control_count; /* [const] */
    struct mri_worker workers[MRI_MAX_WORKERS];
    struct mri_loader loaders[MRI_MAX_LOADERS + MRI_CONTROLS];
    struct mr_thread feed_thread, harvest_thread;
};

/* unit.c — Thread: feed. An open unit with one reference, feed's. */
MR_NODISCARD enum mr_rc
mri_unit_open(struct mr_app *app, struct mr_unit **ret_unit);

/* What an open unit takes of the budget at least. */
int64_t
mri_unit_least_bytes(struct mr_app *app);

/* Thread: any holder. The last one hands the unit to harvest. */
void
mri_unit_release(struct mr_app *app, struct mr_unit *unit);

/* Frees everything; refunds. */
void
mri_unit_free(struct mr_app *app, struct mr_unit **unit);

/* cut.c — Thread: feed. Ends the open unit, if there is one; cause: a row of the cuts' metric. */
void
mri_cut(struct mr_app *app, enum mr_metric cause);

/* At most flush.depth units wait for StarRocks, and few for Kafka's commit: beyond that the open one
 * grows, until memory says stop. */
bool
mri_cut_may(struct mr_app *app);

/* Ends the open unit when its age, records, bytes or keys say so and mri_cut_may allows it. */
void
mri_cut_when_due(struct mr_app *app);

/* commit.c — Thread: feed. Commits what the ledger allows; a failed commit is tried again later. */
void
mri_commit_ready(struct mr_app *app);

/* Waits until every sealed unit landed and is committed, at most for limit_ms (negative: no limit).
 * `serve`: rebalances may be served meanwhile, which a rebalance callback must not do. */
bool
mri_commit_drain(struct mr_app *app, int64_t limit_ms, bool serve);

/* feed.c, work.c, harvest.c, land.c: bodies of the threads. */
void
mri_feed_run(void *app);
void
mri_work_run(void *worker);
void
mri_harvest_run(void *app);
void
mri_load_run(void *loader);

/* connect.c — Thread: feed. Waits until tables and topics are there; MR_OK, or MR_STOPPED when the
 * app is stopping. */
MR_NODISCARD enum mr_rc
mri_connect(struct mr_app *app, const struct mr_consumer_events *events);

/* Ledger rows for newly assigned partitions, by a connection of its own: assignments are rare, and
 * an idle connection would be found dead. */
MR_NODISCARD enum mr_rc
mri_recover(struct mr_app *app, struct mr_span *spans, uint32_t count);

/* horizon.c — Thread: feed, at the start. Asks what the server keeps, and warns when that is less than the
 * tolerated outage needs. */
void
mri_horizon_ask(struct mr_app *app, struct mr_sql *sql);

/* Thread: loader. One label more. */
void
mri_horizon_count(struct mr_app *app);

/* Seconds until a label is forgotten. */
double
mri_horizon_of(const struct mr_label_memory *memory, double labels_a_second);

/* Thread: status. The same at the greater of the planned and the measured rate. */
double
mri_horizon_seconds(struct mr_app *app);

/* land.c — Thread: harvest. A drained unit goes to the loaders. */
void
mri_land(struct mr_app *app, struct mr_unit *unit);

/* What a target is loaded with; columns is the caller's to end, after the load. */
void
mri_land_job(const struct mr_app *app, const struct mr_target *target, const char *label,
             struct mr_text *columns, struct mr_load_job *ret_job);

/* The server's reason and its first rows, as ERROR. */
void
mri_land_report_rejected(struct mri_loader *loader, const struct mr_load_job *job,
                         const struct mr_load_reply *reply);

void
mri_land_log(const struct mr_unit *unit);

/* The listed unit of this number. Thread: who alone may take it out of the list. */
struct mr_unit *
mri_land_find(struct mr_app *app, uint64_t number);

/* Thread: any. All units that have not landed are given up: the ledger forgets them and its
 * partitions, their loaders end soon, and none of their loads begins any more. */
void
mri_land_give_up(struct mr_app *app);

/* Thread: whoever owns a sealed unit that is in no list. Frees it; only then it counts no more. */
void
mri_land_forget(struct mr_app *app, struct mr_unit **unit);

/* Thread: harvest or loader. Ends the pipeline: waiting cannot mend this. The first error counts. */
void
mri_fail(struct mr_app *app, const struct mr_error *error);

/* Sealed units that have not landed, or whose memory is not given back yet. */
uint32_t
mri_land_waiting(struct mr_app *app);

/* refuse.c — Thread: any. Offsets whose events the server refused; NULL: none are. */
const struct mri_refusals *
mri_refuse_noted(struct mr_app *app);

/* Is the record one of them? Then why. */
bool
mri_refuse_ask(const struct mri_refusals *refusals, const struct mr_record *record,
               struct mr_reject_info *ret_info);

void
mri_refuse_free(struct mr_app *app);

/* report.c — Why the pipeline does not run, for /readyz and /v1/status; NULL: it runs again. */
void
mri_report_trouble(struct mr_app *app, const struct mr_error *error);
struct mr_status_probes
mri_report_probes(struct mr_app *app);
