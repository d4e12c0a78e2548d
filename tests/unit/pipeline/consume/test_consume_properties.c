/* What passes through to librdkafka, and what is refused with which reason. */
#include <string.h>

#include "millrace/consume.h"
#include "test.h"

static struct mr_config
config_with(struct mr_pair *pairs, uint32_t count)
{
    static char brokers[] = "127.0.0.1:1", group[] = "g", topic[] = "orders";
    static char *topics[] = {topic, NULL};
    struct mr_config config;
    memset(&config, 0, sizeof config);
    config.kafka.brokers = brokers;
    config.kafka.group = group;
    config.kafka.topics = (struct mr_strings){topics, 1};
    config.kafka.properties = (struct mr_pairs){pairs, count};
    return config;
}

static struct mr_pair
pair_of(const char *name, const char *value, uint32_t line)
{
    return (struct mr_pair){(char *)(uintptr_t)name, (char *)(uintptr_t)value, line};
}

Test(consume_properties, whatever_librdkafka_knows_passes)
{
    struct mr_pair pairs[] = {
        pair_of("security.protocol", "SASL_SSL", 1),
        pair_of("sasl.mechanisms", "SCRAM-SHA-256", 2),
        pair_of("sasl.username", "millrace", 3),
        pair_of("sasl.password", "secret", 4),
        pair_of("ssl.ca.location", "/etc/ssl/certs/ca-certificates.crt", 5),
        pair_of("group.instance.id", "a", 6),
        pair_of("fetch.max.bytes", "10485760", 7),
        pair_of("partition.assignment.strategy", "roundrobin, range", 8),
        pair_of("enable.auto.commit", "false", 9),
        pair_of("auto.offset.reset", "error", 10),
        pair_of("isolation.level", "read_committed", 11),
    };
    struct mr_config config = config_with(pairs, MR_ARRAY_LEN(pairs));
    struct mr_mistakes mistakes = {0};
    T_INT_EQ(mr_consumer_check(&config, &mistakes), MR_OK);
    T_INT_EQ(mistakes.count, 0);
}

static const struct {
    const char *name, *value, *part;
} refused[] = {
    {"enable.auto.commit", "true", "in StarRocks"},
    {"enable.auto.offset.store", "true", "in StarRocks"},
    {"auto.offset.reset", "earliest", "source.kafka.start"},
    {"auto.offset.reset", "latest", "skip or repeat"},
    {"isolation.level", "read_uncommitted", "aborted"},
    {"partition.assignment.strategy", "cooperative-sticky", "eager"},
    {"partition.assignment.strategy", "range,cooperative-sticky", "eager"},
    {"partition.assignment.strategy", "", "eager"},
    {"group.remote.assignor", "uniform", "range or roundrobin"},
    {"group.protocol", "consumer", "classic"},
    {"offset.store.method", "file", "in Kafka"},
    {"allow.auto.create.topics", "true", "unnoticed"},
    {"log.queue", "true", "never read"},
    {"bootstrap.servers", "b:9092", "source.kafka.brokers"},
    {"metadata.broker.list", "b:9092", "source.kafka.brokers"},
    {"group.id", "h", "source.kafka.group"},
};

Test(consume_properties, what_breaks_exactness_is_refused_with_line_and_reason)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(refused); i++) {
        struct mr_pair pairs[] = {pair_of("client.id", "x", 1),
                                  pair_of(refused[i].name, refused[i].value, 17)};
        struct mr_config config = config_with(pairs, 2);
        struct mr_mistakes mistakes = {0};
        char option[96];
        snprintf(option, sizeof option, "source.kafka.%s", refused[i].name);
        T_INT_EQ(mr_consumer_check(&config, &mistakes), MR_CONFIG);
        T_INT_EQ(mistakes.count, 1);
        T_INT_EQ(mistakes.items[0].line, 17);
        T_STR_EQ(mistakes.items[0].option, option);
        T_TRUE_MSG(strstr(mistakes.items[0].text, refused[i].part) != NULL,
                   "%s: %s",
                   option,
                   mistakes.items[0].text);
        T_TRUE_MSG(mistakes.items[0].hint[0] != 0, "%s", option);
        mr_mistakes_fini(&mistakes);
    }
}

Test(consume_properties, all_mistakes_are_told_at_once)
{
    struct mr_pair pairs[] = {pair_of("fetch.min.byte", "1", 3),
                              pair_of("enable.auto.commit", "true", 4),
                              pair_of("fetch.wait.max.ms", "soon", 5)};
    struct mr_config config = config_with(pairs, 3);
    struct mr_mistakes mistakes = {0};
    T_INT_EQ(mr_consumer_check(&config, &mistakes), MR_CONFIG);
    T_INT_EQ(mistakes.count, 3);
    T_TRUE_MSG(
        strstr(mistakes.items[0].text, "no such option") != NULL, "%s", mistakes.items[0].text);
    T_STR_EQ(mistakes.items[0].hint, "did you mean \"fetch.min.bytes\"?");
    T_INT_EQ(mistakes.items[2].line, 5);
    T_TRUE_MSG(strstr(mistakes.items[2].text, "soon") != NULL, "%s", mistakes.items[2].text);
    mr_mistakes_fini(&mistakes);
}

Test(consume_properties, a_secret_never_stands_in_a_mistake)
{
    struct mr_pair pairs[] = {pair_of("ssl.key.pem", "hunter2", 3),
                              pair_of("sasl.oauthbearer.client.secret", "hunter2", 4),
                              pair_of("sasl.pasword", "hunter2", 5)};
    struct mr_config config = config_with(pairs, 3);
    struct mr_mistakes mistakes = {0};
    T_INT_EQ(mr_consumer_check(&config, &mistakes), MR_CONFIG);
    T_TRUE(mistakes.count > 0);
    for (uint32_t i = 0; i < mistakes.count; i++) {
        T_TRUE(strstr(mistakes.items[i].text, "hunter2") == NULL);
        T_TRUE(strstr(mistakes.items[i].hint, "hunter2") == NULL);
    }
    mr_mistakes_fini(&mistakes);
}

Test(consume_properties, a_consumer_is_not_made_with_a_refused_property)
{
    struct mr_pair pairs[] = {pair_of("auto.offset.reset", "latest", 3)};
    struct mr_config config = config_with(pairs, 1);
    struct mr_consumer_events events = {0};
    struct mr_consumer *consumer = NULL;
    struct mr_error error = {0};
    T_INT_EQ(mr_consumer_new(&config, &events, &consumer, &error), MR_CONFIG);
    T_TRUE(consumer == NULL);
    T_TRUE_MSG(strstr(error.text, "auto.offset.reset") != NULL, "%s", error.text);
}
