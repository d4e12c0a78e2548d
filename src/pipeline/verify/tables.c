/* What the tables of a pipeline are: layout → descriptions, from which DDL and comparison work. */
#include "pipeline/verify/verify_priv.h"

#include <stdlib.h>

#include "millrace/base/assert.h"

/* Beside detail, quarantine, ledger and chains: a table and a view a rollup. */
enum { DETAIL, QUARANTINE, FIRST_ROLLUP };
#define NAME_BYTES_MAX     256
#define PIPELINE_BYTES_MAX 32 /* VARCHAR of the ledger's first column */
#define COLUMNS_MAX        (MR_MAX_COLUMNS + 8)

const char *
mri_model_name(enum mri_model model)
{
    static const char *const names[] = {
        "DUPLICATE KEY", "PRIMARY KEY", "AGGREGATE KEY", "VIEW", "UNIQUE KEY"};
    return names[model];
}

static void
type_of(enum mr_type type, uint32_t precision, uint32_t scale, uint32_t max_bytes, char *out)
{
    switch (type) {
    case MR_TYPE_STRING:
        snprintf(out, MRI_TYPE_MAX, "VARCHAR(%u)", max_bytes);
        return;
    case MR_TYPE_DECIMAL:
        snprintf(out, MRI_TYPE_MAX, "DECIMAL(%u,%u)", precision, scale);
        return;
    case MR_TYPE_INT64:
        snprintf(out, MRI_TYPE_MAX, "BIGINT");
        return;
    case MR_TYPE_DOUBLE:
        snprintf(out, MRI_TYPE_MAX, "DOUBLE");
        return;
    case MR_TYPE_BOOL:
        snprintf(out, MRI_TYPE_MAX, "BOOLEAN");
        return;
    case MR_TYPE_TIMESTAMP:
        snprintf(out, MRI_TYPE_MAX, "DATETIME");
        return;
    case MR_TYPE_DATE:
        snprintf(out, MRI_TYPE_MAX, "DATE");
        return;
    case MR_TYPE_JSON:
        snprintf(out, MRI_TYPE_MAX, "JSON");
        return;
    }
    MR_INSIST(!"a type without a column type");
}

/* Names are checked against NAME_BYTES_MAX before any table is described. */
static void
copy(char *out, size_t size, const char *name, const char *suffix)
{
    size_t len = strnlen(name, size - 1), more = strnlen(suffix, size - 1 - len);
    memcpy(out, name, len);
    memcpy(out + len, suffix, more);
    out[len + more] = '\0';
}

static struct mri_column *
add(struct mri_table *table, const char *name, const char *type, bool nullable)
{
    MR_INSIST(table->column_count < COLUMNS_MAX);
    struct mri_column *column = &table->columns[table->column_count++];
    copy(column->name, sizeof column->name, name, "");
    copy(column->type, sizeof column->type, type, "");
    column->aggregate = "";
    column->nullable = nullable;
    return column;
}

static void
add_event_column(struct mri_table *table, const struct mr_column *from, bool is_key)
{
    char type[MRI_TYPE_MAX];
    type_of(from->type, from->precision, from->scale, from->max_bytes, type);
    add(table, from->name, type, from->nullable && !is_key);
}

static bool
is_nullable(const char *word)
{
    return strcmp(word, "NULL") == 0;
}

static void
add_provenance(struct mri_table *table)
{
#define X(name, type, null) add(table, name, type, is_nullable(null));
    MR_PROVENANCE_COLUMNS(X)
#undef X
}

static bool
is_key(const struct mr_layout *layout, uint32_t column)
{
    for (uint32_t i = 0; i < layout->key_count; i++)
        if (layout->keys[i] == column)
            return true;
    return false;
}

/* Append mode: sorted by time; an offset finds its row's bucket. */
static void
detail_append(const struct mr_layout *layout, struct mri_table *table)
{
    table->model = MRI_DUPLICATE;
    add_event_column(table, &layout->columns[layout->time_column], true);
    table->key_count = 1;
    table->partition_column = 0;
    add_provenance(table);
    table->hash_first = 2;
    table->hash_count = 2;
    for (uint32_t i = 0; i < layout->column_count; i++)
        if (i != layout->time_column)
            add_event_column(table, &layout->columns[i], false);
}

/* Key mode: the server wants partition and bucket columns among the keys. */
static void
detail_keyed(const struct mr_layout *layout, struct mri_table *table)
{
    table->model = MRI_PRIMARY;
    for (uint32_t i = 0; i < layout->key_count; i++) {
        if (layout->keys[i] == layout->time_column)
            table->partition_column = (int32_t)i;
        add_event_column(table, &layout->columns[layout->keys[i]], true);
    }
    table->key_count = table->hash_count = layout->key_count;
    if (!is_key(layout, layout->time_column))
        add_event_column(table, &layout->columns[layout->time_column], false);
    add_provenance(table);
    for (uint32_t i = 0; i < layout->column_count; i++)
        if (i != layout->time_column && !is_key(layout, i))
            add_event_column(table, &layout->columns[i], false);
}

static void
quarantine(struct mri_table *table)
{
    table->model = MRI_DUPLICATE;
#define X(name, type, null) add(table, name, type, is_nullable(null));
    MR_QUARANTINE_COLUMNS(X)
#undef X
    table->key_count = 1;
    table->partition_column = 0;
    table->hash_first = 4; /* _partition, _offset */
    table->hash_count = 2;
    MR_INSIST(strcmp(table->columns[4].name, "_partition") == 0);
}

/* One row a partition of the topic: one bucket. */
static void
registry(struct mri_table *table, bool is_ledger)
{
    table->model = MRI_PRIMARY;
    table->buckets = 1;
#define X(name, type, null) add(table, name, type, is_nullable(null));
    if (is_ledger) {
        MR_LEDGER_COLUMNS(X)
    } else {
        MR_CHAINS_COLUMNS(X)
    }
#undef X
    table->key_count = table->hash_count = is_ledger ? MR_LEDGER_KEYS : MR_CHAINS_KEYS;
}

/* Sums are wider than their column: they must not wrap. */
static void
sum_type(const struct mr_measure *measure, char *out)
{
    if (measure->type == MR_TYPE_DECIMAL)
        snprintf(out, MRI_TYPE_MAX, "DECIMAL(38,%u)", measure->scale);
    else
        snprintf(out, MRI_TYPE_MAX, "%s", measure->type == MR_TYPE_DOUBLE ? "DOUBLE" : "LARGEINT");
}

static void
part_init(const struct mr_layout *layout,
          const struct mr_measure *measure,
          const char *suffix,
          enum mr_op op,
          struct mri_part *part)
{
    copy(part->name, sizeof part->name, measure->name, suffix);
    part->op = op;
    part->aggregate = op == MR_OP_MIN ? "MIN" : op == MR_OP_MAX ? "MAX" : "SUM";
    bool is_count = op == MR_OP_COUNT_ALL || op == MR_OP_COUNT;
    part->nullable = !is_count && measure->nullable;
    if (is_count)
        snprintf(part->type, sizeof part->type, "BIGINT");
    else if (op == MR_OP_SUM)
        sum_type(measure, part->type);
    else
        type_of(measure->type,
                measure->precision,
                measure->scale,
                layout->columns[measure->column].max_bytes,
                part->type);
}

uint32_t
mri_measure_parts(const struct mr_layout *layout,
                  const struct mr_measure *measure,
                  struct mri_part parts[2])
{
    if (measure->op != MR_OP_AVG) {
        part_init(layout, measure, "", measure->op, &parts[0]);
        return 1;
    }
    part_init(layout, measure, "_sum", MR_OP_SUM, &parts[0]);
    part_init(layout, measure, "_count", MR_OP_COUNT, &parts[1]);
    return 2;
}

static void
rollup(const struct mr_layout *layout, const struct mr_rollup *from, struct mri_table *table)
{
    table->model = MRI_AGGREGATE;
    add(table, "window_start", "DATETIME", false);
    for (uint32_t i = 0; i < from->dim_count; i++)
        add_event_column(table, &layout->columns[from->dims[i]], false);
    table->key_count = table->column_count;
    table->partition_column = 0;
    table->hash_first = from->dim_count > 0 ? 1 : 0;
    table->hash_count = from->dim_count > 0 ? from->dim_count : 1;
    for (uint32_t i = 0; i < from->measure_count; i++) {
        struct mri_part parts[2];
        uint32_t count = mri_measure_parts(layout, &from->measures[i], parts);
        for (uint32_t p = 0; p < count; p++)
            add(table, parts[p].name, parts[p].type, parts[p].nullable)->aggregate =
                parts[p].aggregate;
    }
}

/* Columns of the finished answers: names only, the query decides the types. */
static void
view(const struct mr_layout *layout, const struct mr_rollup *from, struct mri_table *table)
{
    table->model = MRI_VIEW;
    add(table, "window_start", "", true);
    for (uint32_t i = 0; i < from->dim_count; i++)
        add(table, layout->columns[from->dims[i]].name, "", true);
    table->key_count = table->column_count;
    for (uint32_t i = 0; i < from->measure_count; i++)
        add(table, from->measures[i].name, "", true);
}

uint32_t
mri_table_count(const struct mr_layout *layout)
{
    return FIRST_ROLLUP + 2 * layout->rollup_count + 2;
}

static void
describe(const struct mr_layout *layout, uint32_t i, struct mri_table *table)
{
    const char *name = NULL;
    const char *suffix = "";
    uint32_t first_registry = FIRST_ROLLUP + 2 * layout->rollup_count;
    if (i == DETAIL) {
        name = layout->detail_table;
        layout->key_count > 0 ? detail_keyed(layout, table) : detail_append(layout, table);
    } else if (i == QUARANTINE) {
        name = layout->quarantine_table;
        quarantine(table);
    } else if (i >= first_registry) {
        name = i == first_registry ? MR_LEDGER_TABLE : MR_CHAINS_TABLE;
        registry(table, i == first_registry);
    } else {
        table->rollup = &layout->rollups[(i - FIRST_ROLLUP) / 2];
        name = table->rollup->table;
        suffix = (i - FIRST_ROLLUP) % 2 ? "_view" : "";
        *suffix ? view(layout, table->rollup, table) : rollup(layout, table->rollup, table);
    }
    copy(table->name, sizeof table->name, name, suffix);
}

enum mr_rc
mri_table_init(const struct mr_layout *layout,
               int64_t buckets,
               uint32_t i,
               struct mri_table *ret_table)
{
    MR_REQUIRE(i < mri_table_count(layout));
    struct mri_table table = {.database = layout->database, .partition_column = -1};
    table.columns = calloc(COLUMNS_MAX, sizeof *table.columns);
    if (!table.columns)
        return MR_MEMORY;
    table.buckets = buckets;
    describe(layout, i, &table);
    *ret_table = table;
    return MR_OK;
}

void
mri_table_fini(struct mri_table *table)
{
    free(table->columns);
    table->columns = NULL;
}

static enum mr_rc
refuse(struct mr_error *reterr_error, const char *hint)
{
    mr_error_hint(reterr_error, "%s", hint);
    return MR_CONFIG;
}

static enum mr_rc
check_key(const struct mr_column *column, struct mr_error *reterr_error)
{
    static const char hint[] = "name other fields in detail.key, or leave it out";
    if (column->nullable) {
        (void)mr_error_set(reterr_error,
                           MR_CONFIG,
                           "detail.key column '%s' may be null: a primary key may not",
                           column->name);
        return refuse(reterr_error, hint);
    }
    if (column->type == MR_TYPE_DOUBLE || column->type == MR_TYPE_DECIMAL ||
        column->type == MR_TYPE_JSON) {
        (void)mr_error_set(reterr_error,
                           MR_CONFIG,
                           "detail.key column '%s' has a type that StarRocks allows in no primary "
                           "key (string, integer, boolean, date and time are allowed)",
                           column->name);
        return refuse(reterr_error, hint);
    }
    return MR_OK;
}

static enum mr_rc
check_name(const char *what, const char *name, size_t max, struct mr_error *reterr_error)
{
    if (strlen(name) <= max)
        return MR_OK;
    (void)mr_error_set(reterr_error,
                       MR_CONFIG,
                       "the name of a %s has %zu bytes, there is room for %zu",
                       what,
                       strlen(name),
                       max);
    return refuse(reterr_error, "choose a shorter name");
}

static enum mr_rc
check_names(const struct mr_layout *layout, struct mr_error *reterr_error)
{
    enum mr_rc rc = check_name("database", layout->database, NAME_BYTES_MAX, reterr_error);
    if (rc == MR_OK)
        rc = check_name("table", layout->detail_table, NAME_BYTES_MAX, reterr_error);
    if (rc == MR_OK)
        rc = check_name("table", layout->quarantine_table, NAME_BYTES_MAX, reterr_error);
    for (uint32_t i = 0; i < layout->column_count && rc == MR_OK; i++)
        rc = check_name("column", layout->columns[i].name, NAME_BYTES_MAX, reterr_error);
    for (uint32_t r = 0; r < layout->rollup_count && rc == MR_OK; r++) {
        rc = check_name("table", layout->rollups[r].table, NAME_BYTES_MAX, reterr_error);
        for (uint32_t i = 0; i < layout->rollups[r].measure_count && rc == MR_OK; i++)
            rc = check_name(
                "measure", layout->rollups[r].measures[i].name, NAME_BYTES_MAX, reterr_error);
    }
    return rc;
}

enum mr_rc
mri_layout_check(const struct mr_layout *layout, struct mr_error *reterr_error)
{
    enum mr_rc rc = check_names(layout, reterr_error);
    if (rc == MR_OK)
        rc = check_name("pipeline", layout->pipeline, PIPELINE_BYTES_MAX, reterr_error);
    for (uint32_t i = 0; i < layout->topic_count && rc == MR_OK; i++) {
        if (strlen(layout->pipeline) + strlen(layout->topics[i]) > MR_KEY_TEXT_MAX) {
            rc = mr_error_set(reterr_error,
                              MR_CONFIG,
                              "pipeline '%s' and topic '%s' have more than %d bytes together: the "
                              "ledger's primary key would be longer than the server allows",
                              layout->pipeline,
                              layout->topics[i],
                              MR_KEY_TEXT_MAX);
            mr_error_hint(reterr_error, "give the pipeline a shorter name");
        }
    }
    for (uint32_t i = 0; i < layout->key_count && rc == MR_OK; i++)
        rc = check_key(&layout->columns[layout->keys[i]], reterr_error);
    return rc;
}
