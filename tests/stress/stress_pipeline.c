/* The whole pipeline between a Kafka and a StarRocks in memory (support/world.h): rebalances, orderly
 * and lost, in the middle; refused commits, connections and loads; small batches, tombstones, gaps
 * and bad records; memory that is too small for much at a time; orderly restarts and fatal ends.
 * What holds at the end of a seed: every offset is in exactly one unit whose ledger rows came, and that
 * unit's tables hold what was produced, no more and no less; without lost partitions and fatal ends
 * every row came exactly once; what was loaded is committed; the memory budget is back to its fixed
 * part. World checks the order of loads and commits while they happen.
 * Then the same exactly once: calls of the protocol that fail, applied or not; transactions aborted or
 * lost after their decision; refused events; losses that are noticed late; the process killed. Every
 * row came once, whatever happened, and nothing is left open.
 *
 *   stress_pipeline [seed [rounds [exact]]]
 * The seed of a failing round is printed; running with it alone repeats the round. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/app_priv.h"
#include "millrace/base/clock.h"
#include "millrace/base/hash.h"
#include "millrace/base/log.h"
#include "millrace/base/race.h"
#include "pipeline_coverage.h"
#include "world.h"

#define ROUNDS 16
#define EXACT_SEED 104
#define EXACT_ROUNDS 12
#define LIMIT_MS 40000 /* no further round of the default run begins after this */
#define EXACT_LIMIT_MS 30000
#define CLOSE_MS 10000
#define STALL_MS 60000 /* pauses between tries grow to 30 s */

/* What mostly goes wrong, by turns: a few rounds take every way. */
enum theme { THEME_OFFSETS, THEME_KILLS, THEME_SINK, THEME_REFUSED };
#define THEMES (THEME_REFUSED + 1)

struct round {
    struct world world;
    struct world_dice dice;
    struct mr_app *app;
    bool exact;
    enum theme theme;
    bool repeats; /* partitions may be lost, or a load end fatally: rows may come twice */
    int64_t extra; /* budget beyond what the pipeline holds from its start */
    int64_t promised; /* of the latter, not charged */
};

static uint64_t
between(struct round *round, uint64_t least, uint64_t most)
{
    return least + world_draw(&round->dice) % (most - least + 1);
}

static void
draw_exact(struct round *round, uint64_t seed, struct world_options *options)
{
    struct world_chances *chances = &options->chances;
    round->theme = (enum theme)(seed % THEMES);
    round->repeats = false;
    options->exact = true;
    options->rebalances = (uint32_t)between(round, 2, 5);
    options->records = options->records / 2;
    options->refused = round->theme == THEME_REFUSED ? 500 : 0;
    *chances = (struct world_chances){.rebalance = 60, .partial = 2, .sql_refused = 30, .slow = 60,
                                      .lost = 2, .begin = 80, .load = 200, .registry = 20,
                                      .aborted = 40, .late = 3, .forgotten = 2, .offsets = 8,
                                      .evicted = 60, .moved = 60, .unread = 12};
    if (round->theme == THEME_OFFSETS) {
        chances->offsets = 2;
        chances->moved = 8;
        chances->evicted = 12;
    } else if (round->theme == THEME_SINK) {
        chances->aborted = 6;
        chances->cancelled = 80;
        chances->begin = 20;
        chances->load = 60;
    }
}

static void
draw_world(struct round *round, uint64_t seed)
{
    struct world_options options = {.seed = seed,
                                    .partitions = (uint32_t)between(round, 2, WORLD_PARTITIONS),
                                    .batch_most = (uint32_t)between(round, 12, 150),
                                    .rebalances = (uint32_t)between(round, 0, 8),
                                    .odd = world_one_in(&round->dice, 2) ? 400 : 0};
    options.records = (int64_t)(between(round, 4000, 14000) / options.partitions);
    options.chances = (struct world_chances){.rebalance = 60, .partial = 2, .commit_refused = 40,
                                             .sql_refused = 8, .slow = 20};
    if (world_one_in(&round->dice, 4))
        options.chances.rejected = 60;
    round->repeats = world_one_in(&round->dice, 2);
    options.chances.lost = round->repeats ? 2 : 0;
    options.chances.fatal = round->repeats && world_one_in(&round->dice, 2) ? 150 : 0;
    if (round->exact)
        draw_exact(round, seed, &options);
    world_open(&round->world, &options);
}

static void
draw_config(struct round *round)
{
    struct mr_config *config = &round->world.config;
    config->threads.workers = (int64_t)between(round, 2, 8);
    config->threads.loaders = (int64_t)between(round, 1, 4);
    config->flush.every_ms = (int64_t)between(round, 2, 40);
    config->flush.rows = (int64_t)between(round, 100, 4000);
    config->flush.depth = (int64_t)between(round, 1, 3);
    if (round->exact)
        config->flush.rows = (int64_t)between(round, 60, round->theme == THEME_OFFSETS ? 150 : 500);
    for (uint32_t i = 0; i < 2; i++)
        round->world.layout->rollups[i].max_keys = between(round, 60, 1500);
}

/* Between what one batch needs and what several units need. */
static void
draw_memory(struct round *round)
{
    const struct mr_app *app = round->app;
    uint32_t records = round->world.options.batch_most;
    size_t bytes = (size_t)records * 400 + 3000 * ((size_t)records / 8 + 2);
    int64_t batch = mr_fold_worst_bytes(app->fold, records, bytes) +
                    mr_rows_worst_bytes(app->layout, records, bytes,
                                        (size_t)app->config->quarantine.raw_bytes);
    round->extra = batch + (int64_t)between(round, 1 << 20, 17 << 20);
}

static void
start(struct round *round)
{
    struct mr_error error = {.rc = MR_OK};
    world_run_begin(&round->world);
    WORLD_NEED(mr_app_new(&round->world.config, round->world.plan, NULL, &round->app, &error) == MR_OK,
               "no app: %s", error.text);
    if (round->extra == 0)
        draw_memory(round);
    round->app->budget.limit += round->extra - mr_budget_left(&round->app->budget);
    round->promised = mr_budget_promised(&round->app->budget);
    WORLD_NEED(mr_app_start(round->app, &error) == MR_OK, "no start: %s", error.text);
}

static uint64_t
progress(const struct round *round)
{
    return atomic_load_explicit(&round->world.progress, memory_order_relaxed);
}

/* Until all is in, the app ended, or `stop_at` steps were made. */
static void
watch(struct round *round, uint64_t stop_at)
{
    uint64_t seen = progress(round);
    int64_t seen_ms = mr_clock_monotonic_ms();
    while (!world_all_in(&round->world) && !mr_app_ended(round->app) && progress(round) < stop_at) {
        mr_clock_sleep_ms(1);
        if (progress(round) != seen) {
            seen = progress(round);
            seen_ms = mr_clock_monotonic_ms();
        }
        WORLD_NEED(mr_clock_monotonic_ms() - seen_ms < STALL_MS, "nothing happens any more");
    }
}

static void
add_coverage(struct round *round, struct coverage *coverage)
{
    const struct mr_metrics *metrics = round->app->metrics;
    coverage->cut_memory += mr_metrics_get(metrics, MR_M_CUT_MEMORY);
    coverage->cut_keys += mr_metrics_get(metrics, MR_M_CUT_KEYS);
    coverage->cut_rows += mr_metrics_get(metrics, MR_M_CUT_ROWS);
    coverage->cut_time += mr_metrics_get(metrics, MR_M_CUT_TIME);
    coverage->cut_stop += mr_metrics_get(metrics, MR_M_CUT_STOP);
    coverage->paused_s += round->app->paused_s;
    double peak = (double)round->app->budget.peak / (double)round->app->budget.limit;
    coverage->peak = peak > coverage->peak ? peak : coverage->peak;
}

/* What an end leaves behind: nothing but the batch pool and the tables kept for the next units. */
static void
check_empty(struct round *round)
{
    struct mr_app *app = round->app;
    WORLD_NEED(!app->units && app->units_sealed == 0, "units are left");
    WORLD_NEED(mr_ring_count(app->free_batches) + (app->pending != NULL) == app->batch_count,
               "batches are missing");
    mr_fold_trim(app->fold);
    WORLD_NEED(mr_budget_used(&app->budget) == app->batch_fixed,
               "%lld bytes of memory are charged to nobody",
               (long long)(mr_budget_used(&app->budget) - app->batch_fixed));
    WORLD_NEED(mr_budget_promised(&app->budget) == round->promised,
               "%lld bytes of memory are promised to nobody",
               (long long)(mr_budget_promised(&app->budget) - round->promised));
}

/* A body that becomes JSON grows by the names of its columns, for which no room was kept. */
static void
check_peak(const struct round *round)
{
    const struct mr_budget *budget = &round->app->budget;
    int64_t names = round->world.options.odd ? (round->world.config.flush.depth + 2) << 20 : 0;
    WORLD_NEED(budget->peak <= budget->limit + names, "memory: peak %lld of %lld",
               (long long)budget->peak, (long long)budget->limit);
}

static void
stop(struct round *round, struct coverage *coverage)
{
    struct mr_error error = {.rc = MR_OK};
    int64_t start_ms = mr_clock_monotonic_ms();
    mr_app_stop(round->app);
    enum mr_rc rc = mr_app_join(round->app, &error);
    WORLD_NEED(mr_clock_monotonic_ms() - start_ms < STALL_MS, "the end takes too long");
    WORLD_NEED(rc == MR_OK || (rc == MR_STARROCKS && round->world.used_fatal), "ended with %s: %s",
               mr_rc_name(rc), error.text);
    WORLD_NEED(rc == MR_STARROCKS || !round->world.used_fatal, "a fatal load went unnoticed");
    check_peak(round);
    check_empty(round);
    add_coverage(round, coverage);
    mr_app_free(&round->app);
}

/* As if by kill -9: what the process did not get through by then never arrives. */
static void
drop(struct round *round, struct coverage *coverage)
{
    struct mr_error error = {.rc = MR_OK};
    int64_t start_ms = mr_clock_monotonic_ms();
    world_kill(&round->world);
    mr_app_stop(round->app);
    (void)mr_app_join(round->app, &error);
    WORLD_NEED(mr_clock_monotonic_ms() - start_ms < STALL_MS, "the drop takes too long");
    check_empty(round);
    add_coverage(round, coverage);
    mr_app_free(&round->app);
}

/* The chain in force closes its predecessors, once it has a unit in. */
static void
wait_for_close(struct round *round)
{
    int64_t start_ms = mr_clock_monotonic_ms();
    while (!world_registry_closed(&round->world)) {
        WORLD_NEED(mr_clock_monotonic_ms() - start_ms < CLOSE_MS, "the registry is never closed");
        mr_clock_sleep_ms(1);
    }
}

static void
add_tallies(struct world_tallies *sum, const struct world_tallies *add)
{
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)add;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
        to[i] += from[i];
}

static void
check_end(struct round *round)
{
    if (round->exact) {
        world_check_exact(&round->world);
        return;
    }
    world_check_rows(&round->world, round->repeats);
    if (!round->repeats)
        world_check_committed(&round->world);
}

static void
tell_round(const struct round *round, uint64_t seed, int64_t start_ms)
{
    const struct world_tallies *tallies = &round->world.tallies;
    printf("seed %llu%s: %u partitions, %lld workers, %lld loaders, %lld KiB: %llu loads, %llu runs, "
           "%llu+%llu rebalances, %lld ms\n",
           (unsigned long long)seed, round->exact ? " exact" : "", round->world.options.partitions,
           (long long)round->world.config.threads.workers,
           (long long)round->world.config.threads.loaders, (long long)round->extra >> 10,
           (unsigned long long)tallies->loads, (unsigned long long)tallies->runs,
           (unsigned long long)tallies->orderly, (unsigned long long)tallies->lost,
           (long long)(mr_clock_monotonic_ms() - start_ms));
    fflush(stdout);
}

/* One run of the world's process, to its orderly end or killed. */
static void
run_once(struct round *round, struct coverage *coverage)
{
    bool kills = round->exact && round->theme == THEME_KILLS;
    bool cut = kills ? round->world.run < 6 : world_one_in(&round->dice, 2);
    uint64_t steps = kills ? between(round, 20, 250) : between(round, 50, 1500);
    start(round);
    watch(round, cut ? progress(round) + steps : UINT64_MAX);
    bool all = world_all_in(&round->world);
    if (round->exact && all)
        wait_for_close(round);
    if (round->exact && !all && (kills || world_one_in(&round->dice, 2)))
        drop(round, coverage);
    else
        stop(round, coverage);
}

static void
run_round(uint64_t seed, bool exact, struct coverage *coverage)
{
    static struct round round;
    memset(&round, 0, sizeof round);
    round.dice.seed = seed;
    round.exact = exact;
    draw_world(&round, seed);
    draw_config(&round);
    mr_race_seed(seed);
    int64_t start_ms = mr_clock_monotonic_ms();
    do
        run_once(&round, coverage);
    while (!world_all_in(&round.world));
    check_end(&round);
    tell_round(&round, seed, start_ms);
    add_tallies(&coverage->tallies, &round.world.tallies);
    world_close(&round.world);
}

/* How many rounds were run. */
static uint64_t
run_rounds(uint64_t seed, uint64_t rounds, bool exact, int64_t limit_ms, struct coverage *coverage)
{
    int64_t start_ms = mr_clock_monotonic_ms();
    uint64_t done = 0;
    for (; done < rounds; done++) {
        if (done >= 2 * THEMES && mr_clock_monotonic_ms() - start_ms > limit_ms)
            break;
        run_round(seed + done, exact, coverage);
    }
    return done;
}

int
main(int argc, char **argv)
{
    static struct coverage coverage, exactly;
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t rounds = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    const char *level = getenv("STRESS_LOG");
    mr_log_setup(level ? MR_LOG_INFO : MR_LOG_ERROR, MR_LOG_TEXT);
    if (argc > 1) {
        (void)run_rounds(seed, rounds, argc > 3, INT64_MAX, argc > 3 ? &exactly : &coverage);
        (void)(argc > 3 ? covered_exact(&exactly) : covered(&coverage));
        return 0;
    }
    uint64_t done = run_rounds(1, ROUNDS, false, LIMIT_MS, &coverage);
    done += run_rounds(EXACT_SEED, EXACT_ROUNDS, true, EXACT_LIMIT_MS, &exactly);
    bool good = covered(&coverage), good_exactly = covered_exact(&exactly);
    printf("%llu rounds\n", (unsigned long long)done);
    if (!good || !good_exactly)
        fprintf(stderr, "some ways were never taken: the rounds have shown too little\n");
    return good && good_exactly ? 0 : 1;
}
