"""What a schedule will do: drawn from its seed alone, before anything runs."""

import random
from dataclasses import dataclass, field

from . import frames, pool

LIVE_STEPS = ("announce", "find_announce", "commit_chain", "read_chain", "close", "begin", "load",
              "decide", "read_unit", "commit", "rollback", "visible")
RECOVER_STEPS = ("read_committed", "read_registry", "read_ledger", "rollback", "commit", "visible",
                 "ask_state", "ask_topic")
ONCE = ("announce", "find_announce", "commit_chain", "read_chain", "close")
POINTS = (*(f"exact.{s}.{w}" for s in LIVE_STEPS for w in ("before", "after")),
          *(f"recover.{s}.{w}" for s in RECOVER_STEPS for w in ("before", "after")))
UNIT_POINTS = ("land.before_list", "land.before_settle", "land.settled", "unit.before_release",
               "work.before_sealed")
# Which steps a healthy run takes seldom or never: drawn less often, or most kills would not happen.
RARE = ("read_chain", "read_unit", "rollback", "ask_state", "ask_topic")

SESSION_S = 6
FORCED = {2: "F15", 3: "unit", 4: "F17", 5: "F24", 7: "F9", 8: "F25"}
# In their turn, so that fifty schedules hold five of each kind.
VARIANTS = {"F9": ("live",), "F15": ("kill", "heal", "freeze"), "F17": ("idle",),
            "F24": ("kill", "resume", "late", "apart"),
            "F25": ("kill", "live", "freeze", "slow", "zombie"),
            "unit": ("F7", "F5", "F16", "F3", "F12", "F7 kill")}
# Whose protocol knows no need to stop.
NEVER_STOP_KINDS = ("mixed", "F9", "F17", "unit")
NEVER_STOP_VARIANTS = ("late", "apart", "slow", "zombie")
PERIOD = 10
GROUP_APIS = (frames.OFFSET_COMMIT, frames.OFFSET_COMMIT, frames.OFFSET_COMMIT, frames.HEARTBEAT,
              frames.JOIN_GROUP, frames.SYNC_GROUP, frames.OFFSET_FETCH, frames.FETCH,
              frames.LIST_OFFSETS, frames.FIND_COORDINATOR, frames.METADATA)
OFTEN = (frames.OFFSET_COMMIT, frames.HEARTBEAT, frames.FETCH)
WIRE_ACTIONS = ("cut_before", "cut_after", "drop_answer", "delay", "delay_answer")


@dataclass
class Step:
    at: float
    kind: str
    member: int = 0
    seconds: float = 0.0
    details: dict = field(default_factory=dict)

    def __str__(self) -> str:
        extra = " ".join(f"{k}={v}" for k, v in self.details.items())
        seconds = f" {self.seconds:g} s" if self.seconds else ""
        return f"{self.at:5.1f} {self.kind} member {self.member}{seconds} {extra}".rstrip()


@dataclass
class Plan:
    seed: str
    kind: str  # mixed, or one of FORCED
    variant: str
    partitions: int
    members: int
    rate: int
    chaos_s: float
    starts: list[list[str]]  # member → MILLRACE_AT of its first, second … start
    restart_after: list[float]
    steps: list[Step]
    pick: int  # which partition, which commit: the scenes' own
    forgets: bool  # labels may be forgotten: a stop is no failure then

    @property
    def may_stop(self) -> bool:
        return self.forgets or (self.kind not in NEVER_STOP_KINDS
                                and self.variant not in NEVER_STOP_VARIANTS)

    @property
    def is_late(self) -> bool:
        """A member that has lost its place is kept from hearing of it, for longer than a session."""
        return self.kind == "F9" or self.variant in ("late", "apart", "zombie")

    @property
    def hides(self) -> bool:
        """The sink says of open transactions that it knows none, as early servers do."""
        return self.kind in FORCED.values() and (self.pick % 2 == 0 or self.variant == "F5")

    def lines(self) -> list[str]:
        starts = [f"member {i} starts with {', then '.join(at or 'nothing' for at in ats)}"
                  for i, ats in enumerate(self.starts) if any(ats)]
        return [f"{self.kind} {self.variant}: {self.members} members, {self.partitions} partitions, "
                f"{self.rate} events/s, {self.chaos_s:.1f} s", *starts, *map(str, self.steps)]


def draw_plan(seed: str, points: tuple[str, ...] = POINTS) -> Plan:
    """seed: `<campaign's seed>.<index>`; the index says which kinds are forced."""
    index = int(seed.rsplit(".", 1)[1])
    draw = random.Random(f"millrace {seed}")
    kind = FORCED.get(index % PERIOD, "mixed")
    forgets = kind == "mixed" and draw.random() < 0.08
    plan = Plan(
        seed=seed, kind=kind, variant=_variant(kind, index),
        partitions=draw.choice((2, 3, 4)) if kind != "F15" else 4,
        # Where a certain member must hold partitions there are no more members than those.
        members={"F15": draw.choice((1, 2)), "F25": draw.choice((1, 2)),
                 "mixed": draw.choice((1, 2, 2, 3))}.get(kind, 1),
        rate=draw.choice((40, 120, 300)), chaos_s=draw.uniform(5, 10), starts=[],
        restart_after=[draw.choice((0.0, 0.0, 0.5, 2.0, SESSION_S + 1.0)) for _ in range(8)],
        steps=[], pick=draw.choice((0, 0, 1, 2, 3, 5)), forgets=forgets)
    plan.starts = [_starts(draw, points, kind) for _ in range(plan.members)]
    if plan.is_late:
        plan.starts = [[]]  # whose session lasts so long would hold everybody up by being killed
    if plan.variant == "zombie":
        plan.starts, plan.members = [["stop:recover.read_committed.before:1"]], 1
    if plan.variant in ("slow", "zombie"):
        plan.restart_after = [0.0] * 8  # while what was committed is not visible
    if kind == "mixed":
        count = draw.choice((2, 3, 4, 4, 5, 6))
        plan.steps = [_step(draw, plan) for _ in range(count)]
    else:
        plan.steps = [_pool_step(draw, plan) for _ in range(draw.choice((0, 1)))]
    plan.steps.sort(key=lambda s: s.at)
    return plan


def _variant(kind: str, index: int) -> str:
    variants = VARIANTS.get(kind, ("",))
    return variants[index // PERIOD % len(variants)]


def _point(draw: random.Random, points: tuple[str, ...], again: bool) -> str:
    """`<place>:<nth>`. Seldom steps seldom; recovery finds something to do at a later start only."""
    recovery = again and draw.random() < 0.55
    chosen = [p for p in points if p.startswith("recover.") == recovery] or points
    while True:
        place = draw.choice(chosen)
        step = place.split(".")[1]
        if step not in RARE or draw.random() < 0.4:
            break
    once = place.startswith("recover.") or step in ONCE
    return f"{place}:{draw.choice((1, 1, 1, 2)) if once else draw.choice((1, 1, 2, 3, 5, 8))}"


def _starts(draw: random.Random, points: tuple[str, ...], kind: str) -> list[str]:
    """A forced scene needs its members alive until it is played."""
    starts = [] if kind == "mixed" else [""]
    for _ in range(draw.choice((0, 1, 2, 2, 3))):
        action = draw.choice(("kill", "kill", "kill", "stop"))
        starts.append(f"{action}:{_point(draw, points, len(starts) > 0)}")
    return starts


def _pool_step(draw: random.Random, plan: Plan) -> Step:
    fault = pool.draw_fault(draw, database_of(plan.seed), plan.forgets)
    return Step(draw.uniform(0.5, plan.chaos_s), "pool", details=fault)


def _wire_step(draw: random.Random, plan: Plan, at: float, member: int) -> Step:
    """What is asked once a start is armed early and skips none."""
    api = draw.choice(GROUP_APIS)
    often = api in OFTEN
    return Step(at if often else at / 4, "wire", member, details={
        "api": api, "action": draw.choice(WIRE_ACTIONS),
        "count": draw.choice((1, 1, 2)), "skip": draw.choice((0, 0, 1, 3)) if often else 0,
        "seconds": draw.choice((0.5, 2.0, SESSION_S + 2.0))})


def _step(draw: random.Random, plan: Plan) -> Step:
    at = draw.uniform(0.5, plan.chaos_s)
    member = draw.randrange(plan.members)
    kind = draw.choices(
        ("kill", "freeze", "term", "join", "cut", "broker_kill", "broker_stop", "pool_kill", "pool",
         "wire"), (3, 3, 2, 2, 1, 0.3, 0.2, 1, 6, 4))[0]
    if kind == "pool":
        return _pool_step(draw, plan)
    if kind == "wire":
        return _wire_step(draw, plan, at, member)
    seconds = {"freeze": draw.choice((1.0, SESSION_S + 1.0, SESSION_S + 3.0)),
               "broker_kill": draw.choice((0.0, 2.0)), "broker_stop": draw.choice((0.0, 2.0)),
               "pool_kill": draw.choice((0.0, 2.0)),
               "term": draw.choice((0.0, 1.0, 3.0))}.get(kind, 0.0)
    return Step(at, kind, member, seconds)


def database_of(seed: str) -> str:
    """Name of the database, topic and pipeline of a schedule."""
    return "c" + "".join(c if c.isalnum() else "_" for c in seed)
