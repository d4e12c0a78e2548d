/* Simulators of the pipeline benchmark, each in a process of its own. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SIM_TOPIC "orders"
#define SIM_PARTITIONS 64
#define SIM_KEYS 100000

/* Event `number`: about 370 bytes of JSON. Returns its length. */
int
sim_event(char *out, size_t size, uint64_t number);

/* Runs a broker with `events` events; writes its address to ready_fd; ends when stop_fd is closed. */
void
sim_broker(uint64_t events, int ready_fd, int stop_fd);

/* Runs an HTTP server that redirects, reads and discards Stream Loads and calls them successful;
 * writes "http://127.0.0.1:PORT" to ready_fd; ends when stop_fd is closed. */
void
sim_sink(int ready_fd, int stop_fd);
