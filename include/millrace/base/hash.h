/* Seeded 64-bit hash (XXH3). Keys are chosen by strangers, so the seed is drawn once a process.
 * Threads: any after mr_hash_seed. A hash is never an identity. */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint64_t
mr_hash_bytes(const void *bytes, size_t len, uint64_t seed);

/* 64 random bits from the kernel. */
uint64_t
mr_hash_random(void);
