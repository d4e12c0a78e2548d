"""A schedule follows from its seed; what must occur is in it."""

import random
import re

from crash import frames, pool
from crash.__main__ import parse
from crash.plan import FORCED, PERIOD, POINTS, UNIT_POINTS, VARIANTS, draw_plan
from crash.scenes import SCENES
from crash.traffic import event_bytes, is_bad
from harness.paths import ROOT

import pytest

# Of each schedule that catches a mutant: kind, variant, pick, hides, partitions, members.
CATCHERS = {
    "1.7": ("F9", "live", 3, False, 2, 1),
    "3.35": ("F24", "apart", 2, True, 2, 1),
    "4.38": ("F25", "slow", 0, True, 2, 1),
    "5.48": ("F25", "zombie", 1, False, 3, 1),
    "7.4": ("F17", "idle", 5, False, 4, 1),
    "9.3": ("unit", "F7", 2, True, 2, 1),
    "9.13": ("unit", "F5", 3, True, 4, 1),
    "9.23": ("unit", "F16", 0, True, 3, 1),
    "9.33": ("unit", "F3", 5, False, 2, 1),
    "9.43": ("unit", "F12", 2, True, 3, 1),
    "9.53": ("unit", "F7 kill", 0, True, 2, 1),
    "26.25": ("F24", "late", 3, False, 2, 1),
    "34.45": ("F24", "kill", 0, True, 3, 1),
    "57.8": ("F25", "kill", 0, True, 2, 1),
}


def plans(count: int = 400) -> list:
    return [draw_plan(f"9.{i}") for i in range(count)]


def test_the_same_seed_gives_the_same_schedule_and_another_one_another() -> None:
    assert [p.lines() for p in plans(50)] == [p.lines() for p in plans(50)]
    assert draw_plan("9.0").lines() != draw_plan("10.0").lines()


def test_any_ten_in_a_row_hold_the_forced_kinds() -> None:
    kinds = [p.kind for p in plans(40)]
    for first in range(30):
        assert set(FORCED.values()) <= set(kinds[first:first + PERIOD])
    assert set(SCENES) == set(FORCED.values()) == {"F9", "F15", "F17", "F24", "F25", "unit"}


def test_the_campaign_of_the_tests_holds_every_variant_of_the_forced_kinds_but_one() -> None:
    wanted = {("mixed", "")} | {(kind, one) for kind, all_ in VARIANTS.items() for one in all_}
    assert {(p.kind, p.variant) for p in plans(60)} == wanted
    # The sixth of its kind: tests/integration/test_failures.py has that one in each run of the tests.
    assert {(p.kind, p.variant) for p in plans(50)} == wanted - {("unit", "F7 kill")}


def test_who_must_not_hear_of_its_loss_is_not_killed_by_chance_and_a_late_unit_needs_no_stop() -> None:
    late = [plan for plan in plans(2000) if plan.is_late]
    assert {(plan.kind, plan.variant) for plan in late} == {
        ("F9", "live"), ("F24", "late"), ("F24", "apart"), ("F25", "zombie")}
    assert all(plan.starts == [[]] or plan.variant == "zombie" for plan in late)
    assert all(len(plan.starts) == plan.members == 1 for plan in late)
    assert not any(plan.may_stop for plan in late if plan.kind == "F9")


def test_only_what_may_need_a_stop_may_end_with_one() -> None:
    stops = {(p.kind, p.variant) for p in plans(2000) if p.may_stop and not p.forgets}
    assert stops == {(kind, one) for kind in ("F15", "F24", "F25") for one in VARIANTS[kind]
                     if one in ("kill", "heal", "freeze", "resume", "live")}


def test_a_zombie_stalls_before_it_has_read_anything_and_is_not_killed_by_chance() -> None:
    zombies = [plan for plan in plans(500) if plan.variant == "zombie"]
    assert len(zombies) == 10
    assert all(plan.starts == [["stop:recover.read_committed.before:1"]] for plan in zombies)


def test_the_schedules_that_catch_mutants_are_what_they_were() -> None:
    seeds = {seed for patch in (ROOT / "tests/mutants").glob("*.patch")
             for seed in re.findall(r"^caught by: crash (\S+) ", patch.read_text(), re.M)}
    drawn = {seed: (p.kind, p.variant, p.pick, p.hides, p.partitions, p.members)
             for seed, p in ((seed, draw_plan(seed)) for seed in seeds)}
    assert drawn == CATCHERS


def test_open_transactions_are_hidden_in_some_schedules_of_each_forced_kind() -> None:
    for kind in FORCED.values():
        assert {plan.hides for plan in plans(400) if plan.kind == kind} == {True, False}
    assert not any(plan.hides for plan in plans(400) if plan.kind == "mixed")
    assert all(plan.hides for plan in plans(400) if plan.variant == "F5")


def test_every_kind_of_step_every_point_and_every_fault_is_drawn() -> None:
    many = plans(4000)
    steps = [step for plan in many for step in plan.steps]
    starts = [at for plan in many for ats in plan.starts for at in ats if at]
    assert {s.kind for s in steps} == {"kill", "freeze", "term", "join", "cut", "broker_kill",
                                       "broker_stop", "pool_kill", "pool", "wire"}
    assert {at.split(":")[1] for at in starts} == set(POINTS)
    assert {at.split(":")[0] for at in starts} == {"kill", "stop"}
    assert {s.details["fault"] for s in steps if s.kind == "pool"} == set(pool.MAKERS)
    assert {s.details["api"] for s in steps if s.kind == "wire"} <= set(frames.NAMES)


def test_labels_are_forgotten_only_where_a_stop_is_allowed() -> None:
    for plan in plans(2000):
        faults = {s.details["fault"] for s in plan.steps if s.kind == "pool"}
        assert plan.may_stop or not faults & set(pool.FORGETTING)


def test_every_drawn_fault_is_one_that_the_server_knows(starrocks) -> None:
    draw = random.Random(5)
    for _ in range(300):
        fault = pool.draw_fault(draw, "none", forget=True)
        if fault["operation"] != "now":
            pool.arm(starrocks, fault)
    assert {f["fault"] for f in pool.armed(starrocks)} == set(pool.MAKERS)
    pool.disarm(starrocks)
    assert pool.armed(starrocks) == []


def test_points_can_be_chosen() -> None:
    many = [draw_plan(f"1.{i}", UNIT_POINTS) for i in range(300)]
    drawn = {at.split(":")[1] for plan in many if plan.variant != "zombie"
             for ats in plan.starts for at in ats if at}
    assert drawn == set(UNIT_POINTS)


def test_an_event_follows_from_seed_and_number() -> None:
    assert event_bytes("1.2", 5) == event_bytes("1.2", 5) != event_bytes("1.3", 5)
    assert is_bad(7) and not is_bad(8)
    with pytest.raises(ValueError):
        __import__("json").loads(event_bytes("1.2", 7))


@pytest.mark.parametrize("arguments", [["--only", "7"], ["--only", "a.1"], ["--schedules", "0"],
                                       ["--expect", "luck"]])
def test_a_command_line_that_means_nothing_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        parse(arguments)
