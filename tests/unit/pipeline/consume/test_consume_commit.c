/* Offset commits: confirmed, refused, read back. */
#include <string.h>

#include "consume_support.h"
#include "test.h"

#define OFFSET_COMMIT 8 /* Kafka's api key */

Test(consume_commit, the_next_member_begins_where_the_last_commit_ended)
{
    struct cluster cluster;
    struct member first, second;
    struct mr_error error = {0};
    cluster_start(&cluster);
    cluster_produce(&cluster, 0, 1000);
    cluster_produce(&cluster, 3, 1000);
    member_init(&first, &cluster, "next");
    member_start(&first, 100, 1 << 20);
    member_take(&first, 700);
    T_TRUE_MSG(member_commit(&first, &error) == MR_OK, "%s", error.text);
    int64_t committed = member_total(&first);
    member_take(&first, committed + 200); /* taken, never committed */
    int64_t uncommitted[] = {first.next[0], first.next[3]};
    member_stop(&first);

    member_init(&second, &cluster, "next");
    member_start(&second, 100, 1 << 20);
    member_wait_assigned(&second, T_PARTITIONS);
    T_INT_EQ(second.first[0] + second.first[3], committed);
    T_TRUE(second.first[0] <= uncommitted[0] && second.first[3] <= uncommitted[1]);
    member_take(&second, 2000 - committed);
    T_INT_EQ(member_total(&second), 2000 - committed);
    member_stop(&second);
    cluster_stop(&cluster);
}

Test(consume_commit, an_error_is_believed_only_when_the_offsets_are_not_there)
{
    struct cluster cluster;
    struct member member;
    struct mr_error error = {0};
    cluster_start(&cluster);
    cluster_produce(&cluster, 0, 100);
    member_init(&member, &cluster, "error");
    member_start(&member, 10, 1 << 20);
    member_take(&member, 40);
    rd_kafka_mock_push_request_errors(
        cluster.mock, OFFSET_COMMIT, 1, RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE);
    T_INT_EQ(member_commit(&member, &error), MR_KAFKA);
    T_TRUE_MSG(strstr(error.text, "not confirmed") != NULL, "%s", error.text);
    T_TRUE_MSG(member_commit(&member, &error) == MR_OK, "%s", error.text);

    /* The same offsets again: the answer is an error, and the broker has them all the same. */
    rd_kafka_mock_push_request_errors(
        cluster.mock, OFFSET_COMMIT, 1, RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE);
    T_TRUE_MSG(member_commit(&member, &error) == MR_OK, "%s", error.text);
    member_stop(&member);
    cluster_stop(&cluster);
}

Test(consume_commit, a_passing_refusal_is_retried_by_the_client)
{
    struct cluster cluster;
    struct member member;
    struct mr_error error = {0};
    cluster_start(&cluster);
    cluster_produce(&cluster, 0, 100);
    member_init(&member, &cluster, "retry");
    member_start(&member, 10, 1 << 20);
    member_take(&member, 40);
    rd_kafka_mock_push_request_errors(cluster.mock,
                                      OFFSET_COMMIT,
                                      2,
                                      RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
                                      RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS);
    enum mr_rc rc = member_commit(&member, &error);
    if (rc != MR_OK) { /* or given up and told: then it stays committable */
        rc = member_commit(&member, &error);
    }
    T_TRUE_MSG(rc == MR_OK, "%s", error.text);
    member_stop(&member);
    cluster_stop(&cluster);
}

Test(consume_commit, nothing_is_committed_for_partitions_that_are_not_held)
{
    struct cluster cluster;
    struct member member;
    struct mr_error error = {0};
    struct mr_span span = {.partition = 0, .end = 5};
    cluster_start(&cluster);
    cluster_produce(&cluster, 0, 10);
    member_init(&member, &cluster, "foreign");
    member_start(&member, 10, 1 << 20);
    T_INT_EQ(mr_consumer_commit(member.consumer, &span, 1, &error), MR_KAFKA);
    T_TRUE_MSG(strstr(error.text, "no partition is assigned") != NULL, "%s", error.text);
    member_wait_assigned(&member, T_PARTITIONS);
    span.partition = 77;
    T_INT_EQ(mr_consumer_commit(member.consumer, &span, 1, &error), MR_KAFKA);
    T_TRUE_MSG(strstr(error.text, "not assigned any more") != NULL, "%s", error.text);
    span.partition = 0;
    T_INT_EQ(mr_consumer_commit(member.consumer, &span, 1, &error), MR_OK);
    member_stop(&member);
    cluster_stop(&cluster);
}
