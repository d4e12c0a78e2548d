/* Shapes: a rollup compiled to cells (words of an entry) and outputs (values of the drain). */
#include "fold_priv.h"

#define INLINE_MIN    20u /* window start and two short dimensions */
#define NARROW_DIGITS 18u /* 10^18 fits into 64 bits */
/* 2^32 values below 10^28 stay below 10^38 < 2^127; wider ones may pass it within one unit. */
#define SUM_128_DIGITS 28u

static uint32_t
cell_words(enum mri_cell_kind kind)
{
    if (kind == MRI_SUM)
        return 2;
    return kind == MRI_SUM_WIDE ? 3 : 1;
}

/* Index of the cell, which is added when no measure before needed it. */
static uint32_t
need_cell(struct mri_shape *shape, const struct mri_cell *wanted)
{
    for (uint32_t i = 0; i < shape->cell_count; i++)
        if (shape->cells[i].kind == wanted->kind && shape->cells[i].column == wanted->column)
            return i;
    struct mri_cell *cell = &shape->cells[shape->cell_count];
    *cell = *wanted;
    cell->word = shape->word_count;
    shape->word_count += cell_words(cell->kind);
    return shape->cell_count++;
}

static uint32_t
need_count(struct mri_shape *shape, uint32_t column, bool nullable)
{
    struct mri_cell cell = {.kind = MRI_COUNT_ALL, .type = MR_TYPE_INT64};
    if (nullable)
        cell = (struct mri_cell){
            .kind = MRI_COUNT, .type = MR_TYPE_INT64, .column = column, .nullable = true};
    return need_cell(shape, &cell);
}

static enum mri_cell_kind
extreme_kind(const struct mr_column *column, bool least)
{
    if (column->type == MR_TYPE_DOUBLE)
        return least ? MRI_MIN_F64 : MRI_MAX_F64;
    if (column->type == MR_TYPE_STRING ||
        (column->type == MR_TYPE_DECIMAL && column->precision > NARROW_DIGITS))
        return least ? MRI_MIN_REF : MRI_MAX_REF;
    return least ? MRI_MIN : MRI_MAX;
}

static bool
sum_kind(const struct mr_column *column, enum mri_cell_kind *ret_kind)
{
    if (column->type == MR_TYPE_DOUBLE)
        *ret_kind = MRI_SUM_F64;
    else if (column->type == MR_TYPE_DECIMAL)
        *ret_kind = column->precision > SUM_128_DIGITS ? MRI_SUM_WIDE : MRI_SUM;
    else if (column->type == MR_TYPE_INT64)
        *ret_kind = MRI_SUM;
    else
        return false;
    return true;
}

static void
add_output(struct mri_shape *shape, uint32_t cell, int32_t count_cell)
{
    shape->outputs[shape->output_count++] =
        (struct mri_output){.cell = cell, .count_cell = count_cell};
}

/* A value over a column: min, max, sum. NULL when no value was there. */
static uint32_t
add_column_output(struct mri_shape *shape,
                  enum mri_cell_kind kind,
                  const struct mr_column *column,
                  uint32_t index)
{
    int32_t count_cell = column->nullable ? (int32_t)need_count(shape, index, true) : -1;
    struct mri_cell cell = {
        .kind = kind, .type = column->type, .column = index, .nullable = column->nullable};
    uint32_t at = need_cell(shape, &cell);
    add_output(shape, at, count_cell);
    if (kind == MRI_MIN_REF || kind == MRI_MAX_REF)
        shape->refs++;
    return at;
}

static enum mr_rc
add_measure(struct mri_shape *shape,
            const struct mr_layout *layout,
            const struct mr_measure *measure)
{
    if (measure->op == MR_OP_COUNT_ALL) {
        add_output(shape, need_count(shape, 0, false), -1);
        return MR_OK;
    }
    if (measure->column < 0 || (uint32_t)measure->column >= layout->column_count)
        return MR_SCHEMA;
    uint32_t index = (uint32_t)measure->column;
    const struct mr_column *column = &layout->columns[index];
    enum mri_cell_kind kind = MRI_COUNT;
    if (measure->op == MR_OP_MIN || measure->op == MR_OP_MAX) {
        if (column->type == MR_TYPE_JSON)
            return MR_SCHEMA;
        add_column_output(shape, extreme_kind(column, measure->op == MR_OP_MIN), column, index);
    } else if (measure->op == MR_OP_SUM || measure->op == MR_OP_AVG) {
        if (!sum_kind(column, &kind))
            return MR_SCHEMA;
        add_column_output(shape, kind, column, index);
    }
    if (measure->op == MR_OP_COUNT || measure->op == MR_OP_AVG)
        add_output(shape, need_count(shape, index, column->nullable), -1);
    return MR_OK;
}

/* The words stand at the end of whole cache lines; the key gets the rest. */
static void
set_sizes(struct mri_shape *shape)
{
    uint32_t header = (uint32_t)offsetof(struct mri_entry, key);
    uint32_t words = shape->word_count * (uint32_t)sizeof(uint64_t);
    uint32_t least = header + INLINE_MIN + words;
    shape->entry_bytes = (least + MR_CACHE_LINE - 1) / MR_CACHE_LINE * MR_CACHE_LINE;
    shape->inline_bytes = shape->entry_bytes - header - words;
}

enum mr_rc
mri_fold_shape_compile(const struct mr_layout *layout,
                       const struct mr_rollup *rollup,
                       struct mri_shape *ret_shape)
{
    if (rollup->dim_count > MR_MAX_DIMS || rollup->measure_count > MR_MAX_MEASURES ||
        rollup->size_us <= 0)
        return MR_SCHEMA;
    *ret_shape = (struct mri_shape){.rollup = rollup};
    for (uint32_t i = 0; i < rollup->dim_count; i++) {
        enum mr_type type = layout->columns[rollup->dims[i]].type;
        if (type == MR_TYPE_DOUBLE || type == MR_TYPE_JSON)
            return MR_SCHEMA;
        ret_shape->dim_types[i] = type;
        ret_shape->has_strings |= type == MR_TYPE_STRING;
    }
    for (uint32_t i = 0; i < rollup->measure_count; i++) {
        enum mr_rc rc = add_measure(ret_shape, layout, &rollup->measures[i]);
        if (rc != MR_OK)
            return rc;
    }
    set_sizes(ret_shape);
    return MR_OK;
}
