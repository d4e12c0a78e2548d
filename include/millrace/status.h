/* Status: HTTP server for /metrics /livez /readyz /v1/status (libmicrohttpd).
 * Threads: one server thread of its own calls the probes: they must be thread-safe and quick.
 * Memory: at most 32 connections, 64 KiB each. Errors: MR_SYSTEM (port in use) with a hint.
 * Limits: GET and HEAD only; listens where option status.listen says. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "millrace/base/error.h"
#include "millrace/base/text.h"
#include "millrace/metrics.h"

struct mr_status_probes {
    void *context;
    void (*refresh)(void *context); /* before /metrics: set gauges; may be NULL */
    /* False: *reason (a static or context-owned sentence) says why not ready. */
    bool (*ready)(void *context, const char **reason);
    void (*status)(void *context, struct mr_text *json); /* /v1/status */
};

struct mr_status;

/* port 0: the system chooses; mr_status_port tells. */
MR_NODISCARD enum mr_rc
mr_status_start(const char *host, uint16_t port, const struct mr_metrics *metrics,
                const struct mr_status_probes *probes, struct mr_status **ret_status,
                struct mr_error *reterr_error);

uint16_t
mr_status_port(const struct mr_status *status);

void
mr_status_stop(struct mr_status **status);
