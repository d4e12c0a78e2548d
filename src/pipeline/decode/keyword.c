/* Keywords of one schema → type and rules of one node. One table says which keywords exist and to
 * which types they apply; whatever is not in it is refused. */
#include "decode_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define VARCHAR_DEFAULT 65533
#define VARCHAR_MAX     1048576

/* --- types */

enum {
    T_STRING = 1,
    T_INTEGER = 2,
    T_NUMBER = 4,
    T_BOOLEAN = 8,
    T_OBJECT = 16,
    T_ARRAY = 32,
    T_NULL = 64
};

static unsigned
type_bit(const char *name)
{
    static const char *const names[] = {
        "string", "integer", "number", "boolean", "object", "array", "null"};
    for (unsigned i = 0; name && i < MR_ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) == 0)
            return 1u << i;
    }
    return 0;
}

/* Bits of `type`, 0 after a mistake. */
static unsigned
read_types(struct mri_compile *compile, const json_t *schema)
{
    json_t *type = json_object_get(schema, "type"), *item;
    unsigned types = 0;
    size_t index;
    if (json_is_string(type))
        types = type_bit(json_string_value(type));
    json_array_foreach(type, index, item)
    {
        unsigned bit = type_bit(json_string_value(item));
        types = bit && (index == 0 || types) ? types | bit : 0;
    }
    if (!type)
        mri_schema_mistake(compile, "type is missing");
    else if (types == 0)
        mri_schema_mistake(compile,
                           "type must be string, integer, number, boolean, object, array or "
                           "a list of these and null");
    return types;
}

static bool
read_decimal(struct mri_compile *compile, struct mri_node *node, const json_t *value)
{
    const json_t *precision = json_array_get(value, 0), *scale = json_array_get(value, 1);
    json_int_t p = json_integer_value(precision), s = json_integer_value(scale);
    if (json_array_size(value) != 2 || !json_is_integer(precision) || !json_is_integer(scale) ||
        p < 1 || p > 38 || s < 0 || s > p) {
        mri_schema_mistake(compile,
                           "x-decimal must be [precision, scale] with 1 <= precision <= 38 "
                           "and 0 <= scale <= precision");
        return false;
    }
    node->type = MR_TYPE_DECIMAL;
    node->precision = (uint8_t)p;
    node->scale = (uint8_t)s;
    return true;
}

/* A string, perhaps with other forms beside it. */
static bool
choose_string_type(struct mri_compile *compile,
                   struct mri_node *node,
                   const json_t *schema,
                   unsigned types)
{
    json_t *value = json_object_get(schema, "format");
    const char *format = json_string_value(value);
    node->type = types & T_INTEGER ? MR_TYPE_INT64 : MR_TYPE_STRING;
    node->digit_strings = (types & T_INTEGER) != 0;
    if (!value)
        return true;
    if (format && strcmp(format, "date-time") == 0) {
        node->type = MR_TYPE_TIMESTAMP;
        return true;
    }
    if (format && types == T_STRING && strcmp(format, "date") == 0) {
        node->type = MR_TYPE_DATE;
        return true;
    }
    node->uuid = format && types == T_STRING && strcmp(format, "uuid") == 0;
    if (!node->uuid)
        mri_schema_mistake(compile,
                           "format must be date-time, date or uuid, and belongs to a string");
    return node->uuid;
}

static bool
choose_time_type(struct mri_compile *compile, struct mri_node *node, const json_t *value)
{
    node->type = MR_TYPE_TIMESTAMP;
    node->epoch_ms = true;
    if (json_is_string(value) && strcmp(json_string_value(value), "epoch_ms") == 0)
        return true;
    mri_schema_mistake(compile, "x-time must be \"epoch_ms\"");
    return false;
}

static bool
choose_json(struct mri_node *node, unsigned types)
{
    node->type = MR_TYPE_JSON;
    node->json_kinds = (uint8_t)((types & T_OBJECT ? MRI_JSON_OBJECT : 0) |
                                 (types & T_ARRAY ? MRI_JSON_ARRAY : 0));
    return true;
}

/* The node's type from type, format and the x- keywords; false after a mistake. */
static bool
choose_type(struct mri_compile *compile, struct mri_node *node, const json_t *schema)
{
    unsigned types = read_types(compile, schema);
    const json_t *decimal = json_object_get(schema, "x-decimal");
    const json_t *time = json_object_get(schema, "x-time");
    if (types == 0)
        return false;
    node->allows_null = (types & T_NULL) != 0;
    types &= ~(unsigned)T_NULL;
    node->object = types == T_OBJECT && json_object_get(schema, "properties");
    if (types == T_OBJECT || types == T_ARRAY || types == (T_OBJECT | T_ARRAY))
        return node->object || choose_json(node, types);
    if (types & (T_STRING | T_INTEGER | T_NUMBER) && !(types & (T_BOOLEAN | T_OBJECT | T_ARRAY)) &&
        decimal)
        return read_decimal(compile, node, decimal);
    if (types == T_STRING || types == (T_STRING | T_INTEGER))
        return choose_string_type(compile, node, schema, types);
    if (types == T_INTEGER && time)
        return choose_time_type(compile, node, time);
    node->type = types == T_INTEGER   ? MR_TYPE_INT64
                 : types == T_BOOLEAN ? MR_TYPE_BOOL
                                      : MR_TYPE_DOUBLE;
    if (types == T_INTEGER || types == T_BOOLEAN || types == T_NUMBER ||
        types == (T_NUMBER | T_INTEGER))
        return true;
    mri_schema_mistake(compile, "this combination of types has no column type");
    return false;
}

/* --- rules */

static void
read_max_length(struct mri_compile *compile, struct mri_node *node, const json_t *value)
{
    json_int_t length = json_integer_value(value);
    if (!json_is_integer(value) || length < 1 || length > VARCHAR_MAX) {
        mri_schema_mistake(compile, "maxLength must be 1 to %d", VARCHAR_MAX);
        return;
    }
    node->max_chars = (uint32_t)length;
    node->max_bytes = length * 4 < VARCHAR_MAX ? (uint32_t)length * 4 : VARCHAR_MAX;
}

static void
read_min_length(struct mri_compile *compile, struct mri_node *node, const json_t *value)
{
    json_int_t length = json_integer_value(value);
    if (!json_is_integer(value) || length < 0 || length > VARCHAR_MAX)
        mri_schema_mistake(compile, "minLength must be 0 to %d", VARCHAR_MAX);
    else
        node->min_chars = (uint32_t)length;
}

static void
read_choices(struct mri_compile *compile, struct mri_node *node, const json_t *value)
{
    size_t count = json_array_size(value), index;
    json_t *item;
    struct mr_slice *choices = mri_plan_alloc(compile->plan, (count + 1) * sizeof *choices);
    compile->no_memory |= !choices;
    if (node->choice_count > 0)
        mri_schema_mistake(compile, "enum and const are too much for one field");
    if (count == 0)
        mri_schema_mistake(compile, "enum must be an array of at least one string");
    json_array_foreach(value, index, item)
    {
        size_t len = json_string_length(item);
        const char *text = json_string_value(item);
        char *copy = text ? mri_plan_text(compile->plan, text, len) : NULL;
        if (!text)
            mri_schema_mistake(compile, "enum may hold strings only");
        compile->no_memory |= text && !copy;
        if (!copy || !choices)
            return;
        choices[index] = (struct mr_slice){copy, len};
    }
    node->choices = choices;
    node->choice_count = (uint32_t)count;
}

static void
read_const(struct mri_compile *compile, struct mri_node *node, const json_t *value)
{
    if (node->type == MR_TYPE_STRING && json_is_string(value)) {
        json_t *list = json_pack("[O]", value);
        compile->no_memory |= !list;
        if (list)
            read_choices(compile, node, list);
        json_decref(list);
    } else if (node->type == MR_TYPE_INT64 && json_is_integer(value)) {
        mri_bounds_exact(node, json_integer_value(value));
    } else {
        mri_schema_mistake(compile, "const must be a string or an integer, as type says");
    }
}

/* The default as JSON text, with the digits that its author wrote. NULL after a mistake. */
static char *
default_text(struct mri_compile *compile, const struct mri_node *node, const json_t *value)
{
    char unused[32];
    bool exact = !json_is_real(value) || mri_bounds_text(value, unused);
    if (!exact && node->type != MR_TYPE_DOUBLE) {
        mri_schema_mistake(compile,
                           "default: a number of more than fifteen digits: write a string");
        return NULL;
    }
    char *text = json_dumps(
        value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION((size_t)(exact ? 15 : 17)));
    compile->no_memory |= !text;
    return text;
}

/* default is read in the same way as the field in an event. */
static void
read_default(struct mri_compile *compile, struct mri_node *node, const json_t *value)
{
    struct mr_reject_info info;
    char *text = default_text(compile, node, value);
    if (!text)
        return;
    size_t len = strlen(text);
    char *copy = mri_plan_text(compile->plan, text, len);
    char *room = mri_plan_alloc(compile->plan, len + 1);
    struct mri_pen pen = {
        .p = room, .limit = room + len + 1, .locale = newlocale(LC_ALL_MASK, "C", (locale_t)0)};
    compile->no_memory |= !copy || !room || !pen.locale;
    if (!compile->no_memory && json_is_null(value) && node->allows_null) {
        node->has_default = false; /* an absent field is null anyway */
    } else if (!compile->no_memory) {
        bool string = json_is_string(value);
        struct mri_token token = {copy + string,
                                  (uint32_t)(len - (string ? 2 : 0)),
                                  (uint8_t)(string                  ? MRI_STRING
                                            : json_is_number(value) ? MRI_NUMBER
                                            : json_is_true(value)   ? MRI_TRUE
                                            : json_is_false(value)  ? MRI_FALSE
                                                                    : MRI_NULL),
                                  MRI_ESCAPED};
        node->has_default = mri_convert(&pen, node, &token, &node->default_value, &info) == 0;
        if (!node->has_default)
            mri_schema_mistake(compile, "default: %s", info.message);
    }
    if (pen.locale)
        freelocale(pen.locale);
    free(text);
}

static void
read_additional(struct mri_compile *compile, struct mri_node *node, const json_t *value)
{
    (void)node;
    if (!json_is_true(value))
        mri_schema_mistake(compile,
                           "additionalProperties may only be true: what the schema does not "
                           "name is counted, never rejected");
}

static void
read_dialect(struct mri_compile *compile, struct mri_node *node, const json_t *value)
{
    (void)node;
    const char *uri = json_string_value(value);
    if (!uri || strncmp(uri, "https://json-schema.org/draft/2020-12/schema", 44) != 0)
        mri_schema_mistake(compile, "$schema must be draft 2020-12");
}

/* --- the table */

#define ON(type)   (1u << MR_TYPE_##type)
#define ON_OBJECT  (1u << 16)
#define ON_NUMBERS (ON(INT64) | ON(DOUBLE) | ON(DECIMAL))
#define ON_FIELDS                                                                                  \
    (ON(STRING) | ON(INT64) | ON(DOUBLE) | ON(BOOL) | ON(DECIMAL) | ON(TIMESTAMP) | ON(DATE))
#define ON_ALL (ON_FIELDS | ON(JSON) | ON_OBJECT)

/* Rows with the same stage are read together: default comes last, after the rules it must keep. */
static const struct keyword {
    const char *name;
    unsigned on;
    int stage;
    void (*read)(struct mri_compile *compile, struct mri_node *node, const json_t *value);
} keywords[] = {
    {"type", ON_ALL, 0, NULL},
    {"properties", ON_OBJECT, 0, NULL},
    {"required", ON_OBJECT, 0, NULL},
    {"$defs", ON_ALL, 0, NULL},
    {"x-column", ON_FIELDS | ON(JSON), 0, NULL},
    {"x-decimal", ON(DECIMAL), 0, NULL},
    {"x-time", ON(TIMESTAMP), 0, NULL},
    {"format", ON(STRING) | ON(TIMESTAMP) | ON(DATE), 0, NULL},
    {"$schema", ON_ALL, 1, read_dialect},
    {"additionalProperties", ON_OBJECT | ON(JSON), 1, read_additional},
    {"minLength", ON(STRING), 1, read_min_length},
    {"maxLength", ON(STRING), 1, read_max_length},
    {"enum", ON(STRING), 1, read_choices},
    {"const", ON(STRING) | ON(INT64), 1, read_const},
    {"minimum", ON_NUMBERS, 1, mri_bounds_minimum},
    {"maximum", ON_NUMBERS, 1, mri_bounds_maximum},
    {"exclusiveMinimum", ON_NUMBERS, 1, mri_bounds_above},
    {"exclusiveMaximum", ON_NUMBERS, 1, mri_bounds_below},
    {"default", ON_FIELDS, 2, read_default},
};

bool
mri_keyword_annotation(const char *name)
{
    static const char *const names[] = {"$id",
                                        "$comment",
                                        "title",
                                        "description",
                                        "deprecated",
                                        "readOnly",
                                        "examples",
                                        "writeOnly"};
    for (size_t i = 0; i < MR_ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static const struct keyword *
find_keyword(const char *name)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(keywords); i++) {
        if (strcmp(name, keywords[i].name) == 0)
            return &keywords[i];
    }
    return NULL;
}

static void
read_stage(struct mri_compile *compile, struct mri_node *node, json_t *schema, int stage)
{
    unsigned on = node->object ? ON_OBJECT : 1u << node->type;
    const char *name;
    json_t *value;
    json_object_foreach(schema, name, value)
    {
        const struct keyword *keyword = find_keyword(name);
        if (stage == 0 && !keyword && !mri_keyword_annotation(name))
            mri_schema_mistake(compile, "keyword \"%s\" is not supported", name);
        else if (stage == 0 && keyword && !(keyword->on & on))
            mri_schema_mistake(compile, "keyword \"%s\" does not apply to this type", name);
        else if (keyword && keyword->stage == stage && keyword->read && (keyword->on & on))
            keyword->read(compile, node, value);
    }
}

void
mri_keyword_read(struct mri_compile *compile, struct mri_node *node, json_t *schema)
{
    if (!choose_type(compile, node, schema))
        return;
    node->max_chars = UINT32_MAX;
    node->max_bytes = node->type == MR_TYPE_STRING ? VARCHAR_DEFAULT : 0;
    mri_bounds_init(node);
    for (int stage = 0; stage <= 2; stage++) {
        read_stage(compile, node, schema, stage);
        if (stage == 1)
            mri_bounds_check(compile, node);
    }
}

const char *
mri_keyword_column(struct mri_compile *compile, const json_t *schema)
{
    json_t *value = json_object_get(schema, "x-column");
    if (value && !json_is_string(value))
        mri_schema_mistake(compile, "x-column must be a string");
    if (!json_is_string(value))
        return NULL;
    char *name = mri_plan_text(compile->plan, json_string_value(value), json_string_length(value));
    compile->no_memory |= !name;
    return name;
}
