/* A Kafka and a StarRocks in memory, for tests of the app: they stand in for the stages consume, load
 * and verify by their contract headers, are seeded, and check each rule that the app must keep.
 * Purpose: every record is a function of (seed, partition, offset), so whatever arrives in the sink
 *   is compared with what was produced: rows one by one, rollups of a unit with a recomputation
 *   over the offsets of its ledger rows, control totals with prefix sums.
 * Threads: world_open, world_run_begin and world_close on the test's thread while no app runs; the
 *   consumer on feed, loads on the loaders, the rest on any thread (lock: world, a leaf).
 * Memory: O(records). Errors: a broken rule prints seed and reason and aborts.
 * Limits: one world a process at a time. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "millrace/base/attr.h"
#include "millrace/consume.h"
#include "millrace/decode.h"
#include "millrace/load.h"
#include "millrace/load_txn.h"
#include "millrace/protocol.h"

#define WORLD_PARTITIONS 8
#define WORLD_TOPICS 2 /* partition i of the world is partition i / 2 of topic i % 2 */
#define WORLD_KEYS 64
#define WORLD_MINUTES 8
#define WORLD_SPANS 2 /* windows of five minutes */
#define WORLD_TEXT 4096
#define WORLD_LOG 4096

enum world_table { WORLD_BY_KEY, WORLD_BY_SPAN, WORLD_DETAIL, WORLD_QUARANTINE, WORLD_LEDGER };
#define WORLD_TABLES (WORLD_LEDGER + 1)

/* WORLD_REFUSED: an event that our checks pass and the server does not. */
enum world_kind { WORLD_GAP, WORLD_TOMBSTONE, WORLD_BAD, WORLD_EVENT, WORLD_REFUSED };

struct world_record {
    enum world_kind kind;
    uint32_t minute, key;
    int64_t at_us, n, cents;
    bool has_n, odd; /* odd: a text that CSV cannot carry */
};

/* Sums over all events before an offset. */
struct world_sums {
    int64_t consumed, detail, quarantined, tombstones, event_time_us;
};

/* One group of either rollup. */
struct world_cell {
    int64_t events, ns, n_sum, cents_sum, low, high;
};

/* One draw in so many; 0: never. */
struct world_chances {
    uint32_t rebalance, lost, partial;      /* partial: not all partitions in an assignment */
    uint32_t commit_refused, sql_refused;
    uint32_t slow, rejected, fatal;         /* loads; rejected and fatal: once a run at most */
    /* Exactly once. */
    uint32_t begin, load, registry; /* fails, applied or not */
    uint32_t aborted;               /* a decided transaction, before its COMMIT is worked on */
    uint32_t cancelled;             /* a restart of the sink: open transactions are gone */
    uint32_t late;                  /* committed, visible only later */
    uint32_t forgotten;             /* labels that have ended, between runs */
    uint32_t offsets;               /* a commit fails: applied, not, or in part */
    uint32_t evicted;               /* a commit finds the place in the group lost */
    uint32_t moved;                 /* a decision is applied, and the place in the group lost */
    uint32_t unread;                /* the group's offsets cannot be read */
};

struct world;

/* One call of the protocol, in the order in which they came. */
struct world_event {
    enum mr_step_kind kind; /* COMMIT_CHAIN and DECIDE: offsets; ANNOUNCE, CLOSE: the registry's loads */
    struct mr_chain chain;
    uint64_t n;      /* of a trial: its number */
    bool trial;      /* a transaction of the search for refused rows */
    bool recovering; /* inside `assigned` */
    uint32_t table;  /* enum world_table, of a LOAD */
    uint32_t count;  /* partitions of a commit of offsets, rows of a load */
    enum mr_outcome outcome; /* of a call to the sink */
    enum mr_answer answer;   /* of a commit of offsets */
};

struct world_options {
    uint64_t seed;
    uint32_t partitions;
    int64_t records; /* offsets a partition */
    uint32_t batch_most;
    uint32_t rebalances; /* at most, a run */
    uint32_t odd;        /* one in so many events has a text that CSV cannot carry; 0: none */
    struct world_chances chances;
    bool exact;       /* delivery exactly once */
    uint32_t refused; /* exact: one in so many events is refused by the server; 0: none */
    bool (*refuses)(uint32_t partition, int64_t offset); /* exact: so are these */
    bool revoke_in_replay; /* once, with a part of it handed out */
    bool blind; /* loads are logged, not read: for units made by hand */
    bool hold_records;   /* the consumer yields nothing until world_let_go */
    uint32_t topics_refused, tables_refused, commits_refused; /* the first ones */
    bool flood; /* before the first assignment one of more partitions than the ledger holds */
    enum mr_rc fill_fails; /* what mr_consumer_fill returns after fill_fails_at records */
    int64_t fill_fails_at;
    bool fill_fails_at_stop; /* mr_app_stop comes at the same moment */
    int64_t step_back_at;  /* after so many records of a run the last one comes again; 0: never */
    /* Decides on a load instead of the dice; may wait, must then look at give_up and world_ended. */
    enum mr_outcome (*decide)(struct world *world, enum world_table table, uint64_t unit,
                              const _Atomic bool *give_up);
    /* Exact, instead of the dice; both may wait, and must look at give_up then. True: *ret_outcome is
     * what the call comes to, and nothing is done; else the world works on it. */
    bool (*txn)(struct world *world, const struct world_event *event, const _Atomic bool *give_up,
                enum mr_outcome *ret_outcome);
    /* What a commit of offsets comes to: OK is applied, LOST too, anything else is not. */
    enum mr_answer (*offsets)(struct world *world, const struct world_event *event);
    void *context;
};

/* Revoke: the partitions are given back, and assigned again. Evict: the group goes on without us. */
enum world_order { WORLD_ORDER_NONE, WORLD_ORDER_REVOKE, WORLD_ORDER_EVICT };

struct world_dice {
    uint64_t seed, count;
};

/* What the loads of one unit held. */
struct world_unit {
    uint32_t applied; /* bit a table */
    uint32_t detail, quarantined;
    struct world_cell *by_key; /* [WORLD_MINUTES][WORLD_KEYS], then WORLD_SPANS of by_span */
};

struct world_ledger_row {
    bool there;
    int64_t start, end;
    uint64_t unit, run;
    struct mr_chain chain; /* exactly once */
};

/* A body as it was sent. */
struct world_body {
    char *columns, *text; /* NULL: none was */
    bool json;
};

/* GONE: the server lost it, and knows nothing of it. */
enum world_txn_state { WORLD_OPEN, WORLD_COMMITTED, WORLD_VISIBLE, WORLD_ABORTED, WORLD_GONE };

struct world_span {
    uint32_t partition;
    int64_t start, end;
};

struct world_txn {
    char label[MR_LABEL_CHARS + 1];
    struct mr_chain chain;
    uint64_t n;
    enum world_txn_state state;
    bool forgotten;  /* it has ended, and its label is no longer known */
    bool decided;    /* by a commit of all its partitions */
    bool left;       /* decided as the last act of a member: nobody but recovery touches it */
    uint64_t run;
    int64_t visible_ms;
    struct world_body bodies[WORLD_TABLES];
    struct world_span spans[WORLD_PARTITIONS]; /* of its ledger rows */
    uint32_t span_count;
};

struct world_chain_row {
    uint32_t partition;
    struct mr_chain chain;
    int64_t seq, start;
    bool closed;
};

struct world_load {
    enum world_table table;
    uint64_t unit;
    enum mr_outcome outcome;
    char label[160];
};

struct world_tallies {
    uint64_t orderly, lost, assignments, commits, commits_refused, sql_refused;
    uint64_t loads, rejected, fatal, given_up, late, orphans, runs, odd_bodies;
    uint64_t begun, committed, rolled_back, again, aborted, cancelled; /* transactions */
    uint64_t lost_calls, trials, odd_trials, refused, announced, closed, removed;
    uint64_t decided, offsets_lost, offsets_partial, fenced, moved, replays, restarts, kills;
};

struct world {
    struct world_options options; /* [const] */
    struct mr_config config;      /* [const] while an app runs */
    struct mr_mistakes mistakes;
    struct mr_plan *plan;
    const struct mr_layout *layout;
    struct mr_rollup_spec rollups[2];
    struct mr_measure_spec measures[2][4];
    char schema_path[64];
    char minute_text[WORLD_MINUTES][32], span_text[WORLD_SPANS][32];
    struct world_sums *sums[WORLD_PARTITIONS]; /* [const] [records + 1] */

    pthread_mutex_t lock;
    /* All that follows: [lock: lock] */
    struct world_ledger_row ledger[WORLD_PARTITIONS];
    int64_t committed[WORLD_PARTITIONS]; /* -1: none */
    uint8_t *detail_count[WORLD_PARTITIONS], *quarantine_count[WORLD_PARTITIONS];
    uint64_t *row_unit[WORLD_PARTITIONS]; /* run and unit whose row of the offset came last */
    struct world_unit *units;             /* of this run, by number */
    uint64_t unit_count, run;
    uint64_t ledger_unit; /* number of the last unit whose ledger rows came */
    uint64_t fence;       /* units up to this one are given up: none of their loads may begin */
    bool generation_landed; /* ledger rows came since the last assignment */
    bool used_rejected, used_fatal;
    struct world_tallies tallies;
    struct world_load log[WORLD_LOG];
    uint32_t log_count;

    /* Exactly once. */
    char metadata[WORLD_PARTITIONS][MR_METADATA_CHARS + 1]; /* beside `committed` */
    struct world_txn **txns; /* in the order of BEGIN */
    uint32_t txn_count, txn_capacity;
    uint32_t *visible_order, order_count, order_first; /* committed, in that order; as many places */
    struct world_chain_row *chains; /* the registry */
    uint32_t chain_count, chain_capacity;
    struct mr_chain close_failed; /* the last whose close did not get through: only with a unit again */
    struct world_span replay[WORLD_PARTITIONS]; /* due, by the last assignment */
    bool held[WORLD_PARTITIONS]; /* the consumer's, for the transactions' checks */
    bool recovering;
    struct world_dice sql_dice;
    struct world_event events[WORLD_LOG];
    uint32_t event_count;

    _Atomic bool dead;          /* [atomic: relaxed] the process was killed: nothing it does arrives */
    _Atomic bool down;          /* [atomic: relaxed] the sink does not answer */
    _Atomic bool mute;          /* [atomic: relaxed] questions for labels get no answer, for long */
    _Atomic bool lost_now;      /* [atomic: relaxed] the place is lost, at once */
    _Atomic int order;          /* [atomic: relaxed] enum world_order, for the consumer */
    _Atomic bool let_go;        /* [atomic: relaxed] see hold_records */
    _Atomic bool ended;         /* [atomic: relaxed] loads are to stop */
    _Atomic uint64_t standings; /* [atomic: relaxed] questions for the place in the group */
    _Atomic uint64_t progress;  /* [atomic: relaxed] grows with everything that happens */
    _Atomic int64_t yielded;    /* [atomic: relaxed] records given to the app in this run */
};

/* The world in which the fake stages live; NULL when none is open. */
extern struct world *world_now;

/* Configuration and plan are ready for mr_app_new; config may still be changed. */
void
world_open(struct world *world, const struct world_options *options);

void
world_close(struct world *world);

/* Before each mr_app_new: a new process begins, label numbers begin again. */
void
world_run_begin(struct world *world);

/* Everything produced is covered by ledger rows. */
bool
world_all_in(struct world *world);

/* At the end, with all in: rows exactly once, or, when `repeats`, at least once. */
void
world_check_rows(struct world *world, bool repeats);

/* The ledger's ends are committed, as an orderly end leaves them. world->lock not held. */
void
world_check_committed(struct world *world);

void
world_let_go(struct world *world);

/* The server refuses these events, in place of options.refuses; before any run. */
void
world_refuse(struct world *world, bool (*refuses)(uint32_t partition, int64_t offset));

/* As kill -9: calls under way arrive or not, later ones do not. The app is to be stopped and joined. */
void
world_kill(struct world *world);

/* The server aborts a transaction that is open. */
void
world_abort(struct world *world, const struct mr_chain *chain, uint64_t n);

/* Exact, at the end, with all in: no transaction is open, every offset is decided and committed. */
void
world_check_exact(struct world *world);

/* Exact: once the chain in force has a committed unit, it closes all others, or has tried. */
bool
world_registry_closed(struct world *world);

/* The test fails. Thread: any. */
MR_NORETURN void
world_fail(const char *format, ...) MR_PRINTF(1, 2);

#define WORLD_NEED(cond, ...) ((cond) ? (void)0 : world_fail(__VA_ARGS__))

void
world_step(struct world *world);

/* Dice: the same seed draws the same numbers. */
uint64_t
world_draw(struct world_dice *dice);
bool
world_one_in(struct world_dice *dice, uint32_t chances);

/* ---- what was produced ---- */

struct world_record
world_record_at(const struct world *world, uint32_t partition, int64_t offset);

/* The record's value; *ret_len. NULL for a tombstone. out has WORLD_TEXT bytes. */
const char *
world_record_text(const struct world *world, uint32_t partition, int64_t offset, char *out,
                  size_t *ret_len);

void
world_note_text(const struct world_record *record, char out[16]);

void
world_cents_text(int64_t cents, char out[32]);

/* ---- the sink's tables; world->lock held ---- */

/* Reads a body and books it for the unit, checking every rule. */
void
world_apply(struct world *world, enum world_table table, uint64_t unit,
            const struct mr_load_job *job);

/* Rows of the record go to the quarantine. */
bool
world_is_quarantined(enum world_kind kind);

/* Writes the event into the log. */
void
world_note(struct world *world, const struct world_event *event);

/* What is committed in the sink becomes visible when its time has come. */
void
world_publish(struct world *world);

struct world_txn *
world_find_txn(const struct world *world, const struct mr_chain *chain, uint64_t n);

struct world_chain_row *
world_find_chain(const struct world *world, uint32_t partition, const struct mr_chain *chain);

/* Adds up the given record in the cells of a unit. */
void
world_add_cells(struct world_cell *cells, const struct world_record *record);
