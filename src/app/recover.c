/* Recovery of partitions at an assignment: does the steps of the protocol's machine, one at a time, and
 * says where to start. */
#include "exact_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/base/assert.h"
#include "millrace/base/clock.h"
#include "millrace/base/log.h"

#define AGAIN_MS 200
#define TRIES 5 /* of one question, before the assignment waits and rebalances are served */

struct run {
    struct mr_app *app;
    struct mr_recovery *recovery;
    struct mr_sql *sql;            /* at the leader; NULL: to be connected again */
    struct mr_other_topics topics; /* of registry and ledger rows beyond the configuration */
    struct mr_place *places;
    uint32_t count;
    struct mr_chain *chains;       /* that the committed metadata names */
    uint32_t chain_count;
    uint32_t failures;             /* of the same step, one after the other */
    struct mr_error error;         /* the last failure */
};

static bool
stopping(const struct mr_app *app)
{
    /* Relaxed: a request; nothing else is read through it. */
    return atomic_load_explicit(&app->stopping, memory_order_relaxed);
}

static enum mr_answer
answer_of(enum mr_rc rc)
{
    return rc == MR_OK ? MR_ANSWER_OK : MR_ANSWER_ERROR;
}

static void
name_chain(struct run *run, const struct mr_chain *chain)
{
    if (!mr_chain_is_none(chain))
        run->chains[run->chain_count++] = *chain;
}

static enum mr_rc
read_committed(struct run *run)
{
    struct mr_committed *list = NULL;
    enum mr_rc rc = mri_offsets_read(run->app, run->places, run->count, &list, &run->error);
    run->chain_count = 0;
    for (uint32_t i = 0; rc == MR_OK && i < run->count; i++)
        if (list[i].offset >= 0 && list[i].kind == MR_METADATA_OURS) {
            name_chain(run, &list[i].metadata.last.chain);
            name_chain(run, &list[i].metadata.in_force);
        }
    enum mr_rc taken = mr_recovery_committed(run->recovery, answer_of(rc), list,
                                             rc == MR_OK ? run->count : 0);
    free(list);
    return rc == MR_OK ? taken : rc;
}

static enum mr_rc
connect_sql(struct run *run)
{
    return run->sql ? MR_OK : mr_sql_connect_leader(run->app->config, &run->sql, &run->error);
}

static enum mr_rc
read_registry(struct run *run)
{
    struct mr_registry_row *rows = NULL;
    uint32_t count = 0;
    enum mr_rc rc = connect_sql(run);
    if (rc == MR_OK)
        rc = mr_sql_registry(run->sql, run->app->layout, &run->topics, run->places, run->count,
                             run->chains, run->chain_count, &rows, &count, &run->error);
    enum mr_rc taken = mr_recovery_registry(run->recovery, answer_of(rc), rows, count);
    free(rows);
    return rc == MR_OK ? taken : rc;
}

static enum mr_rc
read_ledger(struct run *run)
{
    struct mr_ledger_row *rows = NULL;
    uint32_t count = 0;
    enum mr_rc rc = connect_sql(run);
    if (rc == MR_OK)
        rc = mr_sql_ledger_ends(run->sql, run->app->layout, &run->topics, &rows, &count,
                                &run->error);
    enum mr_rc taken = mr_recovery_ledger(run->recovery, answer_of(rc), rows, count);
    free(rows);
    return rc == MR_OK ? taken : rc;
}

/* A session timeout, so that a member that is no owner any more finds out before it raises an alarm. */
static enum mr_rc
pause_for_session(struct run *run)
{
    mr_log(MR_LOG_WARN, "app", "recovery found a reason to stop: looking again after a session "
                               "timeout");
    int64_t until = mr_clock_monotonic_ms() + mr_consumer_session_ms(run->app->consumer);
    struct mr_standing now;
    while (mr_clock_monotonic_ms() < until && !stopping(run->app)) {
        mr_consumer_standing(run->app->consumer, &now); /* who asks is not expelled */
        mr_clock_sleep_ms(50);
    }
    return mr_recovery_answer(run->recovery, MR_ANSWER_OK);
}

static enum mr_rc
ask_topic(struct run *run, const struct mr_step *step)
{
    enum mr_answer answer = mr_consumer_same_topic(run->app->consumer, step->place.topic,
                                                   step->place.partition, step->offset,
                                                   &run->error);
    enum mr_rc rc = mr_recovery_answer(run->recovery, answer);
    bool waits = answer == MR_ANSWER_ERROR || answer == MR_ANSWER_LOST;
    return rc == MR_OK && waits ? MR_KAFKA : rc;
}

/* ROLLBACK, COMMIT, VISIBLE, ASK_STATE. An answer that is not final is asked for again. */
static enum mr_rc
settle(struct run *run, const struct mr_step *step)
{
    enum mr_answer answer = mri_call_settle(run->app, run->app->exact->loader, step,
                                            &run->app->stopping);
    bool waits = answer == MR_ANSWER_LOST || answer == MR_ANSWER_ERROR ||
                 (step->kind == MR_STEP_VISIBLE && answer == MR_ANSWER_ALREADY);
    enum mr_rc rc = mr_recovery_answer(run->recovery, answer);
    if (rc != MR_OK || !waits)
        return rc;
    return mr_error_set(&run->error, MR_STARROCKS, "%s of label %s-%s-%" PRIu64 " has no final answer",
                        mr_step_name(step->kind), run->app->layout->pipeline, step->chain.text,
                        step->number);
}

static enum mr_rc
do_step(struct run *run, const struct mr_step *step)
{
    if (step->kind == MR_STEP_READ_COMMITTED)
        return read_committed(run);
    if (step->kind == MR_STEP_READ_REGISTRY)
        return read_registry(run);
    if (step->kind == MR_STEP_READ_LEDGER)
        return read_ledger(run);
    if (step->kind == MR_STEP_PAUSE)
        return pause_for_session(run);
    if (step->kind == MR_STEP_ASK_TOPIC)
        return ask_topic(run, step);
    return settle(run, step);
}

/* Until the machine ends. Another code than MR_OK: the assignment waits, and all begins anew. */
static enum mr_rc
run_steps(struct run *run, enum mr_outcome_end *ret_end)
{
    struct mr_standing now;
    struct mr_step step;
    while (!stopping(run->app)) {
        mr_consumer_standing(run->app->consumer, &now);
        mr_recovery_next(run->recovery, &now, &step);
        if (step.kind == MR_STEP_END) {
            *ret_end = step.end;
            return MR_OK;
        }
        mri_exact_point("recover", step.kind, "before");
        enum mr_rc rc = do_step(run, &step);
        mri_exact_point("recover", step.kind, "after");
        if (rc == MR_OK) {
            run->failures = 0;
            continue;
        }
        if (++run->failures >= TRIES)
            return rc;
        mr_sql_close(&run->sql);
        mr_clock_sleep_ms(AGAIN_MS);
    }
    return MR_BUSY;
}

static void
log_verdict(const struct mr_app *app, const struct mr_verdict *verdict)
{
    static const char *const kinds[] = {
        [MR_VERDICT_START] = "start",     [MR_VERDICT_REPLAY] = "replay",
        [MR_VERDICT_FIRST] = "first start", [MR_VERDICT_STOP] = "stop"};
    bool plain = verdict->kind != MR_VERDICT_REPLAY && verdict->alarms == 0;
    mr_log(plain ? MR_LOG_DEBUG : MR_LOG_WARN, "app", "recovered",
           MR_STR("topic", app->layout->topics[verdict->place.topic]),
           MR_INT("partition", verdict->place.partition), MR_STR("verdict", kinds[verdict->kind]),
           MR_INT("start", verdict->start), MR_INT("end", verdict->end),
           MR_INT("committed", verdict->committed), MR_INT("alarms", verdict->alarms));
}

/* The totals were read after the verdict, and belong to another end than it. */
static bool
has_moved(const struct mr_verdict *verdict, const struct mr_span *span)
{
    bool starts = verdict->kind == MR_VERDICT_START || verdict->kind == MR_VERDICT_REPLAY;
    return starts && span->end >= 0 && !(verdict->alarms & MR_ALARM_OPERATOR) &&
           span->end != verdict->start;
}

/* A replay of some tables is of units with a label a table, which are never begun here; a question about
 * the topic is a step of the machine, answered before its end. Taken as a start either would double or
 * lose rows. */
static void
insist_taken(const struct mr_verdict *verdict)
{
    MR_INSIST(verdict->kind != MR_VERDICT_REPLAY_PARTIAL);
    MR_INSIST(verdict->kind != MR_VERDICT_ASK_TOPIC);
}

/* The first partition that stops is the run's error; each has a line of its own. */
static enum mr_rc
take_verdicts(struct run *run, struct mr_span *spans, int64_t *until)
{
    struct mr_app *app = run->app;
    uint32_t count;
    const struct mr_verdict *verdicts = mr_recovery_verdicts(run->recovery, &count);
    struct mr_error *stop = &app->exact->stop;
    MR_INSIST(count == run->count);
    for (uint32_t i = 0; i < count; i++) {
        struct mr_error error;
        insist_taken(&verdicts[i]);
        if (has_moved(&verdicts[i], &spans[i]))
            return mr_error_set(&run->error, MR_BUSY, "the ledger moved during recovery");
        spans[i].end = verdicts[i].kind == MR_VERDICT_FIRST ? -1 : verdicts[i].start;
        if (verdicts[i].kind == MR_VERDICT_REPLAY)
            until[i] = verdicts[i].end;
        log_verdict(app, &verdicts[i]);
        if (verdicts[i].kind != MR_VERDICT_STOP)
            continue;
        mr_verdict_explain(&verdicts[i], app->layout->topics[verdicts[i].place.topic], &error);
        mr_log_error("app", "partition stopped: nothing was changed in its name", &error);
        if (stop->rc == MR_OK)
            *stop = error;
    }
    return stop->rc;
}

static enum mr_rc
recover(struct run *run, struct mr_span *spans, int64_t *until)
{
    enum mr_outcome_end end = MR_END_NONE;
    enum mr_rc rc = run_steps(run, &end);
    if (rc == MR_OK && end != MR_END_RECOVERED)
        rc = mr_error_set(&run->error, MR_BUSY, "the partitions were lost during recovery");
    if (rc == MR_OK)
        rc = connect_sql(run);
    if (rc == MR_OK) /* for the totals */
        rc = mr_sql_ledger(run->sql, run->app->layout, spans, run->count, &run->error);
    if (rc == MR_OK)
        rc = take_verdicts(run, spans, until);
    if (rc != MR_OK && rc != MR_STOPPED && !stopping(run->app))
        mr_log_error("app", "recovery has to wait: the assignment is tried again", &run->error);
    mri_report_trouble(run->app, rc == MR_OK ? NULL : &run->error);
    return rc;
}

static enum mr_rc
open_run(struct run *run, const struct mr_span *spans, const struct mr_standing *taken)
{
    const struct mr_app *app = run->app;
    const struct mr_recovery_options options = {.config = app->exact->config_version};
    run->places = mri_offsets_places(spans, run->count);
    run->chains = calloc(2 * (size_t)run->count + 1, sizeof *run->chains);
    if (!run->places || !run->chains)
        return MR_MEMORY;
    return mr_recovery_new(run->places, run->count, taken, &options, &run->recovery);
}

enum mr_rc
mri_recover_exact(struct mr_app *app, struct mr_span *spans, int64_t *until, uint32_t count)
{
    struct run run = {.app = app, .count = count};
    struct mr_standing taken;
    mr_recovery_free(&app->exact->recovery);
    if (app->options.without_sql)
        return MR_OK;
    mr_consumer_standing(app->consumer, &taken);
    app->exact->taken = taken;
    enum mr_rc rc = open_run(&run, spans, &taken);
    if (rc == MR_OK)
        rc = recover(&run, spans, until);
    if (rc == MR_OK)
        app->exact->recovery = run.recovery;
    else
        mr_recovery_free(&run.recovery);
    mr_sql_close(&run.sql);
    mr_other_topics_fini(&run.topics);
    free(run.places);
    free(run.chains);
    return rc;
}
