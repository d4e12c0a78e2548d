"""The admin port: events that a test makes happen, and that no StarRocks port offers."""

import asyncio
import json

from rockpool.http11 import Response


class Admin:
    def __init__(self, cluster):
        self.cluster = cluster
        self.port = 0

    async def handle(self, request):
        actions = {
            ("GET", "/health"): self._health,
            ("POST", "/be/restart"): self._restart_backends,
            ("POST", "/fe/leader_change"): self._change_leader,
        }
        action = actions.get((request.method, request.path))
        if action is None:
            known = ", ".join(f"{m} {p}" for m, p in actions)
            return Response(
                404, json.dumps({"error": f"unknown action; known: {known}"}), close=True
            )
        await request.body()
        done = await asyncio.get_running_loop().run_in_executor(self.cluster.pool, action)
        return Response(200, json.dumps(done))

    def _health(self):
        return {"status": "OK", "version": self.cluster.version}

    def _restart_backends(self):
        """The backends lose their memory: PREPARE is aborted, PREPARED is kept."""
        for backend in self.cluster.backends:
            backend.restart()
        return {"status": "OK"}

    def _change_leader(self):
        """The coordinator cache and the open multi-table transactions are lost."""
        self.cluster.leader.change()
        return {"status": "OK"}
