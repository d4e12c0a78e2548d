"""What scenes are made of, in front of a real broker: who is in a group, who keeps its door, what is written."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from crash import frames
from crash.scenes.apart import keep_door
from crash.scenes.course import group_members
from crash.traffic import Traffic
from harness.broker import Broker
from harness.wait import until


@pytest.fixture
def schedule(kafka: Broker, name: str) -> SimpleNamespace:
    kafka.create_topic(name, 3)
    kafka.offsets(f"group-{name}", name, 3)  # its coordinator is awake then
    return SimpleNamespace(slot=SimpleNamespace(broker=kafka), group=f"group-{name}", name=name)


@pytest.fixture
def traffic(kafka: Broker, schedule: SimpleNamespace) -> Iterator[Traffic]:
    made = Traffic(kafka.address, schedule.name, 3, "9.9", 300)
    made.start()
    yield made
    made.abandon()


def test_who_keeps_the_door_is_the_groups_only_member_until_it_is_expelled(
    kafka: Broker, schedule: SimpleNamespace
) -> None:
    assert group_members(schedule) == []
    keeper = keep_door(schedule)
    assert group_members(schedule) == [keeper]
    answer = kafka.ask(frames.LEAVE_GROUP, 0, frames.put_text(schedule.group.encode())
                       + frames.put_text(keeper.encode()))
    assert answer.take("h") == 0
    assert group_members(schedule) == []


def test_the_producer_leaves_partitions_alone_and_then_writes_to_all_again(traffic: Traffic) -> None:
    until("events everywhere", lambda: len(traffic.ends()) == 3)
    traffic.write_only({1})
    before = traffic.ends()
    until("more events", lambda: traffic.ends()[1] > before[1] + 50)
    assert {p: end for p, end in traffic.ends().items() if p != 1} == {0: before[0], 2: before[2]}
    traffic.write_all()
    until("events of the others", lambda: all(traffic.ends()[p] > before[p] for p in (0, 2)))
    traffic.finish()


def test_one_event_is_written_while_the_producer_rests(traffic: Traffic) -> None:
    until("events everywhere", lambda: len(traffic.ends()) == 3)
    with pytest.raises(AssertionError):
        traffic.write_one(0)
    traffic.write_only(())
    before = traffic.ends()
    traffic.write_one(2)
    until("the event", lambda: traffic.ends() != before)
    assert traffic.ends() == before | {2: before[2] + 1}
    traffic.finish()
