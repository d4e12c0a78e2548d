#include "exact_case.h"

#include <string.h>

#include "app/exact_priv.h"
#include "millrace/base/clock.h"
#include "test.h"

struct exact_script exact_script;

void
exact_case_open(struct app_case *c, const struct world_options *options)
{
    struct world_options exact = *options;
    memset(&exact_script, 0, sizeof exact_script);
    exact.exact = true;
    app_case_open(c, &exact);
    c->world.config.threads.loaders = 8; /* a LOAD that is held holds up no other */
    app_case_build(c);
}

bool
exact_case_is_open(struct world *world, const struct world_event *event)
{
    pthread_mutex_lock(&world->lock);
    const struct world_txn *txn = world_find_txn(world, &event->chain, event->n);
    bool open = txn && txn->state == WORLD_OPEN;
    pthread_mutex_unlock(&world->lock);
    return open;
}

/* ---- by hand ---- */

static enum mr_rc
take_positions(void *context, const struct mr_span *spans, uint32_t count)
{
    struct mr_app *app = context;
    T_INT_EQ(count, 1);
    T_INT_EQ(mr_ledger_assign(app->ledger, &spans[0]), MR_OK);
    return mri_exact_begin(app, spans, count);
}

static enum mr_rc
take_starts(void *context, struct mr_span *spans, int64_t *until, uint32_t count)
{
    (void)context;
    (void)spans;
    (void)until;
    (void)count;
    return MR_OK;
}

static void
ignore_revocation(void *context, bool lost)
{
    (void)context;
    (void)lost;
}

void
exact_case_open_hand(struct app_case *c, const struct world_options *options)
{
    struct world_options exact = *options;
    exact.blind = true;
    exact.partitions = 1;
    exact.records = 100;
    exact_case_open(c, &exact);
    const struct mr_consumer_events events = {c->app, take_starts, take_positions,
                                              ignore_revocation};
    app_case_start_loaders(c);
    T_INT_EQ(mr_consumer_new(&c->world.config, &events, &c->app->consumer, &c->error), MR_OK);
    T_INT_EQ(mr_consumer_subscribe(c->app->consumer, &c->error), MR_OK);
    while (!c->app->exact->live)
        T_INT_EQ(mr_consumer_fill(c->app->consumer, NULL, 1, &c->error), MR_OK);
}

void
exact_case_close_hand(struct app_case *c)
{
    mr_consumer_free(&c->app->consumer);
    app_case_join_loaders(c);
    T_TRUE(!c->app->units);
    mr_fold_trim(c->app->fold);
    T_INT_EQ(mr_budget_used(&c->app->budget), c->app->batch_fixed);
    app_case_close(c);
}

void
exact_case_pump_until(struct app_case *c, bool (*done)(struct app_case *c))
{
    for (int64_t start_ms = mr_clock_monotonic_ms(); !done(c); mr_clock_sleep_ms(1)) {
        mri_exact_pump(c->app);
        T_TRUE(mr_clock_monotonic_ms() - start_ms < APP_CASE_WAIT_MS);
    }
}

bool
exact_case_is_in(struct app_case *c)
{
    return c->app->landed_records > 0;
}
