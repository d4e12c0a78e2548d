/* Values as text. */
#include "harvest_fixture.h"
#include "test.h"

#include <math.h>
#include <stdio.h>

#include "pipeline/harvest/harvest_priv.h"

static const char *
ended(char *out, char *end)
{
    *end = '\0';
    return out;
}

Test(harvest_put, integers_are_written_as_printf_writes_them)
{
    static const int64_t edges[] = {
        0, 1, -1, 9, 10, 99, 100, 101, 1000, -1000, INT64_MAX, INT64_MIN};
    char out[MRI_FIXED_MAX], expected[MRI_FIXED_MAX];
    uint64_t random = 7;
    for (unsigned i = 0; i < 5000; i++) {
        int64_t value =
            i < MR_ARRAY_LEN(edges) ? edges[i] : (int64_t)ff_random(&random) >> (i % 64);
        snprintf(expected, sizeof expected, "%lld", (long long)value);
        T_STR_EQ(ended(out, mri_harvest_put_int(out, value)), expected);
    }
}

Test(harvest_put, decimals_keep_their_scale_and_every_digit)
{
    const __int128 e19 = (__int128)UINT64_C(10000000000000000000);
    const struct {
        __int128 value;
        unsigned scale;
        const char *expected;
    } cases[] = {
        {0, 0, "0"},
        {0, 2, "0.00"},
        {5, 2, "0.05"},
        {-5, 2, "-0.05"},
        {-123456, 3, "-123.456"},
        {1177, 2, "11.77"},
        {e19, 0, "10000000000000000000"},
        {e19, 19, "1.0000000000000000000"},
        {e19 * e19 - 1, 0, "99999999999999999999999999999999999999"},
        {-(e19 * e19 - 1), 38, "-0.99999999999999999999999999999999999999"},
        {(__int128)INT64_MIN * 2, 0, "-18446744073709551616"},
        {(__int128)1 << 126, 4, "8507059173023461586584365185794205.2864"},
        {(__int128)((unsigned __int128)1 << 127), 0, "-170141183460469231731687303715884105728"},
    };
    for (unsigned i = 0; i < MR_ARRAY_LEN(cases); i++) {
        char out[MRI_FIXED_MAX];
        T_STR_EQ(ended(out, mri_harvest_put_decimal(out, cases[i].value, cases[i].scale)),
                 cases[i].expected);
    }
}

Test(harvest_put, doubles_read_back_as_the_same_value)
{
    static const double values[] = {
        0.1, 1.0 / 3, 1e300, 5e-324, -2.5, 123456789.125, 0.30000000000000004};
    for (unsigned i = 0; i < MR_ARRAY_LEN(values); i++) {
        char out[MRI_FIXED_MAX];
        double back = strtod(ended(out, mri_harvest_put_double(out, values[i])), NULL);
        T_TRUE(memcmp(&back, &values[i], sizeof back) == 0);
    }
    char out[MRI_FIXED_MAX];
    T_STR_EQ(ended(out, mri_harvest_put_double(out, 0.1)), "0.1");
    T_STR_EQ(ended(out, mri_harvest_put_double(out, 3)), "3");
}

Test(harvest_put, times_equal_those_of_the_clock_with_and_without_the_cached_date)
{
    struct mri_dates dates = {.day = INT32_MIN};
    uint64_t random = 11;
    int64_t span = (int64_t)(mr_clock_days(10000, 1, 1) - mr_clock_days(0, 1, 1)) * MR_US_PER_DAY;
    for (unsigned i = 0; i < 5000; i++) {
        int64_t instant =
            (int64_t)(ff_random(&random) % (uint64_t)span) + mr_clock_days(0, 1, 1) * MR_US_PER_DAY;
        if (i % 3)
            instant = -1 - (int64_t)i * 1000000 * (i % 5); /* close to each other, before 1970 */
        char expected[MRI_FIXED_MAX], out[MRI_FIXED_MAX];
        expected[mr_clock_format(instant, expected)] = '\0';
        T_STR_EQ(ended(out, mri_harvest_put_time(out, instant, &dates)), expected);
    }
}

Test(harvest_put, bytes_become_uppercase_hex)
{
    char out[16];
    T_STR_EQ(ended(out, mri_harvest_put_hex(out, "\x00\x0f\xa9\xff", 4)), "000FA9FF");
}
