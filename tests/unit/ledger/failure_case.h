/* What the tests of the failure table begin with: a live member that has loaded, and a crash. */
#pragma once

#include "live_case.h"
#include "recovery_case.h"

/* Announced, with unit 1 loaded. */
static inline struct mr_live *
make_loaded(void)
{
    struct mr_live *live = make_open(false);
    mr_live_feed(live, 1);
    pass(live, MR_STEP_BEGIN, 1, MR_ANSWER_OK);
    pass(live, MR_STEP_LOAD, 1, MR_ANSWER_OK);
    return live;
}

static inline void
free_ended(struct mr_live *live, enum mr_outcome_end end)
{
    expect_end(live, end);
    mr_live_free(&live);
}

/* ---- What a crash leaves: (b, 2) is in, up to 10 ---- */

static inline void
init_crash(struct rc_case *c, uint64_t last, int64_t start, int64_t end)
{
    rc_init(c, 1);
    rc_commit(c, 0, 'b', last, start, end, 'b');
    rc_row(c, 0, 'b', 1, 0, false);
    rc_ledger(c, 0, 'b', 2, 10);
    rc_label(c, 'b', 2, RC_VISIBLE, 10);
}
