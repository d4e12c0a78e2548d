/* The leader frontend and the server's version. */
#include "pipeline/verify/verify_priv.h"
#include "test.h"

static const MYSQL_FIELD *
fields(void)
{
    static char names[][12] = {"Name", "IP", "QueryPort", "Role"};
    static MYSQL_FIELD made[4];
    for (unsigned i = 0; i < 4; i++)
        made[i].name = names[i];
    return made;
}

static void
frontend(struct mri_frontends *found, const char *host, const char *port, const char *role)
{
    const char *cells[] = {"fe", host, port, role};
    T_INT_EQ(
        mri_frontend_row(found, &(struct mri_row){.cells = cells, .count = 4, .fields = fields()}),
        MR_OK);
}

Test(verify_leader, the_leader_is_found_by_its_role_and_the_columns_by_their_names)
{
    struct mri_frontends found = {0};
    frontend(&found, "10.0.0.1", "9030", "FOLLOWER");
    T_TRUE(!found.led);
    frontend(&found, "10.0.0.2", "9031", "LEADER");
    frontend(&found, "10.0.0.3", "9030", "OBSERVER");
    T_TRUE(found.led);
    T_INT_EQ(found.count, 3);
    T_STR_EQ(found.leader.host, "10.0.0.2");
    T_INT_EQ(found.leader.port, 9031);
}

Test(verify_leader, a_leader_without_a_usable_address_is_none)
{
    static const char *const ports[] = {NULL, "", "0", "65536", "90x", "-1", "123456"};
    struct mri_frontends found = {0};
    for (size_t i = 0; i < MR_ARRAY_LEN(ports); i++)
        frontend(&found, "10.0.0.2", ports[i], "LEADER");
    frontend(&found, NULL, "9030", "LEADER");
    frontend(&found, "", "9030", "LEADER");
    frontend(&found, "10.0.0.2", "9030", NULL);
    T_TRUE(!found.led);
    T_INT_EQ(found.count, 10);
}

Test(verify_leader, credentials_go_to_configured_hosts_only)
{
    char *fe[] = {(char[]){"http://Fe-1:8030"}, (char[]){"http://127.0.0.1:8030"}, NULL};
    struct mr_config config = {.starrocks = {.fe = {fe, 2}, .mysql_host = (char[]){"db"}}};
    T_TRUE(mri_frontend_allowed(&config, "db"));
    T_TRUE(mri_frontend_allowed(&config, "fe-1"));
    T_TRUE(mri_frontend_allowed(&config, "127.0.0.1"));
    T_TRUE(!mri_frontend_allowed(&config, "fe-1.evil.example"));
    T_TRUE(!mri_frontend_allowed(&config, "192.0.2.7"));
    T_TRUE(!mri_frontend_allowed(&config, ""));
}

Test(verify_leader, the_host_of_an_address_is_what_stands_between)
{
    char host[16];
    T_TRUE(mri_url_host("http://fe:8030", host, sizeof host));
    T_STR_EQ(host, "fe");
    T_TRUE(mri_url_host("http://[::1]:8030", host, sizeof host));
    T_STR_EQ(host, "::1");
    T_TRUE(!mri_url_host("http://:8030", host, sizeof host));
    T_TRUE(!mri_url_host("http://a-name-that-is-too-long:8030", host, sizeof host));
}

/* ---- Versions ---- */

static void
version(const char *text, enum mr_rc rc, const char *why)
{
    struct mr_error error = {0};
    T_TRUE_MSG(mri_version_check(text, "db:9030", &error) == rc, "%s", text);
    if (rc == MR_OK)
        return;
    T_TRUE_MSG(strstr(error.text, why) != NULL, "%s: %s", text, error.text);
    T_TRUE_MSG(strstr(mr_error_get_hint(&error), "4.0.6") != NULL &&
                   strstr(mr_error_get_hint(&error), "delivery: at-least-once") != NULL,
               "%s",
               mr_error_get_hint(&error));
}

Test(verify_leader, a_server_that_can_load_exactly_once_is_taken)
{
    version("4.0.6", MR_OK, "");
    version("4.0.6-0123abc", MR_OK, "");
    version("4.0.14 rockpool", MR_OK, "");
    version("4.1", MR_OK, "");
    version("10.0.0", MR_OK, "");
}

Test(verify_leader, a_server_that_cannot_is_refused_by_name_with_the_way_out)
{
    version("3.5.12-b30f0d5", MR_TABLE, "3.5.12-b30f0d5");
    version("3.5.12", MR_TABLE, "no transactions of several tables");
    version("4.0", MR_TABLE, "answer wrongly");
    version("4.0.5-1a2b3c4", MR_TABLE, "answer wrongly");
}

Test(verify_leader, a_text_that_is_no_version_is_refused_as_it_is)
{
    static const char *const odd[] = {"main-0123abc",
                                      "",
                                      "v4.0.6",
                                      "4",
                                      "4.",
                                      "4.x",
                                      "4.1.",
                                      "4.1.1.1",
                                      "4.1a",
                                      "99999.0.0",
                                      "UNKNOWN"};
    for (size_t i = 0; i < MR_ARRAY_LEN(odd); i++)
        version(odd[i], MR_TABLE, "that is no version");
    version("main-0123abc", MR_TABLE, "\"main-0123abc\"");
    version("a\nb", MR_TABLE, "a\\x0Ab");
}
