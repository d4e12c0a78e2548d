#include "load_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/base/assert.h"
#include "test.h"

static void
fill_body(struct mr_body *body, struct mr_budget *budget)
{
    mr_budget_init(budget, 64 << 20);
    mr_body_init(body, MR_BODY_CSV, budget);
    /* Larger than the first chunk, so that reading crosses chunks. */
    for (int i = 0; i < 4; i++) {
        size_t len = (size_t)60000;
        char *p = mr_body_reserve(body, len);
        MR_INSIST(p != NULL);
        memset(p, 'a' + i, len - 1);
        p[len - 1] = MR_CSV_ROW_DELIMITER;
        mr_body_advance(body, len);
    }
    body->rows = 4;
    MR_INSIST(body->first != body->last);
}

void
fixture_url(const struct http_script *server, char *out)
{
    (void)snprintf(out, 64, "http://127.0.0.1:%u", http_script_port(server));
}

void
fixture_servers(struct fixture *f)
{
    static char database[] = "demo", user[] = "loader", password[] = "s3cret";
    *f = (struct fixture){.fe = http_script_start(), .be = http_script_start()};
    fixture_url(f->fe, f->fe_url);
    (void)snprintf(f->be_url,
                   sizeof f->be_url,
                   "http://127.0.0.1:%u/api/demo/orders/_stream_load",
                   http_script_port(f->be));
    f->fe_items[0] = f->fe_url;
    f->config.starrocks.fe = (struct mr_strings){.items = f->fe_items, .count = 1};
    f->config.starrocks.backends = (struct mr_strings){.items = f->backend_items, .count = 0};
    f->config.starrocks.database = database;
    f->config.starrocks.user = user;
    f->config.starrocks.password = password;
    f->config.starrocks.connect_timeout_ms = FIXTURE_PATIENCE_MS;
    f->config.starrocks.load_timeout_s = 1;
    fill_body(&f->body, &f->budget);
    f->job = (struct mr_load_job){
        .table = "orders", .label = "orders-k7-12", .columns = "`id`,`amount`", .body = &f->body};
}

void
fixture_loader(struct fixture *f)
{
    struct mr_error error = {0};
    enum mr_rc rc = mr_load_hub_new(&f->config, &f->hub, &error);
    MR_INSIST(rc == MR_OK);
    f->hub->limits = (struct mri_limits){.control_ms = FIXTURE_PATIENCE_MS,
                                         .body_slack_ms = FIXTURE_PATIENCE_MS,
                                         .publish_wait_s = 1,
                                         .refresh_ms = 60000,
                                         .pause_min_ms = 2,
                                         .pause_max_ms = 20,
                                         .remind_ms = 60000,
                                         .horizon_ms = 60000};
    rc = mr_loader_new(f->hub, &f->loader);
    MR_INSIST(rc == MR_OK);
}

void
fixture_hurry(struct fixture *f)
{
    f->hub->limits.control_ms = 400;
    f->hub->limits.body_slack_ms = 300;
}

void
fixture_start(struct fixture *f)
{
    fixture_servers(f);
    fixture_loader(f);
}

void
fixture_stop(struct fixture *f)
{
    mr_loader_free(&f->loader);
    mr_load_hub_free(&f->hub);
    http_script_stop(&f->fe);
    http_script_stop(&f->be);
    mr_body_fini(&f->body);
}

void
fixture_redirect(struct fixture *f)
{
    http_script_add(f->fe, (struct http_step){.status = 307, .location = f->be_url, .close = true});
}

const char *
fixture_reply(const char *name, int *ret_status)
{
    static char text[16384];
    char path[1024];
    bool txn = strncmp(name, "txn_", 4) == 0; /* a body alone, always with 200 */
    (void)snprintf(path, sizeof path, "%s/%s.%s", MR_REPLIES, name, txn ? "json" : "http");
    FILE *file = fopen(path, "rb");
    MR_INSIST(file != NULL);
    size_t len = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[len] = '\0';
    *ret_status = 200;
    if (txn)
        return text;
    MR_INSIST(sscanf(text, "HTTP/1.1 %d", ret_status) == 1);
    char *body = strstr(text, "\n\n");
    MR_INSIST(body != NULL);
    return body + 2;
}

void
fixture_answer(struct http_script *server, const char *name)
{
    int status;
    const char *body = fixture_reply(name, &status);
    /* The script borrows its texts: this one lives as long as the process. */
    static char *kept[512]; /* the plain runner plays all tests in one process */
    static unsigned count;
    MR_INSIST(count < MR_ARRAY_LEN(kept));
    kept[count] = strdup(body);
    MR_INSIST(kept[count] != NULL);
    http_script_add(server, (struct http_step){.status = status, .body = kept[count++]});
}

char *
fixture_body_text(const struct mr_body *body)
{
    char *text = malloc(body->bytes + 1);
    size_t len = 0;
    MR_INSIST(text != NULL);
    for (const struct mr_chunk *chunk = body->first; chunk; chunk = mr_body_next(body, chunk)) {
        memcpy(text + len, chunk->data, chunk->used);
        len += chunk->used;
    }
    text[len] = '\0';
    return text;
}

bool
fixture_same_body(const struct fixture *f, const struct http_seen *seen)
{
    char *text = fixture_body_text(&f->body);
    bool same = seen->declared_len == f->body.bytes && seen->body_len == f->body.bytes &&
                memcmp(seen->body, text, seen->body_len) == 0;
    free(text);
    return same;
}

void
fixture_expect_header(const struct http_seen *seen, const char *name, const char *value)
{
    const char *got = http_seen_header(seen, name);
    T_TRUE_MSG(value ? got && strcmp(got, value) == 0 : got == NULL,
               "%s: header %s is %s, expected %s",
               seen->path,
               name,
               got ? got : "missing",
               value ? value : "missing");
}

enum mr_outcome
fixture_settle(struct fixture *f)
{
    return mr_load_settled(f->loader, &f->job, NULL, &f->reply);
}
