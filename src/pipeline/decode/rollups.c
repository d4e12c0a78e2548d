/* Rollups of the configuration → indexes into the layout's columns, with what each measure may be
 * taken over. Sums never wrap: what could not be summed exactly is refused here. */
#include "decode_priv.h"
#include "millrace/base/clock.h"

#include <stdio.h>
#include <strings.h>

/* DECIMAL(26) times 10^12 events is below 10^38, what DECIMAL(38) holds. */
#define SUM_PRECISION_MAX    26
#define MINMAX_PRECISION_MAX 18 /* compared as 64-bit integers */
#define NAMES_MAX            (1 + MR_MAX_DIMS + 3 * MR_MAX_MEASURES)

static const char *
op_name(enum mr_op op)
{
    static const char *const names[] = {[MR_OP_COUNT_ALL] = "count",
                                        [MR_OP_COUNT] = "count",
                                        [MR_OP_SUM] = "sum",
                                        [MR_OP_MIN] = "min",
                                        [MR_OP_MAX] = "max",
                                        [MR_OP_AVG] = "avg"};
    return names[op];
}

/* Why op cannot be taken over the column, or NULL. */
static const char *
op_problem(enum mr_op op, const struct mr_column *column)
{
    bool sum = op == MR_OP_SUM || op == MR_OP_AVG, extreme = op == MR_OP_MIN || op == MR_OP_MAX;
    bool number = column->type == MR_TYPE_INT64 || column->type == MR_TYPE_DOUBLE ||
                  column->type == MR_TYPE_DECIMAL;
    bool moment = column->type == MR_TYPE_TIMESTAMP || column->type == MR_TYPE_DATE;
    bool decimal = column->type == MR_TYPE_DECIMAL;
    if (sum && !number)
        return "only integers, numbers and decimals can be summed";
    if (sum && decimal && column->precision > SUM_PRECISION_MAX)
        return "a sum over more than 26 digits could overflow DECIMAL(38)";
    if (extreme && !number && !moment)
        return "only numbers, decimals, times and dates have a min and max here";
    if (extreme && decimal && column->precision > MINMAX_PRECISION_MAX)
        return "min and max need a decimal of at most 18 digits";
    return NULL;
}

static void
add_measure(struct mri_compile *compile,
            const struct mr_rollup_spec *rollup,
            const struct mr_measure_spec *spec,
            struct mr_measure *measure)
{
    char option[96];
    const struct mr_layout *layout = &compile->plan->layout;
    snprintf(option, sizeof option, "rollups.%s.measures.%s", rollup->table, spec->name);
    char *name = mri_plan_text(compile->plan, spec->name, strlen(spec->name));
    compile->no_memory |= !name;
    *measure =
        (struct mr_measure){.name = name, .op = spec->op, .column = -1, .type = MR_TYPE_INT64};
    if (spec->op == MR_OP_COUNT_ALL)
        return;
    measure->column = mri_layout_find(compile, spec->field, spec->line, option);
    if (measure->column < 0)
        return;
    const struct mr_column *column = &layout->columns[measure->column];
    const char *problem = op_problem(spec->op, column);
    if (problem)
        mr_mistakes_add(compile->mistakes,
                        spec->line,
                        option,
                        "",
                        "%s(%s): %s is %s; %s",
                        op_name(spec->op),
                        spec->field,
                        column->path,
                        mri_type_name(column->type),
                        problem);
    bool sum = spec->op == MR_OP_SUM || spec->op == MR_OP_AVG;
    if (sum && column->type == MR_TYPE_DOUBLE &&
        !mri_bounds_summed(mri_layout_node(compile->plan, measure->column)))
        mr_mistakes_add(compile->mistakes,
                        spec->line,
                        option,
                        "",
                        "%s(%s): the default or the bounds of %s are too large to be summed",
                        op_name(spec->op),
                        spec->field,
                        column->path);
    if (spec->op == MR_OP_COUNT)
        return;
    measure->type = column->type;
    measure->precision = column->precision;
    measure->scale = column->scale;
    measure->nullable = column->nullable;
}

static void
add_dim(struct mri_compile *compile,
        const struct mr_rollup_spec *spec,
        const char *field,
        struct mr_rollup *rollup)
{
    char option[96];
    snprintf(option, sizeof option, "rollups.%s.by", spec->table);
    int32_t index = mri_layout_find(compile, field, spec->line, option);
    if (index < 0)
        return;
    const struct mr_column *column = &compile->plan->layout.columns[index];
    if (column->type == MR_TYPE_DOUBLE || column->type == MR_TYPE_JSON)
        mr_mistakes_add(compile->mistakes,
                        spec->line,
                        option,
                        "",
                        "\"%s\" is %s, which cannot be a dimension",
                        field,
                        mri_type_name(column->type));
    rollup->dims[rollup->dim_count++] = (uint32_t)index;
}

/* --- names of one rollup's columns: window_start, dimensions, measures and what avg adds */

struct names {
    const char *items[NAMES_MAX];
    uint32_t count;
};

static void
add_name(struct mri_compile *compile,
         const struct mr_rollup_spec *spec,
         struct names *names,
         const char *name)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (strcasecmp(names->items[i], name) == 0)
            mr_mistakes_add(compile->mistakes,
                            spec->line,
                            "rollups",
                            "",
                            "%s: two columns would be called \"%s\"",
                            spec->table,
                            name);
    }
    names->items[names->count++] = name;
}

static void
add_avg_names(struct mri_compile *compile,
              const struct mr_rollup_spec *spec,
              struct names *names,
              const char *name)
{
    static const char *const parts[] = {"_sum", "_count"};
    for (size_t i = 0; i < MR_ARRAY_LEN(parts); i++) {
        size_t size = strlen(name) + 8;
        char *part = mri_plan_alloc(compile->plan, size);
        compile->no_memory |= !part;
        if (!part)
            return;
        snprintf(part, size, "%s%s", name, parts[i]);
        add_name(compile, spec, names, part);
    }
}

static void
check_names(struct mri_compile *compile,
            const struct mr_rollup_spec *spec,
            const struct mr_rollup *rollup)
{
    struct names names = {.count = 0};
    add_name(compile, spec, &names, "window_start");
    for (uint32_t i = 0; i < rollup->dim_count; i++)
        add_name(compile, spec, &names, compile->plan->layout.columns[rollup->dims[i]].name);
    for (uint32_t i = 0; i < rollup->measure_count; i++) {
        const struct mr_measure *measure = &rollup->measures[i];
        add_name(compile, spec, &names, measure->name);
        if (measure->op == MR_OP_AVG)
            add_avg_names(compile, spec, &names, measure->name);
    }
}

static void
add_rollup(struct mri_compile *compile, const struct mr_rollup_spec *spec, struct mr_rollup *rollup)
{
    char *table = mri_plan_text(compile->plan, spec->table, strlen(spec->table));
    compile->no_memory |= !table;
    *rollup = (struct mr_rollup){.table = table,
                                 .size_us = spec->size_s * 1000000,
                                 .offset_us = spec->offset_s * 1000000,
                                 .max_keys = (uint64_t)spec->max_keys};
    if (spec->by.count > MR_MAX_DIMS || spec->measure_count > MR_MAX_MEASURES) {
        mr_mistakes_add(compile->mistakes,
                        spec->line,
                        "rollups",
                        "",
                        "%s: more than %d dimensions or %d measures",
                        spec->table,
                        MR_MAX_DIMS,
                        MR_MAX_MEASURES);
        return;
    }
    for (uint32_t i = 0; i < spec->by.count; i++)
        add_dim(compile, spec, spec->by.items[i], rollup);
    for (uint32_t i = 0; i < spec->measure_count; i++)
        add_measure(compile, spec, &spec->measures[i], &rollup->measures[i]);
    rollup->measure_count = spec->measure_count;
    if (!compile->no_memory)
        check_names(compile, spec, rollup);
}

/* The first window that begins in the calendar bounds the times of events. */
static void
bound_time(struct mr_plan *plan, const struct mr_rollup *rollup)
{
    int64_t first_us = MR_DAYS_MIN * MR_US_PER_DAY - rollup->offset_us;
    int64_t begin_us = mr_clock_floor(first_us + rollup->size_us - 1, rollup->size_us);
    if (begin_us + rollup->offset_us > plan->min_time_us)
        plan->min_time_us = begin_us + rollup->offset_us;
}

void
mri_rollups_compile(struct mri_compile *compile)
{
    const struct mr_config *config = compile->config;
    struct mr_layout *layout = &compile->plan->layout;
    if (compile->no_memory)
        return;
    if (config->rollup_count > MR_MAX_ROLLUPS) {
        mr_mistakes_add(compile->mistakes, 0, "rollups", "", "more than %d", MR_MAX_ROLLUPS);
        return;
    }
    layout->rollups =
        mri_plan_alloc(compile->plan, (config->rollup_count + 1) * sizeof *layout->rollups);
    compile->no_memory |= !layout->rollups;
    compile->plan->min_time_us = INT64_MIN;
    for (uint32_t i = 0; i < config->rollup_count && layout->rollups; i++) {
        add_rollup(compile, &config->rollups[i], &layout->rollups[i]);
        bound_time(compile->plan, &layout->rollups[i]);
    }
    layout->rollup_count = config->rollup_count;
}
