/* XXH3 and a random seed. */
#include "millrace/base/hash.h"

#include <sys/random.h>
#include <xxhash.h>

#include "millrace/base/clock.h"

uint64_t
mr_hash_bytes(const void *bytes, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, len, seed);
}

uint64_t
mr_hash_random(void)
{
    uint64_t value;
    if (getrandom(&value, sizeof value, 0) == (ssize_t)sizeof value)
        return value;
    /* No entropy call (a sandbox): time still differs from process to process. */
    return (uint64_t)mr_clock_wall_us() * UINT64_C(0x9E3779B97F4A7C15);
}
