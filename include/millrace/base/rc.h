/* Result codes of every function that can fail.
 * Threads: any. A function returns a code and writes its outputs only when the code is MR_OK. */
#pragma once

enum mr_rc {
#define X(name, exit_code, text, hint) MR_##name,
#include "millrace/base/rc.def"
#undef X
    MR_RC_COUNT
};

/* Lower-case text without a full stop; static storage. */
const char *
mr_rc_text(enum mr_rc rc);

/* One sentence that says what to do, or "". */
const char *
mr_rc_hint(enum mr_rc rc);

/* Symbol without the MR_ prefix, for logs and tables. */
const char *
mr_rc_name(enum mr_rc rc);

/* Exit code of the process, 0..255. */
int
mr_rc_exit(enum mr_rc rc);
