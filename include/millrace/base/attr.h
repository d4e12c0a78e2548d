/* Compiler attributes, spelled once.
 * Threads: none. Memory: none. Errors: none. */
#pragma once

#define MR_NODISCARD __attribute__((warn_unused_result))
#define MR_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define MR_NORETURN _Noreturn
#define MR_LIKELY(x) __builtin_expect(!!(x), 1)
#define MR_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Two lines: the adjacent-line prefetcher of x86 pulls pairs, so counters of two threads must be
 * a pair apart. Table entries, which are dense, use one line. */
#define MR_CACHE_LINE 64
#define MR_CACHE_PAIR 128

#define MR_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
