/* Memory that runs out at each allocation in turn (--wrap=malloc and its like): it is said, nothing is
 * half done, and what is asked again comes to the same end. */
#include <stdlib.h>

#include "ledger_support.h"
#include "live_case.h"
#include "recovery_case.h"

static uint32_t countdown; /* the allocation that fails, counted from now; 0: none */

static bool
is_refused(void)
{
    return countdown > 0 && --countdown == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *
__wrap_malloc(size_t size)
{
    return is_refused() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return is_refused() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
    return is_refused() ? NULL : __real_realloc(old, size);
}

Test(ledger_memory, a_machine_that_cannot_be_made_leaves_nothing_behind)
{
    struct mr_ledger *ledger = NULL;
    struct mr_live *live = NULL;
    struct mr_recovery *recovery = NULL;
    struct mr_place place = {0, 0};
    struct mr_recovery_options options = {.config = 1};
    countdown = 1;
    T_INT_EQ(mr_ledger_new(2, &ledger), MR_MEMORY);
    countdown = 1;
    T_INT_EQ(mr_live_new(&the_chain, &member, false, &live), MR_MEMORY);
    for (uint32_t i = 1; i <= 3; i++) {
        countdown = i;
        T_INT_EQ(mr_recovery_new(&place, 1, &member, &options, &recovery), MR_MEMORY);
    }
    T_TRUE(!ledger && !live && !recovery);
    mr_ledger_free(&ledger); /* what was not made is freed like the rest */
    mr_recovery_free(&recovery);
}

Test(ledger_memory, a_partition_that_cannot_be_assigned_is_not_held)
{
    struct mr_ledger *ledger = make_ledger();
    struct mr_span row = {.topic = 0, .end = 5};
    for (uint32_t i = 1; i <= 2; i++) { /* the list of partitions, the partition */
        countdown = i;
        T_INT_EQ(mr_ledger_assign(ledger, &row), MR_MEMORY);
        row.partition++;
    }
    T_INT_EQ(mr_ledger_partitions(ledger), 0);
    row.partition = 0;
    T_INT_EQ(mr_ledger_assign(ledger, &row), MR_OK);
    T_INT_EQ(mr_ledger_partitions(ledger), 1);
    uint64_t unit = fill_unit(ledger, 5, 10);
    uint32_t count = 0;
    T_TRUE(mr_ledger_offsets(ledger, unit, &count) != NULL);
    T_INT_EQ(count, 1);
    mr_ledger_free(&ledger);
}

Test(ledger_memory, a_unit_that_cannot_note_an_offset_fails)
{
    struct mr_ledger *ledger = make_ledger();
    struct mr_error error = {0};
    assign(ledger, 0, 0, 0);
    uint64_t unit = mr_ledger_open(ledger);
    countdown = 1;
    T_INT_EQ(mr_ledger_take(ledger, 0, 0, 0, 10, &error), MR_MEMORY);
    T_TRUE_MSG(strstr(error.text, "out of memory") != NULL, "%s", error.text);
    T_INT_EQ(mr_ledger_state(ledger, unit), MR_UNIT_FAILED);
    mr_ledger_seal(ledger, unit);
    T_INT_EQ(mr_ledger_open(ledger), 0);
    mr_ledger_free(&ledger);
}

Test(ledger_memory, a_unit_that_cannot_be_counted_may_be_counted_again)
{
    struct mr_ledger *ledger = make_ledger();
    struct mr_span span = span_of(0, 0, 0, 10);
    uint32_t count = 0;
    assign(ledger, 0, 0, 0);
    uint64_t unit = mr_ledger_open(ledger);
    take(ledger, 0, 0, 0, 10);
    mr_ledger_seal(ledger, unit);
    countdown = 1;
    T_INT_EQ(mr_ledger_count(ledger, unit, &span, 1), MR_MEMORY);
    T_TRUE(mr_ledger_rows(ledger, unit, &count) == NULL);
    T_INT_EQ(mr_ledger_count(ledger, unit, &span, 1), MR_OK);
    T_INT_EQ(mr_ledger_rows(ledger, unit, &count)[0].totals.consumed, 10);
    mr_ledger_free(&ledger);
}

/* Last unit (b, 3) of partition 0, of which the ledger does not know; n of another chain is decided. */
static void
init_recovery(struct rc_case *c, enum rc_state last, uint64_t shown, enum rc_state other)
{
    rc_init(c, 1);
    rc_commit(c, 0, 'b', 3, 10, 20, 'b');
    rc_row(c, 0, 'b', 1, 0, false);
    rc_row(c, 0, 'c', 2, 5, false);
    if (shown > 0) {
        rc_ledger(c, 0, 'b', shown, 10);
    }
    rc_label(c, 'b', 2, RC_VISIBLE, 10);
    rc_label(c, 'b', 3, last, last == RC_ABORTED ? 0 : 20);
    rc_label(c, 'c', 1, other, 0);
}

/* Plays the case with the failing-th allocation refused; what was refused is asked again. */
static uint32_t
play(struct rc_case *c, uint32_t failing, struct mr_verdict *ret_verdict)
{
    struct mr_recovery *recovery = rc_make(c);
    struct mr_step step;
    uint32_t refused = 0, count = 0;
    countdown = failing;
    mr_recovery_next(recovery, &c->taken, &step);
    for (int i = 0; i < 1000 && step.kind != MR_STEP_END; i++) {
        enum mr_step_kind asked = step.kind;
        enum mr_rc rc = rc_answer(c, recovery, &step);
        mr_recovery_next(recovery, &c->taken, &step);
        if (rc != MR_OK) {
            T_INT_EQ(rc, MR_MEMORY);
            T_INT_EQ(step.kind, asked);
            refused++;
        }
    }
    countdown = 0;
    T_INT_EQ(step.end, MR_END_RECOVERED);
    *ret_verdict = mr_recovery_verdicts(recovery, &count)[0];
    (void)mr_recovery_open(recovery, &count);
    T_INT_EQ(count, 2); /* open rows are listed once, however often they were read */
    mr_recovery_free(&recovery);
    return refused;
}

static const struct {
    enum rc_state last;
    uint64_t shown;
    enum rc_state other;
} cases[] = {
    {RC_OPEN, 2, RC_ABORTED},      /* committed by us, then waited for */
    {RC_COMMITTED, 2, RC_ABORTED}, /* found committed when its state was asked */
    {RC_OPEN, 2, RC_COMMITTED},    /* the fence meets a committed label */
    {RC_ABORTED, 0, RC_ABORTED},   /* the numbers below the last unit are asked about */
    {RC_VISIBLE, 3, RC_ABORTED},   /* the ledger shows the last unit */
};

Test(ledger_memory, recovery_comes_to_the_same_verdict_whichever_allocation_failed)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        struct mr_verdict expected, verdict;
        uint32_t failing = 0, refused = 0;
        do {
            struct rc_case c;
            init_recovery(&c, cases[i].last, cases[i].shown, cases[i].other);
            refused = play(&c, failing, failing == 0 ? &expected : &verdict);
            T_TRUE(failing > 0 || refused == 0);
            if (failing > 0) {
                T_INT_EQ(verdict.kind, expected.kind);
                T_INT_EQ(verdict.start, expected.start);
                T_INT_EQ(verdict.settled, expected.settled);
                T_INT_EQ(verdict.alarms, expected.alarms);
                T_INT_EQ(verdict.seq, expected.seq);
            }
        } while (failing++ == 0 || refused > 0);
        T_TRUE_MSG(failing > 6, "case %d: %d allocations", (int)i, (int)failing);
    }
}
