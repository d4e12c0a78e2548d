/* The registry of chains in the sink: a chain is announced, seen to be there, and closed over those of its
 * predecessors. Thread: the control threads, one call at a time. */
#include "exact_priv.h"

#include <stdlib.h>
#include <string.h>

#include "millrace/base/assert.h"
#include "millrace/base/clock.h"
#include "millrace/base/log.h"
#include "millrace/model/tables.h"

/* Closed rows stay readable for longer than labels, prepared transactions and offsets are kept. */
#define CLOSED_KEPT_US (INT64_C(30) * 86400 * 1000000)

static enum mr_answer
load_chains(struct mri_loader *loader, const struct mri_call *call, const char *label,
            struct mr_body *body, bool removes)
{
    struct mr_text columns = {.limit = 0};
    struct mr_load_reply reply;
    if (body->rows > 0)
        mri_horizon_count(loader->app);
    mr_harvest_chain_columns(removes, &columns);
    MR_INSIST(!columns.overflow);
    const struct mr_load_job job = {.table = MR_CHAINS_TABLE, .label = label,
                                    .columns = mr_text_str(&columns), .body = body};
    enum mr_outcome outcome = body->rows > 0
                                  ? mr_load_settled(loader->loader, &job, &call->give_up, &reply)
                                  : MR_OUTCOME_DONE;
    if (outcome != MR_OUTCOME_DONE && outcome != MR_OUTCOME_RETRY)
        mri_call_log_refusal(call->step.kind, label, &reply);
    mr_text_fini(&columns);
    mr_body_fini(body);
    return outcome == MR_OUTCOME_DONE ? MR_ANSWER_OK : MR_ANSWER_ERROR;
}

/* The rows of the chain in force; feed changes them only between chains, without calls under way. */
enum mr_answer
mri_registry_announce(struct mri_loader *loader, const struct mri_call *call)
{
    struct mr_app *app = loader->app;
    struct mri_exact *exact = app->exact;
    struct mr_registry_row *rows = calloc(exact->start_count + 1, sizeof *rows);
    struct mr_label label;
    struct mr_body body;
    MR_INSIST(rows);
    for (uint32_t i = 0; i < exact->start_count; i++)
        rows[i] = (struct mr_registry_row){
            .place = {exact->starts[i].topic, exact->starts[i].partition},
            .chain = call->step.chain,
            .seq = exact->verdicts[i].seq,
            .start = exact->starts[i].end,
            .announced_us = mr_clock_wall_us()};
    enum mr_rc rc = mr_label_announce(app->layout->pipeline, &call->step.chain, call->step.number,
                                      &label);
    if (rc == MR_OK)
        rc = mr_harvest_chains(app->layout, &app->budget, rows, exact->start_count,
                               exact->start_count, INT64_MIN, &body);
    free(rows);
    return rc == MR_OK ? load_chains(loader, call, label.text, &body, false) : MR_ANSWER_ERROR;
}

/* Are all rows of the chain there? */
static bool
has_all(const struct mri_exact *exact, const struct mr_registry_row *rows, uint32_t count)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < exact->start_count; i++)
        for (uint32_t k = 0; k < count; k++)
            if (rows[k].place.topic == exact->starts[i].topic &&
                rows[k].place.partition == exact->starts[i].partition && !rows[k].closed) {
                found++;
                break;
            }
    return found == exact->start_count;
}

enum mr_answer
mri_registry_find(struct mr_app *app, const struct mri_call *call)
{
    struct mr_sql *sql = NULL;
    struct mr_error error = {.rc = MR_OK};
    struct mr_other_topics topics = {NULL, 0};
    struct mr_registry_row *rows = NULL;
    uint32_t count = 0;
    if (app->options.without_sql)
        return MR_ANSWER_OK;
    enum mr_rc rc = mr_sql_connect_leader(app->config, &sql, &error);
    if (rc == MR_OK)
        rc = mr_sql_chain(sql, app->layout, &topics, &call->step.chain, &rows, &count, &error);
    bool all = rc == MR_OK && has_all(app->exact, rows, count);
    free(rows);
    mr_other_topics_fini(&topics);
    mr_sql_close(&sql);
    if (rc == MR_OK)
        return all ? MR_ANSWER_OK : MR_ANSWER_UNKNOWN;
    mr_log_error("verify", "the registry cannot be read: asking again", &error);
    return MR_ANSWER_ERROR;
}

/* Rows that were closed long ago, to be deleted by the same load. No answer: the next time. */
static uint32_t
find_old(struct mr_app *app, struct mr_registry_row **ret_rows)
{
    const struct mri_exact *exact = app->exact;
    struct mr_sql *sql = NULL;
    struct mr_error error = {.rc = MR_OK};
    uint32_t count = 0;
    *ret_rows = NULL;
    if (app->options.without_sql)
        return 0;
    struct mr_place *places = mri_offsets_places(exact->starts, exact->start_count);
    MR_INSIST(places);
    enum mr_rc rc = mr_sql_connect_leader(app->config, &sql, &error);
    if (rc == MR_OK)
        rc = mr_sql_chains_closed_before(sql, app->layout, places, exact->start_count,
                                         mr_clock_wall_us() - CLOSED_KEPT_US, ret_rows, &count,
                                         &error);
    if (rc != MR_OK)
        mr_log_error("verify", "old rows of the registry stay for now", &error);
    mr_sql_close(&sql);
    free(places);
    return rc == MR_OK ? count : 0;
}

enum mr_answer
mri_registry_close(struct mri_loader *loader, const struct mri_call *call)
{
    struct mr_app *app = loader->app;
    struct mri_exact *exact = app->exact;
    struct mr_registry_row *old;
    struct mr_label label;
    struct mr_body body;
    uint32_t old_count = find_old(app, &old), count = exact->open_count + old_count;
    struct mr_registry_row *rows = calloc(count + 1, sizeof *rows);
    MR_INSIST(rows);
    if (exact->open_count > 0)
        memcpy(rows, exact->open, exact->open_count * sizeof *rows);
    if (old_count > 0)
        memcpy(rows + exact->open_count, old, old_count * sizeof *rows);
    enum mr_rc rc =
        mr_label_close(app->layout->pipeline, &call->step.chain, call->step.number, &label);
    if (rc == MR_OK)
        rc = mr_harvest_chains(app->layout, &app->budget, rows, count, exact->open_count,
                               mr_clock_wall_us(), &body);
    free(rows);
    free(old);
    return rc == MR_OK ? load_chains(loader, call, label.text, &body, old_count > 0)
                       : MR_ANSWER_ERROR;
}
