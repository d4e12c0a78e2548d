/* The rows of metrics.def as data, for the renderer and the reference table. */
#pragma once

#include <stdbool.h>

#include "millrace/metrics.h"

enum mri_metrics_kind {
    MRI_METRICS_COUNTER,       /* added up in cells */
    MRI_METRICS_COUNTER_FLOAT, /* a sum kept elsewhere, set as a gauge is; it only grows */
    MRI_METRICS_GAUGE,
    MRI_METRICS_GAUGE_FLOAT
};

struct mri_metrics_row {
    const char *name;
    const char *labels; /* as they stand between the braces; "" for none */
    enum mri_metrics_kind kind;
    const char *help;
};

extern const struct mri_metrics_row mri_metrics_rows[MR_METRIC_COUNT];

/* "counter" or "gauge". */
const char *mri_metrics_type(enum mri_metrics_kind kind);

/* True when row i is the first of its name. */
bool mri_metrics_first(int i);
