/* Private to src/app: exactly-once delivery. The protocol's machines (millrace/protocol.h) say what to
 * do next; here it is done.
 *
 * Threads: the machines, the sweep of the list of units and everything else here belong to feed,
 * apart from calls.c: steps that talk to StarRocks go as calls to the loaders, and their answers
 * come back through a ring. Offset commits and recovery run on feed itself.
 * Memory: at most MRI_CALLS calls at once, one a step of the machine. */
#pragma once

#include "app_priv.h"
#include "millrace/load_txn.h"
#include "millrace/protocol.h"

#define MRI_CALLS (MR_LIVE_UNITS + 1) /* one a unit, one of the chain */
#define MRI_LOOK_MS 50 /* between two looks at the place in the group while nothing is due */

/* A step under way. */
struct mri_call {
    struct mr_app *app;        /* [const] */
    struct mr_step step;       /* [const] while it is under way */
    struct mr_unit *unit;      /* [const] of a LOAD or COMMIT, else NULL */
    uint64_t session;          /* [const] of which chain; answers to an older one are not taken */
    int64_t pause_ms;          /* [const] before it begins */
    _Atomic bool give_up;      /* [atomic: relaxed, a request that the loaders poll] */
    uint32_t remaining;        /* [lock: units_lock] targets of a LOAD that are not answered */
    enum mr_answer answer;     /* [lock: units_lock] then feed's, through the ring */
    bool unfit;                /* [own: its loader, then feed's, through the ring] refused rows, and none
                                  of them could be told from the rest */
    bool used;                 /* [own: feed] */
};

struct mri_exact {
    struct mr_live *live;         /* NULL: no chain: nothing assigned, or the place was lost */
    struct mr_chain chain;
    struct mr_recovery *recovery; /* from `assigned` to `positions` */
    struct mr_verdict *verdicts;  /* of the chain's assignment, for its announcement */
    uint32_t verdict_count;
    struct mr_span *starts;       /* positions of the same partitions */
    uint32_t start_count;
    struct mr_registry_row *open; /* rows of predecessors, to be closed */
    uint32_t open_count;
    uint64_t session;             /* counts chains */
    uint64_t fed;                 /* number of the last unit that a chain was given */
    uint32_t failures;            /* calls without success, since the last LOAD or unit that is in */
    uint32_t lost_units;          /* COMMITs without success, since the last that succeeded */
    uint32_t refusals;            /* of COMMIT and ROLLBACK, for good, one after the other */
    uint32_t kafka_failures;      /* of offset commits and their reading back, one after the other */
    int64_t kafka_after_ms;       /* no offset commit before, after one that failed */
    uint32_t unfit;               /* COMMITs that the server refused for the table, since the last success */
    int64_t again_at_ms;          /* no recovery of our own before, after one of them */
    struct mr_standing taken;     /* at the beginning of recovery */
    bool stirred;                 /* an answer, a unit, a revocation: the machine may have a step */
    int64_t look_at_ms;           /* else it is asked again then */
    int64_t left_at_ms;           /* when the place in the group was lost; 0: it is held */
    bool replaying;
    bool in_event;                /* inside a rebalance: no restart */
    bool restart;                 /* begin again as soon as that is allowed */
    struct mr_error stop;         /* why recovery stopped; rc MR_OK: it did not */
    uint64_t config_version;
    struct mr_loader *loader;     /* feed's own, for recovery */
    struct mr_ring *answers;      /* calls that were answered */
    struct mri_call calls[MRI_CALLS];
};

/* A race point "<stage>.<step>.<where>", blanks of the step's name as `_`. */
#ifdef MR_RACE_POINTS
void
mri_exact_point(const char *stage, enum mr_step_kind kind, const char *where);
#else
#define mri_exact_point(stage, kind, where) ((void)0)
#endif

/* ---- exact.c ---- Thread: feed. */

MR_NODISCARD enum mr_rc
mri_exact_new(struct mr_app *app);

/* After all threads have ended. */
void
mri_exact_free(struct mr_app *app);

/* Takes answers, hands units to the chain, does what is due. Blocks for offset commits only. */
void
mri_exact_pump(struct mr_app *app);

/* New positions, after recovery: a new chain. */
MR_NODISCARD enum mr_rc
mri_exact_begin(struct mr_app *app, const struct mr_span *spans, uint32_t count);

/* A replay that is still being read is one unit or none: what is open of it is given up, and read again
 * as a whole by whoever owns its partitions next. */
void
mri_exact_drop_replay(struct mr_app *app);

/* The partitions go: what is decided is finished, the rest rolled back, for a bounded time. */
void
mri_exact_leave(struct mr_app *app);

/* ---- exact_answers.c ---- Thread: feed. */

/* All that have come, to the machine; those of an earlier session move nothing. */
void
mri_exact_take_answers(struct mr_app *app);

/* Returns when nothing of the session is under way any more: its rows may be freed, its units too. */
void
mri_exact_end_calls(struct mr_app *app);

/* In ms, for a call that is to be put. What finishes is held up by nothing but its own refusal. */
int64_t
mri_exact_pause_before(const struct mri_exact *exact, const struct mr_step *step);

/* ---- exact_units.c ---- Thread: feed. */

/* Units that the machine says are in leave the list. */
void
mri_exact_take_landed(struct mr_app *app);

/* The next harvested units go to the chain, oldest first. */
void
mri_exact_feed(struct mr_app *app);

/* Units given up by nobody's call any more are freed. */
void
mri_exact_sweep(struct mr_app *app);

/* ---- calls.c ---- Thread: feed puts them, loaders run them. */

void
mri_call_put(struct mr_app *app, const struct mr_step *step, struct mr_unit *unit,
             int64_t pause_ms);

/* Thread: loader. target: of a LOAD. */
void
mri_call_run(struct mri_loader *loader, struct mri_call *call, uint32_t target);

/* Calls that are under way end soon; all: also those that finish what was begun. */
void
mri_calls_give_up(struct mr_app *app, bool all);

/* As WARN: it is tried again. */
void
mri_call_log_failure(const struct mri_call *call);

/* One of COMMIT, ROLLBACK, VISIBLE, ASK_STATE; also recovery's. */
enum mr_answer
mri_call_settle(struct mr_app *app, struct mr_loader *loader, const struct mr_step *step,
                const _Atomic bool *give_up);

/* The server's reason, as ERROR. */
void
mri_call_log_refusal(enum mr_step_kind step, const char *label, const struct mr_load_reply *reply);

/* ---- registry.c ---- Thread: a control thread. */

enum mr_answer
mri_registry_announce(struct mri_loader *loader, const struct mri_call *call);

enum mr_answer
mri_registry_find(struct mr_app *app, const struct mri_call *call);

enum mr_answer
mri_registry_close(struct mri_loader *loader, const struct mri_call *call);

/* ---- offsets.c ---- */

/* The partitions of these spans, in their order. Caller frees; NULL: no memory. Thread: any. */
struct mr_place *
mri_offsets_places(const struct mr_span *spans, uint32_t count);

/* Thread: feed. COMMIT_CHAIN, READ_CHAIN, DECIDE, READ_UNIT. */

enum mr_answer
mri_offsets_step(struct mr_app *app, const struct mr_step *step);

/* The group's offsets of these partitions with their metadata, decoded. Caller frees. */
MR_NODISCARD enum mr_rc
mri_offsets_read(struct mr_app *app, const struct mr_place *places, uint32_t count,
                 struct mr_committed **ret_list, struct mr_error *reterr_error);

/* ---- recover.c ---- Thread: feed, inside `assigned`. */

/* Where to start: spans and until as the event wants them. MR_STOPPED: exact->stop says why. */
MR_NODISCARD enum mr_rc
mri_recover_exact(struct mr_app *app, struct mr_span *spans, int64_t *until, uint32_t count);

/* ---- refuse.c ---- Thread: loader. */

#define MRI_NOTED_MAX 4096 /* refused rows that are remembered */

struct mri_refused {
    struct mr_source at;
    uint64_t serial; /* counts the rows that were noted, from 1; set by mri_refuse_note */
    char message[160];
};

/* Remembers these rows, at most MRI_NOTED_MAX, from now on; where there are too many, the oldest leave.
 * With: no other call of it under way. */
void
mri_refuse_note(struct mr_app *app, const struct mri_refused *rows, uint32_t count);

/* ---- refuse_search.c ---- Thread: loader. */

/* Looks for the rows of the unit's detail body that made its COMMIT fail. True: their offsets are noted,
 * and the unit is to be read again. */
bool
mri_refuse_find(struct mri_loader *loader, const struct mri_call *call);
