/* HTTP: one exchange at a time on the loader's own connections (libcurl, multi interface for its
 * wakeup).
 * A body is offered at most once an exchange. libcurl would by itself repeat a PUT whose kept-alive
 * connection died without an answer; whether that PUT was applied only its label can tell, so both
 * ways to a repetition (rewinding the body, a second connection) are refused once a byte of the
 * body was handed over. The same holds for an empty POST: once its head may have gone out. */
#include "pipeline/load/load_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "millrace/base/clock.h"

#define UPLOAD_BUFFER_BYTES                                                                        \
    (2L * 1024 * 1024) /* libcurl's greatest: 1.8 times as fast as 64 KiB                          \
                        */
#define CONNECTIONS_MAX 64L
/* How long a backend that was asked with Expect may take to say 100; libcurl's 1 s is short for one
 * under load. FEs get no body at all, so they may take as long as they need. */
#define EXPECT_WAIT_MS    5000L
#define IDLE_CONNECTION_S 60L /* servers and firewalls drop idle connections some time after */

bool
mri_load_stopped(const struct mr_loader *loader)
{
    /* Partner: the release store in mr_load_stop. give_up carries no data: relaxed. */
    return atomic_load_explicit(&loader->hub->stop, memory_order_acquire) ||
           (loader->give_up && atomic_load_explicit(loader->give_up, memory_order_relaxed));
}

/* libcurl's read callback: the next bytes of the body, from its chunks. */
static size_t
read_body(char *out, size_t size, size_t count, void *context)
{
    struct mri_exchange *x = context;
    size_t room = size * count, written = 0;
    while (x->chunk && written < room) {
        size_t rest = x->chunk->used - x->offset;
        size_t n = rest < room - written ? rest : room - written;
        memcpy(out + written, x->chunk->data + x->offset, n);
        written += n;
        x->offset += n;
        if (x->offset == x->chunk->used) {
            x->chunk = mr_body_next(x->body, x->chunk);
            x->offset = 0;
        }
    }
    x->sent = x->sent || written > 0;
    x->handed += written;
    return written;
}

static int
seek_body(void *context, curl_off_t offset, int origin)
{
    const struct mri_exchange *x = context;
    return !x->sent && offset == 0 && origin == SEEK_SET ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

/* May libcurl no longer send this request by itself? */
static bool
is_spent(const struct mri_exchange *x)
{
    return x->sent || (x->post && x->asked);
}

/* Called before each request goes out on a connection, libcurl's own second try included. */
static int
check_first(void *context, char *remote, char *local, int remote_port, int local_port)
{
    (void)remote, (void)local, (void)remote_port, (void)local_port;
    struct mri_exchange *x = context;
    if (is_spent(x))
        return CURL_PREREQFUNC_ABORT;
    x->asked = true;
    return CURL_PREREQFUNC_OK;
}

static size_t
write_reply(char *bytes, size_t size, size_t count, void *context)
{
    struct mri_exchange *x = context;
    struct mr_text *text = &x->loader->text;
    if (size * count > MRI_REPLY_BYTES - text->len) {
        x->oversize = true;
        return 0;
    }
    mr_text_add(text, bytes, size * count);
    return text->overflow ? 0 : size * count;
}

/* What never changes between the exchanges of a handle. */
static CURL *
open_easy(const struct mr_load_hub *hub)
{
    CURL *easy = curl_easy_init();
    if (!easy)
        return NULL;
    int bad = 0;
    bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http") != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_PROXY, "") != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)hub->connect_timeout_ms) !=
           CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 30L) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 10L) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, IDLE_CONNECTION_S) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_EXPECT_100_TIMEOUT_MS, EXPECT_WAIT_MS) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "millrace/" MR_VERSION) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, write_reply) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_body) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, seek_body) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, check_first) != CURLE_OK;
    if (bad) {
        curl_easy_cleanup(easy);
        return NULL;
    }
    return easy;
}

static CURL *
open_sender(const struct mr_load_hub *hub)
{
    CURL *easy = open_easy(hub);
    if (easy &&
        curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_BYTES) != CURLE_OK) {
        curl_easy_cleanup(easy);
        easy = NULL;
    }
    return easy;
}

enum mr_rc
mri_load_http_open(struct mr_loader *loader)
{
    loader->text.limit = MRI_REPLY_BYTES;
    loader->multi = curl_multi_init();
    loader->control = open_easy(loader->hub);
    loader->sender = open_sender(loader->hub);
    if (!loader->multi || !loader->control || !loader->sender)
        return MR_MEMORY;
    return curl_multi_setopt(loader->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX) == CURLM_OK
               ? MR_OK
               : MR_INTERNAL;
}

void
mri_load_http_close(struct mr_loader *loader)
{
    curl_easy_cleanup(loader->control);
    curl_easy_cleanup(loader->sender);
    if (loader->multi)
        curl_multi_cleanup(loader->multi);
    mr_text_fini(&loader->text);
}

/* The method. Turning an upload off falls back to GET. */
static int
set_method(CURL *easy, const struct mri_exchange *x)
{
    if (x->post)
        return (curl_easy_setopt(easy, CURLOPT_UPLOAD, 0L) != CURLE_OK) |
               (curl_easy_setopt(easy, CURLOPT_POST, 1L) != CURLE_OK) |
               (curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "") != CURLE_OK) |
               (curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L) != CURLE_OK);
    if (!x->put)
        return (curl_easy_setopt(easy, CURLOPT_UPLOAD, 0L) != CURLE_OK) |
               (curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) != CURLE_OK);
    curl_off_t size = x->body ? (curl_off_t)x->body->bytes : 0;
    return (curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L) != CURLE_OK) |
           (curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, size) != CURLE_OK) |
           (curl_easy_setopt(easy, CURLOPT_READDATA, x) != CURLE_OK) |
           (curl_easy_setopt(easy, CURLOPT_SEEKDATA, x) != CURLE_OK);
}

/* Credentials are given per exchange, to a host that the caller has checked.
 * There is one deadline and no limit of speed: waiting for the answer counts as slow, too, and a
 * backend that is short of memory may rightly read nothing until its own timeout. */
static int
set_request(CURL *easy, const struct mr_load_hub *hub, struct mri_exchange *x)
{
    int bad = set_method(easy, x);
    bad |= curl_easy_setopt(easy, CURLOPT_URL, x->url) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, x->headers) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_USERNAME, x->credentials ? hub->user : NULL) != CURLE_OK;
    bad |=
        curl_easy_setopt(easy, CURLOPT_PASSWORD, x->credentials ? hub->password : NULL) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_PREREQDATA, x) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, x) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->problem) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)x->timeout_ms) != CURLE_OK;
    return bad;
}

/* Runs the handle to its end, or until stopped. */
static CURLcode
run_handle(struct mr_loader *loader, CURL *easy, bool *ret_stopped)
{
    CURLM *multi = loader->multi;
    if (curl_multi_add_handle(multi, easy) != CURLM_OK)
        return CURLE_FAILED_INIT;
    CURLcode code = CURLE_FAILED_INIT;
    for (;;) {
        int running = 0, queued = 0;
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            break;
        const CURLMsg *message = curl_multi_info_read(multi, &queued);
        if (message && message->msg == CURLMSG_DONE) {
            code = message->data.result;
            break;
        }
        if (mri_load_stopped(loader)) {
            *ret_stopped = true;
            code = CURLE_ABORTED_BY_CALLBACK;
            /* Else taking the handle out waits for a name server. */
            (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
            break;
        }
        if (curl_multi_poll(multi, NULL, 0, MRI_STOP_SLICE_MS, NULL) != CURLM_OK)
            break;
    }
    (void)curl_multi_remove_handle(multi, easy);
    return code;
}

static void
read_result(struct mr_load_hub *hub, CURL *easy, struct mri_exchange *x)
{
    long connects = 0;
    const char *redirect = NULL;
    if (curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &x->status) != CURLE_OK)
        x->status = 0;
    if (curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connects) == CURLE_OK && connects > 0)
        mri_load_count(&hub->counters.connects, (uint64_t)connects);
    if (curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &redirect) == CURLE_OK && redirect &&
        strlen(redirect) < sizeof x->redirect)
        memcpy(x->redirect, redirect, strlen(redirect) + 1);
    if (x->code != CURLE_OK && !x->problem[0])
        (void)snprintf(x->problem, sizeof x->problem, "%s", curl_easy_strerror(x->code));
    if (is_spent(x) && !x->stopped &&
        (x->code == CURLE_SEND_FAIL_REWIND || x->code == CURLE_ABORTED_BY_CALLBACK ||
         x->code == CURLE_COULDNT_CONNECT)) /* libcurl's attempts to repeat, each stopped */
        (void)snprintf(x->problem, sizeof x->problem, "the connection ended without an answer");
    if (x->oversize)
        (void)snprintf(
            x->problem, sizeof x->problem, "the reply is longer than %zu bytes", MRI_REPLY_BYTES);
}

void
mri_load_http_exchange(struct mr_loader *loader, struct mri_exchange *x)
{
    x->loader = loader;
    x->code = CURLE_FAILED_INIT;
    x->chunk = x->body ? x->body->first : NULL;
    mr_text_reset(&loader->text);
    if (x->body && !loader->sender)
        loader->sender = open_sender(loader->hub);
    CURL *easy = x->body ? loader->sender : loader->control;
    if (!easy || set_request(easy, loader->hub, x) != 0) {
        (void)snprintf(x->problem, sizeof x->problem, "libcurl took no request: out of memory?");
        return;
    }
    x->code = run_handle(loader, easy, &x->stopped);
    read_result(loader->hub, easy, x);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL); /* x ends before the handle does */
    if (x->body && x->code != CURLE_OK) {
        /* A refused rewind leaves its mark on the handle; connections live in the multi handle. */
        curl_easy_cleanup(loader->sender);
        loader->sender = NULL;
    }
}

bool
mri_load_http_connects(struct mr_loader *loader, const struct mri_node *node, char *problem)
{
    char url[MRI_HOST_BYTES + 16];
    struct mri_exchange nothing = {.loader = loader};
    CURL *easy = open_easy(loader->hub);
    bool stopped = false;
    problem[0] = '\0';
    (void)snprintf(url, sizeof url, "http://%s:%u", node->host, node->port);
    if (!easy || curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_PREREQDATA, &nothing) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, problem) != CURLE_OK) {
        curl_easy_cleanup(easy);
        (void)snprintf(problem, CURL_ERROR_SIZE, "out of memory");
        return false;
    }
    CURLcode code = run_handle(loader, easy, &stopped);
    if (code != CURLE_OK && !problem[0])
        (void)snprintf(problem, CURL_ERROR_SIZE, "%s", curl_easy_strerror(code));
    curl_easy_cleanup(easy);
    return code == CURLE_OK;
}

void
mri_load_pause(struct mr_loader *loader, int64_t ms)
{
    int64_t end = mr_clock_monotonic_ms() + ms;
    for (int64_t left = ms; left > 0 && !mri_load_stopped(loader);
         left = end - mr_clock_monotonic_ms()) {
        int slice = left < MRI_STOP_SLICE_MS ? (int)left : MRI_STOP_SLICE_MS;
        if (curl_multi_poll(loader->multi, NULL, 0, slice, NULL) != CURLM_OK)
            mr_clock_sleep_ms(slice);
    }
}

/* xorshift64*: spreads retries of many loaders; no secret hangs on it. */
static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

int64_t
mri_load_backoff_ms(struct mr_loader *loader, uint32_t failures)
{
    const struct mri_limits *limits = &loader->hub->limits;
    int64_t pause = limits->pause_min_ms;
    for (uint32_t i = 1; i < failures && pause < limits->pause_max_ms; i++)
        pause *= 2;
    if (pause > limits->pause_max_ms)
        pause = limits->pause_max_ms;
    return pause / 2 + (int64_t)(next_random(&loader->random) % (uint64_t)(pause / 2 + 1));
}

enum mr_rc
mr_loader_new(struct mr_load_hub *hub, struct mr_loader **ret_loader)
{
    struct mr_loader *loader = calloc(1, sizeof *loader);
    if (!loader)
        return MR_MEMORY;
    loader->hub = hub;
    if (getrandom(&loader->random, sizeof loader->random, GRND_NONBLOCK) < 0 || !loader->random)
        loader->random = (uint64_t)mr_clock_wall_us() | 1;
    enum mr_rc rc = mri_load_http_open(loader);
    if (rc != MR_OK) {
        mri_load_http_close(loader);
        free(loader);
        return rc;
    }
    pthread_mutex_lock(&hub->lock);
    loader->next = hub->loaders;
    hub->loaders = loader;
    pthread_mutex_unlock(&hub->lock);
    *ret_loader = loader;
    return MR_OK;
}

void
mr_loader_free(struct mr_loader **loader_p)
{
    struct mr_loader *loader = *loader_p;
    *loader_p = NULL;
    if (!loader)
        return;
    pthread_mutex_lock(&loader->hub->lock);
    struct mr_loader **link = &loader->hub->loaders;
    while (*link != loader)
        link = &(*link)->next;
    *link = loader->next;
    pthread_mutex_unlock(&loader->hub->lock);
    mri_load_http_close(loader);
    free(loader);
}
