/* A small world for the protocol's machines: a sink, a coordinator, two members that drive the
 * machines, and a seeded schedule of delays, losses, stalls, crashes and rebalances. The oracle
 * counts every offset that becomes visible. */
#pragma once

#include "millrace/protocol.h"

#define SIM_PARTS 2
#define SIM_EVENTS 60
#define SIM_MEMBERS 2
#define SIM_LABELS 4096
#define SIM_ROWS 2048
#define SIM_OPEN 64
#define SIM_CONTENTS 64
#define SIM_CALLS 4
#define SIM_DELAYED 16

/* What a driver may do wrong; each must be caught. */
enum sim_mutation {
    SIM_CORRECT,
    SIM_NO_FENCE,
    SIM_FENCE_BY_STATE,
    SIM_SETTLE_BY_STATE,
    SIM_NUMBER_REUSED,
    SIM_COMMIT_BEFORE_DECISION,
    SIM_DECIDE_BEFORE_COMMITTED,
    SIM_NO_ANNOUNCE,
    SIM_START_AT_COMMITTED,
    SIM_END_BEFORE_VISIBLE,
    SIM_NO_POST_CHECK,
    SIM_NO_OVERTAKEN,
    SIM_OWN_PARTITION_ONLY
};

enum sim_faults {
    SIM_LOST = 1,       /* answers lost, requests dropped, delayed or doubled */
    SIM_CRASH = 2,
    SIM_STALL = 4,      /* longer than the session timeout */
    SIM_REBALANCE = 8,
    SIM_RESTART = 16,   /* of the sink: open transactions are cancelled */
    SIM_REFUSED = 32,   /* F15 */
    SIM_STALE = 64,     /* F24 */
    SIM_LATE = 128      /* F25 */
};

enum sim_label_state { SIM_OPENED, SIM_LOADED, SIM_COMMITTED, SIM_VISIBLE, SIM_ABORTED };

struct sim_unit {
    int64_t start[SIM_PARTS], end[SIM_PARTS]; /* equal: idle */
};

struct sim_label {
    struct mr_unit_name name;
    enum sim_label_state state;
    unsigned loads;
    struct sim_unit unit;
};

/* A call on its way: all that its effect needs. */
struct sim_request {
    struct mr_step step;
    unsigned member;
    uint64_t incarnation;
    int32_t generation;
    bool owns[SIM_PARTS];
    struct sim_unit unit;
    int64_t offset[SIM_PARTS];
    struct mr_metadata metadata[SIM_PARTS];
    struct mr_registry_row rows[SIM_OPEN];
    uint32_t row_count;
};

struct sim_call {
    bool used, executed;
    bool held; /* on its way for long */
    struct mr_step step; /* as the machine gave it */
    struct sim_request request;
    enum mr_answer answer;
};

enum sim_state { SIM_DOWN, SIM_OUT, SIM_RECOVERING, SIM_LIVE };

struct sim_member {
    enum sim_state state;
    bool stalled, in_group, ready;
    uint64_t incarnation;
    bool owns[SIM_PARTS];
    struct mr_standing taken, seen;
    struct mr_recovery *recovery;
    struct mr_live *live;
    struct mr_chain chain;
    int64_t seq[SIM_PARTS], chain_start[SIM_PARTS], position[SIM_PARTS];
    int64_t offset[SIM_PARTS]; /* committed by us or found */
    struct mr_metadata metadata[SIM_PARTS];
    struct sim_unit replay, contents[SIM_CONTENTS];
    bool must_replay;
    uint64_t fed;
    struct mr_registry_row open[SIM_OPEN];
    uint32_t open_count;
    struct sim_call calls[SIM_CALLS];
    /* what the recovery's last read brought */
    struct mr_committed read_offsets[SIM_PARTS];
    struct mr_registry_row read_rows[SIM_ROWS];
    uint32_t read_row_count;
    struct mr_ledger_row read_ledger[SIM_PARTS];
    uint32_t read_ledger_count;
    unsigned ledger_reads; /* since the registry was read */
};

struct sim_world {
    uint64_t random;
    enum sim_mutation mutation;
    unsigned faults;
    bool quiet; /* no more faults: everything must come to its end */
    const char *failure; /* "" when none */
    struct sim_label labels[SIM_LABELS];
    uint32_t label_count;
    struct mr_registry_row rows[SIM_ROWS];
    uint32_t row_count;
    struct mr_ledger_row ledger[SIM_PARTS]; /* n 0: no row */
    uint32_t publish[SIM_LABELS]; /* committed labels in their order */
    uint32_t publish_count, published;
    int visible[SIM_PARTS][SIM_EVENTS];
    int32_t generation;
    bool rebalancing;
    int64_t offset[SIM_PARTS]; /* -1: none */
    char metadata[SIM_PARTS][MR_METADATA_CHARS + 1];
    struct sim_request delayed[SIM_DELAYED];
    uint32_t delayed_count;
    struct sim_member members[SIM_MEMBERS];
    unsigned scene, victim; /* of F24: a stalled owner, a successor that loads and goes */
    uint32_t scene_published, scene_steps;
    bool stopped[SIM_PARTS];
    bool stop_allowed; /* something of F15, F24, F25 happened */
    unsigned recoveries, replays, units, stops, pauses, alarms, left;
};

uint64_t sim_draw(struct sim_world *world, uint64_t below);

/* One in `of`, and only while faults of this kind are on. */
bool sim_chance(struct sim_world *world, unsigned fault, uint64_t of);

void sim_fail(struct sim_world *world, const char *failure);

/* The effect of a call, and its answer. Reads go into the member. */
enum mr_answer sim_execute(struct sim_world *world, const struct sim_request *request);

/* Makes the next committed label visible, and counts. */
void sim_publish(struct sim_world *world);

/* The sink's front end starts again. */
void sim_restart_sink(struct sim_world *world);

/* The member's machine goes on by a call; or an answer is brought to it. */
void sim_member_next(struct sim_world *world, unsigned index);

void sim_member_answer(struct sim_world *world, unsigned index);

/* An assignment, an end of everything the process knew. */
void sim_member_assign(struct sim_world *world, unsigned index, const bool owns[SIM_PARTS]);

void sim_member_drop(struct sim_world *world, unsigned index);

/* A call of the member sets out. */
void sim_send(struct sim_world *world, unsigned index, const struct mr_step *step);

/* True: the call is not made, *ret_answer is what the driver says instead. */
bool sim_is_faked(struct sim_world *world, struct sim_request *request, enum mr_answer *ret_answer);

/* True: the driver says that the call was made; it is made later, if at all. */
bool sim_is_deferred(struct sim_world *world, const struct sim_request *request);

/* Less of the registry and the ledger than the member should ask for. */
void sim_narrow(struct sim_world *world, struct sim_member *member, enum mr_step_kind kind);

/* Runs a schedule; failure "" when all offsets are visible once, or a stop was in order. */
void sim_run(struct sim_world *world, uint64_t seed, enum sim_mutation mutation, unsigned faults);
