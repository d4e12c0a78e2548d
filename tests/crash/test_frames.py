"""The offset commit is read and written byte by byte; what is not understood is refused."""

import pytest

from crash import frames
from crash.frames import CommitPartition, OffsetCommit, Request, Unreadable


def commit(version: int, count: int = 2) -> OffsetCommit:
    parts = [CommitPartition(i, 100 + i, 7 if version >= 6 else -1, b"meta" if i else None)
             for i in range(count)]
    return OffsetCommit(version, 5, b"client", b"group", 3, b"member-1",
                        b"instance" if version >= 7 else None, -1, [(b"topic", parts)])


@pytest.mark.parametrize("version", range(2, 8))
def test_a_commit_of_every_known_version_is_read_as_it_was_written(version: int) -> None:
    assert OffsetCommit.read(commit(version).frame()) == commit(version)


def test_a_commit_as_the_protocol_guide_lays_it_out() -> None:
    frame = (b"\x00\x08" b"\x00\x07" b"\x00\x00\x00\x09" b"\x00\x01c" b"\x00\x01g"
             b"\x00\x00\x00\x04" b"\x00\x01m" b"\xff\xff" b"\x00\x00\x00\x01" b"\x00\x01t"
             b"\x00\x00\x00\x01" b"\x00\x00\x00\x02" b"\x00\x00\x00\x00\x00\x00\x00\x2a"
             b"\xff\xff\xff\xff" b"\x00\x02hi")
    read = OffsetCommit.read(frame)
    assert (read.group, read.generation, read.member, read.instance) == (b"g", 4, b"m", None)
    assert read.partitions == [CommitPartition(2, 42, -1, b"hi")]


@pytest.mark.parametrize(("metadata", "last"), [
    (b"millrace:1|shop|abcd,4|111|f7|abcd|-|x|y", ("abcd", 4)),
    (b"millrace:1|shop||111|f7|abcd|-|x|y", ("", 0)),
])
def test_a_commit_names_its_unit_and_the_first_announcement_none(
    metadata: bytes, last: tuple[str, int]
) -> None:
    parts = [CommitPartition(0, 9, -1, metadata)]
    assert OffsetCommit(7, 5, None, b"g", 3, b"m", None, -1, [(b"t", parts)]).last == last


@pytest.mark.parametrize("frame", [
    commit(7).frame() + b"\x00", commit(7).frame()[:-1], b"\x00\x08\x00\x08" + commit(7).frame()[4:],
    b"\x00\x09" + commit(7).frame()[2:], b"\x00",
])
def test_what_is_no_known_commit_is_refused(frame: bytes) -> None:
    with pytest.raises(Unreadable):
        OffsetCommit.read(frame)


def test_a_commit_of_nobody_differs_in_generation_and_member_only() -> None:
    nobody = OffsetCommit.read(commit(7).of_nobody().frame())
    assert (nobody.generation, nobody.member, nobody.instance) == (-1, b"", None)
    assert nobody.topics == commit(7).topics and nobody.group == b"group"


def test_one_partition_gets_metadata_that_no_broker_takes() -> None:
    changed = commit(7).with_one_refused(1)
    assert [len(p.metadata or b"") > 4096 for p in changed.partitions] == [False, True]


@pytest.mark.parametrize("api", [frames.METADATA, frames.FIND_COORDINATOR])
def test_the_port_that_a_broker_names_is_replaced(api: int) -> None:
    answer = b"\x00\x09127.0.0.1\x00\x00\x23\x84rest"
    assert frames.with_address(answer, api, 9092, 4660) == b"\x00\x09127.0.0.1\x00\x00\x12\x34rest"
    assert frames.with_address(answer, frames.FETCH, 9092, 4660) == answer


@pytest.mark.parametrize(("errors", "fenced"), [
    ({0: 22, 1: 25}, True), ({0: 27}, True), ({0: 22, 1: 0}, False), ({0: 0}, False), ({}, False)])
def test_a_fenced_commit_is_refused_in_every_partition_it_names(
        errors: dict[int, int], fenced: bool) -> None:
    assert frames.is_fenced(errors) == fenced


def test_a_request_says_its_name() -> None:
    assert Request.read(commit(7).frame()).name == "OffsetCommit"


@pytest.mark.parametrize("version", [1, 5, 6, 7])
def test_an_offset_fetch_says_which_partitions_it_asks_about(version: int) -> None:
    head = frames.HEAD.pack(frames.OFFSET_FETCH, version, 5) + frames.put_text(b"client")
    if version < 6:
        body = (frames.put_text(b"group") + b"\0\0\0\1" + frames.put_text(b"topic")
                + b"\0\0\0\2" + b"\0\0\0\1" + b"\0\0\0\3")
    else:
        body = (b"\0" + b"\6group" + b"\2" + b"\6topic" + b"\3" + b"\0\0\0\1" + b"\0\0\0\3"
                + b"\0\0" + b"\0" * (version - 6))
    assert frames.fetched_partitions(head + body) == {1, 3}


@pytest.mark.parametrize("frame", [
    commit(7).frame(),
    frames.HEAD.pack(frames.OFFSET_FETCH, 8, 5) + frames.put_text(b"client"),
    frames.HEAD.pack(frames.OFFSET_FETCH, 7, 5) + frames.put_text(b"client") + b"\1",
    frames.HEAD.pack(frames.OFFSET_FETCH, 1, 5) + frames.put_text(b"client") + frames.put_text(b"group")
    + b"\0\0\0\2",
])
def test_an_offset_fetch_that_is_not_understood_is_refused(frame: bytes) -> None:
    with pytest.raises(Unreadable):
        frames.fetched_partitions(frame)
