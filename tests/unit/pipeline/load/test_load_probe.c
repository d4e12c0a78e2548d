/* Asking without loading: the probe of `check --live`, and the details of refused rows. */
#include <stdio.h>
#include <string.h>

#include "load_fixture.h"
#include "test.h"

Test(load_probe, a_named_backend_that_takes_a_connection_is_good_and_gets_no_request)
{
    struct fixture f;
    struct mr_error error = {0};
    fixture_start(&f);
    fixture_redirect(&f);
    T_INT_EQ(mr_load_probe(f.loader, "orders", &error), MR_OK);
    T_TRUE(http_script_wait(f.fe, 1, 1000));
    const struct http_seen *seen = http_script_seen(f.fe, 0);
    T_STR_EQ(seen->path, "/api/demo/orders/_stream_load");
    T_INT_EQ(seen->declared_len, 0);
    T_TRUE(http_seen_header(seen, "label") == NULL);
    T_INT_EQ(http_script_requests(f.be), 0);
    fixture_stop(&f);
}

Test(load_probe, each_obstacle_has_its_code_and_a_hint)
{
    static const struct {
        const char *reply;
        enum mr_rc rc;
    } cases[] = {
        {"fe_unauthorized", MR_STARROCKS},
        {"fe_unknown_table", MR_TABLE},
        {"state_unknown_database", MR_TABLE},
        {"fe_no_backend_alive", MR_STARROCKS},
        {"be_not_found", MR_STARROCKS},
    };
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        struct fixture f;
        struct mr_error error = {0};
        fixture_start(&f);
        fixture_answer(f.fe, cases[i].reply);
        T_TRUE_MSG(mr_load_probe(f.loader, "orders", &error) == cases[i].rc, "%s", cases[i].reply);
        T_TRUE(error.text[0] && mr_error_get_hint(&error)[0]);
        fixture_stop(&f);
    }
}

Test(load_probe, a_backend_off_the_allow_list_is_a_mistake_of_the_configuration)
{
    struct fixture f;
    struct mr_error error = {0};
    fixture_start(&f);
    (void)snprintf(f.be_url, sizeof f.be_url, "http://localhost:%u/x", http_script_port(f.be));
    fixture_redirect(&f);
    T_INT_EQ(mr_load_probe(f.loader, "orders", &error), MR_CONFIG);
    T_TRUE(strstr(error.hint, "sink.starrocks.backends") != NULL);
    T_INT_EQ(http_script_connections(f.be), 0);
    fixture_stop(&f);
}

Test(load_probe, a_backend_that_cannot_be_reached_is_named)
{
    struct fixture f;
    struct mr_error error = {0};
    char port[16];
    fixture_start(&f);
    uint16_t dead = http_script_dead_port();
    (void)snprintf(f.be_url, sizeof f.be_url, "http://127.0.0.1:%u/x", dead);
    (void)snprintf(port, sizeof port, ":%u", dead);
    fixture_redirect(&f);
    T_INT_EQ(mr_load_probe(f.loader, "orders", &error), MR_STARROCKS);
    T_TRUE(strstr(error.text, port) != NULL);
    fixture_stop(&f);
}

Test(load_probe, a_dead_fe_does_not_hide_a_living_one)
{
    struct fixture f;
    struct mr_error error = {0};
    static char dead[64];
    fixture_servers(&f);
    (void)snprintf(dead, sizeof dead, "http://127.0.0.1:%u", http_script_dead_port());
    f.fe_items[0] = dead;
    f.fe_items[1] = f.fe_url;
    f.config.starrocks.fe.count = 2;
    fixture_loader(&f);
    fixture_redirect(&f);
    T_INT_EQ(mr_load_probe(f.loader, "orders", &error), MR_OK);
    fixture_stop(&f);
}

Test(load_probe, details_of_refused_rows_are_fetched_without_credentials)
{
    struct fixture f;
    char url[128], out[64];
    fixture_start(&f);
    http_script_add(f.be, (struct http_step){.body = "Error: value 'x\x01' is too long\nnext"});
    (void)snprintf(
        url, sizeof url, "http://127.0.0.1:%u/api/_load_error_log?file=e1", http_script_port(f.be));
    T_INT_EQ(mr_load_error_rows(f.loader, url, out, sizeof out), MR_OK);
    T_TRUE(strncmp(out, "Error: value 'x\\x01'", 20) == 0);
    const struct http_seen *seen = http_script_seen(f.be, 0);
    T_STR_EQ(seen->method, "GET");
    T_STR_EQ(seen->path, "/api/_load_error_log?file=e1");
    T_TRUE(http_seen_header(seen, "Authorization") == NULL);
    fixture_stop(&f);
}

Test(load_probe, details_on_hosts_off_the_allow_list_are_not_fetched)
{
    struct fixture f;
    char url[128], out[64] = "untouched";
    fixture_start(&f);
    (void)snprintf(url, sizeof url, "http://localhost:%u/api/x", http_script_port(f.be));
    T_INT_EQ(mr_load_error_rows(f.loader, url, out, sizeof out), MR_STARROCKS);
    T_INT_EQ(mr_load_error_rows(f.loader, "file:///etc/passwd", out, sizeof out), MR_STARROCKS);
    T_INT_EQ(mr_load_error_rows(f.loader, "", out, sizeof out), MR_STARROCKS);
    T_STR_EQ(out, "untouched");
    T_INT_EQ(http_script_connections(f.be), 0);
    fixture_stop(&f);
}
