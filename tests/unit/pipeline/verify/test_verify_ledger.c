#include "fixture.h"
#include "test.h"

Test(verify_ledger, a_datetime_becomes_microseconds_since_1970)
{
    int64_t us = 0;
    T_TRUE(mri_parse_datetime("1970-01-01 00:00:01", &us));
    T_INT_EQ(us, 1000000);
    T_TRUE(mri_parse_datetime("2026-02-02 10:15:30.120000", &us));
    T_INT_EQ(us, 1770027330120000);
    T_TRUE(mri_parse_datetime("2026-02-02 10:15:30.12", &us));
    T_INT_EQ(us, 1770027330120000);
    T_TRUE(mri_parse_datetime("1969-12-31 23:59:59.999999", &us));
    T_INT_EQ(us, -1);
}

Test(verify_ledger, what_is_no_datetime_is_refused)
{
    int64_t us = 7;
    static const char *const bad[] = {"",
                                      "2026-02-02",
                                      "2026-13-02 10:15:30",
                                      "2026-02-02 24:00:00",
                                      "2026-02-02 10:15:30Z",
                                      "2026-02-02 10:15:30.1x",
                                      "yesterday"};
    for (size_t i = 0; i < MR_ARRAY_LEN(bad); i++)
        T_TRUE_MSG(!mri_parse_datetime(bad[i], &us), "%s", bad[i]);
    T_INT_EQ(us, 7);
}

Test(verify_ledger, rollup_counts_are_found_by_their_tables_name)
{
    int64_t rollups[MR_MAX_ROLLUPS] = {-1, -1};
    T_TRUE(mri_parse_rollups(fixture_orders(), "{\"orders_1d\": 12, \"gone\": 3}", rollups));
    T_INT_EQ(rollups[0], 0);
    T_INT_EQ(rollups[1], 12);
    T_TRUE(mri_parse_rollups(fixture_orders(), "{}", rollups));
    T_INT_EQ(rollups[1], 0);
}

Test(verify_ledger, broken_rollup_counts_are_refused)
{
    int64_t rollups[MR_MAX_ROLLUPS];
    T_TRUE(!mri_parse_rollups(fixture_orders(), "", rollups));
    T_TRUE(!mri_parse_rollups(fixture_orders(), "[1]", rollups));
    T_TRUE(!mri_parse_rollups(fixture_orders(), "{\"orders_1d\": \"12\"}", rollups));
    T_TRUE(!mri_parse_rollups(fixture_orders(), "{\"orders_1d\": 1.5}", rollups));
    T_TRUE(!mri_parse_rollups(fixture_orders(), "{\"orders_1d\": 1", rollups));
}

Test(verify_ledger, an_integer_cell_is_read_whole_or_not_at_all)
{
    static const char *const cells[] = {
        "42", "-9223372036854775808", "9223372036854775808", "4x", "", NULL};
    struct mri_row row = {.cells = cells, .count = 6};
    int64_t value = 0;
    T_TRUE(mri_cell_i64(&row, 0, &value) && value == 42);
    T_TRUE(mri_cell_i64(&row, 1, &value) && value == INT64_MIN);
    for (uint32_t i = 2; i < 7; i++)
        T_TRUE(!mri_cell_i64(&row, i, &value));
}
