/* Units of a live chain: begun, loaded, decided, committed, in the order of their contents; or
 * rolled back and tried again under the next number. */
#include "ledger/protocol_priv.h"

#include "millrace/base/assert.h"

bool
mri_unit_is_asked(const struct mri_unit *unit)
{
    return unit->phase == MRI_UNIT_DECIDE || unit->phase == MRI_UNIT_READ_BACK ||
           unit->phase == MRI_UNIT_COMMIT;
}

bool
mri_live_goes_on(const struct mr_live *live)
{
    return live->end == MR_END_NONE || live->finish;
}

void
mri_live_undo_from(struct mr_live *live, unsigned index)
{
    for (unsigned i = index; i < MR_LIVE_UNITS; i++) {
        struct mri_unit *unit = &live->units[i];
        if (unit->phase == MRI_UNIT_EMPTY || mri_unit_is_asked(unit)) {
            continue;
        }
        if (unit->number == 0) {
            unit->phase = mri_live_goes_on(live) ? MRI_UNIT_BEGIN : MRI_UNIT_EMPTY;
        } else if (unit->sent) {
            unit->doomed = unit->phase != MRI_UNIT_UNDO;
        } else {
            unit->phase = MRI_UNIT_UNDO;
        }
    }
}

/* Earlier units stand under a number of their own, later ones under none. */
static bool
is_turn(const struct mr_live *live, unsigned index)
{
    for (unsigned i = 0; i < MR_LIVE_UNITS; i++) {
        const struct mri_unit *unit = &live->units[i];
        bool begun = unit->number > 0;
        /* GCOV: units are asked in their order, so an earlier one is begun by now */
        if ((i < index && (!begun || unit->phase == MRI_UNIT_UNDO)) || (i > index && begun)) {
            return false;
        }
    }
    return true;
}

/* At the limit of the fence everything is given up, unless an earlier unit may still lift it. */
static enum mr_step_kind
try_begin(struct mr_live *live, unsigned index)
{
    if (!is_turn(live, index)) {
        return MR_STEP_NONE;
    }
    if (live->next > live->committed + MR_FENCE_DISTANCE) {
        if (index == 0) {
            mri_live_finish(live, MR_END_RECOVER);
        }
        return MR_STEP_NONE;
    }
    live->units[index].number = live->next++;
    return MR_STEP_BEGIN;
}

/* The guard of step 2; membership was tested by the caller. */
static enum mr_step_kind
try_decide(struct mr_live *live, unsigned index, const struct mr_standing *now)
{
    if (index > 0) {
        return MR_STEP_NONE; /* the unit before is not committed in full */
    }
    if (!now->topics_known) {
        mri_live_finish(live, MR_END_RECOVER);
        return MR_STEP_NONE;
    }
    if (!now->metadata_fits) {
        live->stop = MR_STOP_METADATA_SIZE;
        mri_live_finish(live, MR_END_STOPPED);
        return MR_STEP_NONE;
    }
    live->units[index].phase = MRI_UNIT_DECIDE;
    return MR_STEP_DECIDE;
}

static enum mr_step_kind
step_of(struct mr_live *live, unsigned index, const struct mr_standing *now)
{
    switch (live->units[index].phase) {
    case MRI_UNIT_EMPTY:
        return MR_STEP_NONE;
    case MRI_UNIT_BEGIN:
        return try_begin(live, index);
    case MRI_UNIT_LOAD:
        return MR_STEP_LOAD;
    case MRI_UNIT_READY:
        return try_decide(live, index, now);
    case MRI_UNIT_DECIDE:
        return MR_STEP_DECIDE; /* the identical commit again: nothing came of the last one */
    case MRI_UNIT_READ_BACK:
        return MR_STEP_READ_UNIT;
    case MRI_UNIT_COMMIT:
        return MR_STEP_COMMIT;
    case MRI_UNIT_UNDO:
        return MR_STEP_ROLLBACK;
    }
    MR_INSIST(!"a phase of a unit");
    return MR_STEP_NONE; /* not reached */
}

void
mri_live_unit_step(struct mr_live *live, const struct mr_standing *now, struct mr_step *ret_step)
{
    for (unsigned i = 0; i < MR_LIVE_UNITS; i++) {
        struct mri_unit *unit = &live->units[i];
        enum mr_step_kind kind = unit->sent ? MR_STEP_NONE : step_of(live, i, now);
        if (kind != MR_STEP_NONE) {
            unit->sent = true;
            ret_step->kind = kind;
            ret_step->number = unit->number;
            ret_step->content = unit->content;
            return;
        }
    }
}

/* BEGIN or LOAD. A failure takes the later units with it: they are tried again after this one. */
static void
answer_load(struct mr_live *live, struct mri_unit *unit, enum mr_answer answer)
{
    if (unit->doomed) {
        unit->doomed = false;
        unit->phase = MRI_UNIT_UNDO;
    } else if (answer == MR_ANSWER_OK) {
        unit->phase = unit->phase == MRI_UNIT_BEGIN ? MRI_UNIT_LOAD : MRI_UNIT_READY;
    } else {
        mri_live_undo_from(live, (unsigned)(unit - live->units));
    }
}

/* Step 3 with its post-check. Whoever is no member any more touches the label no more. */
static void
answer_decide(struct mr_live *live,
              struct mri_unit *unit,
              enum mr_answer answer,
              const struct mr_standing *now)
{
    if (answer == MR_ANSWER_FENCED || !mr_standing_holds(&live->taken, now)) {
        mri_live_finish(live, MR_END_LEFT);
    } else if (answer == MR_ANSWER_OK) {
        unit->phase = MRI_UNIT_COMMIT;
    } else if (unit->phase == MRI_UNIT_DECIDE) {
        unit->phase = MRI_UNIT_READ_BACK;
    } else if (answer == MR_ANSWER_UNKNOWN) {
        unit->phase = MRI_UNIT_DECIDE;
    }
}

static void
take_committed(struct mr_live *live, struct mri_unit *unit)
{
    live->committed = unit->number;
    live->committed_content = unit->content;
    if (live->close && live->phase == MRI_CHAIN_OPEN) {
        live->phase = MRI_CHAIN_VISIBLE;
        live->visible = unit->number;
    }
    for (unsigned i = (unsigned)(unit - live->units); i + 1 < MR_LIVE_UNITS; i++) {
        live->units[i] = live->units[i + 1];
    }
    live->units[MR_LIVE_UNITS - 1] = (struct mri_unit){0};
}

/* Step 4. A decided unit that the sink refuses was fenced or timed out: recovery replays it. */
static void
answer_sink_commit(struct mr_live *live, struct mri_unit *unit, enum mr_answer answer)
{
    if (answer == MR_ANSWER_OK || answer == MR_ANSWER_ALREADY) {
        take_committed(live, unit);
    } else if (answer == MR_ANSWER_ABORTED || answer == MR_ANSWER_UNKNOWN) {
        *unit = (struct mri_unit){0};
        mri_live_finish(live, MR_END_RECOVER);
    }
}

/* Who has left tries once: what stays open is the successor's to fence. */
static void
answer_undo(struct mr_live *live, struct mri_unit *unit, enum mr_answer answer)
{
    bool gone =
        answer == MR_ANSWER_OK || answer == MR_ANSWER_ABORTED || answer == MR_ANSWER_UNKNOWN;
    if (answer == MR_ANSWER_ALREADY) {
        *unit = (struct mri_unit){0}; /* committed, and nobody of us had decided it */
        mri_live_finish(live, MR_END_RECOVER);
    } else if (gone || live->end == MR_END_LEFT) {
        unit->number = 0;
        unit->phase = mri_live_goes_on(live) ? MRI_UNIT_BEGIN : MRI_UNIT_EMPTY;
    }
}

void
mri_live_unit_answer(struct mr_live *live,
                     struct mri_unit *unit,
                     enum mr_answer answer,
                     const struct mr_standing *now)
{
    switch (unit->phase) { /* GCOV: no other phase */
    case MRI_UNIT_BEGIN:
    case MRI_UNIT_LOAD:
        answer_load(live, unit, answer);
        break;
    case MRI_UNIT_DECIDE:
    case MRI_UNIT_READ_BACK:
        answer_decide(live, unit, answer, now);
        break;
    case MRI_UNIT_COMMIT:
        answer_sink_commit(live, unit, answer);
        break;
    case MRI_UNIT_UNDO:
        answer_undo(live, unit, answer);
        break;
    case MRI_UNIT_EMPTY:
    case MRI_UNIT_READY:
        MR_INSIST(!"a step of the unit is under way");
        break;
    }
}
