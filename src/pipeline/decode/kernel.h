/* Wide loads of one kernel, chosen by MRI_KERNEL_<X> of the object file that includes this.
 * mri_special: bit i is set when byte i of the next MRI_WIDTH needs a look inside a string: quote,
 * backslash, control character, or above 0x7F. Loads may pass the end of a record by less than
 * MRI_PAD bytes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(MRI_KERNEL_AVX2)
#include <immintrin.h>

#define MRI_KERNEL      mri_kernel_avx2
#define MRI_KERNEL_TEXT "avx2"
#define MRI_WIDTH       32

static inline uint64_t
mri_special(const char *p)
{
    __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i quote = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"'));
    __m256i slash = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\'));
    /* Signed: bytes above 0x7F are negative, so one comparison finds them and control characters.
     */
    __m256i other = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), bytes);
    __m256i any = _mm256_or_si256(_mm256_or_si256(quote, slash), other);
    return (uint32_t)_mm256_movemask_epi8(any);
}

/* The first 32 bytes at least are readable on both sides. */
static inline bool
mri_same(const char *p, const char *literal, uint32_t len)
{
    for (; len > MRI_WIDTH; len -= MRI_WIDTH, p += MRI_WIDTH, literal += MRI_WIDTH) {
        if (memcmp(p, literal, MRI_WIDTH) != 0)
            return false;
    }
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)literal);
    uint32_t differ = ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, b));
    return (differ & (uint32_t)((UINT64_C(1) << len) - 1)) == 0;
}

#elif defined(MRI_KERNEL_SSE2)
#include <emmintrin.h>

#define MRI_KERNEL      mri_kernel_sse2
#define MRI_KERNEL_TEXT "sse2"
#define MRI_WIDTH       16

static inline uint64_t
mri_special(const char *p)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    __m128i other = _mm_cmpgt_epi8(_mm_set1_epi8(0x20), bytes);
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), other));
}

static inline bool
mri_same(const char *p, const char *literal, uint32_t len)
{
    for (; len > MRI_WIDTH; len -= MRI_WIDTH, p += MRI_WIDTH, literal += MRI_WIDTH) {
        if (memcmp(p, literal, MRI_WIDTH) != 0)
            return false;
    }
    __m128i a = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i b = _mm_loadu_si128((const __m128i *)(const void *)literal);
    uint32_t differ = ~(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(a, b));
    return (differ & ((UINT32_C(1) << len) - 1)) == 0;
}

#else

#define MRI_KERNEL      mri_kernel_scalar
#define MRI_KERNEL_TEXT "scalar"
#define MRI_WIDTH       8

/* One bit a byte, at the place of a wide kernel's bit. The subtractions may carry into bytes above
 * the first hit, never below it, and only the lowest bit is looked at. */
static inline uint64_t
mri_special(const char *p)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones * 0x80;
    uint64_t bytes;
    memcpy(&bytes, p, sizeof bytes);
    uint64_t quote = bytes ^ (ones * '"'), slash = bytes ^ (ones * '\\');
    uint64_t hits = (quote - ones) & ~quote;
    hits |= (slash - ones) & ~slash;
    hits |= (bytes - ones * 0x20) | bytes;
    hits &= highs;
    return hits ? UINT64_C(1) << (__builtin_ctzll(hits) >> 3) : 0;
}

static inline bool
mri_same(const char *p, const char *literal, uint32_t len)
{
    return memcmp(p, literal, len) == 0;
}

#endif
