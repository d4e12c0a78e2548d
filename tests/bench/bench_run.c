/* Simulators, configuration and runs of the benchmarks of the whole pipeline. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "millrace/base/clock.h"

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

void
bench_must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "bench: %s failed\n", what);
    exit(1);
}

static void
write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    bench_must(file && fputs(text, file) >= 0 && fclose(file) == 0, path);
}

static void
write_config(struct bench_setting *setting)
{
    char text[2048], schema[128];
    bench_must(mkdtemp(strcpy(setting->folder, "/tmp/mr-bench-XXXXXX")) != NULL, "mkdtemp");
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
             "delivery: \"${BENCH_DELIVERY}\"\n"
             "flush: {every: \"${BENCH_EVERY}\", rows: \"${BENCH_ROWS}\"}\n"
             "log: {level: warn}\n",
             setting->brokers, schema, setting->sink);
    write_file(setting->config, text);
}

static void
remove_config(const struct bench_setting *setting)
{
    char schema[128];
    snprintf(schema, sizeof schema, "%s/order.json", setting->folder);
    (void)unlink(schema);
    (void)unlink(setting->config);
    (void)rmdir(setting->folder);
}

static void
start_sims(struct bench_setting *setting, int64_t publish_ms)
{
    int broker[2], sink[2];
    bench_must(pipe(setting->stop_fd) == 0 && pipe(broker) == 0 && pipe(sink) == 0, "pipe");
    if (fork() == 0) {
        close(setting->stop_fd[1]);
        sim_broker(setting->events, broker[1], setting->stop_fd[0]);
    }
    if (fork() == 0) {
        close(setting->stop_fd[1]);
        sim_sink(setting->calls, publish_ms, sink[1], setting->stop_fd[0]);
    }
    close(broker[1]);
    close(sink[1]);
    bench_must(read(broker[0], setting->brokers, sizeof setting->brokers - 1) > 0,
               "broker simulator");
    bench_must(read(sink[0], setting->sink, sizeof setting->sink - 1) > 0, "sink simulator");
}

void
bench_start(struct bench_setting *setting, int64_t publish_ms)
{
    bench_must(setting->events > 0, "reading the number of events");
    setting->calls = mmap(NULL, sizeof *setting->calls, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bench_must(setting->calls != MAP_FAILED, "mmap");
    start_sims(setting, publish_ms);
    write_config(setting);
}

void
bench_end(struct bench_setting *setting)
{
    remove_config(setting);
    close(setting->stop_fd[1]);
    while (wait(NULL) > 0)
        continue;
    munmap(setting->calls, sizeof *setting->calls);
}

void
bench_run(const struct bench_setting *setting,
          void (*body)(const struct bench_setting *setting, void *ret_result),
          void *ret_result,
          size_t size)
{
    static int number;
    char group[64];
    int fds[2], status;
    bench_must(pipe(fds) == 0, "pipe");
    snprintf(group, sizeof group, "bench-%d-%d", (int)getpid(), number++);
    setenv("BENCH_GROUP", group, 1);
    pid_t child = fork();
    bench_must(child >= 0, "fork");
    if (child == 0) {
        body(setting, ret_result);
        bench_must(write(fds[1], ret_result, size) == (ssize_t)size, "pipe");
        _exit(0);
    }
    close(fds[1]);
    bench_must(read(fds[0], ret_result, size) == (ssize_t)size, "the run");
    close(fds[0]);
    bench_must(waitpid(child, &status, 0) == child && status == 0, "the run's end");
}

static struct mr_app *
new_app(const struct bench_setting *setting, struct mr_config **ret_config, struct mr_plan **ret_plan)
{
    struct mr_mistakes mistakes = {.count = 0};
    struct mr_app *app = NULL;
    struct mr_error error = {.rc = MR_OK};
    const struct mr_app_options options = {.without_sql = true};
    if (mr_config_load(setting->config, &mistakes, ret_config) != MR_OK ||
        mr_plan_new(*ret_config, &mistakes, ret_plan) != MR_OK) {
        mr_mistakes_print(&mistakes, setting->config, stderr);
        exit(1);
    }
    mr_log_setup((*ret_config)->log.level, (*ret_config)->log.format);
    bench_must(mr_app_new(*ret_config, *ret_plan, &options, &app, &error) == MR_OK, error.text);
    return app;
}

void
bench_millrace(const struct bench_setting *setting,
               const char *delivery,
               const char *flush,
               bench_watch *watch,
               void *ret_result)
{
    struct mr_config *config = NULL;
    struct mr_plan *plan = NULL;
    struct mr_error error = {.rc = MR_OK};
    bool is_number = flush[strspn(flush, "0123456789")] == '\0';
    setenv("BENCH_DELIVERY", delivery, 1);
    setenv("BENCH_EVERY", is_number ? "3s" : flush, 1);
    setenv("BENCH_ROWS", is_number ? flush : "5000000", 1);
    struct mr_app *app = new_app(setting, &config, &plan);
    bench_must(mr_app_start(app, &error) == MR_OK, error.text);
    watch(app, setting, ret_result);
    mr_app_stop(app);
    bench_must(mr_app_join(app, &error) == MR_OK, "orderly end");
    mr_app_free(&app);
    mr_plan_free(&plan);
    mr_config_free(&config);
}

uint64_t
bench_wait_committed(struct mr_app *app, uint64_t records)
{
    double start = bench_now_s();
    while (mr_app_committed_records(app) < records && !mr_app_ended(app)) {
        if (bench_now_s() - start > BENCH_LIMIT_S)
            return 0;
        mr_clock_sleep_ms(2);
    }
    return mr_app_committed_records(app);
}

double
bench_now_s(void)
{
    return (double)mr_clock_monotonic_ms() / 1000.0;
}

double
bench_cpu_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double
bench_median(const double *values, int count)
{
    double sorted[BENCH_RUNS_MAX];
    memcpy(sorted, values, (size_t)count * sizeof *values);
    qsort(sorted, (size_t)count, sizeof *sorted, by_value);
    return sorted[count / 2];
}
