/* Records that came and cannot be read: wrong checksum, compression or format. */
#include <string.h>

#include "millrace/base/clock.h"
#include "pipeline/consume/consume_priv.h"
#include "swallow.h"
#include "test.h"

static void
check_stops_at_110(struct member *member, struct mr_error *error)
{
    int64_t deadline = mr_clock_monotonic_ms() + T_PATIENCE_MS;
    enum mr_rc rc = MR_OK;
    while (rc == MR_OK && mr_clock_monotonic_ms() < deadline) {
        rc = member_fill(member, 20, error);
    }
    T_INT_EQ(rc, MR_STOPPED);
    T_TRUE_MSG(strstr(error->text, "partition 1: records at offset 110 and behind it cannot be read"),
               "%s",
               error->text);
    T_INT_EQ(member->next[1], 110);
    swallow_check_counts(member, 0, 0);
}

/* The client goes on behind it. */
Test(consume_unreadable, an_unreadable_record_is_read_again_and_is_never_a_gap)
{
    struct cluster cluster;
    struct member member;
    struct mr_error error = {0};
    swallow_start(&cluster, &member, "bad");
    swallow(1, 50, 50, 2, RD_KAFKA_RESP_ERR__BAD_MSG);
    member_start(&member, 1000, 1 << 20);
    member_take(&member, 4 * 100);
    swallow_check_counts(&member, 0, 0);
    const struct swallow *bad =
        swallow(1, 110, 110, SWALLOW_ALWAYS, RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED);
    cluster_produce(&cluster, 1, 20);
    check_stops_at_110(&member, &error);
    T_TRUE(bad->hits[0] >= 3);
    swallow_stop(&cluster, &member);
}

/* The client tries again by itself, and nothing else comes of the partition. */
Test(consume_unreadable, errors_alone_stop_the_consumer_too)
{
    struct cluster cluster;
    struct member member;
    struct mr_error error = {0};
    swallow_start(&cluster, &member, "errors");
    member_start(&member, 1000, 1 << 20);
    cluster_produce(&cluster, 1, 10);
    member_take(&member, 4 * 100 + 10);
    const struct swallow *bad =
        swallow(1, 110, 110, SWALLOW_ALWAYS, RD_KAFKA_RESP_ERR__BAD_COMPRESSION);
    swallow_ends(1);
    cluster_produce(&cluster, 1, 1);
    for (int64_t seen = 1; seen < 3; seen++) {
        int64_t deadline = mr_clock_monotonic_ms() + T_PATIENCE_MS;
        while (bad->hits[0] < seen && mr_clock_monotonic_ms() < deadline) {
            T_INT_EQ(member_fill(&member, 20, NULL), MR_OK);
        }
        mr_clock_sleep_ms(250);
        mri_consume_refetch(member.consumer); /* for the client */
    }
    check_stops_at_110(&member, &error);
    T_INT_EQ(bad->hits[0], 3);
    swallow_stop(&cluster, &member);
}

Test(consume_unreadable, an_offset_out_of_range_behind_unreadable_records_stops_at_them)
{
    struct cluster cluster;
    struct member member;
    struct mr_error error = {0};
    swallow_start(&cluster, &member, "thrown");
    member_start(&member, 1000, 1 << 20);
    cluster_produce(&cluster, 1, 10);
    member_take(&member, 4 * 100 + 10);
    swallow(1, 110, 110, 1, RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED);
    swallow(1, 111, 111, SWALLOW_ALWAYS, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
    cluster_produce(&cluster, 1, 2);
    check_stops_at_110(&member, &error);
    swallow_stop(&cluster, &member);
}
