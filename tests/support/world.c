/* The world: dice, configuration, runs, and what must hold at the end. */
#include "world_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "millrace/base/clock.h"
#include "millrace/base/hash.h"

struct world *world_now;

static const char schema[] =
    "{\"type\":\"object\",\"required\":[\"at\",\"key\",\"amount\"],\"properties\":{"
    "\"at\":{\"type\":\"string\",\"format\":\"date-time\"},"
    "\"key\":{\"type\":\"string\",\"maxLength\":32},"
    "\"n\":{\"type\":\"integer\"},"
    "\"amount\":{\"type\":\"string\",\"x-decimal\":[18,2]},"
    "\"note\":{\"type\":\"string\",\"maxLength\":64}}}";

void
world_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "world (seed %llu): ",
            (unsigned long long)(world_now ? world_now->options.seed : 0));
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}

void
world_step(struct world *world)
{
    atomic_fetch_add_explicit(&world->progress, 1, memory_order_relaxed);
}

uint64_t
world_draw(struct world_dice *dice)
{
    dice->count++;
    return mr_hash_bytes(&dice->count, sizeof dice->count, dice->seed);
}

bool
world_one_in(struct world_dice *dice, uint32_t chances)
{
    return chances > 0 && world_draw(dice) % chances == 0;
}

/* ---- configuration ---- */

static void
add_measure(struct mr_rollup_spec *rollup, const char *name, enum mr_op op, const char *field)
{
    rollup->measures[rollup->measure_count++] = (struct mr_measure_spec){
        .name = strdup(name), .op = op, .field = field ? strdup(field) : NULL};
}

static void
fill_rollups(struct world *world)
{
    static char by_key[] = "by_key", by_span[] = "by_span", key[] = "key";
    static char *dims[] = {key, NULL};
    struct mr_rollup_spec *first = &world->rollups[0], *second = &world->rollups[1];
    *first = (struct mr_rollup_spec){.table = by_key, .size_s = 60, .by = {dims, 1},
                                     .measures = world->measures[0], .max_keys = 1000000};
    *second = (struct mr_rollup_spec){.table = by_span, .size_s = 300,
                                      .measures = world->measures[1], .max_keys = 1000000};
    add_measure(first, "events", MR_OP_COUNT_ALL, NULL);
    add_measure(first, "n_sum", MR_OP_SUM, "n");
    add_measure(first, "low", MR_OP_MIN, "amount");
    add_measure(first, "high", MR_OP_MAX, "amount");
    add_measure(second, "events", MR_OP_COUNT_ALL, NULL);
    add_measure(second, "ns", MR_OP_COUNT, "n");
    add_measure(second, "mean", MR_OP_AVG, "amount");
    world->config.rollups = world->rollups;
    world->config.rollup_count = 2;
}

static void
write_schema(struct world *world)
{
    snprintf(world->schema_path, sizeof world->schema_path, "/tmp/millrace-world-XXXXXX");
    int file = mkstemp(world->schema_path);
    WORLD_NEED(file >= 0, "no temporary file");
    WORLD_NEED(write(file, schema, sizeof schema - 1) == (ssize_t)sizeof schema - 1, "short write");
    close(file);
    world->config.event.schema = world->schema_path;
}

static void
fill_config(struct world *world)
{
    static char pipeline[] = "world", database[] = "db", table[] = "events", time_field[] = "at",
                quarantine[] = "events_quarantine", even[] = "even", odd[] = "odd";
    static char *topics[] = {even, odd, NULL};
    struct mr_config *config = &world->config;
    config->pipeline = pipeline;
    config->delivery = world->options.exact ? MR_DELIVERY_EXACTLY_ONCE : MR_DELIVERY_AT_LEAST_ONCE;
    config->kafka.topics = (struct mr_strings){topics, WORLD_TOPICS};
    config->event.time_field = time_field;
    config->event.max_depth = 64;
    config->event.max_bytes = 2048;
    config->event.max_future_ms = 60000;
    config->starrocks.database = database;
    config->starrocks.transaction_timeout_ms = 600000;
    config->detail.table = table;
    config->quarantine.table = quarantine;
    config->quarantine.raw_bytes = 512;
    config->stop.timeout_ms = 60000;
    config->flush.every_ms = 10;
    config->flush.rows = 5000000;
    config->flush.bytes = (int64_t)1 << 30;
    config->flush.depth = 2;
    config->memory = (int64_t)256 << 20;
    config->threads.workers = 2;
    config->threads.loaders = 2;
    fill_rollups(world);
    write_schema(world);
}

static void
fill_windows(struct world *world)
{
    for (uint32_t i = 0; i < WORLD_MINUTES; i++)
        world->minute_text[i][mr_clock_format(world_base_us() + i * INT64_C(60000000),
                                              world->minute_text[i])] = '\0';
    for (uint32_t i = 0; i < WORLD_SPANS; i++)
        world->span_text[i][mr_clock_format(world_base_us() + i * INT64_C(300000000),
                                            world->span_text[i])] = '\0';
}

static void *
need_memory(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    WORLD_NEED(memory != NULL, "no memory");
    return memory;
}

static void
fill_sums(struct world *world, uint32_t partition)
{
    struct world_sums *sums = world->sums[partition];
    sums[0].event_time_us = INT64_MIN;
    for (int64_t offset = 0; offset < world->options.records; offset++) {
        struct world_record record = world_record_at(world, partition, offset);
        struct world_sums sum = sums[offset];
        sum.consumed += record.kind != WORLD_GAP;
        sum.detail += record.kind == WORLD_EVENT;
        sum.quarantined += world_is_quarantined(record.kind);
        sum.tombstones += record.kind == WORLD_TOMBSTONE;
        if (record.kind == WORLD_EVENT && record.at_us > sum.event_time_us)
            sum.event_time_us = record.at_us;
        sums[offset + 1] = sum;
    }
}

void
world_refuse(struct world *world, bool (*refuses)(uint32_t partition, int64_t offset))
{
    world->options.refuses = refuses;
    for (uint32_t i = 0; i < world->options.partitions; i++)
        fill_sums(world, i);
}

void
world_open(struct world *world, const struct world_options *options)
{
    memset(world, 0, sizeof *world);
    world->options = *options;
    world_now = world;
    WORLD_NEED(options->partitions <= WORLD_PARTITIONS, "too many partitions");
    pthread_mutex_init(&world->lock, NULL);
    fill_config(world);
    fill_windows(world);
    world->sql_dice.seed = options->seed + 2;
    size_t records = (size_t)options->records;
    for (uint32_t i = 0; i < options->partitions; i++) {
        world->sums[i] = need_memory(records + 1, sizeof **world->sums);
        world->detail_count[i] = need_memory(records + 1, 1);
        world->quarantine_count[i] = need_memory(records + 1, 1);
        world->row_unit[i] = need_memory(records + 1, sizeof **world->row_unit);
        world->committed[i] = -1;
        fill_sums(world, i);
    }
    if (mr_plan_new(&world->config, &world->mistakes, &world->plan) != MR_OK)
        world_fail("no plan: %s", world->mistakes.items[0].text);
    world->layout = mr_plan_layout(world->plan);
}

static void
drop_units(struct world *world)
{
    for (uint64_t i = 0; i < world->unit_count; i++) {
        if (world->units[i].by_key && world->units[i].applied)
            world->tallies.orphans++;
        free(world->units[i].by_key);
    }
    free(world->units);
    world->units = NULL;
    world->unit_count = 0;
}

/* Between two runs the server may forget labels that have ended. */
static void
forget_labels(struct world *world)
{
    struct world_dice dice = {.seed = world->options.seed + 5, .count = 16 * world->run};
    bool forgets = world_one_in(&dice, world->options.chances.forgotten);
    for (uint32_t i = 0; i < world->txn_count; i++) {
        struct world_txn *txn = world->txns[i];
        txn->forgotten |= forgets && (txn->state == WORLD_VISIBLE || txn->state == WORLD_ABORTED);
    }
}

void
world_run_begin(struct world *world)
{
    drop_units(world);
    world->run++;
    world->tallies.runs++;
    world->ledger_unit = 0;
    world->fence = 0;
    world->generation_landed = false;
    world->used_rejected = false;
    world->used_fatal = false;
    atomic_store_explicit(&world->yielded, 0, memory_order_relaxed);
    atomic_store_explicit(&world->ended, false, memory_order_relaxed);
    atomic_store_explicit(&world->dead, false, memory_order_relaxed);
    memset(world->held, 0, sizeof world->held);
    memset(world->replay, 0, sizeof world->replay);
    world->recovering = false;
    forget_labels(world);
}

void
world_kill(struct world *world)
{
    atomic_store_explicit(&world->dead, true, memory_order_relaxed);
    pthread_mutex_lock(&world->lock);
    world->tallies.kills++;
    pthread_mutex_unlock(&world->lock);
}

void
world_let_go(struct world *world)
{
    atomic_store_explicit(&world->let_go, true, memory_order_relaxed);
}

static void
drop_txns(struct world *world)
{
    for (uint32_t i = 0; i < world->txn_count; i++) {
        for (int t = 0; t < WORLD_TABLES; t++)
            world_body_drop(&world->txns[i]->bodies[t]);
        free(world->txns[i]);
    }
    free(world->txns);
    free(world->visible_order);
    free(world->chains);
}

void
world_close(struct world *world)
{
    drop_units(world);
    drop_txns(world);
    for (uint32_t i = 0; i < world->options.partitions; i++) {
        free(world->sums[i]);
        free(world->detail_count[i]);
        free(world->quarantine_count[i]);
        free(world->row_unit[i]);
    }
    for (size_t i = 0; i < MR_ARRAY_LEN(world->rollups); i++)
        for (uint32_t k = 0; k < world->rollups[i].measure_count; k++) {
            free(world->rollups[i].measures[k].name);
            free(world->rollups[i].measures[k].field);
        }
    mr_plan_free(&world->plan);
    mr_mistakes_fini(&world->mistakes);
    unlink(world->schema_path);
    pthread_mutex_destroy(&world->lock);
    world_now = NULL;
}

/* ---- at the end ---- */

bool
world_all_in(struct world *world)
{
    bool all = true;
    pthread_mutex_lock(&world->lock);
    world_publish(world);
    for (uint32_t i = 0; i < world->options.partitions; i++)
        all &= world->ledger[i].there && world->ledger[i].end == world->options.records;
    pthread_mutex_unlock(&world->lock);
    return all;
}

static void
check_count(uint32_t partition, int64_t offset, const char *what, uint32_t count, bool wanted,
            bool repeats)
{
    WORLD_NEED(wanted || count == 0, "partition %u offset %lld: %u rows in %s, none expected",
               partition, (long long)offset, count, what);
    WORLD_NEED(!wanted || count == 1 || (repeats && count > 1),
               "partition %u offset %lld: %u rows in %s", partition, (long long)offset, count, what);
}

void
world_check_rows(struct world *world, bool repeats)
{
    for (uint32_t i = 0; i < world->options.partitions; i++)
        for (int64_t offset = 0; offset < world->options.records; offset++) {
            enum world_kind kind = world_record_at(world, i, offset).kind;
            check_count(i, offset, "detail", world->detail_count[i][offset], kind == WORLD_EVENT,
                        repeats);
            check_count(i, offset, "quarantine", world->quarantine_count[i][offset],
                        world_is_quarantined(kind), repeats);
        }
}

void
world_check_committed(struct world *world)
{
    pthread_mutex_lock(&world->lock);
    for (uint32_t i = 0; i < world->options.partitions; i++) {
        const struct world_ledger_row *row = &world->ledger[i];
        WORLD_NEED(!row->there || world->committed[i] == row->end,
                   "partition %u: committed %lld, the ledger ends at %lld", i,
                   (long long)world->committed[i], (long long)row->end);
    }
    pthread_mutex_unlock(&world->lock);
}
