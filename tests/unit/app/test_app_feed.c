/* The feed thread, by runs of the whole pipeline: why it cuts, how it commits, how it ends. */
#include "test.h"

#include <stdio.h>

#include "app_case.h"
#include "millrace/base/clock.h"

#define HOUR_MS 3600000

static bool
committed_some(struct app_case *c)
{
    return mr_app_committed_records(c->app) > 0;
}

/* Runs until `done`, then to the orderly end; what is in is committed. */
static void
run_until(struct app_case *c, bool (*done)(struct app_case *c))
{
    app_case_start(c);
    app_case_wait(c, done);
    mr_app_stop(c->app);
    T_INT_EQ(app_case_join(c), MR_OK);
    world_check_committed(&c->world);
}

static void
check_clean(struct app_case *c)
{
    T_TRUE(!c->app->units && !c->app->open);
    T_INT_EQ(c->app->units_sealed, 0);
    mr_fold_trim(c->app->fold);
    T_INT_EQ(mr_budget_used(&c->app->budget), c->app->batch_fixed);
}

/* Only the named cause, and the cut of the end. */
static void
check_cause(struct app_case *c, enum mr_metric cause)
{
    static const enum mr_metric causes[] = {MR_M_CUT_ROWS, MR_M_CUT_BYTES, MR_M_CUT_KEYS,
                                            MR_M_CUT_TIME, MR_M_CUT_MEMORY};
    for (size_t i = 0; i < MR_ARRAY_LEN(causes); i++)
        T_TRUE_MSG((app_case_metric(c, causes[i]) > 0) == (causes[i] == cause),
                   "cause %zu was counted %.0f times", i, app_case_metric(c, causes[i]));
    check_clean(c);
}

static void
open_patient(struct app_case *c, int64_t records)
{
    const struct world_options options = {.records = records, .seed = 7};
    app_case_open(c, &options);
    c->world.config.flush.every_ms = HOUR_MS;
}

Test(app_feed, cuts_by_rows)
{
    static struct app_case c;
    open_patient(&c, 1000);
    c.world.config.flush.rows = 150;
    app_case_build(&c);
    run_until(&c, committed_some);
    check_cause(&c, MR_M_CUT_ROWS);
    app_case_close(&c);
}

Test(app_feed, cuts_by_bytes)
{
    static struct app_case c;
    open_patient(&c, 1000);
    c.world.config.flush.bytes = 20000;
    app_case_build(&c);
    run_until(&c, committed_some);
    check_cause(&c, MR_M_CUT_BYTES);
    app_case_close(&c);
}

Test(app_feed, cuts_by_keys)
{
    static struct app_case c;
    open_patient(&c, 1000);
    c.world.layout->rollups[0].max_keys = 60;
    app_case_build(&c);
    run_until(&c, committed_some);
    check_cause(&c, MR_M_CUT_KEYS);
    app_case_close(&c);
}

Test(app_feed, cuts_by_time)
{
    static struct app_case c;
    open_patient(&c, 1000);
    c.world.config.flush.every_ms = 10;
    app_case_build(&c);
    run_until(&c, app_case_all_in);
    check_cause(&c, MR_M_CUT_TIME);
    world_check_rows(&c.world, false);
    app_case_close(&c);
}

Test(app_feed, cuts_by_memory_and_pauses)
{
    static struct app_case c;
    open_patient(&c, 2000);
    app_case_build(&c);
    c.app->budget.limit = c.app->batch_fixed + ((int64_t)6 << 20);
    run_until(&c, committed_some);
    check_cause(&c, MR_M_CUT_MEMORY);
    T_TRUE(c.app->paused_s > 0);
    T_TRUE(c.app->budget.peak <= c.app->budget.limit);
    app_case_close(&c);
}

static bool
took_some(struct app_case *c)
{
    pthread_mutex_lock(&c->app->units_lock);
    bool open = c->app->newest_record_us != 0;
    pthread_mutex_unlock(&c->app->units_lock);
    return open;
}

Test(app_feed, the_orderly_end_cuts_loads_and_commits_what_was_taken)
{
    static struct app_case c;
    open_patient(&c, 5000);
    app_case_build(&c);
    run_until(&c, took_some);
    T_INT_EQ(app_case_metric(&c, MR_M_CUT_STOP), 1);
    T_TRUE(mr_app_committed_records(c.app) > 0);
    check_cause(&c, MR_METRIC_COUNT);
    app_case_close(&c);
}

Test(app_feed, refused_commits_are_repeated_and_units_are_counted_not_commits)
{
    static struct app_case c;
    const struct world_options options = {.records = 3000, .seed = 8, .batch_most = 30,
                                          .commits_refused = 2};
    app_case_open(&c, &options);
    app_case_build(&c);
    run_until(&c, app_case_all_in);
    T_INT_EQ(app_case_metric(&c, MR_M_COMMITS_FAILED), 2);
    T_TRUE(app_case_metric(&c, MR_M_COMMITS) < app_case_metric(&c, MR_M_UNITS_DONE));
    T_INT_EQ(app_case_metric(&c, MR_M_UNITS_DONE), c.world.ledger_unit);
    T_INT_EQ(app_case_metric(&c, MR_M_UNITS_FAILED), 0);
    T_INT_EQ(mr_app_committed_records(c.app), app_case_metric(&c, MR_M_RECORDS));
    world_check_rows(&c.world, false);
    check_clean(&c);
    app_case_close(&c);
}

static bool
not_ready_for(struct app_case *c, const char *words)
{
    struct mr_status_probes probes = mri_report_probes(c->app);
    const char *reason = "";
    return !probes.ready(probes.context, &reason) && strstr(reason, words) != NULL;
}

static bool
table_is_missing(struct app_case *c)
{
    return not_ready_for(c, "table \"events\" is missing");
}

static bool
topic_is_missing(struct app_case *c)
{
    return not_ready_for(c, "topic \"even\" is missing");
}

static void
check_stop_while(const struct world_options *options, bool (*waiting)(struct app_case *c))
{
    static struct app_case c;
    app_case_open(&c, options);
    app_case_build(&c);
    app_case_start(&c);
    app_case_wait(&c, waiting);
    int64_t start_ms = mr_clock_monotonic_ms();
    mr_app_stop(c.app);
    T_INT_EQ(app_case_join(&c), MR_OK);
    T_TRUE(mr_clock_monotonic_ms() - start_ms < 2000);
    check_clean(&c);
    app_case_close(&c);
}

Test(app_feed, stops_at_once_while_it_waits_for_tables)
{
    const struct world_options options = {.records = 10, .tables_refused = UINT32_MAX};
    check_stop_while(&options, table_is_missing);
}

Test(app_feed, stops_at_once_while_it_waits_for_topics)
{
    const struct world_options options = {.records = 10, .topics_refused = UINT32_MAX};
    check_stop_while(&options, topic_is_missing);
}

Test(app_feed, goes_on_by_itself_once_tables_and_topics_are_there)
{
    static struct app_case c;
    const struct world_options options = {.records = 500, .tables_refused = 2, .topics_refused = 1};
    app_case_open(&c, &options);
    app_case_build(&c);
    run_until(&c, app_case_all_in);
    T_STR_EQ(c.app->trouble, "");
    app_case_close(&c);
}

/* An error of the source: what was taken before is in and committed. */
static void
check_source_error(const struct world_options *options, const char *words)
{
    static struct app_case c;
    app_case_open(&c, options);
    app_case_build(&c);
    app_case_start(&c);
    app_case_wait(&c, app_case_ended);
    T_INT_EQ(app_case_join(&c), MR_STOPPED);
    T_TRUE_MSG(strstr(c.error.text, words) != NULL, "%s", c.error.text);
    T_TRUE(strstr(c.app->trouble, words) != NULL);
    T_TRUE(mr_app_committed_records(c.app) > 0);
    T_INT_EQ(mr_app_committed_records(c.app), app_case_metric(&c, MR_M_RECORDS));
    world_check_committed(&c.world);
    check_clean(&c);
    app_case_close(&c);
}

Test(app_feed, an_error_of_the_source_ends_the_run_with_all_that_was_taken_committed)
{
    const struct world_options options = {.records = 3000, .batch_most = 50,
                                          .fill_fails = MR_STOPPED, .fill_fails_at = 1500};
    check_source_error(&options, "the world's end");
}

Test(app_feed, an_error_at_the_moment_of_a_stop_is_still_an_error)
{
    const struct world_options options = {.records = 3000, .batch_most = 50,
                                          .fill_fails = MR_STOPPED, .fill_fails_at = 1500,
                                          .fill_fails_at_stop = true};
    check_source_error(&options, "the world's end");
}

Test(app_feed, an_offset_that_comes_twice_ends_the_run_before_it_is_counted)
{
    static struct app_case c;
    const struct world_options options = {.records = 3000, .batch_most = 50, .step_back_at = 1500};
    app_case_open(&c, &options);
    app_case_build(&c);
    app_case_start(&c);
    app_case_wait(&c, app_case_ended);
    T_INT_EQ(app_case_join(&c), MR_STOPPED);
    T_TRUE_MSG(strstr(c.error.text, "twice") != NULL, "%s", c.error.text);
    for (uint32_t i = 0; i < options.partitions; i++)
        for (int64_t o = 0; o < options.records; o++)
            T_TRUE(c.world.detail_count[i][o] <= 1);
    check_clean(&c);
    app_case_close(&c);
}

Test(app_feed, too_little_memory_for_one_batch_is_said_with_its_size)
{
    static struct app_case c;
    const struct world_options options = {.records = 100};
    app_case_open(&c, &options);
    app_case_build(&c);
    c.app->budget.limit += 1000 - mr_budget_left(&c.app->budget);
    app_case_start(&c);
    app_case_wait(&c, app_case_ended);
    T_INT_EQ(app_case_join(&c), MR_MEMORY);
    T_TRUE_MSG(strstr(c.error.text, "memory has 1000 left") != NULL, "%s", c.error.text);
    check_clean(&c);
    app_case_close(&c);
}

/* Opens as many units as the pool keeps and gives them back. */
static void
fill_pool(struct mr_fold *fold)
{
    struct mr_fold_unit *units[4];
    for (size_t i = 0; i < MR_ARRAY_LEN(units); i++)
        T_INT_EQ(mr_fold_unit_open(fold, &units[i]), MR_OK);
    for (size_t i = 0; i < MR_ARRAY_LEN(units); i++)
        mr_fold_unit_retire(fold, &units[i]);
}

Test(app_feed, memory_kept_for_later_units_does_not_end_the_run)
{
    static struct app_case c;
    const struct world_options options = {.records = 200, .batch_most = 1};
    app_case_open(&c, &options);
    app_case_build(&c);
    int64_t batch = mr_fold_worst_bytes(c.app->fold, 1, 3010) +
                    mr_rows_worst_bytes(c.app->layout, 1, 3010, 512);
    fill_pool(c.app->fold);
    int64_t kept = mr_budget_used(&c.app->budget) - c.app->batch_fixed;
    T_TRUE(kept >= 4 * 65536);
    int64_t unit = mr_harvest_ledger_bytes(c.app->layout, WORLD_PARTITIONS * WORLD_TOPICS) +
                   (int64_t)(c.app->layout->rollup_count * MR_BODY_LEAST);
    c.app->budget.limit += batch + unit + 1024 - (mr_budget_left(&c.app->budget) + kept * 3 / 4);
    app_case_start(&c);
    app_case_wait(&c, committed_some);
    mr_app_stop(c.app);
    T_INT_EQ(app_case_join(&c), MR_OK);
    check_clean(&c);
    app_case_close(&c);
}

/* Fails for good, but not before the orderly end has begun. */
static enum mr_outcome
fail_at_the_end(struct world *world, enum world_table table, uint64_t unit,
                const _Atomic bool *give_up)
{
    const struct app_case *c = world->options.context;
    (void)unit;
    while (!atomic_load(&c->app->stopping) && !atomic_load(give_up))
        mr_clock_sleep_ms(1);
    return table == WORLD_DETAIL ? MR_OUTCOME_FATAL : MR_OUTCOME_DONE;
}

Test(app_feed, a_load_that_fails_for_good_during_the_orderly_end_is_an_error)
{
    static struct app_case c;
    const struct world_options options = {.records = 1000, .decide = fail_at_the_end, .context = &c};
    app_case_open(&c, &options);
    app_case_build(&c);
    app_case_start(&c);
    app_case_wait(&c, took_some);
    mr_clock_sleep_ms(30);
    mr_app_stop(c.app);
    T_INT_EQ(app_case_join(&c), MR_STARROCKS);
    T_TRUE_MSG(strstr(c.error.text, "\"events\"") != NULL, "%s", c.error.text);
    for (uint32_t i = 0; i < c.world.options.partitions; i++)
        T_TRUE(!c.world.ledger[i].there && c.world.committed[i] == -1);
    check_clean(&c);
    app_case_close(&c);
}

Test(app_feed, an_assignment_that_was_refused_leaves_nothing_in_the_ledger)
{
    static struct app_case c;
    const struct world_options options = {.records = 300, .flood = true};
    app_case_open(&c, &options);
    app_case_build(&c);
    run_until(&c, app_case_all_in);
    app_case_close(&c);
}

/* Every load is refused for now, until the partitions are lost. */
static enum mr_outcome
refuse(struct world *world, enum world_table table, uint64_t unit, const _Atomic bool *give_up)
{
    (void)table;
    (void)unit;
    (void)give_up;
    return world->tallies.lost > 0 ? MR_OUTCOME_DONE : MR_OUTCOME_REJECTED;
}

Test(app_feed, a_loss_of_partitions_ends_loads_that_the_server_refuses)
{
    static struct app_case c;
    const struct world_options options = {.records = 400, .decide = refuse, .rebalances = 1,
                                          .chances = {.rebalance = 50, .lost = 1}};
    app_case_open(&c, &options);
    app_case_build(&c);
    run_until(&c, app_case_all_in);
    T_TRUE(app_case_metric(&c, MR_M_UNITS_FAILED) > 0);
    check_clean(&c);
    app_case_close(&c);
}
