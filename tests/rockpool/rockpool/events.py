"""What happens to the cluster itself: restarts, a change of the leader, lost memory."""

import asyncio
import fnmatch


class Events:
    def __init__(self, cluster):
        self.cluster = cluster

    async def run(self, armed, database, label):
        """Makes an event happen within patterns of names; returns the kind of port it cut, or ""."""
        return await getattr(self, f"_{armed.kind.name}")(armed, database, label)

    async def _in_thread(self, function, *args):
        return await asyncio.get_running_loop().run_in_executor(self.cluster.pool, function, *args)

    async def _backend_restart(self, armed, database, label):
        for backend in self.cluster.backends:
            await self._in_thread(backend.restart)
        for backend in self.cluster.backends:
            await backend.server.bounce(armed["seconds"])
        return "be"

    async def _frontend_restart(self, armed, database, label):
        await self._in_thread(self.cluster.leader.change)
        for frontend in self.cluster.frontends:
            await frontend.server.bounce(armed["seconds"])
        self.cluster.mysql.cut()
        return "fe"

    async def _leader_change(self, armed, database, label):
        await self._in_thread(self.cluster.leader.change)
        self.cluster.leader.rotate()
        return ""

    async def _publish_now(self, armed, database, label):
        await self._in_thread(self.cluster.txns.publish_now, _named(database, label))
        return ""

    async def _prepared_expires(self, armed, database, label):
        await self._in_thread(self.cluster.txns.expire_prepared, _named(database, label))
        return ""

    async def _label_forgotten(self, armed, database, label):
        await self._in_thread(self.cluster.txns.forget, _named(database, label))
        self.cluster.leader.forget(_named(database, label))
        return ""

    async def _labels_evicted(self, armed, database, label):
        await self._in_thread(self._evict, database, int(armed["keep"]))
        return ""

    def _evict(self, pattern, keep):
        for database in list(self.cluster.engine.databases):
            if fnmatch.fnmatchcase(database, pattern):
                self.cluster.txns.evict(database, keep)


def _named(database, label):
    """A test of names, for the patterns of an event's scope."""

    def matches(of_database, of_label):
        return fnmatch.fnmatchcase(of_database, database) and fnmatch.fnmatchcase(of_label, label)

    return matches
