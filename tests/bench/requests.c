/* The wrapped rd_kafka_new gives every client the interceptor that counts. */
#include "requests.h"

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdio.h>

/* [atomic: relaxed, sums only] */
static _Atomic uint64_t counts[REQUEST_KINDS];

/* The parameters of both functions are librdkafka's. */
static rd_kafka_resp_err_t
on_request_sent(rd_kafka_t *client, int socket, const char *broker, int32_t id, int16_t kind,
                int16_t version, int32_t correlation, size_t size, void *opaque)
{
    int at = kind >= 0 && kind < REQUEST_KINDS ? kind : REQUEST_KINDS - 1;
    (void)client, (void)socket, (void)broker, (void)id, (void)version, (void)correlation;
    (void)size, (void)opaque;
    atomic_fetch_add_explicit(&counts[at], 1, memory_order_relaxed);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
on_new(rd_kafka_t *client, const rd_kafka_conf_t *conf, void *opaque, char *why, size_t size)
{
    (void)conf;
    rd_kafka_resp_err_t code =
        rd_kafka_interceptor_add_on_request_sent(client, "count", on_request_sent, opaque);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        (void)snprintf(why, size, "%s", rd_kafka_err2str(code));
    return code;
}

rd_kafka_t *
__real_rd_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, char *why, size_t size);
rd_kafka_t *
__wrap_rd_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, char *why, size_t size);
rd_kafka_t *
__wrap_rd_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, char *why, size_t size)
{
    if (rd_kafka_conf_interceptor_add_on_new(conf, "count", on_new, NULL) !=
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)snprintf(why, size, "the interceptor was refused");
        return NULL;
    }
    return __real_rd_kafka_new(type, conf, why, size);
}

struct requests
requests_now(void)
{
    struct requests now;
    for (int i = 0; i < REQUEST_KINDS; i++)
        now.number[i] = atomic_load_explicit(&counts[i], memory_order_relaxed);
    return now;
}
