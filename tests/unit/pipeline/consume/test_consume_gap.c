/* Offsets that do not come: skipped by the client, or not in the log. */
#include "millrace/base/assert.h"
#include "millrace/base/clock.h"
#include "pipeline/consume/consume_priv.h"
#include "swallow.h"
#include "test.h"

/* ---- what the members do ---- */

/* What one partition's second look finds, another's may have found already. */
static void
check_skipped(struct member *member, int64_t least, int64_t most)
{
    struct mr_consumer_state state;
    mr_consumer_get_state(member->consumer, &state);
    T_TRUE_MSG(state.skipped >= least && state.skipped <= most, "%d", (int)state.skipped);
    T_INT_EQ(state.gap_offsets, 0);
}

/* The ends of the logs come when they come. */
static void
wait_for_gaps(struct member *member, int64_t gap_offsets)
{
    struct mr_consumer_state state = {.gap_offsets = -1};
    int64_t deadline = mr_clock_monotonic_ms() + T_PATIENCE_MS;
    while (state.gap_offsets != gap_offsets && mr_clock_monotonic_ms() < deadline) {
        T_INT_EQ(member_fill(member, 20, NULL), MR_OK);
        mr_consumer_get_state(member->consumer, &state);
    }
    swallow_check_counts(member, 0, gap_offsets);
}

/* Like member_take, for logs with gaps: order alone is checked. */
static void
take_with_gaps(struct member *member, int64_t total)
{
    struct mr_error error = {0};
    int64_t deadline = mr_clock_monotonic_ms() + T_PATIENCE_MS;
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

/* ---- the decision ---- */

struct decision {
    int64_t to; /* as the look before left it */
    bool unreadable;
    int64_t offset;
    bool end, known;
    enum mri_gap_verdict verdict;
    int64_t found, then_to;
};

/* The position is 10. */
static const struct decision decisions[] = {
    {-1, false, 10, false, false, MRI_GAP_NONE, 0, -1},
    {-1, false, 10, true, false, MRI_GAP_NONE, 0, -1},
    {-1, false, 9, true, false, MRI_GAP_NONE, 0, -1},
    {-1, false, 9, false, false, MRI_GAP_NONE, 0, -1}, /* a step back is the ledger's */
    {-1, false, 11, false, false, MRI_GAP_AGAIN, 0, 11},
    {-1, false, 11, true, false, MRI_GAP_AGAIN, 0, 11},
    {-1, false, 11, false, true, MRI_GAP_REAL, 0, -1},
    {-1, false, 11, true, true, MRI_GAP_REAL, 0, -1},
    {15, false, 15, false, false, MRI_GAP_REAL, 0, -1},
    {15, false, 15, true, false, MRI_GAP_REAL, 0, -1},
    {15, false, 16, false, false, MRI_GAP_REAL, 0, -1},
    {15, false, 10, false, false, MRI_GAP_NONE, 5, -1},
    {15, false, 10, true, false, MRI_GAP_NONE, 0, -1}, /* the log ends there: nothing was found */
    {15, false, 9, false, false, MRI_GAP_NONE, 0, -1},
    {15, false, 12, false, false, MRI_GAP_AGAIN, 3, 12},
    {15, false, 12, true, false, MRI_GAP_AGAIN, 0, 12},
    {15, false, 12, false, true, MRI_GAP_REAL, 3, -1}, /* known since, by another partition */
    {15, false, 10, false, true, MRI_GAP_NONE, 5, -1},
    {-1, true, 15, false, false, MRI_GAP_AGAIN, 0, -1},
    {-1, true, 15, false, true, MRI_GAP_AGAIN, 0, -1}, /* never a gap, in no log */
    {-1, true, 15, true, false, MRI_GAP_AGAIN, 0, -1},
    {15, true, 15, false, false, MRI_GAP_AGAIN, 0, -1},
    {-1, true, 10, false, false, MRI_GAP_NONE, 0, -1},
};

Test(consume_gap, a_gap_is_believed_when_two_looks_show_it_or_the_topic_has_gaps)
{
    for (size_t i = 0; i < MR_ARRAY_LEN(decisions); i++) {
        const struct decision *d = &decisions[i];
        struct mri_gap gap = {.to = d->to, .unreadable = d->unreadable, .refused = 2};
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
        T_INT_EQ(gap.refused, verdict == MRI_GAP_AGAIN ? 2 : 0);
    }
}

Test(consume_gap, the_third_error_at_a_position_is_one_too_many)
{
    static const struct {
        rd_kafka_resp_err_t code;
        int64_t ms; /* since the first one */
        bool stops;
    } errors[] = {
        {RD_KAFKA_RESP_ERR__TRANSPORT, 0, false},
        {RD_KAFKA_RESP_ERR__BAD_MSG, 0, false},
        {RD_KAFKA_RESP_ERR__BAD_MSG, 0, false}, /* of the same answer */
        {RD_KAFKA_RESP_ERR__BAD_MSG, 199, false},
        {RD_KAFKA_RESP_ERR__BAD_COMPRESSION, 200, false},
        {RD_KAFKA_RESP_ERR__TRANSPORT, 500, false},
        {RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED, 399, false},
        {RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED, 400, true},
    };
    struct mri_gap gap = {.to = -1};
    for (size_t i = 0; i < MR_ARRAY_LEN(errors); i++) {
        bool stops = mri_gap_refuse(&gap, errors[i].code, 7000 + errors[i].ms);
        T_TRUE_MSG(stops == errors[i].stops, "row %d", (int)i);
        T_TRUE(gap.unreadable == (i > 0));
    }
}

/* ---- records that the client skips ---- */

/* member_take fails at the first offset that is missing. */
static void
read_over_skips(uint32_t records, size_t bytes)
{
    struct cluster cluster;
    struct member member;
    swallow_start(&cluster, &member, "skips");
    swallow(0, 0, 3, 1, 0);
    swallow(1, 50, 50, 1, 0);
    swallow(2, 98, 99, 1, 0); /* only the end of the log shows it */
    member_start(&member, records, bytes);
    member_take(&member, 4 * 100);
    T_INT_EQ(member_total(&member), 4 * 100);
    check_skipped(&member, 1, 4 + 1 + 2);
    T_INT_EQ(member.assigned, 1);
    T_INT_EQ(member.revoked, 0);
    cluster_produce(&cluster, 2, 10);
    member_take(&member, 4 * 100 + 10);
    check_skipped(&member, 1, 4 + 1 + 2);
    swallow_stop(&cluster, &member);
}

Test(consume_gap, records_that_the_client_skips_are_read_again)
{
    read_over_skips(1000, 1 << 20);
}

Test(consume_gap, the_end_of_the_log_shows_that_its_last_records_were_skipped)
{
    struct cluster cluster;
    struct member member;
    swallow_start(&cluster, &member, "tail");
    swallow(2, 97, 99, 1, 0);
    member_start(&member, 1000, 1 << 20);
    member_take(&member, 4 * 100);
    swallow_check_counts(&member, 3, 0);
    swallow_stop(&cluster, &member);
}

Test(consume_gap, batches_may_be_full_by_their_bytes)
{
    read_over_skips(1000, 40);
}

Test(consume_gap, every_record_may_end_a_batch)
{
    read_over_skips(1, 1 << 20);
}

/* A second look is due, and waits for the answer to a commit. */
static void
start_with_a_look_due(struct cluster *cluster, struct member *member, const char *group)
{
    swallow_start(cluster, member, group);
    swallow(1, 50, 50, 1, 0);
    member_start(member, 1000, 1 << 20);
    member_wait_assigned(member, T_PARTITIONS);
    member->consumer->commits_sent++;
    int64_t deadline = mr_clock_monotonic_ms() + T_PATIENCE_MS;
    while (!member->consumer->again && mr_clock_monotonic_ms() < deadline) {
        T_INT_EQ(member_fill(member, 20, NULL), MR_OK);
    }
    T_TRUE(member->consumer->again);
    T_INT_EQ(member->next[1], 50);
}

/* Unassigning under it would stop the heartbeats. */
Test(consume_gap, the_second_look_waits_for_the_answer_to_a_commit)
{
    struct cluster cluster;
    struct member member;
    start_with_a_look_due(&cluster, &member, "commit");
    for (int i = 0; i < 5; i++) {
        T_INT_EQ(member_fill(&member, 20, NULL), MR_OK);
        T_TRUE(member.consumer->again);
    }
    T_INT_EQ(mr_consumer_fill(member.consumer, NULL, 20, NULL), MR_OK);
    T_TRUE(member.consumer->again);
    T_INT_EQ(member.next[1], 50);
    member.consumer->commits_answered++;
    T_INT_EQ(mr_consumer_fill(member.consumer, NULL, 20, NULL), MR_OK);
    T_TRUE(!member.consumer->again);
    member_take(&member, 4 * 100);
    swallow_check_counts(&member, 1, 0);
    swallow_stop(&cluster, &member);
}

Test(consume_gap, a_restart_makes_the_second_look_needless)
{
    struct cluster cluster;
    struct member member;
    start_with_a_look_due(&cluster, &member, "restart");
    int64_t taken = member_total(&member);
    for (int32_t p = 0; p < T_PARTITIONS; p++) {
        member.starts[p] = member.next[p];
    }
    mr_consumer_restart(member.consumer);
    T_TRUE(!member.consumer->again);
    member.consumer->commits_answered++;
    member_take(&member, 4 * 100);
    T_TRUE(taken < 4 * 100);
    T_INT_EQ(member.assigned, 2);
    swallow_check_counts(&member, 0, 0);
    swallow_stop(&cluster, &member);
}

Test(consume_gap, a_revocation_makes_the_second_look_needless)
{
    struct cluster cluster;
    struct member member, other;
    int64_t shared[T_PARTITIONS] = {0};
    start_with_a_look_due(&cluster, &member, "revoke");
    member.shared = shared;
    member_init(&other, &cluster, "revoke");
    other.shared = shared;
    member_start(&other, 1000, 1 << 20);
    int64_t deadline = mr_clock_monotonic_ms() + T_PATIENCE_MS;
    while ((member.revoked == 0 || member_total(&member) + member_total(&other) < 4 * 100) &&
           mr_clock_monotonic_ms() < deadline) {
        T_INT_EQ(member_fill(&member, 20, NULL), MR_OK);
        T_INT_EQ(member_fill(&other, 20, NULL), MR_OK);
        if (member.revoked > 0 && member.consumer->commits_answered == 0) {
            T_TRUE(!member.consumer->again);
            member.consumer->commits_answered++;
        }
    }
    T_TRUE(member.revoked > 0);
    T_INT_EQ(member_total(&member) + member_total(&other), 4 * 100);
    swallow_check_counts(&member, 0, 0);
    member_stop(&other);
    swallow_stop(&cluster, &member);
}

Test(consume_gap, a_second_look_that_skips_less_is_followed_by_a_third)
{
    struct cluster cluster;
    struct member member;
    swallow_start(&cluster, &member, "less");
    swallow(1, 20, 22, 2, 0);
    swallow(1, 23, 29, 1, 0);
    member_start(&member, 1000, 1 << 20);
    member_take(&member, 4 * 100);
    swallow_check_counts(&member, 10, 0);
    swallow_stop(&cluster, &member);
}

Test(consume_gap, a_range_read_again_is_whole_although_the_client_skips)
{
    struct cluster cluster;
    struct member member;
    swallow_start(&cluster, &member, "range");
    swallow(1, 30, 30, 1, 0);
    swallow(1, 38, 41, 1, 0); /* across the end of the range */
    swallow(3, 99, 99, 1, 0);
    member.starts[1] = 20;
    member.until[1] = 40;
    member.starts[3] = 90;
    member.until[3] = 100;
    member_start(&member, 7, 1 << 20);
    member_wait_assigned(&member, T_PARTITIONS);
    member_take_replay(&member);
    T_INT_EQ(member.taken[1], 20);
    T_INT_EQ(member.taken[3], 10);
    T_INT_EQ(member_total(&member), 30);
    member_take(&member, 100 + 80 + 100 + 10);
    T_INT_EQ(member_total(&member), 100 + 80 + 100 + 10);
    check_skipped(&member, 1, 1 + 4 + 1);
    swallow_stop(&cluster, &member);
}

/* ---- offsets without a record ---- */

Test(consume_gap, a_gap_of_the_log_is_looked_at_twice_and_later_ones_once)
{
    struct cluster cluster;
    struct member member;
    swallow_start(&cluster, &member, "gaps");
    const struct swallow *middle = swallow(1, 50, 52, SWALLOW_ALWAYS, 0);
    member_start(&member, 1000, 1 << 20);
    take_with_gaps(&member, 4 * 100 - 3);
    swallow_check_counts(&member, 0, 3);
    T_INT_EQ(middle->hits[0], 2);
    T_INT_EQ(middle->hits[2], 2);
    const struct swallow *later = swallow(1, 110, 110, SWALLOW_ALWAYS, 0);
    const struct swallow *tail = swallow(2, 105, 109, SWALLOW_ALWAYS, 0);
    cluster_produce(&cluster, 1, 20);
    cluster_produce(&cluster, 2, 10);
    take_with_gaps(&member, 4 * 100 - 3 + 19 + 5);
    T_INT_EQ(later->hits[0], 1);
    wait_for_gaps(&member, 3 + 1 + 5);
    T_INT_EQ(tail->hits[4], 1);
    cluster_produce(&cluster, 2, 1);
    take_with_gaps(&member, 4 * 100 - 3 + 19 + 5 + 1);
    swallow_check_counts(&member, 0, 3 + 1 + 5);
    swallow_stop(&cluster, &member);
}

Test(consume_gap, a_range_whose_last_records_are_not_in_the_log_ends)
{
    struct cluster cluster;
    struct member member;
    swallow_start(&cluster, &member, "tails");
    swallow(1, 35, 44, SWALLOW_ALWAYS, 0); /* the next record lies past the end */
    swallow(3, 95, 99, SWALLOW_ALWAYS, 0); /* no next record */
    member.starts[1] = 30;
    member.until[1] = 40;
    member.starts[3] = 90;
    member.until[3] = 98;
    member_start(&member, 1000, 1 << 20);
    member_wait_assigned(&member, T_PARTITIONS);
    member_take_replay(&member);
    T_INT_EQ(member.taken[1], 5);
    T_INT_EQ(member.taken[3], 5);
    T_INT_EQ(member_total(&member), 10);
    swallow_check_counts(&member, 0, 5 + 3);
    take_with_gaps(&member, 100 + 5 + 55 + 100 + 5);
    wait_for_gaps(&member, 5 + 5 + 3 + 2);
    swallow_stop(&cluster, &member);
}
