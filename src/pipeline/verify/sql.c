/* One MySQL connection: text queries, results streamed row by row, errors with hints. */
#include "pipeline/verify/verify_priv.h"

#include <errmsg.h>
#include <errno.h>
#include <mysqld_error.h>
#include <pthread.h>
#include <stdlib.h>

#include "millrace/base/assert.h"

/* StarRocks' own numbers beside MySQL's (fe ErrorCode). */
#define SR_BAD_TABLE     5502
#define SR_ACCESS_DENIED 5203

#define ANSWER_MS 15000 /* as for a frontend's HTTP answers */

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

/* mysql_init would do it by itself, but not safely from two threads at once. */
static void
start_library(void)
{
    mysql_library_init(0, NULL, NULL);
}

static unsigned
seconds(int64_t ms)
{
    int64_t s = (ms + 999) / 1000;
    return s < 1 ? 1 : s > 86400 ? 86400 : (unsigned)s;
}

static void
set_options(MYSQL *handle, const struct mr_config *config, int64_t answer_ms)
{
    unsigned connect_s = seconds(config->starrocks.connect_timeout_ms);
    unsigned answer_s = seconds(answer_ms);
    unsigned tcp = MYSQL_PROTOCOL_TCP;
    my_bool no = 0;
    unsigned local_infile = 0; /* a server must not be able to ask for our files */
    /* Without this the client takes a Unix socket for the host name "localhost". */
    mysql_options(handle, MYSQL_OPT_PROTOCOL, &tcp);
    mysql_options(handle, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    mysql_options(handle, MYSQL_OPT_READ_TIMEOUT, &answer_s);
    mysql_options(handle, MYSQL_OPT_WRITE_TIMEOUT, &answer_s);
    mysql_options(handle, MYSQL_OPT_RECONNECT, &no);
    mysql_options(handle, MYSQL_OPT_LOCAL_INFILE, &local_infile);
    mysql_options(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
}

static enum mr_rc
connect_for(const struct mr_config *config,
            const char *host,
            uint16_t port,
            int64_t answer_ms,
            struct mr_sql **ret_sql,
            struct mr_error *reterr_error)
{
    pthread_once(&library_once, start_library);
    struct mr_sql *sql = calloc(1, sizeof *sql);
    if (!sql || !(sql->handle = mysql_init(NULL))) {
        free(sql);
        return mr_error_set(reterr_error, MR_MEMORY, "no memory for a MySQL connection");
    }
    snprintf(sql->where, sizeof sql->where, "%s:%u", host, port);
    set_options(sql->handle, config, answer_ms);
    /* No database: it may not exist yet, and every name is written in full. */
    enum mr_rc rc = MR_OK;
    if (!mysql_real_connect(sql->handle,
                            host,
                            config->starrocks.user,
                            config->starrocks.password,
                            NULL,
                            port,
                            NULL,
                            0))
        rc = mri_sql_explain(
            mysql_errno(sql->handle), mysql_error(sql->handle), sql->where, reterr_error);
    if (rc == MR_OK)
        rc = mri_sql_run(sql, "SET time_zone = '+00:00'", NULL, NULL, reterr_error);
    if (rc != MR_OK) {
        mr_sql_close(&sql);
        return rc;
    }
    *ret_sql = sql;
    return MR_OK;
}

enum mr_rc
mr_sql_connect(const struct mr_config *config,
               struct mr_sql **ret_sql,
               struct mr_error *reterr_error)
{
    return mri_sql_connect_to(config,
                              config->starrocks.mysql_host,
                              config->starrocks.mysql_port,
                              ret_sql,
                              reterr_error);
}

enum mr_rc
mri_sql_connect_to(const struct mr_config *config,
                   const char *host,
                   uint16_t port,
                   struct mr_sql **ret_sql,
                   struct mr_error *reterr_error)
{
    return connect_for(config, host, port, ANSWER_MS, ret_sql, reterr_error);
}

enum mr_rc
mr_sql_connect_patient(const struct mr_config *config,
                       struct mr_sql **ret_sql,
                       struct mr_error *reterr_error)
{
    int64_t load_ms = config->starrocks.load_timeout_s * 1000;
    return connect_for(config,
                       config->starrocks.mysql_host,
                       config->starrocks.mysql_port,
                       load_ms > ANSWER_MS ? load_ms : ANSWER_MS,
                       ret_sql,
                       reterr_error);
}

void
mr_sql_close(struct mr_sql **sql)
{
    if (!*sql)
        return;
    mysql_close((*sql)->handle);
    free(*sql);
    *sql = NULL;
}

struct explanation {
    unsigned code;
    enum mr_rc rc;
    const char *hint;
};

static const struct explanation explanations[] = {
    {ER_ACCESS_DENIED_ERROR,
     MR_STARROCKS,
     "are sink.starrocks.user and sink.starrocks.password right?"},
    {ER_DBACCESS_DENIED_ERROR, MR_STARROCKS, "GRANT the user access to the database"},
    {ER_TABLEACCESS_DENIED_ERROR, MR_STARROCKS, "GRANT the user SELECT and INSERT on the table"},
    {ER_SPECIFIC_ACCESS_DENIED_ERROR, MR_STARROCKS, "GRANT the user the privilege named above"},
    {SR_ACCESS_DENIED, MR_STARROCKS, "GRANT the user the privilege named above"},
    {ER_BAD_DB_ERROR, MR_TABLE, "run millrace ddl FILE --apply, or set sink.starrocks.database"},
    {ER_BAD_TABLE_ERROR, MR_TABLE, "run millrace ddl FILE --apply"},
    {ER_NO_SUCH_TABLE, MR_TABLE, "run millrace ddl FILE --apply"},
    {SR_BAD_TABLE, MR_TABLE, "run millrace ddl FILE --apply"},
    {ER_CON_COUNT_ERROR, MR_STARROCKS, "raise the user's max_user_connections, or close others"},
    {CR_CONNECTION_ERROR,
     MR_STARROCKS,
     "is the FE up, and does sink.starrocks.mysql name its MySQL port (usually 9030)?"},
    {CR_CONN_HOST_ERROR,
     MR_STARROCKS,
     "is the FE up, and does sink.starrocks.mysql name its MySQL port (usually 9030)?"},
    {CR_UNKNOWN_HOST, MR_STARROCKS, "does the host name in sink.starrocks.mysql resolve?"},
    {CR_VERSION_ERROR,
     MR_STARROCKS,
     "sink.starrocks.mysql must name the MySQL port (usually 9030), not an HTTP port"},
    {CR_SERVER_LOST,
     MR_STARROCKS,
     "the FE went away or did not answer in time; look at its log and its load"},
    {CR_SERVER_GONE_ERROR, MR_STARROCKS, "the FE closed the connection; look at its log"},
};

/* Older servers answer 1064 to everything that the analyser finds, and a port that speaks another
 * protocol looks like a lost connection; only the text tells. */
static unsigned
code_from_text(unsigned code, const char *message)
{
    if (code == CR_SERVER_LOST && strcasestr(message, "handshake"))
        return CR_VERSION_ERROR; /* something else listens there */
    if (code != ER_PARSE_ERROR)
        return code;
    if (strcasestr(message, "unknown table"))
        return SR_BAD_TABLE;
    if (strcasestr(message, "unknown database"))
        return ER_BAD_DB_ERROR;
    if (strcasestr(message, "access denied"))
        return SR_ACCESS_DENIED;
    return code;
}

bool
mri_sql_denied(struct mr_sql *sql)
{
    unsigned meaning = code_from_text(mysql_errno(sql->handle), mysql_error(sql->handle));
    return meaning == SR_ACCESS_DENIED || meaning == ER_SPECIFIC_ACCESS_DENIED_ERROR;
}

enum mr_rc
mri_sql_explain(unsigned code,
                const char *message,
                const char *where,
                struct mr_error *reterr_error)
{
    unsigned meaning = code_from_text(code, message);
    const struct explanation *found = NULL;
    for (size_t i = 0; i < MR_ARRAY_LEN(explanations) && !found; i++)
        if (explanations[i].code == meaning)
            found = &explanations[i];
    char quoted[400];
    mr_text_quote(quoted, sizeof quoted, message, strlen(message));
    enum mr_rc rc = mr_error_set(reterr_error,
                                 found ? found->rc : MR_STARROCKS,
                                 "StarRocks at %s: %s (error %u)",
                                 where,
                                 quoted,
                                 code);
    if (found)
        mr_error_hint(reterr_error, "%s", found->hint);
    return rc;
}

/* Hands every row of the pending result to each; drains it in any case. */
static enum mr_rc
read_rows(struct mr_sql *sql,
          MYSQL_RES *result,
          mri_row_fn each,
          void *context,
          struct mr_error *reterr_error)
{
    enum mr_rc rc = MR_OK;
    uint32_t count = mysql_num_fields(result);
    MYSQL_ROW cells;
    while ((cells = mysql_fetch_row(result)) != NULL) {
        struct mri_row row = {(const char *const *)cells,
                              mysql_fetch_lengths(result),
                              count,
                              mysql_fetch_fields(result)};
        if (rc == MR_OK && each)
            rc = each(context, &row);
    }
    if (mysql_errno(sql->handle) != 0)
        return mri_sql_explain(
            mysql_errno(sql->handle), mysql_error(sql->handle), sql->where, reterr_error);
    return rc;
}

enum mr_rc
mri_sql_run(struct mr_sql *sql,
            const char *query,
            mri_row_fn each,
            void *context,
            struct mr_error *reterr_error)
{
    enum mr_rc rc = MR_OK;
    MYSQL_RES *result = NULL;
    bool failed = mysql_real_query(sql->handle, query, strlen(query)) != 0;
    if (!failed) {
        result = mysql_use_result(sql->handle);
        failed = !result && mysql_errno(sql->handle) != 0;
    }
    if (failed)
        return mri_sql_explain(
            mysql_errno(sql->handle), mysql_error(sql->handle), sql->where, reterr_error);
    if (result) {
        rc = read_rows(sql, result, each, context, reterr_error);
        mysql_free_result(result);
    }
    return rc;
}

void
mri_text_name(struct mr_text *text, const char *name)
{
    mr_text_adds(text, "`");
    for (const char *p = name; *p; p++)
        mr_text_add(text, *p == '`' ? "``" : p, *p == '`' ? 2 : 1);
    mr_text_adds(text, "`");
}

void
mri_text_table(struct mr_text *text, const char *database, const char *table)
{
    mri_text_name(text, database);
    mr_text_adds(text, ".");
    mri_text_name(text, table);
}

void
mri_text_string(struct mr_text *text, const char *string)
{
    mr_text_adds(text, "'");
    for (const char *p = string; *p; p++) {
        if (*p == '\'' || *p == '\\')
            mr_text_adds(text, "\\");
        mr_text_add(text, p, 1);
    }
    mr_text_adds(text, "'");
}

bool
mri_cell_i64(const struct mri_row *row, uint32_t cell, int64_t *ret_value)
{
    const char *text = cell < row->count ? row->cells[cell] : NULL;
    char *end = NULL;
    if (!text || !*text)
        return false;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || *end)
        return false;
    *ret_value = value;
    return true;
}
