/* One chain of one member: announced, open, closed over its predecessors, ended. */
#include "ledger/protocol_priv.h"

#include <stdlib.h>

#include "millrace/base/assert.h"

bool
mr_standing_holds(const struct mr_standing *taken, const struct mr_standing *now)
{
    return !now->lost && now->generation >= 0 && now->generation == taken->generation &&
           now->member == taken->member && now->epoch == taken->epoch;
}

const char *
mr_step_name(enum mr_step_kind kind)
{
    static const char *const names[MR_STEP_COUNT] = {[MR_STEP_NONE] = "none",
                                                     [MR_STEP_ANNOUNCE] = "announce",
                                                     [MR_STEP_FIND_ANNOUNCE] = "find announce",
                                                     [MR_STEP_COMMIT_CHAIN] = "commit chain",
                                                     [MR_STEP_READ_CHAIN] = "read chain",
                                                     [MR_STEP_CLOSE] = "close",
                                                     [MR_STEP_BEGIN] = "begin",
                                                     [MR_STEP_LOAD] = "load",
                                                     [MR_STEP_DECIDE] = "decide",
                                                     [MR_STEP_READ_UNIT] = "read unit",
                                                     [MR_STEP_COMMIT] = "commit",
                                                     [MR_STEP_ROLLBACK] = "rollback",
                                                     [MR_STEP_VISIBLE] = "visible",
                                                     [MR_STEP_READ_COMMITTED] = "read committed",
                                                     [MR_STEP_READ_REGISTRY] = "read registry",
                                                     [MR_STEP_READ_LEDGER] = "read ledger",
                                                     [MR_STEP_ASK_STATE] = "ask state",
                                                     [MR_STEP_ASK_TOPIC] = "ask topic",
                                                     [MR_STEP_PAUSE] = "pause",
                                                     [MR_STEP_END] = "end"};
    MR_REQUIRE((size_t)kind < MR_ARRAY_LEN(names));
    return names[kind];
}

enum mr_rc
mr_live_new(const struct mr_chain *chain,
            const struct mr_standing *taken,
            bool close,
            struct mr_live **ret_live)
{
    MR_REQUIRE(!mr_chain_is_none(chain));
    struct mr_live *live = calloc(1, sizeof *live);
    if (!live) {
        return MR_MEMORY;
    }
    live->chain = *chain;
    live->taken = *taken;
    live->close = close;
    live->next = 1;
    *ret_live = live;
    return MR_OK;
}

void
mr_live_free(struct mr_live **live)
{
    free(*live);
    *live = NULL;
}

bool
mr_live_may_feed(const struct mr_live *live)
{
    return live->phase >= MRI_CHAIN_OPEN && live->end == MR_END_NONE &&
           live->units[MR_LIVE_UNITS - 1].phase == MRI_UNIT_EMPTY;
}

void
mr_live_feed(struct mr_live *live, uint64_t content)
{
    unsigned at = 0;
    MR_REQUIRE(mr_live_may_feed(live));
    while (live->units[at].phase != MRI_UNIT_EMPTY) {
        at++;
    }
    MR_REQUIRE(content > (at > 0 ? live->units[at - 1].content : live->committed_content));
    live->units[at] = (struct mri_unit){.phase = MRI_UNIT_BEGIN, .content = content};
}

uint64_t
mr_live_committed(const struct mr_live *live)
{
    return live->committed_content;
}

uint64_t
mr_live_committed_number(const struct mr_live *live)
{
    return live->committed;
}

enum mr_stop
mr_live_stop(const struct mr_live *live)
{
    return live->stop;
}

void
mri_live_finish(struct mr_live *live, enum mr_outcome_end end)
{
    if (live->end == MR_END_LEFT) {
        return;
    }
    if (live->end == MR_END_NONE || end == MR_END_LEFT || end == MR_END_REVOKED) {
        live->end = end;
    }
    live->finish = live->finish && end == MR_END_REVOKED;
    for (unsigned i = 0; end == MR_END_LEFT && i < MR_LIVE_UNITS; i++) {
        if (mri_unit_is_asked(&live->units[i])) {
            live->units[i] = (struct mri_unit){0}; /* its fate is the successor's to settle */
        }
    }
    if (!live->finish) {
        mri_live_undo_from(live, 0);
    }
}

void
mr_live_revoke(struct mr_live *live, bool finish)
{
    bool going_on = live->end == MR_END_NONE || live->finish;
    live->finish = finish && going_on;
    mri_live_finish(live, MR_END_REVOKED);
}

/* What is under way is answered first; then nothing of the units is left. */
static bool
is_settled(const struct mr_live *live)
{
    for (unsigned i = 0; i < MR_LIVE_UNITS; i++) {
        if (live->units[i].phase != MRI_UNIT_EMPTY) {
            return false;
        }
    }
    return !live->sent || live->end == MR_END_LEFT;
}

static void
end_step(struct mr_live *live, struct mr_step *ret_step)
{
    live->ended = true;
    ret_step->kind = MR_STEP_END;
    ret_step->end = live->end;
}

/* A step of the chain's own; its end stops it, a lost close costs the next owner a few rollbacks.
 */
static bool
chain_step(struct mr_live *live, const struct mr_standing *now, struct mr_step *ret_step)
{
    static const enum mr_step_kind steps[MRI_CHAIN_PHASES] = {
        [MRI_CHAIN_ANNOUNCE] = MR_STEP_ANNOUNCE,
        [MRI_CHAIN_FIND] = MR_STEP_FIND_ANNOUNCE,
        [MRI_CHAIN_COMMIT] = MR_STEP_COMMIT_CHAIN,
        [MRI_CHAIN_READ_BACK] = MR_STEP_READ_CHAIN,
        [MRI_CHAIN_OPEN] = MR_STEP_NONE,
        [MRI_CHAIN_VISIBLE] = MR_STEP_VISIBLE,
        [MRI_CHAIN_CLOSE] = MR_STEP_CLOSE};
    if (live->sent || live->end != MR_END_NONE || steps[live->phase] == MR_STEP_NONE) {
        return false;
    }
    if (live->phase == MRI_CHAIN_COMMIT && !now->metadata_fits) {
        live->stop = MR_STOP_METADATA_SIZE;
        mri_live_finish(live, MR_END_STOPPED);
        return false;
    }
    live->announces += live->phase == MRI_CHAIN_ANNOUNCE;
    live->closes += live->phase == MRI_CHAIN_CLOSE;
    ret_step->number = live->phase < MRI_CHAIN_OPEN       ? live->announces
                       : live->phase == MRI_CHAIN_VISIBLE ? live->visible
                                                          : live->closes;
    ret_step->kind = steps[live->phase];
    live->sent = true;
    return true;
}

void
mr_live_next(struct mr_live *live, const struct mr_standing *now, struct mr_step *ret_step)
{
    *ret_step = (struct mr_step){.chain = live->chain};
    if (live->ended) {
        end_step(live, ret_step);
        return;
    }
    if (!mr_standing_holds(&live->taken, now)) {
        mri_live_finish(live, MR_END_LEFT);
    }
    if (live->phase < MRI_CHAIN_OPEN && chain_step(live, now, ret_step)) {
        return;
    }
    mri_live_unit_step(live, now, ret_step);
    if (ret_step->kind == MR_STEP_NONE) {
        mri_live_unit_step(live, now, ret_step); /* a guard that failed gives units to roll back */
    }
    if (ret_step->kind == MR_STEP_NONE && !chain_step(live, now, ret_step) && live->end != MR_END_NONE &&
        is_settled(live)) {
        end_step(live, ret_step);
    }
}

/* The offset commit that puts the chain in force, or what was read back after it. */
static void
answer_commit(struct mr_live *live, enum mr_answer answer, const struct mr_standing *now)
{
    if (answer == MR_ANSWER_FENCED || !mr_standing_holds(&live->taken, now)) {
        mri_live_finish(live, MR_END_LEFT);
    } else if (answer == MR_ANSWER_OK) {
        live->phase = MRI_CHAIN_OPEN;
    } else if (live->phase == MRI_CHAIN_COMMIT) {
        live->phase = MRI_CHAIN_READ_BACK;
    } else if (answer == MR_ANSWER_UNKNOWN) {
        live->phase = MRI_CHAIN_COMMIT; /* the identical commit again */
    }
}

/* A label that was committed and is aborted now: its unit's fate is for recovery to find out. */
static void
answer_visible(struct mr_live *live, enum mr_answer answer)
{
    if (answer == MR_ANSWER_OK || answer == MR_ANSWER_UNKNOWN) {
        live->phase = MRI_CHAIN_CLOSE; /* only a label that has ended is ever forgotten */
    } else if (answer == MR_ANSWER_ABORTED) {
        live->phase = MRI_CHAIN_OPEN;
        mri_live_finish(live, MR_END_RECOVER);
    }
}

static void
answer_chain(struct mr_live *live, enum mr_answer answer, const struct mr_standing *now)
{
    live->sent = false;
    switch (live->phase) { /* GCOV: no other phase */
    case MRI_CHAIN_ANNOUNCE:
        live->phase = MRI_CHAIN_FIND; /* whatever the load said, what is seen counts */
        break;
    case MRI_CHAIN_FIND:
        if (answer == MR_ANSWER_OK) {
            live->phase = MRI_CHAIN_COMMIT;
        } else if (answer == MR_ANSWER_UNKNOWN) {
            live->phase = MRI_CHAIN_ANNOUNCE; /* under the next k */
        }
        break;
    case MRI_CHAIN_COMMIT:
    case MRI_CHAIN_READ_BACK:
        answer_commit(live, answer, now);
        break;
    case MRI_CHAIN_VISIBLE:
        answer_visible(live, answer);
        break;
    case MRI_CHAIN_CLOSE:
        live->close = answer != MR_ANSWER_OK && answer != MR_ANSWER_ALREADY;
        live->phase = MRI_CHAIN_OPEN; /* not closed: again after the next unit */
        break;
    case MRI_CHAIN_OPEN:
        MR_INSIST(!"a step of the chain is under way");
        break;
    }
}

static bool
is_of_unit(const struct mr_step *step)
{
    return step->kind == MR_STEP_BEGIN || step->kind == MR_STEP_LOAD ||
           step->kind == MR_STEP_DECIDE || step->kind == MR_STEP_READ_UNIT ||
           step->kind == MR_STEP_COMMIT || step->kind == MR_STEP_ROLLBACK;
}

void
mr_live_answer(struct mr_live *live,
               const struct mr_step *step,
               enum mr_answer answer,
               const struct mr_standing *now)
{
    MR_REQUIRE(mr_chain_equal(&step->chain, &live->chain));
    if (live->ended) {
        return;
    }
    if (!is_of_unit(step)) {
        MR_REQUIRE(live->sent);
        answer_chain(live, answer, now);
        return;
    }
    for (unsigned i = 0; i < MR_LIVE_UNITS; i++) {
        struct mri_unit *unit = &live->units[i];
        if (unit->sent && unit->number == step->number) {
            unit->sent = false;
            mri_live_unit_answer(live, unit, answer, now);
            return;
        }
    }
    MR_REQUIRE(live->end == MR_END_LEFT); /* left to the successor while it was under way */
}
