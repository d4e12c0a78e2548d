/* The sink's tables: bodies are read back row by row and compared with what was produced. */
#include "world_priv.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/base/clock.h"

#define COLUMNS_MAX 24

/* One row: names and texts, NULL for a null. */
struct row {
    uint32_t count;
    const char *names[COLUMNS_MAX];
    char *texts[COLUMNS_MAX];
};

/* What is being booked. */
struct booking {
    struct world *world;
    const struct world_txn *txn; /* NULL: at least once */
    uint64_t number, stamp;      /* stamp: differs from that of every other booking */
    struct world_unit *unit;
    uint32_t spans; /* ledger rows so far */
    struct { uint32_t partition; int64_t start, end; } span[WORLD_PARTITIONS];
};

/* ---- cells of a row ---- */

static const char *
text_of(const struct row *row, const char *name)
{
    for (uint32_t i = 0; i < row->count; i++)
        if (strcmp(row->names[i], name) == 0)
            return row->texts[i];
    world_fail("no column \"%s\"", name);
}

static int64_t
number_of(const struct row *row, const char *name)
{
    const char *text = text_of(row, name);
    char *end;
    WORLD_NEED(text && *text, "column \"%s\" is null", name);
    int64_t value = strtoll(text, &end, 10);
    WORLD_NEED(*end == '\0', "column \"%s\" is no number: \"%s\"", name, text);
    return value;
}

static int64_t
cents_of(const struct row *row, const char *name)
{
    const char *text = text_of(row, name);
    char *end;
    WORLD_NEED(text != NULL, "column \"%s\" is null", name);
    int64_t whole = strtoll(text, &end, 10);
    WORLD_NEED(*end == '.' && strlen(end) == 3, "column \"%s\" is no amount: \"%s\"", name, text);
    int64_t rest = strtoll(end + 1, NULL, 10);
    return whole * 100 + (text[0] == '-' ? -rest : rest);
}

static void
need_text(const struct row *row, const char *name, const char *wanted)
{
    const char *text = text_of(row, name);
    WORLD_NEED(wanted ? text && strcmp(text, wanted) == 0 : !text, "column \"%s\" is \"%s\", not \"%s\"",
               name, text ? text : "(null)", wanted ? wanted : "(null)");
}

/* Partition of the world, by topic and Kafka's number. */
static uint32_t
place_of(const struct world *world, const char *topic, int64_t partition)
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
book_offset(struct booking *booking, const struct row *row, enum world_kind kind, uint8_t **counts,
            struct world_record *ret_record, uint32_t *ret_partition, int64_t *ret_offset)
{
    struct world *world = booking->world;
    uint32_t partition = place_of(world, text_of(row, "_topic"), number_of(row, "_partition"));
    int64_t offset = number_of(row, "_offset");
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
book_detail(struct booking *booking, const struct row *row)
{
    struct world_record record;
    uint32_t partition;
    int64_t offset;
    char text[32];
    book_offset(booking, row, WORLD_EVENT, booking->world->detail_count, &record, &partition,
                &offset);
    text[mr_clock_format(record.at_us, text)] = '\0';
    need_text(row, "at", text);
    snprintf(text, sizeof text, "k%u", record.key);
    need_text(row, "key", text);
    snprintf(text, sizeof text, "%lld", (long long)record.n);
    need_text(row, "n", record.has_n ? text : NULL);
    world_cents_text(record.cents, text);
    need_text(row, "amount", text);
    world_note_text(&record, text);
    need_text(row, "note", text);
    booking->unit->detail++;
}

static void
book_quarantine(struct booking *booking, const struct row *row)
{
    struct world_record record;
    uint32_t partition;
    int64_t offset;
    char text[WORLD_TEXT];
    size_t len;
    book_offset(booking, row, WORLD_BAD, booking->world->quarantine_count, &record, &partition,
                &offset);
    (void)world_record_text(booking->world, partition, offset, text, &len);
    WORLD_NEED(number_of(row, "raw_bytes") == (int64_t)len, "raw_bytes?");
    const char *reason = text_of(row, "reason");
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
book_by_key(struct booking *booking, const struct row *row)
{
    unsigned key;
    const char *text = text_of(row, "key");
    uint32_t minute = window_of(booking->world->minute_text, WORLD_MINUTES,
                                text_of(row, "window_start"));
    WORLD_NEED(text && sscanf(text, "k%u", &key) == 1 && key < WORLD_KEYS, "key?");
    const struct world_cell add = {.events = number_of(row, "events"),
                                   .n_sum = text_of(row, "n_sum") ? number_of(row, "n_sum") : 0,
                                   .low = cents_of(row, "low"),
                                   .high = cents_of(row, "high")};
    merge_cell(&booking->unit->by_key[minute * WORLD_KEYS + key], &add);
}

static void
book_by_span(struct booking *booking, const struct row *row)
{
    uint32_t span = window_of(booking->world->span_text, WORLD_SPANS, text_of(row, "window_start"));
    const struct world_cell add = {.events = number_of(row, "events"),
                                   .ns = number_of(row, "ns"),
                                   .cents_sum = cents_of(row, "mean_sum")};
    WORLD_NEED(number_of(row, "mean_count") == add.events, "mean_count?");
    merge_cell(&booking->unit->by_key[WORLD_MINUTES * WORLD_KEYS + span], &add);
}

/* ---- the ledger: everything is compared when a unit's rows come ---- */

static void
check_totals(const struct world *world, const struct row *row, uint32_t partition, int64_t end)
{
    const struct world_sums *sums = &world->sums[partition][end];
    char rollups[96], time[32];
    WORLD_NEED(number_of(row, "consumed") == sums->consumed &&
                   number_of(row, "detail") == sums->detail &&
                   number_of(row, "quarantined") == sums->quarantined &&
                   number_of(row, "tombstones") == sums->tombstones &&
                   number_of(row, "filtered") == 0 && number_of(row, "late") == 0,
               "partition %u: control totals at %lld differ: consumed %lld, not %lld", partition,
               (long long)end, (long long)number_of(row, "consumed"), (long long)sums->consumed);
    snprintf(rollups, sizeof rollups, "{\"by_key\":%lld,\"by_span\":%lld}", (long long)sums->detail,
             (long long)sums->detail);
    need_text(row, "rollups", rollups);
    if (sums->event_time_us != INT64_MIN)
        time[mr_clock_format(sums->event_time_us, time)] = '\0';
    need_text(row, "event_time", sums->event_time_us == INT64_MIN ? NULL : time);
}

static void
book_ledger(struct booking *booking, const struct row *row)
{
    struct world *world = booking->world;
    uint32_t partition = place_of(world, text_of(row, "topic"), number_of(row, "partition"));
    struct world_ledger_row *old = &world->ledger[partition];
    int64_t start = number_of(row, "start"), end = number_of(row, "end");
    need_text(row, "pipeline", world->layout->pipeline);
    WORLD_NEED(number_of(row, "n") == (int64_t)booking->number, "n?");
    if (booking->txn)
        need_text(row, "chain", booking->txn->chain.text);
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

/* ---- bodies ---- */

static void
book_row(struct booking *booking, enum world_table table, const struct row *row)
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

/* "`a`,`b`,`c`=f(`b`)" in place: the names of what a row carries; what is computed comes last. */
static uint32_t
split_names(char *columns, const char **names)
{
    uint32_t count = 0;
    char *rest = columns;
    for (char *name; (name = strsep(&rest, ",")) != NULL && !strchr(name, '='); count++) {
        size_t len = strlen(name);
        WORLD_NEED(count < COLUMNS_MAX && len > 2 && name[0] == '`' && name[len - 1] == '`',
                   "columns header? \"%s\" in the place %u", name, count);
        name[len - 1] = '\0';
        names[count] = name + 1;
    }
    return count;
}

/* A text with \x01 in it is what CSV cannot carry, so splitting finds a wrong count then. */
static void
read_csv(char *text, struct row *row, void (*each)(void *context, const struct row *row),
         void *context)
{
    uint32_t columns = row->count;
    while (*text) {
        char *line = strsep(&text, "\x02");
        WORLD_NEED(text != NULL, "the last row has no end");
        uint32_t count = 0;
        for (char *cell; (cell = strsep(&line, "\x01")) != NULL && count < columns; count++)
            row->texts[count] = strcmp(cell, "\\N") == 0 ? NULL : cell;
        WORLD_NEED(count == columns && !line, "a row of %u columns has others", columns);
        each(context, row);
    }
}

static char *
json_cell(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    char number[32];
    WORLD_NEED(value != NULL, "a row without \"%s\"", name);
    if (json_is_null(value))
        return NULL;
    if (json_is_string(value))
        return strdup(json_string_value(value));
    WORLD_NEED(json_is_integer(value), "\"%s\" is neither text nor number", name);
    snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
    return strdup(number);
}

static void
read_json(char *text, struct row *row, void (*each)(void *context, const struct row *row),
          void *context)
{
    while (text && *text) {
        const char *line = strsep(&text, "\n");
        json_t *object = json_loads(line, 0, NULL);
        WORLD_NEED(object && json_object_size(object) == row->count, "row? %s", line);
        for (uint32_t i = 0; i < row->count; i++)
            row->texts[i] = json_cell(object, row->names[i]);
        each(context, row);
        for (uint32_t i = 0; i < row->count; i++)
            free(row->texts[i]);
        json_decref(object);
    }
}

/* Row by row; the body stays as it is. */
static void
read_body(const struct world_body *body, void (*each)(void *context, const struct row *row),
          void *context)
{
    struct row row = {.count = 0};
    char *columns = strdup(body->columns), *text = strdup(body->text);
    WORLD_NEED(columns && text, "no memory");
    row.count = split_names(columns, row.names);
    (body->json ? read_json : read_csv)(text, &row, each, context);
    free(columns);
    free(text);
}

static char *
flatten(const struct mr_body *body)
{
    char *bytes = malloc(body->bytes + 1), *out = bytes;
    WORLD_NEED(bytes != NULL, "no memory");
    for (const struct mr_chunk *chunk = body->first; chunk; chunk = mr_body_next(body, chunk)) {
        memcpy(out, chunk->data, chunk->used);
        out += chunk->used;
    }
    WORLD_NEED((size_t)(out - bytes) == body->bytes, "chunks and bytes differ");
    *out = '\0';
    return bytes;
}

void
world_body_take(struct world_body *body, const struct mr_load_job *job)
{
    WORLD_NEED(!body->text, "a table is loaded twice in one transaction");
    *body = (struct world_body){strdup(job->columns), flatten(job->body),
                                job->body->format == MR_BODY_JSON};
    WORLD_NEED(body->columns != NULL, "no memory");
}

void
world_body_drop(struct world_body *body)
{
    free(body->columns);
    free(body->text);
    *body = (struct world_body){NULL, NULL, false};
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
book_each(void *context, const struct row *row)
{
    struct table_booking *to = context;
    book_row(to->booking, to->table, row);
}

static void
book_body(struct booking *booking, enum world_table table, const struct world_body *body)
{
    struct table_booking to = {booking, table};
    booking->world->tallies.odd_bodies += body->json;
    read_body(body, book_each, &to);
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
count_refused(void *context, const struct row *row)
{
    struct refused_count *refused = context;
    uint32_t partition = place_of(refused->world, text_of(row, "_topic"), number_of(row, "_partition"));
    int64_t offset = number_of(row, "_offset");
    refused->count += world_record_at(refused->world, partition, offset).kind == WORLD_REFUSED;
}

uint32_t
world_body_refused(struct world *world, const struct world_body *body)
{
    struct refused_count refused = {world, 0};
    if (world->options.refused > 0 || world->options.refuses)
        read_body(body, count_refused, &refused);
    return refused.count;
}

struct span_reading {
    struct world *world;
    struct world_txn *txn;
};

static void
read_span(void *context, const struct row *row)
{
    const struct span_reading *reading = context;
    struct world_txn *txn = reading->txn;
    WORLD_NEED(txn->span_count < WORLD_PARTITIONS, "%s: more ledger rows than partitions", txn->label);
    txn->spans[txn->span_count++] = (struct world_span){
        place_of(reading->world, text_of(row, "topic"), number_of(row, "partition")),
        number_of(row, "start"), number_of(row, "end")};
}

void
world_read_spans(struct world *world, struct world_txn *txn)
{
    struct span_reading reading = {world, txn};
    txn->span_count = 0;
    read_body(&txn->bodies[WORLD_LEDGER], read_span, &reading);
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

static void
book_chain(void *context, const struct row *row)
{
    struct world *world = context;
    uint32_t partition = place_of(world, text_of(row, "topic"), number_of(row, "partition"));
    const char *text = text_of(row, "chain");
    struct mr_chain chain;
    WORLD_NEED(text && mr_chain_parse(mr_slice_of(text), &chain), "chain?");
    need_text(row, "pipeline", world->layout->pipeline);
    bool removes = strcmp(row->names[row->count - 1], "__op") == 0 && number_of(row, "__op") == 1;
    const struct world_chain_row add = {partition, chain, number_of(row, "seq"),
                                        number_of(row, "start"), text_of(row, "closed") != NULL};
    world_book_chain(world, &add, removes);
}

void
world_apply_registry(struct world *world, const struct mr_load_job *job)
{
    struct world_body body = {NULL, NULL, false};
    world_body_take(&body, job);
    read_body(&body, book_chain, world);
    world_body_drop(&body);
}
