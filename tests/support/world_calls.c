/* The contract of load_txn over the world: each call may fail by the dice, applied or not. */
#include "world_priv.h"

#include <stdio.h>

#include "millrace/base/clock.h"

#define MUTE_MS 5000

/* The dice, unless the process died or the caller gave up: then anything may have happened. COMMIT and
 * ROLLBACK are repeated by their contract until an answer comes. */
static enum world_fate
draw_fate(const struct world_call *call, bool alive)
{
    struct world *world = call->loader->world;
    struct world_dice *dice = &call->loader->dice;
    const struct world_chances *chances = &world->options.chances;
    uint32_t chance = call->event.trial                  ? 8 * chances->load
                      : call->event.kind == MR_STEP_BEGIN  ? chances->begin
                      : call->event.kind == MR_STEP_LOAD ? chances->load
                                                         : 0;
    bool cut = world_is_set(&world->dead) || world_is_set(&world->down) ||
               world_given_up(call->loader, call->give_up);
    if (!alive)
        return WORLD_FATE_NOTHING;
    if (!cut && !world_one_in(dice, chance))
        return WORLD_FATE_ANSWERED;
    return world_one_in(dice, 2) ? WORLD_FATE_SILENT : WORLD_FATE_NOTHING;
}

/* A sink that is down is waited for, as the contract says, by COMMIT and ROLLBACK only. */
static bool
wait_for_sink(const struct world_call *call)
{
    struct world *world = call->loader->world;
    bool waits = call->event.kind == MR_STEP_COMMIT || call->event.kind == MR_STEP_ROLLBACK;
    while (waits && world_is_set(&world->down) && !world_is_set(&world->dead) &&
           !world_given_up(call->loader, call->give_up))
        mr_clock_sleep_ms(1);
    return !world_is_set(&world->dead) && !world_is_set(&world->down);
}

static enum mr_outcome
run_call(struct world_call *call)
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
    world->tallies.lost_calls += call->fate != WORLD_FATE_ANSWERED;
    if (!told)
        outcome = world_work(world, call);
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
    struct world_call call = {.loader = loader, .label = label, .job = job, .give_up = give_up,
                        .event = {.kind = kind}, .reply = ret_reply};
    char letter = world_parse_label(loader->world, label, &call.event.chain, &call.event.n);
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
    while (world_is_set(&loader->world->mute) && !world_given_up(loader, give_up) &&
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
    if (world_is_set(&world->dead) || world_is_set(&world->down) || world_is_set(&world->mute))
        return MR_LABEL_UNANSWERED;
    pthread_mutex_lock(&world->lock);
    world_publish(world);
    const struct world_txn *txn = world_find_label(world, label);
    if (txn && !txn->forgotten)
        state = states[txn->state];
    world_step(world);
    pthread_mutex_unlock(&world->lock);
    return state;
}

void
mr_txn_bound(struct mr_loader *loader, uint32_t attempts)
{
    (void)loader; /* every answer of the world is final, or unknown at once */
    (void)attempts;
}
