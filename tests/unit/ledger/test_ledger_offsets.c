/* Offsets taken, totals counted, and what is refused. */
#include "ledger_support.h"

Test(ledger_offsets, a_gap_forward_belongs_to_the_unit_that_met_it)
{
    struct mr_ledger *ledger = make_ledger();
    struct mr_span spans[] = {span_of(0, 0, 12, 15), span_of(0, 0, 40, 41)};
    uint32_t count = 0;
    assign(ledger, 0, 0, 10);
    uint64_t unit = mr_ledger_open(ledger);
    take(ledger, 0, 0, 12, 15);
    take(ledger, 0, 0, 40, 41);
    mr_ledger_seal(ledger, unit);
    T_INT_EQ(mr_ledger_count(ledger, unit, spans, 2), MR_OK);
    const struct mr_span *rows = mr_ledger_rows(ledger, unit, &count);
    T_INT_EQ(count, 1);
    T_INT_EQ(rows[0].start, 10);
    T_INT_EQ(rows[0].end, 41);
    T_INT_EQ(rows[0].totals.consumed, 4);
    T_INT_EQ(rows[0].event_time_us, 410);
    mr_ledger_free(&ledger);
}

Test(ledger_offsets, a_step_back_stops_and_names_topic_partition_and_ranges)
{
    struct mr_ledger *ledger = make_ledger();
    struct mr_error error = {0};
    assign(ledger, 3, 7, 100);
    (void)mr_ledger_open(ledger);
    take(ledger, 3, 7, 100, 150);
    T_INT_EQ(mr_ledger_take(ledger, 3, 7, 140, 160, &error), MR_STOPPED);
    T_TRUE_MSG(strstr(error.text, "topic 3 partition 7") != NULL, "%s", error.text);
    T_TRUE_MSG(strstr(error.text, "[140, 160)") != NULL, "%s", error.text);
    T_TRUE_MSG(strstr(error.text, "150 was expected") != NULL, "%s", error.text);
    T_TRUE_MSG(strstr(error.text, "[140, 150) twice") != NULL, "%s", error.text);
    T_TRUE(error.hint[0] != 0);
    mr_ledger_free(&ledger);
}

Test(ledger_offsets, a_unit_that_met_a_step_back_half_way_through_a_batch_is_never_loaded)
{
    struct mr_ledger *ledger = make_ledger();
    const struct mr_span *rows = NULL;
    uint32_t count = 1;
    assign(ledger, 0, 0, 0);
    assign(ledger, 0, 1, 50);
    uint64_t before = fill_unit(ledger, 0, 10);
    uint64_t unit = mr_ledger_open(ledger);
    take(ledger, 0, 0, 10, 20); /* handed out and counted */
    take(ledger, 0, 0, 20, 30); /* the first run of a batch that is not handed out */
    T_INT_EQ(mr_ledger_take(ledger, 0, 1, 40, 60, NULL), MR_STOPPED);
    mr_ledger_seal(ledger, unit);
    T_INT_EQ(mr_ledger_state(ledger, unit), MR_UNIT_FAILED);
    T_TRUE(mr_ledger_rows(ledger, unit, &count) == NULL);
    T_INT_EQ(mr_ledger_open(ledger), 0);

    mr_ledger_loaded(ledger, before);
    T_INT_EQ(mr_ledger_committable(ledger, &rows, &count), before);
    T_INT_EQ(count, 2);
    T_INT_EQ(rows[0].end, 10);
    mr_ledger_free(&ledger);
}

Test(ledger_offsets, a_step_back_across_a_cut_is_seen_too)
{
    struct mr_ledger *ledger = make_ledger();
    struct mr_error error = {0};
    assign(ledger, 0, 0, 0);
    (void)fill_unit(ledger, 0, 10);
    (void)mr_ledger_open(ledger);
    T_INT_EQ(mr_ledger_take(ledger, 0, 0, 9, 10, &error), MR_STOPPED);
    T_TRUE_MSG(strstr(error.text, "[9, 10) twice") != NULL, "%s", error.text);
    mr_ledger_free(&ledger);
}

Test(ledger_offsets, an_unknown_start_is_fixed_by_the_first_take)
{
    struct mr_ledger *ledger = make_ledger();
    struct mr_error error = {0};
    const struct mr_span *rows = NULL;
    uint32_t count = 0;
    assign(ledger, 0, 0, -1);
    assign(ledger, 0, 1, -1);
    uint64_t unit = fill_unit(ledger, 1000, 1010);
    rows = mr_ledger_rows(ledger, unit, &count);
    T_INT_EQ(count, 1);
    T_INT_EQ(rows[0].start, 1000);
    mr_ledger_loaded(ledger, unit);
    T_INT_EQ(mr_ledger_committable(ledger, &rows, &count), unit);
    T_INT_EQ(count, 1); /* nothing is known of partition 1, so nothing is committed for it */
    (void)mr_ledger_open(ledger);
    T_INT_EQ(mr_ledger_take(ledger, 0, 0, 999, 1000, &error), MR_STOPPED);
    mr_ledger_free(&ledger);
}

Test(ledger_offsets, totals_are_cumulative_from_the_assigned_row_on)
{
    struct mr_ledger *ledger = make_ledger();
    struct mr_span row = {.topic = 0, .partition = 0, .end = 50, .event_time_us = 9000};
    struct mr_span spans[2];
    uint32_t count = 0;
    row.totals =
        (struct mr_totals){.consumed = 40, .detail = 39, .quarantined = 1, .rollups = {39}};
    T_INT_EQ(mr_ledger_assign(ledger, &row), MR_OK);
    uint64_t first = fill_unit(ledger, 50, 60);
    uint64_t second = mr_ledger_open(ledger);
    take(ledger, 0, 0, 60, 66);
    mr_ledger_seal(ledger, second);
    spans[0] = span_of(0, 0, 60, 64);
    spans[1] = (struct mr_span){.start = 64, .end = 66, .event_time_us = INT64_MIN};
    spans[1].totals =
        (struct mr_totals){.consumed = 2, .quarantined = 1, .tombstones = 1, .late = 1};
    T_INT_EQ(mr_ledger_count(ledger, second, spans, 2), MR_OK);
    T_INT_EQ(mr_ledger_rows(ledger, first, &count)[0].totals.consumed, 50);
    const struct mr_span *rows = mr_ledger_rows(ledger, second, &count);
    T_INT_EQ(rows[0].totals.consumed, 56);
    T_INT_EQ(rows[0].totals.detail, 53);
    T_INT_EQ(rows[0].totals.quarantined, 2);
    T_INT_EQ(rows[0].totals.tombstones, 1);
    T_INT_EQ(rows[0].totals.late, 1);
    T_INT_EQ(rows[0].totals.rollups[0], 53);
    T_INT_EQ(rows[0].event_time_us, 9000);
    T_INT_EQ(rows[0].start, 60);
    T_INT_EQ(rows[0].end, 66);
    mr_ledger_free(&ledger);
}

Test(ledger_offsets, a_decision_lists_all_partitions_as_they_stand_at_the_end_of_its_unit)
{
    struct mr_ledger *ledger = make_ledger();
    uint32_t count = 9;
    assign(ledger, 1, 4, 77);
    assign(ledger, 0, 0, 0);
    uint64_t sealed = mr_ledger_open(ledger);
    take(ledger, 0, 0, 0, 10);
    T_TRUE(mr_ledger_offsets(ledger, sealed, &count) == NULL);
    T_INT_EQ(count, 0);
    mr_ledger_seal(ledger, sealed);
    T_TRUE(mr_ledger_offsets(ledger, sealed, &count) == NULL); /* not counted yet */
    struct mr_span span = span_of(0, 0, 0, 10);
    T_INT_EQ(mr_ledger_count(ledger, sealed, &span, 1), MR_OK);
    uint64_t later = fill_unit(ledger, 10, 25);
    const struct mr_span *rows = mr_ledger_offsets(ledger, sealed, &count);
    T_INT_EQ(count, 2);
    T_INT_EQ(rows[0].start, 0);
    T_INT_EQ(rows[0].end, 10); /* not where the later unit has got to */
    T_INT_EQ(rows[1].topic, 1);
    T_INT_EQ(rows[1].partition, 4);
    T_INT_EQ(rows[1].start, 77);
    T_INT_EQ(rows[1].end, 77);
    mr_ledger_failed(ledger, later);
    T_TRUE(mr_ledger_offsets(ledger, later, &count) == NULL);
    T_TRUE(mr_ledger_offsets(ledger, sealed, &count) != NULL);
    mr_ledger_loaded(ledger, sealed);
    mr_ledger_committed(ledger, sealed);
    T_TRUE(mr_ledger_offsets(ledger, sealed, &count) == NULL);
    mr_ledger_free(&ledger);
}

Test(ledger_offsets, a_commit_lists_idle_partitions_with_unchanged_end)
{
    struct mr_ledger *ledger = make_ledger();
    const struct mr_span *rows = NULL;
    uint32_t count = 0;
    assign(ledger, 1, 4, 77);
    assign(ledger, 0, 0, 0);
    assign(ledger, 0, 9, 5);
    uint64_t unit = fill_unit(ledger, 0, 10);
    T_TRUE(mr_ledger_rows(ledger, unit, &count) != NULL);
    T_INT_EQ(count, 1);
    mr_ledger_loaded(ledger, unit);
    T_INT_EQ(mr_ledger_committable(ledger, &rows, &count), unit);
    T_INT_EQ(count, 3);
    T_INT_EQ(rows[0].end, 10);
    T_INT_EQ(rows[1].partition, 9);
    T_INT_EQ(rows[1].start, 5);
    T_INT_EQ(rows[1].end, 5);
    T_INT_EQ(rows[2].topic, 1);
    T_INT_EQ(rows[2].end, 77);
    mr_ledger_free(&ledger);
}

Test(ledger_offsets, offsets_of_later_units_do_not_show_in_an_earlier_one)
{
    struct mr_ledger *ledger = make_ledger();
    struct mr_span spans[] = {span_of(0, 0, 0, 10), span_of(0, 1, 0, 10)};
    const struct mr_span *rows = NULL;
    uint32_t count = 0;
    assign(ledger, 0, 0, 0);
    assign(ledger, 0, 1, 0);
    uint64_t first = mr_ledger_open(ledger);
    take(ledger, 0, 0, 0, 10);
    mr_ledger_seal(ledger, first);
    uint64_t second = mr_ledger_open(ledger);
    take(ledger, 0, 1, 0, 10);
    mr_ledger_seal(ledger, second);
    T_INT_EQ(mr_ledger_count(ledger, first, &spans[0], 1), MR_OK);
    T_INT_EQ(mr_ledger_count(ledger, second, &spans[1], 1), MR_OK);
    mr_ledger_loaded(ledger, first);
    T_INT_EQ(mr_ledger_committable(ledger, &rows, &count), first);
    T_INT_EQ(rows[0].end, 10);
    T_INT_EQ(rows[1].end, 0);
    mr_ledger_free(&ledger);
}

static void
check_refused(struct mr_span span)
{
    struct mr_ledger *ledger = make_ledger();
    uint32_t count = 9;
    assign(ledger, 0, 0, 0);
    assign(ledger, 0, 1, 0);
    uint64_t unit = mr_ledger_open(ledger);
    take(ledger, 0, 0, 0, 10);
    mr_ledger_seal(ledger, unit);
    T_INT_EQ(mr_ledger_count(ledger, unit, &span, 1), MR_INTERNAL);
    T_TRUE(mr_ledger_rows(ledger, unit, &count) == NULL);
    struct mr_span good = span_of(0, 0, 0, 10);
    T_INT_EQ(mr_ledger_count(ledger, unit, &good, 1), MR_OK);
    T_INT_EQ(mr_ledger_rows(ledger, unit, &count)[0].totals.consumed, 10);
    mr_ledger_free(&ledger);
}

Test(ledger_offsets, counts_that_cannot_be_of_the_offsets_taken_are_refused_whole)
{
    struct mr_span span = span_of(0, 0, 0, 10);
    check_refused(span_of(0, 1, 0, 10));
    check_refused(span_of(0, 0, 0, 11));
    span.totals.consumed = 11;
    span.totals.detail = 11;
    check_refused(span);
    span = span_of(0, 0, 0, 10);
    span.totals.detail = 9;
    check_refused(span);
    span = span_of(0, 0, 0, 10);
    span.totals.rollups[0] = 11;
    check_refused(span);
    span = span_of(0, 0, 0, 10);
    span.totals.rollups[2] = 1;
    check_refused(span);
    span.totals = (struct mr_totals){0};
    check_refused(span);
}

/* Each one changed against a good span of ten details. */
static const struct mr_totals impossible[] = {
    {.consumed = 10, .detail = -1, .quarantined = 11},
    {.consumed = 10, .detail = 11, .quarantined = -1},
    {.consumed = 10, .detail = 11, .filtered = -1},
    {.consumed = 10, .detail = 11, .tombstones = -1},
    {.consumed = 10, .detail = 10, .rollups = {-1}},
    {.consumed = 10, .detail = 10, .late = -1},
    {.consumed = 10, .detail = 10, .late = 11},
};

Test(ledger_offsets, counts_below_nothing_and_more_late_records_than_records_are_refused)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(impossible); i++) {
        struct mr_span span = span_of(0, 0, 0, 10);
        span.totals = impossible[i];
        check_refused(span);
    }
    check_refused(span_of(0, 0, -1, 9)); /* begins before the take */
}

Test(ledger_offsets, a_failed_unit_is_not_counted_and_one_that_was_never_opened_may_not_finish)
{
    struct mr_ledger *ledger = make_ledger();
    struct mr_span span = span_of(0, 0, 0, 10);
    uint32_t count = 9;
    assign(ledger, 0, 0, 0);
    uint64_t unit = mr_ledger_open(ledger);
    take(ledger, 0, 0, 0, 10);
    mr_ledger_seal(ledger, unit);
    mr_ledger_failed(ledger, unit);
    T_INT_EQ(mr_ledger_count(ledger, unit, &span, 1), MR_OK);
    T_TRUE(mr_ledger_rows(ledger, unit, &count) == NULL);
    T_INT_EQ(count, 0);
    T_TRUE(!mr_ledger_may_finish(ledger, unit));
    T_TRUE(!mr_ledger_may_finish(ledger, unit + 1));
    mr_ledger_free(&ledger);
}

Test(ledger_offsets, the_limit_of_partitions_is_an_error_not_an_overflow)
{
    struct mr_ledger *ledger = make_ledger();
    for (int32_t i = MR_LEDGER_PARTITIONS - 1; i >= 0; i--) {
        assign(ledger, 0, i, i);
    }
    struct mr_span row = {.topic = 1, .end = 0};
    T_INT_EQ(mr_ledger_assign(ledger, &row), MR_MEMORY);
    uint64_t unit = mr_ledger_open(ledger);
    for (int32_t i = 0; i < MR_LEDGER_PARTITIONS; i++) {
        take(ledger, 0, (i * 1021) % MR_LEDGER_PARTITIONS, 5000, 5001);
    }
    mr_ledger_seal(ledger, unit);
    static struct mr_span spans[MR_LEDGER_PARTITIONS];
    for (int32_t i = 0; i < MR_LEDGER_PARTITIONS; i++) {
        spans[i] = span_of(0, i, 5000, 5001);
    }
    uint32_t count = 0;
    T_INT_EQ(mr_ledger_count(ledger, unit, spans, MR_LEDGER_PARTITIONS), MR_OK);
    const struct mr_span *rows = mr_ledger_rows(ledger, unit, &count);
    T_INT_EQ(count, MR_LEDGER_PARTITIONS);
    T_INT_EQ(rows[17].partition, 17);
    T_INT_EQ(rows[17].start, 17);
    T_INT_EQ(rows[17].end, 5001);
    T_INT_EQ(mr_ledger_partitions(ledger), MR_LEDGER_PARTITIONS);
    mr_ledger_revoke_all(ledger);
    T_INT_EQ(mr_ledger_partitions(ledger), 0);
    mr_ledger_free(&ledger);
}
