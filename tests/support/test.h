/* Test framework of the unit tests: Criterion, or, with MR_TEST_PLAIN (ThreadSanitizer builds, in
 * which Criterion cannot start), the same Test() bodies run by plain_main.c one after another in
 * one process. Use only the forms below. */
#pragma once

#ifndef MR_TEST_PLAIN

#include <criterion/criterion.h>

#define T_TRUE(cond) cr_assert((cond), "%s:%d: %s", __FILE__, __LINE__, #cond)
#define T_TRUE_MSG(cond, ...) cr_assert((cond), __VA_ARGS__)
#define T_STR_EQ(actual, expected)                                                                 \
    do {                                                                                           \
        const char *t_actual = (actual), *t_expected = (expected);                                 \
        cr_assert(strcmp(t_actual, t_expected) == 0, "%s:%d: got \"%s\", expected \"%s\"",         \
                  __FILE__, __LINE__, t_actual, t_expected);                                       \
    } while (0)
#define T_INT_EQ(actual, expected)                                                                 \
    do {                                                                                           \
        long long t_actual = (long long)(actual), t_expected = (long long)(expected);              \
        cr_assert(t_actual == t_expected, "%s:%d: %s is %lld, expected %lld", __FILE__, __LINE__,  \
                  #actual, t_actual, t_expected);                                                  \
    } while (0)

#else

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct t_plain {
    const char *suite, *name;
    void (*run)(void);
    struct t_plain *next;
};
void
t_plain_register(struct t_plain *test);

#define Test(s, n)                                                                                 \
    static void t_run_##s##_##n(void);                                                             \
    static struct t_plain t_test_##s##_##n = {#s, #n, t_run_##s##_##n, NULL};                      \
    __attribute__((constructor)) static void t_register_##s##_##n(void)                            \
    {                                                                                              \
        t_plain_register(&t_test_##s##_##n);                                                       \
    }                                                                                              \
    static void t_run_##s##_##n(void)

#define T_TRUE_MSG(cond, ...)                                                                      \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)
#define T_TRUE(cond) T_TRUE_MSG((cond), "%s:%d: %s", __FILE__, __LINE__, #cond)
#define T_STR_EQ(actual, expected)                                                                 \
    do {                                                                                           \
        const char *t_actual = (actual), *t_expected = (expected);                                 \
        T_TRUE_MSG(strcmp(t_actual, t_expected) == 0, "%s:%d: got \"%s\", expected \"%s\"",        \
                   __FILE__, __LINE__, t_actual, t_expected);                                      \
    } while (0)
#define T_INT_EQ(actual, expected)                                                                 \
    do {                                                                                           \
        long long t_actual = (long long)(actual), t_expected = (long long)(expected);              \
        T_TRUE_MSG(t_actual == t_expected, "%s:%d: %s is %lld, expected %lld", __FILE__, __LINE__, \
                   #actual, t_actual, t_expected);                                                 \
    } while (0)

#endif
