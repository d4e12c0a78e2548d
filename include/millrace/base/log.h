/* Log: one line an event of the life cycle, to stderr, as key=value text or JSON.
 * Threads: any; a line is one write(2). Progress: never waits for stderr: a line that it does not take at
 * once is dropped, counted, and the count is added to the next line that is written (lines_lost).
 * Levels: ERROR = a person must act · WARN = we coped · INFO = life cycle, one line a unit ·
 * DEBUG = a decision. Nothing per event. Repeats of one site are limited: after 10 lines in 10 s of
 * the same (stage, sentence) further ones are counted and the count is added to the next line.
 * Limits: a line is cut at 4 KiB; values are quoted and escaped. Secrets never reach this module. */
#pragma once

#include <stdint.h>

#include "millrace/base/attr.h"
#include "millrace/base/error.h"

enum mr_log_level { MR_LOG_ERROR, MR_LOG_WARN, MR_LOG_INFO, MR_LOG_DEBUG };
enum mr_log_format { MR_LOG_TEXT, MR_LOG_JSON };

/* Before threads start; the default is INFO, text. */
void
mr_log_setup(enum mr_log_level level, enum mr_log_format format);

/* Value of one key. Build them with the macros below. */
struct mr_log_field {
    const char *key;
    enum { MR_LOG_STR, MR_LOG_INT } kind;
    const char *str; /* NULL prints as "" */
    int64_t i64;
};

#define MR_STR(k, v) ((struct mr_log_field){.key = (k), .kind = MR_LOG_STR, .str = (v)})
#define MR_INT(k, v) ((struct mr_log_field){.key = (k), .kind = MR_LOG_INT, .i64 = (int64_t)(v)})

void
mr_log_write(enum mr_log_level level, const char *stage, const char *sentence,
             const struct mr_log_field *fields, unsigned count);

/* stage and sentence are constants; the sentence is lower-case and says the consequence. */
#define mr_log(level, stage, sentence, ...)                                                        \
    mr_log_write((level), (stage), (sentence), (const struct mr_log_field[]){__VA_ARGS__},         \
                 (unsigned)(sizeof((const struct mr_log_field[]){__VA_ARGS__}) /                   \
                            sizeof(struct mr_log_field)))

/* Lines that stderr did not take. */
uint64_t
mr_log_dropped(void);

/* ERROR line with the error's text and hint. */
void
mr_log_error(const char *stage, const char *sentence, const struct mr_error *err);
