/* Calls in an order, or with values, that a caller may not make: each is noticed, by its condition,
 * and before anything of the state is touched. */
#include "ledger_support.h"
#include "live_case.h"
#include "recovery_case.h"
#include "refused_case.h"

/* Every place is held by a sealed unit. */
static void
fill_places(struct mr_ledger *ledger)
{
    for (uint64_t i = 0; i < MR_LEDGER_UNITS; i++) {
        mr_ledger_seal(ledger, mr_ledger_open(ledger));
    }
}

Test(ledger_refused, a_unit_is_not_opened_beside_an_open_one_or_beyond_the_limit)
{
    struct mr_ledger *ledger = make_ledger(), *none = NULL;
    T_REFUSED("rollup_count <= MR_MAX_ROLLUPS",
              T_INT_EQ(mr_ledger_new(MR_MAX_ROLLUPS + 1, &none), MR_OK));
    T_TRUE(none == NULL);
    T_INT_EQ(mr_ledger_open(ledger), 1);
    T_REFUSED("!ledger->open", (void)mr_ledger_open(ledger));
    mr_ledger_revoke_all(ledger);
    fill_places(ledger);
    T_REFUSED("ledger->next - ledger->first < MR_LEDGER_UNITS", (void)mr_ledger_open(ledger));
    mr_ledger_free(&ledger);
}

Test(ledger_refused, only_the_open_unit_is_sealed)
{
    struct mr_ledger *ledger = make_ledger();
    uint64_t unit = mr_ledger_open(ledger);
    mr_ledger_seal(ledger, unit);
    T_REFUSED("ledger->open && number == ledger->next - 1", mr_ledger_seal(ledger, unit));
    uint64_t later = mr_ledger_open(ledger);
    T_REFUSED("ledger->open && number == ledger->next - 1", mr_ledger_seal(ledger, unit));
    T_INT_EQ(mr_ledger_state(ledger, later), MR_UNIT_OPEN);
    mr_ledger_free(&ledger);
}

Test(ledger_refused, units_are_counted_once_in_their_order_and_before_they_are_loaded)
{
    struct mr_ledger *ledger = make_ledger();
    struct mr_span second = span_of(0, 0, 10, 20);
    assign(ledger, 0, 0, 0);
    uint64_t unit = mr_ledger_open(ledger);
    take(ledger, 0, 0, 0, 10);
    T_REFUSED("unit->state == MR_UNIT_SEALED",
              T_INT_EQ(mr_ledger_count(ledger, unit, &second, 1), MR_OK));
    T_REFUSED("unit->state == MR_UNIT_SEALED", mr_ledger_loaded(ledger, unit));
    mr_ledger_seal(ledger, unit);
    T_REFUSED("unit->counted", mr_ledger_loaded(ledger, unit));
    T_INT_EQ(mr_ledger_open(ledger), unit + 1);
    take(ledger, 0, 0, 10, 20);
    mr_ledger_seal(ledger, unit + 1);
    T_REFUSED("is_next(ledger, number)",
              T_INT_EQ(mr_ledger_count(ledger, unit + 1, &second, 1), MR_OK));
    struct mr_span first = span_of(0, 0, 0, 10);
    T_INT_EQ(mr_ledger_count(ledger, unit, &first, 1), MR_OK);
    T_REFUSED("!unit->counted", T_INT_EQ(mr_ledger_count(ledger, unit, &first, 1), MR_OK));
    T_INT_EQ(mr_ledger_count(ledger, unit + 1, &second, 1), MR_OK);
    T_REFUSED("slot_of(ledger, ledger->first)->state == MR_UNIT_LOADED",
              mr_ledger_committed(ledger, unit));
    T_INT_EQ(mr_ledger_state(ledger, unit), MR_UNIT_SEALED);
    mr_ledger_free(&ledger);
}

Test(ledger_refused, offsets_are_taken_of_assigned_partitions_into_an_open_unit)
{
    struct mr_ledger *ledger = make_ledger();
    struct mr_span row = {.end = -2};
    T_REFUSED("row->end >= -1", T_INT_EQ(mr_ledger_assign(ledger, &row), MR_OK));
    assign(ledger, 0, 0, 0);
    row.end = 0;
    T_REFUSED("!mri_ledger_find_part(ledger, row->topic, row->partition)",
              T_INT_EQ(mr_ledger_assign(ledger, &row), MR_OK));
    T_REFUSED("ledger->open", take(ledger, 0, 0, 0, 10));
    (void)mr_ledger_open(ledger);
    T_REFUSED("part", take(ledger, 0, 1, 0, 10));
    T_REFUSED("first >= 0 && first < next", take(ledger, 0, 0, -1, 10));
    T_REFUSED("first >= 0 && first < next", take(ledger, 0, 0, 10, 10));
    take(ledger, 0, 0, 0, 10);
    mr_ledger_free(&ledger);
}

Test(ledger_refused, the_state_of_a_unit_is_known_from_its_opening_to_the_end_of_the_history)
{
    struct mr_ledger *ledger = make_ledger();
    T_REFUSED("number > 0 && number < ledger->next", (void)mr_ledger_state(ledger, 0));
    T_REFUSED("number > 0 && number < ledger->next", (void)mr_ledger_state(ledger, 1));
    for (uint64_t i = 0; i <= MR_LEDGER_HISTORY; i++) {
        mr_ledger_seal(ledger, mr_ledger_open(ledger));
        mr_ledger_revoke_all(ledger);
    }
    T_REFUSED("ledger->next - number <= MR_LEDGER_HISTORY", (void)mr_ledger_state(ledger, 1));
    T_INT_EQ(mr_ledger_state(ledger, 2), MR_UNIT_FAILED);
    mr_ledger_free(&ledger);
}

Test(ledger_refused, names_are_asked_for_enumerators_and_labels_for_units)
{
    struct mr_label label;
    T_REFUSED("(size_t)kind < MR_ARRAY_LEN(names)", (void)mr_step_name(MR_STEP_COUNT));
    T_REFUSED("(size_t)kind < MR_ARRAY_LEN(names)",
              (void)mr_metadata_kind_name((enum mr_metadata_kind)(MR_METADATA_TOO_LONG + 1)));
    T_REFUSED("(size_t)stop < MR_ARRAY_LEN(texts)", (void)mr_stop_text((enum mr_stop)1000));
    T_REFUSED("(size_t)stop < MR_ARRAY_LEN(hints)", (void)mr_stop_hint((enum mr_stop)1000));
    T_REFUSED("n > 0",
              T_INT_EQ(mr_label_unit(MR_MODE_MULTI, "p", &the_chain, 0, NULL, 0, 0, &label), MR_OK));
    T_REFUSED("index < mr_label_count(mode, table_count)",
              T_INT_EQ(mr_label_unit(MR_MODE_MULTI, "p", &the_chain, 1, NULL, 0, 1, &label), MR_OK));
}

Test(ledger_refused, metadata_that_could_not_be_read_back_is_not_written)
{
    static const struct mr_metadata good = {
        .pipeline = "p", .last = {{"bbbbbbbbbbbbbbbb"}, 1}, .in_force = {"aaaaaaaaaaaaaaaa"}};
    char text[MR_METADATA_CHARS + 1];
    struct mr_metadata bad = good;
    bad.pipeline[0] = '|';
    T_REFUSED("is_pipeline(metadata->pipeline)", mr_metadata_encode(&bad, text));
    bad = good;
    bad.in_force = (struct mr_chain){{0}};
    T_REFUSED("!mr_chain_is_none(&metadata->in_force)", mr_metadata_encode(&bad, text));
    bad = good;
    bad.last.n = 0;
    T_REFUSED("mr_chain_is_none(&metadata->last.chain) == (metadata->last.n == 0)",
              mr_metadata_encode(&bad, text));
    bad = good;
    bad.start = -1;
    T_REFUSED("metadata->start >= 0", mr_metadata_encode(&bad, text));
    mr_metadata_encode(&good, text);
    T_TRUE(strlen(text) > 0);
}

Test(ledger_refused, a_chain_is_fed_while_it_may_be_and_in_the_order_of_contents)
{
    static const struct mr_chain no_chain;
    struct mr_live *live = NULL;
    T_REFUSED("!mr_chain_is_none(chain)",
              T_INT_EQ(mr_live_new(&no_chain, &member, false, &live), MR_OK));
    live = make_live(false);
    T_REFUSED("mr_live_may_feed(live)", mr_live_feed(live, 1));
    mr_live_free(&live);
    live = make_open(false);
    commit_unit(live, 5, 1);
    T_REFUSED("content > (at > 0 ? live->units[at - 1].content : live->committed_content)",
              mr_live_feed(live, 5));
    mr_live_feed(live, 6);
    T_REFUSED("content > (at > 0 ? live->units[at - 1].content : live->committed_content)",
              mr_live_feed(live, 6));
    mr_live_feed(live, 7);
    T_REFUSED("mr_live_may_feed(live)", mr_live_feed(live, 8));
    mr_live_free(&live);
}

Test(ledger_refused, an_answer_belongs_to_a_step_of_this_chain_that_is_under_way)
{
    struct mr_live *live = make_open(false);
    struct mr_step foreign = {.kind = MR_STEP_BEGIN, .chain = {"bbbbbbbbbbbbbbbb"}, .number = 1};
    struct mr_step announce = {.kind = MR_STEP_ANNOUNCE, .chain = the_chain, .number = 1};
    struct mr_step commit = {.kind = MR_STEP_COMMIT, .chain = the_chain, .number = 9};
    T_REFUSED("mr_chain_equal(&step->chain, &live->chain)",
              mr_live_answer(live, &foreign, MR_ANSWER_OK, &member));
    T_REFUSED("live->sent", mr_live_answer(live, &announce, MR_ANSWER_OK, &member));
    T_REFUSED("live->end == MR_END_LEFT", mr_live_answer(live, &commit, MR_ANSWER_OK, &member));
    commit_unit(live, 1, 1);
    mr_live_free(&live);
}

static void
check_stepless(struct mr_live *live, const struct mr_step *step, enum mri_unit_phase phase)
{
    live->units[0].phase = phase;
    live->units[0].sent = true;
    T_REFUSED("!\"a step of the unit is under way\"",
              mr_live_answer(live, step, MR_ANSWER_OK, &member));
}

/* States that no call leads to. */
Test(ledger_refused, a_live_machine_that_is_damaged_does_not_go_on)
{
    struct mr_step announce = {.kind = MR_STEP_ANNOUNCE, .chain = the_chain, .number = 1}, step;
    struct mr_live *live = make_open(false);
    live->sent = true;
    T_REFUSED("!\"a step of the chain is under way\"",
              mr_live_answer(live, &announce, MR_ANSWER_OK, &member));
    live->sent = false;
    mr_live_feed(live, 1);
    step = expect(live, MR_STEP_BEGIN, 1);
    check_stepless(live, &step, MRI_UNIT_EMPTY);
    check_stepless(live, &step, MRI_UNIT_READY);
    live->units[0].phase = (enum mri_unit_phase)MRI_UNIT_PHASES;
    live->units[0].sent = false;
    T_REFUSED("!\"a phase of a unit\"", mr_live_next(live, &member, &step));
    mr_live_free(&live);
}

Test(ledger_refused, recovery_takes_the_answer_that_is_due_and_shows_nothing_before_its_end)
{
    struct rc_case c;
    uint32_t count;
    rc_init(&c, 1);
    struct mr_recovery *recovery = rc_make(&c);
    T_REFUSED("recovery->phase == MRI_RECOVERY_REGISTRY",
              T_INT_EQ(mr_recovery_registry(recovery, MR_ANSWER_OK, NULL, 0), MR_OK));
    T_REFUSED("steps[recovery->phase] == MR_STEP_READ_LEDGER",
              T_INT_EQ(mr_recovery_ledger(recovery, MR_ANSWER_OK, NULL, 0), MR_OK));
    T_REFUSED("!\"a plain answer is due\"",
              T_INT_EQ(mr_recovery_answer(recovery, MR_ANSWER_OK), MR_OK));
    T_REFUSED("recovery->end == MR_END_RECOVERED", (void)mr_recovery_verdicts(recovery, &count));
    T_REFUSED("recovery->end == MR_END_RECOVERED", (void)mr_recovery_open(recovery, &count));
    T_INT_EQ(mr_recovery_committed(recovery, MR_ANSWER_OK, c.committed, 1), MR_OK);
    T_REFUSED("recovery->phase == MRI_RECOVERY_COMMITTED",
              T_INT_EQ(mr_recovery_committed(recovery, MR_ANSWER_OK, c.committed, 1), MR_OK));
    T_INT_EQ(recovery->phase, MRI_RECOVERY_REGISTRY);
    mr_recovery_free(&recovery);
}
