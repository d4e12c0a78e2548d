/* Across the files of the protocol's two machines. Plain data, under the caller's one thread. */
#pragma once

#include "millrace/protocol.h"

/* ---- Live ---- */

enum mri_chain_phase {
    MRI_CHAIN_ANNOUNCE,  /* rows of the registry are to be loaded */
    MRI_CHAIN_FIND,      /* they must be seen */
    MRI_CHAIN_COMMIT,    /* Kafka must name the chain */
    MRI_CHAIN_READ_BACK, /* its answer was no answer */
    MRI_CHAIN_OPEN,      /* labels may be begun */
    MRI_CHAIN_VISIBLE,   /* open, and the unit that allows to close must become visible */
    MRI_CHAIN_CLOSE      /* open, and the predecessors' rows are to be closed */
};
#define MRI_CHAIN_PHASES (MRI_CHAIN_CLOSE + 1)

enum mri_unit_phase {
    MRI_UNIT_EMPTY,
    MRI_UNIT_BEGIN,     /* number 0 until it is begun */
    MRI_UNIT_LOAD,
    MRI_UNIT_READY,     /* loaded, not committed: what a prepared unit is elsewhere */
    MRI_UNIT_DECIDE,    /* its offset commit is sent, perhaps again */
    MRI_UNIT_READ_BACK, /* the commit was not answered well */
    MRI_UNIT_COMMIT,    /* decided, and ours: post-check passed */
    MRI_UNIT_UNDO       /* to be rolled back, confirmed, and tried again or dropped */
};
#define MRI_UNIT_PHASES (MRI_UNIT_UNDO + 1)

struct mri_unit {
    enum mri_unit_phase phase;
    bool sent;   /* the phase's step is under way */
    bool doomed; /* roll back as soon as the step under way is answered */
    uint64_t number, content;
};

struct mr_live {
    struct mr_chain chain;
    struct mr_standing taken;
    enum mri_chain_phase phase;
    bool sent;               /* the chain's own step is under way */
    bool close;              /* rows of predecessors are open */
    bool finish;             /* revoked: undecided units are finished, too */
    enum mr_outcome_end end; /* NONE: going on */
    bool ended;
    enum mr_stop stop;
    uint64_t announces, closes; /* k of the last one */
    uint64_t next;              /* number of the next unit begun */
    uint64_t committed, committed_content;
    uint64_t visible; /* number that MRI_CHAIN_VISIBLE waits for */
    struct mri_unit units[MR_LIVE_UNITS]; /* in the order of their contents */
};

/* Ends the chain: what is decided is finished unless end is LEFT, the rest is rolled back unless it
 * is REVOKED with `finish`. A later call may only make it LEFT or, from anything else, REVOKED. */
void mri_live_finish(struct mr_live *live, enum mr_outcome_end end);

/* Past step 3: whether it is decided is Kafka's to say. */
bool mri_unit_is_asked(const struct mri_unit *unit);

/* Units are tried again, and undecided ones decided. */
bool mri_live_goes_on(const struct mr_live *live);

/* Rolls the units from index on back that are not asked; those not begun are dropped at an end. */
void mri_live_undo_from(struct mr_live *live, unsigned index);

/* The next step of units; kind NONE when there is none. */
void
mri_live_unit_step(struct mr_live *live, const struct mr_standing *now, struct mr_step *ret_step);

void
mri_live_unit_answer(struct mr_live *live, struct mri_unit *unit, enum mr_answer answer,
                     const struct mr_standing *now);

/* ---- Recovery ---- */

enum mri_recovery_phase {
    MRI_RECOVERY_COMMITTED, /* a */
    MRI_RECOVERY_REGISTRY,  /* b, a group at a time from here */
    MRI_RECOVERY_LEDGER,
    MRI_RECOVERY_STATE,     /* is last committed already? */
    MRI_RECOVERY_FENCE,     /* c */
    MRI_RECOVERY_VISIBLE,   /* d */
    MRI_RECOVERY_LEDGER_AGAIN,
    MRI_RECOVERY_SETTLE,    /* e */
    MRI_RECOVERY_VISIBLE_ALL, /* f, of all groups */
    MRI_RECOVERY_LEDGER_LAST,
    MRI_RECOVERY_TOPIC,
    MRI_RECOVERY_PAUSE,     /* somebody must stop: once more from a */
    MRI_RECOVERY_ENDED
};
#define MRI_RECOVERY_PHASES (MRI_RECOVERY_ENDED + 1)

struct mri_part {
    struct mr_place place;
    struct mr_committed committed;
    bool grouped;  /* belongs to a group that was taken up */
    bool current;  /* to the one being worked on */
    bool contradicted; /* a label committed and then aborted */
    int64_t least, seq; /* of its registry rows in b: least start, greatest seq; -1 */
    struct mr_found found;
    struct mr_verdict verdict;
};

/* A chain to be fenced, and how far. */
struct mri_fence {
    struct mr_chain chain;
    uint64_t next;    /* number to roll back */
    uint64_t least;   /* last number that must be asked */
    uint64_t unknown; /* consecutive numbers unknown to the sink */
};

/* A label that must be visible, if it is committed, before an end is read. */
struct mri_awaited {
    struct mr_unit_name unit;
    bool committed; /* for sure: it cannot be aborted any more */
};

struct mri_list {
    void *items;
    uint32_t count, capacity;
};

struct mr_recovery {
    struct mr_standing taken;
    struct mr_recovery_options options;
    enum mri_recovery_phase phase;
    enum mr_outcome_end end;
    bool repeated;
    uint32_t part_count, topic_at; /* topic_at: part that is asked about */
    struct mri_part *parts;
    struct mr_verdict *verdicts;
    struct mr_unit_name last; /* of the group being worked on */
    bool committed;           /* last is known to be committed */
    bool overtaken;
    struct mri_list rows;    /* struct mr_registry_row, of b */
    struct mri_list ledger;  /* struct mr_ledger_row, of the last read */
    struct mri_list fences;  /* struct mri_fence, of the group */
    struct mri_list awaited; /* struct mri_awaited */
    struct mri_list open;    /* struct mr_registry_row: ours */
    uint32_t fence_at;
};

/* False: out of memory, nothing is added. */
bool mri_list_add(struct mri_list *list, const void *item, size_t size);

/* Replaces the content. */
bool
mri_list_set(struct mri_list *list, const void *items, uint32_t count, size_t size);

void mri_list_fini(struct mri_list *list);

bool mri_place_equal(struct mr_place a, struct mr_place b);

/* The part of place; NULL: not assigned. */
struct mri_part *mri_recovery_part(const struct mr_recovery *recovery, struct mr_place place);

const struct mr_ledger_row *
mri_recovery_ledger_row(const struct mr_recovery *recovery, struct mr_place place);

const struct mr_registry_row *
mri_recovery_row(const struct mr_recovery *recovery, struct mr_place place,
                 const struct mr_chain *chain);

/* The partition is in P+ of the group being worked on. */
bool mri_recovery_in_plus(const struct mr_recovery *recovery, struct mr_place place);

/* The ledger shows a unit of last's chain that came after it or is it. */
bool mri_recovery_shows_last(const struct mr_recovery *recovery);

/* A successor of last's chain loaded somewhere before last was decided. */
bool mri_recovery_is_overtaken(const struct mr_recovery *recovery);

/* Adds a label to those that are awaited. False: out of memory. */
bool mri_recovery_await(struct mr_recovery *recovery, const struct mr_chain *chain, uint64_t n,
                        bool committed);

/* Awaits the numbers below last, down to the last one that the ledger shows: the one before last is
 * committed, and perhaps not visible. False: out of memory. */
bool mri_recovery_await_before_last(struct mr_recovery *recovery);

/* Fills fences with the open chains of P+. False: out of memory. */
bool mri_recovery_plan_fences(struct mr_recovery *recovery);

/* The number to be rolled back; NULL: every chain is fenced. */
const struct mri_fence *mri_recovery_fence(struct mr_recovery *recovery);

/* What the fence's ROLLBACK brought. False: out of memory, ask again. */
bool mri_recovery_fence_answer(struct mr_recovery *recovery, enum mr_answer answer);

/* Verdicts of all parts from what was found. True: some topic must be asked about, at topic_at. */
bool mri_recovery_judge(struct mr_recovery *recovery);

/* Collects what b says about the group: positions, seq, open rows, chains that are missing. False:
 * out of memory. */
bool mri_recovery_take_rows(struct mr_recovery *recovery);

/* Takes up the next partitions with equal `last`, or goes on to f. */
void mri_recovery_next_group(struct mr_recovery *recovery);

/* Some of the group's partitions have not stopped. */
bool mri_recovery_has_group(const struct mr_recovery *recovery);

/* After b: only a label that is known to be committed keeps its chain's other partitions out of P+.
 * False: out of memory. */
bool mri_recovery_begin_fence(struct mr_recovery *recovery);

/* After d, with the ledger as it is now. */
void mri_recovery_begin_settling(struct mr_recovery *recovery);

/* f: verdicts, or a question about a topic, or once more from a. */
void mri_recovery_conclude(struct mr_recovery *recovery);
