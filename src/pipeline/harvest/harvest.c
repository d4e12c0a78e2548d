/* Harvest: a quiet unit → bodies, in the order of their loads. */
#include "harvest_priv.h"

struct harvest {
    const struct mr_layout *layout;
    struct mr_budget *budget;
    struct mr_rows *const *rows;
    uint32_t row_count;
    struct mr_target *targets;
    uint32_t count;
};

static void
add_target(struct harvest *harvest, enum mr_target_kind kind, uint32_t rollup, struct mr_body body)
{
    if (body.rows > 0)
        harvest->targets[harvest->count++] =
            (struct mr_target){.kind = kind, .rollup = rollup, .body = body};
}

static enum mr_rc
take_rollups(struct harvest *harvest, struct mr_fold_unit *unit)
{
    for (uint32_t i = 0; i < harvest->layout->rollup_count; i++) {
        struct mr_body body;
        enum mr_rc rc = mri_harvest_drain(harvest->layout, harvest->budget, unit, i, &body);
        if (rc != MR_OK)
            return rc;
        add_target(harvest, MR_TARGET_ROLLUP, i, body);
    }
    return MR_OK;
}

static bool
needs_json(const struct harvest *harvest)
{
    for (uint32_t i = 0; i < harvest->row_count; i++)
        if (harvest->rows[i]->json.rows > 0)
            return true;
    return false;
}

/* All loads of one table in a unit have one format: with one JSON row the others follow. */
static enum mr_rc
take_detail(struct harvest *harvest)
{
    struct mr_body body;
    bool json = needs_json(harvest);
    enum mr_rc rc = MR_OK;
    mr_body_init(&body, json ? MR_BODY_JSON : MR_BODY_CSV, harvest->budget);
    for (uint32_t i = 0; rc == MR_OK && i < harvest->row_count; i++) {
        struct mr_rows *rows = harvest->rows[i];
        if (json) {
            rc = mri_harvest_transcode(&rows->csv, &body, rows->columns, rows->column_count);
            mr_body_append_take(&body, &rows->json);
        } else {
            mr_body_append_take(&body, &rows->csv);
        }
    }
    if (rc == MR_OK)
        add_target(harvest, MR_TARGET_DETAIL, 0, body);
    else
        mr_body_fini(&body);
    return rc;
}

static void
take_quarantine(struct harvest *harvest)
{
    struct mr_body body;
    mr_body_init(&body, MR_BODY_CSV, harvest->budget);
    for (uint32_t i = 0; i < harvest->row_count; i++)
        mr_body_append_take(&body, &harvest->rows[i]->quarantine);
    add_target(harvest, MR_TARGET_QUARANTINE, 0, body);
}

enum mr_rc
mr_harvest_unit(const struct mr_layout *layout,
                struct mr_budget *budget,
                struct mr_fold_unit *unit,
                struct mr_rows *const *rows,
                uint32_t row_count,
                struct mr_target *targets,
                uint32_t *ret_count)
{
    struct harvest harvest = {layout, budget, rows, row_count, targets, 0};
    enum mr_rc rc = take_rollups(&harvest, unit);
    if (rc == MR_OK)
        rc = take_detail(&harvest);
    if (rc == MR_OK) {
        take_quarantine(&harvest);
        *ret_count = harvest.count;
        return MR_OK;
    }
    for (uint32_t i = 0; i < harvest.count; i++)
        mr_body_fini(&targets[i].body);
    return rc;
}
