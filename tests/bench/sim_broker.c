/* Broker simulator of the pipeline benchmark: librdkafka's mock cluster in a process of its own, filled
 * with order events. The mock keeps 5 MiB a partition and drops older data silently, so the events
 * are spread over many partitions in large compressed batches. */
#include "sim.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "bench: %s: %s\n", name, why);
        exit(1);
    }
}

static rd_kafka_t *
new_producer(const char *brokers)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", brokers ? brokers : "");
    set(conf, "linger.ms", "1000");
    set(conf, "compression.codec", "lz4");
    set(conf, "queue.buffering.max.messages", "1000000");
    set(conf, "queue.buffering.max.kbytes", "262144");
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!client) {
        fprintf(stderr, "bench: %s\n", why);
        exit(1);
    }
    return client;
}

/* xorshift64*, fixed seed: every run of the benchmark sees the same events. */
static uint64_t
draw(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545F4914F6CDD1D);
}

int
sim_event(char *out, size_t size, uint64_t number)
{
    static const char *const channels[] = {"web", "app", "store", "phone"};
    uint64_t state = (number + 1) * UINT64_C(0x9E3779B97F4A7C15);
    unsigned member = (unsigned)(draw(&state) % SIM_KEYS);
    unsigned second = (unsigned)(draw(&state) % 86400), cents = (unsigned)(draw(&state) % 100000);
    return snprintf(out, size,
                    "{\"id\":\"%08x-7f0a-5b1c-9f5e-%012x\",\"type\":\"OrderPlaced\","
                    "\"schema_version\":1,\"entity\":{\"type\":\"order\",\"id\":\"O-%010u\"},"
                    "\"occurred_at\":\"2026-02-02T%02u:%02u:%02u.%03uZ\","
                    "\"produced_at\":\"2026-02-02T23:59:59.910Z\",\"sequence\":%u,"
                    "\"payload\":{\"order_id\":\"O-%010u\",\"member_id\":\"M-%06u\","
                    "\"amount\":\"%u.%02u\",\"currency\":\"USD\",\"items\":%u,\"channel\":\"%s\","
                    "\"country\":\"DE\"}}",
                    (unsigned)draw(&state), (unsigned)number, (unsigned)number, second / 3600,
                    second / 60 % 60, second % 60, (unsigned)(number % 1000), (unsigned)number,
                    (unsigned)number, member, cents / 100, cents % 100, 1 + (unsigned)(number % 9),
                    channels[member % 4]);
}

static void
produce(rd_kafka_t *producer, uint64_t events)
{
    char event[1024];
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, SIM_TOPIC, NULL);
    for (uint64_t i = 0; i < events; i++) {
        size_t len = (size_t)sim_event(event, sizeof event, i);
        while (rd_kafka_produce(topic, (int32_t)(i / 64 % SIM_PARTITIONS), RD_KAFKA_MSG_F_COPY, event,
                                len, NULL, 0, NULL) != 0)
            rd_kafka_poll(producer, 10);
    }
    if (rd_kafka_flush(producer, 60000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fprintf(stderr, "bench: the mock cluster did not take all events\n");
        exit(1);
    }
    rd_kafka_topic_destroy(topic);
}

void
sim_broker(uint64_t events, int ready_fd, int stop_fd)
{
    char byte;
    rd_kafka_t *host = new_producer(NULL);
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(host, 1);
    const char *brokers = rd_kafka_mock_cluster_bootstraps(cluster);
    rd_kafka_mock_topic_create(cluster, SIM_TOPIC, SIM_PARTITIONS, 1);
    rd_kafka_t *producer = new_producer(brokers);
    produce(producer, events);
    rd_kafka_destroy(producer);
    if (write(ready_fd, brokers, strlen(brokers) + 1) < 0)
        _exit(1);
    while (read(stop_fd, &byte, 1) > 0)
        continue;
    _exit(0);
}
