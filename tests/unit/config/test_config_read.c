/* Text → value: sizes, durations, times, endpoints, names. */
#include "fixture.h"

struct number_case {
    const char *text;
    int64_t value; /* -1: refused */
};

static void
check_numbers(bool (*read)(const char *, int64_t *), const struct number_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t value = -1;
        bool ok = read(cases[i].text, &value);
        T_TRUE_MSG(ok == (cases[i].value >= 0), "\"%s\"", cases[i].text);
        T_TRUE_MSG(value == cases[i].value, "\"%s\" is %lld", cases[i].text, (long long)value);
    }
}

Test(config_read, sizes_are_whole_numbers_with_binary_units)
{
    static const struct number_case cases[] = {
        {"0", 0},
        {"17", 17},
        {"1B", 1},
        {"64KiB", 65536},
        {"1MiB", 1 << 20},
        {"1TiB", INT64_C(1) << 40},
        {"", -1},
        {"MiB", -1},
        {"1 MiB", -1},
        {"1mib", -1},
        {"-1", -1},
        {"+1", -1},
        {"0x10", -1},
        {"1.5MiB", -1},
        {"1MiB ", -1},
        {"8388607TiB", INT64_C(8388607) << 40},
        {"8388608TiB", -1},
        {"1234567890123456789", -1},
    };
    check_numbers(mri_config_read_size, cases, MR_ARRAY_LEN(cases));
}

Test(config_read, durations_are_whole_numbers_with_a_unit)
{
    static const struct number_case cases[] = {
        {"500ms", 500},
        {"10s", 10000},
        {"1m", 60000},
        {"1h", 3600000},
        {"1d", 86400000},
        {"0s", 0},
        {"0", -1},
        {"10", -1},
        {"1h30m", -1},
        {"1M", -1},
        {" 1s", -1},
        {"", -1},
        {"s", -1},
        {"999999999999999d", -1},
    };
    check_numbers(mri_config_read_duration, cases, MR_ARRAY_LEN(cases));
}

Test(config_read, seconds_are_durations_without_a_rest)
{
    static const struct number_case cases[] = {
        {"1s", 1}, {"2000ms", 2}, {"1500ms", -1}, {"3d", 259200}, {"1", -1}};
    check_numbers(mri_config_read_seconds, cases, MR_ARRAY_LEN(cases));
}

Test(config_read, times_are_rfc_3339_with_a_zone)
{
    static const struct number_case cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-01-31T00:00:00Z", INT64_C(1769817600000)},
        {"2026-01-31T02:00:00+02:00", INT64_C(1769817600000)},
        {"2026-01-30T19:00:00-05:00", INT64_C(1769817600000)},
        {"2024-02-29T00:00:00Z", INT64_C(1709164800000)},
        {"2026-01-31T00:00:00", -1},
        {"2026-01-31 00:00:00Z", -1},
        {"2026-01-31T00:00:00Zx", -1},
        {"2026-02-30T00:00:00Z", -1},
        {"2023-02-29T00:00:00Z", -1},
        {"2026-13-01T00:00:00Z", -1},
        {"2026-01-31T24:00:00Z", -1},
        {"2026-1-31T00:00:00Z", -1},
        {"1969-12-31T23:59:59Z", -1},
        {"1970-01-01T00:00:00+01:00", -1},
        {"", -1},
    };
    check_numbers(mri_config_read_time, cases, MR_ARRAY_LEN(cases));
}

Test(config_read, endpoints_are_a_host_and_a_port)
{
    static const struct {
        const char *text, *host; /* NULL: refused */
        uint16_t port;
    } cases[] = {
        {"localhost:9030", "localhost", 9030},
        {"10.0.0.1:0", "10.0.0.1", 0},
        {"fe_1.x-y:65535", "fe_1.x-y", 65535},
        {"[::1]:80", "::1", 80},
        {"localhost", NULL, 0},
        {"localhost:", NULL, 0},
        {":80", NULL, 0},
        {"a:65536", NULL, 0},
        {"a:-1", NULL, 0},
        {"a b:80", NULL, 0},
        {"::1:80", NULL, 0},
        {"[x]:80", NULL, 0},
        {"[]:80", NULL, 0},
        {"http://a:80", NULL, 0},
    };
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        struct mr_slice host = {NULL, 0};
        uint16_t port = 0;
        bool ok = mri_config_read_endpoint(cases[i].text, &host, &port);
        T_TRUE_MSG(ok == (cases[i].host != NULL), "%s", cases[i].text);
        T_TRUE_MSG(!ok || mr_slice_equal(host, mr_slice_of(cases[i].host)), "%s", cases[i].text);
        T_INT_EQ(port, cases[i].port);
    }
}

Test(config_read, identifiers_begin_with_a_letter_and_have_at_most_64_characters)
{
    char longest[66];
    memset(longest, 'x', sizeof longest);
    longest[65] = '\0';
    T_TRUE(!mri_config_is_identifier(longest));
    longest[64] = '\0';
    T_TRUE(mri_config_is_identifier(longest));
    T_TRUE(mri_config_is_identifier("_a1"));
    T_TRUE(!mri_config_is_identifier(""));
    T_TRUE(!mri_config_is_identifier("1a"));
    T_TRUE(!mri_config_is_identifier("a-b"));
    T_TRUE(!mri_config_is_identifier("a b"));
    T_TRUE(!mri_config_is_identifier("\xc3\xa9"));
}

Test(config_read, fields_are_paths_without_blanks_quotes_and_parentheses)
{
    T_TRUE(mri_config_is_field("amount"));
    T_TRUE(mri_config_is_field("payload.order-id"));
    T_TRUE(!mri_config_is_field(""));
    T_TRUE(!mri_config_is_field("."));
    T_TRUE(!mri_config_is_field("a..b"));
    T_TRUE(!mri_config_is_field(".a"));
    T_TRUE(!mri_config_is_field("a."));
    T_TRUE(!mri_config_is_field("a b"));
    T_TRUE(!mri_config_is_field("f(a)"));
    T_TRUE(!mri_config_is_field("a,b"));
}

Test(config_read, numbers_are_printed_in_the_largest_unit_without_a_rest)
{
    char out[32];
    T_STR_EQ(mri_config_print_size(0, out, sizeof out), "0B");
    T_STR_EQ(mri_config_print_size(1000, out, sizeof out), "1000B");
    T_STR_EQ(mri_config_print_size(1536 << 10, out, sizeof out), "1536KiB");
    T_STR_EQ(mri_config_print_size(INT64_C(4) << 30, out, sizeof out), "4GiB");
    T_STR_EQ(mri_config_print_duration(0, out, sizeof out), "0ms");
    T_STR_EQ(mri_config_print_duration(90000, out, sizeof out), "90s");
    T_STR_EQ(mri_config_print_duration(86400000, out, sizeof out), "1d");
    T_STR_EQ(mri_config_print_seconds(0, out, sizeof out), "0s");
    T_STR_EQ(mri_config_print_seconds(120, out, sizeof out), "2m");
    T_STR_EQ(mri_config_print_count(7, out, sizeof out), "7");
}
