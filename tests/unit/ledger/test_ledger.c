/* Life of units: every state against every call, order of commits, failure, revocation. */
#include "ledger_support.h"

static void
check_states(const struct mr_ledger *ledger,
             uint32_t open,
             uint32_t sealed,
             uint32_t loaded,
             uint32_t failed)
{
    uint32_t counts[MR_UNIT_FAILED + 1];
    mr_ledger_states(ledger, counts);
    T_INT_EQ(counts[MR_UNIT_OPEN], open);
    T_INT_EQ(counts[MR_UNIT_SEALED], sealed);
    T_INT_EQ(counts[MR_UNIT_LOADED], loaded);
    T_INT_EQ(counts[MR_UNIT_COMMITTED], 0);
    T_INT_EQ(counts[MR_UNIT_FAILED], failed);
}

Test(ledger, a_unit_goes_from_open_to_committed)
{
    struct mr_ledger *ledger = make_ledger();
    struct mr_span span = span_of(0, 0, 5, 8);
    int64_t end;
    assign(ledger, 0, 0, 5);
    uint64_t unit = mr_ledger_open(ledger);
    T_INT_EQ(unit, 1);
    T_INT_EQ(mr_ledger_state(ledger, unit), MR_UNIT_OPEN);
    take(ledger, 0, 0, 5, 8);
    mr_ledger_seal(ledger, unit);
    T_INT_EQ(mr_ledger_state(ledger, unit), MR_UNIT_SEALED);
    T_INT_EQ(mr_ledger_count(ledger, unit, &span, 1), MR_OK);
    T_INT_EQ(committable(ledger, &end), 0);
    mr_ledger_loaded(ledger, unit);
    T_INT_EQ(mr_ledger_state(ledger, unit), MR_UNIT_LOADED);
    T_INT_EQ(committable(ledger, &end), unit);
    T_INT_EQ(end, 8);
    mr_ledger_committed(ledger, unit);
    T_INT_EQ(mr_ledger_state(ledger, unit), MR_UNIT_COMMITTED);
    T_INT_EQ(committable(ledger, &end), 0);
    check_states(ledger, 0, 0, 0, 0);
    mr_ledger_free(&ledger);
    T_TRUE(ledger == NULL);
}

/* What an input does to the second of three sealed units, by the state that it is in. */
struct transition {
    enum mr_unit_state from;
    enum { LOADED, FAILED, COMMITTED, REVOKED } input;
    enum mr_unit_state to;
};

static const struct transition transitions[] = {
    {MR_UNIT_SEALED, LOADED, MR_UNIT_LOADED},
    {MR_UNIT_SEALED, FAILED, MR_UNIT_FAILED},
    {MR_UNIT_SEALED, REVOKED, MR_UNIT_FAILED},
    {MR_UNIT_LOADED, FAILED, MR_UNIT_FAILED},
    {MR_UNIT_LOADED, COMMITTED, MR_UNIT_COMMITTED},
    {MR_UNIT_LOADED, REVOKED, MR_UNIT_FAILED},
    {MR_UNIT_FAILED, LOADED, MR_UNIT_FAILED},
    {MR_UNIT_FAILED, FAILED, MR_UNIT_FAILED},
    {MR_UNIT_FAILED, REVOKED, MR_UNIT_FAILED},
    {MR_UNIT_COMMITTED, LOADED, MR_UNIT_COMMITTED},
    {MR_UNIT_COMMITTED, FAILED, MR_UNIT_COMMITTED},
    {MR_UNIT_COMMITTED, COMMITTED, MR_UNIT_COMMITTED},
    {MR_UNIT_COMMITTED, REVOKED, MR_UNIT_COMMITTED},
};

static void
bring_to(struct mr_ledger *ledger, uint64_t unit, enum mr_unit_state state)
{
    mr_ledger_loaded(ledger, unit - 1);
    if (state == MR_UNIT_LOADED || state == MR_UNIT_COMMITTED) {
        mr_ledger_loaded(ledger, unit);
    }
    if (state == MR_UNIT_COMMITTED) {
        mr_ledger_committed(ledger, unit);
    }
    if (state == MR_UNIT_FAILED) {
        mr_ledger_failed(ledger, unit);
    }
    T_INT_EQ(mr_ledger_state(ledger, unit), state);
}

Test(ledger, every_input_in_every_state_leads_where_the_table_says)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(transitions); i++) {
        const struct transition *t = &transitions[i];
        struct mr_ledger *ledger = make_ledger();
        assign(ledger, 0, 0, 0);
        (void)fill_unit(ledger, 0, 10);
        uint64_t unit = fill_unit(ledger, 10, 20);
        (void)fill_unit(ledger, 20, 30);
        bring_to(ledger, unit, t->from);
        switch (t->input) {
        case LOADED:
            mr_ledger_loaded(ledger, unit);
            break;
        case FAILED:
            mr_ledger_failed(ledger, unit);
            break;
        case COMMITTED:
            mr_ledger_committed(ledger, unit);
            break;
        case REVOKED:
            mr_ledger_revoke_all(ledger);
            break;
        }
        T_TRUE_MSG(mr_ledger_state(ledger, unit) == t->to,
                   "row %zu: %d",
                   i,
                   (int)mr_ledger_state(ledger, unit));
        mr_ledger_free(&ledger);
    }
}

Test(ledger, units_commit_in_their_order_although_they_load_in_another)
{
    struct mr_ledger *ledger = make_ledger();
    int64_t end;
    assign(ledger, 0, 0, 0);
    uint64_t first = fill_unit(ledger, 0, 10);
    uint64_t second = fill_unit(ledger, 10, 20);
    uint64_t third = fill_unit(ledger, 20, 30);
    mr_ledger_loaded(ledger, second);
    T_INT_EQ(committable(ledger, &end), 0);
    mr_ledger_loaded(ledger, first);
    T_INT_EQ(committable(ledger, &end), second);
    T_INT_EQ(end, 20);
    mr_ledger_committed(ledger, second);
    T_INT_EQ(mr_ledger_state(ledger, first), MR_UNIT_COMMITTED);
    T_INT_EQ(committable(ledger, &end), 0);
    mr_ledger_loaded(ledger, third);
    T_INT_EQ(committable(ledger, &end), third);
    T_INT_EQ(end, 30);
    mr_ledger_free(&ledger);
}

Test(ledger, a_unit_loaded_while_a_commit_is_under_way_stays_committable)
{
    struct mr_ledger *ledger = make_ledger();
    int64_t end;
    assign(ledger, 0, 0, 0);
    uint64_t first = fill_unit(ledger, 0, 10);
    uint64_t second = fill_unit(ledger, 10, 20);
    mr_ledger_loaded(ledger, first);
    T_INT_EQ(committable(ledger, &end), first);
    mr_ledger_loaded(ledger, second);
    mr_ledger_committed(ledger, first);
    T_INT_EQ(committable(ledger, &end), second);
    mr_ledger_free(&ledger);
}

Test(ledger, ledger_rows_may_be_written_only_after_those_of_lower_units)
{
    struct mr_ledger *ledger = make_ledger();
    assign(ledger, 0, 0, 0);
    uint64_t first = fill_unit(ledger, 0, 10);
    uint64_t second = fill_unit(ledger, 10, 20);
    T_TRUE(mr_ledger_may_finish(ledger, first));
    T_TRUE(!mr_ledger_may_finish(ledger, second));
    mr_ledger_loaded(ledger, first);
    T_TRUE(mr_ledger_may_finish(ledger, second));
    mr_ledger_committed(ledger, first);
    T_TRUE(mr_ledger_may_finish(ledger, second));
    uint64_t third = mr_ledger_open(ledger);
    T_TRUE(!mr_ledger_may_finish(ledger, third));
    mr_ledger_failed(ledger, second);
    T_TRUE(!mr_ledger_may_finish(ledger, second));
    mr_ledger_free(&ledger);
}

Test(ledger, a_failed_unit_takes_all_later_ones_with_it)
{
    struct mr_ledger *ledger = make_ledger();
    struct mr_error error = {0};
    int64_t end;
    assign(ledger, 0, 0, 0);
    uint64_t first = fill_unit(ledger, 0, 10);
    uint64_t second = fill_unit(ledger, 10, 20);
    uint64_t third = fill_unit(ledger, 20, 30);
    uint64_t open = mr_ledger_open(ledger);
    mr_ledger_loaded(ledger, first);
    mr_ledger_loaded(ledger, third);
    mr_ledger_failed(ledger, second);
    check_states(ledger, 0, 0, 1, 3);
    T_INT_EQ(committable(ledger, &end), first);
    T_INT_EQ(end, 10);
    T_INT_EQ(mr_ledger_take(ledger, 0, 0, 30, 31, &error), MR_STOPPED);
    T_TRUE_MSG(strstr(error.text, "unit 4") != NULL, "%s", error.text);
    mr_ledger_seal(ledger, open);
    T_INT_EQ(mr_ledger_state(ledger, open), MR_UNIT_FAILED);
    T_INT_EQ(mr_ledger_open(ledger), 0);
    mr_ledger_free(&ledger);
}

Test(ledger, revoking_ends_a_failure_and_late_answers_are_ignored)
{
    struct mr_ledger *ledger = make_ledger();
    struct mr_span late = span_of(0, 0, 10, 20);
    uint32_t count = 9;
    int64_t end;
    assign(ledger, 0, 0, 0);
    uint64_t first = fill_unit(ledger, 0, 10);
    uint64_t second = fill_unit(ledger, 10, 20);
    mr_ledger_failed(ledger, first);
    mr_ledger_revoke_all(ledger);
    check_states(ledger, 0, 0, 0, 0);
    assign(ledger, 0, 0, 0);
    uint64_t again = mr_ledger_open(ledger);
    T_INT_EQ(again, second + 1);
    mr_ledger_seal(ledger, second);
    T_INT_EQ(mr_ledger_count(ledger, second, &late, 1), MR_OK);
    mr_ledger_loaded(ledger, second);
    mr_ledger_failed(ledger, second);
    mr_ledger_committed(ledger, second);
    T_TRUE(mr_ledger_rows(ledger, second, &count) == NULL);
    T_INT_EQ(count, 0);
    T_INT_EQ(mr_ledger_state(ledger, again), MR_UNIT_OPEN);
    T_INT_EQ(mr_ledger_state(ledger, second), MR_UNIT_FAILED);
    T_INT_EQ(committable(ledger, &end), 0);
    mr_ledger_free(&ledger);
}

Test(ledger, revoking_forgets_an_open_unit_so_that_another_can_be_opened)
{
    struct mr_ledger *ledger = make_ledger();
    assign(ledger, 0, 0, 0);
    uint64_t open = mr_ledger_open(ledger);
    take(ledger, 0, 0, 0, 5);
    mr_ledger_revoke_all(ledger);
    assign(ledger, 0, 0, 0);
    T_INT_EQ(mr_ledger_open(ledger), open + 1);
    take(ledger, 0, 0, 0, 5);
    mr_ledger_free(&ledger);
}

Test(ledger, an_empty_unit_loads_and_commits_with_unchanged_ends)
{
    struct mr_ledger *ledger = make_ledger();
    const struct mr_span *rows = NULL;
    uint32_t count = 9;
    assign(ledger, 0, 0, 7);
    uint64_t unit = mr_ledger_open(ledger);
    mr_ledger_seal(ledger, unit);
    T_INT_EQ(mr_ledger_count(ledger, unit, NULL, 0), MR_OK);
    (void)mr_ledger_rows(ledger, unit, &count);
    T_INT_EQ(count, 0);
    mr_ledger_loaded(ledger, unit);
    T_INT_EQ(mr_ledger_committable(ledger, &rows, &count), unit);
    T_INT_EQ(count, 1);
    T_INT_EQ(rows[0].start, 7);
    T_INT_EQ(rows[0].end, 7);
    mr_ledger_free(&ledger);
}
