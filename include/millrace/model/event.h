/* Event: a decoded, checked record, and the reasons why a record may not become one.
 * Threads: owned by one worker. Memory: text slices point into the batch or into the decoder's
 * scratch; they live until mr_decoder_reset, that is until the group of events is used up. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "millrace/base/text.h"
#include "millrace/model/record.h"

enum mr_type {
    MR_TYPE_STRING,    /* VARCHAR; text */
    MR_TYPE_INT64,     /* BIGINT; i64 */
    MR_TYPE_DOUBLE,    /* DOUBLE; f64, text = the number as written */
    MR_TYPE_BOOL,      /* BOOLEAN; i64 0 or 1 */
    MR_TYPE_DECIMAL,   /* DECIMAL(p,s); dec = value * 10^s, exact */
    MR_TYPE_TIMESTAMP, /* DATETIME; i64 = microseconds UTC */
    MR_TYPE_DATE,      /* DATE; i64 = days since the epoch */
    MR_TYPE_JSON       /* JSON; text = the raw slice */
};

struct mr_value {
    struct mr_slice text;
    union {
        int64_t i64;
        double f64;
        __int128 dec;
    };
    bool set;        /* false = NULL */
    bool csv_unsafe; /* a string that CSV cannot carry: holds \x01 or \x02, or is exactly \N */
};

/* Reject reasons, by their names in the quarantine table (design: 4.1). X(name). */
#define MR_REJECTS(X)                                                                              \
    X(malformed) X(utf8) X(depth) X(oversize) X(missing) X(type) X(range) X(format) X(clock)       \
    X(late) X(load)

enum mr_reject {
    MR_REJECT_NONE,
#define X(name) MR_REJECT_##name,
    MR_REJECTS(X)
#undef X
    MR_REJECT_COUNT
};

/* "malformed", …; "" for MR_REJECT_NONE. Static. */
const char *
mr_reject_name(enum mr_reject reject);

/* Where and why a record was rejected. message: printable ASCII, names the field. */
struct mr_reject_info {
    enum mr_reject reason;
    char message[160];
};

struct mr_event {
    const struct mr_record *record;
    int64_t time_us;         /* event time, UTC */
    struct mr_value *values; /* layout->column_count, in the layout's order */
    uint32_t unknown_fields; /* members that the schema does not name, at any described level */
};
