/* The configuration of the documentation, field by field; what a later version brings; defaults. */
#include "fixture.h"

#define SAMPLE(time, measures)                                                                     \
    "pipeline: orders\n"                                                                           \
    "source:  {kafka: {brokers: \"localhost:9092\", topics: [orders], group: millrace-orders}}   " \
    "# any librdkafka property passes through\n"                                                   \
    "event:\n"                                                                                     \
    "  schema: schemas/events/order_placed.json\n"                                                 \
    "  time:   {field: occurred_at, " time "max_future: 1m}\n"                                     \
    "sink:    {starrocks: {fe: [\"http://localhost:8030\"], mysql: \"localhost:9030\", "           \
    "database: demo, user: root, password: \"${SR_PASSWORD}\"}}\n"                                 \
    "detail:  {table: orders}\n"                                                                   \
    "rollups:\n"                                                                                   \
    "  - table: orders_1m\n"                                                                       \
    "    window: {tumble: 1m}\n"                                                                   \
    "    by: [channel, country]\n"                                                                 \
    "    measures: {orders: count(), revenue: sum(amount), " measures "biggest: max(amount)}\n"    \
    "flush:   {every: 500ms}\n"                                                                    \
    "memory:  512MiB\n"

Test(config_sample, the_documented_sample_is_read_field_by_field)
{
    setenv("SR_PASSWORD", "sesame", 1);
    struct mr_config *config = parsed(SAMPLE("", ""));
    T_STR_EQ(config->file, "x.yaml");
    T_STR_EQ(config->pipeline, "orders");
    T_STR_EQ(config->kafka.brokers, "localhost:9092");
    T_INT_EQ(config->kafka.topics.count, 1);
    T_STR_EQ(config->kafka.topics.items[0], "orders");
    T_TRUE(config->kafka.topics.items[1] == NULL);
    T_STR_EQ(config->kafka.group, "millrace-orders");
    T_STR_EQ(config->event.schema, "schemas/events/order_placed.json");
    T_STR_EQ(config->event.time_field, "occurred_at");
    T_INT_EQ(config->event.max_future_ms, 60000);
    T_INT_EQ(config->starrocks.fe.count, 1);
    T_STR_EQ(config->starrocks.fe.items[0], "http://localhost:8030");
    T_STR_EQ(config->starrocks.mysql_host, "localhost");
    T_INT_EQ(config->starrocks.mysql_port, 9030);
    T_STR_EQ(config->starrocks.database, "demo");
    T_STR_EQ(config->starrocks.user, "root");
    T_STR_EQ(config->starrocks.password, "sesame");
    T_STR_EQ(config->detail.table, "orders");
    T_INT_EQ(config->flush.every_ms, 500);
    T_INT_EQ(config->memory, INT64_C(512) << 20);
    mr_config_free(&config);
    T_TRUE(config == NULL);
}

Test(config_sample, the_rollup_of_the_sample_has_its_window_dimensions_and_measures)
{
    setenv("SR_PASSWORD", "sesame", 1);
    struct mr_config *config = parsed(SAMPLE("", ""));
    T_INT_EQ(config->rollup_count, 1);
    const struct mr_rollup_spec *rollup = &config->rollups[0];
    T_STR_EQ(rollup->table, "orders_1m");
    T_INT_EQ(rollup->size_s, 60);
    T_INT_EQ(rollup->offset_s, 0);
    T_INT_EQ(rollup->by.count, 2);
    T_STR_EQ(rollup->by.items[0], "channel");
    T_STR_EQ(rollup->by.items[1], "country");
    T_INT_EQ(rollup->max_keys, 10000000);
    T_INT_EQ(rollup->line, 9);
    T_INT_EQ(rollup->measure_count, 3);
    T_STR_EQ(rollup->measures[0].name, "orders");
    T_INT_EQ(rollup->measures[0].op, MR_OP_COUNT_ALL);
    T_TRUE(rollup->measures[0].field == NULL);
    T_STR_EQ(rollup->measures[1].name, "revenue");
    T_INT_EQ(rollup->measures[1].op, MR_OP_SUM);
    T_STR_EQ(rollup->measures[1].field, "amount");
    T_STR_EQ(rollup->measures[2].name, "biggest");
    T_INT_EQ(rollup->measures[2].op, MR_OP_MAX);
    T_INT_EQ(rollup->measures[2].line, 12);
    mr_config_free(&config);
}

Test(config_sample, what_a_later_version_brings_is_known_and_refused)
{
    setenv("SR_PASSWORD", "sesame", 1);
    char *said = mistakes_of(SAMPLE("lateness: 10s, idle: 30s, ", "buyers: distinct(member_id), "));
    T_STR_EQ(said,
             "x.yaml:5: event.time.lateness: a later version of Millrace brings "
             "event.time.lateness\n"
             "HINT: take it out for now\n"
             "x.yaml:5: event.time.idle: a later version of Millrace brings event.time.idle\n"
             "HINT: take it out for now\n"
             "x.yaml:12: rollups[0].measures.buyers: a later version of Millrace brings "
             "distinct()\n"
             "HINT: take it out for now\n");
    free(said);
}

Test(config_sample, everything_that_is_not_said_has_its_default)
{
    struct mr_config *config = parsed(BASE);
    T_INT_EQ(config->kafka.start, MR_START_EARLIEST);
    T_INT_EQ(config->kafka.properties.count, 0);
    T_INT_EQ(config->event.max_future_ms, 60000);
    T_INT_EQ(config->event.max_bytes, 1 << 20);
    T_INT_EQ(config->event.max_depth, 64);
    T_INT_EQ(config->starrocks.backends.count, 0);
    T_STR_EQ(config->starrocks.user, "root");
    T_STR_EQ(config->starrocks.password, "");
    T_INT_EQ(config->starrocks.connect_timeout_ms, 5000);
    T_INT_EQ(config->starrocks.load_timeout_s, 120);
    T_INT_EQ(config->starrocks.replication_num, 3);
    T_INT_EQ(config->starrocks.buckets, 0);
    T_INT_EQ(config->detail.key.count, 0);
    T_INT_EQ(config->detail.columns.count, 0);
    T_STR_EQ(config->quarantine.table, "orders_quarantine");
    T_INT_EQ(config->quarantine.raw_bytes, 64 << 10);
    T_INT_EQ(config->rollup_count, 0);
    T_INT_EQ(config->flush.every_ms, 1000);
    T_INT_EQ(config->flush.rows, 5000000);
    T_INT_EQ(config->flush.bytes, 32 << 20); /* a quarter of memory */
    T_INT_EQ(config->flush.depth, 2);
    T_INT_EQ(config->memory, 128 << 20);
    T_INT_EQ(config->delivery, MR_DELIVERY_EXACTLY_ONCE);
    T_INT_EQ(config->starrocks.transaction_timeout_ms, 3600000);
    T_INT_EQ(config->threads.workers, 0);
    T_INT_EQ(config->threads.loaders, 4);
    T_STR_EQ(config->status.host, "127.0.0.1");
    T_INT_EQ(config->status.port, 9630);
    T_INT_EQ(config->log.level, MR_LOG_INFO);
    T_INT_EQ(config->log.format, MR_LOG_TEXT);
    mr_config_free(&config);
}

Test(config_sample, the_promise_on_repeats_is_chosen_by_its_name)
{
    struct mr_config *config = parsed(BASE "delivery: at-least-once\n");
    T_INT_EQ(config->delivery, MR_DELIVERY_AT_LEAST_ONCE);
    mr_config_free(&config);
    config = parsed(BASE "delivery: exactly-once\n");
    T_INT_EQ(config->delivery, MR_DELIVERY_EXACTLY_ONCE);
    mr_config_free(&config);
}

Test(config_sample, json_is_read_as_the_subset_of_yaml_that_it_is)
{
    struct mr_config *config =
        parsed("{\"pipeline\": \"orders\",\n"
               " \"source\": {\"kafka\": {\"brokers\": \"a:1,b:2\", \"topics\": [\"x\", \"y\"],\n"
               "   \"group\": \"g\", \"start\": \"latest\"}},\n"
               " \"event\": {\"schema\": \"s.json\", \"time\": {\"field\": \"t\"},\n"
               "   \"max_depth\": 8},\n"
               " \"sink\": {\"starrocks\": {\"fe\": [\"http://[::1]:8030\"],\n"
               "   \"mysql\": \"[::1]:9030\", \"database\": \"d\"}},\n"
               " \"detail\": {\"table\": \"t\", \"key\": [\"id\"],\n"
               "   \"columns\": {\"amount\": \"payload.amount\"}},\n"
               " \"rollups\": [{\"table\": \"r\", \"measures\": {\"n\": \"count(id)\"},\n"
               "   \"window\": {\"tumble\": {\"size\": \"1h\", \"offset\": \"15m\"}}}],\n"
               " \"status\": {\"listen\": \"off\"}, \"log\": {\"level\": \"debug\",\n"
               "   \"format\": \"json\"}}\n");
    T_INT_EQ(config->kafka.topics.count, 2);
    T_INT_EQ(config->kafka.start, MR_START_LATEST);
    T_INT_EQ(config->event.max_depth, 8);
    T_STR_EQ(config->starrocks.mysql_host, "::1");
    T_STR_EQ(config->detail.key.items[0], "id");
    T_STR_EQ(config->detail.columns.items[0].name, "amount");
    T_STR_EQ(config->detail.columns.items[0].value, "payload.amount");
    T_INT_EQ(config->rollups[0].size_s, 3600);
    T_INT_EQ(config->rollups[0].offset_s, 900);
    T_INT_EQ(config->rollups[0].by.count, 0);
    T_INT_EQ(config->rollups[0].measures[0].op, MR_OP_COUNT);
    T_TRUE(config->status.host == NULL);
    T_INT_EQ(config->log.level, MR_LOG_DEBUG);
    T_INT_EQ(config->log.format, MR_LOG_JSON);
    mr_config_free(&config);
}

Test(config_sample, properties_of_librdkafka_pass_through_with_their_lines)
{
    struct mr_config *config =
        parsed("pipeline: orders\n"
               "source:\n"
               "  kafka:\n"
               "    brokers: localhost:9092\n"
               "    topics: [orders]\n"
               "    group: g\n"
               "    start: \"2026-01-31T02:00:00+02:00\"\n"
               "    fetch.min.bytes: 65536\n"
               "    debug: cgrp\n"
               "event: {schema: order.json, time: {field: occurred_at}}\n"
               "sink: {starrocks: {fe: [\"http://localhost:8030\"], mysql: \"localhost:9030\", "
               "database: demo}}\n"
               "detail: {table: orders}\n");
    T_INT_EQ(config->kafka.start, MR_START_TIME);
    T_INT_EQ(config->kafka.start_time_ms, INT64_C(1769817600000));
    T_INT_EQ(config->kafka.properties.count, 2);
    T_STR_EQ(config->kafka.properties.items[0].name, "fetch.min.bytes");
    T_STR_EQ(config->kafka.properties.items[0].value, "65536");
    T_INT_EQ(config->kafka.properties.items[0].line, 8);
    T_STR_EQ(config->kafka.properties.items[1].name, "debug");
    mr_config_free(&config);
}

Test(config_sample, defaults_give_way_to_the_options_that_bound_them)
{
    struct mr_config *config = parsed("pipeline: orders\n"
                                      "source: {kafka: {brokers: b, topics: [t], group: g}}\n"
                                      "event: {schema: s, time: {field: t}, max_bytes: 4KiB}\n"
                                      "sink: {starrocks: {fe: [\"http://h:1\"], mysql: \"h:1\", "
                                      "database: d}}\n"
                                      "detail: {table: orders}\n"
                                      "rollup: {max_keys: 77}\n"
                                      "rollups:\n"
                                      "- {table: a, window: {tumble: 1d}, measures: {n: count()}}\n"
                                      "- {table: b, window: {tumble: 1d}, measures: {n: count()}, "
                                      "max_keys: 5}\n"
                                      "memory: 64MiB\n");
    T_INT_EQ(config->flush.bytes, 16 << 20);
    T_INT_EQ(config->quarantine.raw_bytes, 4096);
    T_INT_EQ(config->rollups[0].max_keys, 77);
    T_INT_EQ(config->rollups[1].max_keys, 5);
    mr_config_free(&config);
}

Test(config_sample, a_file_is_loaded_from_its_path)
{
    char path[] = "/tmp/mr_config_XXXXXX";
    struct mr_mistakes mistakes = {0};
    struct mr_config *config = NULL;
    int fd = mkstemp(path);
    T_TRUE(fd >= 0);
    FILE *out = fdopen(fd, "w");
    T_TRUE(fputs(BASE, out) >= 0 && fclose(out) == 0);
    enum mr_rc rc = mr_config_load(path, &mistakes, &config);
    remove(path);
    T_INT_EQ(rc, MR_OK);
    T_STR_EQ(config->file, path);
    mr_config_free(&config);
    mr_mistakes_fini(&mistakes);
}

Test(config_sample, a_file_that_cannot_be_read_or_is_too_large_is_a_mistake)
{
    struct mr_mistakes mistakes = {0};
    struct mr_config *config = NULL;
    T_INT_EQ(mr_config_load("/nonexistent/x.yaml", &mistakes, &config), MR_CONFIG);
    T_INT_EQ(mr_config_load("/", &mistakes, &config), MR_CONFIG);
    T_INT_EQ(mr_config_load("/dev/zero", &mistakes, &config), MR_CONFIG);
    char *said = printed(&mistakes);
    T_STR_EQ(said,
             "x.yaml: cannot be read: No such file or directory\n"
             "HINT: name a YAML file that can be read\n"
             "x.yaml: cannot be read: Is a directory\n"
             "HINT: name a YAML file that can be read\n"
             "x.yaml: larger than 1 MiB, the most that a configuration may have\n"
             "HINT: is it the right file?\n");
    free(said);
    mr_mistakes_fini(&mistakes);
}

Test(config_sample, an_empty_list_of_rollups_and_blanks_in_a_measure_are_fine)
{
    struct mr_config *config = parsed(BASE "rollups: []\n");
    T_INT_EQ(config->rollup_count, 0);
    mr_config_free(&config);
    config = parsed(BASE "rollups:\n"
                         "- {table: r, window: {tumble: 7d}, measures: {s: sum( a.b ) }}\n");
    T_INT_EQ(config->rollups[0].measures[0].op, MR_OP_SUM);
    T_STR_EQ(config->rollups[0].measures[0].field, "a.b");
    T_INT_EQ(config->rollups[0].size_s, 604800);
    mr_config_free(&config);
}
