/* Life of units: open, sealed, loaded, committed, or failed. */
#include <stdlib.h>
#include <string.h>

#include "ledger/ledger_priv.h"
#include "millrace/base/assert.h"

enum mr_rc
mr_ledger_new(uint32_t rollup_count, struct mr_ledger **ret_ledger)
{
    MR_REQUIRE(rollup_count <= MR_MAX_ROLLUPS);
    struct mr_ledger *ledger = calloc(1, sizeof *ledger);
    if (!ledger) {
        return MR_MEMORY;
    }
    ledger->rollup_count = rollup_count;
    ledger->first = 1;
    ledger->next = 1;
    *ret_ledger = ledger;
    return MR_OK;
}

static struct mri_ledger_unit *
slot_of(const struct mr_ledger *ledger, uint64_t number)
{
    /* The ledger is not const for its owner; find functions serve both kinds of callers. */
    struct mri_ledger_unit *units = ((struct mr_ledger *)(uintptr_t)ledger)->units;
    return &units[number % MR_LEDGER_UNITS];
}

struct mri_ledger_unit *
mri_ledger_find_unit(const struct mr_ledger *ledger, uint64_t number)
{
    bool held = number >= ledger->first && number < ledger->next;
    return held ? slot_of(ledger, number) : NULL;
}

/* Takes the lowest unit out. */
static void
drop_first(struct mr_ledger *ledger, bool committed)
{
    struct mri_ledger_unit *unit = slot_of(ledger, ledger->first);
    free(unit->takes);
    free(unit->rows);
    *unit = (struct mri_ledger_unit){0};
    ledger->committed[ledger->first % MR_LEDGER_HISTORY] = committed;
    ledger->first++;
}

void
mr_ledger_revoke_all(struct mr_ledger *ledger)
{
    while (ledger->first < ledger->next) {
        drop_first(ledger, false);
    }
    ledger->open = false;
    ledger->failed = false;
    mri_ledger_drop_parts(ledger);
}

void
mr_ledger_free(struct mr_ledger **ledger)
{
    if (!*ledger) {
        return;
    }
    mr_ledger_revoke_all(*ledger);
    free((*ledger)->parts);
    free(*ledger);
    *ledger = NULL;
}

uint64_t
mr_ledger_open(struct mr_ledger *ledger)
{
    MR_REQUIRE(!ledger->open);
    MR_REQUIRE(ledger->next - ledger->first < MR_LEDGER_UNITS);
    if (ledger->failed) {
        return 0;
    }
    ledger->open = true;
    return ledger->next++; /* its slot is zeroed, which is an open unit without takes */
}

void
mr_ledger_seal(struct mr_ledger *ledger, uint64_t number)
{
    struct mri_ledger_unit *unit = mri_ledger_find_unit(ledger, number);
    if (!unit) {
        return;
    }
    MR_REQUIRE(ledger->open && number == ledger->next - 1);
    ledger->open = false;
    mri_ledger_sort_takes(unit);
    if (unit->state == MR_UNIT_OPEN) {
        unit->state = MR_UNIT_SEALED; /* else it failed with an earlier one, and stays so */
    }
}

bool
mr_ledger_may_finish(const struct mr_ledger *ledger, uint64_t number)
{
    const struct mri_ledger_unit *unit = mri_ledger_find_unit(ledger, number);
    if (!unit || !unit->counted || unit->state == MR_UNIT_FAILED) {
        return false;
    }
    for (uint64_t lower = ledger->first; lower < number; lower++) {
        if (slot_of(ledger, lower)->state != MR_UNIT_LOADED) {
            return false;
        }
    }
    return true;
}

void
mr_ledger_loaded(struct mr_ledger *ledger, uint64_t number)
{
    struct mri_ledger_unit *unit = mri_ledger_find_unit(ledger, number);
    if (!unit || unit->state == MR_UNIT_FAILED) {
        return; /* its offsets are read again whatever the answer */
    }
    MR_REQUIRE(unit->state == MR_UNIT_SEALED);
    MR_REQUIRE(unit->counted);
    unit->state = MR_UNIT_LOADED;
}

void
mr_ledger_failed(struct mr_ledger *ledger, uint64_t number)
{
    if (!mri_ledger_find_unit(ledger, number)) {
        return;
    }
    for (uint64_t later = number; later < ledger->next; later++) {
        slot_of(ledger, later)->state = MR_UNIT_FAILED;
    }
    ledger->failed = true;
}

uint64_t
mr_ledger_committable(const struct mr_ledger *ledger,
                      const struct mr_span **ret_rows,
                      uint32_t *ret_count)
{
    uint64_t highest = 0;
    for (uint64_t number = ledger->first; number < ledger->next; number++) {
        if (slot_of(ledger, number)->state != MR_UNIT_LOADED) {
            break;
        }
        highest = number;
    }
    if (highest != 0) {
        *ret_rows = slot_of(ledger, highest)->rows;
        *ret_count = slot_of(ledger, highest)->row_count;
    }
    return highest;
}

void
mr_ledger_committed(struct mr_ledger *ledger, uint64_t number)
{
    if (!mri_ledger_find_unit(ledger, number)) {
        return;
    }
    while (ledger->first <= number) {
        MR_REQUIRE(slot_of(ledger, ledger->first)->state == MR_UNIT_LOADED);
        drop_first(ledger, true);
    }
}

enum mr_unit_state
mr_ledger_state(const struct mr_ledger *ledger, uint64_t number)
{
    const struct mri_ledger_unit *unit = mri_ledger_find_unit(ledger, number);
    MR_REQUIRE(number > 0 && number < ledger->next);
    MR_REQUIRE(ledger->next - number <= MR_LEDGER_HISTORY);
    if (unit) {
        return unit->state;
    }
    return ledger->committed[number % MR_LEDGER_HISTORY] ? MR_UNIT_COMMITTED : MR_UNIT_FAILED;
}

void
mr_ledger_states(const struct mr_ledger *ledger, uint32_t *counts)
{
    memset(counts, 0, (MR_UNIT_FAILED + 1) * sizeof *counts);
    for (uint64_t number = ledger->first; number < ledger->next; number++) {
        counts[slot_of(ledger, number)->state]++;
    }
}
