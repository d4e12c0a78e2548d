"""F15: a decision is taken in part."""

from typing import TYPE_CHECKING

from ..frames import OFFSET_COMMIT
from ..kafka_proxy import Rule
from .course import START_S, end_of_victim, wait_for_commits

if TYPE_CHECKING:
    from ..schedule import Schedule


def refused_in_part(schedule: "Schedule") -> Rule:
    """F15: one partition of an offset commit is refused, the others are taken."""
    victim = schedule.members[0]
    wait_for_commits(schedule, victim, 3)
    heals = schedule.plan.variant == "heal"
    rule = victim.proxy.arm(Rule(OFFSET_COMMIT, "refuse_one", 2 if heals else None,
                                 pick=schedule.plan.pick))
    schedule.wait_for("a commit refused in part", lambda: rule.errors, START_S)
    assert len(set(rule.errors[0].values())) > 1, f"not refused in part: {rule.errors[0]}"
    schedule.say(f"F15: partition → error {rule.errors[0]}")
    schedule.count("F15 one partition of a commit refused")
    end_of_victim(schedule, victim)
    if schedule.plan.variant != "heal" and schedule.plan.members == 1:
        schedule.start(schedule.add_member())
    return rule
