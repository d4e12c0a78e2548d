"""Transactions over several tables, by the load client against the server: all rows or none."""

import time
from pathlib import Path

import pytest

from harness.starrocks import Rockpool
from harness.wait import until
from transactions import (  # noqa: F401 (fixtures)
    ALL,
    NONE,
    arm,
    driver,
    label,
    load_all,
    make_tables,
    restart,
    server,
    start,
    visible,
)


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
