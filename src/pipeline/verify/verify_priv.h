/* Inside of verify: connection, table descriptions, comparison, query texts.
 * Threads: as millrace/verify.h. Everything but sql.c, apply.c, ledger_rows.c, registry.c,
 * leader.c, multi.c, partitions.c, rollups.c and verify.c is pure.
 */
#pragma once

#include <mysql.h>

#include "millrace/base/text.h"
#include "millrace/model/tables.h"
#include "millrace/verify.h"

#define MRI_NAME_MAX      264 /* names of up to 256 bytes and the suffix of a measure's column */
#define MRI_TYPE_MAX      48
#define MRI_VERIFY_LISTED 20 /* differing windows named a rollup */

/* ---- sql.c: one connection ---- */

struct mr_sql {
    MYSQL *handle;
    char where[320]; /* "host:port", for messages */
};

struct mri_row {
    const char *const *cells; /* NULL = SQL NULL; else NUL-terminated */
    const unsigned long *lengths;
    uint32_t count;
    const MYSQL_FIELD *fields; /* count of them; for SHOW, whose columns differ between versions */
};

/* Called for each row; anything but MR_OK ends the reading (the rest is drained) and is returned.
 */
typedef enum mr_rc (*mri_row_fn)(void *context, const struct mri_row *row);

/* Runs one statement. each may be NULL: then rows, if any, are dropped. */
MR_NODISCARD enum mr_rc mri_sql_run(struct mr_sql *sql,
                                    const char *query,
                                    mri_row_fn each,
                                    void *context,
                                    struct mr_error *reterr_error);

/* Server's or client's error → code, text and hint. Returns the code. */
enum mr_rc mri_sql_explain(unsigned code,
                           const char *message,
                           const char *where,
                           struct mr_error *reterr_error);

/* The last statement was refused because the user may not do that. */
bool mri_sql_denied(struct mr_sql *sql);

/* As mr_sql_connect, to another frontend's MySQL port. */
MR_NODISCARD enum mr_rc mri_sql_connect_to(const struct mr_config *config,
                                           const char *host,
                                           uint16_t port,
                                           struct mr_sql **ret_sql,
                                           struct mr_error *reterr_error);

/* Identifier in backticks; string in quotes; both escaped. */
void mri_text_name(struct mr_text *text, const char *name);

void mri_text_table(struct mr_text *text, const char *database, const char *table);

void mri_text_string(struct mr_text *text, const char *string);

/* Integer cell; false when it is NULL or no integer. */
MR_NODISCARD bool mri_cell_i64(const struct mri_row *row, uint32_t cell, int64_t *ret_value);

/* The cell under this heading, letter case aside; NULL: none, or SQL NULL. */
const char *mri_cell_named(const struct mri_row *row, const char *name);

/* ---- labels.c ---- */

/* Takes label_keep_max_num and _second out of a row; context: a struct mr_label_memory. */
enum mr_rc mri_label_row(void *context, const struct mri_row *row);

/* ---- tables.c: what the tables of a pipeline are ---- */

enum mri_model { MRI_DUPLICATE, MRI_PRIMARY, MRI_AGGREGATE, MRI_VIEW, MRI_UNIQUE };

struct mri_column {
    char name[MRI_NAME_MAX];
    char type[MRI_TYPE_MAX];
    const char *aggregate; /* "SUM", "MIN", "MAX" or "" */
    bool nullable;
};

struct mri_table {
    enum mri_model model;
    const char *database;
    char name[MRI_NAME_MAX];
    struct mri_column *columns; /* keys first */
    uint32_t column_count, key_count;
    uint32_t hash_first, hash_count; /* columns[hash_first..) are hashed */
    int32_t partition_column;        /* by day of this column; -1: one partition */
    int64_t buckets;                 /* 0: the server chooses */
    const struct mr_rollup *rollup;  /* of a rollup or a view, else NULL */
};

/* Number of tables and views, and the i-th of them, in the order in which they are created. The
 * result is released with mri_table_fini. Errors: MR_MEMORY. */
uint32_t mri_table_count(const struct mr_layout *layout);

MR_NODISCARD enum mr_rc mri_table_init(const struct mr_layout *layout,
                                       int64_t buckets,
                                       uint32_t i,
                                       struct mri_table *ret_table);

void mri_table_fini(struct mri_table *table);

/* A loaded column of a measure: one, or two for avg. */
struct mri_part {
    char name[MRI_NAME_MAX];
    char type[MRI_TYPE_MAX];
    const char *aggregate;
    enum mr_op op; /* never MR_OP_AVG */
    bool nullable;
};

uint32_t mri_measure_parts(const struct mr_layout *layout,
                           const struct mr_measure *measure,
                           struct mri_part parts[2]);

/* Limits of the server that a layout could break: MR_CONFIG, with the reason in the error. */
MR_NODISCARD enum mr_rc mri_layout_check(const struct mr_layout *layout,
                                         struct mr_error *reterr_error);

const char *mri_model_name(enum mri_model model);

/* ---- ddl.c: description → statement ---- */

void mri_ddl_create(const struct mr_layout *layout,
                    const struct mri_table *table,
                    int64_t replication_num,
                    struct mr_text *out);

void mri_ddl_column(const struct mri_column *column, struct mr_text *out);

/* ---- types.c, compare.c: found table against its description ---- */

struct mri_type {
    char name[20]; /* lower-case, one spelling a type */
    long a, b;     /* length, or precision and scale; 0 when the type has none */
};

/* `bigint(20)` → bigint, `DECIMAL64(18, 2)` → decimal 18 2, `string` → varchar 65533 … */
void mri_type_parse(const char *text, struct mri_type *ret_type);

/* True when rows made for `want` load without loss into `found`. */
bool mri_type_fits(const char *want, const char *found);

struct mri_found_column {
    char name[MRI_NAME_MAX];
    char type[MRI_TYPE_MAX];
    char extra[32]; /* aggregate function, or NONE, or something else */
    bool nullable, key, has_default;
};

struct mri_found {
    enum mri_model model;
    struct mri_found_column *columns;
    uint32_t count;
};

/* A row of DESC: Field, Type, Null, Key, Default, Extra. False when it has another form. */
MR_NODISCARD bool mri_found_column(const struct mri_row *row, struct mri_found_column *ret_column);

/* Key model out of SHOW CREATE TABLE. False when there is none in it. */
MR_NODISCARD bool mri_found_model(const char *create, enum mri_model *ret_model);

struct mri_differences {
    FILE *out; /* each difference as lines of text; NULL = nowhere */
    uint32_t count;
    struct mr_error first;
};

void mri_compare(const struct mri_table *want,
                 const struct mri_found *found,
                 struct mri_differences *differences);

/* Reports one; fix may be "". */
void mri_difference(struct mri_differences *differences,
                    const struct mri_table *table,
                    const char *column,
                    const char *fix,
                    const char *format,
                    ...) MR_PRINTF(5, 6);

/* ---- ledger_rows.c ---- */

struct mri_ledger_row {
    char topic[256];
    struct mr_span span; /* topic index unused */
};

MR_NODISCARD enum mr_rc mri_ledger_each(struct mr_sql *sql,
                                        const struct mr_layout *layout,
                                        enum mr_rc (*each)(void *context,
                                                           const struct mri_ledger_row *row),
                                        void *context,
                                        struct mr_error *reterr_error);

/* "YYYY-MM-DD HH:MM:SS[.ffffff]", UTC → microseconds. */
MR_NODISCARD bool mri_parse_datetime(const char *text, int64_t *ret_us);

/* {"orders_1m": 5} → rollups[i] of the layout's rollups; those not named stay 0. */
MR_NODISCARD bool
mri_parse_rollups(const struct mr_layout *layout, const char *json, int64_t *rollups);

/* ---- leader.c ---- */

/* A row of SHOW FRONTENDS, as far as it matters. */
struct mri_frontend {
    char host[256];
    uint16_t port; /* of MySQL */
};

struct mri_frontends {
    uint32_t count;
    bool led; /* `leader` is known */
    struct mri_frontend leader;
};

/* Takes a row; context is a struct mri_frontends. Rows that cannot be read are counted, not used. */
enum mr_rc mri_frontend_row(void *context, const struct mri_row *row);

/* May credentials go to that host? True when the configuration names it as a frontend, in the same
 * spelling or by a name that resolves to this address. */
bool mri_frontend_allowed(const struct mr_config *config, const char *host);

/* Host of "http://host:port"; brackets of IPv6 left out. False when it does not fit. */
bool mri_url_host(const char *url, char *ret_host, size_t size);

/* ---- multi.c ---- */

/* "4.0.6-0123abc" → 4, 0, 6. False when it does not begin like a version. */
bool mri_version_parse(const char *text, uint32_t ret_number[3]);

/* MR_OK, or MR_TABLE with what the version lacks. */
MR_NODISCARD enum mr_rc
mri_version_check(const char *text, const char *where, struct mr_error *reterr_error);

/* ---- registry_query.c ---- */

#define MRI_LIST_MAX   1000 /* members of one IN */
#define MRI_CLOSED_MAX 1000 /* rows deleted at once */

/* Rows: topic, partition, chain, seq, start, announced_at, 1 if closed. topics may be NULL. */
void mri_query_registry(const struct mr_layout *layout,
                        const struct mr_other_topics *topics,
                        const struct mr_place *places,
                        uint32_t place_count,
                        const struct mr_chain *chains,
                        uint32_t chain_count,
                        struct mr_text *out);

void mri_query_chain(const struct mr_layout *layout,
                     const struct mr_chain *chain,
                     struct mr_text *out);

void mri_query_closed_before(const struct mr_layout *layout,
                             const struct mr_place *places,
                             uint32_t place_count,
                             const char *before,
                             struct mr_text *out);

/* Rows: topic, partition, chain, n, end. */
void mri_query_ledger_ends(const struct mr_layout *layout, struct mr_text *out);

/* ---- registry.c, for its tests ---- */

struct mri_reading {
    const struct mr_layout *layout;
    struct mr_other_topics *topics; /* NULL: only those of the layout are known */
    const char *table;
    struct mr_error *error;
    uint16_t last_topic; /* of the row before: rows come in their order */
    char *rows;          /* count of row_bytes each */
    size_t row_bytes;
    uint32_t count, capacity;
};

/* Take one row of mri_query_registry, mri_query_ledger_ends; context is a struct mri_reading. */
enum mr_rc mri_registry_take_chain(void *context, const struct mri_row *row);

enum mr_rc mri_registry_take_end(void *context, const struct mri_row *row);

/* ---- queries.c ---- */

/* Rows: topic, partition, start, end, event time, six totals, rollups. */
void mri_query_ledger(const struct mr_layout *layout, struct mr_text *out);

/* Rows: topic, partition, rows (quarantine: offsets) before the ledger's end, and past it. */
void mri_query_detail(const struct mr_layout *layout, struct mr_text *out);

void mri_query_quarantine(const struct mr_layout *layout, struct mr_text *out);

/* Rows: topic, partition, offsets that stand there more than once, the first of them. */
void mri_query_repeats(const struct mr_layout *layout, struct mr_text *out);

/* Sum of the first count() of the rollup; false when it has none. */
MR_NODISCARD bool
mri_query_rollup_count(const struct mr_layout *layout, uint32_t rollup, struct mr_text *out);

/* Windows in which rollup and detail disagree: window, dimensions, then two cells a part (table,
 * detail), then rows a side. limit 0: only their number. */
void mri_query_windows(const struct mr_layout *layout,
                       uint32_t rollup,
                       uint32_t limit,
                       struct mr_text *out);

/* Start of the window of `column`, whatever its size and offset. */
void
mri_query_window_start(const struct mr_rollup *rollup, const char *column, struct mr_text *out);

/* ---- report.c: the table of checks ---- */

struct mri_check {
    char name[64], of[320], expected[48], found[48];
    bool ok;
};

struct mri_report {
    struct mri_check *checks;
    uint32_t count, capacity, different;
    struct mr_text notes; /* lines below the table */
    bool overflow;        /* memory ran out: rows are missing */
};

void mri_report_add(struct mri_report *report,
                    bool ok,
                    const char *name,
                    const char *of,
                    const char *expected,
                    const char *found);

void mri_report_add_i64(struct mri_report *report,
                        bool ok,
                        const char *name,
                        const char *of,
                        int64_t expected,
                        int64_t found);

void mri_report_print(const struct mri_report *report, FILE *out);

void mri_report_fini(struct mri_report *report);

/* ---- verify.c: one run of all checks ---- */

/* What is known of one partition. */
struct mri_partition {
    struct mri_ledger_row ledger;
    bool in_ledger;
    int64_t detail, detail_past, quarantined, quarantined_past, repeated, first_repeat;
};

struct mri_verification {
    struct mr_sql *sql;
    const struct mr_layout *layout;
    struct mr_error *error;
    struct mri_report report;
    struct mri_partition *parts;
    uint32_t part_count, part_capacity;
};

/* Runs the text and empties it. */
MR_NODISCARD enum mr_rc mri_verify_run(struct mri_verification *v,
                                       struct mr_text *query,
                                       mri_row_fn each,
                                       void *context);

/* ---- partitions.c ---- */

/* Fills the list of partitions: from the ledger, and from the tables whose rows tell of others. */
MR_NODISCARD enum mr_rc mri_verify_read_parts(struct mri_verification *v);

void mri_verify_part(struct mri_verification *v, const struct mri_partition *part);

/* Key mode, over all partitions. Which repeats collapsed only the keys tell, but of any number of
 * events one row stays at least. */
void mri_verify_collapsed(struct mri_verification *v);

/* ---- rollups.c ---- */

/* Its sum of count() against the ledger. */
MR_NODISCARD enum mr_rc mri_verify_rollup_count(struct mri_verification *v, uint32_t rollup);

/* Each of its windows against the same aggregation over detail. */
MR_NODISCARD enum mr_rc mri_verify_windows(struct mri_verification *v, uint32_t rollup);
