#include "pipeline/verify/verify_priv.h"
#include "test.h"

#include <stdlib.h>

Test(verify_report, every_check_is_an_aligned_row_and_notes_follow)
{
    struct mri_report report = {0};
    char *text = NULL;
    size_t size = 0;
    mri_report_add_i64(&report, true, "detail rows", "orders/0", 17415, 17415);
    mri_report_add_i64(&report, false, "events in the rollup", "orders_1m", 7, 6);
    mri_report_add(&report, true, "detail rows", "orders/1", "<= 3", "2");
    mr_text_adds(&report.notes, "orders_1m: note\n");
    T_INT_EQ(report.count, 3);
    T_INT_EQ(report.different, 1);
    FILE *out = open_memstream(&text, &size);
    mri_report_print(&report, out);
    fclose(out);
    T_STR_EQ(text,
             "check                 of         expected  found  result\n"
             "detail rows           orders/0      17415  17415  ok\n"
             "events in the rollup  orders_1m         7      6  DIFFERENT\n"
             "detail rows           orders/1       <= 3      2  ok\n"
             "orders_1m: note\n");
    free(text);
    mri_report_fini(&report);
}
