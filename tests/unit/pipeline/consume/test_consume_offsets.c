/* Commits with metadata, what the group has, the place in the group, the ends of logs. */
#include <stdio.h>
#include <string.h>

#include "consume_support.h"
#include "millrace/base/clock.h"
#include "pipeline/consume/consume_priv.h"
#include "test.h"

#define OFFSET_COMMIT 8 /* Kafka's api keys */
#define OFFSET_FETCH  9
#define LIST_OFFSETS  2

/* All partitions at their own offset, metadata "<word> <partition>". */
static void
name_offsets(struct mr_offset offsets[T_PARTITIONS], int64_t base, const char *word)
{
    memset(offsets, 0, T_PARTITIONS * sizeof *offsets);
    for (int32_t p = 0; p < T_PARTITIONS; p++) {
        offsets[p].partition = p;
        offsets[p].offset = base + p;
        snprintf(offsets[p].metadata, sizeof offsets[p].metadata, "%s %d", word, (int)p);
    }
}

static void
check_offsets(struct mr_consumer *consumer, int64_t base, const char *word)
{
    struct mr_offset found[T_PARTITIONS];
    struct mr_error error = {0};
    char text[64];
    memset(found, 0x55, sizeof found);
    for (int32_t p = 0; p < T_PARTITIONS; p++) {
        found[p].topic = 0;
        found[p].partition = p;
    }
    enum mr_rc rc = mr_consumer_committed(consumer, found, T_PARTITIONS, &error);
    T_TRUE_MSG(rc == MR_OK, "%s", error.text);
    for (int32_t p = 0; p < T_PARTITIONS; p++) {
        snprintf(text, sizeof text, "%s %d", word, (int)p);
        T_INT_EQ(found[p].offset, base < 0 ? -1 : base + p);
        T_INT_EQ(found[p].metadata_len, base < 0 ? 0 : strlen(text));
        T_STR_EQ(found[p].metadata, base < 0 ? "" : text);
    }
}

static void
start_member(struct cluster *cluster, struct member *member, const char *group)
{
    cluster_start(cluster);
    member_init(member, cluster, group);
    member_start(member, 10, 1 << 20);
    member_wait_assigned(member, T_PARTITIONS);
}

Test(consume_offsets, offsets_and_metadata_are_read_back_as_they_were_committed)
{
    struct cluster cluster;
    struct member member;
    struct mr_offset offsets[T_PARTITIONS];
    struct mr_error error = {0};
    start_member(&cluster, &member, "back");
    check_offsets(member.consumer, -1, "");
    name_offsets(offsets, 10, "unit");
    enum mr_answer answer =
        mr_consumer_commit_offsets(member.consumer, offsets, T_PARTITIONS, &error);
    T_TRUE_MSG(answer == MR_ANSWER_OK, "%s", error.text);
    check_offsets(member.consumer, 10, "unit");
    member_stop(&member);
    cluster_stop(&cluster);
}

Test(consume_offsets, the_longest_metadata_goes_both_ways_and_a_longer_one_is_cut_and_told)
{
    struct cluster cluster;
    struct member member;
    struct mr_offset offsets[1] = {{.partition = 2, .offset = 7}}, found[1] = {{.partition = 2}};
    char foreign[1001];
    memset(foreign, 'f', sizeof foreign - 1);
    foreign[sizeof foreign - 1] = 0;
    cluster_start(&cluster);
    cluster_commit(&cluster, "long", 2, 9, foreign);
    member_init(&member, &cluster, "long");
    member_start(&member, 10, 1 << 20);
    member_wait_assigned(&member, T_PARTITIONS);
    T_INT_EQ(member.first[2], 9);
    T_INT_EQ(mr_consumer_committed(member.consumer, found, 1, NULL), MR_OK);
    T_INT_EQ(found[0].offset, 9);
    T_INT_EQ(found[0].metadata_len, 1000);
    T_TRUE(memcmp(found[0].metadata, foreign, sizeof found[0].metadata) == 0);

    memset(offsets[0].metadata, 'm', MR_METADATA_CHARS + 1); /* no end */
    T_INT_EQ(mr_consumer_commit_offsets(member.consumer, offsets, 1, NULL), MR_ANSWER_ERROR);
    offsets[0].metadata[MR_METADATA_CHARS] = 0;
    T_INT_EQ(mr_consumer_commit_offsets(member.consumer, offsets, 1, NULL), MR_ANSWER_OK);
    T_INT_EQ(mr_consumer_committed(member.consumer, found, 1, NULL), MR_OK);
    T_INT_EQ(found[0].metadata_len, MR_METADATA_CHARS);
    T_STR_EQ(found[0].metadata, offsets[0].metadata);
    member_stop(&member);
    cluster_stop(&cluster);
}

static struct mr_error within_error;

static void
commit_within(struct member *member)
{
    struct mr_offset offsets[T_PARTITIONS];
    name_offsets(offsets, 3, "within");
    check_offsets(member->consumer, -1, "");
    enum mr_answer answer =
        mr_consumer_commit_offsets(member->consumer, offsets, T_PARTITIONS, &within_error);
    T_TRUE_MSG(answer == MR_ANSWER_OK, "%s", within_error.text);
    check_offsets(member->consumer, 3, "within");
}

Test(consume_offsets, both_work_within_the_assignment)
{
    struct cluster cluster;
    struct member member;
    cluster_start(&cluster);
    cluster_produce(&cluster, 0, 20);
    cluster_produce(&cluster, 1, 20);
    cluster_produce(&cluster, 2, 20);
    cluster_produce(&cluster, 3, 20);
    member_init(&member, &cluster, "within");
    member.in_assigned = commit_within;
    member_start(&member, 10, 1 << 20);
    member_take(&member, 4 * 20 - 3 - 4 - 5 - 6);
    T_INT_EQ(member.assigned, 1);
    T_INT_EQ(member.first[0], 3); /* the start was looked up after it */
    member_stop(&member);
    cluster_stop(&cluster);
}

/* Every answer to one commit of a fresh member. */
static void
answer_to(rd_kafka_resp_err_t injected, enum mr_answer expected, const char *text)
{
    struct cluster cluster;
    struct member member;
    struct mr_offset offsets[T_PARTITIONS];
    struct mr_error error = {0};
    struct mr_standing taken, now;
    start_member(&cluster, &member, "answer");
    mr_consumer_standing(member.consumer, &taken);
    name_offsets(offsets, 1, "answer");
    rd_kafka_mock_push_request_errors(cluster.mock, OFFSET_COMMIT, 1, injected);
    enum mr_answer answer =
        mr_consumer_commit_offsets(member.consumer, offsets, T_PARTITIONS, &error);
    T_INT_EQ(answer, expected);
    T_TRUE_MSG(strstr(error.text, text) != NULL, "%s", error.text);
    mr_consumer_standing(member.consumer, &now);
    T_INT_EQ(mr_standing_holds(&taken, &now), expected != MR_ANSWER_FENCED);
    member_stop(&member);
    cluster_stop(&cluster);
}

Test(consume_offsets, only_what_may_have_been_applied_unseen_is_lost)
{
    static const struct {
        rd_kafka_resp_err_t code;
        enum mr_answer answer;
    } table[] = {{RD_KAFKA_RESP_ERR_NO_ERROR, MR_ANSWER_OK},
                 {RD_KAFKA_RESP_ERR__TIMED_OUT, MR_ANSWER_LOST},
                 {RD_KAFKA_RESP_ERR__TRANSPORT, MR_ANSWER_LOST},
                 {RD_KAFKA_RESP_ERR__DESTROY, MR_ANSWER_LOST},
                 {RD_KAFKA_RESP_ERR__WAIT_COORD, MR_ANSWER_LOST},
                 {RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, MR_ANSWER_LOST},
                 {RD_KAFKA_RESP_ERR_NOT_COORDINATOR, MR_ANSWER_ERROR},
                 {RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, MR_ANSWER_ERROR},
                 {RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, MR_ANSWER_ERROR},
                 {RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, MR_ANSWER_ERROR},
                 {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, MR_ANSWER_ERROR},
                 {RD_KAFKA_RESP_ERR__NO_OFFSET, MR_ANSWER_ERROR},
                 {RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, MR_ANSWER_FENCED},
                 {RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, MR_ANSWER_FENCED},
                 {RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, MR_ANSWER_FENCED}};
    for (size_t i = 0; i < MR_ARRAY_LEN(table); i++) {
        T_TRUE_MSG(mri_consume_answer_of(table[i].code) == table[i].answer,
                   "%s",
                   rd_kafka_err2name(table[i].code));
    }
}

Test(consume_offsets, a_wrong_generation_is_fenced)
{
    answer_to(RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, MR_ANSWER_FENCED, "generation");
}

Test(consume_offsets, an_unknown_member_is_fenced)
{
    answer_to(RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, MR_ANSWER_FENCED, "member");
}

Test(consume_offsets, a_second_instance_fences_the_first)
{
    answer_to(RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, MR_ANSWER_FENCED, "nstance");
}

Test(consume_offsets, a_refusal_is_an_error_of_a_member_that_still_stands)
{
    answer_to(RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE, MR_ANSWER_ERROR, "not confirmed");
    answer_to(RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, MR_ANSWER_ERROR, "not confirmed");
}

Test(consume_offsets, a_commit_without_an_answer_is_lost_and_blocks_the_next_until_it_has_one)
{
    struct cluster cluster;
    struct member member;
    struct mr_offset offsets[T_PARTITIONS];
    struct mr_error error = {0};
    cluster_start(&cluster);
    member_init(&member, &cluster, "lost");
    member_property(&member, "session.timeout.ms", "60000");
    member_property(&member, "socket.timeout.ms", "60000");
    member_start(&member, 10, 1 << 20);
    member_wait_assigned(&member, T_PARTITIONS);
    rd_kafka_mock_broker_push_request_error_rtts(
        cluster.mock, 1, OFFSET_COMMIT, 1, RD_KAFKA_RESP_ERR_NO_ERROR, 14000);
    name_offsets(offsets, 1, "first");
    enum mr_answer answer =
        mr_consumer_commit_offsets(member.consumer, offsets, T_PARTITIONS, &error);
    T_TRUE_MSG(answer == MR_ANSWER_LOST, "%d: %s", (int)answer, error.text);
    T_TRUE_MSG(strstr(error.text, "not confirmed") != NULL, "%s", error.text);
    name_offsets(offsets, 5, "second");
    int refused = 0;
    int64_t deadline = mr_clock_monotonic_ms() + T_PATIENCE_MS;
    do {
        T_INT_EQ(mr_consumer_fill(member.consumer, NULL, 50, NULL), MR_OK);
        answer = mr_consumer_commit_offsets(member.consumer, offsets, T_PARTITIONS, &error);
        refused += answer == MR_ANSWER_LOST && strstr(error.text, "earlier commit") != NULL;
    } while (answer == MR_ANSWER_LOST && mr_clock_monotonic_ms() < deadline);
    T_TRUE_MSG(answer == MR_ANSWER_OK, "%s", error.text);
    T_TRUE(refused > 0);
    check_offsets(member.consumer, 5, "second");
    member_stop(&member);
    cluster_stop(&cluster);
}

Test(consume_offsets, offsets_that_kafka_does_not_tell_are_no_offsets_of_none)
{
    struct cluster cluster;
    struct member member;
    struct mr_offset offsets[T_PARTITIONS];
    struct mr_error error = {0};
    start_member(&cluster, &member, "untold");
    name_offsets(offsets, 1, "kept");
    T_INT_EQ(mr_consumer_commit_offsets(member.consumer, offsets, T_PARTITIONS, NULL),
             MR_ANSWER_OK);
    name_offsets(offsets, 77, "untouched");
    rd_kafka_mock_push_request_errors(
        cluster.mock, OFFSET_FETCH, 1, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    T_INT_EQ(mr_consumer_committed(member.consumer, offsets, T_PARTITIONS, &error), MR_KAFKA);
    T_TRUE_MSG(strstr(error.text, "not known") != NULL, "%s", error.text);
    T_INT_EQ(offsets[0].offset, 77);
    T_STR_EQ(offsets[0].metadata, "untouched 0");
    check_offsets(member.consumer, 1, "kept");
    member_stop(&member);
    cluster_stop(&cluster);
}

Test(consume_offsets, a_standing_is_the_same_until_something_happens)
{
    struct cluster cluster;
    struct member member;
    struct mr_standing before, taken, now;
    cluster_start(&cluster);
    member_init(&member, &cluster, "standing");
    member_start(&member, 10, 1 << 20);
    mr_consumer_standing(member.consumer, &before);
    T_TRUE(before.generation < 0); /* not joined yet */
    member_wait_assigned(&member, T_PARTITIONS);
    mr_consumer_standing(member.consumer, &taken);
    T_TRUE(!taken.lost && taken.topics_known && taken.metadata_fits);
    T_TRUE(taken.generation >= 0);
    T_TRUE(taken.member != before.member && taken.epoch > before.epoch);
    T_TRUE(!mr_standing_holds(&before, &taken));
    T_INT_EQ(member_fill(&member, 50, NULL), MR_OK);
    mr_consumer_standing(member.consumer, &now);
    T_TRUE(mr_standing_holds(&taken, &now));
    member_stop(&member);
    cluster_stop(&cluster);
}

Test(consume_offsets, another_member_has_another_standing_and_a_rebalance_ends_the_first)
{
    struct cluster cluster;
    struct member a, b;
    struct mr_standing taken, now, other;
    start_member(&cluster, &a, "others");
    mr_consumer_standing(a.consumer, &taken);
    member_init(&b, &cluster, "others");
    member_start(&b, 10, 1 << 20);
    int64_t deadline = mr_clock_monotonic_ms() + T_PATIENCE_MS;
    while ((a.positions < 2 || b.positions < 1) && mr_clock_monotonic_ms() < deadline) {
        T_INT_EQ(mr_consumer_fill(a.consumer, NULL, 10, NULL), MR_OK);
        T_INT_EQ(mr_consumer_fill(b.consumer, NULL, 10, NULL), MR_OK);
    }
    mr_consumer_standing(a.consumer, &now);
    mr_consumer_standing(b.consumer, &other);
    T_TRUE(!mr_standing_holds(&taken, &now));
    T_TRUE(now.generation > taken.generation && now.member == taken.member);
    T_INT_EQ(other.generation, now.generation);
    T_TRUE(other.member != now.member);
    member_stop(&b);
    member_stop(&a);
    cluster_stop(&cluster);
}

Test(consume_offsets, a_log_that_reaches_the_end_is_the_same_and_a_shorter_one_is_in_doubt)
{
    struct cluster cluster;
    struct member member;
    struct mr_error error = {0};
    cluster_start(&cluster);
    cluster_produce(&cluster, 1, 30);
    member_init(&member, &cluster, "same");
    member_start(&member, 10, 1 << 20);
    struct mr_consumer *consumer = member.consumer;
    T_INT_EQ(mr_consumer_same_topic(consumer, 0, 1, 30, &error), MR_ANSWER_OK);
    T_INT_EQ(mr_consumer_same_topic(consumer, 0, 1, 29, &error), MR_ANSWER_OK);
    T_INT_EQ(mr_consumer_same_topic(consumer, 0, 1, 31, &error), MR_ANSWER_UNKNOWN);
    T_TRUE_MSG(strstr(error.text, "ends at 30") != NULL, "%s", error.text);
    T_INT_EQ(mr_consumer_same_topic(consumer, 0, 99, 0, &error), MR_ANSWER_UNKNOWN);
    rd_kafka_resp_err_t refusals[20]; /* the probe meets some of them */
    for (size_t i = 0; i < MR_ARRAY_LEN(refusals); i++) {
        refusals[i] = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    }
    rd_kafka_mock_push_request_errors_array(
        cluster.mock, LIST_OFFSETS, MR_ARRAY_LEN(refusals), refusals);
    T_INT_EQ(mr_consumer_same_topic(consumer, 0, 1, 30, &error), MR_ANSWER_ERROR);
    T_TRUE_MSG(strstr(error.text, "is not known") != NULL, "%s", error.text);
    T_INT_EQ(rd_kafka_mock_broker_set_down(cluster.mock, 1), 0);
    T_INT_EQ(mr_consumer_same_topic(consumer, 0, 1, 30, &error), MR_ANSWER_LOST);
    member_stop(&member);
    cluster_stop(&cluster);
}
