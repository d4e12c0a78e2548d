"""What scenes are made of, in front of a real broker: who is in a group, who keeps its door, what is written."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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


def expel(schedule: SimpleNamespace, member: str) -> None:
    answer = schedule.slot.broker.ask(frames.LEAVE_GROUP, 0, frames.put_text(schedule.group.encode())
                                      + frames.put_text(member.encode()))
    assert answer.take("h") == 0


def test_who_joins_waits_until_the_doors_keeper_is_expelled(schedule: SimpleNamespace) -> None:
    assert group_members(schedule) == []
    keeper = keep_door(schedule)
    assert group_members(schedule) == [keeper]
    with ThreadPoolExecutor() as pool:
        joins = [pool.submit(keep_door, schedule) for _ in range(2)]
        until("two more members", lambda: len(group_members(schedule)) == 3)
        assert keeper in group_members(schedule) and not any(join.done() for join in joins)
        expel(schedule, keeper)
        assert sorted(join.result() for join in joins) == sorted(group_members(schedule))


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
