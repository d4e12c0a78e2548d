"""Kafka's frames as far as the proxy must understand them: who asks what, and the offset commit whole.

A request: int32 length | int16 api key | int16 version | int32 correlation id | client id | body.
An answer: int32 length | int32 correlation id | body.
"""

import struct
from dataclasses import dataclass, field, replace

PRODUCE, FETCH, LIST_OFFSETS, METADATA = 0, 1, 2, 3
OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR, JOIN_GROUP = 8, 9, 10, 11
HEARTBEAT, LEAVE_GROUP, SYNC_GROUP, DESCRIBE_GROUPS, API_VERSIONS = 12, 13, 14, 15, 18
NAMES = {
    PRODUCE: "Produce", FETCH: "Fetch", LIST_OFFSETS: "ListOffsets", METADATA: "Metadata",
    OFFSET_COMMIT: "OffsetCommit", OFFSET_FETCH: "OffsetFetch",
    FIND_COORDINATOR: "FindCoordinator", JOIN_GROUP: "JoinGroup", HEARTBEAT: "Heartbeat",
    LEAVE_GROUP: "LeaveGroup", SYNC_GROUP: "SyncGroup", API_VERSIONS: "ApiVersions",
}
FENCED = {22, 25, 27}  # ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS
HEAD = struct.Struct(">hhi")


class Unreadable(Exception):
    """A frame is not what the proxy takes it for; guessing would make faults that are none."""


@dataclass(frozen=True)
class Request:
    """The head of a request; `frame` is all of it without the length."""

    api: int
    version: int
    correlation: int
    frame: bytes

    @classmethod
    def read(cls, frame: bytes) -> "Request":
        if len(frame) < HEAD.size:
            raise Unreadable(f"a request of {len(frame)} bytes")
        return cls(*HEAD.unpack_from(frame), frame)

    @property
    def name(self) -> str:
        return NAMES.get(self.api, f"api {self.api}")


def with_length(frame: bytes) -> bytes:
    return struct.pack(">i", len(frame)) + frame


class Reader:
    """Takes Kafka's types off a frame, one after the other."""

    def __init__(self, data: bytes, at: int = 0):
        self.data, self.at = data, at

    def take(self, code: str) -> int:
        size = struct.calcsize(">" + code)
        if self.at + size > len(self.data):
            raise Unreadable(f"ends at byte {len(self.data)}")
        self.at += size
        return struct.unpack_from(">" + code, self.data, self.at - size)[0]

    def text(self) -> bytes | None:
        """A nullable string."""
        size = self.take("h")
        if size < 0:
            return None
        self.at += size
        if self.at > len(self.data):
            raise Unreadable(f"ends at byte {len(self.data)}")
        return self.data[self.at - size:self.at]


def put_text(text: bytes | None) -> bytes:
    return struct.pack(">h", -1) if text is None else struct.pack(">h", len(text)) + text


@dataclass(frozen=True)
class CommitPartition:
    partition: int
    offset: int
    leader_epoch: int
    metadata: bytes | None


@dataclass(frozen=True)
class OffsetCommit:
    """A request of versions 2 to 7, taken apart and put together again."""

    version: int
    correlation: int
    client: bytes | None
    group: bytes
    generation: int
    member: bytes
    instance: bytes | None = None
    retention: int = -1
    topics: list[tuple[bytes, list[CommitPartition]]] = field(default_factory=list)

    @classmethod
    def read(cls, frame: bytes) -> "OffsetCommit":
        head = Request.read(frame)
        if head.api != OFFSET_COMMIT or not 2 <= head.version <= 7:
            raise Unreadable(f"{head.name} version {head.version}")
        reader = Reader(frame, HEAD.size)
        client, group = reader.text(), reader.text()
        generation, member = reader.take("i"), reader.text()
        instance = reader.text() if head.version >= 7 else None
        retention = reader.take("q") if head.version <= 4 else -1
        topics = [cls._topic(reader, head.version) for _ in range(reader.take("i"))]
        commit = cls(head.version, head.correlation, client, group, generation, member, instance,
                     retention, topics)
        if commit.frame() != frame:
            raise Unreadable(f"OffsetCommit version {head.version} has more than is known")
        return commit

    @staticmethod
    def _topic(reader: Reader, version: int) -> tuple[bytes, list[CommitPartition]]:
        name = reader.text()
        partitions = []
        for _ in range(reader.take("i")):
            number, offset = reader.take("i"), reader.take("q")
            epoch = reader.take("i") if version >= 6 else -1
            partitions.append(CommitPartition(number, offset, epoch, reader.text()))
        return name, partitions

    @property
    def last(self) -> tuple[str, int]:
        """(chain, n) of the unit decided or decided last, by Millrace's metadata; ("", 0): none yet."""
        chain, _, n = self.partitions[0].metadata.split(b"|")[2].partition(b",")
        return chain.decode(), int(n or 0)

    def frame(self) -> bytes:
        parts = [HEAD.pack(OFFSET_COMMIT, self.version, self.correlation), put_text(self.client),
                 put_text(self.group), struct.pack(">i", self.generation), put_text(self.member)]
        if self.version >= 7:
            parts.append(put_text(self.instance))
        if self.version <= 4:
            parts.append(struct.pack(">q", self.retention))
        parts.append(struct.pack(">i", len(self.topics)))
        for name, partitions in self.topics:
            parts += [put_text(name), struct.pack(">i", len(partitions))]
            for one in partitions:
                parts.append(struct.pack(">iq", one.partition, one.offset))
                if self.version >= 6:
                    parts.append(struct.pack(">i", one.leader_epoch))
                parts.append(put_text(one.metadata))
        return b"".join(parts)

    @property
    def partitions(self) -> list[CommitPartition]:
        return [one for _, partitions in self.topics for one in partitions]

    def of_nobody(self) -> "OffsetCommit":
        """The same of a client that is in no group: generation -1, no member."""
        return replace(self, generation=-1, member=b"", instance=None)

    def with_one_refused(self, partition: int) -> "OffsetCommit":
        """The same with metadata of one partition that no broker takes (4096 bytes by default)."""
        topics = [(name, [replace(one, metadata=b"x" * 30_000) if one.partition == partition else one
                          for one in partitions]) for name, partitions in self.topics]
        return replace(self, topics=topics)


def fetched_partitions(frame: bytes) -> set[int]:
    """Partitions of an OffsetFetch request, versions 1 to 7 (one topic)."""
    head = Request.read(frame)
    if head.api != OFFSET_FETCH or not 1 <= head.version <= 7:
        raise Unreadable(f"{head.name} version {head.version}")
    reader = Reader(frame, HEAD.size)
    reader.text()
    if head.version < 6:
        reader.text()
        if reader.take("i") != 1:
            raise Unreadable("an OffsetFetch of several topics")
        reader.text()
        return {reader.take("i") for _ in range(reader.take("i"))}
    # Of the flexible versions: lengths are one more, and of one byte here; behind the head stand tags.
    if reader.take("b") != 0:
        raise Unreadable("an OffsetFetch with tags")
    _take_short(reader, "b")
    if reader.take("b") != 2:
        raise Unreadable("an OffsetFetch of several topics")
    _take_short(reader, "b")
    return set(_take_short(reader, "i"))


def _take_short(reader: Reader, kind: str) -> list[int]:
    """A list of at most 126, as flexible versions write it."""
    length = reader.take("b")
    if length < 1:
        raise Unreadable(f"a list of length {length}")
    return [reader.take(kind) for _ in range(length - 1)]


def commit_errors(frame: bytes, version: int) -> dict[int, int]:
    """Partition → error code of an answer to OffsetCommit, versions 2 to 7 (one topic)."""
    reader = Reader(frame, 4)
    if version >= 3:
        reader.take("i")
    errors = {}
    for _ in range(reader.take("i")):
        reader.text()
        for _ in range(reader.take("i")):
            number = reader.take("i")
            errors[number] = reader.take("h")
    return errors


def is_fenced(errors: dict[int, int]) -> bool:
    """An answer to OffsetCommit that refuses every partition because of the sender."""
    return bool(errors) and set(errors.values()) <= FENCED


def with_address(frame: bytes, api: int, real: int, shown: int) -> bytes:
    """An answer that names brokers (Metadata, FindCoordinator) with another port of 127.0.0.1: in
    every version the host's text is followed by the port."""
    if api not in (METADATA, FIND_COORDINATOR):
        return frame
    host = b"127.0.0.1"
    return frame.replace(host + struct.pack(">i", real), host + struct.pack(">i", shown))
