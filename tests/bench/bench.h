/* Shared by the benchmarks of the whole pipeline: simulators, configuration, fresh processes. */
#pragma once

#include <stdbool.h>

#include "millrace/app.h"
#include "sim.h"

#define BENCH_RUNS_MAX 25
#define BENCH_LIMIT_S 60

struct bench_setting {
    char folder[64], config[128];
    char brokers[256], sink[64];
    uint64_t events;
    struct sim_calls *calls; /* of the sink, shared with its process */
    int stop_fd[2];
};

/* Looks on while a pipeline runs; ret_result: whatever the benchmark measures. */
typedef void bench_watch(struct mr_app *app, const struct bench_setting *setting, void *ret_result);

/* Ends the process with a message unless `good`. */
void
bench_must(bool good, const char *what);

/* Fills all but `events`, which the caller has set. */
void
bench_start(struct bench_setting *setting, int64_t publish_ms);

void
bench_end(struct bench_setting *setting);

/* One run in a process and a consumer group of its own; `size` bytes of result come back. */
void
bench_run(const struct bench_setting *setting,
          void (*body)(const struct bench_setting *setting, void *ret_result),
          void *ret_result,
          size_t size);

/* Inside a run: a pipeline with this delivery, cut every `flush` ("1s", or so many rows: "100000"), to
 * its orderly end. */
void
bench_millrace(const struct bench_setting *setting,
               const char *delivery,
               const char *flush,
               bench_watch *watch,
               void *ret_result);

/* Waits until `records` are committed; returns how many are, 0 when that took too long. */
uint64_t
bench_wait_committed(struct mr_app *app, uint64_t records);

double
bench_now_s(void);

/* Of this process, user and system. */
double
bench_cpu_s(void);

double
bench_median(const double *values, int count);
