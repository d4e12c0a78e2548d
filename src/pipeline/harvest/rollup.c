/* Rollups: the rows of a quiet unit's table, encoded. */
#include "harvest_priv.h"

struct encoder {
    struct mr_body *body;
    const struct mri_out *columns;
    uint32_t count, dims;
    struct mri_dates dates;
    bool unsafe; /* a value was met that CSV cannot carry */
};

static bool
any_unsafe(const struct mr_value *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (values[i].set && values[i].csv_unsafe)
            return true;
    return false;
}

static enum mr_rc
encode_row(void *context, const struct mr_fold_row *row)
{
    struct encoder *encoder = context;
    uint32_t measures = encoder->count - 1 - encoder->dims;
    if (encoder->body->format == MR_BODY_CSV &&
        (any_unsafe(row->dims, encoder->dims) || any_unsafe(row->measures, measures))) {
        encoder->unsafe = true;
        return MR_BUSY; /* ends this drain; the next one writes JSON */
    }
    struct mr_value start = {.i64 = row->window_start_us, .set = true};
    const struct mr_value *values[MRI_ROLLUP_MAX];
    values[0] = &start;
    for (uint32_t i = 0; i < encoder->dims; i++)
        values[1 + i] = &row->dims[i];
    for (uint32_t i = 0; i < measures; i++)
        values[1 + encoder->dims + i] = &row->measures[i];
    if (encoder->body->format == MR_BODY_JSON)
        return mri_harvest_json_values(
            encoder->body, encoder->columns, values, encoder->count, &encoder->dates);
    return mri_harvest_csv_values(
        encoder->body, encoder->columns, values, encoder->count, &encoder->dates);
}

/* A quiet unit can be drained again, so what CSV cannot carry is found while CSV is tried. */
enum mr_rc
mri_harvest_drain(const struct mr_layout *layout,
                  struct mr_budget *budget,
                  struct mr_fold_unit *unit,
                  uint32_t rollup,
                  struct mr_body *ret_body)
{
    struct mri_out columns[MRI_ROLLUP_MAX];
    struct mr_body body;
    struct encoder encoder = {.body = &body, .columns = columns, .dates = {.day = INT32_MIN}};
    encoder.count = mri_harvest_rollup(layout, &layout->rollups[rollup], columns);
    encoder.dims = layout->rollups[rollup].dim_count;
    mr_body_init(&body, MR_BODY_CSV, budget);
    body.frugal = true; /* as its unit promised */
    enum mr_rc rc = mr_fold_drain(unit, rollup, encode_row, &encoder);
    if (encoder.unsafe) {
        mr_body_fini(&body);
        mr_body_init(&body, MR_BODY_JSON, budget);
        rc = mr_fold_drain(unit, rollup, encode_row, &encoder);
    }
    if (rc != MR_OK)
        mr_body_fini(&body);
    else
        *ret_body = body;
    return rc;
}

/* Longest text of a value, without what is text in the event too. */
static size_t
value_bytes(const struct mri_out *column)
{
    switch (column->kind) {
    case MRI_KIND_INT:
    case MRI_KIND_LARGEINT:
    case MRI_KIND_DECIMAL:
        return column->digits + 3u; /* sign, point, and a zero before it */
    case MRI_KIND_DOUBLE:
        return 24;
    case MRI_KIND_TIMESTAMP:
        return 26;
    case MRI_KIND_DATE:
        return 10;
    case MRI_KIND_BOOL:
    case MRI_KIND_STRING:
    case MRI_KIND_JSON:
        break;
    }
    return 2; /* \N, which is longer than 0 or 1 */
}

size_t
mr_harvest_row_bytes(const struct mr_layout *layout, uint32_t rollup)
{
    struct mri_out columns[MRI_ROLLUP_MAX];
    uint32_t count = mri_harvest_rollup(layout, &layout->rollups[rollup], columns);
    size_t bytes = count; /* separators */
    for (uint32_t i = 0; i < count; i++)
        bytes += value_bytes(&columns[i]);
    return bytes;
}
