"""F14 to F26 of the failure table (src/ledger/README.md), each made with a real broker and rockpool."""

import pytest
from confluent_kafka import TopicPartition

from crash import pool, scenes
from crash.frames import OFFSET_COMMIT, OffsetCommit
from failing import (
    REPLAY, SESSION_S, SOON_S, Course, Play, begin_elsewhere, play, slot)  # noqa: F401 (fixtures)
from harness import events
from harness.starrocks import stream_load
from harness.wait import stays, until

pytestmark = pytest.mark.timeout(180)


def test_F14_a_sink_that_was_restored_or_emptied_stops_the_partition(play: Play) -> None:
    with play("f14") as course:
        member = course.members[0]
        course.wait_for_rows(60)
        course.leaves(member)
        rows, decided = course.detail_rows(), course.decided()
        course.slot.starrocks.sql("TRUNCATE TABLE millrace_ledger", course.name)
        course.refuses(course.run_member(member), "the ledger ends before what was committed")
        course.slot.starrocks.sql("TRUNCATE TABLE millrace_chains", course.name)
        course.refuses(course.run_member(member), "the registry does not know the chain")
        assert course.detail_rows() == rows and course.decided() == decided
        course.left_stopped, course.judged = True, False


@pytest.mark.parametrize("variant", ["kill", "heal"])
def test_F15_a_commit_that_was_refused_in_part_counts_once(play: Play, variant: str) -> None:
    with play("f15", kind="F15", variant=variant, partitions=4) as course:
        rule = scenes.refused_in_part(course)
        # The broker's answer was looked at; a member that is killed may have repaired it before.
        assert course.result.counts["F15 one partition of a commit refused"] == 1
        unit = course.unit_of(OffsetCommit.read(rule.frames[0]).partitions[0])
        ended = course.wait_for("its end", lambda: {course.state(unit)} & {"VISIBLE", "ABORTED"}, SOON_S)
        # Nobody rolls back what may have been decided; of a killed member's, whichever group is first.
        assert variant == "kill" or ended == {"VISIBLE"}


def test_F16_a_label_that_exists_is_rolled_back_and_the_next_number_is_begun(play: Play) -> None:
    with play("f16") as course:
        course.wait_for_rows(30)
        last = course.decided()[0]
        taken = last.n + 10
        begin_elsewhere(course, course.label(last.chain, taken))
        course.says(course.members[0], 'step="begin"', f"n={taken}", "answer=")
        course.wait_for("a later number", lambda: all(
            n > taken for _, n in course.units_in().values()), SOON_S)
        assert {chain for chain, _ in course.units_in().values()} == {last.chain}
        assert course.state(course.label(last.chain, taken)) != "VISIBLE"


def test_F16_a_label_that_somebody_else_committed_is_never_taken_for_a_success(play: Play) -> None:
    with play("f16") as course:
        server = course.slot.starrocks
        server.sql("CREATE TABLE other (id INT) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id) BUCKETS 1 "
                   "PROPERTIES ('replication_num' = '1')", course.name)
        course.wait_for_rows(30)
        last = course.decided()[0]
        label = course.label(last.chain, last.n + 10)
        assert stream_load(server, course.name, "other", label, "1\n", "id")["Status"] == "Success"
        course.says(course.members[0], 'step="begin"', f"n={last.n + 10}", 'answer="already"')
        course.wait_for_chain_after(label)


def test_F17_a_start_is_taken_only_when_what_was_committed_is_visible(play: Play) -> None:
    with play("f17", "kill:exact.commit.after:3", "stop:recover.visible.after:2") as course:
        course.fault("slow_publish", operation="commit", seconds=100, skip=2, count=None)
        course.dies_at(course.members[0], "exact.commit.after")
        unit, decided = course.last_label(), course.decided()
        assert course.state(unit) == "COMMITTED"
        member = course.run_member(course.members[0])
        course.stops_at(member, "recover.visible.after")
        assert course.state(unit) == "COMMITTED"
        assert all(end < decided[p].offset for p, end in course.ledger_ends().items())
        member.thaw()
        stays("it waits", lambda: member.up and "a reason to stop" not in course.log(member),
              for_s=2.0)
        pool.disarm(course.slot.starrocks)
        course.fault("publish_now", label=unit)
        course.wait_for_chain_after(unit)
        assert REPLAY not in course.log(member)


def test_F18_a_sink_that_is_down_for_long_gets_two_units_at_most(play: Play) -> None:
    """And the member keeps its place in the group."""
    with play("f18") as course:
        member = course.members[0]
        course.wait_for_rows(60)
        numbers = course.units_in()

        def waiting() -> float:
            return member.run.metric("mr_ledger_units", state="sealed")

        with course.sink_down():
            until("two units that wait", waiting, lambda n: n == 2)
            stays("no more", lambda: member.up and waiting() <= 2, for_s=2 * SESSION_S)
        course.wait_for("units again", lambda: course.units_in() != numbers, SOON_S)
        assert "place in the group was lost" not in course.log(member)


def test_F19_while_the_coordinator_is_down_nothing_is_rolled_back(play: Play) -> None:
    with play("f19") as course:
        member = course.members[0]
        course.wait_for_rows(60)
        member.proxy.shut_gate(OFFSET_COMMIT)
        unit = course.wait_for("a unit that waits for its decision", course.undecided, SOON_S)
        course.fault("delay", operation="rollback", label=unit, seconds=0, count=None)
        with course.broker_down():
            member.proxy.clear()
            stays("the unit stays open", lambda: course.state(unit) == "PREPARE",
                  for_s=SESSION_S + 1)
            assert course.hits("delay") == 0 and member.up
        course.wait_for("its end", lambda: course.state(unit) in ("VISIBLE", "ABORTED"), SOON_S)


def test_F20_a_replay_under_another_list_of_rollups_replays_everything(play: Play) -> None:
    with play("f20", "kill:exact.commit.before:3") as course:
        member = course.members[0]
        course.dies_at(member, "exact.commit.before")
        unit, before = course.last_label(), course.decided()
        course.fault("frontend_restart")
        member.millrace.config["rollups"] = member.millrace.config["rollups"][::-1]
        member.millrace.write()
        course.run_member(member)
        course.says(member, REPLAY)
        course.wait_for_chain_after(unit)
        after = course.decided()
        assert all(after[p].config != before[p].config for p in after)


def test_F21_a_second_pipeline_of_the_same_group_refuses_to_start(play: Play) -> None:
    with play("f21") as course:
        first, second = course.members[0], course.add_member()
        course.wait_for_rows(60)
        course.leaves(first)
        before = course.decided(), course.units_in()
        second.millrace.config["pipeline"] = "another"
        second.millrace.write()
        course.refuses(course.run_member(second), "the group's offsets belong to another pipeline")
        assert (course.decided(), course.units_in()) == before
        course.run_member(first)


def test_F22_a_unit_of_tombstones_alone_is_decided_like_any_other(play: Play) -> None:
    with play("f22", rate=0) as course:
        produce = course.slot.broker.produce
        produce(course.name, [None] * 7, partition=0)
        produce(course.name, [None] * 5, partition=1)
        course.wait_for("the ledger", lambda: course.ledger_ends() == {0: 7, 1: 5}, SOON_S)
        assert {d.tables for d in course.decided().values()} == {0}
        assert course.slot.starrocks.sql("SELECT `partition`, consumed, detail, tombstones FROM "
                                         "millrace_ledger ORDER BY 1", course.name) \
            == [(0, 7, 0, 7), (1, 5, 0, 5)]
        produce(course.name, [events.encode(events.order(i)) for i in range(3)], partition=0)
        course.wait_for_rows(3)
        assert course.slot.starrocks.sql("SELECT _partition, _offset FROM orders ORDER BY 2",
                                         course.name) == [(0, 7), (0, 8), (0, 9)]
        course.leaves(course.members[0])
        course.members[0].millrace.assert_verified()
        course.left_stopped, course.judged = True, False


def test_F23_a_range_that_retention_took_is_named_and_nothing_is_skipped(play: Play) -> None:
    with play("f23") as course:
        member = course.members[0]
        course.wait_for_rows(60)
        course.leaves(member)
        end = course.ledger_ends()[0]
        course.wait_for("more events", lambda: course.traffic.ends()[0] > end + 30, SOON_S)
        course.as_admin("delete_records", [TopicPartition(course.name, 0, end + 20)])
        course.refuses(course.run_member(member), "partition 0", f"[{end}, {end + 20}) are gone")
        course.left_stopped = True


@pytest.mark.parametrize("variant", ["kill", "resume", "late"])
def test_F24_a_decision_of_nobody_is_undone_when_a_successor_overtook_it(
        play: Play, variant: str) -> None:
    with play("f24", kind="F24", variant=variant) as course:
        scenes.stray_commit(course)
        assert course.result.counts["F24 commit of nobody into an empty group"] == 1
        if variant == "late":  # it has heard of its loss, and may be back before the successor is
            course.wait_for("a recovery that tells of it", lambda: any(
                "alarms=5" in course.log(member) for member in course.members), SOON_S)
        else:
            course.says(course.members[1], "recovered", "alarms=5")


@pytest.mark.parametrize("variant", ["kill", "live"])
def test_F25_a_late_duplicate_of_a_commit_counts_nothing_twice(play: Play, variant: str) -> None:
    with play("f25", kind="F25", variant=variant) as course:
        scenes.late_duplicate(course)
        assert course.result.counts["F25 commit delivered late, again"] == 1
        if variant == "kill":
            ends = course.ledger_ends()
            assert any(d.offset < ends[p] for p, d in course.decided().items())
            member = course.run_member(course.members[0])
            course.says(member, "recovered", "alarms=1")


def caught_up(course: Course) -> bool:
    return course.ledger_ends() == course.traffic.ends()


def test_F26_a_topic_that_was_deleted_and_made_again_stops_its_members(play: Play) -> None:
    with play("f26") as course:
        member = course.members[0]
        course.wait_for_rows(60)
        course.traffic.finish()
        course.wait_for("all units", lambda: caught_up(course), SOON_S)
        course.as_admin("delete_topics", [course.name])
        course.refuses(member, "does not exist any more")
        course.slot.broker.create_topic(course.name, course.plan.partitions)
        course.refuses(course.run_member(member), "the topic may be another one than before")
        course.left_stopped = True
