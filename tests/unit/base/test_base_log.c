/* Log lines: bytes from outside stay inside their quotes, long lines stay whole, repeats are few. */
#include <string.h>

#include "log_grab.h"
#include "millrace/base/log.h"
#include "test.h"

static const char odd[] = "a\"b\\c\n\x1b[31m\x7f\xc3";

Test(base_log, a_text_line_quotes_bytes_from_outside)
{
    static struct log_grab grab;
    log_grab_start(&grab);
    mr_log(MR_LOG_WARN, "test", "a sentence", MR_STR("value", odd), MR_INT("n", -5),
           MR_STR("none", NULL));
    log_grab_stop(&grab);
    T_TRUE_MSG(strstr(grab.text,
                      "level=warn stage=\"test\" msg=\"a sentence\" "
                      "value=\"a\\\"b\\\\c\\x0A\\x1B[31m\\x7F\\xC3\" n=-5 none=\"\"\n") != NULL,
               "%s", grab.text);
    T_INT_EQ(log_grab_count(&grab, "\n"), 1);
}

Test(base_log, a_json_line_spells_them_as_json_does)
{
    static struct log_grab grab;
    mr_log_setup(MR_LOG_INFO, MR_LOG_JSON);
    log_grab_start(&grab);
    mr_log(MR_LOG_INFO, "test", "a sentence in json", MR_STR("value", odd), MR_INT("n", 7));
    log_grab_stop(&grab);
    mr_log_setup(MR_LOG_INFO, MR_LOG_TEXT);
    T_TRUE_MSG(strstr(grab.text,
                      "\"level\":\"info\",\"stage\":\"test\",\"msg\":\"a sentence in json\","
                      "\"value\":\"a\\\"b\\\\c\\u000a\\u001b[31m\\u007f\\u00c3\",\"n\":7}\n") != NULL,
               "%s", grab.text);
}

/* Whatever is too long is cut or left out, never the end of the line. */
static void
check_cut(size_t len, const char *sentence)
{
    static struct log_grab grab;
    static char value[5000];
    memset(value, 'x', len);
    value[len] = '\0';
    log_grab_start(&grab);
    mr_log(MR_LOG_INFO, "test", sentence, MR_STR("value", value), MR_INT("number", 123456789),
           MR_STR("hint", "a hint"));
    log_grab_stop(&grab);
    size_t end = strlen(grab.text);
    T_TRUE_MSG(end > 3900 && end <= 4096, "%zu: %zu", len, end);
    const char *tail = grab.text + end - 80;
    T_TRUE_MSG(strcmp(grab.text + end - 2, "}\n") == 0, "%zu: %s", len, tail);
    T_TRUE_MSG(log_grab_count(&grab, "\"") % 2 == 0, "%zu: %s", len, tail);
    T_TRUE_MSG(!strstr(grab.text, ":}") && !strstr(grab.text, ",}"), "%zu: %s", len, tail);
}

Test(base_log, a_line_that_is_cut_at_4_kib_is_still_json)
{
    static char sentences[300][8]; /* one a line, or they would be held back */
    mr_log_setup(MR_LOG_INFO, MR_LOG_JSON);
    for (size_t i = 0; i < MR_ARRAY_LEN(sentences); i++) {
        memcpy(sentences[i], "words", 6);
        check_cut(3850 + i, sentences[i]);
    }
    mr_log_setup(MR_LOG_INFO, MR_LOG_TEXT);
}

Test(base_log, repeats_of_a_sentence_are_held_back)
{
    static struct log_grab grab;
    log_grab_start(&grab);
    for (int i = 0; i < 25; i++)
        mr_log(MR_LOG_ERROR, "test", "the same again", MR_INT("i", i));
    mr_log(MR_LOG_ERROR, "test", "another one");
    log_grab_stop(&grab);
    T_INT_EQ(log_grab_count(&grab, "the same again"), 10);
    T_INT_EQ(log_grab_count(&grab, "another one"), 1);
}

Test(base_log, lines_below_the_level_are_not_written)
{
    static struct log_grab grab;
    log_grab_start(&grab);
    mr_log(MR_LOG_DEBUG, "test", "too fine");
    mr_log_setup(MR_LOG_ERROR, MR_LOG_TEXT);
    mr_log(MR_LOG_WARN, "test", "too low");
    mr_log(MR_LOG_ERROR, "test", "high enough");
    mr_log_setup(MR_LOG_INFO, MR_LOG_TEXT);
    log_grab_stop(&grab);
    T_INT_EQ(log_grab_count(&grab, "\n"), 1);
    T_INT_EQ(log_grab_count(&grab, "high enough"), 1);
}
