"""Bounded waiting: a condition becomes true in time, or the test fails saying what was last seen."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(
    what: str,
    probe: Callable[[], T],
    good: Callable[[T], bool] = bool,
    timeout_s: float = 30,
    pause_s: float = 0.1,
) -> T:
    """Calls probe until good(result); the result is returned. Errors of probe are 'not yet'."""
    deadline = time.monotonic() + timeout_s
    seen: object = "nothing"
    while True:
        try:
            result = probe()
            if good(result):
                return result
            seen = result
        except Exception as error:  # noqa: BLE001 - whatever it is, it is shown when time is up
            seen = error
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s} s for {what}; last seen: {seen!r}")
        time.sleep(pause_s)


def stays(what: str, probe: Callable[[], bool], for_s: float, pause_s: float = 0.1) -> None:
    """The condition holds all the time."""
    deadline = time.monotonic() + for_s
    while time.monotonic() < deadline:
        if not probe():
            raise AssertionError(f"did not stay: {what}")
        time.sleep(pause_s)
