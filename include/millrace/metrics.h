/* Metrics: one table (src/metrics/metrics.def) → per-thread cells → Prometheus text.
 * Threads: a cell is written by its own thread only (relaxed atomics, no RMW); reading sums all
 * cells. Gauges are set by any thread. Progress: wait-free on the writing side.
 * Memory: MR_METRICS_CELLS cells at most, sized at new. Errors: none. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

#include "millrace/base/attr.h"
#include "millrace/base/rc.h"
#include "millrace/base/text.h"

#define MR_METRICS_CELLS 64

/* metrics.def: X(symbol, name, labels or "", kind, help). Kinds: COUNTER is added to in cells;
 * COUNTER_FLOAT, GAUGE and GAUGE_FLOAT are set. Rows of one name stand together; every label value
 * is its own row. */
enum mr_metric {
#define X(symbol, name, labels, kind, help) MR_M_##symbol,
#include "millrace/metrics.def"
#undef X
    MR_METRIC_COUNT
};

struct mr_metrics;
struct mr_metrics_cell;

MR_NODISCARD enum mr_rc
mr_metrics_new(struct mr_metrics **ret_metrics);

void
mr_metrics_free(struct mr_metrics **metrics);

/* The calling thread's own cell; never given back. Aborts past MR_METRICS_CELLS. */
struct mr_metrics_cell *
mr_metrics_cell(struct mr_metrics *metrics);

/* Thread: owner of the cell. */
void
mr_metrics_add(struct mr_metrics_cell *cell, enum mr_metric metric, uint64_t value);

/* Any thread; last writer wins. */
void
mr_metrics_set(struct mr_metrics *metrics, enum mr_metric metric, double value);

/* Sum of a counter, or the gauge. Any thread. */
double
mr_metrics_get(const struct mr_metrics *metrics, enum mr_metric metric);

/* Prometheus text format 0.0.4, HELP and TYPE once a name. Any thread. */
void
mr_metrics_render(const struct mr_metrics *metrics, struct mr_text *out);

/* The table as the Markdown that stands in the README. */
void
mr_metrics_list(FILE *out);
