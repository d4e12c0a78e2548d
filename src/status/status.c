/* Pages and the HTTP server. */
#include "millrace/status.h"

#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "millrace/base/assert.h"
#include "millrace/base/log.h"
#include "status/status_priv.h"

#define CONNECTIONS      32
#define CONNECTION_BYTES (64 * 1024)
#define IDLE_SECONDS     10

struct mr_status {
    struct mr_status_probes probes;   /* [const] after start */
    const struct mr_metrics *metrics; /* [const] after start */
    struct MHD_Daemon *daemon;        /* [const] after start; locks itself */
    uint16_t port;                    /* [const] after start */
};

struct page {
    const char *path;
    const char *type;
    unsigned (*write)(struct mr_status *status, struct mr_text *out); /* HTTP code */
};

static unsigned
write_metrics(struct mr_status *status, struct mr_text *out)
{
    if (status->probes.refresh) {
        status->probes.refresh(status->probes.context);
    }
    mr_metrics_render(status->metrics, out);
    return MHD_HTTP_OK;
}

static unsigned
write_livez(struct mr_status *status, struct mr_text *out)
{
    (void)status;
    mr_text_adds(out, "alive\n");
    return MHD_HTTP_OK;
}

static unsigned
write_readyz(struct mr_status *status, struct mr_text *out)
{
    const char *reason = "";
    if (status->probes.ready(status->probes.context, &reason)) {
        mr_text_adds(out, "ready\n");
        return MHD_HTTP_OK;
    }
    mr_text_addf(out, "not ready: %s\n", reason);
    return MHD_HTTP_SERVICE_UNAVAILABLE;
}

static unsigned
write_status(struct mr_status *status, struct mr_text *out)
{
    status->probes.status(status->probes.context, out);
    return MHD_HTTP_OK;
}

static const char plain[] = "text/plain; charset=utf-8";

static const struct page pages[] = {
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", write_metrics},
    {"/livez", plain, write_livez},
    {"/readyz", plain, write_readyz},
    {"/v1/status", "application/json", write_status},
};

static enum MHD_Result
send_text(struct MHD_Connection *connection, unsigned code, const char *type, struct mr_text *text)
{
    if (text->overflow) {
        code = MHD_HTTP_INTERNAL_SERVER_ERROR; /* a cut page must not look whole */
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback(text->len, text->p, free);
    if (!response) {
        mr_text_fini(text);
        return MHD_NO;
    }
    *text = (struct mr_text){0}; /* the response has the bytes now */
    enum MHD_Result done = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (done == MHD_YES && code == MHD_HTTP_METHOD_NOT_ALLOWED) {
        done = MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
    if (done == MHD_YES) {
        done = MHD_queue_response(connection, code, response);
    }
    MHD_destroy_response(response);
    return done;
}

static enum MHD_Result
send_page(struct mr_status *status, struct MHD_Connection *connection, const char *path)
{
    struct mr_text text = {0};
    for (size_t i = 0; i < MR_ARRAY_LEN(pages); i++) {
        if (strcmp(path, pages[i].path) == 0) {
            unsigned code = pages[i].write(status, &text);
            return send_text(connection, code, pages[i].type, &text);
        }
    }
    mr_text_adds(&text, "not found; there are:\n");
    for (size_t i = 0; i < MR_ARRAY_LEN(pages); i++) {
        mr_text_addf(&text, "%s\n", pages[i].path);
    }
    return send_text(connection, MHD_HTTP_NOT_FOUND, plain, &text);
}

/* The library calls once with the headers, then again with the request complete; answering at the
 * first call would close the connection instead of keeping it alive. */
static enum MHD_Result
answer(void *argument,
       struct MHD_Connection *connection,
       const char *path,
       const char *method,
       const char *version,
       const char *upload,
       size_t *upload_size,
       void **request)
{
    static int seen;
    struct mr_text text = {0};
    (void)version;
    (void)upload;
    (void)upload_size;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        mr_text_adds(&text, "only GET and HEAD\n");
        return send_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, plain, &text);
    }
    if (!*request) {
        *request = &seen;
        return MHD_YES;
    }
    return send_page(argument, connection, path);
}

static void
log_library(void *argument, const char *format, va_list list)
{
    char line[256];
    (void)argument;
    vsnprintf(line, sizeof line, format, list);
    line[strcspn(line, "\n")] = 0;
    mr_log(MR_LOG_DEBUG, "status", "the http library reports", MR_STR("text", line));
}

/* The new thread inherits the signal mask: signals belong to the main thread. */
static struct MHD_Daemon *
start_daemon(struct mr_status *status, int listener)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
        return NULL;
    }
    struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG,
                                                 0,
                                                 NULL,
                                                 NULL,
                                                 answer,
                                                 status,
                                                 MHD_OPTION_EXTERNAL_LOGGER,
                                                 log_library,
                                                 NULL,
                                                 MHD_OPTION_LISTEN_SOCKET,
                                                 listener,
                                                 MHD_OPTION_CONNECTION_LIMIT,
                                                 (unsigned)CONNECTIONS,
                                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                                 (size_t)CONNECTION_BYTES,
                                                 MHD_OPTION_CONNECTION_TIMEOUT,
                                                 (unsigned)IDLE_SECONDS,
                                                 MHD_OPTION_END);
    MR_INSIST(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    return daemon;
}

enum mr_rc
mr_status_start(const char *host,
                uint16_t port,
                const struct mr_metrics *metrics,
                const struct mr_status_probes *probes,
                struct mr_status **ret_status,
                struct mr_error *reterr_error)
{
    int listener = -1;
    MR_REQUIRE(probes->ready && probes->status);
    struct mr_status *status = calloc(1, sizeof *status);
    if (!status) {
        return mr_error_set(reterr_error, MR_MEMORY, "status: out of memory");
    }
    status->probes = *probes;
    status->metrics = metrics;
    enum mr_rc rc = mri_status_listen(host, port, &listener, &status->port, reterr_error);
    if (rc == MR_OK && !(status->daemon = start_daemon(status, listener))) {
        close(listener);
        rc = mr_error_set(reterr_error, MR_SYSTEM, "status: the http server does not start");
    }
    if (rc != MR_OK) {
        free(status);
        return rc;
    }
    *ret_status = status;
    return MR_OK;
}

uint16_t
mr_status_port(const struct mr_status *status)
{
    return status->port;
}

void
mr_status_stop(struct mr_status **status)
{
    if (*status) {
        MHD_stop_daemon((*status)->daemon); /* joins its thread and closes the socket */
        free(*status);
        *status = NULL;
    }
}
