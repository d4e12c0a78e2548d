/* Broken invariants end the process, in release builds too.
 * MR_REQUIRE: the caller broke the contract. MR_INSIST: we did. One condition each, without side
 * effects. Input from outside is never asserted: it is checked, counted and rejected.
 * Threads: any. Errors: prints the place and the condition to stderr, then abort(). */
#pragma once

#include "millrace/base/attr.h"

MR_NORETURN void
mr_assert_failed(const char *kind, const char *condition, const char *file, int line);

#define MR_REQUIRE(cond)                                                                           \
    (MR_LIKELY(cond) ? (void)0 : mr_assert_failed("require", #cond, __FILE__, __LINE__))
#define MR_INSIST(cond)                                                                            \
    (MR_LIKELY(cond) ? (void)0 : mr_assert_failed("insist", #cond, __FILE__, __LINE__))
