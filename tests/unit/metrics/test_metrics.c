/* Metrics: sums over threads, the text format, the reference table. */
#include "millrace/metrics.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "metrics/metrics_priv.h"
#include "millrace/base/thread.h"
#include "test.h"

static struct mr_metrics *
make_metrics(void)
{
    struct mr_metrics *metrics = NULL;
    T_INT_EQ(mr_metrics_new(&metrics), MR_OK);
    return metrics;
}

static unsigned
count_lines(const char *text, const char *start)
{
    unsigned found = 0;
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        found += strncmp(line, start, strlen(start)) == 0;
    }
    return found;
}

static bool
has_line(const char *text, const char *line)
{
    size_t len = strlen(line);
    for (const char *p = text; (p = strstr(p, line)) != NULL; p++) {
        if ((p == text || p[-1] == '\n') && p[len] == '\n') {
            return true;
        }
    }
    return false;
}

struct adder {
    struct mr_metrics *metrics;
    struct mr_thread thread;
};

static void
add_many(void *argument)
{
    struct adder *adder = argument;
    struct mr_metrics_cell *cell = mr_metrics_cell(adder->metrics);
    for (int i = 0; i < 10000; i++) {
        mr_metrics_add(cell, MR_M_RECORDS, 1);
        mr_metrics_add(cell, MR_M_RECORD_BYTES, 370);
    }
}

Test(metrics, a_counter_is_the_sum_over_threads_while_another_reads)
{
    struct adder adders[4];
    struct mr_metrics *metrics = make_metrics();
    double before = 0;
    for (unsigned i = 0; i < MR_ARRAY_LEN(adders); i++) {
        adders[i].metrics = metrics;
        T_INT_EQ(mr_thread_start(&adders[i].thread, "adder", add_many, &adders[i]), MR_OK);
    }
    for (int i = 0; i < 100; i++) {
        double seen = mr_metrics_get(metrics, MR_M_RECORDS);
        T_TRUE(seen >= before && seen <= 40000);
        before = seen;
    }
    for (unsigned i = 0; i < MR_ARRAY_LEN(adders); i++) {
        mr_thread_join(&adders[i].thread);
    }
    T_INT_EQ(mr_metrics_get(metrics, MR_M_RECORDS), 40000);
    T_INT_EQ(mr_metrics_get(metrics, MR_M_RECORD_BYTES), 40000 * 370);
    mr_metrics_free(&metrics);
    T_TRUE(metrics == NULL);
}

Test(metrics, help_and_type_stand_once_a_name_and_every_label_has_its_line)
{
    struct mr_metrics *metrics = make_metrics();
    struct mr_text text = {0};
    mr_metrics_add(mr_metrics_cell(metrics), MR_M_COMMITS_FAILED, 7);
    mr_metrics_render(metrics, &text);
    const char *out = mr_text_str(&text);
    T_INT_EQ(count_lines(out, "# HELP mr_consume_commits_total "), 1);
    T_INT_EQ(count_lines(out, "# TYPE mr_consume_commits_total counter"), 1);
    T_TRUE(has_line(out, "mr_consume_commits_total{result=\"ok\"} 0"));
    T_TRUE(has_line(out, "mr_consume_commits_total{result=\"failed\"} 7"));
    T_INT_EQ(count_lines(out, "mr_"), MR_METRIC_COUNT);
    T_INT_EQ(count_lines(out, "# HELP "), count_lines(out, "# TYPE "));
    T_TRUE(out[text.len - 1] == '\n');
    mr_text_fini(&text);
    mr_metrics_free(&metrics);
}

static void
check_rendered(double value, const char *expected)
{
    struct mr_metrics *metrics = make_metrics();
    struct mr_text text = {0};
    char line[128];
    mr_metrics_set(metrics, MR_M_FRESHNESS, value);
    mr_metrics_render(metrics, &text);
    snprintf(line, sizeof line, "mr_app_freshness_seconds %s", expected);
    T_TRUE_MSG(has_line(mr_text_str(&text), line), "expected %s", line);
    mr_text_fini(&text);
    mr_metrics_free(&metrics);
}

Test(metrics, fractions_are_written_the_same_in_every_locale)
{
    (void)setlocale(LC_ALL, "de_DE.UTF-8");
    check_rendered(0.0, "0.000000");
    check_rendered(0.25, "0.250000");
    check_rendered(-1.5, "-1.500000");
    check_rendered(1769817600.123456, "1769817600.123456");
    check_rendered(0.9999999, "1.000000");
    check_rendered(1e18, "1000000000000000000");
    check_rendered(NAN, "NaN");
    check_rendered(INFINITY, "+Inf");
    check_rendered(-INFINITY, "-Inf");
}

Test(metrics, a_gauge_keeps_the_last_value_and_is_written_whole)
{
    struct mr_metrics *metrics = make_metrics();
    struct mr_text text = {0};
    mr_metrics_set(metrics, MR_M_MEMORY_USED, 1.0);
    mr_metrics_set(metrics, MR_M_MEMORY_USED, 536870912.0);
    T_INT_EQ(mr_metrics_get(metrics, MR_M_MEMORY_USED), 536870912);
    mr_metrics_render(metrics, &text);
    T_TRUE(has_line(mr_text_str(&text), "mr_app_memory_used_bytes 536870912"));
    mr_text_fini(&text);
    mr_metrics_free(&metrics);
}

/* One label `name="value"` of printable characters that need no escaping. */
static bool
label_is_plain(const char *label)
{
    const char *p = label;
    while (islower((unsigned char)*p) || *p == '_') {
        p++;
    }
    if (p == label || p[0] != '=' || p[1] != '"') {
        return false;
    }
    p += 2;
    size_t value = strcspn(p, "\"\\\n{}");
    return value > 0 && strcmp(p + value, "\"") == 0;
}

Test(metrics, every_row_has_a_lawful_name_plain_labels_and_a_sentence)
{
    for (int i = 0; i < MR_METRIC_COUNT; i++) {
        const struct mri_metrics_row *row = &mri_metrics_rows[i];
        size_t name = strspn(row->name, "abcdefghijklmnopqrstuvwxyz_");
        size_t help = strlen(row->help);
        T_TRUE_MSG(row->name[name] == 0 && strncmp(row->name, "mr_", 3) == 0, "%s", row->name);
        T_TRUE_MSG(!*row->labels || label_is_plain(row->labels), "%s", row->labels);
        T_TRUE_MSG(help > 1 && row->help[help - 1] == '.', "%s: \"%s\"", row->name, row->help);
        T_TRUE_MSG(
            row->kind != MRI_METRICS_COUNTER || strstr(row->name, "_total"), "%s", row->name);
        T_TRUE_MSG(i == 0 || mri_metrics_first(i) ||
                       strcmp(row->help, mri_metrics_rows[i - 1].help) == 0,
                   "%s has two help texts",
                   row->name);
    }
}

Test(metrics, rows_of_one_name_stand_together_and_differ_in_labels)
{
    for (int i = 0; i < MR_METRIC_COUNT; i++) {
        for (int j = i + 1; j < MR_METRIC_COUNT; j++) {
            const struct mri_metrics_row *a = &mri_metrics_rows[i], *b = &mri_metrics_rows[j];
            if (strcmp(a->name, b->name) == 0) {
                T_TRUE_MSG(!mri_metrics_first(j), "%s stands twice", a->name);
                T_TRUE_MSG(strcmp(a->labels, b->labels) != 0, "%s{%s}", a->name, a->labels);
            }
        }
    }
}

static char *
list_text(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    T_TRUE(out != NULL);
    mr_metrics_list(out);
    fclose(out);
    return text;
}

Test(metrics, the_list_has_one_row_a_name_with_its_label_values)
{
    char *list = list_text();
    unsigned names = 0;
    for (int i = 0; i < MR_METRIC_COUNT; i++) {
        names += mri_metrics_first(i);
    }
    T_INT_EQ(count_lines(list, "| "), names + 2);
    T_INT_EQ(count_lines(list, "| `mr_consume_commits_total` | counter | `result`: ok, failed |"),
             1);
    T_INT_EQ(count_lines(list, "| `mr_build_info` | gauge | `version` |"), 1);
    T_INT_EQ(count_lines(list, "| `mr_app_ready` | gauge |  |"), 1);
    free(list);
}

static void
read_file(const char *path, char *out, size_t size)
{
    FILE *in = fopen(path, "r");
    T_TRUE(in != NULL);
    size_t got = fread(out, 1, size - 1, in);
    T_TRUE_MSG(got < size - 1, "%s is too long for this test", path);
    out[got] = 0;
    fclose(in);
}

Test(metrics, the_readme_shows_the_list)
{
    static char readme[1 << 20];
    static const char marker[] = "<!-- metrics -->", end_marker[] = "<!-- /metrics -->";
    if (access(README_PATH, R_OK) != 0) {
        return; /* a source package may come without it */
    }
    read_file(README_PATH, readme, sizeof readme);
    char *list = list_text();
    char *begin = strstr(readme, marker);
    char *end = begin ? strstr(begin, end_marker) : NULL;
    T_TRUE_MSG(begin && end, "README.md lacks %s … %s", marker, end_marker);
    begin += strlen(marker);
    begin += strspn(begin, "\n");
    *end = 0;
    while (end > begin && end[-1] == '\n' && end[-2] == '\n') {
        *--end = 0;
    }
    T_STR_EQ(begin, list);
    free(list);
}
