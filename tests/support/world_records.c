/* What was produced: every record is a function of (seed, partition, offset). */
#include "world_priv.h"

#include <stdio.h>
#include <string.h>

#include "millrace/base/clock.h"
#include "millrace/base/hash.h"

int64_t
world_base_us(void)
{
    return mr_clock_days(2025, 3, 1) * MR_US_PER_DAY;
}

struct world_record
world_record_at(const struct world *world, uint32_t partition, int64_t offset)
{
    const int64_t place[] = {partition, offset};
    struct world_dice dice = {.seed = mr_hash_bytes(place, sizeof place, world->options.seed)};
    struct world_record record = {.kind = WORLD_EVENT};
    uint64_t lot = world_draw(&dice) % 100;
    bool last = offset + 1 == world->options.records; /* a gap at the end would never be passed */
    record.kind = lot < 4 && !last ? WORLD_GAP
                  : lot < 9        ? WORLD_TOMBSTONE
                  : lot < 15       ? WORLD_BAD
                                   : WORLD_EVENT;
    record.minute = (uint32_t)(world_draw(&dice) % WORLD_MINUTES);
    record.key = (uint32_t)(world_draw(&dice) % WORLD_KEYS);
    record.at_us = world_base_us() + (int64_t)record.minute * 60000000 +
                   (int64_t)(world_draw(&dice) % 60000000);
    record.has_n = world_draw(&dice) % 4 != 0;
    record.n = (int64_t)(world_draw(&dice) % 2001) - 1000;
    record.cents = (int64_t)(world_draw(&dice) % 2000001) - 1000000;
    record.odd = world_one_in(&dice, world->options.odd);
    bool refused = world_one_in(&dice, world->options.refused) ||
                   (world->options.refuses && world->options.refuses(partition, offset));
    if (record.kind == WORLD_EVENT && refused)
        record.kind = WORLD_REFUSED;
    return record;
}

bool
world_is_quarantined(enum world_kind kind)
{
    return kind == WORLD_BAD || kind == WORLD_REFUSED;
}

void
world_note_text(const struct world_record *record, char out[16])
{
    snprintf(out, 16, record->odd ? "a\x01%u" : "plain %u", record->key);
}

void
world_cents_text(int64_t cents, char out[32])
{
    int64_t size = cents < 0 ? -cents : cents;
    snprintf(out, 32, "%s%lld.%02lld", cents < 0 ? "-" : "", (long long)(size / 100),
             (long long)(size % 100));
}

static size_t
event_text(const struct world_record *record, char *out)
{
    char at[32], cents[32], n[32] = "";
    at[mr_clock_format(record->at_us, at)] = '\0';
    at[10] = 'T';
    world_cents_text(record->cents, cents);
    if (record->has_n)
        snprintf(n, sizeof n, "\"n\":%lld,", (long long)record->n);
    const char *note = record->odd ? "a\\u0001" : "plain ";
    return (size_t)snprintf(out, WORLD_TEXT,
                            "{\"at\":\"%sZ\",\"key\":\"k%u\",%s\"amount\":\"%s\",\"note\":\"%s%u\"}",
                            at, record->key, n, cents, note, record->key);
}

static size_t
bad_text(uint32_t kind, char *out)
{
    static const char *const texts[] = {"{\"at\":\"2025-03-01T00:0", "[1,2]", "",
                                        "{\"at\":\"2025-03-01T00:00:00Z\",\"key\":\"k\"}",
                                        "{\"at\":\"2025-03-01T00:00:00Z\",\"key\":\"\xff\"}"};
    if (kind < MR_ARRAY_LEN(texts))
        return (size_t)snprintf(out, WORLD_TEXT, "%s", texts[kind]);
    memset(out, ' ', 3000); /* oversize */
    return 3000;
}

const char *
world_record_text(const struct world *world, uint32_t partition, int64_t offset, char *out,
                  size_t *ret_len)
{
    struct world_record record = world_record_at(world, partition, offset);
    *ret_len = 0;
    if (record.kind == WORLD_TOMBSTONE)
        return NULL;
    *ret_len = record.kind == WORLD_BAD ? bad_text(record.key % 6, out) : event_text(&record, out);
    return out;
}

void
world_add_cells(struct world_cell *cells, const struct world_record *record)
{
    struct world_cell *both[] = {
        &cells[record->minute * WORLD_KEYS + record->key],
        &cells[WORLD_MINUTES * WORLD_KEYS + record->minute / 5],
    };
    for (size_t i = 0; i < MR_ARRAY_LEN(both); i++) {
        struct world_cell *cell = both[i];
        cell->low = cell->events == 0 || record->cents < cell->low ? record->cents : cell->low;
        cell->high = cell->events == 0 || record->cents > cell->high ? record->cents : cell->high;
        cell->events++;
        cell->cents_sum += record->cents;
        cell->ns += record->has_n;
        cell->n_sum += record->has_n ? record->n : 0;
    }
}
