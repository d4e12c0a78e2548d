/* The table of checks that verify prints. */
#include "pipeline/verify/verify_priv.h"

#include <stdlib.h>

static int
max_width(int width, const char *cell)
{
    int len = (int)strlen(cell);
    return len > width ? len : width;
}

void
mri_report_add(struct mri_report *report,
               bool ok,
               const char *name,
               const char *of,
               const char *expected,
               const char *found)
{
    if (report->count == report->capacity) {
        uint32_t capacity = report->capacity ? report->capacity * 2 : 32;
        struct mri_check *grown = realloc(report->checks, capacity * sizeof *grown);
        if (!grown) {
            report->overflow = true;
            return;
        }
        report->checks = grown;
        report->capacity = capacity;
    }
    struct mri_check *check = &report->checks[report->count++];
    snprintf(check->name, sizeof check->name, "%s", name);
    snprintf(check->of, sizeof check->of, "%s", of);
    snprintf(check->expected, sizeof check->expected, "%s", expected);
    snprintf(check->found, sizeof check->found, "%s", found);
    check->ok = ok;
    report->different += !ok;
}

void
mri_report_add_i64(struct mri_report *report,
                   bool ok,
                   const char *name,
                   const char *of,
                   int64_t expected,
                   int64_t found)
{
    char left[24], right[24];
    snprintf(left, sizeof left, "%lld", (long long)expected);
    snprintf(right, sizeof right, "%lld", (long long)found);
    mri_report_add(report, ok, name, of, left, right);
}

void
mri_report_print(const struct mri_report *report, FILE *out)
{
    int name = 5, of = 2, expected = 8, found = 5;
    for (uint32_t i = 0; i < report->count; i++) {
        name = max_width(name, report->checks[i].name);
        of = max_width(of, report->checks[i].of);
        expected = max_width(expected, report->checks[i].expected);
        found = max_width(found, report->checks[i].found);
    }
    fprintf(out,
            "%-*s  %-*s  %*s  %*s  result\n",
            name,
            "check",
            of,
            "of",
            expected,
            "expected",
            found,
            "found");
    for (uint32_t i = 0; i < report->count; i++) {
        const struct mri_check *check = &report->checks[i];
        fprintf(out,
                "%-*s  %-*s  %*s  %*s  %s\n",
                name,
                check->name,
                of,
                check->of,
                expected,
                check->expected,
                found,
                check->found,
                check->ok ? "ok" : "DIFFERENT");
    }
    fputs(mr_text_str(&report->notes), out);
}

void
mri_report_fini(struct mri_report *report)
{
    free(report->checks);
    mr_text_fini(&report->notes);
    *report = (struct mri_report){0};
}
