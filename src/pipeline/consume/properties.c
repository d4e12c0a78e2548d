/* librdkafka's properties: our settings, what passes through, what is refused. */
#include <stdlib.h>
#include <string.h>

#include "millrace/base/assert.h"
#include "pipeline/consume/consume_priv.h"

/* Overridable. The reasons are in the README of this folder. */
static const struct {
    const char *name, *value;
} defaults[] = {
    {"client.id", "millrace"},
    {"check.crcs", "true"},
    {"socket.nagle.disable", "true"},
    {"socket.keepalive.enable", "true"},
    {"socket.timeout.ms", "10000"},
    {"reconnect.backoff.max.ms", "1000"},
    {"fetch.wait.max.ms", "50"},
    {"fetch.min.bytes", "1"},
    {"fetch.error.backoff.ms", "50"},
    {"queued.min.messages", "100000"},
    {"queued.max.messages.kbytes", "16384"},
    {"topic.metadata.refresh.interval.ms", "30000"},
};

/* What exactness hangs on. */
static const struct fixed {
    const char *name;
    const char *value; /* the only one allowed, and what we set; NULL: none is */
    const char *reason;
} fixed[] = {
    {"enable.auto.commit", "false", "offsets are committed when their rows are in StarRocks"},
    {"enable.auto.offset.store", "false", "offsets are committed when their rows are in StarRocks"},
    {"auto.offset.reset",
     "error",
     "after lost offsets it would skip or repeat records silently; the first start is "
     "source.kafka.start"},
    {"isolation.level", "read_committed", "aborted transactions would be counted"},
    {"offset.store.method", "broker", "the group's offsets must be in Kafka"},
    {"allow.auto.create.topics", "false", "a deleted topic would come back empty and unnoticed"},
    {"enable.partition.eof", "true", "the end of a log can be the end of what is read again"},
    {"log.queue", "false", "the client's log lines would be collected and never read"},
    {"group.protocol", NULL, "the cut at a rebalance needs the classic protocol"},
    {"group.remote.assignor", NULL, "the cut at a rebalance needs range or roundrobin"},
    {"enabled_events", NULL, "Millrace chooses its events itself"},
    {"bootstrap.servers", NULL, "it is source.kafka.brokers here"},
    {"metadata.broker.list", NULL, "it is source.kafka.brokers here"},
    {"group.id", NULL, "it is source.kafka.group here"},
};

static const char strategy_name[] = "partition.assignment.strategy";
static const char strategy_default[] = "range,roundrobin";

/* Eager assignors only: all partitions are given back at once, which is where a unit can be cut. */
static bool
strategy_is_eager(const char *value)
{
    static const char blank[] = ", \t";
    const char *p = value + strspn(value, blank);
    if (!*p) {
        return false;
    }
    while (*p) {
        size_t len = strcspn(p, blank);
        bool known = (len == 5 && strncmp(p, "range", len) == 0) ||
                     (len == 10 && strncmp(p, "roundrobin", len) == 0);
        if (!known) {
            return false;
        }
        p += len;
        p += strspn(p, blank);
    }
    return true;
}

/* NULL when the property may be set so. */
static const char *
refusal(const struct mr_pair *pair, const char **ret_allowed)
{
    *ret_allowed = NULL;
    if (strcmp(pair->name, strategy_name) == 0 && !strategy_is_eager(pair->value)) {
        *ret_allowed = strategy_default;
        return "only the eager assignors range and roundrobin give all partitions back at a cut";
    }
    for (size_t i = 0; i < MR_ARRAY_LEN(fixed); i++) {
        if (strcmp(pair->name, fixed[i].name) == 0 &&
            (!fixed[i].value || strcmp(pair->value, fixed[i].value) != 0)) {
            *ret_allowed = fixed[i].value;
            return fixed[i].reason;
        }
    }
    return NULL;
}

/* Values of these never reach a message. */
static bool
is_secret(const char *name)
{
    static const char *const marks[] = {
        "password", "secret", "key.pem", "oauthbearer.config", "jaas"};
    for (size_t i = 0; i < MR_ARRAY_LEN(marks); i++) {
        if (strstr(name, marks[i])) {
            return true;
        }
    }
    return false;
}

/* The property whose name is nearest to a misspelt one, from librdkafka's own list. */
static void
suggest(const char *name, char *ret_hint, size_t hint_size)
{
    char *list = NULL, *save = NULL;
    size_t size = 0;
    unsigned best = 4; /* more edits than three are another word */
    FILE *out = open_memstream(&list, &size);
    snprintf(ret_hint, hint_size, "librdkafka's CONFIGURATION.md lists all properties");
    if (!out) {
        return;
    }
    rd_kafka_conf_properties_show(out);
    if (fclose(out) != 0) {
        return;
    }
    for (char *line = strtok_r(list, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        line[strcspn(line, " |")] = 0;
        unsigned distance = *line ? mr_text_distance(name, line, best) : best;
        if (distance < best) {
            best = distance;
            snprintf(ret_hint, hint_size, "did you mean \"%s\"?", line);
        }
    }
    free(list);
}

struct setter {
    rd_kafka_conf_t *conf;
    struct mr_mistakes *mistakes; /* may be NULL */
    struct mr_error *error;
    enum mr_rc rc;
};

/* The first mistake also becomes the error. */
static void
add_mistake(struct setter *setter, const struct mr_pair *pair, const char *text, const char *hint)
{
    char option[96];
    snprintf(option, sizeof option, "source.kafka.%s", pair->name);
    if (setter->mistakes) {
        mr_mistakes_add(setter->mistakes, pair->line, option, hint, "%s", text);
    }
    if (setter->rc == MR_OK) {
        setter->rc = mr_error_set(setter->error, MR_CONFIG, "%s: %s", option, text);
        mr_error_hint(setter->error, "%s", hint);
    }
}

static void
set_pair(struct setter *setter, const struct mr_pair *pair)
{
    char text[600], hint[160];
    const char *allowed, *reason = refusal(pair, &allowed);
    if (reason) {
        snprintf(text, sizeof text, "\"%s\" is not possible: %s", pair->value, reason);
        snprintf(hint,
                 sizeof hint,
                 allowed ? "leave it out, or set it to %s" : "leave it out%s",
                 allowed ? allowed : "");
        add_mistake(setter, pair, text, hint);
        return;
    }
    char why[256];
    rd_kafka_conf_res_t result =
        rd_kafka_conf_set(setter->conf, pair->name, pair->value, why, sizeof why);
    if (result == RD_KAFKA_CONF_UNKNOWN) {
        suggest(pair->name, hint, sizeof hint);
        add_mistake(setter, pair, "no such option, and no property of librdkafka", hint);
    } else if (result == RD_KAFKA_CONF_INVALID) {
        snprintf(text, sizeof text, "\"%s\" is not accepted: %s", pair->value, why);
        add_mistake(setter,
                    pair,
                    is_secret(pair->name) ? "its value is not accepted" : text,
                    "see the property in librdkafka's CONFIGURATION.md");
    }
}

static void
set_own(struct setter *setter, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(setter->conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK &&
        setter->rc == MR_OK) {
        setter->rc = mr_error_set(setter->error, MR_CONFIG, "source.kafka: %s", why);
    }
}

static void
set_all(struct setter *setter, const struct mr_config *config)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(defaults); i++) {
        set_own(setter, defaults[i].name, defaults[i].value);
    }
    set_own(setter, strategy_name, strategy_default);
    for (uint32_t i = 0; i < config->kafka.properties.count; i++) {
        set_pair(setter, &config->kafka.properties.items[i]);
    }
    for (size_t i = 0; i < MR_ARRAY_LEN(fixed); i++) {
        if (fixed[i].value) {
            set_own(setter, fixed[i].name, fixed[i].value);
        }
    }
    set_own(setter, "bootstrap.servers", config->kafka.brokers);
    set_own(setter, "group.id", config->kafka.group);
}

enum mr_rc
mri_consume_conf(const struct mr_config *config,
                 struct mr_mistakes *mistakes,
                 rd_kafka_conf_t **ret_conf,
                 struct mr_error *reterr_error)
{
    struct setter setter = {rd_kafka_conf_new(), mistakes, reterr_error, MR_OK};
    set_all(&setter, config);
    if (setter.rc != MR_OK) {
        rd_kafka_conf_destroy(setter.conf);
        return setter.rc;
    }
    *ret_conf = setter.conf;
    return MR_OK;
}

enum mr_rc
mr_consumer_check(const struct mr_config *config, struct mr_mistakes *mistakes)
{
    rd_kafka_conf_t *conf = NULL;
    enum mr_rc rc = mri_consume_conf(config, mistakes, &conf, NULL);
    if (rc == MR_OK) {
        rd_kafka_conf_destroy(conf);
    }
    return rc;
}

int64_t
mr_consumer_session_ms(const struct mr_consumer *consumer)
{
    char text[32] = "";
    size_t size = sizeof text;
    /* The client's own copy, which has defaults too; it is read as const. */
    rd_kafka_conf_res_t found =
        rd_kafka_conf_get(rd_kafka_conf(consumer->rk), "session.timeout.ms", text, &size);
    MR_INSIST(found == RD_KAFKA_CONF_OK);
    return strtoll(text, NULL, 10);
}
