/* Reading a range again, and starting over.
 *
 * A replay is one unit with exactly its range. So only the replayed partitions are assigned in the
 * client, all of them stay ours in the group; records at or past the end are dropped, and read after
 * all when everything is assigned. The end is also seen where the log has no record before it
 * (compaction, transaction markers): the next record, or the end of the log, lies at or past it.
 *
 * An assignment is replaced in steps: the client stops fetching on its main thread, and clears the
 * forward of the partition's queue there. Only when that is done may the queue be forwarded anew. */
#include "millrace/base/assert.h"
#include "millrace/base/clock.h"
#include "millrace/base/log.h"
#include "pipeline/consume/consume_priv.h"

static void
drop_message(rd_kafka_message_t *message, void *opaque)
{
    (void)message;
    (void)opaque;
}

/* Nothing is assigned in the client when this returns, and nothing fetched is left. */
static void
stop_fetching(struct mr_consumer *consumer)
{
    mri_consume_assign(consumer, NULL);
    /* The main thread does its work in order: with this answer it has stopped the partitions. */
    rd_kafka_consumer_group_metadata_t *barrier = rd_kafka_consumer_group_metadata(consumer->rk);
    if (barrier) {
        rd_kafka_consumer_group_metadata_destroy(barrier);
    }
    (void)rd_kafka_consume_callback_queue(consumer->data.queue, 0, drop_message, NULL);
    consumer->last_topic = NULL; /* may be freed with the last message */
    consumer->last_slot = NULL;
}

void
mri_consume_refetch(struct mr_consumer *consumer)
{
    stop_fetching(consumer);
    mri_consume_assign(consumer, consumer->slots);
}

/* ---- a replay ---- */

void
mri_replay_begin(struct mr_consumer *consumer)
{
    consumer->replay_left = 0;
    for (uint32_t i = 0; i < consumer->slot_count; i++) {
        consumer->replay_left += consumer->slots[i].until >= 0;
    }
    consumer->replay = consumer->replay_left > 0 ? MRI_REPLAY_READING : MRI_REPLAY_NONE;
    if (consumer->replay_left > 0) {
        mr_log(MR_LOG_INFO,
               "consume",
               "reading ranges again",
               MR_INT("partitions", consumer->replay_left));
    }
}

void
mri_replay_reached(struct mr_consumer *consumer, struct mri_slot *slot, int64_t offset)
{
    if (slot->until >= 0 && offset >= slot->until) {
        slot->position = slot->until;
        slot->until = -1;
        consumer->replay_left--;
    }
}

bool
mri_replay_wants(struct mr_consumer *consumer, struct mri_slot *slot, int64_t offset)
{
    mri_replay_reached(consumer, slot, offset);
    return slot->until >= 0;
}

bool
mri_replay_is_over(const struct mr_consumer *consumer)
{
    return consumer->replay == MRI_REPLAY_READING && consumer->replay_left == 0 &&
           !consumer->held.set;
}

bool
mr_consumer_replaying(const struct mr_consumer *consumer)
{
    return consumer->replay == MRI_REPLAY_READING;
}

void
mri_replay_go_on(struct mr_consumer *consumer)
{
    if (consumer->replay != MRI_REPLAY_ENDED || rd_kafka_assignment_lost(consumer->rk)) {
        return; /* after a loss: the revocation is on its way */
    }
    consumer->replay = MRI_REPLAY_NONE;
    mri_consume_refetch(consumer);
    mr_log(MR_LOG_INFO, "consume", "read again, going on", MR_INT("partitions", consumer->slot_count));
}

/* ---- starting over ---- */

static rd_kafka_topic_partition_list_t *
list_of_slots(const struct mr_consumer *consumer)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)consumer->slot_count);
    for (uint32_t i = 0; i < consumer->slot_count; i++) {
        const struct mri_slot *slot = &consumer->slots[i];
        rd_kafka_topic_partition_list_add(
            list, mri_consume_topic_name(consumer, slot->topic), slot->partition);
    }
    return list;
}

void
mr_consumer_restart(struct mr_consumer *consumer)
{
    MR_REQUIRE(!consumer->in_event);
    consumer->epoch++;
    if (consumer->slot_count > 0) {
        MR_INSIST(!consumer->pending);
        consumer->pending = list_of_slots(consumer);
        mri_consume_drop_slots(consumer);
        mr_log(MR_LOG_INFO,
               "consume",
               "starting over with the partitions held",
               MR_INT("partitions", consumer->pending->cnt));
        /* After a loss the revocation is on its way; what comes until then is of no slot. */
        if (!rd_kafka_assignment_lost(consumer->rk)) {
            stop_fetching(consumer);
        }
    }
    consumer->pending_pause_ms = 0;
    consumer->pending_at_ms = mr_clock_monotonic_ms();
}
