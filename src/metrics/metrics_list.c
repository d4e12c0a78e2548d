/* The reference table of the README. */
#include "metrics/metrics_priv.h"

#include <string.h>

/* A pipe would end the cell. */
static void
put_cell(FILE *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '|') {
            fputc('\\', out);
        }
        fputc(*p, out);
    }
}

/* Label name, then the values of all rows of this name; a single row shows the name alone, for its
 * value is not a choice (a version). */
static void
put_labels(FILE *out, int first, int rows)
{
    const char *labels = mri_metrics_rows[first].labels;
    int name_len = (int)strcspn(labels, "=");
    if (!*labels) {
        return;
    }
    fprintf(out, "`%.*s`", name_len, labels);
    for (int i = first; rows > 1 && i < first + rows; i++) {
        const char *value = mri_metrics_rows[i].labels + name_len + 2;
        fprintf(out, "%s%.*s", i == first ? ": " : ", ", (int)strcspn(value, "\""), value);
    }
}

void
mr_metrics_list(FILE *out)
{
    fputs("| name | type | labels | meaning |\n| --- | --- | --- | --- |\n", out);
    for (int i = 0; i < MR_METRIC_COUNT;) {
        int rows = 1;
        while (i + rows < MR_METRIC_COUNT && !mri_metrics_first(i + rows)) {
            rows++;
        }
        const struct mri_metrics_row *row = &mri_metrics_rows[i];
        fprintf(out, "| `%s` | %s | ", row->name, mri_metrics_type(row->kind));
        put_labels(out, i, rows);
        fputs(" | ", out);
        put_cell(out, row->help);
        fputs(" |\n", out);
        i += rows;
    }
}
