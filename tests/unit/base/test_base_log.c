/* Log lines: bytes from outside stay inside their quotes, long lines stay whole, repeats are few. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

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

/* Puts another file in the place of stderr for as long as body lasts. */
#define WITH_STDERR(file, body)                                                                    \
    do {                                                                                           \
        int with_saved = dup(STDERR_FILENO);                                                       \
        T_TRUE(with_saved >= 0 && dup2((file), STDERR_FILENO) >= 0);                               \
        body;                                                                                      \
        T_TRUE(dup2(with_saved, STDERR_FILENO) >= 0);                                              \
        (void)close(with_saved);                                                                   \
    } while (0)

Test(base_log, a_full_disk_costs_lines_which_the_next_one_counts)
{
    static struct log_grab grab;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    uint64_t before = mr_log_dropped();
    T_TRUE(full >= 0);
    WITH_STDERR(full, for (int i = 0; i < 3; i++) mr_log(MR_LOG_INFO, "test", "nowhere to go"));
    (void)close(full);
    T_INT_EQ((int64_t)(mr_log_dropped() - before), 3);
    log_grab_start(&grab);
    mr_log(MR_LOG_INFO, "test", "the disk has room again");
    mr_log(MR_LOG_INFO, "test", "and still has");
    log_grab_stop(&grab);
    T_TRUE_MSG(strstr(grab.text, "room again\" lines_lost=3\n") != NULL, "%s", grab.text);
    T_INT_EQ(log_grab_count(&grab, "lines_lost"), 1);
    T_INT_EQ((int64_t)(mr_log_dropped() - before), 3);
}

Test(base_log, a_reader_that_stands_still_costs_lines_and_no_time)
{
    static struct log_grab grab;
    static char sentences[64][8]; /* one a line, or they would be held back */
    static char value[4000];
    int ends[2];
    uint64_t before = mr_log_dropped();
    memset(value, 'x', sizeof value - 1);
    T_INT_EQ(pipe(ends), 0);
    WITH_STDERR(ends[1], for (size_t i = 0; i < MR_ARRAY_LEN(sentences); i++) {
        memcpy(sentences[i], "words", 6);
        mr_log(MR_LOG_INFO, "test", sentences[i], MR_STR("value", value));
    });
    uint64_t dropped = mr_log_dropped() - before; /* a pipe holds 64 KiB unless told otherwise */
    T_TRUE_MSG(dropped > 0 && dropped < MR_ARRAY_LEN(sentences), "%llu", (unsigned long long)dropped);
    (void)close(ends[0]);
    (void)close(ends[1]);
    log_grab_start(&grab);
    mr_log(MR_LOG_INFO, "test", "a reader again");
    log_grab_stop(&grab);
    T_INT_EQ(log_grab_count(&grab, "lines_lost"), 1);
}

Test(base_log, a_line_after_a_torn_one_begins_on_its_own)
{
    static struct log_grab grab;
    struct rlimit small, old;
    T_INT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
    T_TRUE(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    log_grab_start(&grab);
    small = (struct rlimit){.rlim_cur = 20, .rlim_max = old.rlim_max};
    T_INT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    mr_log(MR_LOG_INFO, "test", "too long for twenty bytes");
    T_INT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
    mr_log(MR_LOG_INFO, "test", "whole again");
    log_grab_stop(&grab);
    T_TRUE_MSG(strlen(grab.text) > 21 && grab.text[20] == '\n', "%s", grab.text);
    T_TRUE_MSG(strstr(grab.text, "whole again\" lines_lost=1\n") != NULL, "%s", grab.text);
}
