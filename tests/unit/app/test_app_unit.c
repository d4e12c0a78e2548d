/* Life of a unit: who hands it over, and what is left when it cannot be opened. */
#include "test.h"

#include <stdlib.h>

#include "app_case.h"
#include "millrace/base/race.h"

#define HOLDERS 6
#define ROUNDS 200
#define LEDGER_ROWS 1000

static void
open_case(struct app_case *c)
{
    const struct world_options options = {.records = 10};
    app_case_open(c, &options);
    app_case_build(c);
}

Test(app_unit, is_handed_over_by_the_last_holder_only)
{
    static struct app_case c;
    struct mr_unit *unit = NULL;
    open_case(&c);
    T_INT_EQ(mri_unit_open(c.app, &unit), MR_OK);
    T_INT_EQ(unit->number, 1);
    T_INT_EQ(atomic_load(&unit->in_flight), 1);
    atomic_fetch_add(&unit->in_flight, 2);
    mri_unit_release(c.app, unit);
    mri_unit_release(c.app, unit);
    T_INT_EQ(mr_ring_count(c.app->quiet_units), 0);
    mri_unit_release(c.app, unit);
    T_TRUE(mr_ring_pop_mpmc(c.app->quiet_units, 0) == unit);
    mri_unit_free(c.app, &unit);
    T_TRUE(!unit);
    app_case_close(&c);
}

struct holder {
    struct mr_app *app;
    struct mr_unit *unit;
    struct mr_thread thread;
    uint32_t number;
};

/* Writes what is its own, as a worker does, then lets go. */
static void
write_and_release(void *argument)
{
    struct holder *holder = argument;
    holder->unit->shares[holder->number].count = holder->number + 1;
    mr_race_point("test.release");
    mri_unit_release(holder->app, holder->unit);
}

static void
release_by_all(struct app_case *c, struct mr_unit *unit)
{
    struct holder holders[HOLDERS];
    atomic_store(&unit->in_flight, HOLDERS);
    for (uint32_t i = 0; i < HOLDERS; i++) {
        holders[i] = (struct holder){.app = c->app, .unit = unit, .number = i};
        T_INT_EQ(mr_thread_start(&holders[i].thread, "holder", write_and_release, &holders[i]),
                 MR_OK);
    }
    T_TRUE(mr_ring_pop_mpmc(c->app->quiet_units, 10000) == unit);
    for (uint32_t i = 0; i < HOLDERS; i++)
        T_INT_EQ(unit->shares[i].count, i + 1);
    for (uint32_t i = 0; i < HOLDERS; i++)
        mr_thread_join(&holders[i].thread);
    T_INT_EQ(mr_ring_count(c->app->quiet_units), 0);
}

Test(app_unit, is_handed_over_once_with_all_that_its_holders_wrote)
{
    static struct app_case c;
    struct mr_unit *unit = NULL;
    open_case(&c);
    T_INT_EQ(mri_unit_open(c.app, &unit), MR_OK);
    for (uint32_t i = 0; i < ROUNDS; i++)
        release_by_all(&c, unit);
    mri_unit_free(c.app, &unit);
    app_case_close(&c);
}

/* Takes all of the budget but so much. Returns what it took. */
static int64_t
leave_room(struct app_case *c, int64_t bytes)
{
    int64_t taken = mr_budget_left(&c->app->budget) - bytes;
    T_TRUE(mr_budget_promise(&c->app->budget, taken));
    return taken;
}

/* Again and again: each try gives back all that it had, apart from tables that are kept for the next
 * one. Then with the room that it lacked. */
static void
check_busy_without(struct app_case *c, int64_t room)
{
    struct mr_unit *unit = NULL;
    int64_t least = mri_unit_least_bytes(c->app);
    int64_t taken = leave_room(c, room);
    for (int i = 0; i < 3; i++) {
        T_INT_EQ(mri_unit_open(c->app, &unit), MR_BUSY);
        T_TRUE(!unit);
        mr_fold_trim(c->app->fold);
        T_INT_EQ(mr_budget_left(&c->app->budget), room);
        T_INT_EQ(mr_budget_used(&c->app->budget), c->app->batch_fixed);
    }
    mr_budget_release(&c->app->budget, least - room);
    T_INT_EQ(mri_unit_open(c->app, &unit), MR_OK);
    T_INT_EQ(unit->number, 1); /* those that were not opened have no number */
    T_INT_EQ(mr_budget_left(&c->app->budget), 0);
    mri_unit_free(c->app, &unit);
    mr_fold_trim(c->app->fold);
    T_INT_EQ(mr_budget_left(&c->app->budget), least);
    mr_budget_release(&c->app->budget, taken - (least - room));
}

Test(app_unit, without_room_for_its_tables_is_not_opened_until_room_comes_back)
{
    static struct app_case c;
    open_case(&c);
    check_busy_without(&c, mri_unit_least_bytes(c.app) - 1);
    app_case_close(&c);
}

Test(app_unit, without_room_for_its_ledger_rows_is_not_opened_until_room_comes_back)
{
    static struct app_case c;
    open_case(&c);
    for (int32_t i = 0; i < LEDGER_ROWS; i++) {
        const struct mr_span row = {.partition = i, .event_time_us = INT64_MIN};
        T_INT_EQ(mr_ledger_assign(c.app->ledger, &row), MR_OK);
    }
    int64_t rows = mr_harvest_ledger_bytes(c.app->layout, LEDGER_ROWS);
    T_TRUE(rows > mr_fold_least_bytes(c.app->fold)); /* for the tables alone there is room */
    check_busy_without(&c, rows - 1);
    app_case_close(&c);
}

Test(app_unit, is_not_opened_after_one_that_failed)
{
    static struct app_case c;
    struct mr_unit *first = NULL, *second = NULL;
    open_case(&c);
    T_INT_EQ(mri_unit_open(c.app, &first), MR_OK);
    mr_ledger_seal(c.app->ledger, first->number);
    mr_ledger_failed(c.app->ledger, first->number);
    T_INT_EQ(mri_unit_open(c.app, &second), MR_STOPPED);
    T_TRUE(!second);
    mri_unit_free(c.app, &first);
    mr_fold_trim(c.app->fold);
    T_INT_EQ(mr_budget_used(&c.app->budget), c.app->batch_fixed);
    app_case_close(&c);
}

Test(app_unit, chains_are_never_drawn_twice_and_hold_only_what_a_label_may_hold)
{
    static struct app_case c;
    char seen[16][MR_CHAIN_CHARS + 1];
    open_case(&c);
    for (size_t i = 0; i < MR_ARRAY_LEN(seen); i++) {
        memcpy(seen[i], c.app->chain, sizeof seen[i]);
        T_INT_EQ(strlen(seen[i]), MR_CHAIN_CHARS);
        T_INT_EQ(strspn(seen[i], "abcdefghijklmnopqrstuvwxyz234567"), MR_CHAIN_CHARS);
        for (size_t k = 0; k < i; k++)
            T_TRUE(strcmp(seen[i], seen[k]) != 0);
        mr_app_free(&c.app);
        app_case_build(&c);
    }
    app_case_close(&c);
}
