/* What the files of config share.
 * The way of a file: tree.c (bytes → nodes with lines) → bind.c (nodes against the option table)
 * → setters (text → field, values.c, lists.c, rollups.c) → rules.c (options against each other). */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "millrace/base/attr.h"
#include "millrace/base/text.h"
#include "millrace/config.h"

#define MRI_FILE_MAX ((size_t)1 << 20)
#define MRI_SECRET_MAX                                                                             \
    ((size_t)64 << 10) /* bytes of a scalar after ${…}, and of a secret's file                   \
                        */
#define MRI_DEPTH_MAX    32
#define MRI_CHILDREN_MAX 1024 /* of one list or map: duplicates are looked for pair by pair */
#define MRI_MISTAKES_MAX 1000
#define MRI_PATH         96
#define MRI_SHOWN        112

/* --- tree.c ------------------------------------------------------------------------------- */

enum mri_kind { MRI_SCALAR, MRI_LIST, MRI_MAP };

struct mri_node {
    enum mri_kind kind;
    uint32_t line;
    uint32_t count; /* children */
    bool plain;     /* a scalar without quotes */
    char *key;      /* in a map; else NULL */
    char *raw;      /* a scalar as written */
    size_t raw_len; /* differs from strlen(raw) when it holds a NUL */
    char *value;    /* a scalar after ${…} and file:, once mri_scalar was asked */
    struct mri_node *first, *last, *next;
    struct mri_node *older; /* all nodes of the tree, youngest first */
};

struct mri_tree {
    struct mri_node *root; /* NULL: an empty document */
    struct mri_node *youngest;
};

/* --- options.c, types.c ------------------------------------------------------------------- */

enum mri_type_id {
    MRI_TYPE_NAME,
    MRI_TYPE_TEXT,
    MRI_TYPE_USER,
    MRI_TYPE_SECRET,
    MRI_TYPE_FIELD,
    MRI_TYPE_TABLE,
    MRI_TYPE_SIZE,
    MRI_TYPE_DURATION,
    MRI_TYPE_SECONDS,
    MRI_TYPE_COUNT,
    MRI_TYPE_BROKERS,
    MRI_TYPE_START,
    MRI_TYPE_MYSQL,
    MRI_TYPE_LISTEN,
    MRI_TYPE_LEVEL,
    MRI_TYPE_FORMAT,
    MRI_TYPE_DELIVERY,
    MRI_TYPE_PROPERTY,
    MRI_TYPE_TOPICS,
    MRI_TYPE_URLS,
    MRI_TYPE_HOSTS,
    MRI_TYPE_NAMES,
    MRI_TYPE_BY,
    MRI_TYPE_COLUMNS,
    MRI_TYPE_ROLLUPS,
    MRI_TYPE_WINDOW,
    MRI_TYPE_MEASURES,
    MRI_TYPE_LATER,
    MRI_TYPE_ID_COUNT
};

enum mri_flags { MRI_FLAG_NONE = 0, MRI_FLAG_REQUIRED = 1, MRI_FLAG_SECRET = 2 };

struct mri_option {
    const char *group; /* "source.kafka." or "" */
    const char *name;
    const char *path; /* group and name */
    enum mri_type_id type;
    const char *fallback; /* NULL: none; "": the field stays zero, or a later pass fills it */
    int64_t min, max;
    const char *unit;
    unsigned flags;
    size_t field;
    const char *sentence;
};

extern const struct mri_option mri_config_options[];
extern const uint32_t mri_config_option_count;

/* The row of that path; an unknown path is our own mistake. */
const struct mri_option *mri_config_option_at(const char *path);

struct mri_site;

struct mri_type {
    const char *word;    /* `"x" is not <word>` */
    const char *allowed; /* NULL: the range of the option */
    const char *hint;
    bool (*set)(struct mri_site *site);                          /* false: a mistake was recorded */
    bool (*read)(const char *text, int64_t *ret_value);          /* numbers only */
    const char *(*print)(int64_t value, char *out, size_t size); /* numbers only */
};

extern const struct mri_type mri_config_types[MRI_TYPE_ID_COUNT];

/* What is allowed, as text: the type's own words, or the range. */
const char *mri_config_allowed(const struct mri_option *option, char *out, size_t size);

/* --- bind.c ------------------------------------------------------------------------------- */

enum mri_state { MRI_ABSENT, MRI_DEFAULTED, MRI_SET, MRI_BAD };

struct mri_seen {
    enum mri_state state;
    uint32_t line;
};

struct mri_draft {
    struct mr_config config;
    int64_t max_keys; /* rollup.max_keys: for the rollups that say nothing else */
    struct mr_mistakes *mistakes;
    struct mri_seen *seen; /* one an option, of the top level */
    bool nomem;
};

/* Rows of the table that one map is held against: the file, or one rollup. */
struct mri_scope {
    struct mri_draft *draft;
    const char *rows;     /* "" or "rollups[]." */
    char shown[MRI_PATH]; /* "" or "rollups[0]." */
    void *base;           /* object of the fields */
    struct mri_seen *seen;
};

/* One option at one place of the file. */
struct mri_site {
    struct mri_draft *draft;
    const struct mri_option *option;
    struct mri_node *node;
    const char *path; /* as shown to the user */
    void *base;
    void *field;
};

void mri_config_bind(struct mri_scope *scope, struct mri_node *map);

/* Records a mistake at a node; returns false, so that a setter can return it. */
bool mri_config_wrong(const struct mri_site *site,
                      const struct mri_node *node,
                      const char *hint,
                      const char *format,
                      ...) MR_PRINTF(4, 5);

/* Likewise for one part of an option: path.part or path[index]. */
bool mri_config_wrong_part(const struct mri_site *site,
                           const char *part,
                           const struct mri_node *node,
                           const char *hint,
                           const char *format,
                           ...) MR_PRINTF(5, 6);

/* Says that what is not built yet is known. */
bool mri_config_later(const struct mri_site *site,
                      const char *part,
                      const struct mri_node *node,
                      const char *what);

/* The scalar as written, in quotes; never for secrets. */
const char *
mri_config_show(const struct mri_site *site, const struct mri_node *node, char *out, size_t size);

/* --- scalar.c ----------------------------------------------------------------------------- */

/* Text of a scalar with ${…} and file: replaced; it lives as long as the tree. NULL: the mistake
 * was recorded (for part, which may be ""). */
const char *mri_config_scalar(const struct mri_site *site, const char *part, struct mri_node *node);

/* "a list", "a map", "a single value". */
const char *mri_config_kind_name(const struct mri_node *node);

/* A scalar without quotes that says nothing: empty, ~ or null. */
bool mri_config_is_null(const struct mri_node *node);

/* Copy on the heap; NULL and nomem when there is no memory. */
char *mri_config_copy(struct mri_draft *draft, const char *text);

/* --- read.c: text → value, without any context -------------------------------------------- */

bool mri_config_read_count(const char *text, int64_t *ret_value);

bool mri_config_read_size(const char *text, int64_t *ret_bytes);

bool mri_config_read_duration(const char *text, int64_t *ret_ms);

bool mri_config_read_seconds(const char *text, int64_t *ret_s);

/* RFC 3339 with zone, whole seconds, not before 1970. */
bool mri_config_read_time(const char *text, int64_t *ret_ms);

/* host:port, [v6]:port; the host without brackets. */
bool mri_config_read_endpoint(const char *text, struct mr_slice *ret_host, uint16_t *ret_port);

bool mri_config_is_host(struct mr_slice text);

/* ^[A-Za-z_][A-Za-z0-9_]{0,63}$, the rule for columns and tables. */
bool mri_config_is_identifier(const char *text);

/* A path of a field: no blank, quote, comma or parenthesis; at most 255 bytes. */
bool mri_config_is_field(const char *text);

const char *mri_config_print_count(int64_t value, char *out, size_t size);

const char *mri_config_print_size(int64_t bytes, char *out, size_t size);

const char *mri_config_print_duration(int64_t ms, char *out, size_t size);

const char *mri_config_print_seconds(int64_t s, char *out, size_t size);

/* --- setters: values.c, lists.c, rollups.c -------------------------------------------------- */

bool mri_config_set_number(struct mri_site *site);
bool mri_config_set_name(struct mri_site *site);
bool mri_config_set_text(struct mri_site *site);
bool mri_config_set_user(struct mri_site *site);
bool mri_config_set_secret(struct mri_site *site);
bool mri_config_set_field(struct mri_site *site);
bool mri_config_set_table(struct mri_site *site);
bool mri_config_set_brokers(struct mri_site *site);
bool mri_config_set_start(struct mri_site *site);
bool mri_config_set_mysql(struct mri_site *site);
bool mri_config_set_listen(struct mri_site *site);
bool mri_config_set_level(struct mri_site *site);
bool mri_config_set_format(struct mri_site *site);
bool mri_config_set_delivery(struct mri_site *site);
bool mri_config_set_property(struct mri_site *site);
bool mri_config_set_topics(struct mri_site *site);
bool mri_config_set_urls(struct mri_site *site);
bool mri_config_set_hosts(struct mri_site *site);
bool mri_config_set_names(struct mri_site *site);
bool mri_config_set_by(struct mri_site *site);
bool mri_config_set_columns(struct mri_site *site);
bool mri_config_set_rollups(struct mri_site *site);
bool mri_config_set_window(struct mri_site *site);
bool mri_config_set_measures(struct mri_site *site);
bool mri_config_set_later(struct mri_site *site);

/* False, and the mistake recorded, when node is no list (map) or its count is out of the range. */
bool mri_config_is_collection(const struct mri_site *site,
                              const struct mri_node *node,
                              enum mri_kind kind);

/* --- rules.c, tree.c, config.c, mistakes.c -------------------------------------------------- */

/* Options against each other, and the defaults that follow from other options. */
void mri_config_rules(struct mri_draft *draft);

/* False: the text is no single YAML document within the limits; the mistake was recorded. */
bool
mri_config_tree_build(struct mri_draft *draft, const char *text, size_t len, struct mri_tree *tree);

/* Wipes and frees. */
void mri_config_tree_fini(struct mri_tree *tree);

/* mr_config_load without the file: what the fuzz target calls. file names it in ret_config. */
MR_NODISCARD enum mr_rc
mri_config_parse(const char *text, size_t len, const char *file, struct mr_mistakes *mistakes,
                 struct mr_config **ret_config);

/* snprintf for texts that may be cut: paths, hints, names that are shown. */
void mri_config_cut(char *out, size_t size, const char *format, ...) MR_PRINTF(3, 4);

/* False when the mistake could not be kept for want of memory. */
bool mri_config_mistakes_vadd(struct mr_mistakes *mistakes,
                              uint32_t line,
                              const char *option,
                              const char *hint,
                              const char *format,
                              va_list args) MR_PRINTF(5, 0);
