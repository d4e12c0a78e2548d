/* The table of recovery, row by row, for every end of the last unit. */
#include "millrace/protocol.h"
#include "test.h"

#include <stdio.h>

#define NONE MR_SETTLED_NONE
#define DONE MR_SETTLED_COMMITTED
#define NOT  MR_SETTLED_NOT_COMMITTED
#define PART MR_SETTLED_PARTIAL
#define UNKN MR_SETTLED_UNKNOWN

struct row {
    int64_t committed, start, end;
    enum mr_settled settled;
    enum mr_verdict_kind kind;
    enum mr_stop stop;
    int64_t from;
    unsigned alarms;
};

/* committed 20, the last unit from 10; the ledger ends before, at, inside, at the end, behind. */
static const struct row rows[] = {
    {20, 10, 20, NONE, MR_VERDICT_START, MR_STOP_NONE, 20, 0},
    {20, 10, 20, DONE, MR_VERDICT_START, MR_STOP_NONE, 20, 0},
    {20, 10, 20, NOT, MR_VERDICT_START, MR_STOP_NONE, 20, 0},
    {20, 10, 20, PART, MR_VERDICT_START, MR_STOP_NONE, 20, 0},
    {20, 10, 20, UNKN, MR_VERDICT_START, MR_STOP_NONE, 20, 0},
    {20, 10, 25, NONE, MR_VERDICT_START, MR_STOP_NONE, 25, MR_ALARM_AHEAD},
    {20, 10, 25, DONE, MR_VERDICT_START, MR_STOP_NONE, 25, MR_ALARM_AHEAD},
    {20, 10, 25, NOT, MR_VERDICT_START, MR_STOP_NONE, 25, MR_ALARM_AHEAD},
    {20, 10, 25, PART, MR_VERDICT_START, MR_STOP_NONE, 25, MR_ALARM_AHEAD},
    {20, 10, 25, UNKN, MR_VERDICT_START, MR_STOP_NONE, 25, MR_ALARM_AHEAD},
    {20, 10, 10, NONE, MR_VERDICT_STOP, MR_STOP_RESTORED, 10, 0},
    {20, 10, 10, DONE, MR_VERDICT_STOP, MR_STOP_RESTORED, 10, 0},
    {20, 10, 10, NOT, MR_VERDICT_REPLAY, MR_STOP_NONE, 10, 0},
    {20, 10, 10, PART, MR_VERDICT_REPLAY_PARTIAL, MR_STOP_NONE, 10, 0},
    {20, 10, 10, UNKN, MR_VERDICT_STOP, MR_STOP_FORGOTTEN, 10, 0},
    {20, 10, 15, NONE, MR_VERDICT_STOP, MR_STOP_RESTORED, 15, 0},
    {20, 10, 15, DONE, MR_VERDICT_STOP, MR_STOP_RESTORED, 15, 0},
    {20, 10, 15, NOT, MR_VERDICT_REPLAY, MR_STOP_NONE, 15, MR_ALARM_REPLAY_AHEAD},
    {20, 10, 15, PART, MR_VERDICT_STOP, MR_STOP_PARTIAL_RANGE, 15, 0},
    {20, 10, 15, UNKN, MR_VERDICT_STOP, MR_STOP_FORGOTTEN, 15, 0},
    {20, 10, 5, NONE, MR_VERDICT_STOP, MR_STOP_RESTORED, 5, 0},
    {20, 10, 5, DONE, MR_VERDICT_STOP, MR_STOP_RESTORED, 5, 0},
    {20, 10, 5, NOT, MR_VERDICT_STOP, MR_STOP_RESTORED, 5, 0},
    {20, 10, 5, PART, MR_VERDICT_STOP, MR_STOP_RESTORED, 5, 0},
    {20, 10, 5, UNKN, MR_VERDICT_STOP, MR_STOP_RESTORED, 5, 0},
};

static struct mr_found
make_found(const struct row *row)
{
    struct mr_found found = {.kind = MR_METADATA_OURS,
                             .committed = row->committed,
                             .start = row->start,
                             .end = row->end,
                             .least = 0,
                             .chains_known = true,
                             .settled = row->settled,
                             .config_same = true};
    return found;
}

static struct mr_verdict
decide(const struct mr_found *found)
{
    struct mr_verdict verdict = {.alarms = 0xff};
    mr_decide(found, &verdict);
    return verdict;
}

static void
check_row(const struct row *row, const struct mr_found *found)
{
    struct mr_verdict verdict = decide(found);
    T_TRUE_MSG(verdict.kind == row->kind && verdict.stop == row->stop &&
                   verdict.start == row->from && verdict.alarms == row->alarms,
               "end %d, settled %d: kind %d, stop %d, start %d, alarms %u",
               (int)row->end,
               (int)row->settled,
               (int)verdict.kind,
               (int)verdict.stop,
               (int)verdict.start,
               verdict.alarms);
    if (row->kind != MR_VERDICT_START) {
        T_INT_EQ(verdict.end, 20);
    }
}

Test(ledger_decide, every_end_of_the_last_unit_meets_every_end_of_the_ledger)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(rows); i++) {
        struct mr_found found = make_found(&rows[i]);
        check_row(&rows[i], &found);
        found.least = found.end; /* no ledger row: the registry's least start stands for it */
        found.end = -1;
        check_row(&rows[i], &found);
    }
    T_INT_EQ(MR_ARRAY_LEN(rows), 5 * MR_SETTLED_COUNT);
}

Test(ledger_decide, a_chain_that_the_registry_does_not_know_stops_whatever_the_ledger_says)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(rows); i++) {
        struct mr_found found = make_found(&rows[i]);
        found.chains_known = false;
        struct mr_verdict verdict = decide(&found);
        T_INT_EQ(verdict.kind, MR_VERDICT_STOP);
        T_INT_EQ(verdict.stop, MR_STOP_CHAIN);
    }
}

Test(ledger_decide, F20_a_partial_replay_under_another_configuration_stops_a_full_one_does_not)
{
    const struct row partial = {20, 10, 10, PART, MR_VERDICT_STOP, MR_STOP_PARTIAL_CONFIG, 10, 0};
    const struct row full = {20, 10, 10, NOT, MR_VERDICT_REPLAY, MR_STOP_NONE, 10, 0};
    struct mr_found found = make_found(&partial);
    found.config_same = false;
    check_row(&partial, &found);
    found = make_found(&full);
    found.config_same = false;
    check_row(&full, &found);
}

Test(ledger_decide, an_incomplete_unit_stops_until_something_shows_that_it_was_settled)
{
    static const struct {
        struct mr_incomplete unit;
        bool stops;
    } cases[] = {
        {{.any = true, .seq = 3, .seq_ledger = -1, .seq_last = -1}, true},
        {{.any = true, .seq = 3, .seq_ledger = 3, .seq_last = 3}, true}, /* equal: no order */
        {{.any = true, .seq = 3, .seq_ledger = 2, .seq_last = 2}, true},
        {{.any = true, .covered = true, .seq = 3, .seq_ledger = -1, .seq_last = -1}, false},
        {{.any = true, .seq = 3, .seq_ledger = 4, .seq_last = -1}, false},
        {{.any = true, .seq = 3, .seq_ledger = -1, .seq_last = 4}, false},
        {{.any = false, .seq = 3, .seq_ledger = -1, .seq_last = -1}, false},
    };
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        struct mr_found found = make_found(&rows[0]);
        found.incomplete = cases[i].unit;
        struct mr_verdict verdict = decide(&found);
        T_INT_EQ(verdict.stop, cases[i].stops ? MR_STOP_INCOMPLETE : MR_STOP_NONE);
    }
}

Test(ledger_decide, F12_without_an_offset_the_sink_says_whether_it_is_a_first_start)
{
    struct mr_found found = {.kind = MR_METADATA_NONE,
                             .committed = -1,
                             .end = -1,
                             .least = -1,
                             .chains_known = true};
    T_INT_EQ(decide(&found).kind, MR_VERDICT_FIRST);
    found.least = 7;
    T_INT_EQ(decide(&found).kind, MR_VERDICT_ASK_TOPIC);
    found.end = 9;
    T_INT_EQ(decide(&found).kind, MR_VERDICT_ASK_TOPIC);
    found.topic = MR_TOPIC_IN_DOUBT;
    T_INT_EQ(decide(&found).stop, MR_STOP_TOPIC);
    found.rewind = true;
    T_INT_EQ(decide(&found).alarms, MR_ALARM_NO_OFFSET | MR_ALARM_OPERATOR);
    found.rewind = false;
    found.topic = MR_TOPIC_SAME;
    T_INT_EQ(decide(&found).kind, MR_VERDICT_START);
    T_INT_EQ(decide(&found).start, 9);
    T_INT_EQ(decide(&found).alarms, MR_ALARM_NO_OFFSET);
}

Test(ledger_decide, F12_an_offset_without_our_metadata_is_an_operators_to_accept)
{
    static const enum mr_metadata_kind kinds[] = {MR_METADATA_NONE, MR_METADATA_FOREIGN};
    for (size_t i = 0; i < MR_ARRAY_LEN(kinds); i++) {
        struct mr_found found = make_found(&rows[0]);
        found.kind = kinds[i];
        T_INT_EQ(decide(&found).stop, MR_STOP_NO_METADATA); /* although the ends are equal */
        found.committed = 3;
        T_INT_EQ(decide(&found).stop, MR_STOP_NO_METADATA);
        found.rewind = true;
        T_INT_EQ(decide(&found).start, 20);
        found.accept_offset = true;
        T_INT_EQ(decide(&found).start, 3);
        T_INT_EQ(decide(&found).alarms, MR_ALARM_OPERATOR);
        found.accept_offset = false;
        found.end = -1;
        found.least = -1;
        T_INT_EQ(decide(&found).stop, MR_STOP_NO_METADATA);
    }
}

Test(ledger_decide, metadata_that_cannot_be_trusted_stops)
{
    static const struct {
        enum mr_metadata_kind kind;
        enum mr_stop stop;
    } cases[] = {{MR_METADATA_NEWER, MR_STOP_NEWER},
                 {MR_METADATA_OTHER_PIPELINE, MR_STOP_OTHER_PIPELINE},
                 {MR_METADATA_CORRUPT, MR_STOP_CORRUPT},
                 {MR_METADATA_TOO_LONG, MR_STOP_CORRUPT}};
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        struct mr_found found = make_found(&rows[0]);
        found.kind = cases[i].kind;
        found.rewind = true;
        found.accept_offset = true;
        T_INT_EQ(decide(&found).kind, MR_VERDICT_STOP);
        T_INT_EQ(decide(&found).stop, cases[i].stop);
    }
}

Test(ledger_decide, F14_rewinding_is_the_operators_act_and_only_of_what_the_sink_lost)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(rows); i++) {
        struct mr_found found = make_found(&rows[i]);
        found.rewind = true;
        struct mr_verdict verdict = decide(&found);
        if (rows[i].stop == MR_STOP_RESTORED) {
            T_INT_EQ(verdict.kind, MR_VERDICT_START);
            T_INT_EQ(verdict.start, rows[i].end);
            T_INT_EQ(verdict.alarms, MR_ALARM_OPERATOR);
        } else {
            check_row(&rows[i], &found);
        }
    }
    struct mr_found found = make_found(&rows[0]);
    found.chains_known = false;
    found.rewind = true;
    T_INT_EQ(decide(&found).start, 20);
    found.end = -1;
    found.least = -1;
    T_INT_EQ(decide(&found).stop, MR_STOP_CHAIN); /* there is nothing to rewind to */
}

Test(ledger_decide, a_stop_names_place_range_label_and_reason)
{
    struct mr_verdict verdict = {.place = {0, 7},
                                 .kind = MR_VERDICT_STOP,
                                 .stop = MR_STOP_RESTORED,
                                 .start = 5,
                                 .committed = 20,
                                 .settled = DONE,
                                 .metadata = {.last = {{"aaaaaaaaaaaaaaaa"}, 3}, .start = 10}};
    struct mr_error error;
    mr_verdict_explain(&verdict, "orders", &error);
    T_INT_EQ(error.rc, MR_STOPPED);
    T_STR_EQ(error.text,
             "topic \"orders\" partition 7: stopped, the ledger ends before what was committed as "
             "visible; sink ends at 5, committed 20, last unit aaaaaaaaaaaaaaaa-3 from 10 is "
             "committed");
    T_TRUE(strlen(error.hint) > 0);
    verdict.metadata.last = (struct mr_unit_name){0};
    mr_verdict_explain(&verdict, "orders", &error);
    T_TRUE(strstr(error.text, "last unit --0 from") != NULL);
}

Test(ledger_decide, every_reason_has_a_text_and_a_hint)
{
    T_STR_EQ(mr_stop_text(MR_STOP_NONE), "");
    for (int stop = 1; stop < MR_STOP_COUNT; stop++) {
        T_TRUE(strlen(mr_stop_text((enum mr_stop)stop)) > 0);
        T_TRUE(strlen(mr_stop_hint((enum mr_stop)stop)) > 0);
    }
}
