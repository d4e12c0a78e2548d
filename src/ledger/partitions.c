/* Partitions held, and the offsets that the open unit takes from them. */
#include "ledger/ledger_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/base/assert.h"

static int
compare(const struct mri_ledger_part *part, uint16_t topic, int32_t partition)
{
    if (part->row.topic != topic) {
        return part->row.topic < topic ? -1 : 1;
    }
    return (part->row.partition > partition) - (part->row.partition < partition);
}

/* Index of the first part that is not below (topic, partition). */
static uint32_t
lower_bound(const struct mr_ledger *ledger, uint16_t topic, int32_t partition)
{
    uint32_t low = 0, high = ledger->part_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare(ledger->parts[middle], topic, partition) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct mri_ledger_part *
mri_ledger_find_part(const struct mr_ledger *ledger, uint16_t topic, int32_t partition)
{
    uint32_t at = lower_bound(ledger, topic, partition);
    bool found = at < ledger->part_count && compare(ledger->parts[at], topic, partition) == 0;
    return found ? ledger->parts[at] : NULL;
}

uint32_t
mr_ledger_partitions(const struct mr_ledger *ledger)
{
    return ledger->part_count;
}

void
mri_ledger_drop_parts(struct mr_ledger *ledger)
{
    for (uint32_t i = 0; i < ledger->part_count; i++) {
        free(ledger->parts[i]);
    }
    ledger->part_count = 0;
}

static bool
grow_parts(struct mr_ledger *ledger)
{
    uint32_t capacity = ledger->part_capacity ? ledger->part_capacity * 2 : 16;
    if (ledger->part_count < ledger->part_capacity) {
        return true;
    }
    struct mri_ledger_part **parts = realloc(ledger->parts, capacity * sizeof(void *));
    if (!parts) {
        return false;
    }
    ledger->parts = parts;
    ledger->part_capacity = capacity;
    return true;
}

enum mr_rc
mr_ledger_assign(struct mr_ledger *ledger, const struct mr_span *row)
{
    uint32_t at = lower_bound(ledger, row->topic, row->partition);
    MR_REQUIRE(!mri_ledger_find_part(ledger, row->topic, row->partition));
    MR_REQUIRE(row->end >= -1);
    if (ledger->part_count == MR_LEDGER_PARTITIONS || !grow_parts(ledger)) {
        return MR_MEMORY;
    }
    struct mri_ledger_part *part = calloc(1, sizeof *part);
    if (!part) {
        return MR_MEMORY;
    }
    part->next = row->end;
    part->row = *row;
    part->row.start = row->end; /* idle until a unit takes from it */
    memmove(&ledger->parts[at + 1], &ledger->parts[at], (ledger->part_count - at) * sizeof(void *));
    ledger->parts[at] = part;
    ledger->part_count++;
    return MR_OK;
}

/* The take of part in the open unit; a first one starts empty at start. */
static struct mri_ledger_take *
take_of(struct mr_ledger *ledger,
        struct mri_ledger_unit *unit,
        struct mri_ledger_part *part,
        int64_t start)
{
    uint64_t number = ledger->next - 1;
    if (part->taken_by == number) {
        return &unit->takes[part->take];
    }
    if (unit->take_count == unit->take_capacity) {
        uint32_t capacity = unit->take_capacity ? unit->take_capacity * 2 : 16;
        struct mri_ledger_take *takes = realloc(unit->takes, capacity * sizeof *takes);
        if (!takes) {
            return NULL;
        }
        unit->takes = takes;
        unit->take_capacity = capacity;
    }
    part->taken_by = number;
    part->take = unit->take_count++;
    unit->takes[part->take] = (struct mri_ledger_take){part, start, start};
    return &unit->takes[part->take];
}

static enum mr_rc
refuse_step_back(const struct mri_ledger_part *part,
                 int64_t first,
                 int64_t next,
                 struct mr_error *reterr_error)
{
    (void)mr_error_set(reterr_error,
                       MR_STOPPED,
                       "topic %u partition %" PRId32 ": offsets [%" PRId64 ", %" PRId64
                       ") came although %" PRId64 " was expected: going on would count [%" PRId64
                       ", %" PRId64 ") twice",
                       (unsigned)part->row.topic,
                       part->row.partition,
                       first,
                       next,
                       part->next,
                       first,
                       next < part->next ? next : part->next);
    mr_error_hint(reterr_error,
                  "start again: offsets are taken up where the ledger ends; if it "
                  "repeats, the topic was truncated or re-created");
    return MR_STOPPED;
}

enum mr_rc
mr_ledger_take(struct mr_ledger *ledger,
               uint16_t topic,
               int32_t partition,
               int64_t first,
               int64_t next,
               struct mr_error *reterr_error)
{
    struct mri_ledger_part *part = mri_ledger_find_part(ledger, topic, partition);
    MR_REQUIRE(ledger->open);
    MR_REQUIRE(part);
    MR_REQUIRE(first >= 0 && first < next);
    struct mri_ledger_unit *unit = mri_ledger_find_unit(ledger, ledger->next - 1);
    if (unit->state == MR_UNIT_FAILED) {
        return mr_error_set(reterr_error,
                            MR_STOPPED,
                            "unit %" PRIu64 " has failed with an earlier one: its offsets are read "
                            "again after the next assignment",
                            ledger->next - 1);
    }
    if (part->next >= 0 && first < part->next) {
        mr_ledger_failed(ledger, ledger->next - 1);
        return refuse_step_back(part, first, next, reterr_error);
    }
    struct mri_ledger_take *take =
        take_of(ledger, unit, part, part->next >= 0 ? part->next : first);
    if (!take) {
        mr_ledger_failed(ledger, ledger->next - 1);
        return mr_error_set(reterr_error, MR_MEMORY, "ledger: out of memory");
    }
    take->end = next;
    part->next = next;
    return MR_OK;
}
