/* What the server says of its memory of labels. */
#include "pipeline/verify/verify_priv.h"
#include "test.h"

/* The columns as one version has them; another has no aliases. */
static void
take(struct mr_label_memory *memory, const char *key, const char *value)
{
    static char names[][12] = {"Key", "AliasNames", "Value", "Type"};
    MYSQL_FIELD fields[4] = {{.name = names[0]}, {.name = names[1]}, {.name = names[2]},
                             {.name = names[3]}};
    const char *cells[] = {key, "[]", value, "int"};
    T_INT_EQ(mri_label_row(memory, &(struct mri_row){.cells = cells, .count = 4, .fields = fields}),
             MR_OK);
}

Test(verify_labels, number_and_age_are_found_by_their_keys)
{
    struct mr_label_memory memory = {0, 0};
    take(&memory, "label_keep_max_num", "2000");
    take(&memory, "label_keep_max_second", "3600");
    take(&memory, "streaming_label_keep_max_second", "7");
    T_INT_EQ(memory.count, 2000);
    T_INT_EQ(memory.seconds, 3600);
}

Test(verify_labels, what_is_no_positive_number_is_not_believed)
{
    static const char *const values[] = {NULL, "", "0", "-1", "12x", "many"};
    struct mr_label_memory memory = {0, 0};
    for (size_t i = 0; i < MR_ARRAY_LEN(values); i++)
        take(&memory, "label_keep_max_num", values[i]);
    take(&memory, NULL, "5");
    T_INT_EQ(memory.count, 0);
    T_INT_EQ(memory.seconds, 0);
}
