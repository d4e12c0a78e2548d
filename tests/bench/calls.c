/* Wrapped functions: count, then call the real one. */
#include "calls.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "millrace/base/log.h"

/* [atomic: relaxed, sums only] */
static _Atomic uint64_t allocations, locks, logs, system_calls;

static void
count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

#define WRAP(counter, type, name, parameters, arguments)                                           \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        count(&(counter));                                                                         \
        return __real_##name arguments;                                                            \
    }

WRAP(allocations, void *, malloc, (size_t size), (size))
WRAP(allocations, void *, calloc, (size_t number, size_t size), (number, size))
WRAP(allocations, void *, realloc, (void *p, size_t size), (p, size))
WRAP(locks, int, pthread_mutex_lock, (pthread_mutex_t *lock), (lock))
WRAP(system_calls, int, pthread_cond_signal, (pthread_cond_t *cond), (cond))
WRAP(system_calls, int, pthread_cond_wait, (pthread_cond_t *cond, pthread_mutex_t *lock),
     (cond, lock))
WRAP(system_calls, int, pthread_cond_timedwait,
     (pthread_cond_t *cond, pthread_mutex_t *lock, const struct timespec *until),
     (cond, lock, until))
WRAP(system_calls, void *, mmap, (void *p, size_t size, int prot, int flags, int fd, off_t offset),
     (p, size, prot, flags, fd, offset))
WRAP(system_calls, int, munmap, (void *p, size_t size), (p, size))
WRAP(system_calls, int, madvise, (void *p, size_t size, int advice), (p, size, advice))
WRAP(system_calls, ssize_t, write, (int fd, const void *bytes, size_t size), (fd, bytes, size))
WRAP(system_calls, int, nanosleep, (const struct timespec *time, struct timespec *rest),
     (time, rest))

void
__real_mr_log_write(enum mr_log_level level, const char *stage, const char *sentence,
                    const struct mr_log_field *fields, unsigned number);
void
__wrap_mr_log_write(enum mr_log_level level, const char *stage, const char *sentence,
                    const struct mr_log_field *fields, unsigned number);
void
__wrap_mr_log_write(enum mr_log_level level, const char *stage, const char *sentence,
                    const struct mr_log_field *fields, unsigned number)
{
    count(&logs);
    __real_mr_log_write(level, stage, sentence, fields, number);
}

struct calls
calls_now(void)
{
    return (struct calls){
        .allocations = atomic_load_explicit(&allocations, memory_order_relaxed),
        .locks = atomic_load_explicit(&locks, memory_order_relaxed),
        .logs = atomic_load_explicit(&logs, memory_order_relaxed),
        .system = atomic_load_explicit(&system_calls, memory_order_relaxed),
    };
}

struct calls
calls_since(const struct calls *before)
{
    struct calls now = calls_now();
    return (struct calls){
        .allocations = now.allocations - before->allocations,
        .locks = now.locks - before->locks,
        .logs = now.logs - before->logs,
        .system = now.system - before->system,
    };
}

void
calls_print(const struct calls *calls, uint64_t events)
{
    double per = events ? 1000.0 / (double)events : 0;
    printf("          own calls per 1,000 events: %.2f allocations, %.2f locks, %.3f log lines, %.2f"
           " system calls (over %llu events)\n",
           (double)calls->allocations * per, (double)calls->locks * per, (double)calls->logs * per,
           (double)calls->system * per, (unsigned long long)events);
}
