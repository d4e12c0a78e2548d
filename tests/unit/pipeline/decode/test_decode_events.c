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
    "{\"id\":\"0d7c6d1e-7f0a-5b1c-9f5e-2f0a3b6c9d11\",\"type\":\"OrderPlaced\",\"schema_version\":"
    "1,"
    "\"entity\":{\"type\":\"order\",\"id\":\"O-1001\"},\"occurred_at\":\"2026-02-02T11:15:30.120+"
    "01:00\","
    "\"produced_at\":1770027330910,\"sequence\":\"4385144832\",\"source\":{\"system\":\"shop\","
    "\"table\":\"orders\",\"version\":4182,\"snapshot\":false},\"payload\":{\"order_id\":\"O-"
    "1001\","
    "\"member_id\":\"M-7\",\"amount\":\"12.50\",\"currency\":\"EUR\",\"items\":3,\"channel\":"
    "\"web\","
    "\"country\":\"DE\",\"note\":{\"gift\":[1,2,{\"a\":null}]}}}";

Test(decode_events, an_order_becomes_the_columns_of_its_schema)
{
    static const char *const names[] = {"id",
                                        "type",
                                        "schema_version",
                                        "entity_type",
                                        "entity_id",
                                        "occurred_at",
                                        "produced_at",
                                        "sequence",
                                        "source_system",
                                        "source_table",
                                        "source_version",
                                        "source_snapshot",
                                        "order_id",
                                        "member_id",
                                        "amount",
                                        "currency",
                                        "items",
                                        "channel",
                                        "country"};
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
    T_INT_EQ(count, 22);
}

#define ENVELOPE(type)                                                                             \
    "{\"id\":\"1\",\"type\":\"" type                                                               \
    "\",\"schema_version\":1,\"entity\":{\"type\":\"member\",\"id\":\"M-1\"},"                     \
    "\"occurred_at\":\"2026-02-02T10:15:30.120Z\",\"produced_at\":\"2026-02-02T10:15:30.910Z\","   \
    "\"sequence\":1,\"payload\":"

Test(decode_events, each_event_takes_its_own_payload)
{
    static const struct {
        const char *file, *text, *column, *value;
    } cases[] = {
        {"member_created",
         ENVELOPE("MemberCreated") "{\"after\":{\"tier\":\"Gold\",\"status\":\"active\","
                                   "\"lifetime_value\":\"1.00\",\"joined_at\":1770027330120}}}",
         "after_tier",
         "Gold"},
        {"member_tier_changed",
         ENVELOPE(
             "MemberTierChanged") "{\"before\":{\"tier\":\"Gold\"},\"after\":{\"tier\":"
                                  "\"Platinum\"},\"direction\":\"up\",\"changed\":[\"tier\"]}}",
         "changed",
         "[\"tier\"]"},
        {"member_becomes_high_value",
         ENVELOPE("MemberBecomesHighValue") "{\"before\":{\"lifetime_value\":\"900\"},"
                                            "\"after\":{\"lifetime_value\":\"1100.10\"},"
                                            "\"threshold\":1000}}",
         "type",
         "MemberBecomesHighValue"},
        {"member_churned",
         ENVELOPE("MemberChurned") "{\"before\":{\"status\":\"active\"},\"after\":{\"status\":"
                                   "\"gone\"},\"tenure_days\":31}}",
         "after_status",
         "gone"},
        {"member_reactivated",
         ENVELOPE("MemberReactivated") "{\"before\":{\"status\":\"gone\"},\"after\":{\"status\":"
                                       "\"active\"}}}",
         "before_status",
         "gone"},
        {"member_deleted",
         ENVELOPE("MemberDeleted") "{\"before\":{\"tier\":\"Gold\"}}}",
         "before_tier",
         "Gold"},
        {"order_paid",
         ENVELOPE("OrderPaid") "{\"order_id\":\"O-1\",\"amount\":\"9.99\",\"currency\":\"EUR\"}}",
         "order_id",
         "O-1"},
        {"payment_failed",
         ENVELOPE("PaymentFailed") "{\"order_id\":\"O-1\",\"reason\":\"card expired\"}}",
         "reason",
         "card expired"},
        {"order_status_changed",
         ENVELOPE("OrderStatusChanged") "{\"order_id\":\"O-1\",\"before\":{\"status\":null},"
                                        "\"after\":{\"status\":\"sent\"}}}",
         "after_status",
         "sent"},
        {"order_cancelled",
         ENVELOPE("OrderCancelled") "{\"order_id\":\"O-1\"}}",
         "order_id",
         "O-1"},
        {"order_refunded",
         ENVELOPE("OrderRefunded") "{\"order_id\":\"O-1\",\"amount\":1.5,\"currency\":\"EUR\"}}",
         "currency",
         "EUR"},
        {"page_viewed",
         ENVELOPE("PageViewed") "{\"session_id\":\"S\",\"page\":\"/\"}}",
         "page",
         "/"},
        {"product_viewed",
         ENVELOPE("ProductViewed") "{\"session_id\":\"S\",\"product_id\":\"P\"}}",
         "product_id",
         "P"},
        {"cart_updated",
         ENVELOPE("CartUpdated") "{\"session_id\":\"S\",\"product_id\":\"P\",\"quantity\":-1}}",
         "product_id",
         "P"},
        {"search_performed",
         ENVELOPE("SearchPerformed") "{\"session_id\":\"S\",\"query\":\"b\\u00f6rse\","
                                     "\"filters\":{\"size\":[1]}}}",
         "query",
         "b\xC3\xB6rse"},
        {"session_ended",
         ENVELOPE("SessionEnded") "{\"duration_ms\":5,\"pages\":2,\"session_id\":\"S\"}}",
         "session_id",
         "S"},
        {"driver_location_reported",
         ENVELOPE("DriverLocationReported") "{\"lat\":52.5,\"lon\":13.4}}",
         "lat",
         "52.5"},
        {"stock_moved",
         ENVELOPE("StockMoved") "{\"delta_g\":-20,\"on_hand_g\":4,\"sku\":\"K\"}}",
         "sku",
         "K"},
        {"quote_received",
         ENVELOPE("QuoteReceived") "{\"price\":\"0.1234\",\"currency\":\"EUR\","
                                   "\"valid_until\":\"2026-02-28\"}}",
         "currency",
         "EUR"},
        {"demand_recorded",
         ENVELOPE("DemandRecorded") "{\"trays\":1,\"grams\":2,\"sku\":\"K\"}}",
         "sku",
         "K"},
        {"price_observed",
         ENVELOPE("PriceObserved") "{\"price\":\"0.00000001\",\"pct_24h\":-1.5e0}}",
         "pct_24h",
         "-1.5e0"},
    };
    static char field[] = "occurred_at";
    for (size_t i = 0; i < MR_ARRAY_LEN(cases); i++) {
        char path[512];
        snprintf(path, sizeof path, MR_SCHEMAS "/events/%s.json", cases[i].file);
        decode_case_init(&c);
        c.config.event.schema = path;
        c.config.event.time_field = field;
        T_TRUE_MSG(decode_case_compile(&c) == MR_OK, "%s: %s", path, decode_case_mistakes(&c));
        T_TRUE_MSG(decode_case_run(&c, cases[i].text, strlen(cases[i].text)) == MR_REJECT_NONE,
                   "%s: %s",
                   cases[i].file,
                   c.info.message);
        T_INT_EQ(c.event.unknown_fields, 0);
        T_TRUE_MSG(mr_slice_equal(decode_case_value(&c, cases[i].column)->text,
                                  mr_slice_of(cases[i].value)),
                   "%s",
                   cases[i].file);
        decode_case_close(&c);
    }
}

Test(decode_events, another_type_of_event_is_refused)
{
    static const char text[] =
        ENVELOPE("OrderPaid") "{\"order_id\":\"O-1\",\"member_id\":\"M\",\"amount\":\"1\","
                              "\"currency\":\"EUR\",\"items\":1,\"channel\":\"web\"}}";
    open_order();
    T_INT_EQ(decode_case_run(&c, text, strlen(text)), MR_REJECT_range);
    T_STR_EQ(c.info.message, "type: \"OrderPaid\" is not one of the values allowed");
    decode_case_close(&c);
}
