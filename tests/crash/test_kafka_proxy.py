"""The proxy in front of a real broker: each fault happens, once, and to the request that it names."""

import socket
import struct
import time
from collections.abc import Iterator

import pytest

from crash.frames import (
    HEARTBEAT, METADATA, OFFSET_COMMIT, CommitPartition, OffsetCommit, commit_errors, with_length)
from crash.kafka_proxy import KafkaProxy, Loop, Rule
from harness.broker import Broker
from harness.wait import until

METADATA_TOO_LARGE = 12
ILLEGAL_GENERATION, UNKNOWN_MEMBER = 22, 25


@pytest.fixture
def proxy(kafka: Broker, loop: Loop) -> Iterator[KafkaProxy]:
    made = KafkaProxy(loop, kafka.port)
    yield made
    made.close()
    assert made.failures == []


class Client:
    """One connection; whole frames there and back."""

    def __init__(self, port: int):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)

    def send(self, frame: bytes) -> None:
        self.socket.sendall(with_length(frame))

    def answer(self) -> bytes:
        """b"" when the connection ends."""
        try:
            size = struct.unpack(">i", self._take(4))[0]
            return self._take(size)
        except (ConnectionError, struct.error):
            return b""

    def _take(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise ConnectionResetError
            data += more
        return data


def commit(topic: str, offset: int, count: int = 2, generation: int = -1,
           member: bytes = b"") -> OffsetCommit:
    parts = [CommitPartition(i, offset, -1, b"m") for i in range(count)]
    return OffsetCommit(7, 77, b"test", f"group-{topic}".encode(), generation, member,
                        topics=[(topic.encode(), parts)])


def exchange(proxy: KafkaProxy, frame: bytes) -> dict[int, int] | None:
    """Errors by partition, None when no answer comes."""
    client = Client(proxy.port)
    client.send(frame)
    answer = client.answer()
    return commit_errors(answer, 7) if answer else None


@pytest.fixture
def topic(kafka: Broker, name: str, proxy: KafkaProxy) -> str:
    """With offsets 1 committed, so that the group's coordinator is awake."""
    kafka.create_topic(name, 2)
    committed(kafka, name)
    deadline = time.monotonic() + 20
    while exchange(proxy, commit(name, 1).frame()) != {0: 0, 1: 0}:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return name


def committed(kafka: Broker, topic: str) -> list[int]:
    return kafka.committed(f"group-{topic}", topic, 2)


def test_a_commit_goes_through_unchanged(kafka: Broker, proxy: KafkaProxy, topic: str) -> None:
    assert exchange(proxy, commit(topic, 5).frame()) == {0: 0, 1: 0}
    assert committed(kafka, topic) == [5, 5]


def test_metadata_names_the_proxy_as_the_broker(proxy: KafkaProxy, topic: str) -> None:
    client = Client(proxy.port)
    client.send(struct.pack(">hhih", METADATA, 4, 1, -1) + struct.pack(">i", -1) + b"\x00")
    answer = client.answer()
    assert b"127.0.0.1" + struct.pack(">i", proxy.port) in answer
    assert struct.pack(">i", proxy.broker_port) not in answer


def test_cut_before_the_broker_sees_nothing(kafka: Broker, proxy: KafkaProxy, topic: str) -> None:
    proxy.arm(Rule(OFFSET_COMMIT, "cut_before"))
    assert exchange(proxy, commit(topic, 5).frame()) is None
    assert committed(kafka, topic) == [1, 1]
    assert exchange(proxy, commit(topic, 6).frame()) == {0: 0, 1: 0}, "once only"


@pytest.mark.parametrize("action", ["cut_after", "drop_answer"])
def test_what_is_done_is_not_answered(
    kafka: Broker, proxy: KafkaProxy, topic: str, action: str
) -> None:
    rule = proxy.arm(Rule(OFFSET_COMMIT, action))
    client = Client(proxy.port)
    client.socket.settimeout(1.0)
    sent = commit(topic, 5).frame()
    client.send(sent)
    if action == "cut_after":
        assert client.answer() == b""
    else:
        with pytest.raises(TimeoutError):
            client.answer()
    assert committed(kafka, topic) == [5, 5]
    assert (rule.frames, rule.errors) == ([sent], [{0: 0, 1: 0}])


@pytest.mark.parametrize("action", ["delay", "delay_answer"])
def test_a_delay_delays(proxy: KafkaProxy, topic: str, action: str) -> None:
    proxy.arm(Rule(OFFSET_COMMIT, action, seconds=0.6))
    began = time.monotonic()
    assert exchange(proxy, commit(topic, 5).frame()) == {0: 0, 1: 0}
    assert time.monotonic() - began > 0.55


def test_a_held_commit_reaches_the_broker_only_when_delivered(
    kafka: Broker, proxy: KafkaProxy, topic: str
) -> None:
    rule = proxy.arm(Rule(OFFSET_COMMIT, "hold"))
    client = Client(proxy.port)
    client.socket.settimeout(0.5)
    client.send(commit(topic, 5).frame())
    with pytest.raises(TimeoutError):
        client.answer()
    assert committed(kafka, topic) == [1, 1]
    assert proxy.deliver_commit(rule.frames[0]) == {0: 0, 1: 0}
    assert committed(kafka, topic) == [5, 5]


def test_a_held_commit_that_is_released_is_answered_where_it_was_asked(
    kafka: Broker, proxy: KafkaProxy, topic: str
) -> None:
    rule = proxy.arm(Rule(OFFSET_COMMIT, "hold"))
    client = Client(proxy.port)
    client.send(commit(topic, 5).frame())
    client.send(commit(topic, 9).frame())
    assert commit_errors(client.answer(), 7) == {0: 0, 1: 0}, "what stands behind it is not held up"
    assert committed(kafka, topic) == [9, 9] and (rule.answered, rule.errors) == (0, [])
    proxy.release(rule)
    assert commit_errors(client.answer(), 7) == {0: 0, 1: 0}
    assert committed(kafka, topic) == [5, 5] and (rule.answered, rule.errors) == (1, [{0: 0, 1: 0}])
    proxy.release(rule)
    assert rule.answered == 1, "once"


def test_a_held_commit_may_be_changed_when_it_is_released(
    kafka: Broker, proxy: KafkaProxy, topic: str
) -> None:
    rule = proxy.arm(Rule(OFFSET_COMMIT, "hold"))
    client = Client(proxy.port)
    client.send(commit(topic, 5, generation=4, member=b"gone").frame())
    until("it is held", lambda: rule.held)
    proxy.release(rule, lambda frame: OffsetCommit.read(frame).of_nobody().frame())
    assert commit_errors(client.answer(), 7) == {0: 0, 1: 0}
    assert committed(kafka, topic) == [5, 5]


def test_a_held_commit_whose_connection_is_gone_is_lost(
    kafka: Broker, proxy: KafkaProxy, topic: str
) -> None:
    rule = proxy.arm(Rule(OFFSET_COMMIT, "hold"))
    client = Client(proxy.port)
    client.send(commit(topic, 5).frame())
    until("it is held", lambda: rule.held)
    assert proxy.cut() == 1 and client.answer() == b""
    proxy.release(rule)
    assert committed(kafka, topic) == [1, 1] and rule.answered == 0


def test_a_copy_delivered_later_takes_the_offsets_back(
    kafka: Broker, proxy: KafkaProxy, topic: str
) -> None:
    rule = proxy.arm(Rule(OFFSET_COMMIT, "copy"))
    for offset in (5, 9):
        assert exchange(proxy, commit(topic, offset).frame()) == {0: 0, 1: 0}
    assert committed(kafka, topic) == [9, 9]
    assert proxy.deliver_commit(rule.frames[0]) == {0: 0, 1: 0}
    assert committed(kafka, topic) == [5, 5]


@pytest.mark.parametrize("pick", [0, 1, 5])
def test_one_partition_is_refused_and_the_other_taken(
    kafka: Broker, proxy: KafkaProxy, topic: str, pick: int
) -> None:
    rule = proxy.arm(Rule(OFFSET_COMMIT, "refuse_one", pick=pick))
    refused = pick % 2
    assert exchange(proxy, commit(topic, 5).frame()) == {refused: METADATA_TOO_LARGE, 1 - refused: 0}
    assert committed(kafka, topic)[refused] == 1
    assert committed(kafka, topic)[1 - refused] == 5
    assert rule.frames == [commit(topic, 5).frame()], "as the member sent it"


def test_a_commit_of_one_partition_is_not_one_to_refuse_in_part(
    proxy: KafkaProxy, topic: str
) -> None:
    rule = proxy.arm(Rule(OFFSET_COMMIT, "refuse_one"))
    assert exchange(proxy, commit(topic, 5, count=1).frame()) == {0: 0}
    assert rule.hits == 0


def test_a_members_commit_is_refused_by_the_empty_group_and_nobodys_is_taken(
    kafka: Broker, proxy: KafkaProxy, topic: str
) -> None:
    """What the scene of a stray commit rests on."""
    stale = commit(topic, 5, generation=4, member=b"gone")
    assert set(proxy.deliver_commit(stale.frame()).values()) <= {ILLEGAL_GENERATION, UNKNOWN_MEMBER}
    assert committed(kafka, topic) == [1, 1]
    assert proxy.deliver_commit(stale.of_nobody().frame()) == {0: 0, 1: 0}
    assert committed(kafka, topic) == [5, 5]


def test_rules_are_for_their_kind_and_count_after_the_skipped(
    proxy: KafkaProxy, topic: str
) -> None:
    other = proxy.arm(Rule(HEARTBEAT, "cut_before"))
    rule = proxy.arm(Rule(OFFSET_COMMIT, "cut_before", count=2, skip=1))
    answers = [exchange(proxy, commit(topic, 5).frame()) for _ in range(4)]
    assert [answer is None for answer in answers] == [False, True, True, False]
    assert (rule.seen, rule.hits, other.seen) == (3, 2, 0)


def test_a_shut_gate_keeps_requests_until_all_is_cleared(
    kafka: Broker, proxy: KafkaProxy, topic: str
) -> None:
    proxy.shut_gate(OFFSET_COMMIT)
    client = Client(proxy.port)
    client.send(commit(topic, 5).frame())
    until("it stands there", lambda: proxy.stopped == {OFFSET_COMMIT: 1})
    time.sleep(0.3)
    assert committed(kafka, topic) == [1, 1]
    proxy.clear()
    assert commit_errors(client.answer(), 7) == {0: 0, 1: 0}


def test_what_stands_at_a_gate_is_lost_with_its_connection(
    kafka: Broker, proxy: KafkaProxy, topic: str
) -> None:
    proxy.shut_gate(OFFSET_COMMIT)
    client = Client(proxy.port)
    client.send(commit(topic, 5).frame())
    until("it stands there", lambda: proxy.stopped)
    assert proxy.cut() == 1
    proxy.clear()
    assert client.answer() == b""
    assert exchange(proxy, commit(topic, 6).frame()) == {0: 0, 1: 0}
    assert committed(kafka, topic) == [6, 6]


def test_cut_breaks_what_is_open(proxy: KafkaProxy, topic: str) -> None:
    client = Client(proxy.port)
    client.send(commit(topic, 5).frame())
    assert client.answer() != b""
    assert proxy.cut() >= 1
    assert client.answer() == b""
