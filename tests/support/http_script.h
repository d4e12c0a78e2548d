/* Scripted HTTP server: plays one step a request, in the order of arrival, and remembers what it
 * was sent. Threads: one a connection; the functions below may be called by the test's thread at
 * any time. Memory: at most 64 connections, 64 steps, 256 requests; past that the process aborts.
 * Limits: 127.0.0.1, a free port; HTTP/1.1 with Content-Length only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_act {
    HTTP_ANSWER,     /* read the body, answer */
    HTTP_EARLY,      /* answer without reading the body, then close */
    HTTP_DROP,       /* read the body, close without an answer */
    HTTP_RESET_HEAD, /* reset the connection after the request's head */
    HTTP_RESET_BODY, /* reset the connection after the first bytes of the body */
    HTTP_STALL,      /* read the body, never answer */
    HTTP_RAW         /* read the body, send `body` as it stands, close */
};

struct http_step {
    enum http_act act;
    int status;           /* 0: 200 */
    const char *location; /* header, or NULL */
    const char *body;     /* or NULL: empty */
    int delay_ms;         /* before the answer */
    bool close;           /* close after the answer: "Connection: close" */
    bool hang_up;         /* close after the answer without saying so */
};

struct http_seen {
    char method[16];
    char path[1024];
    char head[16384]; /* whole head, CRLF between lines */
    char *body;
    size_t body_len, declared_len;
    unsigned connection; /* number of the connection, from 1 */
    int64_t at_ms;       /* monotonic */
};

struct http_script;

struct http_script *http_script_start(void);

uint16_t http_script_port(const struct http_script *script);

/* Steps are copied, their texts borrowed. */
void http_script_add(struct http_script *script, struct http_step step);

/* Requests whose head has arrived; with wait_ms, waits until there are `at_least`. */
unsigned http_script_requests(struct http_script *script);

bool http_script_wait(struct http_script *script, unsigned at_least, int wait_ms);

/* Request number i from 0; stays valid until stop. Its body is complete once it was answered. */
const struct http_seen *http_script_seen(struct http_script *script, unsigned i);

/* Connections that were accepted. */
unsigned http_script_connections(struct http_script *script);

/* Value of a header, or NULL; the result is valid until the next call on the same thread. */
const char *http_seen_header(const struct http_seen *seen, const char *name);

void http_script_stop(struct http_script **script);

/* A port of 127.0.0.1 on which nobody listens. */
uint16_t http_script_dead_port(void);
