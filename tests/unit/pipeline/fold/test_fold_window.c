/* Windows: floor for late, early and negative times, with offsets. */
#include "fold_case.h"
#include "test.h"

#include <stdio.h>

#define MINUTE INT64_C(60000000)

static void
window_case(int64_t size_us, int64_t offset_us, const int64_t (*times)[2], unsigned count)
{
    struct fold_case test = {.options = {.seed = 1}};
    struct mr_value values[FF_COUNT];
    fold_case_rollup(&test, -1);
    fold_case_measure(&test, "n", MR_OP_COUNT_ALL, -1);
    test.rollup.size_us = size_us;
    test.rollup.offset_us = offset_us;
    fold_case_start(&test);
    for (unsigned i = 0; i < count; i++) {
        struct mr_event event = ff_event(values, times[i][0]);
        fold_case_add(&test, &event);
    }
    fold_case_drain(&test);
    for (unsigned i = 0; i < count; i++) {
        char key[32];
        snprintf(key, sizeof key, "%lld", (long long)times[i][1]);
        T_TRUE_MSG(ff_map_find(&test.drained, key) != NULL,
                   "time %lld is not in window %s",
                   (long long)times[i][0],
                   key);
    }
    fold_case_end(&test);
}

Test(fold_window, a_time_on_the_border_opens_the_window_and_one_before_it_does_not)
{
    static const int64_t times[][2] = {
        {0, 0}, {1, 0}, {MINUTE - 1, 0}, {MINUTE, MINUTE}, {2 * MINUTE - 1, MINUTE}};
    window_case(MINUTE, 0, times, MR_ARRAY_LEN(times));
}

Test(fold_window, times_before_1970_round_down_too)
{
    static const int64_t times[][2] = {
        {-1, -MINUTE}, {-MINUTE, -MINUTE}, {-MINUTE - 1, -2 * MINUTE}, {0, 0}};
    window_case(MINUTE, 0, times, MR_ARRAY_LEN(times));
}

Test(fold_window, an_offset_shifts_every_window)
{
    static const int64_t times[][2] = {{0, -45 * MINUTE},
                                       {15 * MINUTE - 1, -45 * MINUTE},
                                       {15 * MINUTE, 15 * MINUTE},
                                       {-45 * MINUTE - 1, -105 * MINUTE}};
    window_case(60 * MINUTE, 15 * MINUTE, times, MR_ARRAY_LEN(times));
}

Test(fold_window, late_events_in_any_order_reach_their_own_window)
{
    static const int64_t times[][2] = {
        {INT64_C(1769853600000000), INT64_C(1769853600000000)},
        {5, 0},
        {INT64_C(1769853600000001), INT64_C(1769853600000000)},
        {-INT64_C(62135596800000000), -INT64_C(62135596800000000)}, /* year 1 */
        {INT64_C(253402300799999999), INT64_C(253402300740000000)}, /* year 9999 */
        {6, 0}};
    window_case(MINUTE, 0, times, MR_ARRAY_LEN(times));
}
