/* A scripted sink and Kafka for one recovery. Chains are named by a letter. */
#pragma once

#include <string.h>

#include "millrace/protocol.h"
#include "test.h"

#define RC_PARTS 2
#define RC_ROWS 16
#define RC_LABELS 64

enum rc_state { RC_OPEN, RC_COMMITTED, RC_VISIBLE, RC_ABORTED };

struct rc_label {
    char chain;
    uint64_t n;
    enum rc_state state;
    int64_t end; /* of partition 0, once it is visible; 0: the ledger stays as it is */
};

struct rc_case {
    uint32_t part_count;
    struct mr_standing taken;
    struct mr_recovery_options options;
    struct mr_committed committed[RC_PARTS];
    struct mr_registry_row rows[RC_ROWS];
    uint32_t row_count;
    struct mr_ledger_row ledger[RC_PARTS];
    uint32_t ledger_count;
    struct rc_label labels[RC_LABELS];
    uint32_t label_count;
    enum mr_answer topic;
    /* What was seen. */
    uint32_t rollbacks, commits, states, waits, pauses, topics;
    uint64_t rolled_back; /* greatest number */
    int64_t topic_offset; /* of the last question about a topic */
    struct mr_verdict verdict[RC_PARTS];
    enum mr_outcome_end end;
    uint32_t open_count;
    struct mr_registry_row open[RC_ROWS];
};

static inline struct mr_chain
rc_chain(char letter)
{
    struct mr_chain chain = {{0}};
    memset(chain.text, letter, letter ? MR_CHAIN_CHARS : 0);
    return chain;
}

static inline void
rc_init(struct rc_case *c, uint32_t part_count)
{
    memset(c, 0, sizeof *c);
    c->part_count = part_count;
    c->taken = (struct mr_standing){
        .topics_known = true, .metadata_fits = true, .generation = 1, .member = 1, .epoch = 1};
    c->options.config = 1;
    c->topic = MR_ANSWER_OK;
    for (int32_t p = 0; p < RC_PARTS; p++) {
        c->committed[p] = (struct mr_committed){
            .place = {0, p}, .offset = -1, .kind = MR_METADATA_NONE};
    }
}

/* Partition p is committed at `end` by unit (chain, n), which begins at start; force is in force. */
static inline void
rc_commit(struct rc_case *c, int32_t p, char chain, uint64_t n, int64_t start, int64_t end,
          char force)
{
    struct mr_metadata metadata = {.pipeline = "p",
                                   .last = {rc_chain(n > 0 ? chain : 0), n},
                                   .start = start,
                                   .in_force = rc_chain(force),
                                   .config = 1};
    c->committed[p] = (struct mr_committed){{0, p}, end, MR_METADATA_OURS, metadata};
}

static inline void
rc_row(struct rc_case *c, int32_t p, char chain, int64_t seq, int64_t start, bool closed)
{
    c->rows[c->row_count++] =
        (struct mr_registry_row){{0, p}, rc_chain(chain), seq, start, 0, closed};
}

static inline void
rc_ledger(struct rc_case *c, int32_t p, char chain, uint64_t n, int64_t end)
{
    for (uint32_t i = 0; i < c->ledger_count; i++) {
        if (c->ledger[i].place.partition == p) {
            c->ledger[i] = (struct mr_ledger_row){{0, p}, {rc_chain(chain), n}, end};
            return;
        }
    }
    c->ledger[c->ledger_count++] = (struct mr_ledger_row){{0, p}, {rc_chain(chain), n}, end};
}

static inline void
rc_label(struct rc_case *c, char chain, uint64_t n, enum rc_state state, int64_t end)
{
    c->labels[c->label_count++] = (struct rc_label){chain, n, state, end};
}

/* Last unit (b, 3) of partition 0, from 10 to 20, loaded and not committed; (b, 2) is in. */
static inline void
rc_init_open(struct rc_case *c)
{
    rc_init(c, 1);
    rc_commit(c, 0, 'b', 3, 10, 20, 'b');
    rc_row(c, 0, 'b', 1, 0, false);
    rc_ledger(c, 0, 'b', 2, 10);
    rc_label(c, 'b', 2, RC_VISIBLE, 10);
    rc_label(c, 'b', 3, RC_OPEN, 20);
}

static inline struct rc_label *
rc_find(struct rc_case *c, const struct mr_step *step)
{
    for (uint32_t i = 0; i < c->label_count; i++) {
        if (c->labels[i].n == step->number && c->labels[i].chain == step->chain.text[0]) {
            return &c->labels[i];
        }
    }
    return NULL;
}

static inline enum mr_answer
rc_rollback(struct rc_case *c, const struct mr_step *step)
{
    struct rc_label *label = rc_find(c, step);
    c->rollbacks++;
    c->rolled_back = step->number > c->rolled_back ? step->number : c->rolled_back;
    if (!label) {
        return MR_ANSWER_UNKNOWN;
    }
    if (label->state == RC_COMMITTED || label->state == RC_VISIBLE) {
        return MR_ANSWER_ALREADY;
    }
    label->state = RC_ABORTED;
    return MR_ANSWER_OK;
}

static inline enum mr_answer
rc_sink_commit(struct rc_case *c, const struct mr_step *step)
{
    struct rc_label *label = rc_find(c, step);
    c->commits++;
    if (!label || label->state == RC_ABORTED) {
        return label ? MR_ANSWER_ABORTED : MR_ANSWER_UNKNOWN;
    }
    if (label->state != RC_OPEN) {
        return MR_ANSWER_ALREADY;
    }
    label->state = RC_COMMITTED;
    return MR_ANSWER_OK;
}

static inline enum mr_answer
rc_state_of(struct rc_case *c, const struct mr_step *step)
{
    struct rc_label *label = rc_find(c, step);
    if (!label || label->state == RC_OPEN) {
        return MR_ANSWER_UNKNOWN; /* an open transaction is hidden */
    }
    return label->state == RC_ABORTED     ? MR_ANSWER_ABORTED
           : label->state == RC_COMMITTED ? MR_ANSWER_ALREADY
                                          : MR_ANSWER_OK;
}

/* Asked twice, a committed label is visible. */
static inline enum mr_answer
rc_wait(struct rc_case *c, const struct mr_step *step)
{
    struct rc_label *label = rc_find(c, step);
    enum mr_answer answer = rc_state_of(c, step);
    c->waits++;
    if (label && label->state == RC_COMMITTED) {
        label->state = RC_VISIBLE;
        if (label->end > 0) {
            rc_ledger(c, 0, label->chain, label->n, label->end);
        }
    }
    return answer;
}

/* Does the step and answers it. */
static inline enum mr_rc
rc_answer(struct rc_case *c, struct mr_recovery *recovery, const struct mr_step *step)
{
    enum mr_answer answer = MR_ANSWER_OK;
    if (step->kind == MR_STEP_READ_COMMITTED) {
        return mr_recovery_committed(recovery, MR_ANSWER_OK, c->committed, c->part_count);
    }
    if (step->kind == MR_STEP_READ_REGISTRY) {
        return mr_recovery_registry(recovery, MR_ANSWER_OK, c->rows, c->row_count);
    }
    if (step->kind == MR_STEP_READ_LEDGER) {
        return mr_recovery_ledger(recovery, MR_ANSWER_OK, c->ledger, c->ledger_count);
    }
    if (step->kind == MR_STEP_ROLLBACK) {
        answer = rc_rollback(c, step);
    } else if (step->kind == MR_STEP_COMMIT) {
        answer = rc_sink_commit(c, step);
    } else if (step->kind == MR_STEP_VISIBLE) {
        answer = rc_wait(c, step);
    } else if (step->kind == MR_STEP_ASK_STATE) {
        c->states++;
        answer = rc_state_of(c, step);
    } else if (step->kind == MR_STEP_ASK_TOPIC) {
        c->topics++;
        c->topic_offset = step->offset;
        answer = c->topic;
    } else {
        T_INT_EQ(step->kind, MR_STEP_PAUSE);
        c->pauses++;
    }
    return mr_recovery_answer(recovery, answer);
}

static inline struct mr_recovery *
rc_make(const struct rc_case *c)
{
    struct mr_recovery *recovery = NULL;
    struct mr_place places[RC_PARTS] = {{0, 0}, {0, 1}};
    T_INT_EQ(mr_recovery_new(places, c->part_count, &c->taken, &c->options, &recovery), MR_OK);
    return recovery;
}

static inline void
rc_run(struct rc_case *c)
{
    struct mr_recovery *recovery = rc_make(c);
    struct mr_step step;
    uint32_t count = 0;
    mr_recovery_next(recovery, &c->taken, &step);
    for (int i = 0; i < 1000 && step.kind != MR_STEP_END; i++) {
        T_INT_EQ(rc_answer(c, recovery, &step), MR_OK);
        mr_recovery_next(recovery, &c->taken, &step);
    }
    T_INT_EQ(step.kind, MR_STEP_END);
    c->end = step.end;
    T_INT_EQ(step.end, MR_END_RECOVERED);
    const struct mr_verdict *verdicts = mr_recovery_verdicts(recovery, &count);
    T_INT_EQ(count, c->part_count);
    memcpy(c->verdict, verdicts, count * sizeof *verdicts);
    const struct mr_registry_row *open = mr_recovery_open(recovery, &c->open_count);
    if (c->open_count > 0) {
        memcpy(c->open, open, c->open_count * sizeof *open);
    }
    mr_recovery_free(&recovery);
}

static inline void
rc_check_start(const struct rc_case *c, int32_t p, int64_t start, unsigned alarms)
{
    T_INT_EQ(c->verdict[p].kind, MR_VERDICT_START);
    T_INT_EQ(c->verdict[p].start, start);
    T_INT_EQ(c->verdict[p].alarms, alarms);
}

static inline void
rc_check_replay(const struct rc_case *c, int32_t p, int64_t start, int64_t end)
{
    T_INT_EQ(c->verdict[p].kind, MR_VERDICT_REPLAY);
    T_INT_EQ(c->verdict[p].start, start);
    T_INT_EQ(c->verdict[p].end, end);
}

static inline void
rc_check_stop(const struct rc_case *c, int32_t p, enum mr_stop stop)
{
    T_INT_EQ(c->verdict[p].kind, MR_VERDICT_STOP);
    T_INT_EQ(c->verdict[p].stop, stop);
    T_INT_EQ(c->pauses, 1); /* found twice, a session timeout apart */
}
