/* The time that one call to StarRocks has. Loads, rollbacks and questions are repeated until they
 * are answered, which is right for a run and wrong for a person who waits for a command. */
#include "ledger_priv.h"
#include "millrace/base/clock.h"

enum { LOOK_MS = 50 };

/* These flags publish nothing: relaxed. over stays, for what was given up is the last call. */
static void
watch(void *argument)
{
    struct mri_ledger_limit *limit = argument;
    while (!atomic_load_explicit(&limit->ended, memory_order_relaxed)) {
        if (mr_clock_monotonic_ms() >=
            atomic_load_explicit(&limit->until_ms, memory_order_relaxed)) {
            atomic_store_explicit(&limit->over, true, memory_order_relaxed);
        }
        mr_clock_sleep_ms(LOOK_MS);
    }
}

void
mri_ledger_limit_begin(struct mri_ledger *ledger)
{
    int64_t wait_ms = ledger->config->starrocks.load_timeout_s * 1000;
    atomic_store_explicit(
        &ledger->limit.until_ms, mr_clock_monotonic_ms() + wait_ms, memory_order_relaxed);
}

void
mri_ledger_limit_rest(struct mri_ledger *ledger)
{
    atomic_store_explicit(&ledger->limit.until_ms, INT64_MAX, memory_order_relaxed);
}

bool
mri_ledger_limit_over(const struct mri_ledger *ledger)
{
    return atomic_load_explicit(&ledger->limit.over, memory_order_relaxed);
}

enum mr_rc
mri_ledger_limit_start(struct mri_ledger *ledger)
{
    if (ledger->limit.thread.started) {
        return MR_OK;
    }
    mri_ledger_limit_rest(ledger);
    enum mr_rc rc = mr_thread_start(&ledger->limit.thread, "limit", watch, &ledger->limit);
    return rc == MR_OK ? rc : mr_error_set(&ledger->error, rc, "no thread for the time limit");
}

void
mri_ledger_limit_end(struct mri_ledger *ledger)
{
    atomic_store_explicit(&ledger->limit.ended, true, memory_order_relaxed);
    mr_thread_join(&ledger->limit.thread);
}
