/* Texts of the result codes, from rc.def; reports of broken invariants. */
#include "millrace/base/rc.h"

#include <stdio.h>
#include <stdlib.h>

#include "millrace/base/assert.h"

struct row {
    const char *name;
    const char *text;
    const char *hint;
    int exit_code;
};

static const struct row rows[MR_RC_COUNT] = {
#define X(n, e, t, h) [MR_##n] = {.name = #n, .text = (t), .hint = (h), .exit_code = (e)},
#include "millrace/base/rc.def"
#undef X
};

static const struct row *
row_of(enum mr_rc rc)
{
    return &rows[(unsigned)rc < MR_RC_COUNT ? rc : MR_INTERNAL];
}

const char *
mr_rc_text(enum mr_rc rc)
{
    return row_of(rc)->text;
}

const char *
mr_rc_hint(enum mr_rc rc)
{
    return row_of(rc)->hint;
}

const char *
mr_rc_name(enum mr_rc rc)
{
    return row_of(rc)->name;
}

int
mr_rc_exit(enum mr_rc rc)
{
    return row_of(rc)->exit_code;
}

MR_NORETURN void
mr_assert_failed(const char *kind, const char *condition, const char *file, int line)
{
    fprintf(stderr, "millrace: broken invariant (%s) at %s:%d: %s\n", kind, file, line, condition);
    abort();
}
