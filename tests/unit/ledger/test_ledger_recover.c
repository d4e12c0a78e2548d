/* The recovery machine: every phase against every answer, groups, what stops. */
#include "ledger/protocol_priv.h"
#include "recovery_case.h"

/* A case, brought to a phase whose step has a plain answer. */
static struct mr_recovery *
bring_to(struct rc_case *c, enum mri_recovery_phase phase)
{
    struct mr_recovery *recovery = rc_make(c);
    struct mr_step step;
    mr_recovery_next(recovery, &c->taken, &step);
    for (int i = 0; i < 200 && recovery->phase != phase; i++) {
        T_INT_EQ(rc_answer(c, recovery, &step), MR_OK);
        mr_recovery_next(recovery, &c->taken, &step);
    }
    T_INT_EQ(recovery->phase, phase);
    return recovery;
}

#define S MRI_RECOVERY_STATE
#define F MRI_RECOVERY_FENCE
#define V MRI_RECOVERY_VISIBLE
#define W MRI_RECOVERY_VISIBLE_ALL
#define E MRI_RECOVERY_SETTLE
#define T MRI_RECOVERY_TOPIC
#define P MRI_RECOVERY_PAUSE
#define L MRI_RECOVERY_LEDGER_AGAIN
#define M MRI_RECOVERY_LEDGER_LAST
#define D MRI_RECOVERY_ENDED

/* after: the phase that the next step is of. */
static const struct {
    enum mri_recovery_phase phase;
    enum mr_answer answer;
    enum mri_recovery_phase after;
} transitions[] = {
    {S, MR_ANSWER_OK, F},      {S, MR_ANSWER_ALREADY, F}, {S, MR_ANSWER_ABORTED, F},
    {S, MR_ANSWER_UNKNOWN, F}, {S, MR_ANSWER_ERROR, S},   {S, MR_ANSWER_LOST, S},
    {S, MR_ANSWER_FENCED, S},  {F, MR_ANSWER_OK, F},      {F, MR_ANSWER_ALREADY, F},
    {F, MR_ANSWER_ABORTED, F}, {F, MR_ANSWER_UNKNOWN, F}, {F, MR_ANSWER_ERROR, F},
    {F, MR_ANSWER_LOST, F},    {F, MR_ANSWER_FENCED, F},  {V, MR_ANSWER_OK, L},
    {V, MR_ANSWER_ALREADY, V}, {V, MR_ANSWER_ABORTED, L}, {V, MR_ANSWER_UNKNOWN, L},
    {V, MR_ANSWER_ERROR, V},   {V, MR_ANSWER_LOST, V},    {V, MR_ANSWER_FENCED, V},
    {E, MR_ANSWER_OK, W},      {E, MR_ANSWER_ALREADY, W}, {E, MR_ANSWER_ABORTED, M},
    {E, MR_ANSWER_UNKNOWN, M}, {E, MR_ANSWER_ERROR, E},   {E, MR_ANSWER_LOST, E},
    {E, MR_ANSWER_FENCED, E},  {W, MR_ANSWER_OK, M},      {W, MR_ANSWER_ALREADY, W},
    {W, MR_ANSWER_ABORTED, M}, {W, MR_ANSWER_UNKNOWN, M}, {W, MR_ANSWER_ERROR, W},
    {W, MR_ANSWER_LOST, W},    {W, MR_ANSWER_FENCED, W},  {T, MR_ANSWER_OK, D},
    {T, MR_ANSWER_ALREADY, T}, {T, MR_ANSWER_ABORTED, T}, {T, MR_ANSWER_UNKNOWN, P},
    {T, MR_ANSWER_ERROR, T},   {T, MR_ANSWER_LOST, T},    {T, MR_ANSWER_FENCED, T},
};

/* A case in which the phase comes. */
static void
init_for(struct rc_case *c, enum mri_recovery_phase phase)
{
    rc_init_open(c);
    if (phase == V) {
        rc_label(c, 'b', 4, RC_COMMITTED, 30);
    } else if (phase == T) {
        rc_init(c, 1);
        rc_row(c, 0, 'b', 1, 5, false);
    }
}

Test(ledger_recover, every_phase_meets_every_answer)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(transitions); i++) {
        struct rc_case c;
        struct mr_step step;
        init_for(&c, transitions[i].phase);
        struct mr_recovery *recovery = bring_to(&c, transitions[i].phase);
        T_INT_EQ(mr_recovery_answer(recovery, transitions[i].answer), MR_OK);
        mr_recovery_next(recovery, &c.taken, &step);
        T_TRUE_MSG(recovery->phase == transitions[i].after,
                   "phase %d, answer %d: phase %d",
                   (int)transitions[i].phase,
                   (int)transitions[i].answer,
                   (int)recovery->phase);
        mr_recovery_free(&recovery);
    }
    T_INT_EQ(MR_ARRAY_LEN(transitions), 6 * MR_ANSWER_COUNT);
}

Test(ledger_recover, a_read_that_failed_is_made_again)
{
    static const enum mri_recovery_phase reads[] = {
        MRI_RECOVERY_COMMITTED, MRI_RECOVERY_REGISTRY, MRI_RECOVERY_LEDGER, L, M};
    for (size_t i = 0; i < MR_ARRAY_LEN(reads); i++) {
        for (int answer = MR_ANSWER_ALREADY; answer < MR_ANSWER_COUNT; answer++) {
            struct rc_case c;
            rc_init_open(&c);
            struct mr_recovery *recovery = bring_to(&c, reads[i]);
            enum mr_answer said = (enum mr_answer)answer;
            if (reads[i] == MRI_RECOVERY_COMMITTED) {
                T_INT_EQ(mr_recovery_committed(recovery, said, NULL, 0), MR_OK);
            } else if (reads[i] == MRI_RECOVERY_REGISTRY) {
                T_INT_EQ(mr_recovery_registry(recovery, said, NULL, 0), MR_OK);
            } else {
                T_INT_EQ(mr_recovery_ledger(recovery, said, NULL, 0), MR_OK);
            }
            T_INT_EQ(recovery->phase, reads[i]);
            mr_recovery_free(&recovery);
        }
    }
}

Test(ledger_recover, an_offset_that_the_answer_leaves_out_is_not_taken_for_none)
{
    struct rc_case c;
    rc_init(&c, 2);
    struct mr_recovery *recovery = rc_make(&c);
    T_INT_EQ(mr_recovery_committed(recovery, MR_ANSWER_OK, c.committed, 1), MR_OK);
    T_INT_EQ(recovery->phase, MRI_RECOVERY_COMMITTED);
    T_INT_EQ(mr_recovery_committed(recovery, MR_ANSWER_OK, c.committed, 2), MR_OK);
    T_INT_EQ(recovery->phase, MRI_RECOVERY_REGISTRY);
    mr_recovery_free(&recovery);
}

Test(ledger_recover, a_member_that_is_lost_asks_nothing_more_in_any_phase)
{
    for (int phase = MRI_RECOVERY_COMMITTED; phase < MRI_RECOVERY_TOPIC; phase++) {
        struct rc_case c;
        struct mr_step step;
        init_for(&c, (enum mri_recovery_phase)phase);
        struct mr_recovery *recovery = bring_to(&c, (enum mri_recovery_phase)phase);
        struct mr_standing lost = c.taken;
        lost.lost = true;
        mr_recovery_next(recovery, &lost, &step);
        T_INT_EQ(step.kind, MR_STEP_END);
        T_INT_EQ(step.end, MR_END_LEFT);
        mr_recovery_next(recovery, &c.taken, &step); /* it does not come back */
        T_INT_EQ(step.end, MR_END_LEFT);
        mr_recovery_free(&recovery);
    }
}

Test(ledger_recover, a_first_start_begins_at_the_configured_position)
{
    struct rc_case c;
    rc_init(&c, 2);
    rc_run(&c);
    T_INT_EQ(c.verdict[0].kind, MR_VERDICT_FIRST);
    T_INT_EQ(c.verdict[1].kind, MR_VERDICT_FIRST);
    T_INT_EQ(c.verdict[0].seq, 1);
    T_INT_EQ(c.rollbacks + c.commits + c.pauses + c.open_count, 0);
}

Test(ledger_recover, an_assignment_of_nothing_is_recovered_at_once)
{
    struct rc_case c;
    rc_init(&c, 0);
    rc_run(&c);
    T_INT_EQ(c.rollbacks, 0);
}

Test(ledger_recover, a_last_unit_that_the_ledger_shows_is_not_asked_about)
{
    struct rc_case c;
    rc_init_open(&c);
    c.labels[1].state = RC_VISIBLE;
    rc_ledger(&c, 0, 'b', 3, 20);
    rc_run(&c);
    T_INT_EQ(c.states + c.commits + c.waits, 0);
    rc_check_start(&c, 0, 20, 0);
}

Test(ledger_recover, the_last_unit_that_became_visible_meanwhile_is_not_committed_again)
{
    struct rc_case c;
    struct mr_step step;
    rc_init_open(&c);
    struct mr_recovery *recovery = bring_to(&c, L);
    rc_ledger(&c, 0, 'b', 3, 20);
    T_INT_EQ(mr_recovery_ledger(recovery, MR_ANSWER_OK, c.ledger, c.ledger_count), MR_OK);
    mr_recovery_next(recovery, &c.taken, &step);
    T_INT_EQ(recovery->phase, M);
    T_INT_EQ(recovery->parts[0].found.settled, MR_SETTLED_COMMITTED);
    mr_recovery_free(&recovery);
}

Test(ledger_recover, partitions_with_different_last_units_are_settled_one_after_the_other)
{
    struct rc_case c;
    rc_init(&c, 2);
    rc_commit(&c, 0, 'b', 3, 10, 20, 'b');
    rc_commit(&c, 1, 'c', 1, 50, 60, 'c');
    rc_row(&c, 0, 'b', 1, 0, false);
    rc_row(&c, 1, 'c', 1, 50, false);
    rc_ledger(&c, 0, 'b', 2, 10);
    rc_label(&c, 'b', 3, RC_OPEN, 20);
    rc_label(&c, 'c', 1, RC_ABORTED, 0);
    rc_run(&c);
    rc_check_start(&c, 0, 20, 0);
    rc_check_replay(&c, 1, 50, 60);
    T_INT_EQ(c.verdict[1].settled, MR_SETTLED_NOT_COMMITTED);
}

Test(ledger_recover, a_label_that_was_committed_and_is_aborted_stops)
{
    static const enum mri_recovery_phase phases[] = {V, W};
    for (size_t i = 0; i < MR_ARRAY_LEN(phases); i++) {
        struct rc_case c;
        struct mr_step step;
        init_for(&c, phases[i]);
        struct mr_recovery *recovery = bring_to(&c, phases[i]);
        T_INT_EQ(mr_recovery_answer(recovery, MR_ANSWER_ABORTED), MR_OK);
        mr_recovery_next(recovery, &c.taken, &step);
        while (step.kind != MR_STEP_PAUSE) {
            T_INT_EQ(rc_answer(&c, recovery, &step), MR_OK);
            mr_recovery_next(recovery, &c.taken, &step);
        }
        T_INT_EQ(recovery->parts[0].verdict.stop, MR_STOP_CONTRADICTION);
        mr_recovery_free(&recovery);
    }
}

Test(ledger_recover, a_committed_unit_below_an_aborted_last_one_is_waited_for)
{
    struct rc_case c;
    rc_init(&c, 1);
    rc_commit(&c, 0, 'b', 3, 10, 20, 'b');
    rc_row(&c, 0, 'b', 1, 0, false);
    rc_label(&c, 'b', 1, RC_ABORTED, 0); /* a failed try */
    rc_label(&c, 'b', 2, RC_COMMITTED, 10);
    rc_label(&c, 'b', 3, RC_ABORTED, 0);
    rc_run(&c);
    rc_check_replay(&c, 0, 10, 20);
    T_INT_EQ(c.pauses, 0);
}

Test(ledger_recover, a_stop_is_found_twice_before_it_is_one)
{
    struct rc_case c;
    struct mr_step step;
    rc_init_open(&c);
    rc_ledger(&c, 0, 'b', 1, 5);
    c.labels[1].state = RC_ABORTED;
    struct mr_recovery *recovery = bring_to(&c, P);
    rc_ledger(&c, 0, 'b', 3, 20); /* the owner repaired it meanwhile */
    mr_recovery_next(recovery, &c.taken, &step);
    while (step.kind != MR_STEP_END) {
        T_INT_EQ(rc_answer(&c, recovery, &step), MR_OK);
        mr_recovery_next(recovery, &c.taken, &step);
    }
    uint32_t count;
    T_INT_EQ(mr_recovery_verdicts(recovery, &count)->kind, MR_VERDICT_START);
    mr_recovery_free(&recovery);
}

Test(ledger_recover, one_partition_stops_and_the_others_go_on)
{
    struct rc_case c;
    rc_init(&c, 2);
    rc_commit(&c, 0, 'b', 1, 0, 20, 'b');
    rc_commit(&c, 1, 'b', 1, 0, 60, 'b');
    rc_row(&c, 0, 'b', 1, 0, false);
    rc_row(&c, 1, 'b', 1, 0, false);
    rc_ledger(&c, 0, 'b', 1, 20);
    c.committed[1].kind = MR_METADATA_CORRUPT;
    rc_run(&c);
    rc_check_start(&c, 0, 20, 0);
    rc_check_stop(&c, 1, MR_STOP_CORRUPT);
    T_INT_EQ(c.open_count, 1);
}

Test(ledger_recover, without_a_ledger_row_the_least_start_of_the_registry_is_the_end)
{
    struct rc_case c;
    rc_init(&c, 1);
    rc_commit(&c, 0, 'b', 1, 5, 9, 'b');
    rc_row(&c, 0, 'c', 1, 7, true);
    rc_row(&c, 0, 'b', 1, 5, false);
    rc_row(&c, 0, 'd', 1, 8, true);
    rc_label(&c, 'b', 1, RC_ABORTED, 0);
    rc_run(&c);
    rc_check_replay(&c, 0, 5, 9);
}

Test(ledger_recover, a_contradiction_concerns_the_group_that_met_it)
{
    struct rc_case c;
    struct mr_step step;
    rc_init(&c, 2);
    rc_commit(&c, 0, 'b', 1, 0, 20, 'b');
    rc_commit(&c, 1, 'c', 1, 0, 60, 'c');
    rc_row(&c, 0, 'b', 1, 0, false);
    rc_row(&c, 1, 'c', 1, 0, false);
    rc_ledger(&c, 0, 'b', 1, 20);
    rc_ledger(&c, 1, 'c', 1, 60);
    rc_label(&c, 'b', 2, RC_COMMITTED, 0);
    struct mr_recovery *recovery = bring_to(&c, V);
    T_INT_EQ(mr_recovery_answer(recovery, MR_ANSWER_ABORTED), MR_OK);
    mr_recovery_next(recovery, &c.taken, &step);
    while (step.kind != MR_STEP_PAUSE) {
        T_INT_EQ(rc_answer(&c, recovery, &step), MR_OK);
        mr_recovery_next(recovery, &c.taken, &step);
    }
    T_INT_EQ(recovery->parts[0].verdict.stop, MR_STOP_CONTRADICTION);
    T_INT_EQ(recovery->parts[1].verdict.kind, MR_VERDICT_START);
    mr_recovery_free(&recovery);
}
