/* The file of a schema: where it is looked for, and what is in it instead of a schema. */
#include "decode_case.h"
#include "test.h"

#include <string.h>

static struct decode_case c;

static enum mr_rc
compile_text(const char *schema)
{
    decode_case_init(&c);
    decode_case_text(&c, schema);
    return decode_case_compile(&c);
}

Test(decode_schema_file, a_file_that_is_no_schema_of_an_event_is_refused)
{
    static const char *const cases[][2] = {
        {"", "1: '[' or '{' expected near end of file"},
        {"{\"type\":\"object\"\n,,", "2: string or '}' expected near ','"},
        {"{\"type\":\"object\",\"type\":\"object\"}", "1: duplicate object key"},
        {"[]", "#: a schema must be an object"},
        {"{\"type\":\"string\"}", "#: an event must be {\"type\": \"object\""},
        {"{\"type\":\"object\"}", "#: an event must be {\"type\": \"object\""},
        {"{\"type\":[\"object\",\"null\"],\"properties\":{}}",
         "#: an event must be {\"type\": \"object\""},
    };
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        T_INT_EQ(compile_text(cases[i][0]), MR_SCHEMA);
        T_TRUE_MSG(strstr(decode_case_mistakes(&c), cases[i][1]) != NULL,
                   "%s: %s",
                   cases[i][0],
                   decode_case_mistakes(&c));
        decode_case_close(&c);
    }
}

Test(decode_schema_file, a_missing_file_is_named)
{
    static char path[] = "/nowhere/schema.json", file[] = "/etc/none.yaml",
                relative[] = "nowhere/schema.json";
    decode_case_init(&c);
    c.config.event.schema = path;
    T_INT_EQ(decode_case_compile(&c), MR_SCHEMA);
    T_STR_EQ(decode_case_mistakes(&c), "event.schema: cannot open \"/nowhere/schema.json\"\n");
    decode_case_close(&c);
    decode_case_init(&c);
    c.config.event.schema = relative;
    c.config.file = file;
    T_INT_EQ(decode_case_compile(&c), MR_SCHEMA);
    decode_case_close(&c);
}

Test(decode_schema_file, the_schema_is_looked_for_beside_the_configuration_too)
{
    static char file[] = MR_SCHEMAS "/pipelines/none.yaml",
                relative[] = "../events/order_placed.json", field[] = "occurred_at";
    decode_case_init(&c);
    c.config.event.schema = relative;
    c.config.event.time_field = field;
    c.config.file = file;
    T_TRUE_MSG(decode_case_compile(&c) == MR_OK, "%s", decode_case_mistakes(&c));
    decode_case_close(&c);
}
