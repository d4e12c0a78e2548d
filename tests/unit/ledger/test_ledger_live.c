/* The live machine: every phase against every answer, with the membership kept and lost. */
#include "live_case.h"

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
        mr_live_answer(live, &step, row->answer, &the_lost);
        mr_live_next(live, &the_lost, &step);
        bool undone = row->phase == U && row->after != U;
        if (undecided && !undone) {
            T_INT_EQ(step.kind, MR_STEP_ROLLBACK);
            mr_live_answer(live, &step, MR_ANSWER_LOST, &the_lost);
            mr_live_next(live, &the_lost, &step);
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
        mr_live_answer(live, &step, chain_transitions[i].answer, &the_lost);
        mr_live_next(live, &the_lost, &step);
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
    T_TRUE(!mr_standing_holds(&member, &the_lost));
}
