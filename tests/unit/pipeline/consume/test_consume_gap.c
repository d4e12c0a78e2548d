/* Offsets that do not come: skipped by the client, or not in the log. The program is linked with
 * --wrap=rd_kafka_consume_callback_queue, and the wrapper swallows messages on their way to us. */
#include <string.h>

#include "consume_support.h"
#include "millrace/base/assert.h"
#include "millrace/base/clock.h"
#include "pipeline/consume/consume_priv.h"
#include "test.h"

#define ALWAYS 1000000

/* ---- a client that swallows ---- */

struct rule {
    int32_t partition;
    int64_t first, last;
    int left;         /* so many times each */
    bool unreadable;  /* an error comes instead */
    int64_t hits[16]; /* by offset - first */
};

static struct rule rules[4];
static int rule_count;

struct filter {
    void (*callback)(rd_kafka_message_t *message, void *opaque);
    void *opaque;
};

int __real_rd_kafka_consume_callback_queue(rd_kafka_queue_t *queue,
                                           int timeout_ms,
                                           void (*callback)(rd_kafka_message_t *, void *),
                                           void *opaque);

int __wrap_rd_kafka_consume_callback_queue(rd_kafka_queue_t *queue,
                                           int timeout_ms,
                                           void (*callback)(rd_kafka_message_t *, void *),
                                           void *opaque);

static struct rule *
rule_for(const rd_kafka_message_t *message)
{
    for (int i = 0; i < rule_count && !message->err; i++) {
        struct rule *rule = &rules[i];
        if (message->partition == rule->partition && message->offset >= rule->first &&
            message->offset <= rule->last &&
            rule->hits[message->offset - rule->first] < rule->left) {
            rule->hits[message->offset - rule->first]++;
            return rule;
        }
    }
    return NULL;
}

static void
pass(rd_kafka_message_t *message, void *opaque)
{
    const struct filter *filter = opaque;
    const struct rule *rule = rule_for(message);
    if (!rule) {
        filter->callback(message, filter->opaque);
    } else if (rule->unreadable) {
        rd_kafka_message_t bad = {.err = RD_KAFKA_RESP_ERR__BAD_MSG,
                                  .rkt = message->rkt,
                                  .partition = message->partition,
                                  .offset = message->offset};
        filter->callback(&bad, filter->opaque);
    }
}

int
__wrap_rd_kafka_consume_callback_queue(rd_kafka_queue_t *queue,
                                       int timeout_ms,
                                       void (*callback)(rd_kafka_message_t *, void *),
                                       void *opaque)
{
    struct filter filter = {callback, opaque};
    return __real_rd_kafka_consume_callback_queue(queue, timeout_ms, pass, &filter);
}

static void
swallow(int32_t partition, int64_t first, int64_t last, int times)
{
    MR_INSIST(rule_count < (int)MR_ARRAY_LEN(rules) && last - first < 16);
    rules[rule_count++] = (struct rule){partition, first, last, times, false, {0}};
}

/* ---- what the members do ---- */

static void
start_cluster(struct cluster *cluster, struct member *member, const char *group)
{
    rule_count = 0;
    cluster_start(cluster);
    for (int32_t p = 0; p < T_PARTITIONS; p++) {
        cluster_produce(cluster, p, 100);
    }
    member_init(member, cluster, group);
}

static void
stop_both(struct cluster *cluster, struct member *member)
{
    member_stop(member);
    cluster_stop(cluster);
}

static void
check_counts(struct member *member, int64_t skipped, int64_t gap_offsets)
{
    struct mr_consumer_state state;
    mr_consumer_get_state(member->consumer, &state);
    T_INT_EQ(state.skipped, skipped);
    T_INT_EQ(state.gap_offsets, gap_offsets);
}

/* What one partition's second look finds, another's may have found already. */
static void
check_skipped(struct member *member, int64_t least, int64_t most)
{
    struct mr_consumer_state state;
    mr_consumer_get_state(member->consumer, &state);
    T_TRUE_MSG(state.skipped >= least && state.skipped <= most, "%d", (int)state.skipped);
    T_INT_EQ(state.gap_offsets, 0);
}

/* Like member_take, for logs with gaps: order alone is checked. */
static void
take_with_gaps(struct member *member, int64_t total)
{
    struct mr_error error = {0};
    int64_t deadline = mr_clock_monotonic_ms() + 30000;
    while (member_total(member) < total && mr_clock_monotonic_ms() < deadline) {
        mr_batch_reset(member->batch);
        enum mr_rc rc = mr_consumer_fill(member->consumer, member->batch, 20, &error);
        T_TRUE_MSG(rc == MR_OK, "%s", error.text);
        for (uint32_t i = 0; i < member->batch->count; i++) {
            const struct mr_record *record = &member->batch->records[i];
            T_TRUE(record->offset >= member->next[record->partition]);
            member->next[record->partition] = record->offset + 1;
            member->taken[record->partition]++;
        }
    }
    T_INT_EQ(member_total(member), total);
}

static void
take_replay(struct member *member)
{
    struct mr_error error = {0};
    int64_t deadline = mr_clock_monotonic_ms() + 30000;
    while (mr_consumer_replaying(member->consumer) && mr_clock_monotonic_ms() < deadline) {
        T_TRUE_MSG(member_fill(member, 20, &error) == MR_OK, "%s", error.text);
    }
    T_TRUE(!mr_consumer_replaying(member->consumer));
}

/* ---- the decision ---- */

struct decision {
    int64_t to; /* as the look before left it */
    bool unreadable;
    uint8_t refused;
    int64_t offset;
    bool end, known;
    enum mri_gap_verdict verdict;
    int64_t found, then_to;
};

/* The position is 10. */
static const struct decision decisions[] = {
    {-1, false, 0, 10, false, false, MRI_GAP_NONE, 0, -1},
    {-1, false, 0, 10, true, false, MRI_GAP_NONE, 0, -1},
    {-1, false, 0, 9, true, false, MRI_GAP_NONE, 0, -1},
    {-1, false, 0, 9, false, false, MRI_GAP_NONE, 0, -1}, /* a step back is the ledger's */
    {-1, false, 0, 11, false, false, MRI_GAP_AGAIN, 0, 11},
    {-1, false, 0, 11, true, false, MRI_GAP_AGAIN, 0, 11},
    {-1, false, 0, 11, false, true, MRI_GAP_REAL, 0, -1},
    {-1, false, 0, 11, true, true, MRI_GAP_REAL, 0, -1},
    {15, false, 0, 15, false, false, MRI_GAP_REAL, 0, -1},
    {15, false, 0, 15, true, false, MRI_GAP_REAL, 0, -1},
    {15, false, 0, 16, false, false, MRI_GAP_REAL, 0, -1},
    {15, false, 0, 10, false, false, MRI_GAP_NONE, 5, -1},
    {15, false, 0, 10, true, false, MRI_GAP_NONE, 0, -1}, /* the log ends there: nothing was found */
    {15, false, 0, 9, false, false, MRI_GAP_NONE, 0, -1},
    {15, false, 0, 12, false, false, MRI_GAP_AGAIN, 3, 12},
    {15, false, 0, 12, true, false, MRI_GAP_AGAIN, 0, 12},
    {15, false, 0, 12, false, true, MRI_GAP_REAL, 3, -1}, /* known since, by another partition */
    {15, false, 0, 10, false, true, MRI_GAP_NONE, 5, -1},
    {-1, true, 0, 15, false, false, MRI_GAP_AGAIN, 0, -1},
    {-1, true, 0, 15, false, true, MRI_GAP_AGAIN, 0, -1}, /* never a gap, in no log */
    {15, true, 0, 15, false, false, MRI_GAP_AGAIN, 0, -1},
    {-1, true, 1, 15, true, false, MRI_GAP_AGAIN, 0, -1},
    {-1, true, 2, 15, false, true, MRI_GAP_UNREADABLE, 0, -1},
    {-1, true, 2, 10, false, false, MRI_GAP_NONE, 0, -1},
    {-1, false, 2, 15, false, false, MRI_GAP_AGAIN, 0, 15},
};

Test(consume_gap, a_gap_is_believed_when_two_looks_show_it_or_the_topic_has_gaps)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(decisions); i++) {
        const struct decision *d = &decisions[i];
        struct mri_gap gap = {d->to, d->unreadable, d->refused};
        struct mri_gap_look look = {d->offset, d->end, d->known};
        int64_t found = -7;
        enum mri_gap_verdict verdict = mri_gap_see(10, &gap, &look, &found);
        T_TRUE_MSG(verdict == d->verdict && found == d->found && gap.to == d->then_to,
                   "row %d: verdict %d, found %d, then %d",
                   (int)i,
                   (int)verdict,
                   (int)found,
                   (int)gap.to);
        T_TRUE(!gap.unreadable);
        if (verdict == MRI_GAP_NONE || verdict == MRI_GAP_REAL) {
            T_INT_EQ(gap.refused, 0);
        }
    }
}

/* ---- records that the client skips ---- */

/* member_take fails at the first offset that is missing. */
static void
read_over_skips(uint32_t records, size_t bytes)
{
    struct cluster cluster;
    struct member member;
    start_cluster(&cluster, &member, "skips");
    swallow(0, 0, 3, 1);
    swallow(1, 50, 50, 1);
    swallow(2, 98, 99, 1); /* only the end of the log shows it */
    member_start(&member, records, bytes);
    member_take(&member, 4 * 100);
    T_INT_EQ(member_total(&member), 4 * 100);
    check_skipped(&member, 1, 4 + 1 + 2);
    T_INT_EQ(member.assigned, 1);
    T_INT_EQ(member.revoked, 0);
    cluster_produce(&cluster, 2, 10);
    member_take(&member, 4 * 100 + 10);
    check_skipped(&member, 1, 4 + 1 + 2);
    stop_both(&cluster, &member);
}

Test(consume_gap, records_that_the_client_skips_are_read_again)
{
    read_over_skips(1000, 1 << 20);
}

Test(consume_gap, the_end_of_the_log_shows_that_its_last_records_were_skipped)
{
    struct cluster cluster;
    struct member member;
    start_cluster(&cluster, &member, "tail");
    swallow(2, 97, 99, 1);
    member_start(&member, 1000, 1 << 20);
    member_take(&member, 4 * 100);
    check_counts(&member, 3, 0);
    stop_both(&cluster, &member);
}

Test(consume_gap, a_held_record_outlives_the_second_look)
{
    read_over_skips(1000, 40);
}

Test(consume_gap, every_record_may_end_a_batch)
{
    read_over_skips(1, 1 << 20);
}

/* Unassigning under it would stop the heartbeats. */
Test(consume_gap, the_second_look_waits_for_the_answer_to_a_commit)
{
    struct cluster cluster;
    struct member member;
    start_cluster(&cluster, &member, "commit");
    swallow(1, 50, 50, 1);
    member_start(&member, 1000, 1 << 20);
    member_wait_assigned(&member, T_PARTITIONS);
    member.consumer->commits_sent++;
    for (int i = 0; i < 50 && !member.consumer->again; i++) {
        T_INT_EQ(member_fill(&member, 20, NULL), MR_OK);
    }
    for (int i = 0; i < 5; i++) {
        T_INT_EQ(member_fill(&member, 20, NULL), MR_OK);
        T_TRUE(member.consumer->again);
    }
    T_INT_EQ(member.next[1], 50);
    member.consumer->commits_answered++;
    member_take(&member, 4 * 100);
    check_counts(&member, 1, 0);
    stop_both(&cluster, &member);
}

Test(consume_gap, a_second_look_that_skips_less_is_followed_by_a_third)
{
    struct cluster cluster;
    struct member member;
    start_cluster(&cluster, &member, "less");
    swallow(1, 20, 22, 2);
    swallow(1, 23, 29, 1);
    member_start(&member, 1000, 1 << 20);
    member_take(&member, 4 * 100);
    check_counts(&member, 10, 0);
    stop_both(&cluster, &member);
}

Test(consume_gap, a_range_read_again_is_whole_although_the_client_skips)
{
    struct cluster cluster;
    struct member member;
    start_cluster(&cluster, &member, "range");
    swallow(1, 30, 30, 1);
    swallow(1, 38, 41, 1); /* across the end of the range */
    swallow(3, 99, 99, 1);
    member.starts[1] = 20;
    member.until[1] = 40;
    member.starts[3] = 90;
    member.until[3] = 100;
    member_start(&member, 7, 1 << 20);
    member_wait_assigned(&member, T_PARTITIONS);
    take_replay(&member);
    T_INT_EQ(member.taken[1], 20);
    T_INT_EQ(member.taken[3], 10);
    T_INT_EQ(member_total(&member), 30);
    member_take(&member, 100 + 80 + 100 + 10);
    T_INT_EQ(member_total(&member), 100 + 80 + 100 + 10);
    check_skipped(&member, 1, 1 + 4 + 1);
    stop_both(&cluster, &member);
}

/* ---- offsets without a record ---- */

Test(consume_gap, a_gap_of_the_log_is_looked_at_twice_and_later_ones_once)
{
    struct cluster cluster;
    struct member member;
    start_cluster(&cluster, &member, "gaps");
    swallow(1, 50, 52, ALWAYS);
    member_start(&member, 1000, 1 << 20);
    take_with_gaps(&member, 4 * 100 - 3);
    check_counts(&member, 0, 3);
    T_INT_EQ(rules[0].hits[0], 2);
    T_INT_EQ(rules[0].hits[2], 2);
    swallow(1, 110, 110, ALWAYS);
    swallow(2, 105, 109, ALWAYS); /* a tail */
    cluster_produce(&cluster, 1, 20);
    cluster_produce(&cluster, 2, 10);
    take_with_gaps(&member, 4 * 100 - 3 + 19 + 5);
    T_INT_EQ(rules[1].hits[0], 1);
    T_INT_EQ(member_fill(&member, 200, NULL), MR_OK); /* the end of the log */
    T_INT_EQ(rules[2].hits[4], 1);
    check_counts(&member, 0, 3 + 1 + 5);
    cluster_produce(&cluster, 2, 1);
    take_with_gaps(&member, 4 * 100 - 3 + 19 + 5 + 1);
    check_counts(&member, 0, 3 + 1 + 5);
    stop_both(&cluster, &member);
}

Test(consume_gap, a_range_whose_last_records_are_not_in_the_log_ends)
{
    struct cluster cluster;
    struct member member;
    start_cluster(&cluster, &member, "tails");
    swallow(1, 35, 44, ALWAYS); /* the next record lies past the end */
    swallow(3, 95, 99, ALWAYS); /* no next record */
    member.starts[1] = 30;
    member.until[1] = 40;
    member.starts[3] = 90;
    member.until[3] = 98;
    member_start(&member, 1000, 1 << 20);
    member_wait_assigned(&member, T_PARTITIONS);
    take_replay(&member);
    T_INT_EQ(member.taken[1], 5);
    T_INT_EQ(member.taken[3], 5);
    T_INT_EQ(member_total(&member), 10);
    check_counts(&member, 0, 5 + 3);
    take_with_gaps(&member, 100 + 5 + 55 + 100 + 5);
    T_INT_EQ(member_fill(&member, 200, NULL), MR_OK);
    check_counts(&member, 0, 5 + 5 + 3 + 2);
    stop_both(&cluster, &member);
}

/* ---- records that cannot be read ---- */

Test(consume_gap, an_unreadable_record_is_read_again_and_is_never_a_gap)
{
    struct cluster cluster;
    struct member member;
    struct mr_error error = {0};
    start_cluster(&cluster, &member, "bad");
    swallow(1, 50, 50, 2);
    rules[0].unreadable = true;
    member_start(&member, 1000, 1 << 20);
    member_take(&member, 4 * 100);
    check_counts(&member, 0, 0);
    swallow(1, 110, 110, ALWAYS);
    rules[1].unreadable = true;
    cluster_produce(&cluster, 1, 20);
    int64_t deadline = mr_clock_monotonic_ms() + 20000;
    enum mr_rc rc = MR_OK;
    while (rc == MR_OK && mr_clock_monotonic_ms() < deadline) {
        rc = member_fill(&member, 20, &error);
    }
    T_INT_EQ(rc, MR_STOPPED);
    T_TRUE_MSG(strstr(error.text, "partition 1: records of the offsets [110, 111) cannot be read") !=
                   NULL,
               "%s",
               error.text);
    T_INT_EQ(member.next[1], 110);
    T_INT_EQ(rules[1].hits[0], 3);
    stop_both(&cluster, &member);
}
