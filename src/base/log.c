/* Log lines: built in a fixed buffer, written by one write(2). A line that stderr does not take at once
 * (its disk is full, its reader stands still or is gone) is dropped and counted: nothing waits for the
 * log. */
#include "millrace/base/log.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "millrace/base/clock.h"
#include "millrace/base/text.h"

#define LINE_MAX_BYTES 4096 /* at most PIPE_BUF: a pipe that is writable takes it whole */
#define TAIL_BYTES 72  /* kept free for the counts of lines held back and lost, and the line's end */
#define VALUE_BYTES 32 /* a field begins only where so much of its value has room: any integer */
#define SITES 64
#define BURST 10
#define BURST_WINDOW_MS 10000

static enum mr_log_level threshold = MR_LOG_INFO; /* [const] after mr_log_setup */
static enum mr_log_format format = MR_LOG_TEXT;   /* [const] after mr_log_setup */

/* Repeats of one place, found by its constant sentence. */
struct site {
    const char *sentence;
    int64_t window_start_ms;
    unsigned count;
    unsigned suppressed;
};

static pthread_mutex_t sites_lock = PTHREAD_MUTEX_INITIALIZER;
static struct site sites[SITES]; /* [lock: sites_lock] */

static pthread_mutex_t stderr_lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t lost;           /* [lock: stderr_lock] lines since the last one that was written */
static bool torn;               /* [lock: stderr_lock] of the line before only a part was written */
static _Atomic uint64_t dropped; /* [atomic: relaxed] a count */

struct line {
    char bytes[LINE_MAX_BYTES];
    size_t used;
};

void
mr_log_setup(enum mr_log_level level, enum mr_log_format new_format)
{
    threshold = level;
    format = new_format;
}

/* False when this line is one too many; otherwise *ret_missed lines were held back before it. */
static bool
admit(const char *sentence, unsigned *ret_missed)
{
    int64_t now = mr_clock_monotonic_ms();
    bool pass = true;
    *ret_missed = 0;
    pthread_mutex_lock(&sites_lock);
    struct site *site = &sites[((uintptr_t)sentence >> 3) % SITES];
    if (site->sentence != sentence || now - site->window_start_ms >= BURST_WINDOW_MS) {
        *ret_missed = site->sentence == sentence ? site->suppressed : 0;
        *site = (struct site){.sentence = sentence, .window_start_ms = now};
    }
    if (++site->count > BURST) {
        site->suppressed++;
        pass = false;
    }
    pthread_mutex_unlock(&sites_lock);
    return pass;
}

static void
put(struct line *line, const char *text, size_t len)
{
    size_t room = sizeof line->bytes - 1 - line->used;
    if (len > room)
        len = room;
    memcpy(line->bytes + line->used, text, len);
    line->used += len;
}

static void
puts_line(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* A string value: JSON and text share the escapes, but JSON spells bytes as \u00XX. */
static void
put_quoted(struct line *line, const char *value)
{
    puts_line(line, "\"");
    for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
        char form[8];
        int len;
        if (*p == '"' || *p == '\\')
            len = snprintf(form, sizeof form, "\\%c", *p);
        else if (*p >= 0x20 && *p < 0x7f)
            len = snprintf(form, sizeof form, "%c", *p);
        else
            len = snprintf(form, sizeof form, format == MR_LOG_JSON ? "\\u%04x" : "\\x%02X", *p);
        if (line->used + (size_t)len + TAIL_BYTES > sizeof line->bytes)
            break;
        put(line, form, (size_t)len);
    }
    puts_line(line, "\"");
}

static void
put_key(struct line *line, const char *key)
{
    puts_line(line, format == MR_LOG_JSON ? ",\"" : " ");
    puts_line(line, key);
    puts_line(line, format == MR_LOG_JSON ? "\":" : "=");
}

static void
put_int(struct line *line, const char *key, int64_t value)
{
    char digits[24];
    put_key(line, key);
    put(line, digits, (size_t)snprintf(digits, sizeof digits, "%lld", (long long)value));
}

static void
put_head(struct line *line, enum mr_log_level level, const char *stage, const char *sentence)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    char time[32];
    time[mr_clock_format(mr_clock_wall_us() / 1000 * 1000, time)] = '\0';
    if (strlen(time) > 23)
        time[23] = '\0';
    time[10] = 'T';
    if (format == MR_LOG_JSON) {
        puts_line(line, "{\"time\":\"");
        puts_line(line, time);
        puts_line(line, "Z\",\"level\":\"");
        puts_line(line, names[level]);
        puts_line(line, "\"");
    } else {
        puts_line(line, "time=");
        puts_line(line, time);
        puts_line(line, "Z level=");
        puts_line(line, names[level]);
    }
    put_key(line, "stage");
    put_quoted(line, stage);
    put_key(line, "msg");
    put_quoted(line, sentence);
}

/* Whole, cut inside its quotes, or not at all. */
static void
put_field(struct line *line, const struct mr_log_field *field)
{
    if (line->used + strlen(field->key) + VALUE_BYTES + TAIL_BYTES > sizeof line->bytes)
        return;
    if (field->kind == MR_LOG_INT) {
        put_int(line, field->key, field->i64);
    } else {
        put_key(line, field->key);
        put_quoted(line, field->str ? field->str : "");
    }
}

/* Is there room, or an error that write tells at once? Between this and the write nobody else of this
 * process takes the room; a stalled reader that other processes write to as well is not provided for. */
static bool
would_not_block(void)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) > 0;
}

static bool
write_whole(const char *bytes, size_t len)
{
    ssize_t written = would_not_block() ? write(STDERR_FILENO, bytes, len) : 0;
    if (written > 0)
        torn = (size_t)written < len;
    return written == (ssize_t)len;
}

static void
end_line(struct line *line)
{
    if (lost > 0)
        put_int(line, "lines_lost", lost);
    if (format == MR_LOG_JSON)
        puts_line(line, "}");
    line->bytes[line->used++] = '\n';
}

/* stderr_lock held. */
static void
write_line(struct line *line)
{
    end_line(line);
    if ((!torn || write_whole("\n", 1)) && write_whole(line->bytes, line->used)) {
        lost = 0;
        return;
    }
    lost += lost < UINT32_MAX;
    atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
}

void
mr_log_write(enum mr_log_level level, const char *stage, const char *sentence,
             const struct mr_log_field *fields, unsigned count)
{
    struct line line = {.used = 0};
    unsigned missed;
    if (level > threshold || !admit(sentence, &missed))
        return;
    put_head(&line, level, stage, sentence);
    for (unsigned i = 0; i < count; i++)
        put_field(&line, &fields[i]);
    if (missed > 0)
        put_int(&line, "repeats_held_back", missed);
    pthread_mutex_lock(&stderr_lock);
    write_line(&line);
    pthread_mutex_unlock(&stderr_lock);
}

uint64_t
mr_log_dropped(void)
{
    return atomic_load_explicit(&dropped, memory_order_relaxed);
}

void
mr_log_error(const char *stage, const char *sentence, const struct mr_error *err)
{
    mr_log(MR_LOG_ERROR, stage, sentence, MR_STR("code", mr_rc_name(err->rc)),
           MR_STR("error", err->text), MR_STR("hint", mr_error_get_hint(err)));
}
