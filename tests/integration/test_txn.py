"""Transactions over several tables, by the load client against the server: all rows or none."""

import http.client
import itertools
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.paths import MILLRACE
from harness.starrocks import Rockpool
from harness.wait import until

DATABASE = "txn"
DRIVER = MILLRACE.parent / "tests" / "txn_driver"
_numbers = itertools.count(1)


class Driver:
    """The program that makes the calls; it can be killed between two of them."""

    def __init__(self, fe: str):
        self.process = subprocess.Popen([DRIVER, fe, DATABASE], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def call(self, *words: object) -> tuple[str, str]:
        """(outcome, answer)"""
        return self.ask(*words)[:2]

    def ask(self, *words: object) -> tuple[str, ...]:
        """(outcome, answer, cause, rows in all, loaded, filtered, "open" or "closed", ErrorURL)"""
        print(*words, file=self.process.stdin, flush=True)
        return tuple(self.process.stdout.readline().rstrip("\n").split("\t"))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def end(self) -> int:
        self.process.stdin.close()
        return self.process.wait(10)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rockpool]:
    pool = Rockpool(tmp_path_factory.mktemp("rockpool"), "--followers", "1", "--tick", "0.2")
    pool.start()
    make_tables(pool)
    yield pool
    pool.stop()


def make_tables(pool: Rockpool) -> None:
    one = 'PROPERTIES ("replication_num"="1")'
    pool.sql(f"CREATE DATABASE {DATABASE}")
    for statement in (
        "CREATE TABLE detail (unit VARCHAR(64) NOT NULL, amount INT NOT NULL) "
        "DUPLICATE KEY(unit) DISTRIBUTED BY HASH(unit)",
        "CREATE TABLE rollup (unit VARCHAR(64) NOT NULL, total BIGINT SUM) "
        "AGGREGATE KEY(unit) DISTRIBUTED BY HASH(unit)",
        "CREATE TABLE ledger (unit VARCHAR(64) NOT NULL, `end` BIGINT NOT NULL) "
        "PRIMARY KEY(unit) DISTRIBUTED BY HASH(unit)",
    ):
        pool.sql(f"{statement} {one}", DATABASE)


@pytest.fixture
def start() -> Iterator[Callable[[str], Driver]]:
    started = []

    def begin(fe: str) -> Driver:
        started.append(Driver(fe))
        return started[-1]

    yield begin
    for driver in started:
        driver.kill()


@pytest.fixture
def driver(server: Rockpool, start: Callable[[str], Driver]) -> Driver:
    return start(server.fe)


@pytest.fixture
def label() -> str:
    return f"demo-k7-{next(_numbers)}"


def load_all(driver: Driver, label: str) -> None:
    """A unit: three detail rows, their sum, and the ledger row, in one transaction."""
    assert driver.call("begin", label, 60) == ("done", "accepted")
    for table, columns, rows in (
        ("detail", "`unit`,`amount`", f"{label},1;{label},2;{label},4;"),
        ("rollup", "`unit`,`total`", f"{label},7;"),
        ("ledger", "`unit`,`end`", f"{label},3;"),
    ):
        assert driver.call("load", label, table, columns, rows) == ("done", "accepted"), table


def visible(server: Rockpool, label: str) -> tuple:
    """(detail rows, their sum, the rollup's total, the ledger's end) of a unit."""
    where = f"FROM {{}} WHERE unit = '{label}'"
    count, total = server.sql(f"SELECT COUNT(*), SUM(amount) {where.format('detail')}", DATABASE)[0]
    other = server.sql(f"SELECT SUM(total) {where.format('rollup')}", DATABASE)[0][0]
    end = server.sql(f"SELECT MAX(`end`) {where.format('ledger')}", DATABASE)[0][0]
    return tuple(None if v is None else int(v) for v in (count, total, other, end))


ALL, NONE = (3, 7, 7, 3), (0, None, None, None)


def restart(pool: Rockpool) -> None:
    pool.kill()
    pool.start()


def test_the_tables_and_the_ledger_row_become_visible_together(server, driver, label):
    load_all(driver, label)
    assert visible(server, label) == NONE
    assert driver.call("commit", label) == ("done", "committed")
    assert visible(server, label) == ALL
    assert driver.end() == 0


def test_a_rollback_leaves_nothing(server, driver, label):
    load_all(driver, label)
    assert driver.call("rollback", label) == ("done", "aborted")
    assert driver.call("rollback", label) == ("done", "aborted")
    assert driver.call("commit", label) == ("retry", "aborted")
    assert visible(server, label) == NONE


def test_a_second_commit_changes_nothing_and_no_rollback_undoes_it(server, driver, label):
    load_all(driver, label)
    assert driver.call("commit", label) == ("done", "committed")
    assert driver.call("commit", label) == ("done", "already committed")
    assert driver.call("rollback", label) == ("rejected", "already committed")
    assert visible(server, label) == ALL


def test_a_second_begin_tells_what_has_the_label(server, driver, label):
    load_all(driver, label)
    assert driver.call("begin", label, 60) == ("unknown", "already started")
    assert driver.call("rollback", label) == ("done", "aborted")
    assert driver.call("begin", label, 60) == ("done", "accepted")
    assert driver.call("commit", label) == ("done", "committed")
    assert visible(server, label) == NONE
    assert driver.call("begin", label, 60) == ("rejected", "already committed")


def test_a_label_that_never_was(driver, label):
    assert driver.call("commit", label) == ("unknown", "missing")
    assert driver.call("rollback", label) == ("done", "missing")
    rows = ("detail", "`unit`,`amount`", f"{label},1;")
    assert driver.call("load", label, *rows) == ("retry", "missing")


def test_bad_rows_of_one_table_keep_all_out(server, driver, label):
    load_all(driver, label)
    bad = f"{label},not-a-number;"
    driver.call("load", label, "detail", "`unit`,`amount`", bad)
    assert driver.call("commit", label)[0] == "rejected"
    assert driver.call("rollback", label) == ("done", "aborted")
    assert visible(server, label) == NONE


def test_other_parameters_for_the_same_table_spoil_the_transaction(server, driver, label):
    load_all(driver, label)
    other = ("`amount`,`unit`", f"1,{label};")
    assert driver.call("load", label, "detail", *other) == ("fatal", "refused")
    assert driver.call("commit", label)[0] == "retry"
    assert visible(server, label) == NONE


def test_a_follower_sends_every_call_on_to_the_leader(server, start, label):
    driver = start(f"http://127.0.0.1:{server.ports['followers'][0]}")
    load_all(driver, label)
    assert driver.call("commit", label) == ("done", "committed")
    assert visible(server, label) == ALL


@pytest.mark.parametrize("how, answer, rows", [
    ("commit", ("done", "committed"), ALL),
    ("rollback", ("done", "aborted"), NONE),
])
def test_another_process_settles_what_a_killed_one_has_loaded(
    server, driver, start, label, how, answer, rows
):
    load_all(driver, label)
    driver.kill()
    assert visible(server, label) == NONE
    assert start(server.fe).call(how, label) == answer
    assert visible(server, label) == rows


def admin(server: Rockpool, method: str, path: str, values: object = None) -> list[dict]:
    port = http.client.HTTPConnection("127.0.0.1", server.ports["admin"], timeout=10)
    port.request(method, path, body=b"" if values is None else json.dumps(values).encode())
    reply = port.getresponse()
    text = reply.read()
    port.close()
    assert reply.status == 200, text
    return json.loads(text)


@pytest.fixture
def arm(server: Rockpool, label: str) -> Iterator[Callable[..., None]]:
    """Arms faults for the test's label; each must have happened by the end of the test."""
    armed = []

    def one(fault: str, operation: str, times: int = 1, **rest: object) -> None:
        asked = {"fault": fault, "operation": operation, "count": times, "label": label, **rest}
        armed.append((admin(server, "POST", "/faults", asked)[0]["id"], times))

    yield one
    hits = {fault["id"]: fault["hits"] for fault in admin(server, "GET", "/faults")}
    admin(server, "DELETE", "/faults")
    assert {number: hits[number] for number, _ in armed} == dict(armed)


@pytest.mark.parametrize("fault, rest, answers", [
    ("drop_before", {}, ["committed"]),
    ("drop_before", {"times": 3}, ["committed"]),
    ("drop_reply", {}, ["visible", "committed", "already committed"]),
    ("delay", {"point": "after", "seconds": 2.0}, ["committed"]),
    ("in_processing", {"times": 3}, ["committed"]),
    ("lock_timeout", {"times": 2}, ["committed"]),
    ("publish_timeout", {"seconds": 0.5}, ["committed"]),
    ("slow_publish", {"seconds": 0.5}, ["committed"]),
    ("status_unknown", {"outcome": "committed"}, ["visible", "committed", "already committed"]),
    ("status_unknown", {"outcome": "open"}, ["committed"]),
    ("leader_change", {"point": "after"}, ["visible", "committed"]),
    ("frontend_restart", {"point": "after", "seconds": 0.3}, ["visible", "committed"]),
])
def test_a_commit_goes_through_once_whatever_happens_to_it(
    server, driver, label, arm, fault, rest, answers
):
    load_all(driver, label)
    arm(fault, "commit", **rest)
    outcome, answer = driver.call("commit", label)
    assert outcome == "done" and answer in answers
    until("the rows", lambda: visible(server, label) == ALL)


@pytest.mark.parametrize("fault, rest", [
    ("too_many_versions", {}),
    ("status_unknown", {"outcome": "aborted"}),
    ("leader_change", {"point": "before"}),
    ("frontend_restart", {"point": "before", "seconds": 0.3}),
    ("backend_restart", {"point": "before", "seconds": 0.3}),
])
def test_a_commit_that_came_too_late_says_that_nothing_is_in(
    server, driver, label, arm, fault, rest
):
    load_all(driver, label)
    arm(fault, "commit", **rest)
    assert driver.call("commit", label) == ("retry", "aborted")
    assert driver.call("rollback", label) == ("done", "aborted")
    assert visible(server, label) == NONE


def test_a_commit_is_settled_where_the_label_of_an_open_transaction_is_hidden(
    server, driver, label, arm
):
    load_all(driver, label)
    arm("drop_before", "commit")
    arm("open_multi_hidden", "get_load_state")
    assert driver.call("commit", label) == ("done", "committed")
    assert visible(server, label) == ALL


@pytest.mark.parametrize("fault, rest", [
    ("drop_before", {"times": 2}), ("drop_reply", {}), ("in_processing", {"times": 2}),
])
def test_a_rollback_goes_through_whatever_happens_to_it(server, driver, label, arm, fault, rest):
    load_all(driver, label)
    arm(fault, "rollback", **rest)
    assert driver.call("rollback", label) == ("done", "aborted")
    assert visible(server, label) == NONE


@pytest.mark.parametrize("fault, settled", [("drop_before", "missing"), ("drop_reply", "aborted")])
def test_a_begin_without_an_answer_is_rolled_back_before_the_next(
    server, driver, label, arm, fault, settled
):
    arm(fault, "begin")
    assert driver.call("begin", label, 60) == ("unknown", "unanswered")
    assert driver.call("rollback", label) == ("done", settled)
    load_all(driver, f"{label}-b")
    assert driver.call("commit", f"{label}-b") == ("done", "committed")
    assert visible(server, f"{label}-b") == ALL


@pytest.mark.parametrize("fault", ["drop_after_body", "drop_reply"])
def test_a_load_without_an_answer_is_not_repeated(server, driver, label, arm, fault):
    """Once more in the same transaction, and its rows might count twice."""
    assert driver.call("begin", label, 60) == ("done", "accepted")
    arm(fault, "load")
    rows = ("detail", "`unit`,`amount`", f"{label},1;{label},2;")
    assert driver.call("load", label, *rows) == ("unknown", "unanswered")
    assert driver.call("rollback", label) == ("done", "aborted")
    assert visible(server, label) == NONE


def test_a_busy_transaction_is_loaded_into_when_it_is_free(server, driver, label, arm):
    arm("in_processing", "load", times=3)
    load_all(driver, label)
    assert driver.call("commit", label) == ("done", "committed")
    assert visible(server, label) == ALL


def test_a_limit_of_open_transactions_is_for_the_caller_to_wait_out(server, driver, label, arm):
    assert driver.call("begin", label, 60) == ("done", "accepted")
    arm("running_limit", "load")
    rows = ("detail", "`unit`,`amount`", f"{label},1;")
    assert driver.call("load", label, *rows) == ("retry", "refused")
    assert driver.call("rollback", label)[0] == "done"
    assert visible(server, label) == NONE


def test_a_transaction_that_is_open_for_too_long_is_not_in(server, driver, label):
    assert driver.call("begin", label, 1) == ("done", "accepted")
    rows = ("detail", "`unit`,`amount`", f"{label},1;")
    assert driver.call("load", label, *rows) == ("done", "accepted")
    time.sleep(2.0)
    assert driver.call("commit", label) == ("retry", "aborted")
    assert visible(server, label) == NONE


def test_a_server_killed_between_load_and_commit_has_nothing(tmp_path: Path, start, label):
    pool = Rockpool(tmp_path / "rockpool")
    pool.start()
    try:
        make_tables(pool)
        driver = start(pool.fe)
        load_all(driver, label)
        restart(pool)
        assert driver.call("commit", label) == ("retry", "aborted")
        assert driver.call("rollback", label) == ("done", "aborted")
        assert visible(pool, label) == NONE
    finally:
        pool.kill()


def test_a_server_killed_after_commit_still_tells_that_it_is_in(tmp_path: Path, start, label):
    pool = Rockpool(tmp_path / "rockpool")
    pool.start()
    try:
        make_tables(pool)
        driver = start(pool.fe)
        load_all(driver, label)
        assert driver.call("commit", label) == ("done", "committed")
        restart(pool)
        assert driver.call("commit", label) == ("done", "visible")
        assert driver.call("rollback", label) == ("rejected", "visible")
        assert visible(pool, label) == ALL
    finally:
        pool.kill()


def try_rows(driver: Driver, label: str, rows: str, seconds: int = 60) -> dict[str, str]:
    reply = driver.ask("trial", label, "detail", "`unit`,`amount`", rows, seconds)
    names = ("outcome", "answer", "cause", "total", "loaded", "filtered", "end", "url")
    return dict(zip(names, reply, strict=True))


def still_open(server: Rockpool, label: str) -> list[dict]:
    return [txn for txn in admin(server, "GET", "/transactions") if txn["label"] == label]


def test_a_trial_of_good_rows_says_so_and_leaves_nothing(server, driver, label):
    reply = try_rows(driver, label, f"{label},1;{label},2;")
    assert (reply["outcome"], reply["answer"], reply["cause"]) == ("done", "accepted", "prepared")
    assert (reply["total"], reply["loaded"], reply["filtered"]) == ("2", "2", "0")
    assert (reply["end"], still_open(server, label)) == ("closed", [])
    assert visible(server, label) == NONE


def test_a_trial_of_a_bad_row_tells_how_many_are_refused_and_where_to_read_why(
    server, driver, label
):
    reply = try_rows(driver, label, f"{label},1;{label},not-a-number;{label},2;")
    assert (reply["outcome"], reply["cause"]) == ("rejected", "rows refused")
    assert (reply["total"], reply["filtered"]) == ("3", "1")
    assert "_load_error_log" in reply["url"]
    assert (reply["end"], still_open(server, label)) == ("closed", [])
    assert visible(server, label) == NONE


def test_trials_find_the_bad_row_of_a_body_that_a_commit_refused(server, driver, label):
    rows = [f"{label},{n if n != 5 else 'five'};" for n in range(8)]

    def bad(first: int, count: int) -> list[int]:
        outcome = try_rows(driver, f"{label}-t{first}-{count}",
                           "".join(rows[first:first + count]))["outcome"]
        assert outcome in ("done", "rejected")
        if outcome == "done":
            return []
        half = count // 2
        return [first] if count == 1 else bad(first, half) + bad(first + half, count - half)

    assert bad(0, 8) == [5]
    assert visible(server, label) == NONE


@pytest.mark.parametrize("fault, operation, rest, outcome", [
    ("drop_before", "begin", {}, "unknown"),
    ("drop_reply", "begin", {}, "unknown"),
    ("drop_before", "load", {}, "unknown"),
    ("drop_after_body", "load", {}, "unknown"),
    ("drop_reply", "load", {}, "unknown"),
    ("in_processing", "load", {"times": 3}, "done"),
    ("drop_before", "prepare", {}, "unknown"),
    ("drop_reply", "prepare", {}, "unknown"),
    ("in_processing", "prepare", {"times": 3}, "done"),
    ("too_many_versions", "prepare", {}, "retry"),
    ("running_limit", "begin", {}, "retry"),
    ("backend_restart", "load", {"point": "after", "seconds": 0.3}, "unknown"),
    ("leader_change", "prepare", {"point": "before"}, "done"),
    ("drop_before", "rollback", {"times": 2}, "done"),
    ("drop_reply", "rollback", {}, "done"),
    ("in_processing", "rollback", {"times": 3}, "done"),
])
def test_a_trial_ends_rolled_back_whatever_happens_to_its_calls(
    server, driver, label, arm, fault, operation, rest, outcome
):
    arm(fault, operation, **rest)
    reply = try_rows(driver, label, f"{label},1;{label},2;")
    assert (reply["outcome"], reply["end"]) == (outcome, "closed")
    assert still_open(server, label) == []
    assert visible(server, label) == NONE


@pytest.mark.parametrize("fault, rest", [
    ("drop_before", {"times": 2}), ("drop_reply", {}), ("in_processing", {"times": 3}),
])
def test_a_trial_that_was_not_prepared_is_rolled_back_by_its_backend(
    server, driver, label, arm, fault, rest
):
    arm("drop_after_body", "load")
    arm(fault, "rollback", **rest)
    reply = try_rows(driver, label, f"{label},1;")
    assert (reply["outcome"], reply["end"]) == ("unknown", "closed")
    assert still_open(server, label) == []
    assert visible(server, label) == NONE


def test_a_trial_that_nobody_rolls_back_says_so_and_ends_by_its_timeout(
    server, driver, label, arm
):
    arm("drop_before", "rollback", times=7)
    reply = try_rows(driver, label, f"{label},1;", seconds=2)
    assert (reply["outcome"], reply["end"]) == ("done", "open")
    until("the timeout", lambda: still_open(server, label) == [])
    assert visible(server, label) == NONE


def test_a_trial_under_a_used_label_says_nothing_about_its_rows(server, driver, label):
    load_all(driver, label)
    assert driver.call("commit", label) == ("done", "committed")
    reply = try_rows(driver, label, f"{label},not-a-number;")
    assert (reply["outcome"], reply["end"]) == ("unknown", "closed")
    assert visible(server, label) == ALL


def test_a_trial_by_way_of_a_follower(server, start, label):
    driver = start(f"http://127.0.0.1:{server.ports['followers'][0]}")
    assert try_rows(driver, label, f"{label},1;")["outcome"] == "done"
    assert try_rows(driver, f"{label}-b", f"{label},x;")["outcome"] == "rejected"
    load_all(driver, f"{label}-c")
    assert driver.call("commit", f"{label}-c") == ("done", "committed")
    assert visible(server, label) == NONE
