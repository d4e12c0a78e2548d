/* Leaving. librdkafka's own close and destroy wait without limit, and 2.0.2 knows ways to hang
 * there; a client that does not end in time is left to the end of the process. */
#include <stdlib.h>

#include "millrace/base/clock.h"
#include "millrace/base/log.h"
#include "pipeline/consume/consume_priv.h"

#define CLOSE_MS   3500
#define DESTROY_MS 1000

struct destroyer {
    rd_kafka_t *rk;
    struct mr_thread thread;
    _Atomic bool done; /* [atomic: release by the thread, acquire by the waiter] rk is gone */
};

static void
run_destroy(void *argument)
{
    struct destroyer *destroyer = argument;
    rd_kafka_destroy_flags(destroyer->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    atomic_store_explicit(&destroyer->done, true, memory_order_release); /* see destroy_bounded */
}

/* On time-out the small struct stays with the thread that still uses it. */
static void
destroy_bounded(rd_kafka_t *rk)
{
    struct destroyer *destroyer = calloc(1, sizeof *destroyer);
    int64_t deadline = mr_clock_monotonic_ms() + DESTROY_MS;
    if (destroyer) {
        destroyer->rk = rk;
    }
    if (!destroyer ||
        mr_thread_start(&destroyer->thread, "mr-destroy", run_destroy, destroyer) != MR_OK) {
        free(destroyer);
        mr_log(MR_LOG_WARN, "consume", "kafka client not destroyed, its memory stays in use");
        return;
    }
    /* Pairs with the release of run_destroy: the client is gone. */
    while (!atomic_load_explicit(&destroyer->done, memory_order_acquire)) {
        if (mr_clock_monotonic_ms() >= deadline) {
            mr_log(MR_LOG_WARN, "consume", "kafka client does not end, leaving it behind");
            return;
        }
        mr_clock_sleep_ms(1);
    }
    mr_thread_join(&destroyer->thread);
    free(destroyer);
}

static void
serve_event(struct mr_consumer *consumer, rd_kafka_event_t *event)
{
    if (event && rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE) {
        mri_consume_rebalance(
            consumer, rd_kafka_event_error(event), rd_kafka_event_topic_partition_list(event));
    }
    if (event) {
        rd_kafka_event_destroy(event);
    }
}

/* Gives the partitions back (events->revoked is called) and leaves the group. */
static void
leave(struct mr_consumer *consumer)
{
    int64_t deadline = mr_clock_monotonic_ms() + CLOSE_MS;
    struct mri_waited closing;
    enum mr_rc rc = mri_wait_open(&closing, rd_kafka_queue_new(consumer->rk));
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(consumer->rk, closing.queue);
    bool waits = rc == MR_OK && !error;
    if (error) {
        mr_log(MR_LOG_WARN,
               "consume",
               "group not left",
               MR_STR("reason", rd_kafka_error_string(error)));
        rd_kafka_error_destroy(error);
    }
    while (waits && !rd_kafka_consumer_closed(consumer->rk)) {
        if (mr_clock_monotonic_ms() >= deadline) {
            mr_log(MR_LOG_WARN,
                   "consume",
                   "group not left in time, its members wait for the time-out");
            break;
        }
        rd_kafka_event_t *event = mri_wait_event(&closing, 20);
        int64_t before = mr_clock_monotonic_ms();
        serve_event(consumer, event);
        deadline += mr_clock_monotonic_ms() - before; /* what `revoked` takes is its own */
    }
    mri_wait_close(&closing);
}

void
mri_consume_close(struct mr_consumer *consumer)
{
    if (consumer->subscribed) {
        leave(consumer);
    }
    mri_probe_stop(&consumer->probe);
    mri_wait_close(&consumer->data);
    mri_wait_close(&consumer->commits);
    mri_wait_close(&consumer->control);
    destroy_bounded(consumer->rk);
}
