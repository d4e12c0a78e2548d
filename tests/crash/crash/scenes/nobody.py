"""F24: a decision is taken by nobody."""

from typing import TYPE_CHECKING

from ..frames import OFFSET_COMMIT, OffsetCommit
from ..kafka_proxy import Rule
from ..plan import SESSION_S
from .apart import decision_apart
from .course import START_S, comes_back, if_taken, wait_for_commits
from .late import late_decision

if TYPE_CHECKING:
    from ..schedule import Schedule


def stray_commit(schedule: "Schedule") -> None:
    """F24: a commit of a stalled member reaches the group when it is empty, of generation -1, after a
    successor came, committed and left."""
    if schedule.plan.variant == "late":
        late_decision(schedule)
        return
    if schedule.plan.variant == "apart":
        decision_apart(schedule)
        return
    first = schedule.members[0]
    wait_for_commits(schedule, first, 2)
    rule = first.proxy.arm(Rule(OFFSET_COMMIT, "hold"))
    schedule.wait_for("a commit held", lambda: rule.frames, START_S)
    first.freeze(10 * SESSION_S)
    schedule.say("F24: a commit is held, its member stalls")
    second = schedule.add_member()
    schedule.start(second)
    wait_for_commits(schedule, second, 1 if schedule.plan.rate < 100 else 4)
    second.wanted = False
    second.terminate()
    schedule.wait_for("the successor's end", lambda: not second.up, START_S)
    stray = OffsetCommit.read(rule.frames[0]).of_nobody()
    errors = schedule.wait_for(
        "an empty group", lambda: if_taken(first.proxy.deliver_commit(stray.frame())), START_S)
    schedule.say(f"F24: delivered to the empty group {stray.partitions}: {errors}")
    schedule.count("F24 commit of nobody into an empty group")
    first.proxy.cut()
    first.proxy.clear()
    if schedule.plan.variant == "kill":
        first.kill()
    first.thaw()
    comes_back(second)
