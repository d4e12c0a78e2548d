/* Pipeline benchmark: Millrace's own CPU per event, detail and one rollup of 100,000 keys together,
 * against a baseline that only consumes the same records with librdkafka and throws them away.
 * Broker and sink are simulators in processes of their own; every run is a fresh process; the two
 * kinds are run in turn; medians are printed with both figures. It also counts the calls that
 * Millrace's own code makes to malloc, locks, log and system functions.
 *
 *   bench_pipeline [EVENTS [RUNS [DELIVERY]]]     default: 1000000 events, 5 runs, exactly-once */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench.h"
#include "calls.h"

struct result {
    double cpu_s, wall_s;
    long rss_kib;
    uint64_t events;
    struct calls calls;
    uint64_t counted_events; /* events between the two looks at the calls */
};

static const char *delivery = "exactly-once"; /* [const] after the arguments */

static void
measure_end(struct result *result, double start)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    result->wall_s = bench_now_s() - start;
    result->rss_kib = usage.ru_maxrss;
    result->cpu_s = bench_cpu_s();
}

static void
watch(struct mr_app *app, const struct bench_setting *setting, void *ret_result)
{
    struct result *result = ret_result;
    double start = bench_now_s();
    uint64_t warm = bench_wait_committed(app, setting->events / 5);
    struct calls before = calls_now();
    result->events = bench_wait_committed(app, setting->events);
    result->calls = calls_since(&before);
    result->counted_events = result->events - warm;
    measure_end(result, start);
}

static void
run_millrace(const struct bench_setting *setting, void *ret_result)
{
    bench_millrace(setting, delivery, "1s", watch, ret_result);
}

/* The floor under every consumer: librdkafka in batches, nothing done with them. */
static void
run_baseline(const struct bench_setting *setting, void *ret_result)
{
    struct result *result = ret_result;
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const char *const pairs[][2] = {{"bootstrap.servers", setting->brokers},
                                    {"group.id", getenv("BENCH_GROUP")},
                                    {"auto.offset.reset", "earliest"},
                                    {"enable.auto.commit", "false"},
                                    {"fetch.wait.max.ms", "10"},
                                    {"session.timeout.ms", "6000"}};
    rd_kafka_message_t *messages[1000];
    double start = bench_now_s();
    for (size_t i = 0; i < MR_ARRAY_LEN(pairs); i++)
        bench_must(rd_kafka_conf_set(conf, pairs[i][0], pairs[i][1], why, sizeof why) == RD_KAFKA_CONF_OK,
             why);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    bench_must(client != NULL, why);
    rd_kafka_poll_set_consumer(client);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, SIM_TOPIC, RD_KAFKA_PARTITION_UA);
    bench_must(rd_kafka_subscribe(client, topics) == RD_KAFKA_RESP_ERR_NO_ERROR, "subscribe");
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(client);
    while (result->events < setting->events && bench_now_s() - start < BENCH_LIMIT_S) {
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

static void
print_run(const char *kind, const struct result *result)
{
    printf("%-9s %9.0f ns CPU/event  %9.0f events/s/core  %9.0f events/s wall  %4ld MB resident\n",
           kind, result->cpu_s / (double)result->events * 1e9,
           (double)result->events / result->cpu_s, (double)result->events / result->wall_s,
           result->rss_kib / 1024);
    fflush(stdout);
}

static struct result
run(const struct bench_setting *setting, void (*body)(const struct bench_setting *, void *))
{
    struct result result = {.events = 0};
    bench_run(setting, body, &result, sizeof result);
    bench_must(result.events == setting->events, "the count of events");
    return result;
}

int
main(int argc, char **argv)
{
    struct bench_setting setting = {.events = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000};
    int runs = argc > 2 ? atoi(argv[2]) : 5;
    double ours[BENCH_RUNS_MAX], floor[BENCH_RUNS_MAX], ratio[BENCH_RUNS_MAX];
    delivery = argc > 3 ? argv[3] : delivery;
    bench_must(runs > 0 && runs <= BENCH_RUNS_MAX, "reading the number of runs");
    bench_start(&setting, 0);
    for (int i = 0; i < runs; i++) {
        struct result baseline = run(&setting, run_baseline);
        struct result millrace = run(&setting, run_millrace);
        print_run("consume", &baseline);
        print_run("millrace", &millrace);
        calls_print(&millrace.calls, millrace.counted_events);
        floor[i] = baseline.cpu_s / (double)baseline.events * 1e9;
        ours[i] = millrace.cpu_s / (double)millrace.events * 1e9;
        ratio[i] = ours[i] / floor[i];
    }
    bench_end(&setting);
    printf("median of %d, %s: millrace %.0f ns CPU/event (%.2f M events/s/core), consume only"
           " %.0f ns, ratio %.2f\n", runs, delivery, bench_median(ours, runs),
           1e3 / bench_median(ours, runs), bench_median(floor, runs), bench_median(ratio, runs));
    return 0;
}
