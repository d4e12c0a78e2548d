/* Columns and tables of each target: the one place that spells their order. */
#include "harvest_priv.h"

#include <string.h>

#include "millrace/base/assert.h"
#include "millrace/base/attr.h"

static const enum mri_kind kinds[] = {
    [MR_TYPE_STRING] = MRI_KIND_STRING,
    [MR_TYPE_INT64] = MRI_KIND_INT,
    [MR_TYPE_DOUBLE] = MRI_KIND_DOUBLE,
    [MR_TYPE_BOOL] = MRI_KIND_BOOL,
    [MR_TYPE_DECIMAL] = MRI_KIND_DECIMAL,
    [MR_TYPE_TIMESTAMP] = MRI_KIND_TIMESTAMP,
    [MR_TYPE_DATE] = MRI_KIND_DATE,
    [MR_TYPE_JSON] = MRI_KIND_JSON,
};

static struct mri_out
out_of(const struct mr_column *column)
{
    return (struct mri_out){.name = column->name,
                            .suffix = "",
                            .kind = kinds[column->type],
                            .scale = column->scale,
                            .digits = column->type == MR_TYPE_DECIMAL ? column->precision : 19};
}

uint32_t
mri_harvest_detail(const struct mr_layout *layout, struct mri_out *ret_columns)
{
    static const struct mri_out provenance[] = {
        {"_topic", "", MRI_KIND_STRING, 0, 0},
        {"_partition", "", MRI_KIND_INT, 0, 10},
        {"_offset", "", MRI_KIND_INT, 0, 19},
    };
    uint32_t count = 0;
    MR_REQUIRE(layout->column_count <= MR_MAX_COLUMNS);
    for (; count < layout->column_count; count++)
        ret_columns[count] = out_of(&layout->columns[count]);
    for (uint32_t i = 0; i < MR_ARRAY_LEN(provenance); i++)
        ret_columns[count++] = provenance[i];
    return count;
}

/* Sums over BIGINT go to LARGEINT; all others keep their column's form. */
static struct mri_out
sum_of(const struct mr_column *column, const struct mr_measure *measure, const char *suffix)
{
    struct mri_out out = out_of(column);
    out.name = measure->name;
    out.suffix = suffix;
    out.digits = (uint8_t)(out.digits + MRI_COUNT_DIGITS);
    if (column->type == MR_TYPE_INT64)
        out.kind = MRI_KIND_LARGEINT;
    return out;
}

static uint32_t
add_measure(const struct mr_layout *layout,
            const struct mr_measure *measure,
            struct mri_out *ret_columns)
{
    struct mri_out count = {.name = measure->name,
                            .suffix = "",
                            .kind = MRI_KIND_INT,
                            .digits = MRI_COUNT_DIGITS};
    if (measure->op == MR_OP_COUNT_ALL || measure->op == MR_OP_COUNT) {
        ret_columns[0] = count;
        return 1;
    }
    const struct mr_column *column = &layout->columns[measure->column];
    if (measure->op == MR_OP_AVG) {
        count.suffix = "_count";
        ret_columns[0] = sum_of(column, measure, "_sum");
        ret_columns[1] = count;
        return 2;
    }
    ret_columns[0] = out_of(column);
    ret_columns[0].name = measure->name;
    if (measure->op == MR_OP_SUM)
        ret_columns[0] = sum_of(column, measure, "");
    return 1;
}

uint32_t
mri_harvest_rollup(const struct mr_layout *layout,
                   const struct mr_rollup *rollup,
                   struct mri_out *ret_columns)
{
    uint32_t count = 0;
    ret_columns[count++] =
        (struct mri_out){.name = "window_start", .suffix = "", .kind = MRI_KIND_TIMESTAMP};
    for (uint32_t i = 0; i < rollup->dim_count; i++)
        ret_columns[count++] = out_of(&layout->columns[rollup->dims[i]]);
    for (uint32_t i = 0; i < rollup->measure_count; i++)
        count += add_measure(layout, &rollup->measures[i], &ret_columns[count]);
    return count;
}

static void
write_names(const struct mri_out *columns, uint32_t count, struct mr_text *out)
{
    for (uint32_t i = 0; i < count; i++)
        mr_text_addf(out, "%s`%s%s`", i ? "," : "", columns[i].name, columns[i].suffix);
}

#define NAMED(name, type, null) "`" name "`,"

struct fixed {
    const char *name, *type;
};

static bool
is_binary(const struct fixed *column)
{
    return strncmp(column->type, "VARBINARY", 9) == 0;
}

/* Servers differ in what they take the text of a VARBINARY column for (hex, base64 or the bytes as
 * they are), so our hex text arrives under a name that the table does not have and is decoded by
 * an expression that names the format. */
static void
write_quarantine(struct mr_text *out)
{
#define ROW(name, type, null) {name, type},
    static const struct fixed columns[] = {MR_QUARANTINE_COLUMNS(ROW)};
#undef ROW
    for (size_t i = 0; i < MR_ARRAY_LEN(columns); i++)
        mr_text_addf(
            out, "%s`%s%s`", i ? "," : "", columns[i].name, is_binary(&columns[i]) ? "_hex" : "");
    for (size_t i = 0; i < MR_ARRAY_LEN(columns); i++)
        if (is_binary(&columns[i]))
            mr_text_addf(
                out, ",`%s`=to_binary(`%s_hex`,'hex')", columns[i].name, columns[i].name);
}

void
mr_harvest_columns(const struct mr_layout *layout,
                   enum mr_target_kind kind,
                   uint32_t rollup,
                   struct mr_text *out)
{
    static const char ledger[] = MR_LEDGER_COLUMNS(NAMED);
    struct mri_out columns[MRI_DETAIL_MAX];
    _Static_assert(MRI_ROLLUP_MAX <= MRI_DETAIL_MAX, "one array serves both");
    switch (kind) {
    case MR_TARGET_ROLLUP:
        MR_REQUIRE(rollup < layout->rollup_count);
        write_names(columns, mri_harvest_rollup(layout, &layout->rollups[rollup], columns), out);
        break;
    case MR_TARGET_DETAIL:
        write_names(columns, mri_harvest_detail(layout, columns), out);
        break;
    case MR_TARGET_QUARANTINE:
        write_quarantine(out);
        break;
    case MR_TARGET_LEDGER:
        mr_text_add(out, ledger, sizeof ledger - 2); /* without the last comma */
        break;
    }
}

const char *
mr_harvest_table(const struct mr_layout *layout, enum mr_target_kind kind, uint32_t rollup)
{
    switch (kind) {
    case MR_TARGET_ROLLUP:
        MR_REQUIRE(rollup < layout->rollup_count);
        return layout->rollups[rollup].table;
    case MR_TARGET_DETAIL:
        return layout->detail_table;
    case MR_TARGET_QUARANTINE:
        return layout->quarantine_table;
    case MR_TARGET_LEDGER:
        return MR_LEDGER_TABLE;
    }
    return "";
}
