/* Recovery of partitions at an assignment, a step at a time: what was committed, what the registry
 * knows, the fence, the settling of the last unit, the verdict. */
#include "ledger/protocol_priv.h"

#include <stdlib.h>
#include <string.h>

#include "millrace/base/assert.h"

enum mr_rc
mr_recovery_new(const struct mr_place *places,
                uint32_t count,
                const struct mr_standing *taken,
                const struct mr_recovery_options *options,
                struct mr_recovery **ret_recovery)
{
    struct mr_recovery *recovery = calloc(1, sizeof *recovery);
    struct mri_part *parts = calloc(count + 1, sizeof *parts); /* + 1: never of size 0 */
    struct mr_verdict *verdicts = calloc(count + 1, sizeof *verdicts);
    if (!recovery || !parts || !verdicts) {
        free(recovery);
        free(parts);
        free(verdicts);
        return MR_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        parts[i].place = places[i];
    }
    recovery->parts = parts;
    recovery->part_count = count;
    recovery->verdicts = verdicts;
    recovery->taken = *taken;
    recovery->options = *options;
    *ret_recovery = recovery;
    return MR_OK;
}

void
mr_recovery_free(struct mr_recovery **recovery)
{
    if (!*recovery) {
        return;
    }
    mri_list_fini(&(*recovery)->rows);
    mri_list_fini(&(*recovery)->ledger);
    mri_list_fini(&(*recovery)->fences);
    mri_list_fini(&(*recovery)->awaited);
    mri_list_fini(&(*recovery)->open);
    free((*recovery)->parts);
    free((*recovery)->verdicts);
    free(*recovery);
    *recovery = NULL;
}

struct mri_part *
mri_recovery_part(const struct mr_recovery *recovery, struct mr_place place)
{
    for (uint32_t i = 0; i < recovery->part_count; i++) {
        if (mri_place_equal(recovery->parts[i].place, place)) {
            return &recovery->parts[i];
        }
    }
    return NULL;
}

/* Metadata that stops a partition whatever the sink says: nothing is fenced in its name. */
static bool
is_readable(const struct mri_part *part)
{
    return part->committed.offset < 0 || part->committed.kind == MR_METADATA_OURS ||
           part->committed.kind == MR_METADATA_NONE || part->committed.kind == MR_METADATA_FOREIGN;
}

static struct mr_unit_name
last_of(const struct mri_part *part)
{
    bool ours = part->committed.offset >= 0 && part->committed.kind == MR_METADATA_OURS;
    return ours ? part->committed.metadata.last : (struct mr_unit_name){0};
}

/* Takes up the next partitions with equal `last`. False: none is left. */
static bool
take_group(struct mr_recovery *recovery)
{
    bool found = false;
    for (uint32_t i = 0; i < recovery->part_count; i++) {
        struct mri_part *part = &recovery->parts[i];
        struct mr_unit_name last = last_of(part);
        part->current = false;
        if (part->grouped || !is_readable(part)) {
            continue;
        }
        if (!found) {
            found = true;
            recovery->last = last;
        }
        if (mr_unit_name_equal(&last, &recovery->last)) {
            part->grouped = true;
            part->current = true;
        }
    }
    recovery->committed = recovery->last.n == 0;
    recovery->overtaken = false;
    return found;
}

void
mri_recovery_next_group(struct mr_recovery *recovery)
{
    recovery->phase = take_group(recovery) ? MRI_RECOVERY_REGISTRY : MRI_RECOVERY_VISIBLE_ALL;
}

bool
mri_recovery_has_group(const struct mr_recovery *recovery)
{
    for (uint32_t i = 0; i < recovery->part_count; i++) {
        if (recovery->parts[i].current) {
            return true;
        }
    }
    return false;
}

bool
mri_recovery_begin_fence(struct mr_recovery *recovery)
{
    if (!mri_recovery_plan_fences(recovery) ||
        (!recovery->committed && !mri_recovery_await_before_last(recovery))) {
        recovery->awaited.count = 0;
        return false;
    }
    recovery->phase = MRI_RECOVERY_FENCE;
    return true;
}

static void
settle(struct mr_recovery *recovery, enum mr_settled settled)
{
    for (uint32_t i = 0; i < recovery->part_count; i++) {
        struct mri_part *part = &recovery->parts[i];
        if (part->current) {
            part->found.settled = settled;
            part->verdict.alarms = recovery->overtaken ? MR_ALARM_OVERTAKEN : 0;
        }
    }
    mri_recovery_next_group(recovery);
}

void
mri_recovery_begin_settling(struct mr_recovery *recovery)
{
    if (recovery->last.n == 0) {
        settle(recovery, MR_SETTLED_NONE);
    } else if (recovery->committed || mri_recovery_shows_last(recovery)) {
        settle(recovery, MR_SETTLED_COMMITTED);
    } else {
        recovery->overtaken = mri_recovery_is_overtaken(recovery);
        recovery->phase = MRI_RECOVERY_SETTLE;
    }
}

static bool
answer_settle(struct mr_recovery *recovery, enum mr_answer answer)
{
    bool committed =
        answer == MR_ANSWER_ALREADY || (answer == MR_ANSWER_OK && !recovery->overtaken);
    if (committed) {
        if (!mri_recovery_await(recovery, &recovery->last.chain, recovery->last.n, true)) {
            return false;
        }
        settle(recovery, MR_SETTLED_COMMITTED);
    } else if (answer == MR_ANSWER_OK || answer == MR_ANSWER_ABORTED ||
               answer == MR_ANSWER_UNKNOWN) {
        settle(recovery, MR_SETTLED_NOT_COMMITTED);
    }
    return true;
}

/* A label found committed must be visible before an end is read. One that has been forgotten was
 * visible: only ended labels are. An aborted one contradicts what the sink said before. */
static void
answer_visible(struct mr_recovery *recovery, enum mr_answer answer)
{
    const struct mri_awaited *awaited = recovery->awaited.items;
    if (answer == MR_ANSWER_ABORTED && awaited[recovery->awaited.count - 1].committed) {
        for (uint32_t i = 0; i < recovery->part_count; i++) {
            struct mri_part *part = &recovery->parts[i];
            part->contradicted |= part->current || recovery->phase == MRI_RECOVERY_VISIBLE_ALL;
        }
    }
    if (answer == MR_ANSWER_OK || answer == MR_ANSWER_UNKNOWN || answer == MR_ANSWER_ABORTED) {
        recovery->awaited.count--;
    }
}

static bool
answer_state(struct mr_recovery *recovery, enum mr_answer answer)
{
    if (answer == MR_ANSWER_ERROR || answer == MR_ANSWER_LOST || answer == MR_ANSWER_FENCED) {
        return true;
    }
    if (answer == MR_ANSWER_ALREADY &&
        !mri_recovery_await(recovery, &recovery->last.chain, recovery->last.n, true)) {
        return false;
    }
    recovery->committed = answer == MR_ANSWER_OK || answer == MR_ANSWER_ALREADY;
    return mri_recovery_begin_fence(recovery);
}

/* Everything from a again, one session timeout later: who is lost by then leaves without alarm. */
static void
restart(struct mr_recovery *recovery)
{
    for (uint32_t i = 0; i < recovery->part_count; i++) {
        recovery->parts[i] = (struct mri_part){.place = recovery->parts[i].place};
    }
    recovery->open.count = 0;
    recovery->awaited.count = 0;
    recovery->repeated = true;
    recovery->phase = MRI_RECOVERY_COMMITTED;
}

static void
end_with(struct mr_recovery *recovery, enum mr_outcome_end end)
{
    recovery->phase = MRI_RECOVERY_ENDED;
    recovery->end = end;
}

void
mri_recovery_conclude(struct mr_recovery *recovery)
{
    bool stops = false;
    if (mri_recovery_judge(recovery)) {
        recovery->phase = MRI_RECOVERY_TOPIC;
        return;
    }
    for (uint32_t i = 0; i < recovery->part_count; i++) {
        recovery->verdicts[i] = recovery->parts[i].verdict;
        stops |= recovery->verdicts[i].kind == MR_VERDICT_STOP;
    }
    if (stops && !recovery->repeated) {
        recovery->phase = MRI_RECOVERY_PAUSE;
    } else {
        end_with(recovery, MR_END_RECOVERED);
    }
}

static void
answer_topic(struct mr_recovery *recovery, enum mr_answer answer)
{
    struct mri_part *part = &recovery->parts[recovery->topic_at];
    if (answer == MR_ANSWER_OK || answer == MR_ANSWER_UNKNOWN) {
        part->found.topic = answer == MR_ANSWER_OK ? MR_TOPIC_SAME : MR_TOPIC_IN_DOUBT;
        mri_recovery_conclude(recovery);
    }
}

enum mr_rc
mr_recovery_answer(struct mr_recovery *recovery, enum mr_answer answer)
{
    bool taken = true;
    switch (recovery->phase) { /* GCOV: no other phase */
    case MRI_RECOVERY_STATE:
        taken = answer_state(recovery, answer);
        break;
    case MRI_RECOVERY_FENCE:
        taken = mri_recovery_fence_answer(recovery, answer);
        break;
    case MRI_RECOVERY_VISIBLE:
    case MRI_RECOVERY_VISIBLE_ALL:
        answer_visible(recovery, answer);
        break;
    case MRI_RECOVERY_SETTLE:
        taken = answer_settle(recovery, answer);
        break;
    case MRI_RECOVERY_TOPIC:
        answer_topic(recovery, answer);
        break;
    case MRI_RECOVERY_PAUSE:
        restart(recovery);
        break;
    case MRI_RECOVERY_COMMITTED:
    case MRI_RECOVERY_REGISTRY:
    case MRI_RECOVERY_LEDGER:
    case MRI_RECOVERY_LEDGER_AGAIN:
    case MRI_RECOVERY_LEDGER_LAST:
    case MRI_RECOVERY_ENDED:
        MR_INSIST(!"a plain answer is due");
    }
    return taken ? MR_OK : MR_MEMORY;
}
