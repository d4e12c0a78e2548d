/* Cells, gauges and the Prometheus text. */
#include "millrace/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/metrics_priv.h"
#include "millrace/base/assert.h"

const struct mri_metrics_row mri_metrics_rows[MR_METRIC_COUNT] = {
#define X(symbol, name, labels, kind, help) {name, labels, MRI_METRICS_##kind, help},
#include "millrace/metrics.def"
#undef X
};

/* [atomic: relaxed] One writer a value, and nobody concludes anything about other memory from it.
 */
struct mr_metrics_cell {
    _Alignas(MR_CACHE_PAIR) _Atomic uint64_t values[MR_METRIC_COUNT];
};

struct mr_metrics {
    struct mr_metrics_cell cells[MR_METRICS_CELLS];
    /* [atomic: relaxed] bits of a double; last writer wins. */
    _Alignas(MR_CACHE_PAIR) _Atomic uint64_t gauges[MR_METRIC_COUNT];
    _Atomic unsigned cells_used; /* [atomic: relaxed] only hands out distinct numbers */
};

enum mr_rc
mr_metrics_new(struct mr_metrics **ret_metrics)
{
    struct mr_metrics *metrics = aligned_alloc(MR_CACHE_PAIR, sizeof *metrics);
    if (!metrics) {
        return MR_MEMORY;
    }
    memset(metrics, 0, sizeof *metrics);
    *ret_metrics = metrics;
    return MR_OK;
}

void
mr_metrics_free(struct mr_metrics **metrics)
{
    free(*metrics);
    *metrics = NULL;
}

struct mr_metrics_cell *
mr_metrics_cell(struct mr_metrics *metrics)
{
    unsigned taken = atomic_fetch_add_explicit(&metrics->cells_used, 1, memory_order_relaxed);
    MR_REQUIRE(taken < MR_METRICS_CELLS);
    return &metrics->cells[taken];
}

void
mr_metrics_add(struct mr_metrics_cell *cell, enum mr_metric metric, uint64_t value)
{
    MR_REQUIRE(mri_metrics_rows[metric].kind == MRI_METRICS_COUNTER);
    /* Load and store, not a read-modify-write: the cell has one writer. */
    _Atomic uint64_t *slot = &cell->values[metric];
    uint64_t sum = atomic_load_explicit(slot, memory_order_relaxed) + value;
    atomic_store_explicit(slot, sum, memory_order_relaxed);
}

void
mr_metrics_set(struct mr_metrics *metrics, enum mr_metric metric, double value)
{
    uint64_t bits;
    MR_REQUIRE(mri_metrics_rows[metric].kind != MRI_METRICS_COUNTER);
    memcpy(&bits, &value, sizeof bits);
    atomic_store_explicit(&metrics->gauges[metric], bits, memory_order_relaxed);
}

static uint64_t
sum_cells(const struct mr_metrics *metrics, enum mr_metric metric)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < MR_METRICS_CELLS; i++) {
        sum += atomic_load_explicit(&metrics->cells[i].values[metric], memory_order_relaxed);
    }
    return sum;
}

static double
read_gauge(const struct mr_metrics *metrics, enum mr_metric metric)
{
    uint64_t bits = atomic_load_explicit(&metrics->gauges[metric], memory_order_relaxed);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

double
mr_metrics_get(const struct mr_metrics *metrics, enum mr_metric metric)
{
    return mri_metrics_rows[metric].kind == MRI_METRICS_COUNTER ? (double)sum_cells(metrics, metric)
                                                                : read_gauge(metrics, metric);
}

const char *
mri_metrics_type(enum mri_metrics_kind kind)
{
    return kind == MRI_METRICS_COUNTER || kind == MRI_METRICS_COUNTER_FLOAT ? "counter" : "gauge";
}

bool
mri_metrics_first(int i)
{
    return i == 0 || strcmp(mri_metrics_rows[i].name, mri_metrics_rows[i - 1].name) != 0;
}

/* Microseconds are enough for every gauge. printf's %f would take the decimal point from the
 * locale, so the fraction is written as an integer. */
static void
add_fraction(struct mr_text *out, double value)
{
    const double micros_exact = 9e15;
    double micros = value * 1e6;
    if (isnan(value)) {
        mr_text_adds(out, "NaN");
    } else if (isinf(value)) {
        mr_text_adds(out, value > 0 ? "+Inf" : "-Inf");
    } else if (fabs(micros) >= micros_exact) {
        mr_text_addf(out, "%.0f", value);
    } else {
        int64_t whole = llround(micros);
        int64_t size = whole < 0 ? -whole : whole;
        mr_text_addf(
            out, "%s%" PRId64 ".%06" PRId64, whole < 0 ? "-" : "", size / 1000000, size % 1000000);
    }
}

static void
add_value(const struct mr_metrics *metrics, enum mr_metric metric, struct mr_text *out)
{
    switch (mri_metrics_rows[metric].kind) {
    case MRI_METRICS_COUNTER:
        mr_text_addf(out, "%" PRIu64, sum_cells(metrics, metric));
        return;
    case MRI_METRICS_GAUGE:
        mr_text_addf(out, "%.0f", read_gauge(metrics, metric));
        return;
    case MRI_METRICS_COUNTER_FLOAT:
    case MRI_METRICS_GAUGE_FLOAT:
        add_fraction(out, read_gauge(metrics, metric));
        return;
    }
}

/* In HELP a backslash and a newline are escaped, nothing else. */
static void
add_help(struct mr_text *out, const char *help)
{
    for (const char *p = help; *p; p++) {
        if (*p == '\\') {
            mr_text_adds(out, "\\\\");
        } else if (*p == '\n') {
            mr_text_adds(out, "\\n");
        } else {
            mr_text_add(out, p, 1);
        }
    }
}

void
mr_metrics_render(const struct mr_metrics *metrics, struct mr_text *out)
{
    for (int i = 0; i < MR_METRIC_COUNT; i++) {
        const struct mri_metrics_row *row = &mri_metrics_rows[i];
        if (mri_metrics_first(i)) {
            mr_text_addf(out, "# HELP %s ", row->name);
            add_help(out, row->help);
            mr_text_addf(out, "\n# TYPE %s %s\n", row->name, mri_metrics_type(row->kind));
        }
        mr_text_adds(out, row->name);
        if (*row->labels) {
            mr_text_addf(out, "{%s}", row->labels);
        }
        mr_text_adds(out, " ");
        add_value(metrics, (enum mr_metric)i, out);
        mr_text_adds(out, "\n");
    }
}
