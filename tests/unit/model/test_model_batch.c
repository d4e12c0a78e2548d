/* Batches and bodies: bounds, cuts, and the budget's balance. */
#include "millrace/model/body.h"
#include "millrace/model/record.h"
#include "millrace/model/totals.h"

#include "test.h"

static const struct mr_record message = {.value = "0123456789", .value_len = 10, .key = "key",
                                         .key_len = 3, .partition = 2, .offset = 7};

Test(model_batch, copies_values_and_keys)
{
    struct mr_batch *batch;
    T_INT_EQ(mr_batch_new(4, 64, &batch), MR_OK);
    T_TRUE(mr_batch_add(batch, &message, 32, 8));
    T_INT_EQ(batch->count, 1);
    T_TRUE(batch->records[0].value != message.value);
    T_TRUE(memcmp(batch->records[0].value, "0123456789", 10) == 0);
    T_TRUE(memcmp(batch->records[0].key, "key", 3) == 0);
    T_INT_EQ(batch->records[0].offset, 7);
    T_TRUE(!batch->records[0].oversize);
    mr_batch_free(&batch);
}

Test(model_batch, refuses_what_has_no_room_and_stays_as_it_was)
{
    struct mr_batch *batch;
    T_INT_EQ(mr_batch_new(4, 26, &batch), MR_OK);
    T_TRUE(mr_batch_add(batch, &message, 32, 8));
    T_TRUE(mr_batch_add(batch, &message, 32, 8));
    T_TRUE(!mr_batch_add(batch, &message, 32, 8));
    T_INT_EQ(batch->count, 2);
    T_INT_EQ(batch->bytes_used, 26);
    mr_batch_reset(batch);
    T_TRUE(mr_batch_add(batch, &message, 32, 8));
    mr_batch_free(&batch);
}

Test(model_batch, cuts_an_oversize_value_and_keeps_its_true_length)
{
    struct mr_batch *batch;
    T_INT_EQ(mr_batch_new(4, 64, &batch), MR_OK);
    T_TRUE(mr_batch_add(batch, &message, 9, 4));
    T_TRUE(batch->records[0].oversize);
    T_INT_EQ(batch->records[0].value_len, 4);
    T_INT_EQ(batch->records[0].value_total, 10);
    mr_batch_free(&batch);
}

Test(model_batch, keeps_a_tombstone_apart_from_an_empty_value)
{
    struct mr_batch *batch;
    struct mr_record tombstone = {.offset = 1}, empty = {.value = "", .offset = 2};
    T_INT_EQ(mr_batch_new(4, 64, &batch), MR_OK);
    T_TRUE(mr_batch_add(batch, &tombstone, 9, 4));
    T_TRUE(mr_batch_add(batch, &empty, 9, 4));
    T_TRUE(batch->records[0].value == NULL);
    T_TRUE(batch->records[1].value != NULL);
    mr_batch_free(&batch);
}

Test(model_body, charges_its_chunks_and_gives_all_back)
{
    struct mr_budget budget;
    struct mr_body body, other;
    mr_budget_init(&budget, 1 << 30);
    mr_body_init(&body, MR_BODY_CSV, &budget);
    mr_body_init(&other, MR_BODY_CSV, &budget);
    for (int i = 0; i < 300000; i++) {
        char *p = mr_body_reserve(i % 2 ? &body : &other, 16);
        T_TRUE(p != NULL);
        memset(p, 'x', 16);
        mr_body_advance(i % 2 ? &body : &other, 16);
    }
    T_TRUE(mr_budget_used(&budget) >= 300000 * 16);
    mr_body_append_take(&body, &other);
    T_INT_EQ(body.bytes, 300000 * 16);
    T_INT_EQ(other.bytes, 0);
    size_t walked = 0;
    for (struct mr_chunk *chunk = body.first; chunk; chunk = chunk->next)
        walked += chunk->used;
    T_INT_EQ(walked, body.bytes);
    mr_body_fini(&body);
    mr_body_fini(&other);
    T_INT_EQ(mr_budget_used(&budget), 0);
}

Test(model_span, adds_totals_and_keeps_the_widest_span_and_newest_time)
{
    struct mr_span to = {.start = 5, .end = 9, .event_time_us = 100, .totals = {.consumed = 4}};
    struct mr_span add = {.start = 9, .end = 12, .event_time_us = 50,
                          .totals = {.consumed = 3, .late = 1, .rollups = {2}}};
    mr_span_add(&to, &add);
    T_INT_EQ(to.start, 5);
    T_INT_EQ(to.end, 12);
    T_INT_EQ(to.event_time_us, 100);
    T_INT_EQ(to.totals.consumed, 7);
    T_INT_EQ(to.totals.late, 1);
    T_INT_EQ(to.totals.rollups[0], 2);
}
