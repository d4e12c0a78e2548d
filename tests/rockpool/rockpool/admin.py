"""The admin port: faults to arm, and what no StarRocks port tells."""

import asyncio
import json

from rockpool.http11 import Response
from rockpool.kinds import NOW, Invalid
from rockpool.leader import OPEN
from rockpool.txn import FINISHED


def answer(status, values):
    return Response(status, json.dumps(values, indent=1), close=status >= 400)


class Admin:
    def __init__(self, cluster):
        self.cluster = cluster
        self.port = 0

    async def handle(self, request):
        actions = {
            ("GET", "health"): self._health,
            ("GET", "transactions"): self._transactions,
            ("GET", "faults"): self._list,
            ("POST", "faults"): self._arm,
            ("DELETE", "faults"): self._disarm,
        }
        parts = request.parts()
        action = actions.get((request.method, parts[0]))
        body = await request.body()
        if action is None or len(parts) > (2 if action == self._disarm else 1):
            known = ", ".join(f"{m} /{p}" for m, p in actions)
            return answer(404, {"error": f"unknown action; known: {known}"})
        try:
            return answer(200, await action(body, parts[1:]))
        except (Invalid, json.JSONDecodeError, UnicodeDecodeError) as error:
            return answer(400, {"error": str(error)})

    async def _health(self, body, rest):
        return {"status": "OK", "version": str(self.cluster.version)}

    async def _list(self, body, rest):
        return self.cluster.faults.list()

    async def _arm(self, body, rest):
        """One fault or a list of them; events that are for now have happened when this answers."""
        asked = json.loads(body)
        faults = self.cluster.faults
        fresh = faults.arm(asked if isinstance(asked, list) else [asked])
        for armed in fresh:
            if armed.operations == (NOW,):
                names = [armed.filters.get(n, "*") for n in ("database", "label")]
                await self.cluster.events.run(armed, *names)
                faults.fire(armed)
        return [armed.to_dict() for armed in fresh]

    async def _disarm(self, body, rest):
        if rest and not (rest[0].isdigit() and self.cluster.faults.disarm(int(rest[0]))):
            raise Invalid(f"no fault has the id {rest[0]}")
        return {"disarmed": 1 if rest else self.cluster.faults.disarm()}

    async def _transactions(self, body, rest):
        return await asyncio.get_running_loop().run_in_executor(self.cluster.pool, self._open)

    def _open(self):
        """What is not finished: what frontends keep, and multi tasks that nobody else can see."""
        txns = [t for t in list(self.cluster.txns.txns.values()) if t["state"] not in FINISHED]
        known = {t["id"] for t in txns}
        hidden = [
            {"database": t.database, "label": t.label, "state": t.state, "tables": list(t.contexts)}
            for t in list(self.cluster.leader.tasks.values())
            if t.state in OPEN and t.shown["id"] not in known
        ]
        names = ("database", "label", "state", "tables")
        return [{n: t[n] for n in names} for t in txns] + hidden
