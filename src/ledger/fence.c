/* Recovery's view of the registry: which partitions and chains a group's last unit concerns, the
 * fence over open chains, and the test for a decision by somebody who was no owner. */
#include "ledger/protocol_priv.h"

#include <stdlib.h>
#include <string.h>

#include "millrace/base/assert.h"

bool
mri_list_add(struct mri_list *list, const void *item, size_t size)
{
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity ? list->capacity * 2 : 16;
        void *items = realloc(list->items, capacity * size);
        if (!items) {
            return false;
        }
        list->items = items;
        list->capacity = capacity;
    }
    memcpy((char *)list->items + list->count * size, item, size);
    list->count++;
    return true;
}

bool
mri_list_set(struct mri_list *list, const void *items, uint32_t count, size_t size)
{
    void *copy = malloc(count * size + 1); /* + 1: never of size 0 */
    if (!copy) {
        return false;
    }
    if (count > 0) {
        memcpy(copy, items, count * size);
    }
    free(list->items);
    *list = (struct mri_list){copy, count, count};
    return true;
}

void
mri_list_fini(struct mri_list *list)
{
    free(list->items);
    *list = (struct mri_list){0};
}

bool
mri_place_equal(struct mr_place a, struct mr_place b)
{
    return a.topic == b.topic && a.partition == b.partition;
}

const struct mr_ledger_row *
mri_recovery_ledger_row(const struct mr_recovery *recovery, struct mr_place place)
{
    const struct mr_ledger_row *rows = recovery->ledger.items;
    for (uint32_t i = 0; i < recovery->ledger.count; i++) {
        if (mri_place_equal(rows[i].place, place)) {
            return &rows[i];
        }
    }
    return NULL;
}

const struct mr_registry_row *
mri_recovery_row(const struct mr_recovery *recovery,
                 struct mr_place place,
                 const struct mr_chain *chain)
{
    const struct mr_registry_row *rows = recovery->rows.items;
    for (uint32_t i = 0; i < recovery->rows.count; i++) {
        if (mri_place_equal(rows[i].place, place) && mr_chain_equal(&rows[i].chain, chain)) {
            return &rows[i];
        }
    }
    return NULL;
}

bool
mri_recovery_in_plus(const struct mr_recovery *recovery, struct mr_place place)
{
    const struct mri_part *part = mri_recovery_part(recovery, place);
    if (part && part->current) {
        return true;
    }
    return !recovery->committed && mri_recovery_row(recovery, place, &recovery->last.chain) != NULL;
}

/* Greatest number of chain that a ledger row names; 0: none does. */
static uint64_t
greatest_shown(const struct mr_recovery *recovery, const struct mr_chain *chain)
{
    const struct mr_ledger_row *rows = recovery->ledger.items;
    uint64_t greatest = 0;
    for (uint32_t i = 0; i < recovery->ledger.count; i++) {
        if (rows[i].unit.n > greatest && mr_chain_equal(&rows[i].unit.chain, chain)) {
            greatest = rows[i].unit.n;
        }
    }
    return greatest;
}

bool
mri_recovery_shows_last(const struct mr_recovery *recovery)
{
    return greatest_shown(recovery, &recovery->last.chain) >= recovery->last.n;
}

bool
mri_recovery_await(struct mr_recovery *recovery,
                   const struct mr_chain *chain,
                   uint64_t n,
                   bool committed)
{
    struct mri_awaited awaited = {{*chain, n}, committed};
    return mri_list_add(&recovery->awaited, &awaited, sizeof awaited);
}

/* The last committed number is at most the fence's distance below. */
bool
mri_recovery_await_before_last(struct mr_recovery *recovery)
{
    uint64_t shown = greatest_shown(recovery, &recovery->last.chain), n = recovery->last.n;
    for (uint64_t i = 1; i <= MR_FENCE_DISTANCE && n - i > shown; i++) {
        if (!mri_recovery_await(recovery, &recovery->last.chain, n - i, false)) {
            return false;
        }
    }
    return true;
}

bool
mri_recovery_is_overtaken(const struct mr_recovery *recovery)
{
    const struct mr_registry_row *rows = recovery->rows.items;
    for (uint32_t i = 0; i < recovery->rows.count; i++) {
        if (!mr_chain_equal(&rows[i].chain, &recovery->last.chain)) {
            continue;
        }
        const struct mr_ledger_row *ledger = mri_recovery_ledger_row(recovery, rows[i].place);
        if (ledger && ledger->end > rows[i].start &&
            !mr_chain_equal(&ledger->unit.chain, &recovery->last.chain)) {
            return true;
        }
    }
    return false;
}

static bool
is_fenced(const struct mr_recovery *recovery, const struct mr_chain *chain)
{
    const struct mri_fence *fences = recovery->fences.items;
    for (uint32_t i = 0; i < recovery->fences.count; i++) {
        if (mr_chain_equal(&fences[i].chain, chain)) {
            return true;
        }
    }
    return false;
}

/* From the number after the last one that is known to be committed; last itself is left to e. */
static struct mri_fence
fence_of(const struct mr_recovery *recovery, const struct mr_chain *chain)
{
    uint64_t shown = greatest_shown(recovery, chain), from = shown;
    if (mr_chain_equal(chain, &recovery->last.chain) && recovery->last.n > from) {
        from = recovery->last.n;
    }
    return (struct mri_fence){
        .chain = *chain, .next = from + 1, .least = shown + MR_FENCE_DISTANCE, .unknown = 0};
}

bool
mri_recovery_plan_fences(struct mr_recovery *recovery)
{
    const struct mr_registry_row *rows = recovery->rows.items;
    recovery->fences.count = 0;
    recovery->fence_at = 0;
    for (uint32_t i = 0; i < recovery->rows.count; i++) {
        if (rows[i].closed || !mri_recovery_in_plus(recovery, rows[i].place) ||
            is_fenced(recovery, &rows[i].chain)) {
            continue;
        }
        struct mri_fence fence = fence_of(recovery, &rows[i].chain);
        if (!mri_list_add(&recovery->fences, &fence, sizeof fence)) {
            return false;
        }
    }
    return true;
}

const struct mri_fence *
mri_recovery_fence(struct mr_recovery *recovery)
{
    struct mri_fence *fences = recovery->fences.items;
    while (recovery->fence_at < recovery->fences.count) {
        struct mri_fence *fence = &fences[recovery->fence_at];
        if (fence->next <= fence->least || fence->unknown < MR_FENCE_DISTANCE) {
            return fence;
        }
        recovery->fence_at++;
    }
    return NULL;
}

bool
mri_recovery_fence_answer(struct mr_recovery *recovery, enum mr_answer answer)
{
    struct mri_fence *fences = recovery->fences.items;
    struct mri_fence *fence = &fences[recovery->fence_at];
    switch (answer) { /* GCOV: no other answer */
    case MR_ANSWER_ALREADY: /* decided by whomever: its rows count, once they can be read */
        if (!mri_recovery_await(recovery, &fence->chain, fence->next, true)) {
            return false;
        }
        fence->unknown = 0;
        break;
    case MR_ANSWER_OK:
    case MR_ANSWER_ABORTED:
        fence->unknown = 0;
        break;
    case MR_ANSWER_UNKNOWN:
        fence->unknown++;
        break;
    case MR_ANSWER_ERROR:
    case MR_ANSWER_LOST:
    case MR_ANSWER_FENCED:
        return true; /* not final: the same number again */
    }
    fence->next++;
    return true;
}
