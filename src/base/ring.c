/* Bounded queue under one mutex: it moves batches, so it is taken once in about 1,000 events. */
#include "millrace/base/ring.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct mr_ring {
    pthread_mutex_t lock;
    pthread_cond_t not_empty;
    bool closed;     /* [lock] */
    size_t head;     /* [lock] next to pop */
    size_t count;    /* [lock] */
    size_t capacity; /* [const] */
    void *items[];   /* [lock] */
};

enum mr_rc
mr_ring_new(size_t capacity, struct mr_ring **ret_ring)
{
    struct mr_ring *ring = calloc(1, sizeof *ring + capacity * sizeof(void *));
    pthread_condattr_t attributes;
    if (!ring)
        return MR_MEMORY;
    ring->capacity = capacity;
    pthread_mutex_init(&ring->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&ring->not_empty, &attributes);
    pthread_condattr_destroy(&attributes);
    *ret_ring = ring;
    return MR_OK;
}

void
mr_ring_free(struct mr_ring **ring)
{
    if (!*ring)
        return;
    pthread_cond_destroy(&(*ring)->not_empty);
    pthread_mutex_destroy(&(*ring)->lock);
    free(*ring);
    *ring = NULL;
}

bool
mr_ring_push_mpmc(struct mr_ring *ring, void *item)
{
    pthread_mutex_lock(&ring->lock);
    bool room = !ring->closed && ring->count < ring->capacity;
    if (room) {
        ring->items[(ring->head + ring->count) % ring->capacity] = item;
        ring->count++;
        pthread_cond_signal(&ring->not_empty);
    }
    pthread_mutex_unlock(&ring->lock);
    return room;
}

/* Waits under the lock until an item is there, the ring is closed, or the deadline passes. */
static void
wait_for_item(struct mr_ring *ring, int64_t timeout_ms)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += timeout_ms / 1000;
    deadline.tv_nsec += timeout_ms % 1000 * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    while (ring->count == 0 && !ring->closed) {
        if (timeout_ms < 0)
            pthread_cond_wait(&ring->not_empty, &ring->lock);
        else if (pthread_cond_timedwait(&ring->not_empty, &ring->lock, &deadline) == ETIMEDOUT)
            return;
    }
}

void *
mr_ring_pop_mpmc(struct mr_ring *ring, int64_t timeout_ms)
{
    void *item = NULL;
    pthread_mutex_lock(&ring->lock);
    if (ring->count == 0 && timeout_ms != 0)
        wait_for_item(ring, timeout_ms);
    if (ring->count > 0) {
        item = ring->items[ring->head];
        ring->head = (ring->head + 1) % ring->capacity;
        ring->count--;
    }
    pthread_mutex_unlock(&ring->lock);
    return item;
}

void
mr_ring_close(struct mr_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    ring->closed = true;
    pthread_cond_broadcast(&ring->not_empty);
    pthread_mutex_unlock(&ring->lock);
}

bool
mr_ring_is_closed(struct mr_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    bool closed = ring->closed;
    pthread_mutex_unlock(&ring->lock);
    return closed;
}

size_t
mr_ring_count(struct mr_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    size_t count = ring->count;
    pthread_mutex_unlock(&ring->lock);
    return count;
}
