/* Protocol: how units are decided exactly once, and how a new owner finds what its predecessors
 * left. The commit of Kafka offsets decides a unit; the registry of chains in the sink says which
 * labels may be open; the ledger's end in the sink says where to start. Pure: no I/O, no clock;
 * mr_chain_draw alone asks the kernel for random bits. The machines say what to do next (struct
 * mr_step); the caller does it and brings the answer back.
 * Threads: each object under its caller's one lock or thread (the consumer thread).
 * Progress: never blocks; a question that was not answered is asked again, pauses are the caller's.
 * Memory: a live machine is of fixed size; a recovery copies what Kafka and the sink answered.
 * Errors: MR_MEMORY; a broken call order is an MR_REQUIRE; input from outside is checked and ends in
 *   a verdict with its reason.
 * Limits: MR_FENCE_DISTANCE numbers above the last committed one, MR_LIVE_UNITS units at once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "millrace/base/attr.h"
#include "millrace/base/error.h"
#include "millrace/base/text.h"

#define MR_CHAIN_BYTES 10      /* 80 random bits */
#define MR_CHAIN_CHARS 16      /* in base32 */
#define MR_PIPELINE_CHARS 32   /* as the configuration allows */
#define MR_LABEL_CHARS 128     /* StarRocks' limit */
#define MR_METADATA_CHARS 511  /* of a commit's metadata */
#define MR_METADATA_TABLES 64  /* bits of its table mask */
#define MR_FENCE_DISTANCE 16
#define MR_LIVE_UNITS 2

/* ---- Chains and labels ---- */

/* The name of a run of numbers; drawn anew by every recovery, never used again. */
struct mr_chain {
    char text[MR_CHAIN_CHARS + 1]; /* base32 in lower case; "" is no chain */
};

void mr_chain_make(const uint8_t bits[MR_CHAIN_BYTES], struct mr_chain *ret_chain);

/* Of random bits, so that labels of two runs never meet. */
void mr_chain_draw(struct mr_chain *ret_chain);

/* False: not the text of a chain. */
bool mr_chain_parse(struct mr_slice text, struct mr_chain *ret_chain);

bool mr_chain_equal(const struct mr_chain *a, const struct mr_chain *b);

bool mr_chain_is_none(const struct mr_chain *chain);

/* MULTI: one transaction holds all tables and the ledger row. SINGLE: a label a table. The machines
 * below speak MULTI; labels know both, in the one order of begin, prepare, commit and rollback. */
enum mr_protocol_mode { MR_MODE_MULTI, MR_MODE_SINGLE };

struct mr_label {
    char text[MR_LABEL_CHARS + 1];
};

/* How many labels a unit has that loads table_count data tables. */
uint32_t mr_label_count(enum mr_protocol_mode mode, uint32_t table_count);

/* The labels of unit n: MULTI `<pipeline>-<C>-<n>`; SINGLE that with `-0` (arbiter), `-<table>` in
 * the order of the configuration, `-ledger` last. index < mr_label_count.
 * Errors: MR_CONFIG when a name does not fit into a label or has a character that none may have. */
MR_NODISCARD enum mr_rc
mr_label_unit(enum mr_protocol_mode mode, const char *pipeline, const struct mr_chain *chain,
              uint64_t n, const char *const *tables, uint32_t table_count, uint32_t index,
              struct mr_label *ret_label);

/* One-shot loads of the registry: `<pipeline>-<C>-a<k>` announces, `-z<k>` closes. A letter, so that
 * no fence ever meets one. Errors: as mr_label_unit. */
MR_NODISCARD enum mr_rc
mr_label_announce(const char *pipeline, const struct mr_chain *chain, uint64_t k,
                  struct mr_label *ret_label);

MR_NODISCARD enum mr_rc
mr_label_close(const char *pipeline, const struct mr_chain *chain, uint64_t k,
               struct mr_label *ret_label);

/* ---- Metadata of an offset commit ---- */

struct mr_unit_name {
    struct mr_chain chain; /* none: no unit yet */
    uint64_t n;            /* 0 with no chain */
};

bool mr_unit_name_equal(const struct mr_unit_name *a, const struct mr_unit_name *b);

struct mr_metadata {
    char pipeline[MR_PIPELINE_CHARS + 1];
    struct mr_unit_name last; /* the committed offset is its end */
    int64_t start;            /* first offset of `last` in this partition; idle: its end */
    bool partial;             /* `last` was a replay of some tables */
    uint64_t tables;          /* data tables that `last` loaded, bit i: the i-th to commit */
    struct mr_chain in_force; /* chain of the labels that may be begun after this commit */
    int64_t event_time_us;    /* greatest seen, INT64_MIN when none */
    uint64_t config;          /* version of the configuration */
};

enum mr_metadata_kind {
    MR_METADATA_OURS,
    MR_METADATA_NONE,           /* empty: an admin's reset, or a client that writes none */
    MR_METADATA_FOREIGN,        /* another program's */
    MR_METADATA_NEWER,          /* ours, of a version that this one cannot read */
    MR_METADATA_OTHER_PIPELINE, /* two pipelines share a group */
    MR_METADATA_CORRUPT,
    MR_METADATA_TOO_LONG
};

/* "ours", "none", "foreign", …; static. */
const char *mr_metadata_kind_name(enum mr_metadata_kind kind);

/* Printable ASCII, NUL-terminated. All fields are required to be such as decode gives back. */
void
mr_metadata_encode(const struct mr_metadata *metadata, char ret_text[MR_METADATA_CHARS + 1]);

/* Of any bytes, which need no NUL. pipeline: whose it should be. *ret_metadata is written when OURS
 * and when OTHER_PIPELINE, to name it. */
enum mr_metadata_kind
mr_metadata_decode(struct mr_slice bytes, const char *pipeline, struct mr_metadata *ret_metadata);

/* ---- Membership, steps and answers ---- */

/* What the consumer knows about its place in the group, taken anew for every call. */
struct mr_standing {
    bool lost;          /* the assignment was lost */
    bool topics_known;  /* no assigned topic is known to be gone or re-created */
    bool metadata_fits; /* the broker takes metadata of our length */
    int32_t generation;
    uint64_t member; /* identity of the member id: differs when the id differs */
    uint64_t epoch;  /* counts assignments */
};

/* The member that `taken` describes is still the owner, as far as it can know. */
bool mr_standing_holds(const struct mr_standing *taken, const struct mr_standing *now);

/* What became of a step. Only the answers that a step can get are named with it below. */
enum mr_answer {
    MR_ANSWER_OK,      /* done, by this call; or: yes */
    MR_ANSWER_ALREADY, /* the label exists (begin), is committed (commit, rollback, state) */
    MR_ANSWER_ABORTED, /* the label is aborted */
    MR_ANSWER_UNKNOWN, /* no such label; or: no */
    MR_ANSWER_ERROR,   /* refused or failed, nothing more is known */
    MR_ANSWER_LOST,    /* none came: it may have been done */
    MR_ANSWER_FENCED   /* Kafka: ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID */
};
#define MR_ANSWER_COUNT (MR_ANSWER_FENCED + 1)

enum mr_step_kind {
    MR_STEP_NONE, /* nothing to begin now: answers are due, or units */
    /* Live: the chain. `number` is k. */
    MR_STEP_ANNOUNCE,      /* load the chain's registry rows, `closed` null, label -a<k> */
    MR_STEP_FIND_ANNOUNCE, /* SELECT them. OK: all there; UNKNOWN: not */
    MR_STEP_COMMIT_CHAIN,  /* offset commit, all unchanged but the chain in force */
    MR_STEP_READ_CHAIN,    /* read back. OK: every partition names the chain in force; UNKNOWN */
    MR_STEP_CLOSE,         /* close the rows of mr_recovery_open, label -z<k>; rows closed for long
                            * may be deleted by the same load */
    /* Live: unit `number` of the chain, made of the caller's `content`. */
    MR_STEP_BEGIN,
    MR_STEP_LOAD,    /* all tables and the ledger rows. OK: all are in */
    MR_STEP_DECIDE,  /* offset commit of all partitions with last = (C, number) */
    MR_STEP_READ_UNIT, /* read back. OK: every partition says (C, number); UNKNOWN: not all */
    /* Both: label (chain, number). */
    MR_STEP_COMMIT,   /* OK, ALREADY: committed; ABORTED; UNKNOWN */
    MR_STEP_ROLLBACK, /* OK, ABORTED: aborted; UNKNOWN; ALREADY: committed. Send it whatever the
                       * server says about the label's state */
    MR_STEP_VISIBLE,  /* state. OK: visible; ALREADY: committed; UNKNOWN; ABORTED */
    /* Recovery. */
    MR_STEP_READ_COMMITTED, /* mr_recovery_committed */
    MR_STEP_READ_REGISTRY,  /* mr_recovery_registry */
    MR_STEP_READ_LEDGER,    /* mr_recovery_ledger */
    MR_STEP_ASK_STATE,      /* state, answers as VISIBLE; only a committed label is believed */
    MR_STEP_ASK_TOPIC,      /* is `place` the topic that was read up to `offset`? OK: yes; UNKNOWN: in
                             * doubt */
    MR_STEP_PAUSE,          /* wait for a session timeout; OK */
    MR_STEP_END             /* see `outcome`; nothing follows */
};
#define MR_STEP_COUNT (MR_STEP_END + 1)

/* "begin", "load", …; static. */
const char *mr_step_name(enum mr_step_kind kind);

enum mr_outcome_end {
    MR_END_NONE,
    MR_END_LEFT,     /* not the owner any more: no commit, no COMMIT; leave the rest */
    MR_END_REVOKED,  /* all settled: unassign */
    MR_END_RECOVER,  /* recover all partitions held, under a new chain */
    MR_END_STOPPED,  /* going on cannot be exact; see mr_live_stop */
    MR_END_RECOVERED /* recovery: a verdict for every partition */
};

struct mr_place {
    uint16_t topic; /* index; topics of other members' rows need one too */
    int32_t partition;
};

struct mr_step {
    enum mr_step_kind kind;
    struct mr_chain chain;
    uint64_t number;
    uint64_t content;
    struct mr_place place;
    int64_t offset; /* where the sink ends at `place` */
    enum mr_outcome_end end;
};

/* Why a partition stops. X(name, text, hint) */
enum mr_stop {
#define X(name, text, hint) MR_STOP_##name,
#include "millrace/protocol_stops.def"
#undef X
    MR_STOP_COUNT
};

/* Lower-case text of the reason, and what an operator can do; static. */
const char *mr_stop_text(enum mr_stop stop);

const char *mr_stop_hint(enum mr_stop stop);

/* ---- Live: one chain of one member ---- */

struct mr_live;

/* A chain that recovery allowed. taken: the standing at the assignment. close: recovery found open
 * registry rows of our partitions. Errors: MR_MEMORY. */
MR_NODISCARD enum mr_rc
mr_live_new(const struct mr_chain *chain, const struct mr_standing *taken, bool close,
            struct mr_live **ret_live);

void mr_live_free(struct mr_live **live);

/* True when a further unit may be handed over: announced, a place is free, nothing ends. */
bool mr_live_may_feed(const struct mr_live *live);

/* The next unit, cut; a replay comes first, alone with its range. content: the caller's name of it,
 * greater than that of the unit before. Its tries keep the content under new numbers. */
void mr_live_feed(struct mr_live *live, uint64_t content);

/* The next thing to do that may begin now, MR_STEP_NONE if there is none. Several may be under way
 * at once, at most one a unit and one of the chain. The same standing holds for the step. */
void mr_live_next(struct mr_live *live, const struct mr_standing *now, struct mr_step *ret_step);

/* What became of a step that mr_live_next gave and that was not answered before. now: as seen after
 * the answer. After the end, answers are ignored. */
void
mr_live_answer(struct mr_live *live, const struct mr_step *step, enum mr_answer answer,
               const struct mr_standing *now);

/* Orderly revocation: nothing is fed any more. Units past their decision are finished; the others
 * too when finish is true, else they are rolled back. May be called again with false. */
void mr_live_revoke(struct mr_live *live, bool finish);

/* Content of the last unit that is committed in the sink; 0: none. */
uint64_t mr_live_committed(const struct mr_live *live);

/* Its number; 0: none. */
uint64_t mr_live_committed_number(const struct mr_live *live);

/* Why the end is MR_END_STOPPED. */
enum mr_stop mr_live_stop(const struct mr_live *live);

/* ---- Decision about one partition ---- */

/* What became of the unit that the committed offset names. */
enum mr_settled {
    MR_SETTLED_NONE, /* there is none */
    MR_SETTLED_COMMITTED,
    MR_SETTLED_NOT_COMMITTED,
    MR_SETTLED_PARTIAL, /* SINGLE: some tables are in, the ledger row is not */
    MR_SETTLED_UNKNOWN  /* SINGLE: a label is forgotten */
};
#define MR_SETTLED_COUNT (MR_SETTLED_UNKNOWN + 1)

/* Without an offset: is it the topic that the ledger speaks of? */
enum mr_topic_answer { MR_TOPIC_NOT_ASKED, MR_TOPIC_SAME, MR_TOPIC_IN_DOUBT };

/* SINGLE: a unit (X, k) of which some labels are committed and one cannot be any more. */
struct mr_incomplete {
    bool any;
    bool covered;       /* the ledger row of the partition is (X, n >= k) */
    int64_t seq;        /* of X here */
    int64_t seq_ledger; /* of the chain of the ledger row here; -1: none */
    int64_t seq_last;   /* of the chain of `last` here; -1: none */
};

struct mr_found {
    enum mr_metadata_kind kind;
    int64_t committed;       /* -1: none */
    int64_t start;           /* of `last`, when kind is OURS */
    int64_t end;             /* of the ledger row; -1: no row */
    int64_t least;           /* least start of the partition in the registry; -1: no row */
    bool chains_known;       /* the registry has the chains that the metadata names */
    enum mr_settled settled; /* what became of `last` */
    bool config_same;        /* as that of `last` */
    enum mr_topic_answer topic;
    struct mr_incomplete incomplete;
    bool accept_offset; /* operator: an offset without metadata is the start */
    bool rewind;        /* operator: the ledger's end is the start, whatever was lost */
};

enum mr_verdict_kind {
    MR_VERDICT_START,          /* at `start` */
    MR_VERDICT_REPLAY,         /* [start, end) as one unit, all tables; then go on at end */
    MR_VERDICT_REPLAY_PARTIAL, /* SINGLE: the same of the missing tables and the ledger row */
    MR_VERDICT_FIRST,          /* at the configured first position */
    MR_VERDICT_ASK_TOPIC,      /* is it the same topic? decide again with the answer */
    MR_VERDICT_STOP
};

enum mr_alarm {
    MR_ALARM_AHEAD = 1,        /* the ledger is ahead of Kafka's offset: offsets regressed */
    MR_ALARM_REPLAY_AHEAD = 2, /* a replay that begins behind the unit's own start */
    MR_ALARM_OVERTAKEN = 4,    /* the last unit was decided by somebody who was no owner */
    MR_ALARM_NO_OFFSET = 8,    /* Kafka has no offset any more; the sink's end was taken */
    MR_ALARM_OPERATOR = 16     /* an operator's flag decided */
};

struct mr_verdict {
    struct mr_place place;
    enum mr_verdict_kind kind;
    enum mr_stop stop;       /* with MR_VERDICT_STOP */
    unsigned alarms;         /* enum mr_alarm, or-ed */
    int64_t start, end;      /* STOP: the range in question, as far as known; else -1 */
    int64_t committed;       /* what Kafka had; -1: nothing */
    enum mr_settled settled; /* what became of last */
    struct mr_metadata metadata; /* what Kafka had, to be announced unchanged; last of none */
    int64_t seq;             /* for the registry row of the next chain */
};

/* The table of recovery: what was found → where to start. Writes kind, stop, alarms, start, end. */
void mr_decide(const struct mr_found *found, struct mr_verdict *ret_verdict);

/* Fills an MR_STOPPED error for a verdict that stops: topic, partition, range, label, reason. */
void
mr_verdict_explain(const struct mr_verdict *verdict, const char *topic, struct mr_error *ret_error);

/* ---- Recovery of partitions at an assignment ---- */

struct mr_committed {
    struct mr_place place;
    int64_t offset; /* -1: none */
    enum mr_metadata_kind kind;
    struct mr_metadata metadata; /* when OURS */
};

struct mr_registry_row {
    struct mr_place place;
    struct mr_chain chain;
    int64_t seq, start;
    int64_t announced_us;
    bool closed;
};

struct mr_ledger_row {
    struct mr_place place;
    struct mr_unit_name unit;
    int64_t end;
};

struct mr_recovery_options {
    uint64_t config; /* version of the configuration in use */
    bool accept_offset, rewind;
};

struct mr_recovery;

/* places: the assignment, each once. Errors: MR_MEMORY. */
MR_NODISCARD enum mr_rc
mr_recovery_new(const struct mr_place *places, uint32_t count, const struct mr_standing *taken,
                const struct mr_recovery_options *options, struct mr_recovery **ret_recovery);

void mr_recovery_free(struct mr_recovery **recovery);

/* The next thing to do, one at a time; it is answered before the next call. MR_STEP_END comes with
 * MR_END_RECOVERED, or MR_END_LEFT when the standing does not hold any more. */
void
mr_recovery_next(struct mr_recovery *recovery, const struct mr_standing *now,
                 struct mr_step *ret_step);

/* Answers to READ_COMMITTED, READ_REGISTRY, READ_LEDGER. OK: the query succeeded as a whole, and
 * absence is absence; anything else: it is asked again. Read the sink at the leader.
 * Rows wanted, more do no harm: of the registry every row of the assignment's partitions, every row
 * of each chain that some metadata names, and every open row of those rows' partitions; of the
 * ledger those of the same partitions. Errors: MR_MEMORY, nothing is taken then. */
MR_NODISCARD enum mr_rc
mr_recovery_committed(struct mr_recovery *recovery, enum mr_answer answer,
                      const struct mr_committed *list, uint32_t count);

MR_NODISCARD enum mr_rc
mr_recovery_registry(struct mr_recovery *recovery, enum mr_answer answer,
                     const struct mr_registry_row *rows, uint32_t count);

MR_NODISCARD enum mr_rc
mr_recovery_ledger(struct mr_recovery *recovery, enum mr_answer answer,
                   const struct mr_ledger_row *rows, uint32_t count);

/* Answers to every other step. Errors: MR_MEMORY; ask the same again. */
MR_NODISCARD enum mr_rc
mr_recovery_answer(struct mr_recovery *recovery, enum mr_answer answer);

/* A verdict a place, in the order of mr_recovery_new. After MR_END_RECOVERED, until free. */
const struct mr_verdict *
mr_recovery_verdicts(const struct mr_recovery *recovery, uint32_t *ret_count);

/* Open registry rows of our partitions as read: what to close, those and no others. As above. */
const struct mr_registry_row *
mr_recovery_open(const struct mr_recovery *recovery, uint32_t *ret_count);
