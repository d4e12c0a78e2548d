/* Offset commits of the protocol and their reading back: what is in the metadata of each partition. */
#include "exact_priv.h"

#include <stdlib.h>
#include <string.h>

#include "millrace/base/assert.h"
#include "millrace/base/log.h"

static void
set_metadata(struct mr_app *app, struct mr_offset *offset, struct mr_metadata *metadata)
{
    metadata->in_force = app->exact->chain;
    metadata->config = app->exact->config_version;
    snprintf(metadata->pipeline, sizeof metadata->pipeline, "%s", app->layout->pipeline);
    mr_metadata_encode(metadata, offset->metadata);
    offset->metadata_len = (uint32_t)strlen(offset->metadata);
}

/* Bit i: the i-th data target of the pipeline, rollups first, then detail, then quarantine. */
static uint64_t
table_mask(const struct mr_app *app, const struct mr_unit *unit)
{
    uint64_t mask = 0;
    for (uint32_t i = 0; i < unit->target_count; i++) {
        const struct mr_target *target = &unit->targets[i];
        uint32_t bit = target->kind == MR_TARGET_ROLLUP ? target->rollup
                       : target->kind == MR_TARGET_DETAIL ? app->layout->rollup_count
                                                          : app->layout->rollup_count + 1;
        mask |= UINT64_C(1) << bit;
    }
    return mask;
}

/* Every partition held: the end of the unit, for idle ones the unchanged offset. */
static struct mr_offset *
offsets_of_unit(struct mr_app *app, const struct mr_step *step, uint32_t *ret_count)
{
    uint64_t tables = table_mask(app, mri_land_find(app, step->content));
    pthread_mutex_lock(&app->units_lock);
    const struct mr_span *rows = mr_ledger_offsets(app->ledger, step->content, ret_count);
    struct mr_offset *offsets = calloc(*ret_count + 1, sizeof *offsets);
    MR_INSIST(offsets && rows);
    for (uint32_t i = 0; i < *ret_count; i++) {
        struct mr_metadata metadata = {.last = {step->chain, step->number},
                                       .start = rows[i].start,
                                       .tables = tables,
                                       .event_time_us = rows[i].event_time_us};
        offsets[i] = (struct mr_offset){.topic = rows[i].topic, .partition = rows[i].partition,
                                        .offset = rows[i].end};
        set_metadata(app, &offsets[i], &metadata);
    }
    pthread_mutex_unlock(&app->units_lock);
    return offsets;
}

/* An announcement changes nothing but the chain in force. What an operator decided, or what is new, is
 * pinned at the position. */
static void
announce_offset(struct mr_app *app, uint32_t index, struct mr_offset *ret_offset)
{
    const struct mr_verdict *verdict = &app->exact->verdicts[index];
    const struct mr_span *start = &app->exact->starts[index];
    bool unchanged = verdict->committed >= 0 && !(verdict->alarms & MR_ALARM_OPERATOR);
    struct mr_metadata metadata = {.start = start->end, .event_time_us = start->event_time_us};
    if (unchanged)
        metadata = verdict->metadata;
    *ret_offset = (struct mr_offset){.topic = start->topic, .partition = start->partition,
                                     .offset = unchanged ? verdict->committed : start->end};
    set_metadata(app, ret_offset, &metadata);
}

static struct mr_offset *
offsets_of_chain(struct mr_app *app, uint32_t *ret_count)
{
    uint32_t count = app->exact->start_count;
    struct mr_offset *offsets = calloc(count + 1, sizeof *offsets);
    MR_INSIST(offsets);
    for (uint32_t i = 0; i < count; i++)
        announce_offset(app, i, &offsets[i]);
    *ret_count = count;
    return offsets;
}

static enum mr_answer
commit(struct mr_app *app, const struct mr_step *step)
{
    struct mr_error error = {.rc = MR_OK};
    uint32_t count;
    struct mr_offset *offsets = step->kind == MR_STEP_DECIDE ? offsets_of_unit(app, step, &count)
                                                             : offsets_of_chain(app, &count);
    enum mr_answer answer = mr_consumer_commit_offsets(app->consumer, offsets, count, &error);
    free(offsets);
    mr_metrics_add(app->feed_cell, answer == MR_ANSWER_OK ? MR_M_COMMITS : MR_M_COMMITS_FAILED, 1);
    if (answer != MR_ANSWER_OK)
        mr_log(MR_LOG_WARN, "consume", "offset commit not confirmed: reading it back",
               MR_STR("error", error.text), MR_STR("hint", mr_error_get_hint(&error)));
    return answer;
}

enum mr_rc
mri_offsets_read(struct mr_app *app, const struct mr_place *places, uint32_t count,
                 struct mr_committed **ret_list, struct mr_error *reterr_error)
{
    struct mr_offset *offsets = calloc(count + 1, sizeof *offsets);
    struct mr_committed *list = calloc(count + 1, sizeof *list);
    MR_INSIST(offsets && list);
    for (uint32_t i = 0; i < count; i++)
        offsets[i] = (struct mr_offset){.topic = places[i].topic, .partition = places[i].partition};
    enum mr_rc rc = mr_consumer_committed(app->consumer, offsets, count, reterr_error);
    for (uint32_t i = 0; rc == MR_OK && i < count; i++) {
        struct mr_slice text = {offsets[i].metadata, offsets[i].metadata_len};
        list[i].place = places[i];
        list[i].offset = offsets[i].offset;
        list[i].kind = mr_metadata_decode(text, app->layout->pipeline, &list[i].metadata);
    }
    free(offsets);
    if (rc == MR_OK)
        *ret_list = list;
    else
        free(list);
    return rc;
}

/* Does every partition say what the commit said? */
static bool
says(const struct mr_step *step, const struct mr_committed *list, uint32_t count)
{
    const struct mr_unit_name unit = {step->chain, step->number};
    bool same = true;
    for (uint32_t i = 0; same && i < count; i++) {
        const struct mr_metadata *metadata = &list[i].metadata;
        same = list[i].offset >= 0 && list[i].kind == MR_METADATA_OURS &&
               (step->kind == MR_STEP_READ_UNIT ? mr_unit_name_equal(&metadata->last, &unit)
                                                : mr_chain_equal(&metadata->in_force, &step->chain));
    }
    return same;
}

struct mr_place *
mri_offsets_places(const struct mr_span *spans, uint32_t count)
{
    struct mr_place *places = calloc((size_t)count + 1, sizeof *places);
    for (uint32_t i = 0; places && i < count; i++)
        places[i] = (struct mr_place){spans[i].topic, spans[i].partition};
    return places;
}

static enum mr_answer
read_back(struct mr_app *app, const struct mr_step *step)
{
    const struct mri_exact *exact = app->exact;
    struct mr_error error = {.rc = MR_OK};
    struct mr_committed *list;
    struct mr_place *places = mri_offsets_places(exact->starts, exact->start_count);
    MR_INSIST(places);
    enum mr_rc rc = mri_offsets_read(app, places, exact->start_count, &list, &error);
    free(places);
    if (rc != MR_OK) {
        mr_log_error("consume", "the group's offsets cannot be read back: asking again", &error);
        return MR_ANSWER_ERROR;
    }
    bool same = says(step, list, exact->start_count);
    free(list);
    return same ? MR_ANSWER_OK : MR_ANSWER_UNKNOWN;
}

enum mr_answer
mri_offsets_step(struct mr_app *app, const struct mr_step *step)
{
    mri_exact_point("exact", step->kind, "before");
    bool commits = step->kind == MR_STEP_DECIDE || step->kind == MR_STEP_COMMIT_CHAIN;
    enum mr_answer answer = commits ? commit(app, step) : read_back(app, step);
    mri_exact_point("exact", step->kind, "after");
    return answer;
}
