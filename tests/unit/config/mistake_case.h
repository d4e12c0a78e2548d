/* Cases of mistakes: pieces of a right file, and the comparison of all that is said of a wrong one. */
#pragma once

#include "fixture.h"


#define PIPELINE "pipeline: orders\n"
#define SOURCE   "source: {kafka: {brokers: b, topics: [t], group: g}}\n"
#define EVENT    "event: {schema: s.json, time: {field: t}}\n"
#define SINK     "sink: {starrocks: {fe: [\"http://h:1\"], mysql: \"h:1\", database: d}}\n"
#define DETAIL   "detail: {table: orders}\n"
#define KAFKA(more)                                                                                \
    PIPELINE "source: {kafka: {brokers: b, topics: [t], group: g, " more "}}\n" EVENT SINK DETAIL
#define STARROCKS(more)                                                                            \
    PIPELINE SOURCE EVENT                                                                          \
        "sink: {starrocks: {fe: [\"http://h:1\"], mysql: \"h:1\", database: d, " more              \
        "}}\n" DETAIL
#define ROLLUP(more)   PIPELINE SOURCE EVENT SINK DETAIL "rollups:\n- {table: r, " more "}\n"
#define MEASURES(more) ROLLUP("window: {tumble: 1m}, measures: {" more "}")
#define WINDOW(more)   ROLLUP("measures: {n: count()}, window: " more)
#define IDENTIFIER     "a letter or _, then up to 63 letters, digits or _"
#define FUNCTIONS      "count(), count(f), sum(f), min(f), max(f) or avg(f)"
#define YAML_HINT                                                                                  \
    "HINT: indent with blanks, close every bracket and quote, and quote values that hold any of "  \
    ": { } [ ] , & * # ! | > % @\n"

struct mistake_case {
    const char *text;
    const char *expected;
};

static inline void
check_cases(const struct mistake_case *cases, size_t count)
{
    T_TRUE(count > 0);
    for (size_t i = 0; i < count; i++) {
        char *said = mistakes_of(cases[i].text);
        T_TRUE_MSG(strcmp(said, cases[i].expected) == 0,
                   "of\n%s\ncame\n%s\nnot\n%s",
                   cases[i].text,
                   said,
                   cases[i].expected);
        free(said);
    }
}

#define CHECK(cases) check_cases(cases, MR_ARRAY_LEN(cases))
