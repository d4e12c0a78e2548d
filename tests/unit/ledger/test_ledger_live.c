/* The live machine: every phase against every answer, with the membership kept and lost. */
#include "ledger/protocol_priv.h"
#include "test.h"

static const struct mr_chain chain = {"aaaaaaaaaaaaaaaa"};
static const struct mr_standing member = {
    .topics_known = true, .metadata_fits = true, .generation = 3, .member = 7, .epoch = 2};
static const struct mr_standing lost = {.lost = true,
                                        .topics_known = true,
                                        .metadata_fits = true,
                                        .generation = 3,
                                        .member = 7,
                                        .epoch = 2};

static struct mr_live *
make_live(bool close)
{
    struct mr_live *live = NULL;
    T_INT_EQ(mr_live_new(&chain, &member, close, &live), MR_OK);
    return live;
}

static struct mr_step
next(struct mr_live *live)
{
    struct mr_step step;
    mr_live_next(live, &member, &step);
    return step;
}

static struct mr_step
expect(struct mr_live *live, enum mr_step_kind kind, uint64_t number)
{
    struct mr_step step = next(live);
    T_TRUE_MSG(step.kind == kind && step.number == number,
               "%s %d came, %s %d was expected",
               mr_step_name(step.kind),
               (int)step.number,
               mr_step_name(kind),
               (int)number);
    return step;
}

/* The step that comes next is of this kind and number, and is answered so. */
static void
pass(struct mr_live *live, enum mr_step_kind kind, uint64_t number, enum mr_answer answer)
{
    struct mr_step step = expect(live, kind, number);
    mr_live_answer(live, &step, answer, &member);
}

static void
expect_end(struct mr_live *live, enum mr_outcome_end end)
{
    struct mr_step step = expect(live, MR_STEP_END, 0);
    T_INT_EQ(step.end, end);
    T_INT_EQ(next(live).kind, MR_STEP_END);
}

static struct mr_live *
make_open(bool close)
{
    struct mr_live *live = make_live(close);
    pass(live, MR_STEP_ANNOUNCE, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_FIND_ANNOUNCE, 1, MR_ANSWER_OK);
    T_TRUE(!mr_live_may_feed(live));
    pass(live, MR_STEP_COMMIT_CHAIN, 1, MR_ANSWER_OK);
    T_TRUE(mr_live_may_feed(live));
    return live;
}

/* A live machine whose first unit's step is under way in the phase. */
static struct mr_live *
make_at(enum mri_unit_phase phase, struct mr_step *ret_step)
{
    struct mr_live *live = make_open(false);
    mr_live_feed(live, 1);
    *ret_step = expect(live, MR_STEP_BEGIN, 1);
    if (phase == MRI_UNIT_UNDO) {
        mr_live_answer(live, ret_step, MR_ANSWER_ERROR, &member);
        *ret_step = expect(live, MR_STEP_ROLLBACK, 1);
    }
    for (enum mri_unit_phase at = MRI_UNIT_BEGIN; phase != MRI_UNIT_UNDO && at < phase; at++) {
        bool doubt = at == MRI_UNIT_DECIDE && phase == MRI_UNIT_READ_BACK;
        if (at != MRI_UNIT_READY && at != MRI_UNIT_READ_BACK) {
            mr_live_answer(live, ret_step, doubt ? MR_ANSWER_LOST : MR_ANSWER_OK, &member);
            *ret_step = at == MRI_UNIT_BEGIN || at == MRI_UNIT_LOAD || at == MRI_UNIT_DECIDE
                            ? next(live)
                            : *ret_step;
        }
    }
    T_INT_EQ(live->units[0].phase, phase);
    return live;
}

struct transition {
    enum mri_unit_phase phase;
    enum mr_answer answer;
    enum mri_unit_phase after;
    enum mr_outcome_end end;
};

#define B  MRI_UNIT_BEGIN
#define L  MRI_UNIT_LOAD
#define D  MRI_UNIT_DECIDE
#define R  MRI_UNIT_READ_BACK
#define C  MRI_UNIT_COMMIT
#define U  MRI_UNIT_UNDO
#define E  MRI_UNIT_EMPTY
#define GO MR_END_NONE
static const struct transition transitions[] = {
    {B, MR_ANSWER_OK, L, GO},
    {B, MR_ANSWER_ALREADY, U, GO},
    {B, MR_ANSWER_ABORTED, U, GO},
    {B, MR_ANSWER_UNKNOWN, U, GO},
    {B, MR_ANSWER_ERROR, U, GO},
    {B, MR_ANSWER_LOST, U, GO},
    {B, MR_ANSWER_FENCED, U, GO},
    {L, MR_ANSWER_OK, MRI_UNIT_READY, GO},
    {L, MR_ANSWER_ALREADY, U, GO},
    {L, MR_ANSWER_ABORTED, U, GO},
    {L, MR_ANSWER_UNKNOWN, U, GO},
    {L, MR_ANSWER_ERROR, U, GO},
    {L, MR_ANSWER_LOST, U, GO},
    {L, MR_ANSWER_FENCED, U, GO},
    {D, MR_ANSWER_OK, C, GO},
    {D, MR_ANSWER_ALREADY, R, GO},
    {D, MR_ANSWER_ABORTED, R, GO},
    {D, MR_ANSWER_UNKNOWN, R, GO},
    {D, MR_ANSWER_ERROR, R, GO},
    {D, MR_ANSWER_LOST, R, GO},
    {D, MR_ANSWER_FENCED, E, MR_END_LEFT},
    {R, MR_ANSWER_OK, C, GO},
    {R, MR_ANSWER_ALREADY, R, GO},
    {R, MR_ANSWER_ABORTED, R, GO},
    {R, MR_ANSWER_UNKNOWN, D, GO},
    {R, MR_ANSWER_ERROR, R, GO},
    {R, MR_ANSWER_LOST, R, GO},
    {R, MR_ANSWER_FENCED, E, MR_END_LEFT},
    {C, MR_ANSWER_OK, E, GO},
    {C, MR_ANSWER_ALREADY, E, GO},
    {C, MR_ANSWER_ABORTED, E, MR_END_RECOVER},
    {C, MR_ANSWER_UNKNOWN, E, MR_END_RECOVER},
    {C, MR_ANSWER_ERROR, C, GO},
    {C, MR_ANSWER_LOST, C, GO},
    {C, MR_ANSWER_FENCED, C, GO},
    {U, MR_ANSWER_OK, B, GO},
    {U, MR_ANSWER_ALREADY, E, MR_END_RECOVER},
    {U, MR_ANSWER_ABORTED, B, GO},
    {U, MR_ANSWER_UNKNOWN, B, GO},
    {U, MR_ANSWER_ERROR, U, GO},
    {U, MR_ANSWER_LOST, U, GO},
    {U, MR_ANSWER_FENCED, U, GO},
};

Test(ledger_live, every_phase_of_a_unit_meets_every_answer)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(transitions); i++) {
        const struct transition *row = &transitions[i];
        struct mr_step step;
        struct mr_live *live = make_at(row->phase, &step);
        mr_live_answer(live, &step, row->answer, &member);
        T_TRUE_MSG(live->units[0].phase == row->after && live->end == row->end,
                   "phase %d, answer %d: phase %d, end %d",
                   (int)row->phase,
                   (int)row->answer,
                   (int)live->units[0].phase,
                   (int)live->end);
        mr_live_free(&live);
    }
    T_INT_EQ(MR_ARRAY_LEN(transitions), 6 * MR_ANSWER_COUNT);
}

/* Whatever is answered: an undecided unit is rolled back once, an asked one is left alone. */
Test(ledger_live, every_phase_of_a_unit_ends_when_the_membership_is_lost)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(transitions); i++) {
        const struct transition *row = &transitions[i];
        struct mr_step step;
        struct mr_live *live = make_at(row->phase, &step);
        bool undecided = row->phase == B || row->phase == L || row->phase == U;
        mr_live_answer(live, &step, row->answer, &lost);
        mr_live_next(live, &lost, &step);
        bool undone = row->phase == U && row->after != U;
        if (undecided && !undone) {
            T_INT_EQ(step.kind, MR_STEP_ROLLBACK);
            mr_live_answer(live, &step, MR_ANSWER_LOST, &lost);
            mr_live_next(live, &lost, &step);
        }
        T_INT_EQ(step.kind, MR_STEP_END);
        T_INT_EQ(step.end, MR_END_LEFT);
        mr_live_free(&live);
    }
}

struct chain_transition {
    enum mri_chain_phase phase;
    enum mr_answer answer;
    enum mri_chain_phase after;
    enum mr_outcome_end end;
};
#define A_ MRI_CHAIN_ANNOUNCE
#define F_ MRI_CHAIN_FIND
#define C_ MRI_CHAIN_COMMIT
#define R_ MRI_CHAIN_READ_BACK
#define O_ MRI_CHAIN_OPEN
#define V_ MRI_CHAIN_VISIBLE
#define Z_ MRI_CHAIN_CLOSE
static const struct chain_transition chain_transitions[] = {
    {A_, MR_ANSWER_OK, F_, GO},
    {A_, MR_ANSWER_ALREADY, F_, GO},
    {A_, MR_ANSWER_ABORTED, F_, GO},
    {A_, MR_ANSWER_UNKNOWN, F_, GO},
    {A_, MR_ANSWER_ERROR, F_, GO},
    {A_, MR_ANSWER_LOST, F_, GO},
    {A_, MR_ANSWER_FENCED, F_, GO},
    {F_, MR_ANSWER_OK, C_, GO},
    {F_, MR_ANSWER_ALREADY, F_, GO},
    {F_, MR_ANSWER_ABORTED, F_, GO},
    {F_, MR_ANSWER_UNKNOWN, A_, GO},
    {F_, MR_ANSWER_ERROR, F_, GO},
    {F_, MR_ANSWER_LOST, F_, GO},
    {F_, MR_ANSWER_FENCED, F_, GO},
    {C_, MR_ANSWER_OK, O_, GO},
    {C_, MR_ANSWER_ALREADY, R_, GO},
    {C_, MR_ANSWER_ABORTED, R_, GO},
    {C_, MR_ANSWER_UNKNOWN, R_, GO},
    {C_, MR_ANSWER_ERROR, R_, GO},
    {C_, MR_ANSWER_LOST, R_, GO},
    {C_, MR_ANSWER_FENCED, C_, MR_END_LEFT},
    {R_, MR_ANSWER_OK, O_, GO},
    {R_, MR_ANSWER_ALREADY, R_, GO},
    {R_, MR_ANSWER_ABORTED, R_, GO},
    {R_, MR_ANSWER_UNKNOWN, C_, GO},
    {R_, MR_ANSWER_ERROR, R_, GO},
    {R_, MR_ANSWER_LOST, R_, GO},
    {R_, MR_ANSWER_FENCED, R_, MR_END_LEFT},
    {V_, MR_ANSWER_OK, Z_, GO},
    {V_, MR_ANSWER_ALREADY, V_, GO},
    {V_, MR_ANSWER_ABORTED, O_, MR_END_RECOVER},
    {V_, MR_ANSWER_UNKNOWN, Z_, GO},
    {V_, MR_ANSWER_ERROR, V_, GO},
    {V_, MR_ANSWER_LOST, V_, GO},
    {V_, MR_ANSWER_FENCED, V_, GO},
    {Z_, MR_ANSWER_OK, O_, GO},
    {Z_, MR_ANSWER_ALREADY, O_, GO},
    {Z_, MR_ANSWER_ABORTED, O_, GO},
    {Z_, MR_ANSWER_UNKNOWN, O_, GO},
    {Z_, MR_ANSWER_ERROR, O_, GO},
    {Z_, MR_ANSWER_LOST, O_, GO},
    {Z_, MR_ANSWER_FENCED, O_, GO},
};

static void
commit_unit(struct mr_live *live, uint64_t content, uint64_t number)
{
    mr_live_feed(live, content);
    pass(live, MR_STEP_BEGIN, number, MR_ANSWER_OK);
    pass(live, MR_STEP_LOAD, number, MR_ANSWER_OK);
    pass(live, MR_STEP_DECIDE, number, MR_ANSWER_OK);
    pass(live, MR_STEP_COMMIT, number, MR_ANSWER_OK);
    T_INT_EQ(mr_live_committed(live), content);
    T_INT_EQ(mr_live_committed_number(live), number);
}

static struct mr_live *
make_chain_at(enum mri_chain_phase phase, struct mr_step *ret_step)
{
    struct mr_live *live = make_live(true);
    *ret_step = next(live);
    while (live->phase != phase) {
        bool doubt = phase == MRI_CHAIN_READ_BACK && live->phase == MRI_CHAIN_COMMIT;
        mr_live_answer(live, ret_step, doubt ? MR_ANSWER_ERROR : MR_ANSWER_OK, &member);
        if (live->phase == MRI_CHAIN_OPEN) {
            commit_unit(live, 1, 1);
        }
        *ret_step = next(live);
    }
    return live;
}

Test(ledger_live, every_phase_of_a_chain_meets_every_answer)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(chain_transitions); i++) {
        const struct chain_transition *row = &chain_transitions[i];
        struct mr_step step;
        struct mr_live *live = make_chain_at(row->phase, &step);
        mr_live_answer(live, &step, row->answer, &member);
        T_TRUE_MSG(live->phase == row->after && live->end == row->end,
                   "phase %d, answer %d: phase %d, end %d",
                   (int)row->phase,
                   (int)row->answer,
                   (int)live->phase,
                   (int)live->end);
        bool closed = row->phase == Z_ && row->answer <= MR_ANSWER_ALREADY;
        T_INT_EQ(live->close, !closed);
        mr_live_free(&live);
    }
    T_INT_EQ(MR_ARRAY_LEN(chain_transitions), 6 * MR_ANSWER_COUNT);
}

Test(ledger_live, every_phase_of_a_chain_ends_when_the_membership_is_lost)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(chain_transitions); i++) {
        struct mr_step step;
        struct mr_live *live = make_chain_at(chain_transitions[i].phase, &step);
        mr_live_answer(live, &step, chain_transitions[i].answer, &lost);
        mr_live_next(live, &lost, &step);
        T_INT_EQ(step.kind, MR_STEP_END);
        T_INT_EQ(step.end, MR_END_LEFT);
        mr_live_free(&live);
    }
}

Test(ledger_live, a_standing_holds_only_while_nothing_of_it_changed)
{
    struct mr_standing now = member;
    T_TRUE(mr_standing_holds(&member, &now));
    now.generation = 4;
    T_TRUE(!mr_standing_holds(&member, &now));
    now = member;
    now.member = 8;
    T_TRUE(!mr_standing_holds(&member, &now));
    now = member;
    now.epoch = 3;
    T_TRUE(!mr_standing_holds(&member, &now));
    now = member;
    now.generation = -1;
    T_TRUE(!mr_standing_holds(&now, &now)); /* the assignment came without a generation */
    T_TRUE(!mr_standing_holds(&member, &lost));
}

Test(ledger_live, the_next_unit_is_loaded_meanwhile_and_decided_after)
{
    struct mr_live *live = make_open(false);
    mr_live_feed(live, 10);
    pass(live, MR_STEP_BEGIN, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_LOAD, 1, MR_ANSWER_OK);
    mr_live_feed(live, 20);
    T_TRUE(!mr_live_may_feed(live));
    struct mr_step decide = expect(live, MR_STEP_DECIDE, 1);
    T_INT_EQ(decide.content, 10);
    pass(live, MR_STEP_BEGIN, 2, MR_ANSWER_OK);
    pass(live, MR_STEP_LOAD, 2, MR_ANSWER_OK);
    expect(live, MR_STEP_NONE, 0);
    mr_live_answer(live, &decide, MR_ANSWER_OK, &member);
    struct mr_step commit = expect(live, MR_STEP_COMMIT, 1);
    expect(live, MR_STEP_NONE, 0);
    mr_live_answer(live, &commit, MR_ANSWER_OK, &member);
    T_INT_EQ(mr_live_committed(live), 10);
    T_TRUE(mr_live_may_feed(live));
    expect(live, MR_STEP_DECIDE, 2);
    mr_live_free(&live);
}

Test(ledger_live, a_failed_unit_takes_the_next_one_with_it_and_comes_first_again)
{
    struct mr_live *live = make_open(false);
    mr_live_feed(live, 10);
    mr_live_feed(live, 20);
    struct mr_step first = expect(live, MR_STEP_BEGIN, 1);
    struct mr_step second = expect(live, MR_STEP_BEGIN, 2);
    mr_live_answer(live, &second, MR_ANSWER_OK, &member);
    second = expect(live, MR_STEP_LOAD, 2);
    mr_live_answer(live, &first, MR_ANSWER_LOST, &member);
    first = expect(live, MR_STEP_ROLLBACK, 1);
    mr_live_answer(live, &first, MR_ANSWER_UNKNOWN, &member);
    expect(live, MR_STEP_NONE, 0); /* the second is still loading */
    mr_live_answer(live, &second, MR_ANSWER_OK, &member);
    second = expect(live, MR_STEP_ROLLBACK, 2);
    expect(live, MR_STEP_NONE, 0);
    mr_live_answer(live, &second, MR_ANSWER_OK, &member);
    first = expect(live, MR_STEP_BEGIN, 3);
    T_INT_EQ(first.content, 10);
    second = expect(live, MR_STEP_BEGIN, 4);
    T_INT_EQ(second.content, 20);
    mr_live_free(&live);
}

Test(ledger_live, a_failed_next_unit_leaves_the_one_before_alone)
{
    struct mr_live *live = make_open(false);
    mr_live_feed(live, 10);
    pass(live, MR_STEP_BEGIN, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_LOAD, 1, MR_ANSWER_OK);
    struct mr_step decide = expect(live, MR_STEP_DECIDE, 1);
    mr_live_feed(live, 20);
    pass(live, MR_STEP_BEGIN, 2, MR_ANSWER_ERROR);
    pass(live, MR_STEP_ROLLBACK, 2, MR_ANSWER_OK);
    pass(live, MR_STEP_BEGIN, 3, MR_ANSWER_OK);
    mr_live_answer(live, &decide, MR_ANSWER_OK, &member);
    expect(live, MR_STEP_COMMIT, 1);
    mr_live_free(&live);
}

Test(ledger_live, sixteen_numbers_above_the_last_committed_one_are_begun_and_no_more)
{
    struct mr_live *live = make_open(false);
    commit_unit(live, 1, 1);
    mr_live_feed(live, 2);
    for (uint64_t n = 2; n <= 1 + MR_FENCE_DISTANCE; n++) {
        pass(live, MR_STEP_BEGIN, n, MR_ANSWER_ERROR);
        pass(live, MR_STEP_ROLLBACK, n, MR_ANSWER_OK);
    }
    expect_end(live, MR_END_RECOVER);
    mr_live_free(&live);
}

Test(ledger_live, the_limit_waits_for_a_unit_that_may_lift_it)
{
    struct mr_live *live = make_open(false);
    mr_live_feed(live, 1);
    pass(live, MR_STEP_BEGIN, 1, MR_ANSWER_OK);
    struct mr_step load = expect(live, MR_STEP_LOAD, 1);
    mr_live_feed(live, 2);
    for (uint64_t n = 2; n <= MR_FENCE_DISTANCE; n++) {
        pass(live, MR_STEP_BEGIN, n, MR_ANSWER_ERROR);
        pass(live, MR_STEP_ROLLBACK, n, MR_ANSWER_OK);
    }
    expect(live, MR_STEP_NONE, 0);
    mr_live_answer(live, &load, MR_ANSWER_OK, &member);
    pass(live, MR_STEP_DECIDE, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_COMMIT, 1, MR_ANSWER_OK);
    expect(live, MR_STEP_BEGIN, MR_FENCE_DISTANCE + 1);
    mr_live_free(&live);
}

Test(ledger_live, the_limit_rolls_back_what_is_loaded_behind_it)
{
    struct mr_live *live = make_open(false);
    mr_live_feed(live, 1);
    for (uint64_t n = 1; n < MR_FENCE_DISTANCE; n++) {
        pass(live, MR_STEP_BEGIN, n, MR_ANSWER_ERROR);
        pass(live, MR_STEP_ROLLBACK, n, MR_ANSWER_OK);
    }
    struct mr_step first = expect(live, MR_STEP_BEGIN, MR_FENCE_DISTANCE);
    mr_live_feed(live, 2);
    expect(live, MR_STEP_NONE, 0);
    mr_live_answer(live, &first, MR_ANSWER_LOST, &member);
    pass(live, MR_STEP_ROLLBACK, MR_FENCE_DISTANCE, MR_ANSWER_ERROR);
    pass(live, MR_STEP_ROLLBACK, MR_FENCE_DISTANCE, MR_ANSWER_OK);
    expect_end(live, MR_END_RECOVER);
    mr_live_free(&live);
}

Test(ledger_live, predecessors_are_closed_after_the_first_visible_unit_and_again_when_it_failed)
{
    struct mr_live *live = make_open(true);
    commit_unit(live, 1, 1);
    pass(live, MR_STEP_VISIBLE, 1, MR_ANSWER_ALREADY);
    pass(live, MR_STEP_VISIBLE, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_CLOSE, 1, MR_ANSWER_LOST);
    expect(live, MR_STEP_NONE, 0);
    commit_unit(live, 2, 2);
    pass(live, MR_STEP_VISIBLE, 2, MR_ANSWER_OK);
    pass(live, MR_STEP_CLOSE, 2, MR_ANSWER_OK);
    commit_unit(live, 3, 3);
    expect(live, MR_STEP_NONE, 0);
    mr_live_free(&live);
}

Test(ledger_live, an_announce_is_loaded_again_under_the_next_number_until_it_is_seen)
{
    struct mr_live *live = make_live(false);
    pass(live, MR_STEP_ANNOUNCE, 1, MR_ANSWER_LOST);
    pass(live, MR_STEP_FIND_ANNOUNCE, 1, MR_ANSWER_ERROR);
    pass(live, MR_STEP_FIND_ANNOUNCE, 1, MR_ANSWER_UNKNOWN);
    pass(live, MR_STEP_ANNOUNCE, 2, MR_ANSWER_OK);
    pass(live, MR_STEP_FIND_ANNOUNCE, 2, MR_ANSWER_OK);
    pass(live, MR_STEP_COMMIT_CHAIN, 2, MR_ANSWER_LOST);
    pass(live, MR_STEP_READ_CHAIN, 2, MR_ANSWER_UNKNOWN);
    pass(live, MR_STEP_COMMIT_CHAIN, 2, MR_ANSWER_ERROR);
    pass(live, MR_STEP_READ_CHAIN, 2, MR_ANSWER_OK);
    T_TRUE(mr_live_may_feed(live));
    mr_live_free(&live);
}

/* One unit past its decision and one loaded behind it. */
static struct mr_live *
make_two(struct mr_step *ret_decide)
{
    struct mr_live *live = make_open(false);
    mr_live_feed(live, 1);
    mr_live_feed(live, 2);
    pass(live, MR_STEP_BEGIN, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_LOAD, 1, MR_ANSWER_OK);
    *ret_decide = expect(live, MR_STEP_DECIDE, 1);
    pass(live, MR_STEP_BEGIN, 2, MR_ANSWER_OK);
    pass(live, MR_STEP_LOAD, 2, MR_ANSWER_OK);
    return live;
}

Test(ledger_live, revoked_finishes_what_is_past_its_decision_and_rolls_the_rest_back)
{
    struct mr_step decide;
    struct mr_live *live = make_two(&decide);
    mr_live_revoke(live, false);
    T_TRUE(!mr_live_may_feed(live));
    pass(live, MR_STEP_ROLLBACK, 2, MR_ANSWER_OK);
    expect(live, MR_STEP_NONE, 0);
    mr_live_answer(live, &decide, MR_ANSWER_OK, &member);
    pass(live, MR_STEP_COMMIT, 1, MR_ANSWER_OK);
    expect_end(live, MR_END_REVOKED);
    T_INT_EQ(mr_live_committed(live), 1);
    mr_live_free(&live);
}

Test(ledger_live, revoked_with_time_finishes_everything)
{
    struct mr_step decide;
    struct mr_live *live = make_two(&decide);
    mr_live_revoke(live, true);
    mr_live_answer(live, &decide, MR_ANSWER_OK, &member);
    pass(live, MR_STEP_COMMIT, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_DECIDE, 2, MR_ANSWER_OK);
    pass(live, MR_STEP_COMMIT, 2, MR_ANSWER_OK);
    expect_end(live, MR_END_REVOKED);
    mr_live_free(&live);
}

Test(ledger_live, revoked_whose_time_runs_out_rolls_back_what_is_not_asked)
{
    struct mr_step decide;
    struct mr_live *live = make_two(&decide);
    mr_live_revoke(live, true);
    mr_live_revoke(live, false);
    mr_live_revoke(live, true); /* too late */
    pass(live, MR_STEP_ROLLBACK, 2, MR_ANSWER_OK);
    mr_live_answer(live, &decide, MR_ANSWER_OK, &member);
    pass(live, MR_STEP_COMMIT, 1, MR_ANSWER_OK);
    expect_end(live, MR_END_REVOKED);
    mr_live_free(&live);
}

Test(ledger_live, revoked_decides_nothing_after_a_decided_unit_that_the_sink_refuses)
{
    struct mr_step decide;
    struct mr_live *live = make_two(&decide);
    mr_live_revoke(live, true);
    mr_live_answer(live, &decide, MR_ANSWER_OK, &member);
    pass(live, MR_STEP_COMMIT, 1, MR_ANSWER_ABORTED);
    pass(live, MR_STEP_ROLLBACK, 2, MR_ANSWER_OK);
    expect_end(live, MR_END_REVOKED);
    mr_live_free(&live);
}

Test(ledger_live, revoked_with_time_tries_a_failed_unit_again)
{
    struct mr_live *live = make_open(false);
    mr_live_feed(live, 1);
    mr_live_revoke(live, true);
    pass(live, MR_STEP_BEGIN, 1, MR_ANSWER_ERROR);
    pass(live, MR_STEP_ROLLBACK, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_BEGIN, 2, MR_ANSWER_OK);
    mr_live_free(&live);
}

Test(ledger_live, revoked_before_the_chain_is_open_waits_for_its_answer_only)
{
    struct mr_live *live = make_live(false);
    struct mr_step step = expect(live, MR_STEP_ANNOUNCE, 1);
    mr_live_revoke(live, true);
    expect(live, MR_STEP_NONE, 0);
    mr_live_answer(live, &step, MR_ANSWER_OK, &member);
    expect_end(live, MR_END_REVOKED);
    mr_live_answer(live, &step, MR_ANSWER_OK, &member); /* ignored after the end */
    mr_live_free(&live);
}

Test(ledger_live, revoked_during_a_recovery_to_come_is_revoked)
{
    struct mr_step decide;
    struct mr_live *live = make_two(&decide);
    mr_live_answer(live, &decide, MR_ANSWER_OK, &member);
    pass(live, MR_STEP_COMMIT, 1, MR_ANSWER_UNKNOWN);
    mr_live_revoke(live, true);
    pass(live, MR_STEP_ROLLBACK, 2, MR_ANSWER_OK);
    expect_end(live, MR_END_REVOKED);
    mr_live_free(&live);
}

Test(ledger_live, lost_sends_no_commit_and_rolls_back_only_what_was_never_asked)
{
    struct mr_step decide, step;
    struct mr_live *live = make_two(&decide);
    mr_live_next(live, &lost, &step);
    T_INT_EQ(step.kind, MR_STEP_ROLLBACK);
    T_INT_EQ(step.number, 2);
    mr_live_answer(live, &decide, MR_ANSWER_OK, &lost); /* left to the successor */
    mr_live_revoke(live, true);
    mr_live_answer(live, &step, MR_ANSWER_ERROR, &lost);
    mr_live_next(live, &lost, &step);
    T_INT_EQ(step.end, MR_END_LEFT);
    mr_live_free(&live);
}

Test(ledger_live, a_topic_that_is_gone_stops_the_decision_and_leads_to_recovery)
{
    struct mr_standing gone = member;
    struct mr_step step;
    struct mr_live *live = make_open(false);
    mr_live_feed(live, 1);
    mr_live_feed(live, 2);
    pass(live, MR_STEP_BEGIN, 1, MR_ANSWER_OK);
    struct mr_step load = expect(live, MR_STEP_LOAD, 1);
    pass(live, MR_STEP_BEGIN, 2, MR_ANSWER_OK);
    mr_live_answer(live, &load, MR_ANSWER_OK, &member);
    gone.topics_known = false;
    mr_live_next(live, &gone, &step);
    T_INT_EQ(step.kind, MR_STEP_ROLLBACK);
    mr_live_answer(live, &step, MR_ANSWER_OK, &gone);
    pass(live, MR_STEP_ROLLBACK, 1, MR_ANSWER_OK);
    expect_end(live, MR_END_RECOVER);
    mr_live_free(&live);
}

Test(ledger_live, metadata_that_the_broker_would_refuse_is_not_sent)
{
    struct mr_standing narrow = member;
    struct mr_step step;
    struct mr_live *live = make_open(false);
    mr_live_feed(live, 1);
    pass(live, MR_STEP_BEGIN, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_LOAD, 1, MR_ANSWER_OK);
    narrow.metadata_fits = false;
    mr_live_next(live, &narrow, &step);
    T_INT_EQ(step.kind, MR_STEP_ROLLBACK);
    mr_live_answer(live, &step, MR_ANSWER_OK, &narrow);
    expect_end(live, MR_END_STOPPED);
    T_INT_EQ(mr_live_stop(live), MR_STOP_METADATA_SIZE);
    mr_live_free(&live);
}

Test(ledger_live, every_step_has_a_name)
{
    for (int kind = 0; kind < MR_STEP_COUNT; kind++) {
        T_TRUE(strlen(mr_step_name((enum mr_step_kind)kind)) > 0);
    }
}
