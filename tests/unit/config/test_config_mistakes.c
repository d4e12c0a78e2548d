/* Every kind of mistake with its whole text: place, option, value, what is allowed, hint. */
#include "mistake_case.h"

Test(config_mistakes, yaml_outside_of_what_is_supported_is_named_with_its_line)
{
    static const struct mistake_case cases[] = {
        {"",
         "x.yaml: the file holds no configuration\nHINT: start from a file of "
         "schemas/pipelines\n"},
        {"# only a comment\n",
         "x.yaml: the file holds no configuration\nHINT: start from a file of "
         "schemas/pipelines\n"},
        {"- a\n",
         "x.yaml:1: a list stands here; allowed: a map of options\nHINT: start from a file "
         "of schemas/pipelines\n"},
        {"a: [1\n",
         "x.yaml:2: not valid YAML: did not find expected ',' or ']' while parsing a "
         "flow sequence\n" YAML_HINT},
        {"a: 1\n\tb: 2\n",
         "x.yaml:2: not valid YAML: found a tab character that violates "
         "indentation while scanning a plain scalar\n" YAML_HINT},
        {"a: \"\xff\"\n", "x.yaml:1: not valid YAML: invalid leading UTF-8 octet\n" YAML_HINT},
        {PIPELINE "--- \n" SOURCE,
         "x.yaml:2: a second document begins here\nHINT: one file is one "
         "pipeline: remove the line ---\n"},
        {"pipeline: &p orders\n",
         "x.yaml:1: anchors (&) are not supported\nHINT: write the value "
         "out at each place\n"},
        {"pipeline: *p\n",
         "x.yaml:1: aliases (*) are not supported\nHINT: write the value out; "
         "quote it if it begins with *\n"},
        {"pipeline: !!str orders\n",
         "x.yaml:1: tags (!) are not supported\nHINT: leave the tag "
         "out; the option knows its type\n"},
        {"{[a]: b}\n",
         "x.yaml:1: a key is a list or a map; keys are single words\nHINT: quote the "
         "key if it holds one of { } [ ]\n"},
        {"\"a\\0b\": 1\n",
         "x.yaml:1: a key holds a NUL character\nHINT: remove \\0 from the key\n"},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n",
         "x.yaml:1: nested deeper than 32 levels\nHINT: no option is nested that deep\n"},
    };
    CHECK(cases);
}

Test(config_mistakes, a_key_that_stands_twice_is_named_with_the_line_of_the_first)
{
    static const struct mistake_case cases[] = {
        {PIPELINE SOURCE EVENT SINK DETAIL PIPELINE,
         "x.yaml:6: \"pipeline\" stands here twice; the first is on line 1\nHINT: keep one of the "
         "two\n"},
        {KAFKA("group: h"),
         "x.yaml:2: \"group\" stands here twice; the first is on line 2\nHINT: "
         "keep one of the two\n"},
    };
    CHECK(cases);
}

Test(config_mistakes, an_unknown_key_comes_with_what_is_allowed_and_a_guess)
{
    static const struct mistake_case cases[] = {
        {BASE "pipline: x\n",
         "x.yaml:6: pipline: there is no such option; allowed here: pipeline, source, event, sink, "
         "detail, quarantine, rollups, rollup, flush, memory, delivery, threads, stop, status, "
         "log\n"
         "HINT: did you mean \"pipeline\"?\n"},
        {BASE "flush: {evry: 1s}\n",
         "x.yaml:6: flush.evry: there is no such option; allowed here: every, rows, bytes, depth\n"
         "HINT: did you mean \"every\"?\n"},
        {BASE "flush: {max_bytes: 1MiB}\n",
         "x.yaml:6: flush.max_bytes: there is no such option; allowed here: every, rows, bytes, "
         "depth\nHINT: did you mean event.max_bytes?\n"},
        {KAFKA("grup: x"),
         "x.yaml:2: source.kafka.grup: there is no such option; allowed here: brokers, topics, "
         "group, start, and librdkafka's own (x.y)\nHINT: did you mean \"group\"?\n"},
        {BASE "\"flush.every\": 1s\n",
         "x.yaml:6: flush.every: there is no such option; allowed here: pipeline, source, event, "
         "sink, detail, quarantine, rollups, rollup, flush, memory, delivery, threads, stop, "
         "status, log\n"
         "HINT: millrace --list-options shows them all\n"},
        {BASE "\"\\n\\e\": 1s\n",
         "x.yaml:6: \\x0A\\x1B: there is no such option; allowed here: pipeline, source, event, "
         "sink, detail, quarantine, rollups, rollup, flush, memory, delivery, threads, stop, "
         "status, log\n"
         "HINT: millrace --list-options shows them all\n"},
        {ROLLUP("window: {tumble: 1m}, measures: {n: count()}, bye: [x]"),
         "x.yaml:7: rollups[0].bye: there is no such option; allowed here: table, window, by, "
         "measures, max_keys\nHINT: did you mean \"by\"?\n"},
    };
    CHECK(cases);
}

Test(config_mistakes, what_is_required_and_missing_is_listed_at_its_group)
{
    static const struct mistake_case cases[] = {
        {"{}\n",
         "x.yaml:1: pipeline: is missing; allowed: a letter, then up to 31 letters, digits or _\n"
         "HINT: Name of the pipeline; every label of a load begins with it.\n"
         "x.yaml:1: source.kafka.brokers: is missing; allowed: host:port, separated by commas\n"
         "HINT: Brokers to ask first, host:port, separated by commas.\n"
         "x.yaml:1: source.kafka.topics: is missing; allowed: list of topics: letters, digits and "
         ". _ -, up to 249\n"
         "HINT: Topics to consume.\n"
         "x.yaml:1: source.kafka.group: is missing; allowed: any text\n"
         "HINT: Consumer group; instances of one group share the partitions.\n"
         "x.yaml:1: event.schema: is missing; allowed: any text\n"
         "HINT: JSON Schema of the events, relative to the working directory, else to this file.\n"
         "x.yaml:1: event.time.field: is missing; allowed: a path such as `payload.amount`, or a "
         "column\n"
         "HINT: Field that holds the time of the event: a date-time that is always there.\n"
         "x.yaml:1: sink.starrocks.fe: is missing; allowed: list of http://host:port\n"
         "HINT: HTTP addresses of the frontends, tried in turn.\n"
         "x.yaml:1: sink.starrocks.mysql: is missing; allowed: host:port\n"
         "HINT: Address of the frontend's MySQL port.\n"
         "x.yaml:1: sink.starrocks.database: is missing; allowed: " IDENTIFIER "\n"
         "HINT: Database that holds the tables.\n"
         "x.yaml:1: detail.table: is missing; allowed: " IDENTIFIER "\n"
         "HINT: Table with one row an event.\n"},
        {PIPELINE EVENT SINK DETAIL "source:\n  kafka:\n    brokers: b\n    topics: [t]\n",
         "x.yaml:7: source.kafka.group: is missing; allowed: any text\n"
         "HINT: Consumer group; instances of one group share the partitions.\n"},
        {ROLLUP("by: [a]"),
         "x.yaml:7: rollups[0].window: is missing; allowed: tumble: 1s to 366d; offset below the "
         "size\n"
         "HINT: Length of the windows, whole seconds: {tumble: 1m} or {tumble: {size: 1h, offset: "
         "15m}}.\n"
         "x.yaml:7: rollups[0].measures: is missing; allowed: map of name: function(field)\n"
         "HINT: Measures, name: count() or count(f), sum(f), min(f), max(f), avg(f).\n"},
    };
    CHECK(cases);
}

Test(config_mistakes, a_group_or_value_of_the_wrong_kind_is_one_mistake)
{
    static const struct mistake_case cases[] = {
        {PIPELINE "source: kafka\n" EVENT SINK DETAIL,
         "x.yaml:2: source: a single value stands here; allowed: a map of options\n"
         "HINT: indent its options under it, or write { option: value }\n"},
        {BASE "flush:\n",
         "x.yaml:6: flush: nothing stands here; allowed: a map of options\n"
         "HINT: indent its options under it, or write { option: value }\n"},
        {BASE "flush: [every]\n",
         "x.yaml:6: flush: a list stands here; allowed: a map of options\n"
         "HINT: indent its options under it, or write { option: value }\n"},
        {BASE "memory: [512MiB]\n",
         "x.yaml:6: memory: is a list; a single value is allowed here\n"
         "HINT: write a whole number with B, KiB, MiB, GiB or TiB: 512MiB\n"},
        {BASE "memory:\n",
         "x.yaml:6: memory: has no value; allowed: 64MiB to 1TiB\n"
         "HINT: write a whole number with B, KiB, MiB, GiB or TiB: 512MiB\n"},
        {BASE "rollups: {a: b}\n",
         "x.yaml:6: rollups: a map stands here; allowed: list of rollups\n"
         "HINT: write a list: [{table: t, window: {tumble: 1m}, measures: {n: count()}}]\n"},
        {BASE "rollups: [a]\n",
         "x.yaml:6: rollups[0]: a single value stands here; allowed: a map with table, window and "
         "measures\n"
         "HINT: write a list: [{table: t, window: {tumble: 1m}, measures: {n: count()}}]\n"},
        {PIPELINE "source: {kafka: {brokers: b, topics: t, group: g}}\n" EVENT SINK DETAIL,
         "x.yaml:2: source.kafka.topics: a single value stands here; allowed: list of topics: "
         "letters, digits and . _ -, up to 249\nHINT: write a list: [orders]\n"},
        {PIPELINE "source: {kafka: {brokers: b, topics: [], group: g}}\n" EVENT SINK DETAIL,
         "x.yaml:2: source.kafka.topics: 0 topics; allowed: 1 to 256\n"
         "HINT: write a list: [orders]\n"},
        {PIPELINE "source: {kafka: {brokers: b, topics: [[a]], group: g}}\n" EVENT SINK DETAIL,
         "x.yaml:2: source.kafka.topics[0]: is a list; a single value is allowed here\n"
         "HINT: write a list: [orders]\n"},
    };
    CHECK(cases);
}

Test(config_mistakes, numbers_come_with_their_unit_and_range)
{
    static const struct mistake_case cases[] = {
        {BASE "memory: lots\n",
         "x.yaml:6: memory: \"lots\" is not a size; allowed: 64MiB to 1TiB\n"
         "HINT: write a whole number with B, KiB, MiB, GiB or TiB: 512MiB\n"},
        {BASE "memory: 512MB\n",
         "x.yaml:6: memory: \"512MB\" is not a size; allowed: 64MiB to 1TiB\n"
         "HINT: units are powers of 1024: write KiB, MiB, GiB or TiB\n"},
        {BASE "memory: 32MiB\n",
         "x.yaml:6: memory: \"32MiB\" is out of range; allowed: 64MiB to 1TiB\n"
         "HINT: write a whole number with B, KiB, MiB, GiB or TiB: 512MiB\n"},
        {BASE "memory: 99999999TiB\n",
         "x.yaml:6: memory: \"99999999TiB\" is not a size; allowed: 64MiB to 1TiB\n"
         "HINT: write a whole number with B, KiB, MiB, GiB or TiB: 512MiB\n"},
        {BASE "flush: {every: 1}\n",
         "x.yaml:6: flush.every: \"1\" is not a duration; allowed: 10ms to 1h\n"
         "HINT: write a whole number with ms, s, m, h or d: 500ms, 1m\n"},
        {BASE "flush: {every: 1.5s}\n",
         "x.yaml:6: flush.every: \"1.5s\" is not a duration; allowed: 10ms to 1h\n"
         "HINT: write a whole number with ms, s, m, h or d: 500ms, 1m\n"},
        {BASE "flush: {every: 2h}\n",
         "x.yaml:6: flush.every: \"2h\" is out of range; allowed: 10ms to 1h\n"
         "HINT: write a whole number with ms, s, m, h or d: 500ms, 1m\n"},
        {STARROCKS("load_timeout: 1500ms"),
         "x.yaml:4: sink.starrocks.load_timeout: \"1500ms\" is not a duration in whole seconds; "
         "allowed: 1s to 3d\nHINT: write a whole number with s, m, h or d: 120s\n"},
        {BASE "flush: {depth: -1}\n",
         "x.yaml:6: flush.depth: \"-1\" is not a count; allowed: 1 to 8\n"
         "HINT: write a whole number in digits: 1000\n"},
        {BASE "flush: {depth: 9}\n",
         "x.yaml:6: flush.depth: \"9\" is out of range; allowed: 1 to 8\n"
         "HINT: write a whole number in digits: 1000\n"},
    };
    CHECK(cases);
}

Test(config_mistakes, names_and_texts_are_checked)
{
    static const struct mistake_case cases[] = {
        {"pipeline: 1st\n" SOURCE EVENT SINK DETAIL,
         "x.yaml:1: pipeline: \"1st\" is not a name of a pipeline; allowed: a letter, then up to "
         "31 "
         "letters, digits or _\nHINT: such as orders\n"},
        {"pipeline: a123456789b123456789c123456789def\n" SOURCE EVENT SINK DETAIL,
         "x.yaml:1: pipeline: \"a123456789b123456789c123456789def\" is not a name of a pipeline; "
         "allowed: a letter, then up to 31 letters, digits or _\nHINT: such as orders\n"},
        {PIPELINE SOURCE EVENT SINK "detail: {table: \"or`ders\"}\n",
         "x.yaml:5: detail.table: \"or`ders\" is not a name in StarRocks; allowed: " IDENTIFIER "\n"
         "HINT: such as orders_1m\n"},
        {PIPELINE SOURCE SINK DETAIL "event: {schema: \"\", time: {field: \"a b\"}}\n",
         "x.yaml:5: event.schema: the value is empty; allowed: any text\n"
         "HINT: write a text that is not empty\n"
         "x.yaml:5: event.time.field: \"a b\" is not a field; allowed: a path such as "
         "`payload.amount`, or a column\nHINT: name the field by its path in the event\n"},
        {PIPELINE SOURCE SINK DETAIL "event: {schema: \"a\\nb\", time: {field: \"a\\0\"}}\n",
         "x.yaml:5: event.schema: the value holds a control character\n"
         "HINT: remove line ends, tabs and the like\n"
         "x.yaml:5: event.time.field: the value holds a NUL character\nHINT: remove \\0\n"},
        {STARROCKS("user: \"a:b\""),
         "x.yaml:4: sink.starrocks.user: \"a:b\" is not a user; allowed: a name without a colon\n"
         "HINT: such as millrace\n"},
        {BASE "log: {level: warning, format: xml}\n",
         "x.yaml:6: log.level: \"warning\" is not a level; allowed: error, warn, info or debug\n"
         "HINT: info is right for most\n"
         "x.yaml:6: log.format: \"xml\" is not a format; allowed: text or json\n"
         "HINT: json suits log collectors\n"},
        {BASE "log: {level: warm}\n",
         "x.yaml:6: log.level: \"warm\" is not a level; allowed: error, warn, info or debug\n"
         "HINT: did you mean \"warn\"?\n"},
    };
    CHECK(cases);
}

Test(config_mistakes, addresses_topics_and_the_place_to_start_are_checked)
{
    static const struct mistake_case cases[] = {
        {PIPELINE
         "source: {kafka: {brokers: \"a:1,,b:2\", topics: [\"^o.*\", a, a], group: g}}\n" EVENT SINK
             DETAIL,
         "x.yaml:2: source.kafka.brokers: \"a:1,,b:2\" is not a list of brokers; allowed: "
         "host:port, separated by commas\nHINT: such as \"kafka-1:9092,kafka-2:9092\"\n"
         "x.yaml:2: source.kafka.topics[0]: \"^o.*\" is not a topic; allowed: list of topics: "
         "letters, digits and . _ -, up to 249\nHINT: write a list: [orders]\n"
         "x.yaml:2: source.kafka.topics[2]: \"a\" stands here twice\n"
         "HINT: remove one of the two\n"},
        {KAFKA("start: yesterday"),
         "x.yaml:2: source.kafka.start: \"yesterday\" is not a place to start; allowed: earliest, "
         "latest or a time with zone\nHINT: such as \"2026-01-31T00:00:00Z\"\n"},
        {KAFKA("start: \"2026-02-30T00:00:00Z\""),
         "x.yaml:2: source.kafka.start: \"2026-02-30T00:00:00Z\" is not a place to start; allowed: "
         "earliest, latest or a time with zone\nHINT: such as \"2026-01-31T00:00:00Z\"\n"},
        {KAFKA("plugin.library.paths: x.so"),
         "x.yaml:2: source.kafka.plugin.library.paths: is refused: it loads foreign code into the "
         "process, which can then do anything to the data\nHINT: take it out\n"},
        {PIPELINE SOURCE EVENT
         "sink: {starrocks: {fe: [\"https://h:1\", \"http://h\", "
         "\"http://h:1/api\", \"http://root:sesame@h:1\"], mysql: h, database: d-e}}\n" DETAIL,
         "x.yaml:4: sink.starrocks.fe[0]: \"https://h:1\": https is refused, because StarRocks "
         "redirects loads to backends over plain http: it would protect nothing\n"
         "HINT: write http://host:port of the frontend's http_port\n"
         "x.yaml:4: sink.starrocks.fe[1]: \"http://h\" is not an address; allowed: list of "
         "http://host:port\nHINT: write a list: [\"http://localhost:8030\"]\n"
         "x.yaml:4: sink.starrocks.fe[2]: \"http://h:1/api\" is not an address; allowed: list of "
         "http://host:port\nHINT: write a list: [\"http://localhost:8030\"]\n"
         "x.yaml:4: sink.starrocks.fe[3]: the value is not an address; allowed: list of "
         "http://host:port\nHINT: write a list: [\"http://localhost:8030\"]\n"
         "x.yaml:4: sink.starrocks.mysql: \"h\" is not an address; allowed: host:port\n"
         "HINT: such as \"localhost:9030\"\n"
         "x.yaml:4: sink.starrocks.database: \"d-e\" is not a name in StarRocks; "
         "allowed: " IDENTIFIER "\nHINT: such as orders_1m\n"},
        {STARROCKS("backends: [\"be:99999\"]"),
         "x.yaml:4: sink.starrocks.backends[0]: \"be:99999\" is not a backend; allowed: list of "
         "host or host:port\nHINT: write a list: [one, two]\n"},
        {BASE "status: {listen: \"*:9630\"}\n",
         "x.yaml:6: status.listen: \"*:9630\" is not an address; allowed: host:port, port 0 for "
         "any "
         "free one, or off\nHINT: such as \"127.0.0.1:9630\", or \"0.0.0.0:9630\" for all "
         "interfaces\n"},
    };
    CHECK(cases);
}

Test(config_mistakes, columns_of_the_detail_table_are_checked)
{
    static const struct mistake_case cases[] = {
        {PIPELINE SOURCE EVENT SINK "detail: {table: t, columns: {a: x.y, A: z, _offset: o, "
                                    "\"b c\": d, e: \"f,g\", h: [i]}}\n",
         "x.yaml:5: detail.columns.A: StarRocks takes it for the column on line 5\n"
         "HINT: choose another name\n"
         "x.yaml:5: detail.columns._offset: the name is reserved; every table has its own column "
         "of "
         "that name, or StarRocks does\nHINT: choose another name\n"
         "x.yaml:5: detail.columns.b c: is not a name of a column; allowed: " IDENTIFIER "\n"
         "HINT: choose another name\n"
         "x.yaml:5: detail.columns.e: \"f,g\" is not a path of a field; allowed: a path such as "
         "`payload.amount`, or a column\nHINT: name the field by its path in the event\n"
         "x.yaml:5: detail.columns.h: is a list; a single value is allowed here\n"
         "HINT: write a map: {amount: payload.amount}\n"},
        {PIPELINE SOURCE EVENT SINK "detail: {table: t, columns: [a], key: id}\n",
         "x.yaml:5: detail.columns: a list stands here; allowed: map of column: path\n"
         "HINT: write a map: {amount: payload.amount}\n"
         "x.yaml:5: detail.key: a single value stands here; allowed: list of columns\n"
         "HINT: write a list: [one, two]\n"},
    };
    CHECK(cases);
}

Test(config_mistakes, a_map_with_thousands_of_keys_ends_at_the_limit)
{
    struct mr_text text = {0};
    for (int i = 0; i < 5000; i++)
        mr_text_addf(&text, "k%d: 1\n", i);
    char *said = mistakes_of(mr_text_str(&text));
    T_STR_EQ(said,
             "x.yaml:1025: a list or map has more than 1024 entries\n"
             "HINT: split it over several pipelines\n");
    free(said);
    mr_text_fini(&text);
}

Test(config_mistakes, values_that_are_too_long_are_refused)
{
    struct mr_text text = {0};
    mr_text_adds(&text,
                 PIPELINE EVENT SINK DETAIL "source: {kafka: {brokers: b, topics: [t], group: ");
    for (int i = 0; i < 256; i++)
        mr_text_adds(&text, "g");
    mr_text_adds(&text, ", start: \"${");
    for (int i = 0; i < 128; i++)
        mr_text_adds(&text, "V");
    mr_text_adds(&text, "}\"}}\n");
    char *said = mistakes_of(mr_text_str(&text));
    T_STR_EQ(said,
             "x.yaml:5: source.kafka.group: longer than 255 bytes\nHINT: shorten it\n"
             "x.yaml:5: source.kafka.start: the name of a variable is too long\n"
             "HINT: shorten it\n");
    free(said);
    mr_text_fini(&text);
}

Test(config_mistakes, a_null_is_no_value_for_any_kind_of_option)
{
    char *said = mistakes_of("pipeline: ~\n"
                             "source: {kafka: {brokers: ~, topics: [~], group: ~, start: ~}}\n"
                             "event: {schema: ~, time: {field: null}}\n"
                             "sink: {starrocks: {fe: [~], mysql: ~, database: ~, user: ~, "
                             "password: ~}}\n"
                             "detail: {table: ~}\n"
                             "rollups: [{table: r, window: {tumble: ~}, measures: {n: ~}}]\n"
                             "status: {listen: ~}\n"
                             "log: {level: ~, format: ~}\n");
    unsigned count = 0;
    for (const char *p = said; (p = strstr(p, ": has no value; allowed: ")) != NULL; p++)
        count++;
    T_INT_EQ(count, 18);
    free(said);
}
