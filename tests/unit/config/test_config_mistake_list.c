/* The list of mistakes: its order, its limits, the lines it is given later, and questions to it. */
#include "mistake_case.h"

Test(config_mistake_list, all_mistakes_of_a_file_are_listed_at_once_in_the_order_of_its_lines)
{
    char *said = mistakes_of("memory: 1MiB\n"
                             "flush: {every: now}\n"
                             "pipeline: a-b\n" SOURCE SINK DETAIL);
    T_STR_EQ(said,
             "x.yaml:1: memory: \"1MiB\" is out of range; allowed: 64MiB to 1TiB\n"
             "HINT: write a whole number with B, KiB, MiB, GiB or TiB: 512MiB\n"
             "x.yaml:1: event.schema: is missing; allowed: any text\n"
             "HINT: JSON Schema of the events, relative to the working directory, else to "
             "this file.\n"
             "x.yaml:1: event.time.field: is missing; allowed: a path such as "
             "`payload.amount`, or a column\n"
             "HINT: Field that holds the time of the event: a date-time that is always "
             "there.\n"
             "x.yaml:2: flush.every: \"now\" is not a duration; allowed: 10ms to 1h\n"
             "HINT: write a whole number with ms, s, m, h or d: 500ms, 1m\n"
             "x.yaml:3: pipeline: \"a-b\" is not a name of a pipeline; allowed: a letter, "
             "then up to 31 letters, digits or _\nHINT: such as orders\n");
    free(said);
}

Test(config_mistake_list, a_thousand_mistakes_are_kept_and_no_more)
{
    struct mr_mistakes mistakes = {0};
    for (int i = 0; i < 1200; i++)
        mr_mistakes_add(&mistakes, (uint32_t)i, "o", "", "mistake %d", i);
    T_INT_EQ(mistakes.count, 1000);
    T_STR_EQ(mistakes.items[999].text, "mistake 999");
    mr_mistakes_fini(&mistakes);
    T_INT_EQ(mistakes.count, 0);
}

Test(config_mistake_list, a_mistake_longer_than_its_place_is_cut)
{
    struct mr_mistakes mistakes = {0};
    char long_text[1000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    mr_mistakes_add(&mistakes, 1, long_text, long_text, "%s", long_text);
    T_INT_EQ(strlen(mistakes.items[0].option), sizeof mistakes.items[0].option - 1);
    T_INT_EQ(strlen(mistakes.items[0].text), sizeof mistakes.items[0].text - 1);
    T_INT_EQ(strlen(mistakes.items[0].hint), sizeof mistakes.items[0].hint - 1);
    mr_mistakes_fini(&mistakes);
}

Test(config_mistake_list, a_mistake_that_another_stage_finds_gets_the_line_of_its_option)
{
    struct mr_mistakes mistakes = {0};
    struct mr_config *config = parsed(BASE "memory: 1GiB\n");
    mr_mistakes_add(&mistakes, 0, "event.time.field", "", "no such field");
    mr_mistakes_add(&mistakes, 0, "memory", "", "too much");
    mr_mistakes_add(&mistakes, 0, "detail.table.x", "", "a part");
    mr_mistakes_add(&mistakes, 0, "detail.tables", "", "no option");
    mr_mistakes_add(&mistakes, 0, "flush.every", "", "its default holds");
    mr_mistakes_add(&mistakes, 9, "memory", "", "known");
    mr_config_locate(config, &mistakes);
    static const uint32_t expected[] = {3, 6, 5, 0, 0, 9};
    for (uint32_t i = 0; i < mistakes.count; i++)
        T_INT_EQ(mistakes.items[i].line, expected[i]);
    mr_config_free(&config);
    mr_mistakes_fini(&mistakes);
}

Test(config_mistake_list, a_section_is_touched_by_mistakes_in_it_around_it_and_of_the_whole_file)
{
    static const struct {
        const char *option, *section;
        bool touched;
    } cases[] = {
        {"source.kafka.group", "source", true},
        {"source", "source", true},
        {"source", "source.kafka.group", true},
        {"rollups[0].by", "rollups", true},
        {"", "source", true},
        {"sources", "source", false},
        {"event.schema", "source", false},
        {"sink.starrocks.fe", "sink.starrocks.user", false},
    };
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        struct mr_mistakes mistakes = {0};
        T_TRUE(!mr_mistakes_touch(&mistakes, cases[i].section));
        mr_mistakes_add(&mistakes, 1, cases[i].option, "", "a mistake");
        T_TRUE_MSG(mr_mistakes_touch(&mistakes, cases[i].section) == cases[i].touched,
                   "%s in %s",
                   cases[i].option,
                   cases[i].section);
        mr_mistakes_fini(&mistakes);
    }
}
