/* Scripted HTTP server: plain sockets, so that every rude ending can be played. */
#include "http_script.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "millrace/base/assert.h"
#include "millrace/base/clock.h"

#define CONNECTIONS_MAX 64
#define STEPS_MAX       64
#define REQUESTS_MAX    256

struct connection {
    struct http_script *script;
    pthread_t thread;
    int fd;
    unsigned number;
    char buffer[65536]; /* bytes read and not yet used */
    size_t held;
};

struct http_script {
    int fd;
    uint16_t port;
    pthread_t thread;
    _Atomic bool closing;
    pthread_mutex_t lock;
    struct http_step steps[STEPS_MAX];               /* [lock] */
    unsigned step_count, step_next;                  /* [lock] */
    struct http_seen *seen[REQUESTS_MAX];            /* [lock] */
    unsigned request_count;                          /* [lock] */
    struct connection *connections[CONNECTIONS_MAX]; /* [lock] */
    unsigned connection_count;                       /* [lock] */
};

static bool
closing(const struct http_script *script)
{
    return atomic_load_explicit(&script->closing, memory_order_relaxed);
}

static void
send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the client has gone: what it did is what the test looks at */
        bytes += n;
        len -= (size_t)n;
    }
}

/* More bytes into the buffer; false at the end of the stream. */
static bool
fill(struct connection *c)
{
    if (c->held == sizeof c->buffer)
        return false;
    ssize_t n = recv(c->fd, c->buffer + c->held, sizeof c->buffer - c->held, 0);
    if (n <= 0)
        return false;
    c->held += (size_t)n;
    return true;
}

static void
take(struct connection *c, size_t n)
{
    memmove(c->buffer, c->buffer + n, c->held - n);
    c->held -= n;
}

const char *
http_seen_header(const struct http_seen *seen, const char *name)
{
    static _Thread_local char value[8192];
    size_t name_len = strlen(name);
    for (const char *line = strstr(seen->head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, name_len) != 0 || line[name_len] != ':')
            continue;
        const char *from = line + name_len + 1;
        from += strspn(from, " ");
        (void)snprintf(value, sizeof value, "%.*s", (int)strcspn(from, "\r"), from);
        return value;
    }
    return NULL;
}

/* The head of a request, as a new entry of the list; NULL at the end of the stream. */
static struct http_seen *
read_head(struct connection *c)
{
    char *end;
    while ((end = memmem(c->buffer, c->held, "\r\n\r\n", 4)) == NULL) {
        if (!fill(c))
            return NULL;
    }
    struct http_seen *seen = calloc(1, sizeof *seen);
    size_t len = (size_t)(end - c->buffer) + 2;
    MR_INSIST(seen != NULL);
    MR_INSIST(len < sizeof seen->head);
    memcpy(seen->head, c->buffer, len);
    take(c, len + 2);
    MR_INSIST(sscanf(seen->head, "%15s %1023s", seen->method, seen->path) == 2);
    const char *declared = http_seen_header(seen, "Content-Length");
    seen->declared_len = declared ? strtoul(declared, NULL, 10) : 0;
    seen->body = malloc(seen->declared_len + 1);
    MR_INSIST(seen->body != NULL);
    seen->connection = c->number;
    seen->at_ms = mr_clock_monotonic_ms();
    return seen;
}

/* At most `limit` bytes of the body; they leave the connection. */
static void
read_body(struct connection *c, struct http_seen *seen, size_t limit)
{
    while (seen->body_len < limit) {
        if (c->held == 0 && !fill(c))
            return;
        size_t n = limit - seen->body_len < c->held ? limit - seen->body_len : c->held;
        memcpy(seen->body + seen->body_len, c->buffer, n);
        seen->body_len += n;
        take(c, n);
    }
}

static struct http_step
next_step(struct http_script *script, struct http_seen *seen)
{
    static const struct http_step ended = {.status = 500, .body = "the script has ended"};
    pthread_mutex_lock(&script->lock);
    MR_INSIST(script->request_count < REQUESTS_MAX);
    script->seen[script->request_count++] = seen;
    struct http_step step =
        script->step_next < script->step_count ? script->steps[script->step_next++] : ended;
    pthread_mutex_unlock(&script->lock);
    return step;
}

/* Waits until the client closes or the script ends. */
static void
stall(struct connection *c)
{
    struct pollfd poll_fd = {.fd = c->fd, .events = POLLRDHUP};
    while (!closing(c->script) && poll(&poll_fd, 1, 20) == 0)
        continue;
}

static void
reset(const struct connection *c)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

static void
answer(const struct connection *c, const struct http_step *step)
{
    char head[4096];
    const char *body = step->body ? step->body : "";
    int len = snprintf(head,
                       sizeof head,
                       "HTTP/1.1 %d Scripted\r\nContent-Length: %zu\r\n%s%s%s%s\r\n",
                       step->status ? step->status : 200,
                       strlen(body),
                       step->location ? "Location: " : "",
                       step->location ? step->location : "",
                       step->location ? "\r\n" : "",
                       step->close ? "Connection: close\r\n" : "");
    MR_INSIST(len > 0 && (size_t)len < sizeof head);
    send_all(c->fd, head, (size_t)len);
    send_all(c->fd, body, strlen(body));
}

/* Bytes of the body that the step waits for. */
static size_t
wanted(const struct http_step *step, const struct http_seen *seen)
{
    if (step->act == HTTP_EARLY || step->act == HTTP_RESET_HEAD)
        return 0;
    return step->act == HTTP_RESET_BODY && seen->declared_len > 1 ? 1 : seen->declared_len;
}

/* One step; true when the connection stays. */
static bool
play(struct connection *c, struct http_seen *seen, const struct http_step *step)
{
    size_t bytes = wanted(step, seen);
    if (bytes > 0 && http_seen_header(seen, "Expect"))
        send_all(c->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    read_body(c, seen, bytes);
    /* The test reads the body after the answer: a socket orders that, but no sanitizer knows it. */
    pthread_mutex_lock(&c->script->lock);
    pthread_mutex_unlock(&c->script->lock);
    for (int64_t end = mr_clock_monotonic_ms() + step->delay_ms;
         step->delay_ms && !closing(c->script) && mr_clock_monotonic_ms() < end;)
        mr_clock_sleep_ms(5);
    switch (step->act) {
    case HTTP_ANSWER:
        answer(c, step);
        return !step->close && !step->hang_up;
    case HTTP_EARLY:
        answer(c, step);
        return false;
    case HTTP_RAW:
        send_all(c->fd, step->body, strlen(step->body));
        return false;
    case HTTP_STALL:
        stall(c);
        return false;
    case HTTP_RESET_HEAD:
    case HTTP_RESET_BODY:
        reset(c);
        return false;
    case HTTP_DROP:
        return false;
    }
    return false;
}

static void *
serve(void *argument)
{
    struct connection *c = argument;
    struct http_seen *seen;
    while (!closing(c->script) && (seen = read_head(c)) != NULL) {
        struct http_step step = next_step(c->script, seen);
        if (!play(c, seen, &step))
            break;
    }
    pthread_mutex_lock(&c->script->lock);
    (void)close(c->fd);
    c->fd = -1;
    pthread_mutex_unlock(&c->script->lock);
    return NULL;
}

static void
add_connection(struct http_script *script, int fd)
{
    struct connection *c = calloc(1, sizeof *c);
    int on = 1;
    MR_INSIST(c != NULL);
    (void)setsockopt(
        fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* head and body are two sends */
    c->script = script;
    c->fd = fd;
    pthread_mutex_lock(&script->lock);
    MR_INSIST(script->connection_count < CONNECTIONS_MAX);
    c->number = script->connection_count + 1;
    script->connections[script->connection_count++] = c;
    MR_INSIST(pthread_create(&c->thread, NULL, serve, c) == 0);
    pthread_mutex_unlock(&script->lock);
}

static void *
accept_all(void *argument)
{
    struct http_script *script = argument;
    struct pollfd poll_fd = {.fd = script->fd, .events = POLLIN};
    while (!closing(script)) {
        if (poll(&poll_fd, 1, 20) <= 0)
            continue;
        int fd = accept(script->fd, NULL, NULL);
        if (fd >= 0)
            add_connection(script, fd);
    }
    return NULL;
}

static int
listen_somewhere(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MR_INSIST(fd >= 0);
    MR_INSIST(bind(fd, (const struct sockaddr *)&address, sizeof address) == 0);
    MR_INSIST(listen(fd, 64) == 0);
    MR_INSIST(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

struct http_script *
http_script_start(void)
{
    struct http_script *script = calloc(1, sizeof *script);
    MR_INSIST(script != NULL);
    script->fd = listen_somewhere(&script->port);
    MR_INSIST(pthread_mutex_init(&script->lock, NULL) == 0);
    MR_INSIST(pthread_create(&script->thread, NULL, accept_all, script) == 0);
    return script;
}

uint16_t
http_script_port(const struct http_script *script)
{
    return script->port;
}

void
http_script_add(struct http_script *script, struct http_step step)
{
    pthread_mutex_lock(&script->lock);
    MR_INSIST(script->step_count < STEPS_MAX);
    script->steps[script->step_count++] = step;
    pthread_mutex_unlock(&script->lock);
}

unsigned
http_script_requests(struct http_script *script)
{
    pthread_mutex_lock(&script->lock);
    unsigned count = script->request_count;
    pthread_mutex_unlock(&script->lock);
    return count;
}

bool
http_script_wait(struct http_script *script, unsigned at_least, int wait_ms)
{
    int64_t end = mr_clock_monotonic_ms() + wait_ms;
    while (http_script_requests(script) < at_least && mr_clock_monotonic_ms() < end)
        mr_clock_sleep_ms(2);
    return http_script_requests(script) >= at_least;
}

const struct http_seen *
http_script_seen(struct http_script *script, unsigned i)
{
    pthread_mutex_lock(&script->lock);
    MR_INSIST(i < script->request_count);
    const struct http_seen *seen = script->seen[i];
    pthread_mutex_unlock(&script->lock);
    return seen;
}

unsigned
http_script_connections(struct http_script *script)
{
    pthread_mutex_lock(&script->lock);
    unsigned count = script->connection_count;
    pthread_mutex_unlock(&script->lock);
    return count;
}

void
http_script_stop(struct http_script **script_p)
{
    struct http_script *script = *script_p;
    *script_p = NULL;
    atomic_store_explicit(&script->closing, true, memory_order_relaxed);
    MR_INSIST(pthread_join(script->thread, NULL) == 0);
    (void)close(script->fd);
    pthread_mutex_lock(&script->lock);
    for (unsigned i = 0; i < script->connection_count; i++) {
        if (script->connections[i]->fd >= 0)
            (void)shutdown(script->connections[i]->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&script->lock);
    for (unsigned i = 0; i < script->connection_count; i++) {
        MR_INSIST(pthread_join(script->connections[i]->thread, NULL) == 0);
        free(script->connections[i]);
    }
    for (unsigned i = 0; i < script->request_count; i++) {
        free(script->seen[i]->body);
        free(script->seen[i]);
    }
    pthread_mutex_destroy(&script->lock);
    free(script);
}

uint16_t
http_script_dead_port(void)
{
    uint16_t port;
    (void)close(listen_somewhere(&port));
    return port;
}
