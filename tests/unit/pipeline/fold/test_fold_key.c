/* Keys: groups are apart exactly when their dimensions are. */
#include "fold_case.h"
#include "test.h"

#include <stdlib.h>

#include "pipeline/fold/fold_priv.h"

static struct fold_case
started(int32_t dim)
{
    struct fold_case test = {.options = {.seed = 1}};
    fold_case_rollup(&test, dim);
    fold_case_measure(&test, "n", MR_OP_COUNT_ALL, -1);
    return test;
}

/* Adds each value twice, in separate rounds, and expects one group a value, of two. */
static void
distinct_case(int32_t dim, const struct mr_value *dims, unsigned count)
{
    struct fold_case test = started(dim);
    struct mr_value values[FF_COUNT];
    fold_case_start(&test);
    for (unsigned i = 0; i < 2 * count; i++) {
        struct mr_event event = ff_event(values, 0);
        values[dim] = dims[i % count];
        fold_case_add(&test, &event);
    }
    fold_case_drain(&test);
    T_INT_EQ(test.drained.rows, count);
    for (unsigned i = 0; i < 16384; i++)
        for (struct ff_row *row = test.drained.buckets[i]; row; row = row->next)
            T_INT_EQ(row->values[0].i64, 2);
    fold_case_end(&test);
}

Test(fold_key, null_zero_one_and_the_extremes_are_apart)
{
    const struct mr_value dims[] = {{.set = false},
                                    ff_i64(0),
                                    ff_i64(1),
                                    ff_i64(-1),
                                    ff_i64(127),
                                    ff_i64(128),
                                    ff_i64(-128),
                                    ff_i64(-129),
                                    ff_i64(255),
                                    ff_i64(256),
                                    ff_i64(INT64_MAX),
                                    ff_i64(INT64_MIN),
                                    ff_i64(INT64_MAX - 1),
                                    ff_i64(INT64_MIN + 1)};
    distinct_case(FF_NUM, dims, MR_ARRAY_LEN(dims));
}

Test(fold_key, null_true_and_false_are_apart)
{
    const struct mr_value dims[] = {{.set = false}, ff_i64(0), ff_i64(1)};
    distinct_case(FF_FLAG, dims, MR_ARRAY_LEN(dims));
}

Test(fold_key, wide_decimals_around_every_length_are_apart)
{
    static struct mr_value dims[2 + 3 * 125];
    unsigned count = 0;
    dims[count++] = (struct mr_value){.set = false};
    dims[count++] = ff_dec(0);
    for (unsigned shift = 2; shift < 127; shift++) {
        __int128 power = (__int128)1 << shift;
        dims[count++] = ff_dec(power);
        dims[count++] = ff_dec(power - 1 - (shift == 2)); /* 3 and 1: each value once */
        dims[count++] = ff_dec(-power);
    }
    distinct_case(FF_WIDE, dims, count);
}

Test(fold_key, null_the_empty_string_and_texts_of_every_length_are_apart)
{
    static char text[80000];
    static const unsigned long_ones[] = {127, 128, 129, 300, 16383, 16384, 65533, 66000, 80000};
    struct mr_value dims[2 + 126 + MR_ARRAY_LEN(long_ones)];
    unsigned count = 0;
    memset(text, 'x', sizeof text);
    dims[count++] = (struct mr_value){.set = false};
    for (unsigned len = 0; len < 127; len++) {
        dims[count] = ff_text("");
        dims[count++].text = (struct mr_slice){text, len};
    }
    for (unsigned i = 0; i < MR_ARRAY_LEN(long_ones); i++) {
        dims[count] = ff_text("");
        dims[count++].text = (struct mr_slice){text, long_ones[i]};
    }
    distinct_case(FF_NAME, dims, count);
}

Test(fold_key, texts_that_differ_in_one_byte_anywhere_are_apart)
{
    enum { LEN = 21 };
    static char texts[LEN + 1][LEN];
    struct mr_value dims[LEN + 1];
    for (unsigned i = 0; i <= LEN; i++) {
        memset(texts[i], 'a', LEN);
        if (i < LEN)
            texts[i][i] = 'b';
        dims[i] = ff_text("");
        dims[i].text = (struct mr_slice){texts[i], LEN};
    }
    distinct_case(FF_NAME, dims, LEN + 1);
}

Test(fold_key, neighbouring_texts_do_not_flow_into_each_other)
{
    struct fold_case test = started(FF_NAME);
    struct mr_value values[FF_COUNT];
    static const char *const pairs[][2] = {{"ab", "c"}, {"a", "bc"}, {"", "abc"}, {"abc", ""}};
    struct mr_column columns[FF_COUNT];
    memcpy(columns, ff_columns(), sizeof columns);
    columns[FF_NUM].type = MR_TYPE_STRING;
    test.rollup.dim_count = 2;
    test.rollup.dims[1] = FF_NUM;
    fold_case_start(&test);
    mr_fold_unit_retire(test.fold, &test.unit);
    mr_fold_worker_free(&test.worker);
    mr_fold_free(&test.fold);
    test.layout.columns = columns;
    test.fold = ff_fold(&test.layout, &test.options);
    T_INT_EQ(mr_fold_worker_new(test.fold, &test.worker), MR_OK);
    T_INT_EQ(mr_fold_unit_open(test.fold, &test.unit), MR_OK);
    for (unsigned i = 0; i < MR_ARRAY_LEN(pairs); i++) {
        struct mr_event event = ff_event(values, 0);
        values[FF_NAME] = ff_text(pairs[i][0]);
        values[FF_NUM] = ff_text(pairs[i][1]);
        fold_case_add(&test, &event);
    }
    fold_case_drain(&test);
    T_INT_EQ(test.drained.rows, MR_ARRAY_LEN(pairs));
    fold_case_end(&test);
}

Test(fold_key, an_encoded_key_decodes_to_its_dimensions)
{
    struct fold_case test = started(-1);
    static const uint32_t dims[] = {FF_NAME, FF_NUM, FF_FLAG, FF_PRICE, FF_WIDE, FF_DAY, FF_AT};
    struct mri_shape shape;
    uint64_t random = 3;
    memcpy(test.rollup.dims, dims, sizeof dims);
    test.rollup.dim_count = MR_ARRAY_LEN(dims);
    test.layout = ff_layout(&test.rollup, 1);
    T_INT_EQ(mri_fold_shape_compile(&test.layout, &test.rollup, &shape), MR_OK);
    for (unsigned i = 0; i < 5000; i++) {
        struct mr_value values[FF_COUNT], back[MR_MAX_DIMS];
        char name[40], key[200 + MRI_KEY_SLACK];
        int64_t window = 0, start;
        struct mr_event event = ff_event(values, (int64_t)(ff_random(&random) >> 11) - (1LL << 52));
        for (unsigned k = 0; k < sizeof name; k++)
            name[k] = (char)ff_random(&random);
        values[FF_NAME].text = (struct mr_slice){name, ff_random(&random) % sizeof name};
        values[FF_NUM] = ff_i64((int64_t)ff_random(&random) >> ff_random(&random) % 64);
        values[FF_FLAG] = ff_i64((int64_t)(ff_random(&random) % 2));
        values[FF_PRICE] = ff_dec((int64_t)ff_random(&random) >> ff_random(&random) % 64);
        values[FF_WIDE] = ff_dec((__int128)((unsigned __int128)ff_random(&random) << 64) >>
                                 ff_random(&random) % 128);
        values[FF_DAY] = ff_i64((int64_t)(ff_random(&random) % 100000) - 50000);
        for (unsigned k = 0; k < MR_ARRAY_LEN(dims); k++)
            values[dims[k]].set = ff_random(&random) % 4 > 0;
        T_TRUE(mri_fold_key_encode(&shape, &event, &window, key, 200) > 0);
        mri_fold_key_decode(&shape, key, &start, back);
        T_INT_EQ(start, window);
        T_TRUE(start <= event.time_us && event.time_us - start < test.rollup.size_us);
        for (unsigned k = 0; k < MR_ARRAY_LEN(dims); k++) {
            const struct mr_value *value = &values[dims[k]];
            T_INT_EQ(back[k].set, value->set);
            if (!value->set)
                continue;
            if (dims[k] == FF_NAME)
                T_TRUE(mr_slice_equal(back[k].text, value->text));
            else if (dims[k] == FF_PRICE || dims[k] == FF_WIDE)
                T_TRUE(back[k].dec == value->dec);
            else
                T_INT_EQ(back[k].i64, value->i64);
        }
    }
}

Test(fold_key, a_drained_text_says_whether_csv_can_carry_it)
{
    static const struct {
        struct mr_slice text;
        bool is_unsafe;
    } cases[] = {
        {{"\\N", 2}, true},
        {{"\\n", 2}, false},
        {{"\\NN", 3}, false},
        {{"", 0}, false},
        {{"a\x01", 2}, true},
        {{"\x02", 1}, true},
        {{"\0\x03", 2}, false},
    };
    for (unsigned i = 0; i < MR_ARRAY_LEN(cases); i++)
        T_INT_EQ(mri_fold_key_csv_unsafe(cases[i].text), cases[i].is_unsafe);
}
