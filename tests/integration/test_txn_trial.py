"""Trials of some rows, by the load client against the server: whether they would load, and no trace."""

import pytest

from harness.starrocks import Rockpool
from harness.wait import until
from transactions import (  # noqa: F401 (fixtures)
    ALL,
    NONE,
    Driver,
    admin,
    arm,
    driver,
    label,
    load_all,
    server,
    start,
    visible,
)


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
