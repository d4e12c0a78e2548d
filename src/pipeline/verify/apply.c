/* Creates what is missing, compares what is there. */
#include "pipeline/verify/verify_priv.h"

#include <stdlib.h>

struct session {
    struct mr_sql *sql;
    const struct mr_config *config;
    const struct mr_layout *layout;
    FILE *out;       /* NULL: silent */
    bool with_views; /* nothing is loaded into a view: run does not need them */
    struct mr_error *error;
    char **present; /* names of tables and views in the database */
    uint32_t present_count, present_capacity;
};

static enum mr_rc
remember(void *context, const struct mri_row *row)
{
    struct session *session = context;
    if (row->count < 1 || !row->cells[0])
        return MR_OK;
    if (session->present_count == session->present_capacity) {
        uint32_t capacity = session->present_capacity ? session->present_capacity * 2 : 64;
        char **grown = realloc(session->present, capacity * sizeof *grown);
        if (!grown)
            return mr_error_set(session->error, MR_MEMORY, "no memory for the list of tables");
        session->present = grown;
        session->present_capacity = capacity;
    }
    char *name = strdup(row->cells[0]);
    if (!name)
        return mr_error_set(session->error, MR_MEMORY, "no memory for the list of tables");
    session->present[session->present_count++] = name;
    return MR_OK;
}

static void
forget(struct session *session)
{
    for (uint32_t i = 0; i < session->present_count; i++)
        free(session->present[i]);
    free(session->present);
    session->present = NULL;
    session->present_count = session->present_capacity = 0;
}

static bool
is_present(const struct session *session, const char *name)
{
    for (uint32_t i = 0; i < session->present_count; i++)
        if (strcmp(session->present[i], name) == 0)
            return true;
    return false;
}

/* Runs the statement in text and empties it. */
static enum mr_rc
run(struct session *session, struct mr_text *text, mri_row_fn each, void *context)
{
    enum mr_rc rc =
        text->overflow
            ? mr_error_set(session->error, MR_MEMORY, "no memory for a statement")
            : mri_sql_run(session->sql, mr_text_str(text), each, context, session->error);
    mr_text_reset(text);
    return rc;
}

static enum mr_rc
list_tables(struct session *session)
{
    struct mr_text text = {0};
    mr_text_adds(&text, "SHOW TABLES FROM ");
    mri_text_name(&text, session->layout->database);
    enum mr_rc rc = run(session, &text, remember, session);
    mr_text_fini(&text);
    return rc;
}

/* What DESC and SHOW CREATE TABLE said of one table. */
struct reading {
    struct mri_found found;
    uint32_t capacity;
    bool model_known;
    struct mr_error *error;
};

static enum mr_rc
read_column(void *context, const struct mri_row *row)
{
    struct reading *reading = context;
    if (reading->found.count == reading->capacity) {
        uint32_t capacity = reading->capacity ? reading->capacity * 2 : 32;
        struct mri_found_column *grown = realloc(reading->found.columns, capacity * sizeof *grown);
        if (!grown)
            return mr_error_set(reading->error, MR_MEMORY, "no memory for a table's columns");
        reading->found.columns = grown;
        reading->capacity = capacity;
    }
    if (!mri_found_column(row, &reading->found.columns[reading->found.count]))
        return mr_error_set(reading->error, MR_STARROCKS, "DESC answered in an unknown form");
    reading->found.count++;
    return MR_OK;
}

static enum mr_rc
read_model(void *context, const struct mri_row *row)
{
    struct reading *reading = context;
    if (row->count >= 2 && row->cells[1])
        reading->model_known = mri_found_model(row->cells[1], &reading->found.model);
    return MR_OK;
}

static enum mr_rc
compare_one(struct session *session,
            const struct mri_table *table,
            struct mri_differences *differences)
{
    struct reading reading = {.error = session->error};
    struct mr_text text = {0};
    mr_text_adds(&text, "DESC ");
    mri_text_table(&text, table->database, table->name);
    enum mr_rc rc = run(session, &text, read_column, &reading);
    if (rc == MR_OK) {
        mr_text_adds(&text, "SHOW CREATE TABLE ");
        mri_text_table(&text, table->database, table->name);
        rc = run(session, &text, read_model, &reading);
    }
    if (rc == MR_OK && !reading.model_known)
        rc = mr_error_set(session->error,
                          MR_STARROCKS,
                          "SHOW CREATE TABLE of '%s.%s' names no key model",
                          table->database,
                          table->name);
    if (rc == MR_OK)
        mri_compare(table, &reading.found, differences);
    mr_text_fini(&text);
    free(reading.found.columns);
    return rc;
}

static enum mr_rc
compare_all(struct session *session, struct mri_differences *differences)
{
    enum mr_rc rc = MR_OK;
    for (uint32_t i = 0; i < mri_table_count(session->layout) && rc == MR_OK; i++) {
        struct mri_table table;
        rc = mri_table_init(session->layout, session->config->starrocks.buckets, i, &table);
        if (rc != MR_OK)
            return mr_error_set(session->error, rc, "no memory for a table's description");
        if (table.model == MRI_VIEW && !session->with_views)
            rc = MR_OK;
        else if (is_present(session, table.name))
            rc = compare_one(session, &table, differences);
        else
            mri_difference(differences, &table, "", "run millrace ddl FILE --apply", "is missing");
        mri_table_fini(&table);
    }
    if (rc == MR_OK && differences->count > 0) {
        rc = MR_TABLE;
        if (session->error)
            *session->error = differences->first;
    }
    return rc;
}

static enum mr_rc
create_one(struct session *session, const struct mri_table *table)
{
    struct mr_text text = {0};
    bool present = is_present(session, table->name);
    enum mr_rc rc = MR_OK;
    if (!present) {
        mri_ddl_create(session->layout, table, session->config->starrocks.replication_num, &text);
        rc = run(session, &text, NULL, NULL);
    }
    if (rc == MR_OK)
        fprintf(session->out,
                "%s %s.%s\n",
                present ? "exists " : "created",
                table->database,
                table->name);
    mr_text_fini(&text);
    return rc;
}

/* Tables, or, with_views, the views over them. */
static enum mr_rc
create_all(struct session *session)
{
    struct mr_text text = {0};
    mr_text_adds(&text, "CREATE DATABASE IF NOT EXISTS ");
    mri_text_name(&text, session->layout->database);
    enum mr_rc rc = run(session, &text, NULL, NULL);
    mr_text_fini(&text);
    if (rc == MR_OK)
        rc = list_tables(session);
    for (uint32_t i = 0; i < mri_table_count(session->layout) && rc == MR_OK; i++) {
        struct mri_table table;
        rc = mri_table_init(session->layout, session->config->starrocks.buckets, i, &table);
        if (rc != MR_OK)
            return mr_error_set(session->error, rc, "no memory for a table's description");
        if ((table.model == MRI_VIEW) == session->with_views)
            rc = create_one(session, &table);
        mri_table_fini(&table);
    }
    forget(session);
    return rc;
}

static enum mr_rc
list_and_compare(struct session *session)
{
    struct mri_differences differences = {.out = session->out};
    enum mr_rc rc = list_tables(session);
    if (rc == MR_OK)
        rc = compare_all(session, &differences);
    forget(session);
    return rc;
}

enum mr_rc
mr_ddl_apply(struct mr_sql *sql,
             const struct mr_config *config,
             const struct mr_layout *layout,
             FILE *out,
             struct mr_error *reterr_error)
{
    struct session session = {.sql = sql,
                              .config = config,
                              .layout = layout,
                              .out = out,
                              .error = reterr_error};
    enum mr_rc rc = mri_layout_check(layout, reterr_error);
    /* Fresh tables are compared too: what the server made of a statement is what counts. Views come
     * after that: over a table that does not fit, the server's word would hide ours. */
    for (int views = 0; rc == MR_OK && views <= 1; views++) {
        session.with_views = views;
        rc = create_all(&session);
        if (rc == MR_OK)
            rc = list_and_compare(&session);
    }
    return rc;
}

enum mr_rc
mr_ddl_check(struct mr_sql *sql,
             const struct mr_config *config,
             const struct mr_layout *layout,
             struct mr_error *reterr_error)
{
    struct session session = {
        .sql = sql, .config = config, .layout = layout, .error = reterr_error};
    enum mr_rc rc = mri_layout_check(layout, reterr_error);
    if (rc == MR_OK)
        rc = list_and_compare(&session);
    return rc;
}
