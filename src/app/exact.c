/* Exactly-once delivery, feed's side: drives the machine of the chain in force. */
#include "exact_priv.h"

#include <stdlib.h>
#include <string.h>

#include "millrace/base/assert.h"
#include "millrace/base/clock.h"
#include "millrace/base/hash.h"
#include "millrace/base/log.h"

#define KAFKA_PAUSE_MS 200
#define RECOVERY_TRIES 4 /* of a commit or rollback, before the place in the group is looked at again */
#define LEAVE_MS 10000
#define REJOIN_MS 5000

/* What the tables are made of: a replay may be made under another one, and says so. 0 for a layout that
 * no tables can have: their check ends such a run with its reason before anything is read. */
static uint64_t
config_version(const struct mr_app *app)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    MR_INSIST(out);
    enum mr_rc rc = mr_ddl_print(app->config, app->layout, out);
    bool closed = fclose(out) == 0;
    MR_INSIST(closed);
    MR_INSIST(rc == MR_OK || rc == MR_CONFIG);
    uint64_t version = rc == MR_OK ? mr_hash_bytes(text, size, 0) : 0;
    free(text);
    return version;
}

enum mr_rc
mri_exact_new(struct mr_app *app)
{
    struct mri_exact *exact = calloc(1, sizeof *exact);
    if (!exact)
        return MR_MEMORY;
    app->exact = exact;
    enum mr_rc rc = mr_ring_new(MRI_CALLS, &exact->answers);
    if (rc == MR_OK)
        rc = mr_loader_new(app->hub, &exact->loader);
    if (rc == MR_OK)
        mr_txn_bound(exact->loader, RECOVERY_TRIES);
    exact->config_version = config_version(app);
    return rc;
}

static void
drop_session(struct mri_exact *exact)
{
    mr_live_free(&exact->live);
    mr_recovery_free(&exact->recovery);
    free(exact->verdicts);
    free(exact->starts);
    free(exact->open);
    exact->verdicts = NULL;
    exact->starts = NULL;
    exact->open = NULL;
    exact->verdict_count = exact->start_count = exact->open_count = 0;
    exact->session++;
}

void
mri_exact_free(struct mr_app *app)
{
    if (!app->exact)
        return;
    drop_session(app->exact);
    mr_loader_free(&app->exact->loader);
    mr_ring_free(&app->exact->answers);
    free(app->exact);
    app->exact = NULL;
}

/* ---- a chain's life ---- */

/* What was taken and has not landed is dropped; nothing is taken before the next chain. */
static void
end_session(struct mr_app *app)
{
    if (app->pending)
        mr_batch_reset(app->pending);
    mri_cut(app, MR_M_CUT_STOP);
    mri_exact_end_calls(app);
    mri_land_give_up(app);
    mri_exact_sweep(app);
    drop_session(app->exact);
}

/* All that was taken and has not landed is dropped and read again, after recovery. */
static void
begin_again(struct mr_app *app)
{
    struct mri_exact *exact = app->exact;
    exact->restart = true;
    if (exact->in_event || mr_clock_monotonic_ms() < exact->again_at_ms)
        return; /* the partitions are going, or have just come; or the table fits no better yet */
    exact->restart = false;
    exact->left_at_ms = 0;
    end_session(app);
    mr_log(MR_LOG_WARN, "app", "recovering: what has not landed will be read again");
    mr_consumer_restart(app->consumer);
}

static void
end_chain(struct mr_app *app, enum mr_outcome_end end)
{
    struct mri_exact *exact = app->exact;
    if (end == MR_END_STOPPED) {
        enum mr_stop stop = mr_live_stop(exact->live);
        (void)mr_error_set(&exact->stop, MR_STOPPED, "chain %s: stopped, %s", exact->chain.text,
                           mr_stop_text(stop));
        mr_error_hint(&exact->stop, "%s", mr_stop_hint(stop));
    }
    if (end == MR_END_LEFT) {
        mr_log(MR_LOG_WARN, "consume", "the place in the group was lost: the next owner settles "
                                       "what was under way", MR_STR("chain", exact->chain.text));
        exact->left_at_ms = mr_clock_monotonic_ms();
    }
    end_session(app);
    if (end == MR_END_RECOVER || exact->restart)
        begin_again(app);
}

/* Every chain that ended as LEFT is followed by a rebalance; where none comes although the member is
 * one again, its partitions are recovered as they are. */
static void
watch_left(struct mr_app *app)
{
    struct mri_exact *exact = app->exact;
    struct mr_standing now;
    if (exact->left_at_ms == 0 || exact->in_event ||
        mr_clock_monotonic_ms() - exact->left_at_ms < REJOIN_MS)
        return;
    mr_consumer_standing(app->consumer, &now);
    exact->left_at_ms = mr_clock_monotonic_ms();
    if (!now.lost && now.generation >= 0 && app->consumer_state.joined)
        begin_again(app);
}

/* A step of Kafka's: done here and now. */
static void
do_offsets(struct mr_app *app, const struct mr_step *step)
{
    struct mri_exact *exact = app->exact;
    struct mr_standing now;
    enum mr_answer answer = mri_offsets_step(app, step);
    exact->kafka_failures = answer == MR_ANSWER_OK ? 0 : exact->kafka_failures + 1;
    if (answer != MR_ANSWER_OK)
        exact->kafka_after_ms =
            mr_clock_monotonic_ms() +
            (KAFKA_PAUSE_MS << (exact->kafka_failures < 5 ? exact->kafka_failures : 5));
    mr_consumer_standing(app->consumer, &now);
    mr_live_answer(exact->live, step, answer, &now);
}

static void
do_step(struct mr_app *app, const struct mr_step *step)
{
    if (step->kind == MR_STEP_COMMIT_CHAIN || step->kind == MR_STEP_READ_CHAIN ||
        step->kind == MR_STEP_DECIDE || step->kind == MR_STEP_READ_UNIT)
        do_offsets(app, step);
    else {
        bool whole = step->kind == MR_STEP_LOAD || step->kind == MR_STEP_COMMIT;
        mri_call_put(app, step, whole ? mri_land_find(app, step->content) : NULL,
                     mri_exact_pause_before(app->exact, step));
    }
}

/* The standing is an answer of the client's own thread, so the machine is asked only when something may
 * come of it. Guard and post-check lose nothing: what leads to them stirs. */
static bool
may_go_on(const struct mri_exact *exact)
{
    int64_t now_ms = mr_clock_monotonic_ms();
    return now_ms >= exact->kafka_after_ms && (exact->stirred || now_ms >= exact->look_at_ms);
}

void
mri_exact_pump(struct mr_app *app)
{
    struct mri_exact *exact = app->exact;
    struct mr_standing now;
    struct mr_step step;
    mri_exact_take_answers(app);
    mri_exact_sweep(app);
    if (exact->restart && !exact->live)
        begin_again(app);
    watch_left(app);
    while (exact->live) {
        mri_exact_feed(app);
        if (!may_go_on(exact))
            return;
        mr_consumer_standing(app->consumer, &now);
        mr_live_next(exact->live, &now, &step);
        exact->stirred = step.kind != MR_STEP_NONE;
        exact->look_at_ms = mr_clock_monotonic_ms() + MRI_LOOK_MS;
        if (step.kind == MR_STEP_NONE)
            return;
        if (step.kind == MR_STEP_END) {
            end_chain(app, step.end);
            return;
        }
        do_step(app, &step);
    }
}

static enum mr_rc
copy_recovery(struct mri_exact *exact, const struct mr_span *spans, uint32_t count)
{
    uint32_t verdicts = 0, open = 0;
    const struct mr_verdict *found =
        exact->recovery ? mr_recovery_verdicts(exact->recovery, &verdicts) : NULL;
    const struct mr_registry_row *rows =
        exact->recovery ? mr_recovery_open(exact->recovery, &open) : NULL;
    MR_INSIST(!found || verdicts == count);
    exact->verdicts = calloc(count + 1, sizeof *exact->verdicts);
    exact->starts = calloc(count + 1, sizeof *exact->starts);
    exact->open = calloc(open + 1, sizeof *exact->open);
    if (!exact->verdicts || !exact->starts || !exact->open)
        return MR_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        exact->starts[i] = spans[i];
        exact->verdicts[i] = found ? found[i] : (struct mr_verdict){.committed = -1, .seq = 1};
    }
    if (open > 0)
        memcpy(exact->open, rows, open * sizeof *rows);
    exact->verdict_count = exact->start_count = count;
    exact->open_count = open;
    return MR_OK;
}

enum mr_rc
mri_exact_begin(struct mr_app *app, const struct mr_span *spans, uint32_t count)
{
    struct mri_exact *exact = app->exact;
    struct mr_standing taken;
    MR_INSIST(!exact->live);
    enum mr_rc rc = copy_recovery(exact, spans, count);
    bool recovered = exact->recovery != NULL;
    mr_recovery_free(&exact->recovery);
    mr_chain_draw(&exact->chain);
    mr_consumer_standing(app->consumer, &taken);
    if (rc == MR_OK && recovered && !mr_standing_holds(&exact->taken, &taken))
        rc = MR_BUSY; /* what was found is another owner's by now */
    if (rc == MR_OK)
        rc = mr_live_new(&exact->chain, &taken, exact->open_count > 0, &exact->live);
    if (rc != MR_OK) {
        drop_session(exact);
        return rc;
    }
    exact->left_at_ms = 0;
    exact->stirred = true;
    exact->restart = false;
    exact->replaying = mr_consumer_replaying(app->consumer);
    pthread_mutex_lock(&app->units_lock);
    snprintf(app->chain, sizeof app->chain, "%s", exact->chain.text);
    pthread_mutex_unlock(&app->units_lock);
    return MR_OK;
}

void
mri_exact_drop_replay(struct mr_app *app)
{
    if (!app->exact || !app->exact->replaying)
        return;
    mri_cut(app, MR_M_CUT_STOP);
    mri_land_give_up(app);
}

/* In the event: what has a decision is committed, the rest rolled back; what cannot be settled in time
 * is left to the next owner, whose fence finds it. */
void
mri_exact_leave(struct mr_app *app)
{
    struct mri_exact *exact = app->exact;
    int64_t start = mr_clock_monotonic_ms();
    if (exact->live) {
        mr_live_revoke(exact->live, false);
        exact->stirred = true;
        mri_calls_give_up(app, false);
    }
    while (exact->live && mr_clock_monotonic_ms() - start < LEAVE_MS) {
        mri_exact_pump(app);
        if (exact->live)
            mr_clock_sleep_ms(MRI_IDLE_MS);
    }
    end_session(app);
    exact->restart = false;
    exact->left_at_ms = 0;
}
