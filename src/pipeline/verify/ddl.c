/* Descriptions → statements that create them. */
#include "pipeline/verify/verify_priv.h"

static void
names(const struct mri_column *columns, uint32_t count, struct mr_text *out)
{
    for (uint32_t i = 0; i < count; i++) {
        mr_text_adds(out, i > 0 ? ", " : "");
        mri_text_name(out, columns[i].name);
    }
}

void
mri_ddl_column(const struct mri_column *column, struct mr_text *out)
{
    mri_text_name(out, column->name);
    mr_text_addf(out, " %s", column->type);
    if (*column->aggregate)
        mr_text_addf(out, " %s", column->aggregate);
    mr_text_adds(out, column->nullable ? " NULL" : " NOT NULL");
}

static void
create_table(const struct mri_table *table, int64_t replication_num, struct mr_text *out)
{
    mr_text_adds(out, "CREATE TABLE IF NOT EXISTS ");
    mri_text_table(out, table->database, table->name);
    mr_text_adds(out, " (\n");
    for (uint32_t i = 0; i < table->column_count; i++) {
        mr_text_adds(out, "  ");
        mri_ddl_column(&table->columns[i], out);
        mr_text_adds(out, i + 1 < table->column_count ? ",\n" : "\n)\n");
    }
    mr_text_addf(out, "%s(", mri_model_name(table->model));
    names(table->columns, table->key_count, out);
    mr_text_adds(out, ")\n");
    if (table->partition_column >= 0) {
        mr_text_adds(out, "PARTITION BY date_trunc('day', ");
        names(&table->columns[table->partition_column], 1, out);
        mr_text_adds(out, ")\n");
    }
    mr_text_adds(out, "DISTRIBUTED BY HASH(");
    names(&table->columns[table->hash_first], table->hash_count, out);
    mr_text_adds(out, ")");
    if (table->buckets > 0)
        mr_text_addf(out, " BUCKETS %lld", (long long)table->buckets);
    mr_text_addf(out, "\nPROPERTIES (\"replication_num\" = \"%lld\")", (long long)replication_num);
}

/* avg: NULL where nothing was counted. The scale of a DECIMAL answer is the one that the server's
 * own division gives, spelled out so that it does not depend on the server. */
static void
finished_avg(const struct mr_measure *measure, const struct mri_part parts[2], struct mr_text *out)
{
    unsigned scale = measure->scale <= 6 ? measure->scale + 6U : measure->scale;
    if (measure->scale > 6 && measure->scale < 12)
        scale = 12;
    bool decimal = measure->type == MR_TYPE_DECIMAL;
    mr_text_adds(out, decimal ? "CAST(SUM(r." : "SUM(r.");
    mri_text_name(out, parts[0].name);
    mr_text_adds(out, ") / NULLIF(SUM(r.");
    mri_text_name(out, parts[1].name);
    mr_text_adds(out, "), 0)");
    if (decimal)
        mr_text_addf(out, " AS DECIMAL(38,%u))", scale);
}

static void
finished(const struct mr_layout *layout, const struct mr_measure *measure, struct mr_text *out)
{
    struct mri_part parts[2];
    mr_text_adds(out, ",\n  ");
    if (mri_measure_parts(layout, measure, parts) == 2) {
        finished_avg(measure, parts, out);
    } else {
        mr_text_addf(out, "%s(r.", parts[0].aggregate);
        mri_text_name(out, parts[0].name);
        mr_text_adds(out, ")");
    }
    mr_text_adds(out, " AS ");
    mri_text_name(out, measure->name);
}

static void
group(const struct mri_table *table, struct mr_text *out)
{
    for (uint32_t i = 0; i < table->key_count; i++) {
        mr_text_adds(out, i > 0 ? ", r." : "r.");
        mri_text_name(out, table->columns[i].name);
    }
}

static void
create_view(const struct mr_layout *layout, const struct mri_table *table, struct mr_text *out)
{
    mr_text_adds(out, "CREATE VIEW IF NOT EXISTS ");
    mri_text_table(out, table->database, table->name);
    mr_text_adds(out, " AS\nSELECT\n  ");
    for (uint32_t i = 0; i < table->key_count; i++) {
        mr_text_adds(out, i > 0 ? ",\n  r." : "r.");
        mri_text_name(out, table->columns[i].name);
        mr_text_adds(out, " AS ");
        mri_text_name(out, table->columns[i].name);
    }
    for (uint32_t i = 0; i < table->rollup->measure_count; i++)
        finished(layout, &table->rollup->measures[i], out);
    mr_text_adds(out, "\nFROM ");
    mri_text_table(out, table->database, table->rollup->table);
    mr_text_adds(out, " AS r\nGROUP BY ");
    group(table, out);
}

void
mri_ddl_create(const struct mr_layout *layout,
               const struct mri_table *table,
               int64_t replication_num,
               struct mr_text *out)
{
    if (table->model == MRI_VIEW)
        create_view(layout, table, out);
    else
        create_table(table, replication_num, out);
}

static enum mr_rc
print_all(const struct mr_config *config, const struct mr_layout *layout, struct mr_text *text)
{
    mr_text_adds(text, "CREATE DATABASE IF NOT EXISTS ");
    mri_text_name(text, layout->database);
    mr_text_adds(text, ";\n");
    for (uint32_t i = 0; i < mri_table_count(layout); i++) {
        struct mri_table table;
        enum mr_rc rc = mri_table_init(layout, config->starrocks.buckets, i, &table);
        if (rc != MR_OK)
            return rc;
        mr_text_adds(text, "\n");
        mri_ddl_create(layout, &table, config->starrocks.replication_num, text);
        mr_text_adds(text, ";\n");
        mri_table_fini(&table);
    }
    return text->overflow ? MR_MEMORY : MR_OK;
}

enum mr_rc
mr_ddl_print(const struct mr_config *config, const struct mr_layout *layout, FILE *out)
{
    struct mr_error error;
    enum mr_rc rc = mri_layout_check(layout, &error);
    if (rc != MR_OK) { /* as a comment, so that what was printed stays SQL */
        fprintf(out, "-- %s\n-- HINT: %s\n", error.text, mr_error_get_hint(&error));
        return rc;
    }
    struct mr_text text = {0};
    rc = print_all(config, layout, &text);
    if (rc == MR_OK && fputs(mr_text_str(&text), out) == EOF)
        rc = MR_SYSTEM;
    mr_text_fini(&text);
    return rc;
}
