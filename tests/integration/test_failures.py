"""F1 to F13 of the failure table (src/ledger/README.md), each made with a real broker and rockpool."""

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

from crash import pool, scenes
from crash.frames import OFFSET_COMMIT, OffsetCommit
from crash.kafka_proxy import Rule
from failing import (
    PATIENT, REPLAY, SESSION_S, SOON_S, Play, play, roll_back_elsewhere, slot)  # noqa: F401 (fixtures)
from harness.wait import stays

pytestmark = pytest.mark.timeout(180)


def test_F01_a_crash_before_the_unit_was_loaded_is_fenced(play: Play) -> None:
    with play("f01", "kill:exact.load.after:9") as course:
        course.dies_at(course.members[0], "exact.load.after")
        half = course.open_labels()[-1]
        assert course.state(half) == "PREPARE" and half != course.last_label()
        successor = course.run_member()
        course.wait_for_chain_after(half)
        assert course.state(half) == "ABORTED"
        assert REPLAY not in course.log(successor)


def test_F02_a_loaded_unit_whose_commit_was_not_sent_is_fenced(play: Play) -> None:
    with play("f02", "kill:exact.decide.before:3") as course:
        course.dies_at(course.members[0], "exact.decide.before")
        decided, loaded = course.last_label(), course.undecided()
        assert decided.endswith("-2") and loaded.endswith("-3")
        course.run_member()
        course.wait_for_chain_after(loaded)
        assert course.state(loaded) == "ABORTED"


def test_F03_a_commit_whose_answer_was_lost_is_sent_again_and_never_rolled_back(play: Play) -> None:
    with play("f03") as course:
        member = course.members[0]
        rule = member.proxy.arm(Rule(OFFSET_COMMIT, "drop_answer", skip=4))
        course.wait_for("a commit without its answer", lambda: rule.errors, SOON_S)
        assert not any(rule.errors[0].values()), "the broker had applied it"
        unit = course.last_label()
        assert course.state(unit) == "PREPARE"
        again = member.proxy.arm(Rule(OFFSET_COMMIT, "copy"))
        course.wait_for("the next commit", lambda: again.frames, SOON_S)
        assert {course.unit_of(p) for p in OffsetCommit.read(again.frames[0]).partitions} == {unit}
        course.wait_for("the unit", lambda: course.state(unit) == "VISIBLE", SOON_S)
        assert REPLAY not in course.log(member)


def test_F04_a_fenced_commit_is_left_to_the_next_owner(play: Play) -> None:
    with play("f04", kafka={"heartbeat.interval.ms": 2500}) as course:
        member = course.members[0]
        commits = course.watch_commits(member)
        course.wait_for_rows(30)
        course.expel(OffsetCommit.read(commits.frames[-1]).member.decode())
        fenced = course.unit_of(course.refused_commit(commits).partitions[0])
        course.says(member, "place in the group was lost")
        course.wait_for_chain_after(fenced)
        assert course.state(fenced) == "ABORTED"


def test_F04_a_decision_that_the_fenced_member_never_heard_of_is_committed_by_the_next(
        play: Play) -> None:
    with play("f04", kafka=PATIENT) as course:
        first, second = course.members[0], course.add_member()
        rule = first.proxy.arm(Rule(OFFSET_COMMIT, "delay_answer", skip=4, seconds=SESSION_S + 2))
        course.wait_for("a commit applied", lambda: rule.errors, SOON_S)
        unit = course.last_label()
        assert not any(rule.errors[0].values()) and course.state(unit) == "PREPARE"
        course.fault("delay", operation="commit", label=unit, seconds=0, count=None)
        course.run_member(second)
        course.says(first, "place in the group was lost")
        course.wait_for_chain_after(unit)
        assert course.state(unit) == "VISIBLE" and course.hits("delay") == 1, "one COMMIT, one owner"


def test_F05_a_decided_unit_is_committed_by_the_next_owner(play: Play) -> None:
    with play("f05", "kill:exact.commit.before:3") as course:
        course.dies_at(course.members[0], "exact.commit.before")
        unit = course.last_label()
        assert unit.endswith("-3") and course.state(unit) == "PREPARE"
        # What the sink says of an open transaction counts for nothing.
        course.fault("open_multi_hidden", operation="get_load_state", count=None)
        assert course.state(unit) == "UNKNOWN"
        successor = course.run_member()
        course.wait_for_chain_after(unit)
        assert course.state(unit) == "VISIBLE"
        assert REPLAY not in course.log(successor)


def test_F07_a_decided_unit_that_the_sink_aborted_is_replayed_by_the_next_owner(play: Play) -> None:
    with play("f07", "kill:exact.commit.before:3") as course:
        course.dies_at(course.members[0], "exact.commit.before")
        unit, before = course.last_label(), course.decided()
        course.fault("frontend_restart")
        assert course.state(unit) in ("ABORTED", "UNKNOWN")
        successor = course.run_member()
        course.wait_for_chain_after(unit)
    for partition, was in before.items():
        course.says(successor, REPLAY, f"partition={partition}", f"start={was.start}",
                    f"end={was.offset}")


def test_F07_a_live_member_replays_a_unit_that_the_sink_aborted(play: Play) -> None:
    with play("f07") as course:
        member = course.members[0]
        course.wait_for_rows(30)
        last = course.decided()[0]
        unit, later = (course.label(last.chain, last.n + ahead) for ahead in (6, 7))
        commit = course.fault("delay", operation="commit", label=unit, seconds=60)
        course.wait_for("a COMMIT that waits", lambda: course.hits("delay"), SOON_S)
        course.wait_for("the next unit", lambda: later in course.open_labels(), SOON_S)
        roll_back_elsewhere(course, unit)
        stays("the next unit is loaded and waits", lambda: member.up, for_s=1.0)
        pool.disarm(course.slot.starrocks, commit)
        course.says(member, "recovering")
    course.says(member, REPLAY)
    assert course.state(later) == "ABORTED"
    assert len(member.millrace.runs) == 1


def test_F08_a_forgotten_label_is_done_when_the_ledger_has_it(play: Play) -> None:
    with play("f08", "kill:exact.commit.after:3") as course:
        course.dies_at(course.members[0], "exact.commit.after")
        unit = course.last_label()
        course.wait_for("the unit", lambda: course.state(unit) == "VISIBLE", SOON_S)
        course.fault("label_forgotten", label="*")
        assert course.state(unit) == "UNKNOWN"
        successor = course.run_member()
        course.wait_for_chain_after(unit)
        assert REPLAY not in course.log(successor)


def test_F08_a_forgotten_label_that_the_ledger_has_not_was_aborted(play: Play) -> None:
    with play("f08", "kill:exact.commit.before:3") as course:
        course.dies_at(course.members[0], "exact.commit.before")
        unit = course.last_label()
        course.fault("frontend_restart")
        course.fault("label_forgotten", label="*")
        assert course.state(unit) == "UNKNOWN"
        successor = course.run_member()
        course.says(successor, REPLAY)
        course.wait_for_chain_after(unit)


def test_F09_a_zombie_that_resumes_before_its_decision_is_refused(play: Play) -> None:
    with play("f09", "stop:exact.decide.before:3") as course:
        zombie = course.members[0]
        course.stops_at(zombie, "exact.decide.before")
        unit = course.undecided()
        course.run_member()
        course.wait_for_chain_after(unit)
        assert course.state(unit) == "ABORTED"
        zombie.thaw()
        course.says(zombie, "place in the group was lost")
        assert course.state(unit) == "ABORTED"


def test_F09_a_unit_begun_after_the_fence_is_never_decided(play: Play) -> None:
    with play("f09", kind="F9", variant="live") as course:
        scenes.late_unit(course)
        assert course.result.counts["F9 unit begun after the fence"] == 1
        course.says(course.members[0], "place in the group was lost")
        assert course.state(course.late_label) in ("PREPARE", "ABORTED")


def test_F10_a_zombie_that_resumes_after_its_decision_changes_nothing(play: Play) -> None:
    with play("f10", "stop:exact.commit.before:3") as course:
        zombie = course.members[0]
        course.stops_at(zombie, "exact.commit.before")
        unit = course.last_label()
        assert course.state(unit) == "PREPARE"
        course.run_member()
        course.wait_for_chain_after(unit)
        assert course.state(unit) == "VISIBLE", "the successor committed it"
        zombie.thaw()
        course.says(zombie, "place in the group was lost")
        assert course.state(unit) == "VISIBLE"


def test_F11_a_partition_that_moves_while_a_unit_is_undecided_counts_once(play: Play) -> None:
    with play("f11", "stop:exact.decide.before:4") as course:
        first = course.members[0]
        course.stops_at(first, "exact.decide.before")
        unit = course.undecided()
        second = course.run_member()
        course.says(second, 'msg="connected"')
        stays("the second waits for the first", lambda: len(course.units_in()) == 2, for_s=1.0)
        first.thaw()
        course.wait_for("units of both", lambda: len(set(course.units_in().values())) == 2, SOON_S)
        assert course.state(unit) in ("VISIBLE", "ABORTED")
        former = unit.split("-")[1]  # a row stands until its partition's next unit
        course.wait_for("rows of the new chains alone", lambda: former not in {
            chain for chain, _ in course.units_in().values()}, SOON_S)


def test_F12_an_admin_reset_is_never_followed_silently(play: Play) -> None:
    with play("f12") as course:
        member = course.members[0]
        course.wait_for_rows(60)
        course.leaves(member)
        reset = ConsumerGroupTopicPartitions(course.group, [TopicPartition(course.name, 0, 1)])
        course.as_admin("alter_consumer_group_offsets", [reset])
        rows = course.detail_rows()
        course.refuses(course.run_member(member), "was not written by Millrace", "partition 0")
        assert course.detail_rows() == rows
        course.left_stopped = True


def test_F12_without_an_offset_the_sink_says_where_to_go_on(play: Play) -> None:
    with play("f12") as course:
        member = course.members[0]
        course.wait_for_rows(60)
        course.leaves(member)
        course.as_admin("delete_consumer_groups", [course.group])
        assert course.decided() == {}
        course.run_member(member)
        course.says(member, "recovered", 'verdict="start"', "committed=-1", "alarms=8")


def test_F13_an_offset_that_regressed_starts_at_the_ledgers_end_with_an_alarm(play: Play) -> None:
    with play("f13") as course:
        member = course.members[0]
        rule = member.proxy.arm(Rule(OFFSET_COMMIT, "copy", skip=3))
        course.wait_for("a copy of a commit", lambda: rule.frames, SOON_S)
        course.wait_for_rows(120)
        course.leaves(member)
        ends = course.ledger_ends()
        stale = OffsetCommit.read(rule.frames[0]).of_nobody()
        course.wait_for("an empty group", lambda: not any(
            member.proxy.deliver_commit(stale.frame()).values()), SOON_S)
        assert all(d.offset < ends[p] for p, d in course.decided().items())
        course.run_member(member)
        for partition, end in ends.items():
            course.says(member, "recovered", f"partition={partition}", f"start={end}", "alarms=1")
