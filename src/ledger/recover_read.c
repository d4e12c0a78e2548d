/* Recovery: its next step, and what the reads brought. */
#include "ledger/protocol_priv.h"

#include "millrace/base/assert.h"

static const enum mr_step_kind steps[MRI_RECOVERY_PHASES] = {
    [MRI_RECOVERY_COMMITTED] = MR_STEP_READ_COMMITTED,
    [MRI_RECOVERY_REGISTRY] = MR_STEP_READ_REGISTRY,
    [MRI_RECOVERY_LEDGER] = MR_STEP_READ_LEDGER,
    [MRI_RECOVERY_STATE] = MR_STEP_ASK_STATE,
    [MRI_RECOVERY_FENCE] = MR_STEP_ROLLBACK,
    [MRI_RECOVERY_VISIBLE] = MR_STEP_VISIBLE,
    [MRI_RECOVERY_LEDGER_AGAIN] = MR_STEP_READ_LEDGER,
    [MRI_RECOVERY_SETTLE] = MR_STEP_COMMIT,
    [MRI_RECOVERY_VISIBLE_ALL] = MR_STEP_VISIBLE,
    [MRI_RECOVERY_LEDGER_LAST] = MR_STEP_READ_LEDGER,
    [MRI_RECOVERY_TOPIC] = MR_STEP_ASK_TOPIC,
    [MRI_RECOVERY_PAUSE] = MR_STEP_PAUSE,
    [MRI_RECOVERY_ENDED] = MR_STEP_END,
};

/* Phases that have nothing left to ask. */
static void
pass_on(struct mr_recovery *recovery)
{
    if (recovery->phase == MRI_RECOVERY_FENCE && !mri_recovery_fence(recovery)) {
        recovery->phase = MRI_RECOVERY_VISIBLE;
    }
    if (recovery->awaited.count > 0) {
        return;
    }
    if (recovery->phase == MRI_RECOVERY_VISIBLE) {
        recovery->phase = MRI_RECOVERY_LEDGER_AGAIN;
    } else if (recovery->phase == MRI_RECOVERY_VISIBLE_ALL) {
        recovery->phase = MRI_RECOVERY_LEDGER_LAST;
    }
}

static void
name_label(struct mr_step *step, const struct mr_unit_name *unit)
{
    step->chain = unit->chain;
    step->number = unit->n;
}

/* What the step is about, and a settling that became a rollback. */
static void
fill_step(struct mr_recovery *recovery, struct mr_step *step)
{
    const struct mri_awaited *awaited = recovery->awaited.items;
    if (recovery->phase == MRI_RECOVERY_FENCE) {
        const struct mri_fence *fence = mri_recovery_fence(recovery);
        name_label(step, &(struct mr_unit_name){fence->chain, fence->next});
    } else if (step->kind == MR_STEP_VISIBLE) {
        name_label(step, &awaited[recovery->awaited.count - 1].unit);
    } else if (recovery->phase == MRI_RECOVERY_STATE || recovery->phase == MRI_RECOVERY_SETTLE) {
        name_label(step, &recovery->last);
    } else if (recovery->phase == MRI_RECOVERY_TOPIC) {
        step->place = recovery->parts[recovery->topic_at].place;
        step->offset = recovery->parts[recovery->topic_at].verdict.start;
    }
    if (recovery->phase == MRI_RECOVERY_SETTLE && recovery->overtaken) {
        step->kind = MR_STEP_ROLLBACK;
    }
}

void
mr_recovery_next(struct mr_recovery *recovery,
                 const struct mr_standing *now,
                 struct mr_step *ret_step)
{
    if (recovery->phase != MRI_RECOVERY_ENDED && !mr_standing_holds(&recovery->taken, now)) {
        recovery->phase = MRI_RECOVERY_ENDED;
        recovery->end = MR_END_LEFT;
    }
    pass_on(recovery);
    *ret_step = (struct mr_step){.kind = steps[recovery->phase], .end = recovery->end};
    fill_step(recovery, ret_step);
}

static const struct mr_committed *
find_committed(const struct mr_committed *list, uint32_t count, struct mr_place place)
{
    for (uint32_t i = 0; i < count; i++) {
        if (mri_place_equal(list[i].place, place)) {
            return &list[i];
        }
    }
    return NULL;
}

/* An offset that the answer leaves out is no "none": the question is asked again. */
enum mr_rc
mr_recovery_committed(struct mr_recovery *recovery,
                      enum mr_answer answer,
                      const struct mr_committed *list,
                      uint32_t count)
{
    MR_REQUIRE(recovery->phase == MRI_RECOVERY_COMMITTED);
    if (answer != MR_ANSWER_OK) {
        return MR_OK;
    }
    for (uint32_t i = 0; i < recovery->part_count; i++) {
        struct mri_part *part = &recovery->parts[i];
        const struct mr_committed *committed = find_committed(list, count, part->place);
        if (!committed) {
            return MR_OK;
        }
        part->committed = *committed;
        if (committed->offset < 0 || committed->kind != MR_METADATA_OURS) {
            part->committed.metadata = (struct mr_metadata){0};
        }
        if (committed->offset < 0) {
            part->committed.offset = -1;
            part->committed.kind = MR_METADATA_NONE;
        }
    }
    mri_recovery_next_group(recovery);
    return MR_OK;
}

enum mr_rc
mr_recovery_registry(struct mr_recovery *recovery,
                     enum mr_answer answer,
                     const struct mr_registry_row *rows,
                     uint32_t count)
{
    MR_REQUIRE(recovery->phase == MRI_RECOVERY_REGISTRY);
    if (answer != MR_ANSWER_OK) {
        return MR_OK;
    }
    if (!mri_list_set(&recovery->rows, rows, count, sizeof *rows) ||
        !mri_recovery_take_rows(recovery)) {
        return MR_MEMORY;
    }
    if (mri_recovery_has_group(recovery)) {
        recovery->phase = MRI_RECOVERY_LEDGER;
    } else {
        mri_recovery_next_group(recovery); /* all its partitions stop */
    }
    return MR_OK;
}

enum mr_rc
mr_recovery_ledger(struct mr_recovery *recovery,
                   enum mr_answer answer,
                   const struct mr_ledger_row *rows,
                   uint32_t count)
{
    MR_REQUIRE(steps[recovery->phase] == MR_STEP_READ_LEDGER);
    if (answer != MR_ANSWER_OK) {
        return MR_OK;
    }
    if (!mri_list_set(&recovery->ledger, rows, count, sizeof *rows)) {
        return MR_MEMORY;
    }
    if (recovery->phase == MRI_RECOVERY_LEDGER_AGAIN) {
        mri_recovery_begin_settling(recovery);
    } else if (recovery->phase == MRI_RECOVERY_LEDGER_LAST) {
        mri_recovery_conclude(recovery);
    } else if (recovery->last.n > 0 && !mri_recovery_shows_last(recovery)) {
        recovery->phase = MRI_RECOVERY_STATE;
    } else {
        recovery->committed = true;
        return mri_recovery_begin_fence(recovery) ? MR_OK : MR_MEMORY;
    }
    return MR_OK;
}

const struct mr_verdict *
mr_recovery_verdicts(const struct mr_recovery *recovery, uint32_t *ret_count)
{
    MR_REQUIRE(recovery->end == MR_END_RECOVERED);
    *ret_count = recovery->part_count;
    return recovery->verdicts;
}

const struct mr_registry_row *
mr_recovery_open(const struct mr_recovery *recovery, uint32_t *ret_count)
{
    MR_REQUIRE(recovery->end == MR_END_RECOVERED);
    *ret_count = recovery->open.count;
    return recovery->open.items;
}
