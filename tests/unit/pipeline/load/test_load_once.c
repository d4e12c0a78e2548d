/* One attempt that works: what goes over the wire, to whom, and on which connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load_fixture.h"
#include "test.h"

static struct mr_load_counts
counts(const struct fixture *f)
{
    struct mr_load_counts c;
    mr_load_hub_counts(f->hub, &c);
    return c;
}

Test(load_once, the_fe_gets_an_empty_put_and_the_backend_gets_the_body)
{
    struct fixture f;
    fixture_start(&f);
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_DONE);
    T_TRUE(f.reply.visible);
    T_INT_EQ(f.reply.txn_id, 1003);
    T_INT_EQ(http_script_requests(f.fe), 1);
    T_INT_EQ(http_script_requests(f.be), 1);
    const struct http_seen *fe = http_script_seen(f.fe, 0), *be = http_script_seen(f.be, 0);
    T_STR_EQ(fe->method, "PUT");
    T_STR_EQ(fe->path, "/api/demo/orders/_stream_load");
    T_INT_EQ(fe->declared_len, 0);
    fixture_expect_header(fe, "Expect", "100-continue");
    fixture_expect_header(fe, "Authorization", AUTHORIZATION);
    fixture_expect_header(fe, "label", "orders-k7-12");
    T_STR_EQ(be->method, "PUT");
    T_STR_EQ(be->path, "/api/demo/orders/_stream_load");
    T_TRUE(fixture_same_body(&f, be));
    fixture_stop(&f);
}

Test(load_once, a_csv_body_goes_with_every_header_that_exactness_needs)
{
    struct fixture f;
    fixture_start(&f);
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_DONE);
    const struct http_seen *be = http_script_seen(f.be, 0);
    fixture_expect_header(be, "Authorization", AUTHORIZATION);
    fixture_expect_header(be, "label", "orders-k7-12");
    fixture_expect_header(be, "format", "csv");
    fixture_expect_header(be, "columns", "`id`,`amount`");
    fixture_expect_header(be, "column_separator", "\\x01");
    fixture_expect_header(be, "row_delimiter", "\\x02");
    fixture_expect_header(be, "timezone", "UTC");
    fixture_expect_header(be, "timeout", "1");
    fixture_expect_header(be, "max_filter_ratio", "0");
    fixture_expect_header(be, "strict_mode", "true");
    T_TRUE(http_seen_header(be, "merge_condition") == NULL);
    T_TRUE(http_seen_header(be, "ignore_json_size") == NULL);
    T_TRUE(http_seen_header(be, "Expect") == NULL);
    T_TRUE(http_seen_header(be, "Transfer-Encoding") == NULL);
    fixture_stop(&f);
}

Test(load_once, a_json_body_has_no_separators_and_may_be_large)
{
    struct fixture f;
    fixture_start(&f);
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    f.body.format = MR_BODY_JSON;
    f.job.merge_condition = "sequence";
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_DONE);
    const struct http_seen *be = http_script_seen(f.be, 0);
    fixture_expect_header(be, "format", "json");
    fixture_expect_header(be, "ignore_json_size", "true");
    fixture_expect_header(be, "merge_condition", "sequence");
    T_TRUE(http_seen_header(be, "column_separator") == NULL);
    T_TRUE(http_seen_header(be, "row_delimiter") == NULL);
    fixture_stop(&f);
}

Test(load_once, names_are_percent_encoded_in_the_path)
{
    struct fixture f;
    static char database[] = "de mo";
    fixture_servers(&f);
    f.config.starrocks.database = database;
    fixture_loader(&f);
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    f.job.table = "or/ders?";
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_DONE);
    T_STR_EQ(http_script_seen(f.fe, 0)->path, "/api/de%20mo/or%2Fders%3F/_stream_load");
    T_STR_EQ(http_script_seen(f.be, 0)->path, "/api/de%20mo/or%2Fders%3F/_stream_load");
    fixture_stop(&f);
}

Test(load_once, further_loads_go_straight_to_the_backend_on_one_connection)
{
    struct fixture f;
    fixture_start(&f);
    /* The first redirect is news, so a second one is asked for: the FE may name another backend. */
    fixture_redirect(&f);
    fixture_redirect(&f);
    for (int i = 0; i < 10; i++)
        fixture_answer(f.be, "success");
    for (int i = 0; i < 10; i++)
        T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_DONE);
    T_INT_EQ(http_script_requests(f.fe), 2);
    T_INT_EQ(http_script_requests(f.be), 10);
    T_INT_EQ(http_script_connections(f.be), 1);
    T_INT_EQ(counts(&f).connects, 3);
    T_INT_EQ(counts(&f).fe_asked, 2);
    fixture_stop(&f);
}

Test(load_once, several_backends_take_turns)
{
    struct fixture f;
    fixture_start(&f);
    struct http_script *other = http_script_start();
    char other_url[64];
    fixture_url(other, other_url);
    fixture_redirect(&f);
    http_script_add(f.fe, (struct http_step){.status = 307, .location = other_url});
    fixture_redirect(&f);
    for (int i = 0; i < 8; i++) {
        fixture_answer(f.be, "success");
        fixture_answer(other, "success");
    }
    for (int i = 0; i < 9; i++)
        T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_DONE);
    T_INT_EQ(http_script_requests(f.fe), 3);
    T_INT_EQ(http_script_requests(f.be), 5);
    T_INT_EQ(http_script_requests(other), 4);
    fixture_stop(&f);
    http_script_stop(&other);
}

Test(load_once, an_fe_is_asked_again_when_the_last_answer_has_aged)
{
    struct fixture f;
    fixture_start(&f);
    f.hub->limits.refresh_ms = 0;
    for (int i = 0; i < 4; i++) {
        fixture_redirect(&f);
        fixture_answer(f.be, "success");
    }
    for (int i = 0; i < 4; i++)
        T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_DONE);
    T_INT_EQ(http_script_requests(f.fe), 4);
    fixture_stop(&f);
}

Test(load_once, a_backend_on_the_allow_list_gets_body_and_credentials)
{
    struct fixture f;
    static char entry[64];
    fixture_servers(&f);
    (void)snprintf(entry, sizeof entry, "LocalHost:%u", http_script_port(f.be));
    f.backend_items[0] = entry;
    f.config.starrocks.backends.count = 1;
    fixture_loader(&f);
    (void)snprintf(f.be_url, sizeof f.be_url, "http://localhost:%u/x", http_script_port(f.be));
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_DONE);
    fixture_expect_header(http_script_seen(f.be, 0), "Authorization", AUTHORIZATION);
    fixture_stop(&f);
}

Test(load_once, a_redirect_off_the_allow_list_is_refused_and_gets_no_connection)
{
    struct fixture f;
    static char entry[64];
    fixture_servers(&f);
    (void)snprintf(entry, sizeof entry, "localhost:%u", http_script_dead_port());
    f.backend_items[0] = entry; /* the right host, another port */
    f.config.starrocks.backends.count = 1;
    fixture_loader(&f);
    (void)snprintf(f.be_url, sizeof f.be_url, "http://localhost:%u/x", http_script_port(f.be));
    fixture_redirect(&f);
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_FATAL);
    T_TRUE(!f.reply.mendable);
    T_TRUE(strstr(f.reply.message, "which is not on the allow list") != NULL);
    T_TRUE(strstr(f.reply.message, "localhost:") != NULL);
    T_TRUE(strstr(f.reply.hint, "sink.starrocks.backends") != NULL);
    T_INT_EQ(http_script_connections(f.be), 0);
    fixture_stop(&f);
}

Test(load_once, redirects_with_credentials_or_another_scheme_are_refused)
{
    static const char *const urls[] = {"https://127.0.0.1:1/x",
                                       "http://u:p@127.0.0.1:1/x",
                                       "ftp://127.0.0.1/x",
                                       "http://127.0.0.1:0/x"};
    for (size_t i = 0; i < MR_ARRAY_LEN(urls); i++) {
        struct fixture f;
        fixture_start(&f);
        http_script_add(f.fe, (struct http_step){.status = 307, .location = urls[i]});
        T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_FATAL);
        T_STR_EQ(f.reply.cause, "redirect refused");
        fixture_stop(&f);
    }
}

Test(load_once, a_follower_that_names_the_leader_is_followed)
{
    struct fixture f;
    static char leader_url[64];
    fixture_servers(&f);
    struct http_script *leader = http_script_start();
    fixture_url(leader, leader_url);
    f.fe_items[1] = leader_url;
    f.config.starrocks.fe.count = 2;
    fixture_loader(&f);
    http_script_add(f.fe, (struct http_step){.status = 307, .location = leader_url});
    http_script_add(leader, (struct http_step){.status = 307, .location = f.be_url});
    fixture_answer(f.be, "success");
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_DONE);
    T_INT_EQ(http_script_seen(leader, 0)->declared_len, 0);
    fixture_stop(&f);
    http_script_stop(&leader);
}

Test(load_once, what_is_in_is_counted)
{
    struct fixture f;
    fixture_start(&f);
    fixture_redirect(&f);
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    fixture_answer(f.be, "fail_filtered_rows");
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_DONE);
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_REJECTED);
    struct mr_load_counts c = counts(&f);
    T_INT_EQ(c.outcomes[MR_OUTCOME_DONE], 1);
    T_INT_EQ(c.outcomes[MR_OUTCOME_REJECTED], 1);
    T_INT_EQ(c.rows, 4);
    T_INT_EQ(c.bytes, f.body.bytes);
    fixture_stop(&f);
}

Test(load_once, proxies_named_by_the_environment_are_not_used)
{
    struct fixture f;
    (void)setenv("http_proxy", "http://127.0.0.1:9", 1);
    (void)setenv("all_proxy", "http://127.0.0.1:9", 1);
    fixture_start(&f);
    fixture_redirect(&f);
    fixture_answer(f.be, "success");
    T_INT_EQ(mr_load_once(f.loader, &f.job, &f.reply), MR_OUTCOME_DONE);
    fixture_stop(&f);
    (void)unsetenv("http_proxy");
    (void)unsetenv("all_proxy");
}

Test(load_once, hosts_that_cannot_be_used_are_refused_at_the_start)
{
    char *bad[] = {(char[]){"https://fe:8030"},
                   (char[]){"http://u:p@fe:8030"},
                   (char[]){"not a url"},
                   (char[]){"http://"}};
    for (size_t i = 0; i < MR_ARRAY_LEN(bad); i++) {
        struct fixture f;
        struct mr_error error = {0};
        fixture_servers(&f);
        f.fe_items[0] = bad[i];
        T_TRUE_MSG(mr_load_hub_new(&f.config, &f.hub, &error) == MR_CONFIG, "%s", bad[i]);
        T_TRUE(strstr(error.text, "sink.starrocks.fe") != NULL);
        f.fe_items[0] = f.fe_url;
        f.backend_items[0] = (char[]){"be1:8040/path"};
        f.config.starrocks.backends.count = 1;
        T_INT_EQ(mr_load_hub_new(&f.config, &f.hub, &error), MR_CONFIG);
        T_TRUE(strstr(error.text, "sink.starrocks.backends") != NULL);
        T_TRUE(f.hub == NULL);
        fixture_stop(&f);
    }
}
