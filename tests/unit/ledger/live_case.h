/* One live machine, step by step: what comes next, and how it is answered. */
#pragma once

#include <string.h>

#include "ledger/protocol_priv.h"
#include "test.h"

static const struct mr_chain the_chain = {"aaaaaaaaaaaaaaaa"};
static const struct mr_standing member = {
    .topics_known = true, .metadata_fits = true, .generation = 3, .member = 7, .epoch = 2};
static const struct mr_standing the_lost = {.lost = true,
                                        .topics_known = true,
                                        .metadata_fits = true,
                                        .generation = 3,
                                        .member = 7,
                                        .epoch = 2};

static inline struct mr_live *
make_live(bool close)
{
    struct mr_live *live = NULL;
    T_INT_EQ(mr_live_new(&the_chain, &member, close, &live), MR_OK);
    return live;
}

static inline struct mr_step
next(struct mr_live *live)
{
    struct mr_step step;
    mr_live_next(live, &member, &step);
    return step;
}

static inline struct mr_step
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
static inline void
pass(struct mr_live *live, enum mr_step_kind kind, uint64_t number, enum mr_answer answer)
{
    struct mr_step step = expect(live, kind, number);
    mr_live_answer(live, &step, answer, &member);
}

static inline void
expect_end(struct mr_live *live, enum mr_outcome_end end)
{
    struct mr_step step = expect(live, MR_STEP_END, 0);
    T_INT_EQ(step.end, end);
    T_INT_EQ(next(live).kind, MR_STEP_END);
}

static inline struct mr_live *
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

static inline void
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
