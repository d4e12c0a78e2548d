/* What the tests of load/ share: a scripted FE and backend, a configuration filled by hand, a body
 * of two chunks, and short times. */
#pragma once

#include "http_script.h"
#include "pipeline/load/load_priv.h"

#define FIXTURE_FES_MAX 3
#define FIXTURE_PATIENCE_MS 20000 /* limits that no answer meets, however slow the machine is */
#define AUTHORIZATION "Basic bG9hZGVyOnMzY3JldA==" /* base64 of "loader:s3cret" */

struct fixture {
    struct http_script *fe, *be;
    struct mr_config config;
    char *fe_items[FIXTURE_FES_MAX + 1], *backend_items[3];
    char fe_url[64], be_url[128]; /* be_url: a Location */
    struct mr_load_hub *hub;
    struct mr_loader *loader;
    struct mr_budget budget;
    struct mr_body body;
    struct mr_load_job job;
    struct mr_load_reply reply;
};

/* Starts the servers; nothing of load yet, so that a test can change f->config first. */
void fixture_servers(struct fixture *f);

void fixture_loader(struct fixture *f);

/* Both. */
void fixture_start(struct fixture *f);

/* Limits for a server that never answers: 0.4 s for a question, 1.3 s for a load. */
void fixture_hurry(struct fixture *f);

void fixture_stop(struct fixture *f);

/* "http://127.0.0.1:<port>" of a server, into a buffer of 64 bytes. */
void fixture_url(const struct http_script *server, char *out);

/* The FE's next answer: 307 to the backend. */
void fixture_redirect(struct fixture *f);

/* The server's next answer: a file of schemas/replies. */
void fixture_answer(struct http_script *server, const char *name);

/* Body of a file of schemas/replies and its HTTP status; static storage, valid until the next call.
 */
const char *fixture_reply(const char *name, int *ret_status);

/* The whole body as one text, to be freed. */
char *fixture_body_text(const struct mr_body *body);

/* Did this request carry exactly the bytes of the job's body? */
bool fixture_same_body(const struct fixture *f, const struct http_seen *seen);

/* The request carried this header; value NULL: it did not. */
void fixture_expect_header(const struct http_seen *seen, const char *name, const char *value);

/* The job, to its certain outcome; the reply is in f->reply. */
enum mr_outcome fixture_settle(struct fixture *f);
