/* Preloaded into the program: the wall clock is off by as many seconds as the file CLOCK_JUMP_FILE says,
 * and the test may change them at any time. What the kernel does to waits that end at a time of the wall
 * clock when somebody sets it is done here to those of C11 conditions, which librdkafka has: they end when the clock
 * that was set says so, at once or hours late. The monotonic clock is left alone. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define SLICE_NS 5000000

static long
seconds_off(void)
{
    char text[32] = "";
    const char *path = getenv("CLOCK_JUMP_FILE");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t len = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0)
        (void)close(fd);
    return len > 0 ? strtol(text, NULL, 10) : 0;
}

int
clock_gettime(clockid_t clock, struct timespec *time)
{
    int rc = (int)syscall(SYS_clock_gettime, clock, time);
    if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        time->tv_sec += seconds_off();
    return rc;
}

int
gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    int rc = clock_gettime(CLOCK_REALTIME, &now);
    *time = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return rc;
}

time_t
time(time_t *ret_time)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (ret_time)
        *ret_time = now.tv_sec;
    return now.tv_sec;
}

int
timespec_get(struct timespec *time, int base)
{
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, time) == 0 ? base : 0;
}

/* Has the wall clock come to `until`? */
static int
is_over(const struct timespec *until)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec > until->tv_sec ||
           (now.tv_sec == until->tv_sec && now.tv_nsec >= until->tv_nsec);
}

/* In slices of the monotonic clock, so that a jump is seen. */
static int
wait_sliced(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until)
{
    while (!is_over(until)) {
        struct timespec slice;
        (void)clock_gettime(CLOCK_MONOTONIC, &slice);
        slice.tv_nsec += SLICE_NS;
        slice.tv_sec += slice.tv_nsec / 1000000000;
        slice.tv_nsec %= 1000000000;
        int rc = pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &slice);
        if (rc != ETIMEDOUT)
            return rc;
    }
    return ETIMEDOUT;
}

/* glibc's C11 conditions are its POSIX ones under another name. */
int
cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex,
              const struct timespec *restrict until)
{
    int rc = wait_sliced((pthread_cond_t *)condition, (pthread_mutex_t *)mutex, until);
    return rc == 0 ? thrd_success : rc == ETIMEDOUT ? thrd_timedout : thrd_error;
}
