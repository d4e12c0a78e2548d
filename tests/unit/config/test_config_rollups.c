/* Mistakes in windows, measures and what must fit together, each with its whole text. */
#include "mistake_case.h"

Test(config_rollups, windows_are_checked_and_those_of_a_later_version_named)
{
    static const struct mistake_case cases[] = {
        {WINDOW("{tumble: 1500ms}"),
         "x.yaml:7: rollups[0].window.tumble: \"1500ms\" is not a length; allowed: whole seconds, "
         "1s to 366d\nHINT: write a whole number with s, m, h or d: 120s\n"},
        {WINDOW("{tumble: 367d}"),
         "x.yaml:7: rollups[0].window.tumble: \"367d\" is not a length; allowed: whole seconds, "
         "1s to 366d\nHINT: write a whole number with s, m, h or d: 120s\n"},
        {WINDOW("{tumble: {size: 1h, offset: 60m}}"),
         "x.yaml:7: rollups[0].window.tumble.offset: \"60m\" is not below the size of the window\n"
         "HINT: take the rest after whole windows\n"},
        {WINDOW("{tumble: {offset: 0s, sise: 1h}}"),
         "x.yaml:7: rollups[0].window.tumble.sise: there is no such option; allowed here: size, "
         "offset\nHINT: did you mean \"size\"?\n"
         "x.yaml:7: rollups[0].window.tumble.size: is missing; allowed: 1s to 366d\n"
         "HINT: write {tumble: 1m} or {tumble: {size: 1h, offset: 15m}}\n"},
        {WINDOW("1m"),
         "x.yaml:7: rollups[0].window: \"1m\" is not a window; allowed: {tumble: "
         "size}\nHINT: write {tumble: 1m} or {tumble: {size: 1h, offset: 15m}}\n"},
        {WINDOW("{tumbel: 1m}"),
         "x.yaml:7: rollups[0].window: \"tumbel\" is not a window; allowed: "
         "{tumble: size}\nHINT: did you mean \"tumble\"?\n"},
        {WINDOW("{}"),
         "x.yaml:7: rollups[0].window: one kind of window is needed; allowed: "
         "{tumble: size}\n"
         "HINT: write {tumble: 1m} or {tumble: {size: 1h, offset: 15m}}\n"},
        {WINDOW("{hop: {size: 1h, every: 5m}}"),
         "x.yaml:7: rollups[0].window: a later version of Millrace brings hop windows\n"
         "HINT: take it out for now\n"},
        {WINDOW("{cumulate: {size: 1d, step: 1h}}"),
         "x.yaml:7: rollups[0].window: a later version of Millrace brings cumulate windows\n"
         "HINT: take it out for now\n"},
        {WINDOW("{session: {gap: 30m, by: [member_id]}}"),
         "x.yaml:7: rollups[0].window: a later version of Millrace brings session windows\n"
         "HINT: take it out for now\n"},
        {WINDOW("{calendar: {unit: day, zone: Europe/Berlin}}"),
         "x.yaml:7: rollups[0].window: a later version of Millrace brings calendar windows\n"
         "HINT: take it out for now\n"},
        {WINDOW("none"),
         "x.yaml:7: rollups[0].window: a later version of Millrace brings none "
         "windows\nHINT: take it out for now\n"},
    };
    CHECK(cases);
}

Test(config_rollups, measures_are_checked_and_those_of_a_later_version_named)
{
    static const struct mistake_case cases[] = {
        {MEASURES("a: summ(x)"),
         "x.yaml:7: rollups[0].measures.a: \"summ(x)\" is not a measure; allowed: " FUNCTIONS "\n"
         "HINT: did you mean sum()?\n"},
        {MEASURES("a: amount"),
         "x.yaml:7: rollups[0].measures.a: \"amount\" is not a measure; allowed: " FUNCTIONS "\n"
         "HINT: write a map: {orders: count(), revenue: sum(amount)}\n"},
        {MEASURES("a: sum(), b: \"max(x, y)\""),
         "x.yaml:7: rollups[0].measures.a: \"sum()\" names no field; allowed: " FUNCTIONS "\n"
         "HINT: name one field of the event: sum(amount)\n"
         "x.yaml:7: rollups[0].measures.b: \"max(x, y)\" names no field; allowed: " FUNCTIONS "\n"
         "HINT: name one field of the event: sum(amount)\n"},
        {MEASURES("a: {of: sum(x), where: y}"),
         "x.yaml:7: rollups[0].measures.a: a later version of Millrace brings conditions on a "
         "measure\nHINT: take it out for now\n"},
        {MEASURES("a: var(x), b: stddev(x), c: \"quantiles(x, 0.5)\", d: first(x), e: last(x), "
                  "f: \"ratio(a, b)\", g: count_if(x), h: stddev_samp(x)"),
         "x.yaml:7: rollups[0].measures.a: a later version of Millrace brings var()\n"
         "HINT: take it out for now\n"
         "x.yaml:7: rollups[0].measures.b: a later version of Millrace brings stddev()\n"
         "HINT: take it out for now\n"
         "x.yaml:7: rollups[0].measures.c: a later version of Millrace brings quantiles()\n"
         "HINT: take it out for now\n"
         "x.yaml:7: rollups[0].measures.d: a later version of Millrace brings first()\n"
         "HINT: take it out for now\n"
         "x.yaml:7: rollups[0].measures.e: a later version of Millrace brings last()\n"
         "HINT: take it out for now\n"
         "x.yaml:7: rollups[0].measures.f: a later version of Millrace brings ratio()\n"
         "HINT: take it out for now\n"
         "x.yaml:7: rollups[0].measures.g: a later version of Millrace brings count_if()\n"
         "HINT: take it out for now\n"
         "x.yaml:7: rollups[0].measures.h: a later version of Millrace brings stddev_samp()\n"
         "HINT: take it out for now\n"},
        {ROLLUP("window: {tumble: 1m}, measures: {}"),
         "x.yaml:7: rollups[0].measures: 0 measures; allowed: 1 to 64\n"
         "HINT: write a map: {orders: count(), revenue: sum(amount)}\n"},
        {ROLLUP("window: {tumble: 1m}, measures: {n: count()}, by: [{hour: hour(t)}], where: x, "
                "top: {k: 10}, late: correct"),
         "x.yaml:7: rollups[0].by: a later version of Millrace brings derived dimensions\n"
         "HINT: take it out for now\n"
         "x.yaml:7: rollups[0].where: a later version of Millrace brings rollups[0].where\n"
         "HINT: take it out for now\n"
         "x.yaml:7: rollups[0].top: a later version of Millrace brings rollups[0].top\n"
         "HINT: take it out for now\n"
         "x.yaml:7: rollups[0].late: a later version of Millrace brings rollups[0].late\n"
         "HINT: take it out for now\n"},
        {PIPELINE SOURCE SINK "event: {schema: s, time: {field: t, late: correct}}\n"
                              "detail: {table: t, where: x}\ndelivery: at-most-once\n",
         "x.yaml:4: event.time.late: a later version of Millrace brings event.time.late\n"
         "HINT: take it out for now\n"
         "x.yaml:5: detail.where: a later version of Millrace brings detail.where\n"
         "HINT: take it out for now\n"
         "x.yaml:6: delivery: \"at-most-once\" is not a delivery; allowed: exactly-once or "
         "at-least-once\nHINT: exactly-once needs StarRocks 4.0.6 or later\n"},
    };
    CHECK(cases);
}

Test(config_rollups, names_of_measures_clash_with_nothing)
{
    static const struct mistake_case cases[] = {
        {MEASURES("1a: count(), window_start: count(), __op: count()"),
         "x.yaml:7: rollups[0].measures.1a: is not a name of a column; allowed: " IDENTIFIER "\n"
         "HINT: choose another name\n"
         "x.yaml:7: rollups[0].measures.window_start: the name is reserved for the rollup's own "
         "columns\nHINT: choose another name\n"
         "x.yaml:7: rollups[0].measures.__op: the name is reserved for StarRocks\n"
         "HINT: choose another name\n"},
        {ROLLUP("window: {tumble: 1m}, by: [country], measures: {Country: count(), n: count(), "
                "N: sum(x)}"),
         "x.yaml:7: rollups[0].measures.Country: the column \"country\" is also one of the "
         "dimensions; StarRocks does not tell upper and lower case apart\n"
         "HINT: choose another name\n"
         "x.yaml:7: rollups[0].measures.N: the column \"N\" is also a column of another measure; "
         "StarRocks does not tell upper and lower case apart\nHINT: choose another name\n"},
        {MEASURES("a_sum: count(), a: avg(x)"),
         "x.yaml:7: rollups[0].measures.a_sum: the column \"a_sum\" is also a column of another "
         "measure; StarRocks does not tell upper and lower case apart\n"
         "HINT: choose another name\n"},
        {ROLLUP("window: {tumble: 1m}, by: [a_count], measures: {a: avg(x)}"),
         "x.yaml:7: rollups[0].measures.a: the column \"a_count\" is also one of the dimensions; "
         "StarRocks does not tell upper and lower case apart\nHINT: choose another name\n"},
        {MEASURES("a123456789b123456789c123456789d123456789e123456789f123456789: avg(x)"),
         "x.yaml:7: rollups[0].measures.a123456789b123456789c123456789d123456789e123456789"
         "f123456789: the name is too long for the columns _sum and _count of an average; allowed: "
         "58 characters\nHINT: choose another name\n"},
    };
    CHECK(cases);
}

Test(config_rollups, options_that_do_not_fit_together_are_both_named)
{
    static const struct mistake_case cases[] = {
        {BASE "flush: {bytes: 64MiB}\nmemory: 128MiB\n",
         "x.yaml:6: flush.bytes: 64MiB is above 32MiB, which is 1/4 of memory\n"
         "HINT: lower flush.bytes or raise memory\n"},
        {PIPELINE SOURCE SINK DETAIL "event: {schema: s, time: {field: t}, max_bytes: 64MiB}\n",
         "x.yaml:5: event.max_bytes: 64MiB is above 8MiB, which is 1/16 of memory\n"
         "HINT: lower event.max_bytes or raise memory\n"},
        {PIPELINE SOURCE SINK DETAIL "event: {schema: s, time: {field: t}, max_bytes: 1KiB}\n"
                                     "quarantine: {raw_bytes: 2KiB}\n",
         "x.yaml:6: quarantine.raw_bytes: 2KiB is above 1KiB, which is event.max_bytes\n"
         "HINT: lower quarantine.raw_bytes or raise event.max_bytes\n"},
        {STARROCKS("load_timeout: 2m, transaction_timeout: 1m"),
         "x.yaml:4: sink.starrocks.transaction_timeout: 1m is below 2m, which is "
         "sink.starrocks.load_timeout\nHINT: raise it, or lower sink.starrocks.load_timeout\n"},
        {BASE "delivery: exact\n",
         "x.yaml:6: delivery: \"exact\" is not a delivery; allowed: exactly-once or at-least-once\n"
         "HINT: exactly-once needs StarRocks 4.0.6 or later\n"},
        {BASE "delivery: atleast-once\n",
         "x.yaml:6: delivery: \"atleast-once\" is not a delivery; allowed: exactly-once or "
         "at-least-once\nHINT: did you mean \"at-least-once\"?\n"},
        {BASE "quarantine: {table: orders}\nrollups:\n"
              "- {table: millrace_ledger, window: {tumble: 1m}, measures: {n: count()}}\n"
              "- {table: r, window: {tumble: 1m}, measures: {n: count()}}\n"
              "- {table: r_view, window: {tumble: 1m}, measures: {n: count()}}\n",
         "x.yaml:6: quarantine.table: \"orders\" is already the name of detail.table\n"
         "HINT: choose another name\n"
         "x.yaml:8: rollups[0].table: \"millrace_ledger\" is already the name of Millrace's own "
         "ledger\nHINT: choose another name\n"
         "x.yaml:9: the views of rollups[1].table: \"r_view\" is already the name of "
         "rollups[2].table\nHINT: choose another name\n"},
        {PIPELINE SOURCE EVENT SINK
         "detail: {table: a123456789b123456789c123456789d123456789e123456789f123456789}\n",
         "x.yaml:5: detail.table: \"a123456789b123456789c123456789d123456789e123456789f123456789"
         "_quarantine\", the default of quarantine.table, is longer than 64 characters\n"
         "HINT: shorten detail.table, or set quarantine.table\n"},
    };
    CHECK(cases);
}

Test(config_rollups, a_transaction_outlives_its_loads)
{
    struct mr_config *config = parsed(STARROCKS("load_timeout: 2h"));
    T_INT_EQ(config->starrocks.transaction_timeout_ms, 7200000);
    mr_config_free(&config);
    config = parsed(STARROCKS("load_timeout: 1m, transaction_timeout: 1m"));
    T_INT_EQ(config->starrocks.transaction_timeout_ms, 60000);
    mr_config_free(&config);
    config = parsed(STARROCKS("transaction_timeout: 30s") "delivery: at-least-once\n");
    T_INT_EQ(config->starrocks.transaction_timeout_ms, 30000);
    mr_config_free(&config);
}
