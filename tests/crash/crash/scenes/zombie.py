"""A member that was expelled before it recovered: it fences and announces beside the owner."""

from typing import TYPE_CHECKING

from ..frames import HEARTBEAT, OFFSET_COMMIT, OffsetCommit
from ..kafka_proxy import Rule
from ..member import Member
from .course import START_S, group_members, let_all_come_in, open_labels

if TYPE_CHECKING:
    from ..schedule import Schedule

STALLED_S = 4 * START_S  # longer than what is waited for meanwhile


def announce_as_zombie(schedule: "Schedule") -> Member:
    """The first member stalls at the beginning of its recovery, and its place is taken. When all that the
    owner has loaded is visible it goes on: it reads the owner's chain, finds nothing to roll back,
    announces a chain of its own in the sink, and dies before it can put it in force. The owner."""
    zombie = schedule.members[0]
    schedule.wait_for("a recovery that stalls", lambda: zombie.frozen_until, START_S)
    zombie.freeze(STALLED_S)
    zombie.wanted = False
    zombie.proxy.arm(Rule(HEARTBEAT, "hold", None))
    (place,) = group_members(schedule)
    schedule.expel(place)
    owner = schedule.add_member()
    schedule.start(owner)
    let_all_come_in(schedule)
    chains = {chain for chain, _ in schedule.units_in().values()}
    announce = zombie.proxy.arm(Rule(OFFSET_COMMIT, "hold"))
    assert zombie.state() == "T", "it went on too early"
    zombie.thaw()
    schedule.wait_for("an announcement", lambda: announce.frames, START_S)
    zombie.kill()
    zombie.proxy.cut()
    assert {OffsetCommit.read(announce.frames[0]).last[0]} == chains, f"not of one owner: {chains}"
    assert not open_labels(schedule), "the owner was not at rest"
    schedule.say("F25: a zombie read the owner's chain, announced one of its own, and is killed")
    schedule.traffic.write_all()
    return owner
