/* Order of loads, and units that are given up: units made by hand, loaders of the app. */
#include "test.h"

#include <stdio.h>

#include "app_case.h"
#include "millrace/base/clock.h"

static void
open_case(struct app_case *c, int64_t loaders)
{
    const struct world_options options = {.records = 10};
    app_case_open(c, &options);
    c->world.config.threads.loaders = loaders;
    app_case_build_script(c);
}

static void
close_case(struct app_case *c)
{
    app_case_join_loaders(c);
    T_TRUE(!c->app->units);
    mr_fold_trim(c->app->fold);
    T_INT_EQ(mr_budget_used(&c->app->budget), c->app->batch_fixed);
    app_case_close(c);
}

static bool
five_loads(struct app_case *c)
{
    pthread_mutex_lock(&c->world.lock);
    uint32_t count = c->world.log_count;
    pthread_mutex_unlock(&c->world.lock);
    return count == 5;
}

static bool
first_detail_begun(struct app_case *c)
{
    return atomic_load(&c->script.begun[1][WORLD_DETAIL]) > 0;
}

static bool
first_ledger_begun(struct app_case *c)
{
    return atomic_load(&c->script.begun[1][WORLD_LEDGER]) > 0;
}

Test(app_land, ledger_rows_come_after_all_data_of_their_unit_and_in_the_order_of_units)
{
    static struct app_case c;
    open_case(&c, 3);
    atomic_store(&c.script.held[1][WORLD_DETAIL], true);
    for (uint64_t i = 1; i <= 3; i++)
        mri_land(c.app, app_case_unit(&c));
    app_case_start_loaders(&c);
    app_case_wait(&c, five_loads); /* all data but the held body, of three units */
    mr_clock_sleep_ms(30);
    for (uint64_t i = 1; i <= 3; i++)
        T_INT_EQ(app_case_place(&c, WORLD_LEDGER, i), 0);
    atomic_store(&c.script.held[1][WORLD_DETAIL], false);
    app_case_wait(&c, app_case_landed);
    T_INT_EQ(app_case_place(&c, WORLD_DETAIL, 1), 6);
    for (uint64_t i = 1; i <= 3; i++) {
        T_INT_EQ(app_case_place(&c, WORLD_LEDGER, i), 6 + i);
        T_INT_EQ(mr_ledger_state(c.app->ledger, i), MR_UNIT_LOADED);
    }
    T_INT_EQ(c.app->landed_records, 30);
    close_case(&c);
}

Test(app_land, given_up_units_end_at_once_and_load_nothing_more)
{
    static struct app_case c;
    open_case(&c, 1);
    atomic_store(&c.script.held[1][WORLD_DETAIL], true);
    for (int i = 0; i < 2; i++)
        mri_land(c.app, app_case_unit(&c));
    app_case_start_loaders(&c);
    app_case_wait(&c, first_detail_begun);
    mri_land_give_up(c.app);
    app_case_wait(&c, app_case_landed);
    T_INT_EQ(atomic_load(&c.script.begun[1][WORLD_LEDGER]), 0);
    for (int table = 0; table < WORLD_TABLES; table++)
        T_INT_EQ(atomic_load(&c.script.begun[2][table]), 0);
    T_INT_EQ(c.app->landed_records, 0);
    T_INT_EQ(app_case_metric(&c, MR_M_UNITS_FAILED), 2);
    close_case(&c);
}

Test(app_land, units_of_the_next_assignment_land_behind_those_that_were_given_up)
{
    static struct app_case c;
    const struct mr_span row = {.end = 10, .event_time_us = INT64_MIN};
    open_case(&c, 2);
    mri_land(c.app, app_case_unit(&c));
    mri_land_give_up(c.app);
    T_INT_EQ(mr_ledger_assign(c.app->ledger, &row), MR_OK);
    mri_land(c.app, app_case_unit(&c));
    app_case_start_loaders(&c);
    app_case_wait(&c, app_case_landed);
    T_INT_EQ(atomic_load(&c.script.begun[1][WORLD_BY_KEY]), 0);
    T_INT_EQ(app_case_place(&c, WORLD_LEDGER, 2), 3);
    T_INT_EQ(mr_ledger_state(c.app->ledger, 2), MR_UNIT_LOADED);
    close_case(&c);
}

Test(app_land, ledger_rows_that_come_in_after_the_unit_was_given_up_count_for_nothing)
{
    static struct app_case c;
    open_case(&c, 1);
    atomic_store(&c.script.held[1][WORLD_LEDGER], true);
    mri_land(c.app, app_case_unit(&c));
    app_case_start_loaders(&c);
    app_case_wait(&c, first_ledger_begun);
    mri_land_give_up(c.app);
    app_case_wait(&c, app_case_landed);
    T_INT_EQ(c.app->landed_records, 0);
    T_INT_EQ(mr_ledger_state(c.app->ledger, 1), MR_UNIT_FAILED);
    close_case(&c);
}

Test(app_land, a_unit_whose_partitions_went_away_after_it_was_counted_is_not_loaded)
{
    static struct app_case c;
    open_case(&c, 2);
    struct mr_unit *unit = app_case_unit(&c);
    mri_land_give_up(c.app); /* the unit is in no list yet */
    mri_land(c.app, unit);
    app_case_start_loaders(&c);
    app_case_wait(&c, app_case_landed);
    T_INT_EQ(c.world.log_count, 0);
    T_INT_EQ(app_case_metric(&c, MR_M_UNITS_FAILED), 1);
    close_case(&c);
}

static bool
last_unit_begun(struct app_case *c)
{
    return atomic_load(&c->script.begun[4][WORLD_BY_KEY]) > 0;
}

Test(app_land, after_a_unit_that_failed_no_later_ledger_rows_are_loaded)
{
    static struct app_case c;
    open_case(&c, 2);
    c.script.outcome[2][WORLD_DETAIL] = MR_OUTCOME_FATAL;
    atomic_store(&c.script.held[2][WORLD_DETAIL], true);
    atomic_store(&c.script.held[4][WORLD_BY_KEY], true); /* never let go: it is given up */
    for (int i = 0; i < 4; i++)
        mri_land(c.app, app_case_unit(&c));
    app_case_start_loaders(&c);
    app_case_wait(&c, last_unit_begun);
    mr_clock_sleep_ms(30); /* the third unit's data is in */
    atomic_store(&c.script.held[2][WORLD_DETAIL], false);
    app_case_wait(&c, app_case_landed);
    T_TRUE(app_case_place(&c, WORLD_LEDGER, 1) > 0);
    T_INT_EQ(atomic_load(&c.script.begun[2][WORLD_LEDGER]), 0);
    T_INT_EQ(atomic_load(&c.script.begun[3][WORLD_LEDGER]), 0);
    T_INT_EQ(atomic_load(&c.script.begun[4][WORLD_LEDGER]), 0);
    T_INT_EQ(c.app->landed_records, 10);
    T_TRUE(atomic_load(&c.app->failed));
    T_INT_EQ(c.app->failure.rc, MR_STARROCKS);
    T_TRUE_MSG(strstr(c.app->failure.text, "\"events\"") != NULL, "%s", c.app->failure.text);
    close_case(&c);
}

Test(app_land, rows_that_the_server_refuses_do_not_hold_up_the_ledger_rows_of_earlier_units)
{
    static struct app_case c;
    open_case(&c, 1); /* which will be busy with the refused body for good */
    c.script.outcome[2][WORLD_BY_KEY] = MR_OUTCOME_REJECTED;
    atomic_store(&c.script.held[1][WORLD_LEDGER], true);
    for (int i = 0; i < 2; i++)
        mri_land(c.app, app_case_unit(&c));
    app_case_start_loaders(&c);
    app_case_wait(&c, first_ledger_begun);
    T_INT_EQ(atomic_load(&c.script.begun[2][WORLD_BY_KEY]), 0);
    mri_land_give_up(c.app);
    app_case_wait(&c, app_case_landed);
    close_case(&c);
}

Test(app_land, refused_rows_are_sent_again_under_the_same_label)
{
    static struct app_case c;
    open_case(&c, 1);
    c.script.outcome[1][WORLD_DETAIL] = MR_OUTCOME_REJECTED;
    mri_land(c.app, app_case_unit(&c));
    app_case_start_loaders(&c);
    app_case_wait(&c, first_detail_begun);
    while (!(atomic_load(&c.script.begun[1][WORLD_DETAIL]) > 1))
        mr_clock_sleep_ms(1);
    mri_land_give_up(c.app);
    app_case_wait(&c, app_case_landed);
    T_INT_EQ(c.world.log[1].table, WORLD_DETAIL);
    T_INT_EQ(c.world.log[2].table, WORLD_DETAIL);
    T_STR_EQ(c.world.log[2].label, c.world.log[1].label);
    close_case(&c);
}

static void
drop_targets(struct mr_unit *unit)
{
    for (uint32_t i = 0; i < unit->target_count; i++)
        mr_body_fini(&unit->targets[i].body);
    unit->targets[0] = unit->targets[unit->target_count];
    unit->targets[unit->target_count] = (struct mr_target){.kind = MR_TARGET_ROLLUP};
    unit->target_count = 0;
}

Test(app_land, a_unit_of_tombstones_alone_has_ledger_rows_only)
{
    static struct app_case c;
    open_case(&c, 1);
    struct mr_unit *unit = app_case_unit(&c);
    drop_targets(unit);
    mri_land(c.app, unit);
    app_case_start_loaders(&c);
    app_case_wait(&c, app_case_landed);
    T_INT_EQ(c.world.log_count, 1);
    T_INT_EQ(app_case_place(&c, WORLD_LEDGER, 1), 1);
    T_INT_EQ(mr_ledger_state(c.app->ledger, 1), MR_UNIT_LOADED);
    close_case(&c);
}

Test(app_land, a_unit_that_took_nothing_is_not_sent)
{
    static struct app_case c;
    open_case(&c, 1);
    struct mr_unit *unit = app_case_unit(&c);
    drop_targets(unit);
    mr_body_fini(&unit->targets[0].body);
    unit->targets[0].body.rows = 0;
    mri_land(c.app, unit);
    app_case_start_loaders(&c);
    app_case_wait(&c, app_case_landed);
    T_INT_EQ(c.world.log_count, 0);
    close_case(&c);
}

Test(app_land, labels_fit_with_the_longest_names_and_a_number_of_thirteen_digits)
{
    static struct app_case c;
    static char pipeline[33], table[65];
    const struct world_options options = {.records = 10};
    memset(pipeline, 'p', 32);
    memset(table, 't', 64);
    app_case_open(&c, &options);
    mr_plan_free(&c.world.plan);
    c.world.config.pipeline = pipeline;
    c.world.config.detail.table = table;
    T_INT_EQ(mr_plan_new(&c.world.config, &c.world.mistakes, &c.world.plan), MR_OK);
    c.world.layout = mr_plan_layout(c.world.plan);
    app_case_build_script(&c);
    mri_land(c.app, app_case_unit(&c));
    app_case_start_loaders(&c);
    app_case_wait(&c, app_case_landed);
    uint32_t place = app_case_place(&c, WORLD_DETAIL, 1);
    T_TRUE(place > 0);
    T_INT_EQ(strlen(c.world.log[place - 1].label), 128 - 12);
    close_case(&c);
}
