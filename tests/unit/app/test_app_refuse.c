/* Events that only the server refuses: found by halves, sent to quarantine with reason `load`. The world
 * refuses the COMMIT of a unit that has such a row, and demands each row once, in the right table. */
#include "test.h"

#include <stdio.h>

#include "app/exact_priv.h"
#include "app_case.h"
#include "millrace/base/clock.h"

#define ROWS 10000

static struct app_case c;
static int64_t first_event, last_event; /* offsets of the only partition */

static bool
no_row(uint32_t partition, int64_t offset)
{
    (void)partition;
    (void)offset;
    return false;
}

static bool
one_row(uint32_t partition, int64_t offset)
{
    (void)partition;
    return offset == 6543;
}

static bool
outer_rows(uint32_t partition, int64_t offset)
{
    (void)partition;
    return offset == first_event || offset == last_event;
}

static bool
several_rows(uint32_t partition, int64_t offset)
{
    (void)partition;
    return offset % 1000 < 7;
}

static bool
every_row(uint32_t partition, int64_t offset)
{
    (void)partition;
    (void)offset;
    return true;
}

static void
open_case(bool (*refuses)(uint32_t partition, int64_t offset), uint32_t odd)
{
    const struct world_options options = {.exact = true, .records = ROWS, .partitions = 1,
                                          .batch_most = 1000, .odd = odd, .refuses = no_row,
                                          .seed = 3};
    app_case_open(&c, &options);
    first_event = 0;
    last_event = ROWS - 1;
    while (world_record_at(&c.world, 0, first_event).kind != WORLD_EVENT)
        first_event++;
    while (world_record_at(&c.world, 0, last_event).kind != WORLD_EVENT)
        last_event--;
    world_refuse(&c.world, refuses);
    app_case_one_unit(&c);
}

static uint32_t
refused_rows(void)
{
    uint32_t count = 0;
    for (int64_t offset = 0; offset < ROWS; offset++)
        count += world_record_at(&c.world, 0, offset).kind == WORLD_REFUSED;
    return count;
}

static void
check_found(bool (*refuses)(uint32_t partition, int64_t offset), uint32_t odd, uint64_t trials)
{
    open_case(refuses, odd);
    app_case_build(&c);
    app_case_run_exact(&c);
    T_TRUE(refused_rows() > 0);
    T_INT_EQ(c.world.tallies.refused, 1);
    T_INT_EQ(c.world.tallies.replays, 1);
    T_INT_EQ(app_case_metric(&c, MR_M_REJECT_load), refused_rows());
    T_TRUE_MSG(c.world.tallies.trials <= trials, "%llu trials",
               (unsigned long long)c.world.tallies.trials);
    T_TRUE((c.world.tallies.odd_trials > 0) == (odd > 0));
    app_case_close(&c);
}

Test(app_refuse, finds_one_row_among_ten_thousand)
{
    check_found(one_row, 0, 2 * 14 + 4);
}

Test(app_refuse, finds_the_first_row_and_the_last)
{
    check_found(outer_rows, 0, 4 * 14 + 4);
}

Test(app_refuse, finds_several_rows)
{
    check_found(several_rows, 0, 2 * 14 * 70);
}

Test(app_refuse, finds_rows_of_a_body_that_is_JSON)
{
    check_found(several_rows, 300, 2 * 14 * 70);
}

Test(app_refuse, the_labels_of_the_search_count_for_the_server_s_memory_of_labels)
{
    open_case(one_row, 0);
    app_case_build(&c);
    app_case_run_exact(&c);
    uint64_t units = app_case_count(&c, MR_STEP_BEGIN, 0);
    uint64_t registry =
        app_case_count(&c, MR_STEP_ANNOUNCE, 0) + app_case_count(&c, MR_STEP_CLOSE, 0);
    T_TRUE(c.world.tallies.trials > 0);
    T_INT_EQ(atomic_load(&c.app->labels), units + registry + c.world.tallies.trials);
    app_case_close(&c);
}

static bool
refused_twice(struct app_case *unused)
{
    (void)unused;
    pthread_mutex_lock(&c.world.lock);
    bool twice = c.world.tallies.refused >= 2;
    pthread_mutex_unlock(&c.world.lock);
    return twice;
}

Test(app_refuse, a_table_that_does_not_fit_sends_nothing_to_quarantine)
{
    open_case(every_row, 0);
    app_case_build(&c);
    app_case_start(&c);
    app_case_wait(&c, refused_twice);
    mr_app_stop(c.app);
    T_INT_EQ(app_case_join(&c), MR_OK);
    T_TRUE(mri_refuse_noted(c.app) == NULL);
    T_INT_EQ(c.world.tallies.committed, 0);
    T_INT_EQ(app_case_metric(&c, MR_M_REJECT_load), 0);
    T_TRUE(c.world.tallies.trials <= 8 * c.world.tallies.refused); /* samples, no search */
    app_case_close(&c);
}

Test(app_refuse, a_noted_offset_is_asked_by_topic_partition_and_offset)
{
    open_case(one_row, 0);
    app_case_build(&c);
    app_case_run_exact(&c);
    const struct mri_refusals *noted = mri_refuse_noted(c.app);
    struct mr_record record = {.topic = 0, .partition = 0, .offset = 6543};
    struct mr_reject_info info = {.reason = MR_REJECT_NONE};
    T_TRUE(noted != NULL);
    T_TRUE(mri_refuse_ask(noted, &record, &info));
    T_INT_EQ(info.reason, MR_REJECT_load);
    T_TRUE_MSG(strstr(info.message, "rows of http://world/rows") != NULL, "%s", info.message);
    record.offset++;
    T_TRUE(!mri_refuse_ask(noted, &record, &info));
    record = (struct mr_record){.topic = 1, .partition = 0, .offset = 6543};
    T_TRUE(!mri_refuse_ask(noted, &record, &info));
    record = (struct mr_record){.topic = 0, .partition = 1, .offset = 6543};
    T_TRUE(!mri_refuse_ask(noted, &record, &info));
    app_case_close(&c);
}

#define NOTED_AT_ONCE 256

/* A run of offsets that are refused, in the order in which a search finds them. */
static void
note_from(int64_t offset)
{
    static struct mri_refused rows[NOTED_AT_ONCE];
    for (int64_t i = 0; i < NOTED_AT_ONCE; i++)
        rows[i] = (struct mri_refused){.at = {.offset = offset + i}};
    mri_refuse_note(c.app, rows, NOTED_AT_ONCE);
}

static uint32_t
known_from(int64_t offset)
{
    uint32_t known = 0;
    for (int64_t i = 0; i < NOTED_AT_ONCE; i++) {
        const struct mr_record record = {.offset = offset + i};
        struct mr_reject_info info;
        known += mri_refuse_ask(mri_refuse_noted(c.app), &record, &info);
    }
    return known;
}

Test(app_refuse, when_too_many_offsets_are_noted_the_oldest_leave_whatever_their_place)
{
    enum { RUNS = MRI_NOTED_MAX / NOTED_AT_ONCE };
    open_case(no_row, 0);
    app_case_build(&c);
    for (int64_t run = 0; run < RUNS; run++) /* each below the one before */
        note_from((RUNS - run) * 1000);
    T_INT_EQ(known_from(RUNS * 1000), NOTED_AT_ONCE);
    note_from(500000);
    T_INT_EQ(known_from(RUNS * 1000), 0);
    for (int64_t run = 1; run < RUNS; run++)
        T_INT_EQ(known_from((RUNS - run) * 1000), NOTED_AT_ONCE);
    T_INT_EQ(known_from(500000), NOTED_AT_ONCE);
    note_from(0);
    T_INT_EQ(known_from((RUNS - 1) * 1000), 0);
    T_INT_EQ(known_from(0), NOTED_AT_ONCE);
    app_case_close(&c);
}

static _Atomic bool lost;

/* The place in the group is lost while the first COMMIT is under way, which is then refused. */
static bool
lose_under_commit(struct world *world, const struct world_event *event, const _Atomic bool *give_up,
                  enum mr_outcome *ret_outcome)
{
    *ret_outcome = MR_OUTCOME_REJECTED;
    if (event->kind != MR_STEP_COMMIT || atomic_exchange(&lost, true))
        return false;
    world_abort(world, &event->chain, event->n);
    atomic_store(&world->lost_now, true);
    while (!atomic_load(give_up))
        mr_clock_sleep_ms(1);
    mr_clock_sleep_ms(100);
    return true;
}

Test(app_refuse, a_search_that_begins_after_its_place_was_lost_still_has_its_rows)
{
    open_case(one_row, 0);
    c.world.options.txn = lose_under_commit;
    app_case_build(&c);
    app_case_run_exact(&c);
    T_INT_EQ(c.world.tallies.lost, 1);
    T_INT_EQ(app_case_metric(&c, MR_M_REJECT_load), 1);
    app_case_close(&c);
}
