/* The sink's tables: rows that come are compared with what was produced, and booked. */
#include "world_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/base/clock.h"

/* What is being booked. */
struct booking {
    struct world *world;
    const struct world_txn *txn; /* NULL: at least once */
    uint64_t number, stamp;      /* stamp: differs from that of every other booking */
    struct world_unit *unit;
    uint32_t spans; /* ledger rows so far */
    struct { uint32_t partition; int64_t start, end; } span[WORLD_PARTITIONS];
};

uint32_t
world_row_place(const struct world *world, const char *topic, int64_t partition)
{
    WORLD_NEED(topic && (strcmp(topic, "even") == 0 || strcmp(topic, "odd") == 0), "topic?");
    int64_t place = partition * WORLD_TOPICS + (strcmp(topic, "odd") == 0);
    WORLD_NEED(partition >= 0 && place < world->options.partitions, "partition?");
    return (uint32_t)place;
}

static uint32_t
window_of(const char (*texts)[32], uint32_t count, const char *text)
{
    for (uint32_t i = 0; i < count; i++)
        if (text && strcmp(texts[i], text) == 0)
            return i;
    world_fail("window \"%s\"?", text ? text : "(null)");
}

/* ---- tables ---- */

/* A row of an offset, in detail or quarantine. */
static void
book_offset(struct booking *booking, const struct world_row *row, enum world_kind kind,
            uint8_t **counts, struct world_record *ret_record, uint32_t *ret_partition,
            int64_t *ret_offset)
{
    struct world *world = booking->world;
    uint32_t partition = world_row_place(world, world_row_text(row, "_topic"),
                                         world_row_number(row, "_partition"));
    int64_t offset = world_row_number(row, "_offset");
    WORLD_NEED(offset >= 0 && offset < world->options.records, "offset?");
    *ret_record = world_record_at(world, partition, offset);
    WORLD_NEED(kind == WORLD_EVENT ? ret_record->kind == kind
                                   : world_is_quarantined(ret_record->kind),
               "partition %u offset %lld came as another kind", partition,
               (long long)offset);
    WORLD_NEED(world->row_unit[partition][offset] != booking->stamp,
               "partition %u offset %lld: twice in unit %llu", partition, (long long)offset,
               (unsigned long long)booking->number);
    WORLD_NEED(!booking->txn || counts[partition][offset] == 0,
               "partition %u offset %lld: its row is in already, %s brings it again", partition,
               (long long)offset, booking->txn->label);
    world->row_unit[partition][offset] = booking->stamp;
    if (counts[partition][offset] < UINT8_MAX)
        counts[partition][offset]++;
    *ret_partition = partition;
    *ret_offset = offset;
}

static void
book_detail(struct booking *booking, const struct world_row *row)
{
    struct world_record record;
    uint32_t partition;
    int64_t offset;
    char text[32];
    book_offset(booking, row, WORLD_EVENT, booking->world->detail_count, &record, &partition,
                &offset);
    text[mr_clock_format(record.at_us, text)] = '\0';
    world_row_need(row, "at", text);
    snprintf(text, sizeof text, "k%u", record.key);
    world_row_need(row, "key", text);
    snprintf(text, sizeof text, "%lld", (long long)record.n);
    world_row_need(row, "n", record.has_n ? text : NULL);
    world_cents_text(record.cents, text);
    world_row_need(row, "amount", text);
    world_note_text(&record, text);
    world_row_need(row, "note", text);
    booking->unit->detail++;
}

static void
book_quarantine(struct booking *booking, const struct world_row *row)
{
    struct world_record record;
    uint32_t partition;
    int64_t offset;
    char text[WORLD_TEXT];
    size_t len;
    book_offset(booking, row, WORLD_BAD, booking->world->quarantine_count, &record, &partition,
                &offset);
    (void)world_record_text(booking->world, partition, offset, text, &len);
    WORLD_NEED(world_row_number(row, "raw_bytes") == (int64_t)len, "raw_bytes?");
    const char *reason = world_row_text(row, "reason");
    WORLD_NEED(reason && *reason && (strcmp(reason, "load") == 0) == (record.kind == WORLD_REFUSED),
               "partition %u offset %lld: reason \"%s\"", partition, (long long)offset,
               reason ? reason : "(null)");
    booking->unit->quarantined++;
}

/* A key may come more than once: the sink's aggregation merges. */
static void
merge_cell(struct world_cell *cell, const struct world_cell *add)
{
    WORLD_NEED(add->events > 0, "a group without events");
    cell->low = cell->events == 0 || add->low < cell->low ? add->low : cell->low;
    cell->high = cell->events == 0 || add->high > cell->high ? add->high : cell->high;
    cell->events += add->events;
    cell->ns += add->ns;
    cell->n_sum += add->n_sum;
    cell->cents_sum += add->cents_sum;
}

static void
book_by_key(struct booking *booking, const struct world_row *row)
{
    unsigned key;
    const char *text = world_row_text(row, "key");
    uint32_t minute = window_of(booking->world->minute_text, WORLD_MINUTES,
                                world_row_text(row, "window_start"));
    WORLD_NEED(text && sscanf(text, "k%u", &key) == 1 && key < WORLD_KEYS, "key?");
    const struct world_cell add = {.events = world_row_number(row, "events"),
                                   .n_sum = world_row_text(row, "n_sum")
                                                ? world_row_number(row, "n_sum")
                                                : 0,
                                   .low = world_row_cents(row, "low"),
                                   .high = world_row_cents(row, "high")};
    merge_cell(&booking->unit->by_key[minute * WORLD_KEYS + key], &add);
}

static void
book_by_span(struct booking *booking, const struct world_row *row)
{
    uint32_t span = window_of(booking->world->span_text, WORLD_SPANS,
                              world_row_text(row, "window_start"));
    const struct world_cell add = {.events = world_row_number(row, "events"),
                                   .ns = world_row_number(row, "ns"),
                                   .cents_sum = world_row_cents(row, "mean_sum")};
    WORLD_NEED(world_row_number(row, "mean_count") == add.events, "mean_count?");
    merge_cell(&booking->unit->by_key[WORLD_MINUTES * WORLD_KEYS + span], &add);
}

/* ---- the ledger: everything is compared when a unit's rows come ---- */

static void
check_totals(const struct world *world, const struct world_row *row, uint32_t partition,
             int64_t end)
{
    const struct world_sums *sums = &world->sums[partition][end];
    char rollups[96], time[32];
    WORLD_NEED(world_row_number(row, "consumed") == sums->consumed &&
                   world_row_number(row, "detail") == sums->detail &&
                   world_row_number(row, "quarantined") == sums->quarantined &&
                   world_row_number(row, "tombstones") == sums->tombstones &&
                   world_row_number(row, "filtered") == 0 && world_row_number(row, "late") == 0,
               "partition %u: control totals at %lld differ: consumed %lld, not %lld", partition,
               (long long)end, (long long)world_row_number(row, "consumed"),
               (long long)sums->consumed);
    snprintf(rollups, sizeof rollups, "{\"by_key\":%lld,\"by_span\":%lld}", (long long)sums->detail,
             (long long)sums->detail);
    world_row_need(row, "rollups", rollups);
    if (sums->event_time_us != INT64_MIN)
        time[mr_clock_format(sums->event_time_us, time)] = '\0';
    world_row_need(row, "event_time", sums->event_time_us == INT64_MIN ? NULL : time);
}

static void
book_ledger(struct booking *booking, const struct world_row *row)
{
    struct world *world = booking->world;
    uint32_t partition = world_row_place(world, world_row_text(row, "topic"),
                                         world_row_number(row, "partition"));
    struct world_ledger_row *old = &world->ledger[partition];
    int64_t start = world_row_number(row, "start"), end = world_row_number(row, "end");
    world_row_need(row, "pipeline", world->layout->pipeline);
    WORLD_NEED(world_row_number(row, "n") == (int64_t)booking->number, "n?");
    if (booking->txn)
        world_row_need(row, "chain", booking->txn->chain.text);
    WORLD_NEED(start == (old->there ? old->end : 0) && start < end && end <= world->options.records,
               "partition %u: ledger row [%lld, %lld) after %lld", partition, (long long)start,
               (long long)end, (long long)(old->there ? old->end : 0));
    check_totals(world, row, partition, end);
    *old = (struct world_ledger_row){true, start, end, booking->number, world->run, {""}};
    if (booking->txn)
        old->chain = booking->txn->chain;
    booking->span[booking->spans].partition = partition;
    booking->span[booking->spans].start = start;
    booking->span[booking->spans++].end = end;
}

/* The unit's rows are those of its spans, no more and no less. */
static void
check_unit(const struct booking *booking)
{
    struct world *world = booking->world;
    struct world_cell *cells = calloc(WORLD_MINUTES * WORLD_KEYS + WORLD_SPANS, sizeof *cells);
    uint32_t detail = 0, quarantined = 0;
    WORLD_NEED(cells != NULL, "no memory");
    for (uint32_t i = 0; i < booking->spans; i++)
        for (int64_t o = booking->span[i].start; o < booking->span[i].end; o++) {
            struct world_record record = world_record_at(world, booking->span[i].partition, o);
            bool has_row = record.kind == WORLD_EVENT || world_is_quarantined(record.kind);
            detail += record.kind == WORLD_EVENT;
            quarantined += world_is_quarantined(record.kind);
            if (record.kind == WORLD_EVENT)
                world_add_cells(cells, &record);
            WORLD_NEED(!has_row || world->row_unit[booking->span[i].partition][o] == booking->stamp,
                       "unit %llu: its ledger row came, the row of partition %u offset %lld did not",
                       (unsigned long long)booking->number, booking->span[i].partition,
                       (long long)o);
        }
    WORLD_NEED(detail == booking->unit->detail && quarantined == booking->unit->quarantined,
               "unit %llu: rows beyond its offsets", (unsigned long long)booking->number);
    for (size_t i = 0; i < WORLD_MINUTES * WORLD_KEYS + WORLD_SPANS; i++) {
        const struct world_cell *has = &booking->unit->by_key[i], *want = &cells[i];
        bool spans = i >= WORLD_MINUTES * WORLD_KEYS;
        bool same = spans ? has->ns == want->ns && has->cents_sum == want->cents_sum
                          : has->n_sum == want->n_sum && has->low == want->low &&
                                has->high == want->high;
        WORLD_NEED(has->events == want->events && same,
                   "unit %llu: group %zu has %lld events, %lld were produced",
                   (unsigned long long)booking->number, i, (long long)has->events,
                   (long long)want->events);
    }
    free(cells);
}

/* ---- rows of a body ---- */

static void
book_row(struct booking *booking, enum world_table table, const struct world_row *row)
{
    switch (table) {
    case WORLD_BY_KEY:
        book_by_key(booking, row);
        break;
    case WORLD_BY_SPAN:
        book_by_span(booking, row);
        break;
    case WORLD_DETAIL:
        book_detail(booking, row);
        break;
    case WORLD_QUARANTINE:
        book_quarantine(booking, row);
        break;
    case WORLD_LEDGER:
        book_ledger(booking, row);
        break;
    }
}

static struct world_unit *
unit_at(struct world *world, uint64_t number)
{
    if (number >= world->unit_count) {
        uint64_t count = (number + 1) * 2;
        world->units = realloc(world->units, count * sizeof *world->units);
        WORLD_NEED(world->units != NULL, "no memory");
        memset(world->units + world->unit_count, 0,
               (count - world->unit_count) * sizeof *world->units);
        world->unit_count = count;
    }
    struct world_unit *unit = &world->units[number];
    if (!unit->by_key)
        unit->by_key = calloc(WORLD_MINUTES * WORLD_KEYS + WORLD_SPANS, sizeof *unit->by_key);
    WORLD_NEED(unit->by_key != NULL, "no memory");
    return unit;
}

struct table_booking {
    struct booking *booking;
    enum world_table table;
};

static void
book_each(void *context, const struct world_row *row)
{
    struct table_booking *to = context;
    book_row(to->booking, to->table, row);
}

static void
book_body(struct booking *booking, enum world_table table, const struct world_body *body)
{
    struct table_booking to = {booking, table};
    booking->world->tallies.odd_bodies += body->json;
    world_body_read(body, book_each, &to);
}

void
world_apply(struct world *world, enum world_table table, uint64_t number,
            const struct mr_load_job *job)
{
    struct booking booking = {.world = world, .number = number, .unit = unit_at(world, number),
                              .stamp = world->run << 32 | number};
    struct world_body body = {NULL, NULL, false};
    WORLD_NEED(!(booking.unit->applied & (1u << table | 1u << WORLD_LEDGER)),
               "unit %llu: table %d came twice, or after the ledger's", (unsigned long long)number,
               (int)table);
    booking.unit->applied |= 1u << table;
    world_body_take(&body, job);
    book_body(&booking, table, &body);
    world_body_drop(&body);
    if (table != WORLD_LEDGER)
        return;
    WORLD_NEED(number > world->ledger_unit, "ledger rows of unit %llu came after those of %llu",
               (unsigned long long)number, (unsigned long long)world->ledger_unit);
    world->ledger_unit = number;
    world->generation_landed = true;
    check_unit(&booking);
    free(booking.unit->by_key);
    booking.unit->by_key = NULL;
}

/* ---- exactly once ---- */

struct refused_count {
    struct world *world;
    uint32_t count;
};

static void
count_refused(void *context, const struct world_row *row)
{
    struct refused_count *refused = context;
    uint32_t partition = world_row_place(refused->world, world_row_text(row, "_topic"),
                                         world_row_number(row, "_partition"));
    int64_t offset = world_row_number(row, "_offset");
    refused->count += world_record_at(refused->world, partition, offset).kind == WORLD_REFUSED;
}

uint32_t
world_body_refused(struct world *world, const struct world_body *body)
{
    struct refused_count refused = {world, 0};
    if (world->options.refused > 0 || world->options.refuses)
        world_body_read(body, count_refused, &refused);
    return refused.count;
}

struct span_reading {
    struct world *world;
    struct world_txn *txn;
};

static void
read_span(void *context, const struct world_row *row)
{
    const struct span_reading *reading = context;
    struct world_txn *txn = reading->txn;
    WORLD_NEED(txn->span_count < WORLD_PARTITIONS, "%s: more ledger rows than partitions", txn->label);
    txn->spans[txn->span_count++] = (struct world_span){
        world_row_place(reading->world, world_row_text(row, "topic"),
                        world_row_number(row, "partition")),
        world_row_number(row, "start"), world_row_number(row, "end")};
}

void
world_read_spans(struct world *world, struct world_txn *txn)
{
    struct span_reading reading = {world, txn};
    txn->span_count = 0;
    world_body_read(&txn->bodies[WORLD_LEDGER], read_span, &reading);
}

void
world_apply_txn(struct world *world, struct world_txn *txn)
{
    struct world_unit unit = {0};
    struct booking booking = {.world = world, .txn = txn, .number = txn->n, .unit = &unit,
                              .stamp = (uint64_t)(uintptr_t)txn};
    unit.by_key = calloc(WORLD_MINUTES * WORLD_KEYS + WORLD_SPANS, sizeof *unit.by_key);
    WORLD_NEED(unit.by_key != NULL, "no memory");
    WORLD_NEED(txn->bodies[WORLD_LEDGER].text != NULL, "%s is in without ledger rows", txn->label);
    for (int table = 0; table < WORLD_TABLES; table++) {
        if (txn->bodies[table].text)
            book_body(&booking, (enum world_table)table, &txn->bodies[table]);
        world_body_drop(&txn->bodies[table]);
    }
    check_unit(&booking);
    free(unit.by_key);
}
