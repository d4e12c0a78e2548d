"""kill -9 at the named points that a healthy run passes seldom or never. The crash campaign draws them
as well, but hardly ever meets what leads there: here that is made first."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from crash.frames import OFFSET_COMMIT
from crash.kafka_proxy import Rule
from crash.member import Member
from failing import Course, Play, play, slot  # noqa: F401 (fixtures)

pytestmark = pytest.mark.timeout(180)


class Way(NamedTuple):
    """How a member gets to a step: where its run before ends (nowhere: in good order), and what is made
    between the two."""

    ends_at: str
    make: Callable[[Course, Member], object]


WAYS = {
    "exact.read_chain": Way("", lambda _, m: m.proxy.arm(Rule(OFFSET_COMMIT, "refuse_one"))),
    "exact.read_unit": Way("", lambda _, m: m.proxy.arm(Rule(OFFSET_COMMIT, "refuse_one", skip=2))),
    "exact.rollback": Way("", lambda c, _: c.fault("drop_before", operation="load", skip=4)),
    "recover.ask_state": Way("exact.commit.before", lambda c, _: None),
    "recover.commit": Way("exact.commit.before", lambda c, _: None),
    "recover.ask_topic": Way("", lambda c, _: c.as_admin("delete_consumer_groups", [c.group])),
}


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("step", WAYS)
def test_a_crash_at_a_rare_step_counts_nothing_twice_and_loses_nothing(
        play: Play, step: str, where: str) -> None:
    way, place = WAYS[step], f"{step}.{where}"
    first = f"kill:{way.ends_at}:3" if way.ends_at else ""
    with play(step.replace(".", "_"), first, f"kill:{place}") as course:
        member = course.members[0]
        if way.ends_at:
            course.dies_at(member, way.ends_at)
        else:
            course.wait_for_rows(60)
            course.leaves(member)
        way.make(course, member)
        course.run_member(member)
        course.dies_at(member, place)
        course.run_member(member)
