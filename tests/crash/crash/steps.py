"""The steps of a mixed schedule: what is done to members and servers at a time that was drawn."""

import threading
import time
from collections.abc import Callable

from . import frames, pool
from .kafka_proxy import Rule
from .plan import SESSION_S, Step


class Steps:
    """What Schedule is made of besides its course."""

    def play(self, step: Step) -> None:
        self.say(f"step {step}")
        getattr(self, f"do_{step.kind}")(step)

    def do_kill(self, step: Step) -> None:
        member = self.members[step.member]
        if member.up:
            member.kill()
            self.count("kill -9 at any time")

    def do_freeze(self, step: Step) -> None:
        member = self.members[step.member]
        if member.up:
            member.freeze(step.seconds)
            self.count("SIGSTOP past the session" if step.seconds > SESSION_S else "SIGSTOP, short")

    def do_term(self, step: Step) -> None:
        member = self.members[step.member]
        if member.up:
            member.terminate()
            self.count("SIGTERM, member leaves")

    def do_join(self, step: Step) -> None:
        if len(self.members) < 4:
            self.start(self.add_member())
            self.count("member joins")

    def do_cut(self, step: Step) -> None:
        self.count("all connections of a member to Kafka cut",
                   1 if self.members[step.member].proxy.cut() else 0)

    def do_wire(self, step: Step) -> None:
        rule = Rule(**step.details)
        name = f"{frames.NAMES[rule.api]} {rule.action}"
        self.rules.append((name, self.members[step.member].proxy.arm(rule)))

    def do_pool(self, step: Step) -> None:
        self.in_background(lambda: pool.arm(self.slot.starrocks, step.details))

    def do_pool_kill(self, step: Step) -> None:
        def restart() -> None:
            self.slot.starrocks.kill()
            time.sleep(step.seconds)
            self.slot.starrocks.start()

        self.count("rockpool kill -9")
        self.in_background(restart)

    def do_broker_kill(self, step: Step) -> None:
        self.restart_broker(self.slot.broker.kill, "broker kill -9", step.seconds)

    def do_broker_stop(self, step: Step) -> None:
        self.restart_broker(self.slot.broker.stop, "broker restart", step.seconds)

    def restart_broker(self, end: Callable[[], None], name: str, seconds: float) -> None:
        def restart() -> None:
            end()
            time.sleep(seconds)
            self.slot.broker.start()

        self.count(name)
        self.in_background(restart)

    def in_background(self, work: Callable[[], None]) -> None:
        """Servers restart while the schedule goes on, one at a time."""
        def run() -> None:
            try:
                with self.pool_busy:
                    work()
            except Exception as error:  # noqa: BLE001 - told as the schedule's problem
                self.fail(f"harness: {type(error).__name__}: {error}")

        thread = threading.Thread(target=run, daemon=True)
        self.background.append(thread)
        thread.start()
