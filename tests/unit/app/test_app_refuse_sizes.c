/* The search for refused rows where one row is many times as large as all others: its chunk is its
 * own, and the halves by rows are no halves by bytes. The body is made by hand; the world refuses a
 * trial that has such a row. */
#include "test.h"

#include <stdlib.h>

#include "app/exact_priv.h"
#include "app_case.h"

#define ROWS_MAX 200
#define SAMPLE 85 /* one of the rows that are tried first; the large one, there, begins a chunk */
#define KIB 1024

static struct app_case c;
static uint32_t row_count;
static int64_t offsets[ROWS_MAX];  /* of the rows, in the order of the body */
static bool refused[ROWS_MAX * 2]; /* by offset */

static bool
is_refused(uint32_t partition, int64_t offset)
{
    return partition == 0 && refused[offset];
}

static bool
no_row(uint32_t partition, int64_t offset)
{
    (void)partition;
    (void)offset;
    return false;
}

static uint32_t
column_of(const char *name)
{
    uint32_t i = 0;
    while (strcmp(c.app->layout->columns[i].name, name) != 0)
        i++;
    return i;
}

/* A row whose note is so long; unsafe: in JSON. */
static void
add_row(struct mr_rows *rows, int64_t offset, size_t note_len, bool unsafe)
{
    static char note[1024 * KIB];
    struct mr_value values[16] = {{.set = false}};
    const struct mr_record record = {.topic = 0, .partition = 0, .offset = offset};
    const struct mr_event event = {.record = &record, .values = values};
    T_TRUE(c.app->layout->column_count <= MR_ARRAY_LEN(values) && note_len <= sizeof note);
    memset(note, 'n', sizeof note);
    values[column_of("at")] = (struct mr_value){.i64 = 0, .set = true};
    values[column_of("key")] = (struct mr_value){.text = mr_slice_of("k"), .set = true};
    values[column_of("amount")] = (struct mr_value){.dec = -5, .set = true};
    values[column_of("note")] =
        (struct mr_value){.text = {note, note_len}, .set = true, .csv_unsafe = unsafe};
    T_INT_EQ(mr_rows_add(rows, &event), MR_OK);
}

/* Rows of which the one at `place` is so large. */
static void
fill_unit(struct mr_unit *unit, uint32_t place, size_t large, bool json)
{
    struct mr_rows *rows = unit->shares[0].rows;
    for (uint32_t i = 0; i < row_count; i++)
        add_row(rows, offsets[i], i == place ? large : 7, json);
    T_INT_EQ(mr_harvest_unit(c.app->layout, &c.app->budget, unit->fold, &rows, 1, unit->targets,
                             &unit->target_count),
             MR_OK);
    T_INT_EQ(unit->target_count, 1);
    T_INT_EQ(unit->targets[0].kind, MR_TARGET_DETAIL);
    T_INT_EQ(unit->targets[0].body.rows, row_count);
    T_INT_EQ(unit->targets[0].body.format, json ? MR_BODY_JSON : MR_BODY_CSV);
}

static void
open_case(uint32_t count)
{
    const struct world_options options = {.exact = true, .partitions = 1, .records = ROWS_MAX * 2,
                                          .refuses = no_row, .seed = 5};
    int64_t offset = 0;
    app_case_open(&c, &options);
    memset(refused, 0, sizeof refused);
    row_count = count;
    for (uint32_t i = 0; i < count; i++, offset++) {
        while (world_record_at(&c.world, 0, offset).kind != WORLD_EVENT)
            offset++;
        offsets[i] = offset;
    }
    app_case_build(&c);
}

/* Exactly the refused rows are noted. */
static void
check_noted(uint32_t place)
{
    const struct mri_refusals *noted = mri_refuse_noted(c.app);
    struct mr_reject_info info;
    T_TRUE(noted != NULL);
    for (uint32_t i = 0; i < row_count; i++) {
        const struct mr_record record = {.topic = 0, .partition = 0, .offset = offsets[i]};
        T_TRUE_MSG(mri_refuse_ask(noted, &record, &info) == refused[offsets[i]],
                   "row %u of %u, large at %u", i, row_count, place);
    }
}

/* Searches a unit of all rows, of which the one at `place` is large. */
static bool
search(uint32_t place, size_t large, bool json)
{
    struct mr_unit *unit = NULL;
    struct mri_call call = {.app = c.app, .step = {.kind = MR_STEP_COMMIT, .number = 1}};
    world_refuse(&c.world, is_refused);
    T_INT_EQ(mri_unit_open(c.app, &unit), MR_OK);
    fill_unit(unit, place, large, json);
    int64_t left = mr_budget_left(&c.app->budget);
    call.unit = unit;
    mr_chain_draw(&call.step.chain);
    bool found = mri_refuse_find(&c.app->loaders[0], &call);
    T_INT_EQ(mr_budget_left(&c.app->budget), left);
    mri_unit_free(c.app, &unit);
    return found;
}

/* marks: places of the refused rows, up to a negative one. */
static void
check_search(uint32_t count, uint32_t place, size_t large, bool json, const int64_t marks[4])
{
    uint32_t marked = 0, depth = 1;
    open_case(count);
    for (; marked < 4 && marks[marked] >= 0; marked++)
        refused[offsets[marks[marked]]] = true;
    T_TRUE(search(place, large, json));
    check_noted(place);
    while (1u << depth < count)
        depth++;
    /* By halves of chunks, then of rows: some steps more than by halves of all. And a sample. */
    T_TRUE_MSG(c.world.tallies.trials <= marked * 2 * (depth + 3) + 1, "%llu trials",
               (unsigned long long)c.world.tallies.trials);
    app_case_close(&c);
}

/* The refused row before the large one, it, behind it, and some of them together. */
static void
check_around(uint32_t count, uint32_t place, size_t large, bool json)
{
    int64_t before = place > 0 ? (int64_t)place - 1 : 0;
    int64_t behind = place + 1 < count ? (int64_t)place + 1 : (int64_t)count - 1;
    const int64_t marks[][4] = {
        {before, -1}, {place, -1}, {behind, -1}, {0, place, -1}, {place, (int64_t)count - 1, -1},
        {0, before, behind, (int64_t)count - 1},
    };
    for (size_t i = 0; i < MR_ARRAY_LEN(marks); i++)
        check_search(count, place, large, json, marks[i]);
}

Test(app_refuse_sizes, a_row_that_is_larger_than_all_others_together_hides_no_refused_one)
{
    static const size_t sizes[] = {40 * KIB, 300 * KIB, 1000 * KIB};
    for (size_t i = 0; i < MR_ARRAY_LEN(sizes); i++) {
        check_around(40, 0, sizes[i], false);
        check_around(40, 17, sizes[i], false);
        check_around(40, 39, sizes[i], false);
    }
}

Test(app_refuse_sizes, nor_does_it_in_a_body_of_which_samples_are_tried_first)
{
    check_around(ROWS_MAX, 0, 300 * KIB, false);
    check_around(ROWS_MAX, SAMPLE, 300 * KIB, false);
    check_around(ROWS_MAX, ROWS_MAX - 1, 300 * KIB, false);
}

Test(app_refuse_sizes, nor_in_a_body_that_is_JSON)
{
    check_around(40, 0, 300 * KIB, true);
    check_around(100, 50, 300 * KIB, true);
    check_around(40, 39, 300 * KIB, true);
}

/* All rows are refused, or all but one of the samples, which is the large one. */
static void
check_samples(bool table)
{
    open_case(ROWS_MAX);
    for (uint32_t i = 0; i < row_count; i++)
        refused[offsets[i]] = table || i != SAMPLE;
    T_TRUE(search(SAMPLE, 300 * KIB, false) == !table);
    if (table) {
        T_TRUE(mri_refuse_noted(c.app) == NULL);
        T_INT_EQ(c.world.tallies.trials, 8);
    } else {
        check_noted(SAMPLE);
    }
    app_case_close(&c);
}

Test(app_refuse_sizes, a_large_row_that_is_refused_with_all_others_is_a_sample_too)
{
    check_samples(true);
}

Test(app_refuse_sizes, a_large_row_that_alone_fits_shows_that_it_is_not_the_table)
{
    check_samples(false);
}
