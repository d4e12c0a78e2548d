/* Discarding server: Stream Loads and transactions of several tables; FE and BE, each on its port, a
 * thread a connection. Nothing is kept, so nothing is ever refused but calls that it does not know. */
#include "sim.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "millrace/base/clock.h"

#define BUFFER ((size_t)1 << 20)

static unsigned backend_port;    /* [const] after listening */
static struct sim_calls *counts; /* [const] */
static int64_t publish_ms;       /* [const] */

/* Reads until the blank line; returns the header's length, 0 at the end of the connection. *ret_have:
 * bytes in the buffer, the first of the body included. */
static size_t
read_head(int fd, char *buffer, size_t *ret_have)
{
    size_t have = 0;
    for (;;) {
        ssize_t got = read(fd, buffer + have, BUFFER - 1 - have);
        if (got <= 0)
            return 0;
        have += (size_t)got;
        buffer[have] = '\0';
        char *end = strstr(buffer, "\r\n\r\n");
        if (end) {
            *ret_have = have;
            return (size_t)(end - buffer) + 4;
        }
    }
}

static size_t
content_length(const char *head)
{
    const char *field = strcasestr(head, "\r\ncontent-length:");
    return field ? strtoul(field + 17, NULL, 10) : 0;
}

static bool
answer(int fd, const char *status, const char *extra, const char *body)
{
    char reply[2048];
    int len = snprintf(reply, sizeof reply, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n%s", status,
                       extra, strlen(body), body);
    return write(fd, reply, (size_t)len) == len;
}

static bool
redirect(int fd, const char *head)
{
    char extra[1024], path[512];
    if (sscanf(head, "%*s %511s", path) != 1)
        return false;
    snprintf(extra, sizeof extra, "Location: http://127.0.0.1:%u%s\r\nConnection: close\r\n",
             backend_port, path);
    (void)answer(fd, "307 Temporary Redirect", extra, "");
    return false; /* as newer FEs do: the connection ends here */
}

static bool
read_body(int fd, char *buffer, size_t left)
{
    while (left > 0) {
        ssize_t got = read(fd, buffer, BUFFER);
        if (got <= 0)
            return false;
        left -= (size_t)got < left ? (size_t)got : left;
    }
    return true;
}

static enum sim_call
call_of(const char *head, size_t total)
{
    static const struct {
        const char *path;
        enum sim_call call;
    } paths[] = {{"POST /api/transaction/begin ", SIM_BEGIN},
                 {"POST /api/transaction/commit ", SIM_COMMIT},
                 {"POST /api/transaction/rollback ", SIM_ROLLBACK}};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (strncmp(head, paths[i].path, strlen(paths[i].path)) == 0)
            return paths[i].call;
    const char *line_end = strstr(head, "\r\n");
    const char *label = strstr(head, "/get_load_state?label="), *load = strstr(head, "/_stream_load ");
    bool is_load = strncmp(head, "PUT /api/transaction/load ", 26) == 0 || (load && load < line_end);
    if (label && label < line_end)
        return SIM_STATE;
    if (!is_load)
        return SIM_OTHER;
    if (total == 0 && strcasestr(head, "\r\nexpect:"))
        return SIM_ASK;
    return strstr(head, "millrace_ledger") ? SIM_LEDGER : SIM_BODY;
}

static bool
answer_call(int fd, enum sim_call call, bool in_transaction, size_t total)
{
    char body[512];
    if (call == SIM_OTHER)
        return answer(fd, "404 Not Found", "", "");
    if (call == SIM_STATE)
        return answer(fd, "200 OK", "",
                      "{\"state\":\"VISIBLE\",\"msg\":\"OK\",\"code\":\"0\",\"status\":\"OK\"}");
    bool is_load = call == SIM_BODY || call == SIM_LEDGER;
    if (call == SIM_COMMIT || (is_load && !in_transaction))
        mr_clock_sleep_ms(publish_ms);
    snprintf(body, sizeof body,
             "{\"TxnId\":1,\"Label\":\"x\",\"Status\":\"%s\",\"Message\":\"%s\","
             "\"NumberFilteredRows\":0,\"NumberUnselectedRows\":0,\"LoadBytes\":%zu}",
             is_load && !in_transaction ? "Success" : "OK",
             is_load && !in_transaction ? "OK" : "", total);
    return answer(fd, "200 OK", "", body);
}

/* One request, whose head is in the buffer. False: the connection ends. */
static bool
serve_one(int fd, char *buffer, size_t have, size_t head)
{
    size_t total = content_length(buffer);
    enum sim_call call = call_of(buffer, total);
    bool in_transaction = strncmp(buffer, "PUT /api/transaction/", 21) == 0;
    atomic_fetch_add_explicit(&counts->number[call], 1, memory_order_relaxed);
    if (call == SIM_ASK)
        return redirect(fd, buffer);
    if (!read_body(fd, buffer, total - (have - head)))
        return false;
    return answer_call(fd, call, in_transaction, total);
}

static void *
serve(void *argument)
{
    int fd = (int)(intptr_t)argument;
    char *buffer = malloc(BUFFER);
    size_t have, head;
    bool open = buffer != NULL;
    while (open && (head = read_head(fd, buffer, &have)) > 0)
        open = serve_one(fd, buffer, have, head);
    free(buffer);
    close(fd);
    return NULL;
}

static int
listen_somewhere(unsigned *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        perror("bench: sink");
        exit(1);
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void *
watch(void *argument)
{
    char byte;
    while (read((int)(intptr_t)argument, &byte, 1) > 0)
        continue;
    _exit(0);
}

static void *
accept_all(void *argument)
{
    pthread_t thread;
    for (int peer; (peer = accept((int)(intptr_t)argument, NULL, NULL)) >= 0;) {
        pthread_create(&thread, NULL, serve, (void *)(intptr_t)peer);
        pthread_detach(thread);
    }
    _exit(1);
}

void
sim_sink(struct sim_calls *calls, int64_t wait_ms, int ready_fd, int stop_fd)
{
    counts = calls;
    publish_ms = wait_ms;
    char url[64];
    unsigned frontend_port;
    pthread_t thread;
    int backend = listen_somewhere(&backend_port), frontend = listen_somewhere(&frontend_port);
    pthread_create(&thread, NULL, watch, (void *)(intptr_t)stop_fd);
    pthread_create(&thread, NULL, accept_all, (void *)(intptr_t)backend);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", frontend_port);
    if (write(ready_fd, url, strlen(url) + 1) < 0)
        _exit(1);
    accept_all((void *)(intptr_t)frontend);
}
