/* The business events of schemas/events: every file compiles, and a whole event arrives. */
#include "decode_case.h"
#include "test.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static struct decode_case c;

static void
open_order(void)
{
    static char path[] = MR_SCHEMAS "/events/order_placed.json", field[] = "occurred_at";
    decode_case_init(&c);
    c.config.event.schema = path;
    c.config.event.time_field = field;
    T_TRUE_MSG(decode_case_compile(&c) == MR_OK, "%s", decode_case_mistakes(&c));
}

static const char order[] =
    "{\"id\":\"0d7c6d1e-7f0a-5b1c-9f5e-2f0a3b6c9d11\",\"type\":\"OrderPlaced\",\"schema_version\":1,"
    "\"entity\":{\"type\":\"order\",\"id\":\"O-1001\"},\"occurred_at\":\"2026-02-02T11:15:30.120+01:00\","
    "\"produced_at\":1770027330910,\"sequence\":\"4385144832\",\"source\":{\"system\":\"shop\","
    "\"table\":\"orders\",\"version\":4182,\"snapshot\":false},\"payload\":{\"order_id\":\"O-1001\","
    "\"member_id\":\"M-7\",\"amount\":\"12.50\",\"currency\":\"EUR\",\"items\":3,\"channel\":\"web\","
    "\"country\":\"DE\",\"note\":{\"gift\":[1,2,{\"a\":null}]}}}";

Test(decode_events, an_order_becomes_the_columns_of_its_schema)
{
    static const char *const names[] = {
        "id", "type", "schema_version", "entity_type", "entity_id", "occurred_at", "produced_at",
        "sequence", "source_system", "source_table", "source_version", "source_snapshot", "order_id",
        "member_id", "amount", "currency", "items", "channel", "country"};
    open_order();
    T_INT_EQ(c.layout->column_count, MR_ARRAY_LEN(names));
    for (size_t i = 0; i < MR_ARRAY_LEN(names); i++)
        T_STR_EQ(c.layout->columns[i].name, names[i]);
    T_STR_EQ(c.layout->columns[c.layout->time_column].name, "occurred_at");
    T_STR_EQ(c.layout->columns[c.layout->sequence_column].name, "sequence");
    decode_case_close(&c);
}

Test(decode_events, an_order_arrives_whole)
{
    open_order();
    T_TRUE_MSG(decode_case_run(&c, order, strlen(order)) == MR_REJECT_NONE, "%s", c.info.message);
    T_TRUE(mr_slice_equal(decode_case_value(&c, "id")->text,
                          mr_slice_of("0d7c6d1e-7f0a-5b1c-9f5e-2f0a3b6c9d11")));
    T_INT_EQ(c.event.time_us, 1770027330120000);
    T_INT_EQ(decode_case_value(&c, "produced_at")->i64, 1770027330910000);
    T_INT_EQ(decode_case_value(&c, "sequence")->i64, 4385144832);
    T_INT_EQ(decode_case_value(&c, "amount")->dec, 1250);
    T_INT_EQ(decode_case_value(&c, "items")->i64, 3);
    T_INT_EQ(decode_case_value(&c, "source_snapshot")->i64, 0);
    T_TRUE(mr_slice_equal(decode_case_value(&c, "country")->text, mr_slice_of("DE")));
    T_INT_EQ(c.event.unknown_fields, 1);
    decode_case_close(&c);
}

Test(decode_events, every_schema_of_the_folder_compiles)
{
    static char field[] = "occurred_at";
    DIR *folder = opendir(MR_SCHEMAS "/events");
    int count = 0;
    T_TRUE(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[512];
        if (!strstr(entry->d_name, ".json"))
            continue;
        snprintf(path, sizeof path, MR_SCHEMAS "/events/%s", entry->d_name);
        decode_case_init(&c);
        c.config.event.schema = path;
        c.config.event.time_field = field;
        T_TRUE_MSG(decode_case_compile(&c) == MR_OK, "%s: %s", path, decode_case_mistakes(&c));
        T_TRUE_MSG(c.layout->sequence_column >= 0, "%s has no sequence", path);
        decode_case_close(&c);
        count++;
    }
    closedir(folder);
    T_INT_EQ(count, 1);
}
