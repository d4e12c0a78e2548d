/* Private to the ledger commands: what is known of each partition, in the sink and in Kafka.
 * Threads: main's, and one that tells it when StarRocks was silent for too long. Memory:
 * mri_ledger_close releases all. Errors: filled at the borders, reported by ledger.c. Limits:
 * partitions of which the sink has a row, or that the command line names. */
#pragma once

#include <stdatomic.h>

#include "commands_priv.h"
#include "millrace/base/thread.h"
#include "millrace/consume.h"
#include "millrace/load.h"
#include "millrace/protocol.h"
#include "millrace/verify.h"

struct mri_ledger_arguments {
    const char *file;
    const char *topic; /* NULL: all */
    int32_t partition; /* -1: all */
    bool rewind, yes;
};

struct mri_ledger_part {
    struct mr_place place;
    bool in_ledger;
    struct mr_unit_name unit; /* of the ledger row */
    int64_t end;              /* of the ledger row; -1: none */
    int64_t least;            /* start in the registry; -1: no row */
    int64_t seq;              /* greatest in the registry; 0: no row */
    uint32_t rows, open;      /* of the registry */
    bool asked;               /* Kafka was; what follows is known */
    struct mr_offset offset;
    enum mr_metadata_kind kind;
    struct mr_metadata metadata; /* when OURS */
    struct mr_verdict verdict;   /* as the next run would find it; its last unit taken for not in */
    bool chosen;                 /* the operator's decision is about it */
};

/* A ledger row to write. */
struct mri_ledger_end {
    struct mr_span span;
    struct mr_unit_name unit;
};

/* The time that a call to StarRocks has; `over` is what ends it. */
struct mri_ledger_limit {
    struct mr_thread thread;
    _Atomic int64_t until_ms;
    _Atomic bool over, ended;
};

struct mri_ledger {
    const struct mr_config *config;
    const struct mr_layout *layout;
    const struct mri_ledger_arguments *arguments;
    struct mr_sql *sql; /* at the leader */
    struct mr_consumer *consumer;
    struct mr_load_hub *hub; /* from the first write on */
    struct mr_loader *loader;
    struct mri_ledger_limit limit; /* as the hub */
    struct mr_other_topics topics;
    struct mr_ledger_row *ends; /* every ledger row of the pipeline */
    uint32_t end_count;
    struct mr_registry_row *rows; /* of the partitions; all others are left out */
    uint32_t row_count;
    struct mri_ledger_part *parts;
    uint32_t part_count;
    struct mr_error kafka; /* rc MR_OK, or why Kafka could not be asked */
    struct mr_error error;
};

/* ---- ledger_read.c ---- */

/* Sink and Kafka; Kafka's silence is kept in ->kafka and is no error here. Close in any case. */
MR_NODISCARD enum mr_rc mri_ledger_open(struct mri_ledger *ledger,
                                        const struct mr_config *config,
                                        const struct mr_layout *layout,
                                        const struct mri_ledger_arguments *arguments);

void mri_ledger_close(struct mri_ledger *ledger);

/* The ledger's rows, also those that came in since; what is known besides stays. */
MR_NODISCARD enum mr_rc mri_ledger_read_ends(struct mri_ledger *ledger);

struct mri_ledger_part *mri_ledger_part_at(struct mri_ledger *ledger, struct mr_place place);

const char *mri_ledger_topic(const struct mri_ledger *ledger, struct mr_place place);

/* Where the sink ends; -1: it does not know the partition. */
int64_t mri_ledger_sink_end(const struct mri_ledger_part *part);

/* ---- ledger_write.c ---- */

/* The group's offsets of all these partitions; only a group without members takes them from us. */
MR_NODISCARD enum mr_rc
mri_ledger_commit(struct mri_ledger *ledger, const struct mr_offset *offsets, uint32_t count);

/* Registry rows and ledger rows as loads of their own, under labels of the chain, each for
 * load_timeout at most; removes: the rows of that key are deleted. */
MR_NODISCARD enum mr_rc mri_ledger_put(struct mri_ledger *ledger,
                                       const struct mr_chain *chain,
                                       const struct mr_registry_row *rows,
                                       uint32_t row_count,
                                       const struct mri_ledger_end *ends,
                                       uint32_t end_count,
                                       bool removes);

/* Connections for loads and transactions, and their time limit; made by the first call. */
MR_NODISCARD enum mr_rc mri_ledger_connect(struct mri_ledger *ledger);

/* ---- ledger_limit.c ---- */

/* Calls that are given &ledger->limit.over end within 200 ms of load_timeout after begin; rest: no
 * such call is under way. start and end may be called more than once. */
MR_NODISCARD enum mr_rc mri_ledger_limit_start(struct mri_ledger *ledger);

void mri_ledger_limit_begin(struct mri_ledger *ledger);

void mri_ledger_limit_rest(struct mri_ledger *ledger);

bool mri_ledger_limit_over(const struct mri_ledger *ledger);

void mri_ledger_limit_end(struct mri_ledger *ledger);

/* ---- ledger_fence.c ---- */

/* Open chains of the chosen partitions: rolls back what units may still be open, waits until those
 * that turned out to be committed can be read, and reads the ends again; a label may take
 * load_timeout. After that no row comes in any more. */
MR_NODISCARD enum mr_rc mri_ledger_fence(struct mri_ledger *ledger);

/* ---- one file an action ---- */

enum mr_rc mri_ledger_show(struct mri_ledger *ledger);

enum mr_rc mri_ledger_accept(struct mri_ledger *ledger);

enum mr_rc mri_ledger_forget(struct mri_ledger *ledger);
