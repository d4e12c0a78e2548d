/* A table as it is against the table as it should be. A difference is what would make a load fail
 * or an answer wrong; a wider VARCHAR, a nullable column where none need be, and further columns
 * that have a default are none. */
#include "pipeline/verify/verify_priv.h"

#include <stdarg.h>
#include <strings.h>

#include "millrace/base/assert.h"

void
mri_difference(struct mri_differences *differences,
               const struct mri_table *table,
               const char *column,
               const char *fix,
               const char *format,
               ...)
{
    char reason[300];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    const char *dot = *column ? "." : "";
    if (differences->out) {
        fprintf(
            differences->out, "%s.%s%s%s: %s\n", table->database, table->name, dot, column, reason);
        if (*fix)
            fprintf(differences->out, "  FIX: %s\n", fix);
    }
    if (differences->count++ > 0)
        return;
    (void)mr_error_set(&differences->first,
                       MR_TABLE,
                       "table '%s.%s'%s%s: %s",
                       table->database,
                       table->name,
                       *column ? ", column " : "",
                       column,
                       reason);
    mr_error_hint(&differences->first, "%s", fix);
}

static bool
yes(const char *cell)
{
    return cell && (strcasecmp(cell, "yes") == 0 || strcasecmp(cell, "true") == 0);
}

bool
mri_found_column(const struct mri_row *row, struct mri_found_column *ret_column)
{
    if (row->count < 6 || !row->cells[0] || !row->cells[1] || !row->cells[2] || !row->cells[3])
        return false;
    struct mri_found_column column = {.nullable = yes(row->cells[2]), .key = yes(row->cells[3])};
    snprintf(column.name, sizeof column.name, "%s", row->cells[0]);
    snprintf(column.type, sizeof column.type, "%s", row->cells[1]);
    snprintf(column.extra, sizeof column.extra, "%s", row->cells[5] ? row->cells[5] : "");
    column.has_default = row->cells[4] && strcmp(row->cells[4], "NULL") != 0;
    *ret_column = column;
    return true;
}

bool
mri_found_model(const char *create, enum mri_model *ret_model)
{
    static const enum mri_model models[] = {MRI_DUPLICATE, MRI_PRIMARY, MRI_AGGREGATE, MRI_UNIQUE};
    if (strncasecmp(create, "CREATE VIEW", 11) == 0) {
        *ret_model = MRI_VIEW;
        return true;
    }
    for (const char *line = strchr(create, '\n'); line; line = strchr(line, '\n')) {
        line += 1 + strspn(line + 1, " ");
        for (size_t i = 0; i < MR_ARRAY_LEN(models); i++) {
            const char *name = mri_model_name(models[i]);
            if (strncasecmp(line, name, strlen(name)) == 0) {
                *ret_model = models[i];
                return true;
            }
        }
    }
    return false;
}

/* Column names are not case-sensitive on the server. */
static const struct mri_found_column *
find(const struct mri_found *found, const char *name)
{
    for (uint32_t i = 0; i < found->count; i++)
        if (strcasecmp(found->columns[i].name, name) == 0)
            return &found->columns[i];
    return NULL;
}

static bool
is_wanted(const struct mri_table *want, const char *name)
{
    for (uint32_t i = 0; i < want->column_count; i++)
        if (strcasecmp(want->columns[i].name, name) == 0)
            return true;
    return false;
}

/* A new column of a table with rows must be nullable; our loads give it a value in every row. */
static void
missing(const struct mri_table *want,
        const struct mri_column *column,
        bool is_key,
        struct mri_differences *differences)
{
    struct mr_text fix = {0};
    struct mri_column nullable = *column;
    nullable.nullable = true;
    if (want->model == MRI_AGGREGATE || is_key) {
        mr_text_addf(&fix,
                     "its older rows would lack it: choose another table name, or DROP TABLE "
                     "and load again from the beginning");
    } else {
        mr_text_adds(&fix, "ALTER TABLE ");
        mri_text_table(&fix, want->database, want->name);
        mr_text_adds(&fix, " ADD COLUMN ");
        mri_ddl_column(&nullable, &fix);
    }
    mri_difference(differences,
                   want,
                   column->name,
                   mr_text_str(&fix),
                   "is missing (%s is needed)",
                   column->type);
    mr_text_fini(&fix);
}

static void
compare_type(const struct mri_table *want,
             const struct mri_column *column,
             const struct mri_found_column *found,
             struct mri_differences *differences)
{
    if (mri_type_fits(column->type, found->type))
        return;
    struct mr_text fix = {0};
    mr_text_adds(&fix, "ALTER TABLE ");
    mri_text_table(&fix, want->database, want->name);
    mr_text_adds(&fix, " MODIFY COLUMN ");
    mri_ddl_column(column, &fix);
    mr_text_adds(&fix, " where the server can convert it, else choose another table name");
    mri_difference(differences,
                   want,
                   column->name,
                   mr_text_str(&fix),
                   "is %s, %s is needed",
                   found->type,
                   column->type);
    mr_text_fini(&fix);
}

/* "NONE" and index names say nothing about how rows merge. */
static const char *
aggregate_of(const struct mri_found_column *found)
{
    static const char *const known[] = {"SUM",
                                        "MIN",
                                        "MAX",
                                        "REPLACE_IF_NOT_NULL",
                                        "REPLACE",
                                        "HLL_UNION",
                                        "BITMAP_UNION",
                                        "PERCENTILE_UNION"};
    for (size_t i = 0; i < MR_ARRAY_LEN(known); i++)
        if (strncasecmp(found->extra, known[i], strlen(known[i])) == 0)
            return known[i];
    return "";
}

static void
compare_role(const struct mri_table *want,
             const struct mri_column *column,
             bool is_key,
             const struct mri_found_column *found,
             struct mri_differences *differences)
{
    static const char other_table[] = "choose another table name, or DROP TABLE and load again";
    bool merges = want->model == MRI_AGGREGATE || want->model == MRI_PRIMARY;
    if (merges && is_key != found->key)
        mri_difference(differences,
                       want,
                       column->name,
                       other_table,
                       is_key ? "is no key column" : "is a key column, it must not be");
    const char *aggregate = aggregate_of(found);
    if (want->model == MRI_AGGREGATE && !is_key && strcmp(aggregate, column->aggregate) != 0)
        mri_difference(differences,
                       want,
                       column->name,
                       other_table,
                       "is merged by %s, %s is needed",
                       *aggregate ? aggregate : "nothing",
                       column->aggregate);
    if (column->nullable && !found->nullable)
        mri_difference(differences,
                       want,
                       column->name,
                       "ALTER TABLE … MODIFY COLUMN to NULL, or make the field required in the "
                       "schema",
                       "is NOT NULL, but the event's field may be null");
}

static void
compare_extra(const struct mri_table *want,
              const struct mri_found *found,
              struct mri_differences *differences)
{
    bool merges = want->model == MRI_AGGREGATE || want->model == MRI_PRIMARY;
    for (uint32_t i = 0; i < found->count; i++) {
        const struct mri_found_column *column = &found->columns[i];
        if (is_wanted(want, column->name))
            continue;
        if (merges && column->key)
            mri_difference(differences,
                           want,
                           column->name,
                           "choose another table name",
                           "is a key column that Millrace does not fill");
        else if (!column->nullable && !column->has_default)
            mri_difference(differences,
                           want,
                           column->name,
                           "give the column a DEFAULT, make it NULL, or drop it",
                           "is NOT NULL without a default, and Millrace does not fill it");
    }
}

static void
compare_view(const struct mri_table *want,
             const struct mri_found *found,
             struct mri_differences *differences)
{
    for (uint32_t i = 0; i < want->column_count; i++)
        if (!find(found, want->columns[i].name))
            mri_difference(differences,
                           want,
                           want->columns[i].name,
                           "DROP VIEW, then run millrace ddl FILE --apply",
                           "is missing");
}

void
mri_compare(const struct mri_table *want,
            const struct mri_found *found,
            struct mri_differences *differences)
{
    if (want->model != found->model) {
        mri_difference(differences,
                       want,
                       "",
                       "choose another table name, or drop this one",
                       "is a %s, %s is needed",
                       mri_model_name(found->model),
                       mri_model_name(want->model));
        return;
    }
    if (want->model == MRI_VIEW) {
        compare_view(want, found, differences);
        return;
    }
    for (uint32_t i = 0; i < want->column_count; i++) {
        const struct mri_column *column = &want->columns[i];
        const struct mri_found_column *has = find(found, column->name);
        bool is_key = i < want->key_count;
        if (!has) {
            missing(want, column, is_key, differences);
            continue;
        }
        compare_type(want, column, has, differences);
        compare_role(want, column, is_key, has, differences);
    }
    compare_extra(want, found, differences);
}
