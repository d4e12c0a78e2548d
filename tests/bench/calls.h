/* Counts the calls that Millrace's own code makes to what the hot path must not use. The linker
 * wraps the functions (see meson.build); libraries' own calls are not counted. */
#pragma once

#include <stdint.h>

struct calls {
    uint64_t allocations, locks, logs, system;
};

struct calls
calls_now(void);

struct calls
calls_since(const struct calls *before);

void
calls_print(const struct calls *calls, uint64_t events);
