/* Private to support/world*.c: the fake stages' own state.
 * Threads: a consumer belongs to feed, a loader to its thread. */
#pragma once

#include "world.h"

struct mr_consumer {
    struct world *world;
    struct mr_consumer_events events;
    struct world_dice dice;
    bool assigned[WORLD_PARTITIONS], wanted[WORLD_PARTITIONS];
    int64_t position[WORLD_PARTITIONS], start[WORLD_PARTITIONS];
    int64_t until[WORLD_PARTITIONS]; /* end of a replay that has not got there; -1: none */
    bool replaying;
    uint32_t replay_fills; /* calls with a batch since it began */
    bool subscribed, waiting; /* waiting: an assignment is to be made (again) */
    uint32_t pause;           /* calls until then */
    uint32_t rebalances;
    int64_t last_offset[WORLD_PARTITIONS]; /* given out last; -1 none */
    struct mr_batch *batch;                /* being filled */
    bool in_event;
    bool fenced, lost; /* the group went on without us; lost: and we know it */
    uint32_t losing;   /* calls until the partitions are taken away */
    bool refused;      /* the app stopped at an assignment */
    int32_t generation;
    uint64_t epoch;
};

struct mr_load_hub {
    _Atomic bool stopped; /* [atomic: relaxed] */
    _Atomic uint64_t outcomes[MR_OUTCOME_FATAL + 1]; /* [atomic: relaxed] */
    _Atomic uint32_t loaders;                        /* [atomic: relaxed] */
};

struct mr_loader {
    struct mr_load_hub *hub;
    struct world *world;
    struct world_dice dice;
};

struct mr_sql {
    struct world *world;
};

enum world_table
world_table_of(const struct world *world, const char *table);

/* give_up may be NULL. */
bool
world_given_up(const struct mr_loader *loader, const _Atomic bool *give_up);

/* Waits as a server does; a slow call stands for the retries of one that fails for a while. */
void
world_take_time(struct mr_loader *loader, const _Atomic bool *give_up);

/* Time of the earliest event. */
int64_t
world_base_us(void);

/* Place of a topic's partition in the world. */
static inline uint32_t
world_place(uint16_t topic, int32_t partition)
{
    return (uint32_t)partition * WORLD_TOPICS + topic;
}

/* The chain in force for a partition; none: nobody's. world->lock held. */
struct mr_chain
world_chain_in_force(const struct world *world, uint32_t partition);

static inline bool
world_is_set(const _Atomic bool *flag)
{
    return atomic_load_explicit(flag, memory_order_relaxed);
}

/* ---- world_group.c ---- */

/* The partitions are given back, or lost. */
void
world_take_away(struct mr_consumer *consumer, bool lost);

/* What the group does at a call. */
void
world_rebalance(struct mr_consumer *consumer);

/* ---- world_txn.c: the sink's transactions; world->lock held ---- */

/* What becomes of a request. */
enum world_fate { WORLD_FATE_ANSWERED, WORLD_FATE_SILENT, WORLD_FATE_NOTHING };

/* A call under way. */
struct world_call {
    struct mr_loader *loader;
    const char *label;
    const struct mr_load_job *job; /* of a LOAD */
    const _Atomic bool *give_up;
    struct world_event event;
    enum world_fate fate;
    struct mr_txn_reply *reply;
};

/* <pipeline>-<chain>-<n>, or with a letter before the number: returns it, else 0. No lock. */
char
world_parse_label(const struct world *world, const char *label, struct mr_chain *ret_chain,
                  uint64_t *ret_n);

/* NULL: none. */
struct world_txn *
world_find_label(const struct world *world, const char *label);

/* Does what the call asks for, as far as its fate lets it. */
enum mr_outcome
world_work(struct world *world, struct world_call *call);

/* ---- world_registry.c ---- */

/* A load of the registry. */
enum mr_outcome
world_load_registry(struct mr_loader *loader, const struct mr_load_job *job,
                    const _Atomic bool *give_up);

/* ---- world_bodies.c ---- */

#define WORLD_COLUMNS 24

/* One row: names and texts, NULL for a null. */
struct world_row {
    uint32_t count;
    const char *names[WORLD_COLUMNS];
    char *texts[WORLD_COLUMNS];
};

/* Cells by name; what is missing or no number ends the test. */
const char *
world_row_text(const struct world_row *row, const char *name);
int64_t
world_row_number(const struct world_row *row, const char *name);
int64_t
world_row_cents(const struct world_row *row, const char *name);
void
world_row_need(const struct world_row *row, const char *name, const char *wanted);

/* Row by row; the body stays as it is. */
void
world_body_read(const struct world_body *body,
                void (*each)(void *context, const struct world_row *row), void *context);
void
world_body_take(struct world_body *body, const struct mr_load_job *job);
void
world_body_drop(struct world_body *body);

/* ---- world_rows.c; world->lock held ---- */

/* Partition of the world, by topic and Kafka's number. */
uint32_t
world_row_place(const struct world *world, const char *topic, int64_t partition);

/* Rows of a detail body that the server refuses. */
uint32_t
world_body_refused(struct world *world, const struct world_body *body);

/* [start, end) of the ledger rows. */
void
world_read_spans(struct world *world, struct world_txn *txn);

/* Books all bodies of a transaction that becomes visible. */
void
world_apply_txn(struct world *world, struct world_txn *txn);
