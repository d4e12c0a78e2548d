/* The compiler of schemas: what it makes of each type, and that it refuses all that it cannot keep.
 */
#include "decode_case.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

static struct decode_case c;

#define AT "\"at\":{\"type\":\"string\",\"format\":\"date-time\"}"

/* Compiles {"type":"object","required":["at"],"properties":{"at":…,"x":<field>}<rest>}. */
static enum mr_rc
compile_field(const char *field, const char *rest)
{
    char schema[4096];
    snprintf(schema,
             sizeof schema,
             "{\"type\":\"object\",\"required\":[\"at\"],\"properties\":{" AT ",\"x\":%s}%s}",
             field,
             rest);
    decode_case_init(&c);
    decode_case_text(&c, schema);
    return decode_case_compile(&c);
}

Test(decode_schema, each_type_has_its_column)
{
    static const struct {
        const char *field;
        enum mr_type type;
        bool nullable;
        uint32_t max_bytes;
        uint8_t precision, scale;
    } cases[] = {
        {"{\"type\":\"string\"}", MR_TYPE_STRING, true, 65533, 0, 0},
        {"{\"type\":\"string\",\"maxLength\":10}", MR_TYPE_STRING, true, 40, 0, 0},
        {"{\"type\":\"string\",\"maxLength\":262144}", MR_TYPE_STRING, true, 1048576, 0, 0},
        {"{\"type\":\"string\",\"maxLength\":1000000}", MR_TYPE_STRING, true, 1048576, 0, 0},
        {"{\"type\":\"string\",\"default\":\"\"}", MR_TYPE_STRING, false, 65533, 0, 0},
        {"{\"type\":[\"string\",\"null\"],\"default\":\"\"}", MR_TYPE_STRING, true, 65533, 0, 0},
        {"{\"type\":\"string\",\"format\":\"uuid\"}", MR_TYPE_STRING, true, 65533, 0, 0},
        {"{\"type\":\"string\",\"format\":\"date\"}", MR_TYPE_DATE, true, 0, 0, 0},
        {"{\"type\":\"string\",\"format\":\"date-time\"}", MR_TYPE_TIMESTAMP, true, 0, 0, 0},
        {"{\"type\":[\"integer\",\"string\"],\"format\":\"date-time\"}",
         MR_TYPE_TIMESTAMP,
         true,
         0,
         0,
         0},
        {"{\"type\":\"integer\"}", MR_TYPE_INT64, true, 0, 0, 0},
        {"{\"type\":[\"string\",\"integer\",\"null\"]}", MR_TYPE_INT64, true, 0, 0, 0},
        {"{\"type\":\"integer\",\"x-time\":\"epoch_ms\"}", MR_TYPE_TIMESTAMP, true, 0, 0, 0},
        {"{\"type\":\"number\"}", MR_TYPE_DOUBLE, true, 0, 0, 0},
        {"{\"type\":[\"integer\",\"number\"]}", MR_TYPE_DOUBLE, true, 0, 0, 0},
        {"{\"type\":\"boolean\"}", MR_TYPE_BOOL, true, 0, 0, 0},
        {"{\"type\":\"string\",\"x-decimal\":[18,2]}", MR_TYPE_DECIMAL, true, 0, 18, 2},
        {"{\"type\":\"number\",\"x-decimal\":[38,38]}", MR_TYPE_DECIMAL, true, 0, 38, 38},
        {"{\"type\":\"integer\",\"x-decimal\":[20,0]}", MR_TYPE_DECIMAL, true, 0, 20, 0},
        {"{\"type\":\"object\"}", MR_TYPE_JSON, true, 0, 0, 0},
        {"{\"type\":[\"array\",\"object\",\"null\"]}", MR_TYPE_JSON, true, 0, 0, 0},
        {"{\"type\":\"array\",\"additionalProperties\":true}", MR_TYPE_JSON, true, 0, 0, 0},
    };
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        T_TRUE_MSG(compile_field(cases[i].field, "") == MR_OK,
                   "%s: %s",
                   cases[i].field,
                   decode_case_mistakes(&c));
        const struct mr_column *column = &c.layout->columns[1];
        T_STR_EQ(column->name, "x");
        T_STR_EQ(column->path, "x");
        T_TRUE_MSG(column->type == cases[i].type && column->nullable == cases[i].nullable,
                   "%s",
                   cases[i].field);
        T_INT_EQ(column->max_bytes, cases[i].max_bytes);
        T_TRUE(column->precision == cases[i].precision && column->scale == cases[i].scale);
        decode_case_close(&c);
    }
}

Test(decode_schema, what_cannot_be_kept_is_refused_with_its_place)
{
    static const struct {
        const char *field, *mistake; /* after "event.schema: FILE #" */
    } cases[] = {
        {"{\"type\":\"string\",\"pattern\":\"^a\"}",
         "/properties/x: keyword \"pattern\" is not supported"},
        {"{\"type\":\"integer\",\"multipleOf\":2}",
         "/properties/x: keyword \"multipleOf\" is not supported"},
        {"{\"type\":\"array\",\"items\":{\"type\":\"string\"}}",
         "/properties/x: keyword \"items\" is not supported"},
        {"{\"type\":\"string\",\"x-colour\":1}",
         "/properties/x: keyword \"x-colour\" is not supported"},
        {"{\"anyOf\":[{\"type\":\"string\"}],\"type\":\"string\"}",
         "/properties/x: keyword \"anyOf\" is not supported"},
        {"{}", "/properties/x: type is missing"},
        {"true", "/properties/x: a schema must be an object"},
        {"{\"type\":\"text\"}",
         "/properties/x: type must be string, integer, number, boolean, object, array or a list of "
         "these and null"},
        {"{\"type\":[]}",
         "/properties/x: type must be string, integer, number, boolean, object, array or a list of "
         "these and null"},
        {"{\"type\":[\"string\",3]}",
         "/properties/x: type must be string, integer, number, boolean, object, array or a list of "
         "these and null"},
        {"{\"type\":\"null\"}", "/properties/x: this combination of types has no column type"},
        {"{\"type\":[\"string\",\"number\"]}",
         "/properties/x: this combination of types has no column type"},
        {"{\"type\":[\"string\",\"boolean\"]}",
         "/properties/x: this combination of types has no column type"},
        {"{\"type\":[\"string\",\"object\"]}",
         "/properties/x: this combination of types has no column type"},
        {"{\"type\":\"string\",\"format\":\"email\"}",
         "/properties/x: format must be date-time, date or uuid, and belongs to a string"},
        {"{\"type\":[\"string\",\"integer\"],\"format\":\"date\"}",
         "/properties/x: format must be date-time, date or uuid, and belongs to a string"},
        {"{\"type\":\"integer\",\"format\":\"date\"}",
         "/properties/x: keyword \"format\" does not apply to this type"},
        {"{\"type\":\"integer\",\"maxLength\":3}",
         "/properties/x: keyword \"maxLength\" does not apply to this type"},
        {"{\"type\":\"string\",\"minimum\":3}",
         "/properties/x: keyword \"minimum\" does not apply to this type"},
        {"{\"type\":\"object\",\"required\":[\"a\"]}",
         "/properties/x: keyword \"required\" does not apply to this type"},
        {"{\"type\":\"string\",\"properties\":{}}",
         "/properties/x: keyword \"properties\" does not apply to this type"},
        {"{\"type\":\"string\",\"x-time\":\"epoch_ms\"}",
         "/properties/x: keyword \"x-time\" does not apply to this type"},
        {"{\"type\":\"integer\",\"x-time\":\"epoch_s\"}",
         "/properties/x: x-time must be \"epoch_ms\""},
        {"{\"type\":\"boolean\",\"x-decimal\":[3,1]}",
         "/properties/x: keyword \"x-decimal\" does not apply to this type"},
        {"{\"type\":\"string\",\"x-decimal\":[39,2]}",
         "/properties/x: x-decimal must be [precision, scale] with 1 <= precision <= 38 and 0 <= "
         "scale <= precision"},
        {"{\"type\":\"string\",\"x-decimal\":[2,3]}",
         "/properties/x: x-decimal must be [precision, scale] with 1 <= precision <= 38 and 0 <= "
         "scale <= precision"},
        {"{\"type\":\"string\",\"x-decimal\":\"18,2\"}",
         "/properties/x: x-decimal must be [precision, scale] with 1 <= precision <= 38 and 0 <= "
         "scale <= precision"},
        {"{\"type\":\"string\",\"maxLength\":0}", "/properties/x: maxLength must be 1 to 1048576"},
        {"{\"type\":\"string\",\"maxLength\":1048577}",
         "/properties/x: maxLength must be 1 to 1048576"},
        {"{\"type\":\"string\",\"minLength\":-1}", "/properties/x: minLength must be 0 to 1048576"},
        {"{\"type\":\"string\",\"enum\":[]}",
         "/properties/x: enum must be an array of at least one string"},
        {"{\"type\":\"string\",\"enum\":[1]}", "/properties/x: enum may hold strings only"},
        {"{\"type\":\"integer\",\"const\":\"1\"}",
         "/properties/x: const must be a string or an integer, as type says"},
        {"{\"type\":\"integer\",\"minimum\":1.5}",
         "/properties/x: a bound of an integer must be a 64-bit integer"},
        {"{\"type\":\"integer\",\"minimum\":\"1\"}",
         "/properties/x: a bound must be a number of at most fifteen digits"},
        {"{\"type\":\"string\",\"x-decimal\":[4,2],\"minimum\":0.001}",
         "/properties/x: the bound 0.001 does not fit DECIMAL(4,2)"},
        {"{\"type\":\"string\",\"enum\":[\"a\",\"b\"],\"const\":\"a\"}",
         "/properties/x: enum and const are too much for one field"},
        {"{\"type\":\"string\",\"minLength\":3,\"maxLength\":2}",
         "/properties/x: the bounds exclude every value"},
        {"{\"type\":\"integer\",\"const\":5,\"minimum\":6}",
         "/properties/x: the bounds exclude every value"},
        {"{\"type\":\"number\",\"minimum\":1,\"exclusiveMaximum\":1}",
         "/properties/x: the bounds exclude every value"},
        {"{\"type\":\"number\",\"x-decimal\":[9,2],\"minimum\":1.5,\"maximum\":1.49}",
         "/properties/x: the bounds exclude every value"},
        {"{\"type\":\"number\",\"x-decimal\":[20,2],\"default\":123456789012345678.12}",
         "/properties/x: default: a number of more than fifteen digits: write a string"},
        {"{\"type\":\"string\",\"default\":7}", "/properties/x: default: x: 7 is not a string"},
        {"{\"type\":\"string\",\"maxLength\":2,\"default\":\"abc\"}",
         "/properties/x: default: x: 3 characters, maxLength is 2"},
        {"{\"type\":\"string\",\"default\":null}",
         "/properties/x: default: x: null is not a string"},
        {"{\"type\":\"object\",\"default\":{}}",
         "/properties/x: keyword \"default\" does not apply to this type"},
        {"{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}",
         "/properties/x: additionalProperties may only be true: what the schema does not name is "
         "counted, never rejected"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"b\"]}",
         "/properties/x: required names \"b\", which properties does not describe"},
        {"{\"type\":\"object\",\"properties\":{},\"required\":\"b\"}",
         "/properties/x: required must be an array of names"},
        {"{\"type\":\"object\",\"properties\":{\"a.b\":{\"type\":\"string\"}}}",
         "/properties/x/properties/a.b: a property's name must have 1 to 128 bytes and no dot"},
        {"{\"type\":\"object\",\"properties\":{\"~a/b\":{\"type\":\"string\",\"pattern\":\"\"}}}",
         "/properties/x/properties/~0a~1b: keyword \"pattern\" is not supported"},
        {"{\"type\":\"string\",\"x-column\":1}", "/properties/x: x-column must be a string"},
        {"{\"$ref\":\"other.json\"}", "/properties/x: $ref must be \"#/$defs/NAME\""},
        {"{\"$ref\":\"#/$defs/none\"}",
         "/properties/x: $ref to \"#/$defs/none\", which is not there"},
        {"{\"$ref\":\"#/$defs/none\",\"maxLength\":3}",
         "/properties/x: keyword \"maxLength\" beside $ref is not supported"},
        {"{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"type\":\"string\"}",
         "/properties/x: $schema must be draft 2020-12"},
    };
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        char wanted[1024];
        T_TRUE_MSG(compile_field(cases[i].field, "") == MR_SCHEMA, "%s was taken", cases[i].field);
        snprintf(wanted, sizeof wanted, "event.schema: %s #%s\n", c.path, cases[i].mistake);
        T_STR_EQ(decode_case_mistakes(&c), wanted);
        T_TRUE(c.plan == NULL);
        decode_case_close(&c);
    }
}

Test(decode_schema, the_closest_of_several_bounds_holds)
{
    static const char *const fields[] = {
        "{\"type\":\"integer\",\"minimum\":5,\"exclusiveMinimum\":0,\"exclusiveMaximum\":8,"
        "\"maximum\":9}",
        "{\"type\":\"integer\",\"exclusiveMinimum\":4,\"minimum\":0,\"maximum\":7,"
        "\"exclusiveMaximum\":9}",
        "{\"type\":\"number\",\"minimum\":5,\"exclusiveMinimum\":0,\"exclusiveMaximum\":8,"
        "\"maximum\":9}",
        "{\"type\":\"number\",\"x-decimal\":[9,2],\"minimum\":1,\"exclusiveMinimum\":4,"
        "\"exclusiveMaximum\":8,\"maximum\":9}",
        "{\"type\":\"integer\",\"const\":5,\"minimum\":0,\"maximum\":9}"};
    for (size_t i = 0; i < MR_ARRAY_LEN(fields); i++) {
        T_TRUE_MSG(compile_field(fields[i], "") == MR_OK, "%s", decode_case_mistakes(&c));
        for (int value = 0; value < 10; value++) {
            char text[80];
            bool inside = i == 4 ? value == 5 : value >= 5 && value < 8;
            int len =
                snprintf(text, sizeof text, "{\"at\":\"2026-02-02T10:00:00Z\",\"x\":%d}", value);
            T_TRUE_MSG((decode_case_run(&c, text, (size_t)len) == MR_REJECT_NONE) == inside,
                       "%s: %d",
                       fields[i],
                       value);
        }
        decode_case_close(&c);
    }
}

Test(decode_schema, a_default_is_the_number_that_was_written)
{
    static const char record[] = "{\"at\":\"2026-02-02T10:00:00Z\"}";
    T_INT_EQ(compile_field("{\"type\":\"number\",\"default\":0.30000000000000004}", ""), MR_OK);
    T_INT_EQ(decode_case_run(&c, record, sizeof record - 1), MR_REJECT_NONE);
    const double wanted = 0.30000000000000004, usual = 0.1;
    T_TRUE(memcmp(&decode_case_value(&c, "x")->f64, &wanted, sizeof wanted) == 0);
    T_INT_EQ(c.layout->default_bytes, strlen("0.30000000000000004"));
    decode_case_close(&c);
    T_INT_EQ(compile_field("{\"type\":\"number\",\"default\":0.1}", ""), MR_OK);
    T_INT_EQ(decode_case_run(&c, record, sizeof record - 1), MR_REJECT_NONE);
    T_TRUE(memcmp(&decode_case_value(&c, "x")->f64, &usual, sizeof usual) == 0);
    T_TRUE(mr_slice_equal(decode_case_value(&c, "x")->text, mr_slice_of("0.1")));
    decode_case_close(&c);
}

Test(decode_schema, all_mistakes_are_told_at_once)
{
    T_INT_EQ(compile_field("{\"type\":\"string\",\"pattern\":\"\",\"contains\":1,\"maxLength\":0}",
                           ",\"oneOf\":[]"),
             MR_SCHEMA);
    T_INT_EQ(c.mistakes.count, 4);
    decode_case_close(&c);
}

Test(decode_schema, the_number_of_properties_has_a_limit)
{
    static char schema[65536];
    size_t used =
        (size_t)snprintf(schema, sizeof schema, "{\"type\":\"object\",\"properties\":{" AT);
    for (int i = 0; i < 1030; i++)
        used += (size_t)snprintf(
            schema + used, sizeof schema - used, ",\"p%d\":{\"type\":\"integer\"}", i);
    snprintf(schema + used, sizeof schema - used, "}}");
    decode_case_init(&c);
    decode_case_text(&c, schema);
    T_INT_EQ(decode_case_compile(&c), MR_SCHEMA);
    T_TRUE(strstr(decode_case_mistakes(&c), "#/properties/p1022: more properties than 1024") !=
           NULL);
    T_INT_EQ(c.mistakes.count, 1);
    decode_case_close(&c);
}

Test(decode_schema, annotations_are_allowed)
{
    T_TRUE_MSG(compile_field(
                   "{\"type\":\"string\",\"title\":\"t\",\"description\":\"d\",\"$comment\":\"c\","
                   "\"examples\":[1],\"deprecated\":true,\"readOnly\":true,\"writeOnly\":false}",
                   ",\"$id\":\"x\",\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","
                   "\"additionalProperties\":true,\"title\":\"T\"") == MR_OK,
               "%s",
               decode_case_mistakes(&c));
    decode_case_close(&c);
}

Test(decode_schema, a_reference_stands_for_its_definition)
{
    static const char text[] =
        "{\"at\":\"2026-02-02T10:00:00Z\",\"x\":{\"amount\":\"1.50\",\"currency\":\"EUR\"}}";
    T_TRUE_MSG(
        compile_field(
            "{\"$ref\":\"#/$defs/money\",\"description\":\"price\"}",
            ",\"$defs\":{\"money\":{\"type\":\"object\",\"required\":[\"amount\"],\"properties\":{"
            "\"amount\":{\"$ref\":\"#/$defs/amount\",\"x-column\":\"price\"},"
            "\"currency\":{\"$ref\":\"#/$defs/code\"}}},"
            "\"amount\":{\"type\":\"string\",\"x-decimal\":[10,2]},\"code\":{\"$ref\":\"#/$defs/"
            "three\"},"
            "\"three\":{\"type\":\"string\",\"maxLength\":3}}") == MR_OK,
        "%s",
        decode_case_mistakes(&c));
    T_INT_EQ(decode_case_run(&c, text, strlen(text)), MR_REJECT_NONE);
    T_INT_EQ(decode_case_value(&c, "price")->dec, 150);
    T_TRUE(mr_slice_equal(decode_case_value(&c, "x_currency")->text, mr_slice_of("EUR")));
    decode_case_close(&c);
}

Test(decode_schema, a_reference_to_itself_ends)
{
    T_INT_EQ(
        compile_field("{\"$ref\":\"#/$defs/a\"}", ",\"$defs\":{\"a\":{\"$ref\":\"#/$defs/a\"}}"),
        MR_SCHEMA);
    T_TRUE(strstr(decode_case_mistakes(&c), "more than 16 $ref in a row") != NULL);
    decode_case_close(&c);
    T_INT_EQ(compile_field("{\"$ref\":\"#/$defs/t\"}",
                           ",\"$defs\":{\"t\":{\"type\":\"object\",\"properties\":{\"next\":{\"$"
                           "ref\":\"#/$defs/t\"}}}}"),
             MR_SCHEMA);
    T_TRUE(strstr(decode_case_mistakes(&c), "objects nested deeper than 32") != NULL);
    decode_case_close(&c);
    /* Wide and deep: the number of nodes is bounded, and the limit told once. */
    T_INT_EQ(
        compile_field(
            "{\"$ref\":\"#/$defs/t\"}",
            ",\"$defs\":{\"t\":{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/$defs/t\"},"
            "\"b\":{\"$ref\":\"#/$defs/t\"},\"c\":{\"$ref\":\"#/$defs/t\"}}}}"),
        MR_SCHEMA);
    T_INT_EQ(c.mistakes.count, 1);
    decode_case_close(&c);
}

Test(decode_schema, depth_has_a_limit)
{
    static const int64_t depths[] = {0, -1, 1025};
    for (size_t i = 0; i < MR_ARRAY_LEN(depths); i++) {
        decode_case_init(&c);
        c.config.event.max_depth = depths[i];
        decode_case_text(&c, "{\"type\":\"object\",\"required\":[\"at\"],\"properties\":{" AT "}}");
        T_INT_EQ(decode_case_compile(&c), MR_CONFIG);
        T_TRUE(strncmp(decode_case_mistakes(&c), "event.max_depth: ", 17) == 0);
        decode_case_close(&c);
    }
}
