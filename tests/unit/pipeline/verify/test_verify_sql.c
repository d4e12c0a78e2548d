#include "pipeline/verify/verify_priv.h"
#include "test.h"

Test(verify_sql, names_and_strings_are_quoted)
{
    struct mr_text text = {0};
    mri_text_table(&text, "demo", "a`b");
    mr_text_adds(&text, " ");
    mri_text_string(&text, "it's a \\");
    T_STR_EQ(mr_text_str(&text), "`demo`.`a``b` 'it\\'s a \\\\'");
    mr_text_fini(&text);
}

static void
expect(unsigned code, const char *message, enum mr_rc rc, const char *hint)
{
    struct mr_error error = {0};
    T_INT_EQ(mri_sql_explain(code, message, "db:9030", &error), rc);
    T_INT_EQ(error.rc, rc);
    T_TRUE_MSG(
        strstr(mr_error_get_hint(&error), hint) != NULL, "%u: %s", code, mr_error_get_hint(&error));
    T_TRUE_MSG(strstr(error.text, "db:9030") != NULL, "%s", error.text);
}

Test(verify_sql, errors_come_with_what_to_do)
{
    expect(1045, "Access denied for user 'root'", MR_STARROCKS, "password");
    expect(1049, "Unknown database 'demo'", MR_TABLE, "ddl FILE --apply");
    expect(1146, "Table 'demo.t' doesn't exist", MR_TABLE, "ddl FILE --apply");
    expect(5502, "Unknown table 'demo.t'", MR_TABLE, "ddl FILE --apply");
    expect(5203, "Access denied; you need SELECT", MR_STARROCKS, "GRANT");
    expect(2002, "Can't connect (111)", MR_STARROCKS, "is the FE up");
    expect(2003, "Can't connect (111)", MR_STARROCKS, "is the FE up");
    expect(2005, "Unknown host", MR_STARROCKS, "resolve");
    expect(2013, "Lost connection", MR_STARROCKS, "did not answer in time");
    expect(2013, "Lost connection to server at 'handshake: reading'", MR_STARROCKS, "HTTP port");
}

Test(verify_sql, older_servers_say_only_in_words_what_is_missing)
{
    expect(1064,
           "Getting analyzing error. Detail message: Unknown table 'demo.t'.",
           MR_TABLE,
           "ddl FILE --apply");
    expect(1064, "Unknown database 'demo'", MR_TABLE, "ddl FILE --apply");
    expect(1064, "Access denied; you need INSERT", MR_STARROCKS, "GRANT");
}

Test(verify_sql, bytes_of_a_message_cannot_break_the_line)
{
    struct mr_error error = {0};
    T_INT_EQ(mri_sql_explain(9999, "a\nb\"", "db:9030", &error), MR_STARROCKS);
    T_STR_EQ(error.text, "StarRocks at db:9030: a\\x0Ab\\\" (error 9999)");
}
