/* The sink's transactions: what a call does to them. A body is read only when its transaction
 * becomes visible. */
#include "world_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/base/clock.h"

#define LATE_MS 60

/* ---- labels ---- */

char
world_parse_label(const struct world *world, const char *label, struct mr_chain *ret_chain,
                  uint64_t *ret_n)
{
    size_t len = strlen(world->layout->pipeline);
    const char *chain = label + len + 1, *end = NULL;
    bool ours = strncmp(label, world->layout->pipeline, len) == 0 && label[len] == '-';
    end = ours ? strchr(chain, '-') : NULL;
    WORLD_NEED(end && strlen(label) <= MR_LABEL_CHARS, "label \"%s\"", label);
    bool known = mr_chain_parse((struct mr_slice){chain, (size_t)(end - chain)}, ret_chain);
    char letter = end[1] >= 'a' && end[1] <= 'z' ? end[1] : '\0';
    char *rest = NULL;
    *ret_n = strtoull(end + (letter ? 2 : 1), &rest, 10);
    WORLD_NEED(known && *ret_n > 0 && rest && *rest == '\0', "label \"%s\"", label);
    return letter;
}

struct world_txn *
world_find_label(const struct world *world, const char *label)
{
    for (uint32_t i = 0; i < world->txn_count; i++)
        if (strcmp(world->txns[i]->label, label) == 0)
            return world->txns[i];
    return NULL;
}

struct world_txn *
world_find_txn(const struct world *world, const struct mr_chain *chain, uint64_t n)
{
    for (uint32_t i = 0; i < world->txn_count; i++)
        if (world->txns[i]->n == n &&
            mr_chain_equal(&world->txns[i]->chain, chain))
            return world->txns[i];
    return NULL;
}

void
world_note(struct world *world, const struct world_event *event)
{
    world->events[world->event_count++ % WORLD_LOG] = *event;
    world_step(world);
}

/* ---- visibility ---- */

void
world_publish(struct world *world)
{
    int64_t now = mr_clock_monotonic_ms();
    while (world->order_first < world->order_count) {
        struct world_txn *txn = world->txns[world->visible_order[world->order_first]];
        if (txn->visible_ms > now)
            return;
        world->order_first++;
        txn->state = WORLD_VISIBLE;
        if (!world->options.blind)
            world_apply_txn(world, txn);
    }
}

static void
drop_bodies(struct world_txn *txn)
{
    for (int table = 0; table < WORLD_TABLES; table++)
        world_body_drop(&txn->bodies[table]);
}

void
world_abort(struct world *world, const struct mr_chain *chain, uint64_t n)
{
    pthread_mutex_lock(&world->lock);
    struct world_txn *txn = world_find_txn(world, chain, n);
    WORLD_NEED(txn && txn->state == WORLD_OPEN, "there is nothing to abort");
    txn->state = WORLD_ABORTED;
    drop_bodies(txn);
    world->tallies.aborted++;
    pthread_mutex_unlock(&world->lock);
}

/* A restart of the leader: transactions that are open are gone. */
static void
cancel_all(struct world *world)
{
    for (uint32_t i = 0; i < world->txn_count; i++)
        if (world->txns[i]->state == WORLD_OPEN) {
            world->txns[i]->state = WORLD_GONE;
            drop_bodies(world->txns[i]);
        }
    world->tallies.cancelled++;
}

/* ---- what a call does; world->lock held ---- */

static enum mr_outcome
answer(struct world_call *call, enum mr_outcome outcome, enum mr_txn_answer said)
{
    call->reply->answer = said;
    return outcome;
}

static struct world_txn *
add_txn(struct world *world, const struct world_call *call)
{
    struct world_txn *txn = calloc(1, sizeof *txn);
    if (world->txn_count == world->txn_capacity) {
        world->txn_capacity = world->txn_capacity ? world->txn_capacity * 2 : 64;
        world->txns = realloc(world->txns, world->txn_capacity * sizeof(void *));
        world->visible_order = realloc(world->visible_order, world->txn_capacity * sizeof(uint32_t));
    }
    WORLD_NEED(txn && world->txns && world->visible_order, "no memory");
    snprintf(txn->label, sizeof txn->label, "%s", call->label);
    txn->chain = call->event.chain;
    txn->n = call->event.n;
    txn->run = world->run;
    world->txns[world->txn_count++] = txn;
    return txn;
}

/* The registry names the chain for every partition held, and the group has it in force. */
static void
check_announced(const struct world *world, const struct world_call *call)
{
    for (uint32_t i = 0; i < world->options.partitions; i++) {
        struct mr_metadata metadata;
        const struct world_chain_row *row = world_find_chain(world, i, &call->event.chain);
        struct mr_slice text = mr_slice_of(world->metadata[i]);
        if (!world->held[i])
            continue;
        WORLD_NEED(row && !row->closed, "%s is begun: the registry does not have it for partition %u",
                   call->label, i);
        WORLD_NEED(mr_metadata_decode(text, world->layout->pipeline, &metadata) == MR_METADATA_OURS &&
                       mr_chain_equal(&metadata.in_force, &call->event.chain),
                   "%s is begun: its chain is not in force for partition %u", call->label, i);
    }
}

static enum mr_outcome
work_begin(struct world *world, struct world_call *call)
{
    WORLD_NEED(!world_find_label(world, call->label), "%s is begun twice", call->label);
    check_announced(world, call);
    if (call->fate == WORLD_FATE_NOTHING)
        return answer(call, MR_OUTCOME_RETRY, MR_TXN_UNANSWERED);
    (void)add_txn(world, call);
    world->tallies.begun++;
    return call->fate == WORLD_FATE_SILENT ? answer(call, MR_OUTCOME_UNKNOWN, MR_TXN_UNANSWERED)
                                     : answer(call, MR_OUTCOME_DONE, MR_TXN_ACCEPTED);
}

static enum mr_outcome
work_load(struct world *world, struct world_call *call)
{
    struct world_txn *txn = world_find_label(world, call->label);
    WORLD_NEED(call->job->body->rows > 0, "%s: an empty load", call->label);
    WORLD_NEED(txn != NULL, "%s: a load without a begin", call->label);
    WORLD_NEED(txn->state != WORLD_COMMITTED && txn->state != WORLD_VISIBLE,
               "%s: a load after the COMMIT", call->label);
    if (txn->state != WORLD_OPEN)
        return answer(call, MR_OUTCOME_RETRY, MR_TXN_MISSING);
    if (call->fate == WORLD_FATE_NOTHING)
        return answer(call, MR_OUTCOME_UNKNOWN, MR_TXN_UNANSWERED);
    world_body_take(&txn->bodies[call->event.table], call->job);
    world->tallies.loads++;
    if (call->event.table == WORLD_LEDGER)
        world_read_spans(world, txn);
    return call->fate == WORLD_FATE_SILENT ? answer(call, MR_OUTCOME_UNKNOWN, MR_TXN_UNANSWERED)
                                     : answer(call, MR_OUTCOME_DONE, MR_TXN_ACCEPTED);
}

/* Does the group's offset of some partition name it? */
static bool
is_named(const struct world *world, const struct world_txn *txn)
{
    bool named = false;
    for (uint32_t i = 0; i < world->options.partitions; i++) {
        struct mr_metadata metadata;
        named |= world->committed[i] >= 0 &&
                 mr_metadata_decode(mr_slice_of(world->metadata[i]), world->layout->pipeline,
                                    &metadata) == MR_METADATA_OURS &&
                 metadata.last.n == txn->n && mr_chain_equal(&metadata.last.chain, &txn->chain);
    }
    return named;
}

static bool
has_refused(struct world *world, const struct world_txn *txn)
{
    const struct world_body *detail = &txn->bodies[WORLD_DETAIL];
    return txn->state == WORLD_OPEN && detail->text && world_body_refused(world, detail) > 0;
}

static uint32_t
find_index(const struct world *world, const struct world_txn *txn)
{
    uint32_t index = 0;
    while (world->txns[index] != txn)
        index++;
    return index;
}

static void
commit_open(struct world *world, struct world_call *call, struct world_txn *txn)
{
    bool late = world_one_in(&call->loader->dice, world->options.chances.late);
    bool recovering = call->event.recovering;
    WORLD_NEED(txn->decided || (recovering && is_named(world, txn)),
               "%s: COMMIT before its decision", txn->label);
    txn->state = WORLD_COMMITTED;
    txn->visible_ms = mr_clock_monotonic_ms() +
                      (late ? (int64_t)(world_draw(&call->loader->dice) % LATE_MS) : 0);
    world->visible_order[world->order_count++] = find_index(world, txn);
    world->tallies.committed++;
    if (!recovering)
        memset(world->replay, 0, sizeof world->replay);
    world_publish(world);
}

static enum mr_outcome
work_commit(struct world *world, struct world_call *call)
{
    struct world_txn *txn = world_find_label(world, call->label);
    if (call->fate == WORLD_FATE_NOTHING)
        return answer(call, MR_OUTCOME_UNKNOWN, MR_TXN_UNANSWERED);
    WORLD_NEED(!txn || !txn->left || call->event.recovering, "%s: COMMIT by who is no member any more",
               call->label);
    if (!txn || txn->state == WORLD_GONE || txn->forgotten)
        return answer(call, MR_OUTCOME_UNKNOWN, MR_TXN_MISSING);
    if (txn->state == WORLD_OPEN && world_one_in(&call->loader->dice, world->options.chances.aborted)) {
        world->tallies.aborted++;
        txn->state = WORLD_ABORTED;
        drop_bodies(txn);
    }
    bool again = txn->state != WORLD_OPEN;
    if (has_refused(world, txn)) { /* the server looks at the rows only now */
        world->tallies.refused++;
        txn->state = WORLD_ABORTED;
        drop_bodies(txn);
        return answer(call, MR_OUTCOME_REJECTED, MR_TXN_REFUSED);
    }
    if (txn->state == WORLD_OPEN)
        commit_open(world, call, txn);
    if (txn->state == WORLD_ABORTED)
        return answer(call, MR_OUTCOME_RETRY, MR_TXN_ABORTED);
    if (call->fate == WORLD_FATE_SILENT)
        return answer(call, MR_OUTCOME_UNKNOWN, MR_TXN_UNANSWERED);
    return answer(call, MR_OUTCOME_DONE, again ? MR_TXN_ALREADY_COMMITTED : MR_TXN_COMMITTED);
}

static enum mr_outcome
work_rollback(struct world *world, struct world_call *call)
{
    struct world_txn *txn = world_find_label(world, call->label);
    if (call->fate == WORLD_FATE_NOTHING)
        return answer(call, MR_OUTCOME_UNKNOWN, MR_TXN_UNANSWERED);
    if (txn && txn->state == WORLD_OPEN) {
        /* Recovery may: what a partition decided with a unit that failed puts at risk is fenced. */
        WORLD_NEED(!txn->decided || call->event.recovering, "%s: ROLLBACK after its decision",
                   txn->label);
        world->tallies.rolled_back++;
        txn->state = WORLD_ABORTED;
        drop_bodies(txn);
    }
    if (call->fate == WORLD_FATE_SILENT)
        return answer(call, MR_OUTCOME_UNKNOWN, MR_TXN_UNANSWERED);
    if (!txn || txn->state == WORLD_GONE || txn->forgotten)
        return answer(call, MR_OUTCOME_DONE, MR_TXN_MISSING);
    return txn->state == WORLD_ABORTED ? answer(call, MR_OUTCOME_DONE, MR_TXN_ABORTED)
                                       : answer(call, MR_OUTCOME_REJECTED, MR_TXN_ALREADY_COMMITTED);
}

/* Rows of one table that nobody will ever see. */
static enum mr_outcome
work_trial(struct world *world, struct world_call *call)
{
    struct world_body body = {NULL, NULL, false};
    world->tallies.trials++;
    if (call->fate != WORLD_FATE_ANSWERED)
        return answer(call, MR_OUTCOME_RETRY, MR_TXN_UNANSWERED);
    WORLD_NEED(call->event.table == WORLD_DETAIL && call->event.count > 0, "a trial of table %u, %u rows",
               call->event.table, call->event.count);
    world_body_take(&body, call->job);
    uint32_t refused = world_body_refused(world, &body);
    world->tallies.odd_trials += body.json;
    world_body_drop(&body);
    if (refused == 0)
        return answer(call, MR_OUTCOME_DONE, MR_TXN_ABORTED);
    snprintf(call->reply->load.error_url, sizeof call->reply->load.error_url, "http://world/rows");
    return answer(call, MR_OUTCOME_REJECTED, MR_TXN_REFUSED);
}

enum mr_outcome
world_work(struct world *world, struct world_call *call)
{
    world_publish(world);
    if (world_one_in(&call->loader->dice, world->options.chances.cancelled))
        cancel_all(world);
    call->event.recovering = world->recovering;
    if (call->event.trial)
        return work_trial(world, call);
    if (call->event.kind == MR_STEP_BEGIN)
        return work_begin(world, call);
    if (call->event.kind == MR_STEP_LOAD)
        return work_load(world, call);
    return call->event.kind == MR_STEP_COMMIT ? work_commit(world, call)
                                              : work_rollback(world, call);
}
