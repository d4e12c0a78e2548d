/* Errors at borders. */
#include "millrace/base/error.h"

#include <stdarg.h>
#include <stdio.h>

enum mr_rc
mr_error_set(struct mr_error *err, enum mr_rc rc, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        err->rc = rc;
        err->hint[0] = '\0';
    }
    return rc;
}

void
mr_error_hint(struct mr_error *err, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->hint, sizeof err->hint, format, args);
        va_end(args);
    }
}

const char *
mr_error_get_hint(const struct mr_error *err)
{
    return err->hint[0] ? err->hint : mr_rc_hint(err->rc);
}
