/* What the files of decode share: the compiled plan, the scanner's tokens, the decoder.
 * A record is decoded in two steps. The scanner (scan.c, one object file a kernel) checks the whole
 * document and leaves one token for each described field; projecting (project.c) turns the tokens
 * into values and applies the schema's rules. So a malformed document is always `malformed`,
 * whatever stands in its fields; a described key that comes twice is such a fault too.
 * Threads: a plan is immutable; everything else belongs to one worker. */
#pragma once

#include <jansson.h>
#include <locale.h>

#include "millrace/base/assert.h"
#include "millrace/decode.h"

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "keys are compared as little-endian words"
#endif

#define MRI_NODES_MAX     1024  /* described objects and fields */
#define MRI_LEVELS_MAX    32    /* described objects inside one another */
#define MRI_NAME_MAX      128   /* bytes of one property name */
#define MRI_DEPTH_MAX     1024  /* greatest event.max_depth */
#define MRI_TEMPLATES_MAX 4     /* learned key orders kept by a decoder */
#define MRI_STEPS_MAX     256   /* values in a learned document */
#define MRI_LITERALS_MAX  16384 /* bytes between the values of a learned document */
#define MRI_PAD           MR_BATCH_PAD

enum mri_kind {
    MRI_ABSENT,
    MRI_NULL,
    MRI_FALSE,
    MRI_TRUE,
    MRI_NUMBER,
    MRI_STRING,
    MRI_OBJECT,
    MRI_ARRAY
};

enum {
    MRI_ESCAPED = 1, /* the string holds a backslash */
    MRI_WIDE = 2,    /* the string holds bytes above 0x7F */
    MRI_REAL = 4     /* the number has a fraction or an exponent */
};

enum { MRI_JSON_OBJECT = 1, MRI_JSON_ARRAY = 2 };

/* Where a field's value stands in the record; a string without its quotes. */
struct mri_token {
    const char *p;
    uint32_t len;
    uint8_t kind;
    uint8_t flags;
};

/* What a node's usual token looks like, so that most fields need no more than this: 16 bytes a
 * node, in one array. Anything unusual takes the long way, which gives the same answer. */
enum mri_short {
    MRI_SHORT_NONE,
    MRI_SHORT_TEXT,
    MRI_SHORT_INT64,
    MRI_SHORT_TIME,
    MRI_SHORT_OBJECT
};

struct mri_shortcut {
    uint8_t way;  /* enum mri_short */
    uint8_t kind; /* of the usual token; its flags are 0 */
    int16_t column;
    uint32_t min_len, span_len; /* TEXT: min_len <= length <= min_len + span_len */
};

/* Perfect hash of an object's keys over (length, first eight bytes); keys that agree in both are
 * chained. */
struct mri_key {
    uint64_t word; /* first eight bytes, zero-filled */
    uint64_t tail; /* last eight bytes of a longer key, else 0 */
    uint32_t len;
    uint16_t node;
    uint16_t next; /* 1 + index of the next key of the same slot, 0 = none */
    const char *text;
};

struct mri_keys {
    uint64_t multiplier;
    uint32_t shift;
    uint32_t count;
    uint16_t *slots; /* 1 + index into items, 0 = empty */
    struct mri_key *items;
};

struct mri_bounds {
    union {
        struct {
            int64_t min, max;
        } i64;
        struct {
            double min, max;
        } f64;
        struct {
            __int128 min, max;
        } dec;
    };
};

/* One described object or field, in the order of the schema, parents before children. */
struct mri_node {
    const char *path;  /* dotted */
    const char *label; /* path as printable ASCII, for messages */
    uint16_t end;      /* one past the last node inside; for a field its own index + 1 */
    uint16_t parent;
    int16_t column; /* index of the layout's column; -1 = an object without one */
    bool object;    /* an object with described properties */
    bool required;  /* in its parent */
    bool allows_null;
    bool bounded;       /* bounds hold */
    bool summed;        /* a double within MRI_SUMMED_MAX */
    bool digit_strings; /* an integer may come as a string */
    bool epoch_ms;      /* a timestamp that comes as an integer only */
    bool uuid;
    bool has_default;
    uint8_t json_kinds; /* MRI_JSON_OBJECT, MRI_JSON_ARRAY */
    enum mr_type type;
    uint8_t precision, scale;
    uint32_t min_chars, max_chars, max_bytes;
    struct mri_bounds bounds;
    const struct mr_slice *choices; /* enum or const of a string */
    uint32_t choice_count;
    struct mr_value default_value;
    struct mri_keys keys;
};

struct mri_block {
    struct mri_block *next;
    _Alignas(16) char bytes[];
};

struct mr_plan {
    struct mr_layout layout;
    struct mri_node *nodes;         /* node_count; nodes[0] is the document itself */
    struct mri_shortcut *shortcuts; /* node_count */
    uint32_t node_count;
    uint32_t max_depth;
    bool whole_objects; /* a described object has a column of its own: templates are off */
    int64_t max_future_us;
    int64_t min_time_us;      /* windows of earlier events would begin before MR_DAYS_MIN */
    struct mri_block *blocks; /* everything that the plan points to */
};

/* One step of a template: literal bytes, then a value of the kind that was seen there. */
struct mri_step {
    uint32_t literal; /* offset into literals */
    uint32_t literal_len;
    int32_t node;  /* -1: a member that the schema does not name */
    uint8_t kind;  /* MRI_STRING: the literal ends with the opening quote; else any value */
    uint8_t opens; /* described objects that are open here; a nested value counts on from it */
};

/* The order of keys of one producer, learned from one of its documents: as long as the bytes
 * between the values repeat, keys need neither be read nor looked up. */
struct mri_template {
    uint32_t step_count;
    uint32_t literal_bytes;
    uint32_t unknown; /* members that the schema does not name */
    uint32_t tail, tail_len;
    uint16_t objects[MRI_LEVELS_MAX * 4]; /* described objects that the document has */
    uint32_t object_count;
    bool complete;
    struct mri_step steps[MRI_STEPS_MAX];
    char literals[MRI_LITERALS_MAX + MRI_PAD];
};

/* One record under the scanner. */
struct mri_scan {
    const struct mr_plan *plan;
    const char *begin, *end;
    struct mri_token *tokens; /* one a node, all absent before the scan */
    uint32_t unknown;
    struct mri_template *learn; /* NULL, or what is learned from this record */
    const char *learned_to;     /* the literal of the next step begins here */
    /* Set at a fault: */
    enum mr_reject reason;
    uint32_t fault_node; /* whose key is the fault; 0: nobody's, for the document itself has none */
    const char *fault;   /* sentence */
    const char *fault_at;
};

struct mri_kernel {
    const char *name;
    /* Both false at a fault; the template then says nothing about the reason. */
    bool (*scan)(struct mri_scan *scan);
    bool (*scan_template)(struct mri_scan *scan, const struct mri_template *template);
};

extern const struct mri_kernel mri_kernel_scalar, mri_kernel_sse2, mri_kernel_avx2;

/* Kernel by name that this processor can run, NULL otherwise; name NULL: the best one. */
const struct mri_kernel *mri_kernel_find(const char *name);

/* The day that was read last: events of one batch mostly share it. */
struct mri_day {
    char text[10];
    bool known;
    int64_t days;
};

/* What converting needs beside the token: room for strings whose escapes were resolved, the locale
 * of strtod, the last day. */
struct mri_pen {
    char *p, *limit;
    locale_t locale;
    struct mri_day day;
};

struct mr_decoder {
    const struct mr_plan *plan;
    const struct mri_kernel *kernel;
    struct mri_token *tokens;
    char *scratch;
    size_t scratch_bytes;
    struct mri_pen pen;
    bool use_templates;
    struct mri_template *templates[MRI_TEMPLATES_MAX + 1]; /* the last is the spare to learn into */
    uint32_t template_count;
    uint32_t template_last; /* the one that matched last */
    uint32_t template_next; /* the one to overwrite next */
    uint32_t seen, missed;  /* records and template misses of the present period */
    uint32_t pause;         /* records for which templates rest */
};

/* --- decode.c: for tests and benchmarks */
void mri_decoder_use_kernel(struct mr_decoder *decoder, const struct mri_kernel *kernel);

void mri_decoder_use_templates(struct mr_decoder *decoder, bool use);

/* --- template.c: the scan of a record by a learned order, or in general. */
bool mri_template_scan(struct mr_decoder *decoder,
                       const struct mr_record *record,
                       struct mri_scan *scan);

/* --- plan.c: memory of a plan; NULL when there is none. Zeroed, aligned to 16 bytes. */
void *mri_plan_alloc(struct mr_plan *plan, size_t bytes);

char *mri_plan_text(struct mr_plan *plan, const char *bytes, size_t len);

/* --- schema.c, keyword.c, layout.c, rollups.c: the compiler. */
struct mri_compile {
    struct mr_plan *plan;
    const struct mr_config *config;
    struct mr_mistakes *mistakes;
    json_t *root;
    uint32_t mistakes_before;
    bool no_memory;
    bool told_columns; /* that there are too many */
    char pointer[512]; /* JSON pointer of the schema being read */
};

/* Fills the nodes of the plan and columns[i], the x-column of node i or NULL. False when there are
 * mistakes or no memory. */
bool mri_schema_compile(struct mri_compile *compile, const char **columns);

/* Adds "FILE #POINTER: text" to the mistakes. */
void mri_schema_mistake(struct mri_compile *compile, const char *format, ...) MR_PRINTF(2, 3);

/* Type and rules of a node from its schema. */
void mri_keyword_read(struct mri_compile *compile, struct mri_node *node, json_t *schema);

/* x-column of a schema, or NULL. */
const char *mri_keyword_column(struct mri_compile *compile, const json_t *schema);

/* Keywords that say something to people only. */
bool mri_keyword_annotation(const char *name);

/* bounds.c: everything is allowed at first; then one function a keyword. */
void mri_bounds_init(struct mri_node *node);

void mri_bounds_minimum(struct mri_compile *compile, struct mri_node *node, const json_t *value);

void mri_bounds_maximum(struct mri_compile *compile, struct mri_node *node, const json_t *value);

void mri_bounds_above(struct mri_compile *compile, struct mri_node *node, const json_t *value);

void mri_bounds_below(struct mri_compile *compile, struct mri_node *node, const json_t *value);

void mri_bounds_exact(struct mri_node *node, int64_t value);

/* A double that a rollup sums: 10^12 of them stay finite. False when its default, or all that the
 * schema allows, is too large. */
#define MRI_SUMMED_MAX 1e296
bool mri_bounds_summed(struct mri_node *node);

/* When all keywords are read: is any value left? */
void mri_bounds_check(struct mri_compile *compile, const struct mri_node *node);

/* A number of the schema as its author wrote it. False when it has more than fifteen digits, which
 * its way through a double has not left as they were. */
bool mri_bounds_text(const json_t *value, char text[32]);

/* The keys of an object node from the nodes below it; names[i]: last part of node i's path. */
bool mri_keys_build(struct mr_plan *plan, uint16_t object, const char *const *names);

/* The node of a column; NULL for a column that no node has. */
struct mri_node *mri_layout_node(const struct mr_plan *plan, int32_t column);

/* Columns of the layout, time, key, sequence. columns[i]: x-column of node i or NULL. */
void mri_layout_compile(struct mri_compile *compile, const char *const *columns);

/* Column by name, else by path; -1 and a mistake (option, line) otherwise. */
int32_t
mri_layout_find(struct mri_compile *compile, const char *field, uint32_t line, const char *option);

void mri_rollups_compile(struct mri_compile *compile);

/* "BIGINT", "DECIMAL", …; static. */
const char *mri_type_name(enum mr_type type);

/* --- project.c: tokens → values. The shortcuts are made once the columns are known. */
bool mri_project_compile(struct mr_plan *plan);

enum mr_reject
mri_project(struct mr_decoder *decoder, struct mr_event *event, struct mr_reject_info *ret_info);

/* --- convert.c: one token → one value, by the node's type and rules. value is written on success
 * only. The token must be followed by eight readable bytes. */
enum mr_reject mri_convert(struct mri_pen *pen,
                           const struct mri_node *node,
                           const struct mri_token *token,
                           struct mr_value *value,
                           struct mr_reject_info *ret_info);

/* Fills info: "<label>: <text>" or, with node NULL, the text alone. Returns reason. */
enum mr_reject mri_refuse(struct mr_reject_info *info,
                          enum mr_reject reason,
                          const struct mri_node *node,
                          const char *format,
                          ...) MR_PRINTF(4, 5);

/* As mri_refuse, with the token's bytes quoted in front of the text. */
enum mr_reject mri_refuse_value(struct mr_reject_info *info,
                                enum mr_reject reason,
                                const struct mri_node *node,
                                const struct mri_token *token,
                                const char *text);

/* --- number.c */
enum mri_number { MRI_NUMBER_OK, MRI_NUMBER_GRAMMAR, MRI_NUMBER_FRACTION, MRI_NUMBER_LARGE };

/* A JSON number, exactly, as value * 10^scale; at most `precision` digits in all (38 or fewer).
 * FRACTION: digits that are not zero would be lost. LARGE: too many digits before the point. */
enum mri_number mri_number_decimal(
    const char *p, size_t len, uint32_t precision, uint32_t scale, __int128 *ret_value);

enum mri_number mri_number_int64(const char *p, size_t len, int64_t *ret_value);

/* p must be followed by a byte that cannot continue a number. */
enum mri_number mri_number_double(const char *p, size_t len, locale_t locale, double *ret_value);

/* --- moment.c: NULL on success, else what is wrong (static). day may be empty, never NULL. */
const char *mri_moment_time(struct mri_day *day, const char *p, size_t len, int64_t *ret_us);

const char *mri_moment_date(const char *p, size_t len, int64_t *ret_days);

/* 0001-01-01T00:00:00 … 9999-12-31T23:59:59.999999 */
bool mri_moment_in_range(int64_t us);

/* --- unescape.c: a string whose escapes the scanner has checked. Returns the length written, at
 * most len. unsafe: set when CSV could not carry the result. */
size_t mri_unescape(char *out, const char *p, size_t len, bool *ret_unsafe);
