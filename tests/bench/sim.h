/* Simulators of the pipeline benchmarks, each in a process of its own. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_TOPIC "orders"
#define SIM_PARTITIONS 64
#define SIM_KEYS 100000

/* What the sink was asked for. Questions for a backend and the bodies that follow count apart. */
enum sim_call {
    SIM_ASK,        /* Stream Load or load of a transaction: which backend takes it? */
    SIM_BODY,       /* the load itself, ledger rows excepted */
    SIM_LEDGER,     /* ledger rows: one such load a unit, under both deliveries */
    SIM_BEGIN,
    SIM_COMMIT,
    SIM_ROLLBACK,
    SIM_STATE,      /* get_load_state */
    SIM_OTHER,      /* answered with 404 */
    SIM_CALL_COUNT
};

/* In memory shared by the sink and whoever looks. */
struct sim_calls {
    _Atomic uint64_t number[SIM_CALL_COUNT]; /* [atomic: relaxed, sums only] */
};

/* Event `number`: about 370 bytes of JSON. Returns its length. */
int
sim_event(char *out, size_t size, uint64_t number);

/* Runs a broker with `events` events; writes its address to ready_fd; ends when stop_fd is closed. */
void
sim_broker(uint64_t events, int ready_fd, int stop_fd);

/* Runs an HTTP server that redirects, reads and discards Stream Loads and transactions of several
 * tables and calls them successful; writes "http://127.0.0.1:PORT" to ready_fd; ends when stop_fd is
 * closed. publish_ms: what a Stream Load and a COMMIT wait before their answer. */
void
sim_sink(struct sim_calls *calls, int64_t publish_ms, int ready_fd, int stop_fd);
