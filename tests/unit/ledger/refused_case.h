/* A contract that is broken does not end the process here (--wrap=mr_assert_failed): the condition
 * that was false is noted, and the call is left. */
#pragma once

#include <setjmp.h>
#include <string.h>

#include "millrace/base/attr.h"
#include "test.h"

static jmp_buf refused_back;
static const char *refused_condition;

MR_NORETURN void
__wrap_mr_assert_failed(const char *kind, const char *condition, const char *file, int line);

MR_NORETURN void
__wrap_mr_assert_failed(const char *kind, const char *condition, const char *file, int line)
{
    (void)kind;
    (void)file;
    (void)line;
    refused_condition = condition;
    longjmp(refused_back, 1);
}

/* The statement is left at an assertion of this text. */
#define T_REFUSED(text, ...)                                                                       \
    do {                                                                                           \
        refused_condition = "nothing";                                                             \
        if (setjmp(refused_back) == 0) {                                                           \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
        T_STR_EQ(refused_condition, text);                                                         \
    } while (0)
