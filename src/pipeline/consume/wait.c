/* Waiting for a queue by its file descriptor. librdkafka's own waits end at a time of the wall clock: one
 * that is under way when the clock is set back by an hour lasts an hour longer, unless something comes.
 * poll(2) knows spans of time only. */
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "millrace/base/clock.h"
#include "pipeline/consume/consume_priv.h"

enum mr_rc
mri_wait_open(struct mri_waited *waited, rd_kafka_queue_t *queue)
{
    static const uint64_t one = 1;
    waited->queue = queue;
    waited->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (waited->fd < 0) {
        return MR_SYSTEM;
    }
    rd_kafka_queue_io_event_enable(queue, waited->fd, &one, sizeof one);
    return MR_OK;
}

void
mri_wait_close(struct mri_waited *waited)
{
    if (!waited->queue) {
        return;
    }
    rd_kafka_queue_io_event_enable(waited->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(waited->queue);
    waited->queue = NULL;
    if (waited->fd >= 0) {
        (void)close(waited->fd);
    }
}

/* The client writes when something comes into a queue that was empty; so the queue is looked at before,
 * and again after whatever this returns. */
void
mri_wait(struct mri_waited *waited, int64_t timeout_ms)
{
    struct pollfd in = {.fd = waited->fd, .events = POLLIN};
    uint64_t count;
    if (timeout_ms > 0 && poll(&in, 1, (int)timeout_ms) > 0) {
        ssize_t got = read(waited->fd, &count, sizeof count);
        (void)got; /* nothing to read: somebody else's wake-up */
    }
}

rd_kafka_event_t *
mri_wait_event(struct mri_waited *waited, int64_t timeout_ms)
{
    int64_t deadline = mr_clock_monotonic_ms() + timeout_ms, left = timeout_ms;
    for (;;) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(waited->queue, 0);
        if (event || left <= 0) {
            return event;
        }
        mri_wait(waited, left);
        left = deadline - mr_clock_monotonic_ms();
    }
}
