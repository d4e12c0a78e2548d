"""millrace ledger: what it shows, and what an operator's decisions change in Kafka and StarRocks."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from confluent_kafka import Consumer

from harness import events
from harness.broker import Broker
from harness.program import Millrace
from harness.starrocks import Rockpool
from harness.wait import stays, until
from ledger_stage import (  # noqa: F401 (fixtures)
    LEDGER,
    NEW,
    NOON,
    OLD,
    Stage,
    orders_of,
    put,
    stage,
    wait_for_rows,
)


def line(text: str, *words: str) -> str:
    found = [one for one in text.splitlines() if all(word in one for word in words)]
    assert len(found) == 1, f"{len(found)} lines with {words} in:\n{text}"
    return found[0]


def test_show_says_where_each_partition_stands_and_which_would_stop(stage: Stage) -> None:
    stage.commit(0, 2)
    shown = stage.ledger("show")
    assert shown.returncode == 0, shown.stderr
    first = line(shown.stdout, stage.name, f"{NEW}-3").split()
    assert first[:6] == [stage.name, "0", "5", f"{NEW}-3", "2", "none"]
    assert "STOPS: the committed offset was not written by Millrace" in line(shown.stdout, f"{NEW}-3")
    assert "starts at 0 if the topic is still the same" in shown.stdout
    assert line(shown.stdout, OLD).split() == [stage.name, "0", OLD, "1", "0"]
    assert line(shown.stdout, "1 of 2 partitions would stop the next run")
    only = stage.ledger("show", "--topic", stage.name, "--partition", "1")
    assert "0 of 1 partitions" in only.stdout and f"{NEW}-3" not in only.stdout
    assert stage.committed() == [2, -1001]


def test_without_kafka_show_still_says_what_the_sink_knows(
    starrocks: Rockpool, name: str, millrace: Callable[..., Millrace]
) -> None:
    program = millrace(
        events.orders_config("127.0.0.1:9", starrocks.fe, starrocks.mysql, name, name))
    program.apply_ddl()
    empty = program.command("ledger", "show", str(program.path))
    assert empty.returncode == 0 and "no rows of pipeline" in empty.stdout
    put(starrocks, name, "millrace_ledger", LEDGER,
        [[program.config["pipeline"], name, 0, NEW, 3, 2, 5, 5, 5, 0, 0, 0, 0, "{}", NOON]])
    shown = program.command("ledger", "show", str(program.path))
    assert shown.returncode == 3 and line(shown.stdout, f"{NEW}-3").endswith("?")
    forgotten = program.command("ledger", "forget", "--yes", str(program.path))
    assert forgotten.returncode == 3
    assert starrocks.one(f"SELECT COUNT(*) FROM {name}.millrace_ledger") == 1


def test_an_accepted_reset_moves_the_ledgers_end_once(stage: Stage) -> None:
    stage.commit(0, 2)
    accepted = stage.ledger("accept-reset")
    assert accepted.returncode == 0, accepted.stderr
    assert "goes on at 2; the group was at 2, the sink ends at 5" in accepted.stdout
    assert stage.committed() == [2, -1001]
    assert stage.ends() == [(0, 2, NEW, 3, 5)]
    chain = stage.chains()[2]
    assert chain[0] == 0 and chain[1] not in (OLD, NEW) and chain[2:] == (3, 2)
    shown = stage.ledger("show")
    assert "ours" in line(shown.stdout, f"{NEW}-3") and "starts at 2" in line(shown.stdout, f"{NEW}-3")
    assert line(shown.stdout, "0 of 2 partitions would stop")
    again = stage.ledger("accept-reset")
    assert again.returncode == 0 and "nothing to accept" in again.stdout
    assert len(stage.chains()) == 4


def test_a_rewind_moves_the_groups_offset_and_leaves_the_ledger(stage: Stage) -> None:
    stage.commit(0, 8)
    rewound = stage.ledger("accept-reset", "--rewind")
    assert rewound.returncode == 0, rewound.stderr
    assert "goes on at 5; the group was at 8, the sink ends at 5" in rewound.stdout
    assert stage.committed() == [5, -1001]
    assert stage.ends() == [(0, 5, NEW, 3, 5)]
    assert "starts at 5" in line(stage.ledger("show").stdout, f"{NEW}-3")


def test_a_partition_that_the_sink_does_not_know_is_accepted_when_named(stage: Stage) -> None:
    stage.starrocks.sql(f"TRUNCATE TABLE {stage.name}.millrace_ledger")
    stage.starrocks.sql(f"TRUNCATE TABLE {stage.name}.millrace_chains")
    stage.commit(0, 4)
    assert "no rows of pipeline" in stage.ledger("show").stdout
    named = ("--topic", stage.name, "--partition", "0")
    accepted = stage.ledger("accept-reset", *named)
    assert accepted.returncode == 0, accepted.stderr
    assert [row[:2] for row in stage.ends()] == [(0, 4)]
    assert "starts at 4" in stage.ledger("show").stdout


def member_of(stage: Stage) -> Consumer:
    """Has joined, and commits nothing."""
    member = Consumer({"bootstrap.servers": stage.kafka.address, "group.id": stage.group,
                       "session.timeout.ms": 6000, "enable.auto.commit": False})
    joined = []
    member.subscribe([stage.name], on_assign=lambda _, places: joined.append(places))
    until("the member's assignment", lambda: member.poll(0.2) is None and joined)
    return member


def test_a_group_with_members_is_left_alone(stage: Stage) -> None:
    stage.commit(0, 2)
    member = member_of(stage)
    before = stage.ends(), stage.chains()
    for action in (("accept-reset",), ("accept-reset", "--rewind"), ("forget", "--yes")):
        refused = stage.ledger(*action)
        assert refused.returncode == 7, refused.stdout + refused.stderr
        assert "has members" in refused.stderr and "HINT: stop every millrace run" in refused.stderr
    member.close()
    assert (stage.ends(), stage.chains()) == before
    assert "STOPS" in line(stage.ledger("show").stdout, f"{NEW}-3")


def test_forgetting_notices_members_that_have_committed_nothing(stage: Stage) -> None:
    member = member_of(stage)
    before = stage.ends(), stage.chains()
    refused = stage.ledger("forget", "--yes")
    assert refused.returncode == 7, refused.stdout + refused.stderr
    assert "has members; nothing was changed" in refused.stderr
    assert (stage.ends(), stage.chains(), stage.committed()) == (*before, [-1001, -1001])
    member.close()
    forgotten = stage.ledger("forget", "--yes")
    assert forgotten.returncode == 0, forgotten.stderr
    assert "forgotten: 2 partitions, and 0 offsets" in forgotten.stdout
    assert (stage.ends(), stage.chains(), stage.committed()) == ([], [], [-1001, -1001])


@pytest.fixture
def no_frontend(request: pytest.FixtureRequest) -> Iterator[str]:
    """An address where nobody listens; or, "silent", where whoever listens says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        if request.param == "silent":
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
            return
        port = server.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


def ends_without_a_frontend(stage: Stage, address: str, *arguments: str) -> CompletedProcess:
    """The command, while StarRocks answers over MySQL only."""
    sink = stage.program.config["sink"]["starrocks"]
    true = sink["fe"]
    sink.update(fe=[address], load_timeout="2s")
    stage.program.write()
    began = time.monotonic()
    ended = stage.ledger(*arguments)
    took = time.monotonic() - began
    assert ended.returncode == 4, ended.stdout + ended.stderr
    assert took >= 2, "it must have been tried for as long as load_timeout says"
    sink["fe"] = true
    stage.program.write()
    return ended


@pytest.mark.parametrize("no_frontend", ["refuses", "silent"], indirect=True)
@pytest.mark.parametrize("action", [("accept-reset",), ("forget", "--yes")], ids=lambda a: a[0])
def test_a_fence_that_no_frontend_answers_ends_with_its_reason(
    stage: Stage, no_frontend: str, action: tuple[str, ...]
) -> None:
    stage.commit(0, 2)
    before = stage.ends(), stage.chains()
    ended = ends_without_a_frontend(stage, no_frontend, *action)
    assert "cannot be rolled back, tried for up to 2 s: " in ended.stderr
    assert "HINT: no row was changed; run the command again when StarRocks' frontends" in ended.stderr
    assert (stage.ends(), stage.chains()) == before
    again = stage.ledger(*action)
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize("no_frontend", ["refuses", "silent"], indirect=True)
def test_rows_that_no_frontend_takes_end_a_command_half_way(stage: Stage, no_frontend: str) -> None:
    """Without a chain there is nothing to fence: the rows are what is tried first."""
    stage.starrocks.sql(f"TRUNCATE TABLE {stage.name}.millrace_chains")
    stage.commit(0, 2)
    ended = ends_without_a_frontend(stage, no_frontend, "accept-reset")
    assert "nobody says whether the rows of millrace_ledger" in ended.stderr
    assert "HINT: stopped half-way: start no run before the command was run again" in ended.stderr
    assert [row[:2] for row in stage.ends()] == [(0, 5)]
    assert "STOPS" in line(stage.ledger("show").stdout, f"{NEW}-3")
    again = stage.ledger("accept-reset")
    assert again.returncode == 0, again.stderr
    assert "starts at 2" in line(stage.ledger("show").stdout, f"{NEW}-3")


def test_an_acceptance_that_was_interrupted_stops_a_run_and_is_taken_up_again(stage: Stage) -> None:
    stage.commit(0, 2)
    assert stage.ledger("accept-reset").returncode == 0
    stage.lose_chain(0, stage.chains()[2][1])
    shown = stage.ledger("show").stdout
    assert "STOPS: the registry does not know the chain" in line(shown, f"{NEW}-3")
    assert stage.ledger("accept-reset").returncode == 0
    assert "starts at 2" in line(stage.ledger("show").stdout, f"{NEW}-3")


def test_a_chain_that_the_registry_knows_of_another_partition_only_stops_a_run(stage: Stage) -> None:
    """As recovery sees it: what was announced elsewhere was not announced here."""
    stage.commit(0, 2)
    stage.commit(1, 1)
    assert stage.ledger("accept-reset").returncode == 0
    both = stage.chains()
    made = both[-1][1]
    assert [row[0] for row in both if row[1] == made] == [0, 1]
    stage.lose_chain(1, made)
    shown = stage.ledger("show", "--topic", stage.name).stdout
    assert "starts at 2" in line(shown, f"{NEW}-3")
    assert line(shown, "1 of 2 partitions would stop the next run")
    assert "STOPS: the registry does not know the chain" in shown


@pytest.mark.parametrize("rewind", [False, True])
def test_an_accepted_place_is_not_moved_by_a_unit_that_becomes_visible_later(
    stage: Stage, rewind: bool
) -> None:
    """What the unit counted is kept."""
    stage.commit(0, 2)
    label = stage.come_in_late(partition=0, end=7)
    accepted = stage.ledger_that_waits(label, "accept-reset", *(["--rewind"] if rewind else []))
    assert accepted.returncode == 0, accepted.stderr
    place = 7 if rewind else 2
    assert f"goes on at {place}; the group was at 2, the sink ends at 7" in accepted.stdout
    stays("the place", lambda: stage.ends() == [(0, place, NEW, 4, 7)], for_s=1.0)
    assert f"starts at {place}" in line(stage.ledger("show").stdout, f"{NEW}-4")


def test_check_live_asks_whether_this_server_can_load_exactly_once(
    tmp_path: Path, name: str, millrace: Callable[..., Millrace]
) -> None:
    server = Rockpool(tmp_path / "rockpool", "--version", "4.0.5")
    server.start()
    try:
        config = events.orders_config("127.0.0.1:9", server.fe, server.mysql, name, name)
        program = millrace(config)
        asked = program.command("check", "--live", str(program.path))
        refused = line(asked.stdout, "can load exactly once")
        assert refused.startswith("FAILED") and "4.0.5" in refused
        assert "upgrade StarRocks to 4.0.6 or later, or set delivery: at-least-once" in asked.stdout
        config["delivery"] = "at-least-once"
        program.write()
        asked = program.command("check", "--live", str(program.path))
        assert "exactly once" not in asked.stdout
    finally:
        server.stop()


@pytest.mark.parametrize("rewind", [False, True])
def test_a_run_that_a_reset_stopped_goes_on_where_the_operator_said(
    orders: Millrace, kafka: Broker, starrocks: Rockpool, name: str, rewind: bool
) -> None:
    """Ten events are in; the group is reset to 12 of 20: two are left out, or, rewound, none."""
    stage = Stage(orders, kafka, starrocks, name)
    orders.config["source"]["kafka"]["session.timeout.ms"] = 6000  # a stop is found twice, that far apart
    orders.write()
    orders_of(kafka, name, 0, 10)
    run = orders.start()
    wait_for_rows(starrocks, name, 10)
    assert run.stop() == 0, run.log[-3000:]
    orders_of(kafka, name, 10, 10)
    stage.commit(0, 12)
    stopped = orders.start()
    assert stopped.ended(60) == 6, stopped.log[-3000:]
    assert "was not written by Millrace" in stopped.log
    decided = stage.ledger("accept-reset", *(["--rewind"] if rewind else []))
    assert decided.returncode == 0, decided.stderr
    run = orders.start()
    wait_for_rows(starrocks, name, 20 if rewind else 18)
    assert run.stop() == 0, run.log[-3000:]
    offsets = starrocks.sql("SELECT _offset FROM orders ORDER BY _offset", name)
    assert [row[0] for row in offsets] == [o for o in range(20) if rewind or o not in (10, 11)]
    orders.assert_verified()
