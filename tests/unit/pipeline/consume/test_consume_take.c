/* Messages into batches: nothing lost, nothing twice, whatever the batches' size. */
#include <string.h>

#include "consume_support.h"
#include "millrace/base/clock.h"
#include "test.h"

static void
take_all(uint32_t records, size_t bytes, int each)
{
    struct cluster cluster;
    struct member member;
    struct mr_consumer_state state;
    cluster_start(&cluster);
    for (int32_t p = 0; p < T_PARTITIONS; p++) {
        cluster_produce(&cluster, p, each);
    }
    member_init(&member, &cluster, "take");
    member_start(&member, records, bytes);
    member_take(&member, (int64_t)each * T_PARTITIONS);
    T_INT_EQ(member_total(&member), each * T_PARTITIONS);
    T_INT_EQ(member.checked, each * T_PARTITIONS);
    T_INT_EQ(member_fill(&member, 50, NULL), MR_OK);
    T_INT_EQ(member.batch->count, 0);
    mr_consumer_get_state(member.consumer, &state);
    T_TRUE(state.connected);
    T_INT_EQ(state.partitions, T_PARTITIONS);
    T_INT_EQ(state.lag_records, 0);
    T_INT_EQ(state.rebalances, 1);
    T_STR_EQ(state.problem, "");
    member_stop(&member);
    cluster_stop(&cluster);
}

Test(consume_take, batches_of_usual_size_take_everything_in_order)
{
    take_all(1000, 1 << 20, 20000);
}

Test(consume_take, batches_of_few_records_lose_nothing)
{
    take_all(3, 1 << 20, 3000);
}

Test(consume_take, a_message_that_finds_the_batch_full_is_first_in_the_next_one)
{
    take_all(1000, 50, 3000);
}

Test(consume_take, tombstones_empty_values_missing_keys_and_oversize_keep_their_shape)
{
    struct cluster cluster;
    struct member member;
    struct mr_error error = {0};
    char big[5000];
    memset(big, 'x', sizeof big);
    cluster_start(&cluster);
    cluster_produce_one(&cluster, 0, "t", NULL, 0);
    cluster_produce_one(&cluster, 0, "e", "", 0);
    cluster_produce_one(&cluster, 0, NULL, "no key", 6);
    cluster_produce_one(&cluster, 0, "b", big, sizeof big);
    cluster_produce_one(&cluster, 0, "n", "neighbour", 9);
    member_init(&member, &cluster, "shape");
    member_start(&member, 100, 8000);
    member_wait_assigned(&member, T_PARTITIONS);
    int64_t deadline = mr_clock_monotonic_ms() + T_PATIENCE_MS;
    mr_batch_reset(member.batch);
    while (member.batch->count < 5 && mr_clock_monotonic_ms() < deadline) {
        T_INT_EQ(mr_consumer_fill(member.consumer, member.batch, 50, &error), MR_OK);
    }
    T_INT_EQ(member.batch->count, 5);
    const struct mr_record *r = member.batch->records;
    T_TRUE(r[0].value == NULL && r[0].key_len == 1 && !r[0].oversize);
    T_TRUE(r[1].value != NULL && r[1].value_len == 0);
    T_TRUE(r[2].key == NULL && r[2].value_len == 6);
    T_TRUE(r[3].oversize && r[3].value_total == 5000 && r[3].value_len == 100);
    T_TRUE(!r[4].oversize && memcmp(r[4].value, "neighbour", 9) == 0);
    member_stop(&member);
    cluster_stop(&cluster);
}

Test(consume_take, a_key_that_no_batch_can_hold_is_left_out_and_the_value_comes)
{
    struct cluster cluster;
    struct member member;
    char key[2000];
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = 0;
    cluster_start(&cluster);
    cluster_produce_one(&cluster, 0, "a", "first", 5);
    cluster_produce_one(&cluster, 0, key, "second", 6);
    member_init(&member, &cluster, "key");
    member_start(&member, 100, 900);
    member_take(&member, 2);
    member_stop(&member);
    cluster_stop(&cluster);
}

Test(consume_take, back_pressure_takes_nothing_and_loses_nothing)
{
    struct cluster cluster;
    struct member member;
    struct mr_consumer_state state;
    cluster_start(&cluster);
    for (int32_t p = 0; p < T_PARTITIONS; p++) {
        cluster_produce(&cluster, p, 2000);
    }
    member_init(&member, &cluster, "pressure");
    member_start(&member, 100, 1 << 20);
    member_take(&member, 500);
    for (int i = 0; i < 50; i++) {
        T_INT_EQ(mr_consumer_fill(member.consumer, NULL, 10, NULL), MR_OK);
    }
    mr_consumer_get_state(member.consumer, &state);
    T_INT_EQ(state.lag_records, 4 * 2000 - member_total(&member));
    member_take(&member, 4 * 2000);
    T_INT_EQ(member_total(&member), 4 * 2000);
    member_stop(&member);
    cluster_stop(&cluster);
}

Test(consume_take, a_fill_without_messages_ends_in_its_time)
{
    struct cluster cluster;
    struct member member;
    cluster_start(&cluster);
    member_init(&member, &cluster, "idle");
    member_start(&member, 100, 1 << 20);
    member_wait_assigned(&member, T_PARTITIONS);
    int64_t began = mr_clock_monotonic_ms();
    T_INT_EQ(member_fill(&member, 100, NULL), MR_OK);
    int64_t took = mr_clock_monotonic_ms() - began;
    T_TRUE_MSG(took >= 90 && took < 400, "%d ms", (int)took);
    member_stop(&member);
    cluster_stop(&cluster);
}
