/* Text: growing, limits, quoting, distance. */
#include "millrace/base/text.h"

#include "test.h"

Test(base_text, grows_past_its_first_block_and_stays_terminated)
{
    struct mr_text text = {.limit = 0};
    for (int i = 0; i < 1000; i++)
        mr_text_addf(&text, "%03d,", i);
    T_INT_EQ(text.len, 4000);
    T_INT_EQ(strlen(mr_text_str(&text)), 4000);
    T_TRUE(memcmp(text.p + 3996, "999,", 4) == 0);
    mr_text_fini(&text);
}

Test(base_text, stops_at_its_limit_and_says_so)
{
    struct mr_text text = {.limit = 10};
    mr_text_adds(&text, "0123456789");
    T_TRUE(!text.overflow);
    mr_text_adds(&text, "x");
    T_TRUE(text.overflow);
    T_STR_EQ(mr_text_str(&text), "0123456789");
    mr_text_reset(&text);
    T_TRUE(!text.overflow);
    T_STR_EQ(mr_text_str(&text), "");
    mr_text_fini(&text);
}

Test(base_text, quotes_bytes_from_outside)
{
    char out[64];
    T_STR_EQ(mr_text_quote(out, sizeof out, "a\"b\\c\n\x00\xff", 8), "a\\\"b\\\\c\\x0A\\x00\\xFF");
    T_STR_EQ(mr_text_quote(out, sizeof out, "", 0), "");
}

Test(base_text, cuts_a_quote_that_does_not_fit)
{
    char out[8];
    T_STR_EQ(mr_text_quote(out, sizeof out, "0123456", 7), "0123456");
    T_STR_EQ(mr_text_quote(out, sizeof out, "01234567", 8), "0123...");
    T_STR_EQ(mr_text_quote(out, sizeof out, "\n\n\n\n", 4), "\\x0A...");
}

Test(base_text, measures_edit_distance_up_to_a_limit)
{
    T_INT_EQ(mr_text_distance("window", "window", 3), 0);
    T_INT_EQ(mr_text_distance("windwo", "window", 3), 2);
    T_INT_EQ(mr_text_distance("", "abc", 3), 3);
    T_INT_EQ(mr_text_distance("kitten", "sitting", 3), 3);
    T_INT_EQ(mr_text_distance("abcdef", "uvwxyz", 3), 4);
}
