/* The sink's transactions and its registry: the contract of load_txn over the world. A body is read
 * only when its transaction becomes visible; each call may fail by the dice, applied or not. */
#include "world_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/base/clock.h"
#include "millrace/model/tables.h"

#define LATE_MS 60
#define MUTE_MS 5000

/* What becomes of a request. */
enum fate { FATE_ANSWERED, FATE_SILENT, FATE_NOTHING };

/* A call under way. */
struct call {
    struct mr_loader *loader;
    const char *label;
    const struct mr_load_job *job; /* of a LOAD */
    const _Atomic bool *give_up;
    struct world_event event;
    enum fate fate;
    struct mr_txn_reply *reply;
};

/* ---- labels ---- */

/* <pipeline>-<chain>-<n>, or with a letter before the number. Returns the letter, else 0. */
static char
parse_label(const struct world *world, const char *label, struct mr_chain *ret_chain, uint64_t *ret_n)
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

static struct world_txn *
find_label(const struct world *world, const char *label)
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
answer(struct call *call, enum mr_outcome outcome, enum mr_txn_answer said)
{
    call->reply->answer = said;
    return outcome;
}

static struct world_txn *
add_txn(struct world *world, const struct call *call)
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
check_announced(const struct world *world, const struct call *call)
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
work_begin(struct world *world, struct call *call)
{
    WORLD_NEED(!find_label(world, call->label), "%s is begun twice", call->label);
    check_announced(world, call);
    if (call->fate == FATE_NOTHING)
        return answer(call, MR_OUTCOME_RETRY, MR_TXN_UNANSWERED);
    (void)add_txn(world, call);
    world->tallies.begun++;
    return call->fate == FATE_SILENT ? answer(call, MR_OUTCOME_UNKNOWN, MR_TXN_UNANSWERED)
                                     : answer(call, MR_OUTCOME_DONE, MR_TXN_ACCEPTED);
}

static enum mr_outcome
work_load(struct world *world, struct call *call)
{
    struct world_txn *txn = find_label(world, call->label);
    WORLD_NEED(call->job->body->rows > 0, "%s: an empty load", call->label);
    WORLD_NEED(txn != NULL, "%s: a load without a begin", call->label);
    WORLD_NEED(txn->state != WORLD_COMMITTED && txn->state != WORLD_VISIBLE,
               "%s: a load after the COMMIT", call->label);
    if (txn->state != WORLD_OPEN)
        return answer(call, MR_OUTCOME_RETRY, MR_TXN_MISSING);
    if (call->fate == FATE_NOTHING)
        return answer(call, MR_OUTCOME_UNKNOWN, MR_TXN_UNANSWERED);
    world_body_take(&txn->bodies[call->event.table], call->job);
    world->tallies.loads++;
    if (call->event.table == WORLD_LEDGER)
        world_read_spans(world, txn);
    return call->fate == FATE_SILENT ? answer(call, MR_OUTCOME_UNKNOWN, MR_TXN_UNANSWERED)
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
commit_open(struct world *world, struct call *call, struct world_txn *txn)
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
work_commit(struct world *world, struct call *call)
{
    struct world_txn *txn = find_label(world, call->label);
    if (call->fate == FATE_NOTHING)
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
    if (call->fate == FATE_SILENT)
        return answer(call, MR_OUTCOME_UNKNOWN, MR_TXN_UNANSWERED);
    return answer(call, MR_OUTCOME_DONE, again ? MR_TXN_ALREADY_COMMITTED : MR_TXN_COMMITTED);
}

static enum mr_outcome
work_rollback(struct world *world, struct call *call)
{
    struct world_txn *txn = find_label(world, call->label);
    if (call->fate == FATE_NOTHING)
        return answer(call, MR_OUTCOME_UNKNOWN, MR_TXN_UNANSWERED);
    if (txn && txn->state == WORLD_OPEN) {
        /* Recovery may: what a partition decided with a unit that failed puts at risk is fenced. */
        WORLD_NEED(!txn->decided || call->event.recovering, "%s: ROLLBACK after its decision",
                   txn->label);
        world->tallies.rolled_back++;
        txn->state = WORLD_ABORTED;
        drop_bodies(txn);
    }
    if (call->fate == FATE_SILENT)
        return answer(call, MR_OUTCOME_UNKNOWN, MR_TXN_UNANSWERED);
    if (!txn || txn->state == WORLD_GONE || txn->forgotten)
        return answer(call, MR_OUTCOME_DONE, MR_TXN_MISSING);
    return txn->state == WORLD_ABORTED ? answer(call, MR_OUTCOME_DONE, MR_TXN_ABORTED)
                                       : answer(call, MR_OUTCOME_REJECTED, MR_TXN_ALREADY_COMMITTED);
}

/* Rows of one table that nobody will ever see. */
static enum mr_outcome
work_trial(struct world *world, struct call *call)
{
    struct world_body body = {NULL, NULL, false};
    world->tallies.trials++;
    if (call->fate != FATE_ANSWERED)
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

static enum mr_outcome
work(struct world *world, struct call *call)
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

/* ---- a call ---- */

static bool
is_set(const _Atomic bool *flag)
{
    return atomic_load_explicit(flag, memory_order_relaxed);
}

/* The dice, unless the process died or the caller gave up: then anything may have happened. COMMIT and
 * ROLLBACK are repeated by their contract until an answer comes. */
static enum fate
draw_fate(const struct call *call, bool alive)
{
    struct world *world = call->loader->world;
    struct world_dice *dice = &call->loader->dice;
    const struct world_chances *chances = &world->options.chances;
    uint32_t chance = call->event.trial                  ? 8 * chances->load
                      : call->event.kind == MR_STEP_BEGIN  ? chances->begin
                      : call->event.kind == MR_STEP_LOAD ? chances->load
                                                         : 0;
    bool cut = is_set(&world->dead) || is_set(&world->down) ||
               world_given_up(call->loader, call->give_up);
    if (!alive)
        return FATE_NOTHING;
    if (!cut && !world_one_in(dice, chance))
        return FATE_ANSWERED;
    return world_one_in(dice, 2) ? FATE_SILENT : FATE_NOTHING;
}

/* A sink that is down is waited for, as the contract says, by COMMIT and ROLLBACK only. */
static bool
wait_for_sink(const struct call *call)
{
    struct world *world = call->loader->world;
    bool waits = call->event.kind == MR_STEP_COMMIT || call->event.kind == MR_STEP_ROLLBACK;
    while (waits && is_set(&world->down) && !is_set(&world->dead) &&
           !world_given_up(call->loader, call->give_up))
        mr_clock_sleep_ms(1);
    return !is_set(&world->dead) && !is_set(&world->down);
}

static enum mr_outcome
run_call(struct call *call)
{
    struct world *world = call->loader->world;
    enum mr_outcome outcome = MR_OUTCOME_DONE;
    bool alive = wait_for_sink(call);
    bool told = alive && world->options.txn &&
                world->options.txn(world, &call->event, call->give_up, &outcome);
    if (!world->options.txn)
        world_take_time(call->loader, call->give_up);
    *call->reply = (struct mr_txn_reply){.answer = MR_TXN_UNANSWERED};
    pthread_mutex_lock(&world->lock);
    call->fate = draw_fate(call, alive);
    world->tallies.lost_calls += call->fate != FATE_ANSWERED;
    if (!told)
        outcome = work(world, call);
    else if (call->event.kind == MR_STEP_COMMIT && outcome == MR_OUTCOME_RETRY)
        call->reply->answer = MR_TXN_ABORTED;
    call->event.recovering = world->recovering;
    call->event.outcome = outcome;
    world_note(world, &call->event);
    pthread_mutex_unlock(&world->lock);
    call->reply->load.outcome = outcome;
    call->reply->load.cause = "the world's";
    snprintf(call->reply->load.message, sizeof call->reply->load.message, "outcome %d by the dice",
             (int)outcome);
    return outcome;
}

static enum mr_outcome
start_call(struct mr_loader *loader, enum mr_step_kind kind, const char *label,
           const struct mr_load_job *job, const _Atomic bool *give_up, struct mr_txn_reply *ret_reply)
{
    struct call call = {.loader = loader, .label = label, .job = job, .give_up = give_up,
                        .event = {.kind = kind}, .reply = ret_reply};
    char letter = parse_label(loader->world, label, &call.event.chain, &call.event.n);
    WORLD_NEED(letter == '\0' || letter == 't', "label \"%s\"", label);
    call.event.trial = letter == 't';
    WORLD_NEED(!call.event.trial || kind == MR_STEP_LOAD, "%s is no trial's label", label);
    if (job) {
        call.event.table = world_table_of(loader->world, job->table);
        call.event.count = (uint32_t)job->body->rows;
    }
    return run_call(&call);
}

enum mr_outcome
mr_txn_begin(struct mr_loader *loader, const char *label, int64_t timeout_s,
             const _Atomic bool *give_up, struct mr_txn_reply *ret_reply)
{
    WORLD_NEED(timeout_s > 0, "%s may stay open for %lld s", label, (long long)timeout_s);
    return start_call(loader, MR_STEP_BEGIN, label, NULL, give_up, ret_reply);
}

enum mr_outcome
mr_txn_load(struct mr_loader *loader, const struct mr_load_job *job, const _Atomic bool *give_up,
            struct mr_txn_reply *ret_reply)
{
    return start_call(loader, MR_STEP_LOAD, job->label, job, give_up, ret_reply);
}

enum mr_outcome
mr_txn_trial(struct mr_loader *loader, const struct mr_load_job *job, int64_t timeout_s,
             const _Atomic bool *give_up, struct mr_txn_reply *ret_reply)
{
    WORLD_NEED(timeout_s > 0, "%s may stay open for %lld s", job->label, (long long)timeout_s);
    return start_call(loader, MR_STEP_LOAD, job->label, job, give_up, ret_reply);
}

enum mr_outcome
mr_txn_commit(struct mr_loader *loader, const char *label, const _Atomic bool *give_up,
              struct mr_txn_reply *ret_reply)
{
    return start_call(loader, MR_STEP_COMMIT, label, NULL, give_up, ret_reply);
}

enum mr_outcome
mr_txn_rollback(struct mr_loader *loader, const char *label, const _Atomic bool *give_up,
                struct mr_txn_reply *ret_reply)
{
    return start_call(loader, MR_STEP_ROLLBACK, label, NULL, give_up, ret_reply);
}

/* A request that nobody answers lasts until its time-out. */
static void
stay_mute(const struct mr_loader *loader, const _Atomic bool *give_up)
{
    int64_t start_ms = mr_clock_monotonic_ms();
    while (is_set(&loader->world->mute) && !world_given_up(loader, give_up) &&
           mr_clock_monotonic_ms() - start_ms < MUTE_MS)
        mr_clock_sleep_ms(1);
}

enum mr_label_state
mr_load_label_state(struct mr_loader *loader, const char *label, const _Atomic bool *give_up,
                    struct mr_error *reterr_error)
{
    static const enum mr_label_state states[] = {
        [WORLD_OPEN] = MR_LABEL_PREPARE,    [WORLD_COMMITTED] = MR_LABEL_COMMITTED,
        [WORLD_VISIBLE] = MR_LABEL_VISIBLE, [WORLD_ABORTED] = MR_LABEL_ABORTED,
        [WORLD_GONE] = MR_LABEL_UNKNOWN};
    struct world *world = loader->world;
    enum mr_label_state state = MR_LABEL_UNKNOWN;
    (void)reterr_error;
    stay_mute(loader, give_up);
    if (is_set(&world->dead) || is_set(&world->down) || is_set(&world->mute))
        return MR_LABEL_UNANSWERED;
    pthread_mutex_lock(&world->lock);
    world_publish(world);
    const struct world_txn *txn = find_label(world, label);
    if (txn && !txn->forgotten)
        state = states[txn->state];
    world_step(world);
    pthread_mutex_unlock(&world->lock);
    return state;
}

/* ---- the registry ---- */

struct world_chain_row *
world_find_chain(const struct world *world, uint32_t partition, const struct mr_chain *chain)
{
    for (uint32_t i = 0; i < world->chain_count; i++)
        if (world->chains[i].partition == partition &&
            mr_chain_equal(&world->chains[i].chain, chain))
            return &world->chains[i];
    return NULL;
}

/* No transaction of a chain that is closed is open: the fence would never find it. */
static void
check_close(const struct world *world, const struct world_chain_row *row)
{
    for (uint32_t i = 0; i < world->txn_count; i++)
        WORLD_NEED(world->txns[i]->state != WORLD_OPEN ||
                       !mr_chain_equal(&world->txns[i]->chain, &row->chain),
                   "partition %u: chain %s is closed, and %s is open", row->partition,
                   row->chain.text, world->txns[i]->label);
}

static void
add_chain(struct world *world, const struct world_chain_row *row)
{
    for (uint32_t i = 0; i < world->chain_count; i++)
        WORLD_NEED(world->chains[i].partition != row->partition || world->chains[i].seq < row->seq,
                   "partition %u: chain %s has number %lld, a former one %lld", row->partition,
                   row->chain.text, (long long)row->seq, (long long)world->chains[i].seq);
    if (world->chain_count == world->chain_capacity) {
        world->chain_capacity = world->chain_capacity ? world->chain_capacity * 2 : 64;
        world->chains = realloc(world->chains, world->chain_capacity * sizeof *world->chains);
        WORLD_NEED(world->chains != NULL, "no memory");
    }
    world->chains[world->chain_count++] = *row;
}

void
world_book_chain(struct world *world, const struct world_chain_row *row, bool removes)
{
    struct world_chain_row *old = world_find_chain(world, row->partition, &row->chain);
    WORLD_NEED(old || (!removes && !row->closed), "partition %u: chain %s is closed before it is there",
               row->partition, row->chain.text);
    if (removes) {
        WORLD_NEED(old->closed, "partition %u: open chain %s is deleted", row->partition,
                   row->chain.text);
        world->tallies.removed++;
        *old = world->chains[--world->chain_count];
        return;
    }
    if (row->closed)
        check_close(world, row);
    world->tallies.closed += row->closed;
    world->tallies.announced += !old;
    if (!old)
        add_chain(world, row);
    else
        old->closed = row->closed;
}

enum mr_outcome
world_load_registry(struct mr_loader *loader, const struct mr_load_job *job,
                    const _Atomic bool *give_up)
{
    struct world *world = loader->world;
    struct world_event event = {.count = (uint32_t)job->body->rows};
    enum mr_outcome outcome = MR_OUTCOME_DONE;
    char letter = parse_label(world, job->label, &event.chain, &event.n);
    WORLD_NEED(strcmp(job->table, MR_CHAINS_TABLE) == 0 && (letter == 'a' || letter == 'z'),
               "label \"%s\", table %s", job->label, job->table);
    event.kind = letter == 'a' ? MR_STEP_ANNOUNCE : MR_STEP_CLOSE;
    bool alive = !is_set(&world->dead) && !is_set(&world->down);
    bool told = alive && world->options.txn && world->options.txn(world, &event, give_up, &outcome);
    if (!world->options.txn)
        world_take_time(loader, give_up);
    pthread_mutex_lock(&world->lock);
    bool cut = !alive || is_set(&world->dead) || world_given_up(loader, give_up) ||
               world_one_in(&loader->dice, world->options.chances.registry);
    if (!told)
        outcome = cut ? MR_OUTCOME_RETRY : MR_OUTCOME_DONE;
    if (!told && alive && (!cut || world_one_in(&loader->dice, 2)))
        world_apply_registry(world, job);
    if (letter == 'z' && outcome != MR_OUTCOME_DONE)
        world->close_failed = event.chain;
    event.outcome = outcome;
    world_note(world, &event);
    pthread_mutex_unlock(&world->lock);
    return outcome;
}

void
mr_txn_bound(struct mr_loader *loader, uint32_t attempts)
{
    (void)loader; /* every answer of the world is final, or unknown at once */
    (void)attempts;
}
