/* Pipeline benchmark: Millrace's own CPU per event, detail and one rollup of 100,000 keys together,
 * against a baseline that only consumes the same records with librdkafka and throws them away.
 * Broker and sink are simulators in processes of their own; every run is a fresh process; the two
 * kinds are run in turn; medians are printed with both figures. It also counts the calls that
 * Millrace's own code makes to malloc, locks, log and system functions.
 *
 *   bench_pipeline [EVENTS [RUNS]]      default: 1000000 events, 5 runs */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"
#include "millrace/app.h"
#include "millrace/base/clock.h"
#include "sim.h"

#define RUNS_MAX 25
#define LIMIT_S 60

struct result {
    double cpu_s, wall_s;
    long rss_kib;
    uint64_t events;
    struct calls calls;
    uint64_t counted_events; /* events between the two looks at the calls */
};

struct setting {
    char folder[64], config[128];
    char brokers[256], sink[64];
    uint64_t events;
};

static const char schema_text[] =
    "{\"type\":\"object\",\"required\":[\"id\",\"type\",\"schema_version\",\"entity\",\"occurred_at\","
    "\"produced_at\",\"sequence\",\"payload\"],\"properties\":{\"id\":{\"type\":\"string\",\"maxLength\":36},"
    "\"type\":{\"type\":\"string\",\"maxLength\":64},\"schema_version\":{\"type\":\"integer\"},"
    "\"entity\":{\"type\":\"object\",\"required\":[\"type\",\"id\"],\"properties\":{"
    "\"type\":{\"type\":\"string\",\"maxLength\":16},\"id\":{\"type\":\"string\",\"maxLength\":64}}},"
    "\"occurred_at\":{\"type\":\"string\",\"format\":\"date-time\"},"
    "\"produced_at\":{\"type\":\"string\",\"format\":\"date-time\"},\"sequence\":{\"type\":\"integer\"},"
    "\"payload\":{\"type\":\"object\",\"required\":[\"order_id\",\"member_id\",\"amount\"],\"properties\":{"
    "\"order_id\":{\"type\":\"string\",\"maxLength\":64},\"member_id\":{\"type\":\"string\",\"maxLength\":64},"
    "\"amount\":{\"type\":\"string\",\"x-decimal\":[18,2]},\"currency\":{\"type\":\"string\",\"maxLength\":3},"
    "\"items\":{\"type\":\"integer\"},\"channel\":{\"type\":\"string\",\"maxLength\":16},"
    "\"country\":{\"type\":\"string\",\"maxLength\":2}}}}}";

static void
must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "bench_pipeline: %s failed\n", what);
    exit(1);
}

static void
write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    must(file && fputs(text, file) >= 0 && fclose(file) == 0, path);
}

static void
write_config(struct setting *setting)
{
    char text[2048], schema[128];
    must(mkdtemp(strcpy(setting->folder, "/tmp/mr-bench-XXXXXX")) != NULL, "mkdtemp");
    snprintf(schema, sizeof schema, "%s/order.json", setting->folder);
    snprintf(setting->config, sizeof setting->config, "%s/bench.yaml", setting->folder);
    write_file(schema, schema_text);
    snprintf(text, sizeof text,
             "pipeline: bench\n"
             "source: {kafka: {brokers: \"%s\", topics: [" SIM_TOPIC "], group: \"${BENCH_GROUP}\","
             " fetch.wait.max.ms: 10, session.timeout.ms: 6000}}\n"
             "event: {schema: %s, time: {field: occurred_at}}\n"
             "sink: {starrocks: {fe: [\"%s\"], mysql: \"127.0.0.1:1\", database: bench, user: root}}\n"
             "detail: {table: orders}\n"
             "rollups: [{table: by_member, window: {tumble: 1d}, by: [member_id],"
             " measures: {orders: count(), revenue: sum(amount), biggest: max(amount)}}]\n"
             "status: {listen: \"off\"}\n"
             "log: {level: warn}\n",
             setting->brokers, schema, setting->sink);
    write_file(setting->config, text);
}

static void
remove_config(const struct setting *setting)
{
    char schema[128];
    snprintf(schema, sizeof schema, "%s/order.json", setting->folder);
    (void)unlink(schema);
    (void)unlink(setting->config);
    (void)rmdir(setting->folder);
}

static double
now_s(void)
{
    return (double)mr_clock_monotonic_ms() / 1000.0;
}

static void
measure_end(struct result *result, double start)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    result->wall_s = now_s() - start;
    result->rss_kib = usage.ru_maxrss;
    result->cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Waits until `records` are committed; 0 when that took too long. */
static uint64_t
wait_committed(struct mr_app *app, uint64_t records)
{
    double start = now_s();
    while (mr_app_committed_records(app) < records && !mr_app_ended(app)) {
        if (now_s() - start > LIMIT_S)
            return 0;
        mr_clock_sleep_ms(2);
    }
    return mr_app_committed_records(app);
}

static void
run_millrace(const struct setting *setting, struct result *result)
{
    struct mr_mistakes mistakes = {.count = 0};
    struct mr_config *config = NULL;
    struct mr_plan *plan = NULL;
    struct mr_app *app = NULL;
    struct mr_error error = {.rc = MR_OK};
    const struct mr_app_options options = {.without_sql = true};
    double start = now_s();
    if (mr_config_load(setting->config, &mistakes, &config) != MR_OK ||
        mr_plan_new(config, &mistakes, &plan) != MR_OK) {
        mr_mistakes_print(&mistakes, setting->config, stderr);
        exit(1);
    }
    mr_log_setup(config->log.level, config->log.format);
    must(mr_app_new(config, plan, &options, &app, &error) == MR_OK, error.text);
    must(mr_app_start(app, &error) == MR_OK, error.text);
    uint64_t warm = wait_committed(app, setting->events / 5);
    struct calls before = calls_now();
    result->events = wait_committed(app, setting->events);
    result->calls = calls_since(&before);
    result->counted_events = result->events - warm;
    measure_end(result, start);
    mr_app_stop(app);
    must(mr_app_join(app, &error) == MR_OK, "orderly end");
    mr_app_free(&app);
    mr_plan_free(&plan);
    mr_config_free(&config);
}

/* The floor under every consumer: librdkafka in batches, nothing done with them. */
static void
run_baseline(const struct setting *setting, struct result *result)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const char *const pairs[][2] = {{"bootstrap.servers", setting->brokers},
                                    {"group.id", getenv("BENCH_GROUP")},
                                    {"auto.offset.reset", "earliest"},
                                    {"enable.auto.commit", "false"},
                                    {"fetch.wait.max.ms", "10"},
                                    {"session.timeout.ms", "6000"}};
    rd_kafka_message_t *messages[1000];
    double start = now_s();
    for (size_t i = 0; i < MR_ARRAY_LEN(pairs); i++)
        must(rd_kafka_conf_set(conf, pairs[i][0], pairs[i][1], why, sizeof why) == RD_KAFKA_CONF_OK,
             why);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    must(client != NULL, why);
    rd_kafka_poll_set_consumer(client);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, SIM_TOPIC, RD_KAFKA_PARTITION_UA);
    must(rd_kafka_subscribe(client, topics) == RD_KAFKA_RESP_ERR_NO_ERROR, "subscribe");
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(client);
    while (result->events < setting->events && now_s() - start < LIMIT_S) {
        ssize_t got = rd_kafka_consume_batch_queue(queue, 10, messages, MR_ARRAY_LEN(messages));
        for (ssize_t i = 0; i < got; i++) {
            result->events += !messages[i]->err;
            rd_kafka_message_destroy(messages[i]);
        }
    }
    measure_end(result, start);
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_partition_list_destroy(topics);
    rd_kafka_destroy(client);
}

/* A run in a process of its own; its result comes back through a pipe. */
static struct result
run(const struct setting *setting, int number, void (*body)(const struct setting *, struct result *))
{
    struct result result = {.events = 0};
    char group[64];
    int fds[2], status;
    must(pipe(fds) == 0, "pipe");
    snprintf(group, sizeof group, "bench-%d-%d", (int)getpid(), number);
    setenv("BENCH_GROUP", group, 1);
    pid_t child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        body(setting, &result);
        must(write(fds[1], &result, sizeof result) == (ssize_t)sizeof result, "pipe");
        _exit(0);
    }
    close(fds[1]);
    must(read(fds[0], &result, sizeof result) == (ssize_t)sizeof result, "the run");
    close(fds[0]);
    must(waitpid(child, &status, 0) == child && status == 0, "the run's end");
    must(result.events == setting->events, "the count of events");
    return result;
}

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double
median(const double *values, int count)
{
    double sorted[RUNS_MAX];
    memcpy(sorted, values, (size_t)count * sizeof *values);
    qsort(sorted, (size_t)count, sizeof *sorted, by_value);
    return sorted[count / 2];
}

static void
start_sims(struct setting *setting, int stop_fd[2])
{
    int broker[2], sink[2];
    must(pipe(stop_fd) == 0 && pipe(broker) == 0 && pipe(sink) == 0, "pipe");
    if (fork() == 0) {
        close(stop_fd[1]);
        sim_broker(setting->events, broker[1], stop_fd[0]);
    }
    if (fork() == 0) {
        close(stop_fd[1]);
        sim_sink(sink[1], stop_fd[0]);
    }
    close(broker[1]);
    close(sink[1]);
    must(read(broker[0], setting->brokers, sizeof setting->brokers - 1) > 0, "broker simulator");
    must(read(sink[0], setting->sink, sizeof setting->sink - 1) > 0, "sink simulator");
}

static void
print_run(const char *kind, const struct result *result)
{
    printf("%-9s %9.0f ns CPU/event  %9.0f events/s/core  %9.0f events/s wall  %4ld MB resident\n",
           kind, result->cpu_s / (double)result->events * 1e9,
           (double)result->events / result->cpu_s, (double)result->events / result->wall_s,
           result->rss_kib / 1024);
    fflush(stdout);
}

int
main(int argc, char **argv)
{
    struct setting setting = {.events = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000};
    int runs = argc > 2 ? atoi(argv[2]) : 5, stop_fd[2];
    double ours[RUNS_MAX], floor[RUNS_MAX], ratio[RUNS_MAX];
    must(setting.events > 0 && runs > 0 && runs <= RUNS_MAX, "reading the arguments");
    start_sims(&setting, stop_fd);
    write_config(&setting);
    for (int i = 0; i < runs; i++) {
        struct result baseline = run(&setting, 2 * i, run_baseline);
        struct result millrace = run(&setting, 2 * i + 1, run_millrace);
        print_run("consume", &baseline);
        print_run("millrace", &millrace);
        calls_print(&millrace.calls, millrace.counted_events);
        floor[i] = baseline.cpu_s / (double)baseline.events * 1e9;
        ours[i] = millrace.cpu_s / (double)millrace.events * 1e9;
        ratio[i] = ours[i] / floor[i];
    }
    remove_config(&setting);
    printf("median of %d: millrace %.0f ns CPU/event (%.2f M events/s/core), consume only %.0f ns,"
           " ratio %.2f\n", runs, median(ours, runs), 1e3 / median(ours, runs), median(floor, runs),
           median(ratio, runs));
    close(stop_fd[1]);
    while (wait(NULL) > 0)
        continue;
    return 0;
}
