/* Registry and ledger rows for the protocol: queries, rows, and rows that cannot be. */
#include "fixture.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

static struct mr_error error;

static struct mri_reading
reading_of(struct mr_other_topics *topics, size_t row_bytes)
{
    return (struct mri_reading){.layout = fixture_orders(),
                                .topics = topics,
                                .table = MR_CHAINS_TABLE,
                                .error = &error,
                                .row_bytes = row_bytes};
}

static enum mr_rc
take_chain(struct mri_reading *reading, const char *const *cells)
{
    return mri_registry_take_chain(reading, &(struct mri_row){.cells = cells, .count = 7});
}

static enum mr_rc
take_end(struct mri_reading *reading, const char *const *cells)
{
    return mri_registry_take_end(reading, &(struct mri_row){.cells = cells, .count = 5});
}

#define CHAIN "abcdefghijklmnop"
#define WHEN  "2026-02-02 10:15:30.120000"

Test(verify_registry, rows_are_read_and_topics_of_others_get_indexes_that_stay)
{
    const char *const topic = fixture_orders()->topics[0];
    const char *const rows[][7] = {{topic, "3", CHAIN, "7", "42", WHEN, "0"},
                                   {"other", "0", CHAIN, "0", "0", "2026-02-02 10:15:30", "1"},
                                   {"third", "1", CHAIN, "0", "0", WHEN, "1"},
                                   {"other", "1", CHAIN, "0", "0", WHEN, "1"}};
    struct mr_other_topics topics = {0};
    struct mri_reading reading = reading_of(&topics, sizeof(struct mr_registry_row));
    for (size_t i = 0; i < MR_ARRAY_LEN(rows); i++)
        T_INT_EQ(take_chain(&reading, rows[i]), MR_OK);
    const struct mr_registry_row *made = (const void *)reading.rows;
    uint16_t first = (uint16_t)fixture_orders()->topic_count;
    T_INT_EQ(reading.count, 4);
    T_INT_EQ(made[0].place.topic, 0);
    T_INT_EQ(made[0].place.partition, 3);
    T_STR_EQ(made[0].chain.text, CHAIN);
    T_INT_EQ(made[0].seq, 7);
    T_INT_EQ(made[0].start, 42);
    T_INT_EQ(made[0].announced_us, 1770027330120000);
    T_TRUE(!made[0].closed && made[1].closed);
    T_INT_EQ(made[1].place.topic, first);
    T_INT_EQ(made[2].place.topic, first + 1);
    T_INT_EQ(made[3].place.topic, first);
    T_INT_EQ(topics.count, 2);
    free(reading.rows);
    reading = reading_of(&topics, sizeof(struct mr_ledger_row));
    T_INT_EQ(take_end(&reading, (const char *[]){"third", "9", CHAIN, "12", "500"}), MR_OK);
    const struct mr_ledger_row *end = (const void *)reading.rows;
    T_INT_EQ(end->place.topic, first + 1);
    T_INT_EQ(end->unit.n, 12);
    T_INT_EQ(end->end, 500);
    T_INT_EQ(topics.count, 2);
    free(reading.rows);
    mr_other_topics_fini(&topics);
    T_INT_EQ(topics.count, 0);
}

Test(verify_registry, a_row_that_cannot_be_is_an_error_that_names_it)
{
    static const char *const good[] = {"orders", "0", CHAIN, "0", "0", WHEN, "0"};
    static const struct {
        uint32_t cell;
        const char *text, *why;
    } bad[] = {
        {0, NULL, "topic"},        {0, "", "topic"},
        {0, "or\nders", "topic"},  {1, "-1", "partition"},
        {1, NULL, "partition"},    {1, "2147483648", "partition"},
        {2, "abc", "chain"},       {2, "ABCDEFGHIJKLMNOP", "chain"},
        {2, NULL, "chain"},        {2, CHAIN "q", "chain"},
        {3, "-1", "seq"},          {3, "x", "seq"},
        {3, NULL, "seq"},          {4, "-1", "start"},
        {4, NULL, "start"},        {4, "9223372036854775808", "start"},
        {5, NULL, "announced_at"}, {5, "yesterday", "announced_at"},
        {6, NULL, "closed"},       {6, "2", "closed"},
    };
    struct mr_other_topics topics = {0};
    struct mri_reading reading = reading_of(&topics, sizeof(struct mr_registry_row));
    for (size_t i = 0; i < MR_ARRAY_LEN(bad); i++) {
        const char *cells[7];
        memcpy(cells, good, sizeof cells);
        cells[bad[i].cell] = bad[i].text;
        T_INT_EQ(take_chain(&reading, cells), MR_TABLE);
        T_TRUE_MSG(strstr(error.text, MR_CHAINS_TABLE) && strstr(error.text, bad[i].why),
                   "%s",
                   error.text);
        T_TRUE_MSG(!strchr(error.text, '\n'), "%s", error.text);
    }
    T_INT_EQ(reading.count, 0);
    T_INT_EQ(take_chain(&reading, good), MR_OK);
    free(reading.rows);
    mr_other_topics_fini(&topics);
}

Test(verify_registry, a_cell_with_a_nul_in_it_is_no_number)
{
    static const char *const cells[] = {"orders", "0\0", CHAIN, "1", "5"};
    const unsigned long lengths[] = {6, 2, 16, 1, 1};
    struct mr_other_topics topics = {0};
    struct mri_reading reading = reading_of(&topics, sizeof(struct mr_ledger_row));
    const struct mri_row row = {.cells = cells, .lengths = lengths, .count = 5};
    T_INT_EQ(mri_registry_take_end(&reading, &row), MR_TABLE);
    T_INT_EQ(reading.count, 0);
    mr_other_topics_fini(&topics);
}

Test(verify_registry, the_end_of_a_partition_needs_a_unit_and_an_offset)
{
    struct mr_other_topics topics = {0};
    struct mri_reading reading = reading_of(&topics, sizeof(struct mr_ledger_row));
    T_INT_EQ(take_end(&reading, (const char *[]){"orders", "0", CHAIN, "0", "5"}), MR_TABLE);
    T_INT_EQ(take_end(&reading, (const char *[]){"orders", "0", CHAIN, "1", "-5"}), MR_TABLE);
    T_INT_EQ(take_end(&reading, (const char *[]){"orders", "0", "c", "1", "5"}), MR_TABLE);
    T_INT_EQ(reading.count, 0);
    mr_other_topics_fini(&topics);
}

Test(verify_registry, a_topic_that_was_not_asked_for_is_refused_without_a_list_of_others)
{
    struct mri_reading reading = reading_of(NULL, sizeof(struct mr_registry_row));
    const char *const cells[] = {"other", "0", CHAIN, "0", "0", WHEN, "1"};
    T_INT_EQ(take_chain(&reading, cells), MR_TABLE);
    free(reading.rows);
}

/* ---- Queries ---- */

Test(verify_registry, the_query_names_places_chains_and_whatever_is_open)
{
    struct mr_layout *layout = fixture_orders();
    char *names[] = {(char[]){"it's"}};
    struct mr_other_topics topics = {names, 1};
    const struct mr_place places[] = {{0, 5}, {(uint16_t)layout->topic_count, 1}, {0, 7}};
    const struct mr_chain chains[] = {{CHAIN}, {"ponmlkjihgfedcba"}};
    struct mr_text text = {0}, want = {0};
    mri_query_registry(layout, &topics, places, 3, chains, 2, &text);
    mr_text_addf(&want,
                 "SELECT c.`topic`, c.`partition`, c.`chain`, c.`seq`, c.`start`, "
                 "c.`announced_at`, CASE WHEN c.`closed` IS NULL THEN 0 ELSE 1 END FROM "
                 "`%s`.`millrace_chains` AS c WHERE c.`pipeline` = '%s' AND (c.`closed` IS NULL "
                 "OR c.`chain` IN ('" CHAIN "','ponmlkjihgfedcba') "
                 "OR (c.`topic` = '%s' AND (c.`partition` IN (5,7))) "
                 "OR (c.`topic` = 'it\\'s' AND (c.`partition` IN (1)))) "
                 "ORDER BY c.`topic`, c.`partition`, c.`seq`",
                 layout->database,
                 layout->pipeline,
                 layout->topics[0]);
    T_STR_EQ(mr_text_str(&text), mr_text_str(&want));
    mr_text_fini(&text);
    mr_text_fini(&want);
}

/* Members of the longest IN list of a query, and how many members all have. */
static uint32_t
longest_list(const char *query, uint32_t *ret_all)
{
    uint32_t longest = 0, all = 0;
    for (const char *at = strstr(query, " IN ("); at; at = strstr(at + 1, " IN (")) {
        uint32_t members = 1;
        for (const char *p = at + 5; *p != ')'; p++)
            members += *p == ',';
        longest = members > longest ? members : longest;
        all += members;
    }
    *ret_all = all;
    return longest;
}

Test(verify_registry, thousands_of_partitions_and_chains_are_written_in_pieces)
{
    static struct mr_place places[4096];
    static struct mr_chain chains[2500];
    struct mr_text text = {0};
    uint32_t all = 0;
    for (uint32_t i = 0; i < MR_ARRAY_LEN(places); i++)
        places[i] = (struct mr_place){0, (int32_t)i};
    for (uint32_t i = 0; i < MR_ARRAY_LEN(chains); i++)
        snprintf(chains[i].text, sizeof chains[i].text, "%016u", i);
    mri_query_registry(fixture_orders(), NULL, places, 4096, chains, 2500, &text);
    T_TRUE(!text.overflow);
    T_INT_EQ(longest_list(mr_text_str(&text), &all), MRI_LIST_MAX);
    T_INT_EQ(all, 4096 + 2500);
    mr_text_fini(&text);
}
