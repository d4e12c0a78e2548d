"""The parts of the stand-in and how they are wired, started and stopped."""

import asyncio
import concurrent.futures
import json
import os
import pathlib
import signal

from rockpool import http11
from rockpool.admin import Admin
from rockpool.auth import Users
from rockpool.be import Backend
from rockpool.engine import Engine
from rockpool.errors import LoadError, SqlError
from rockpool.events import Events
from rockpool.faults import Faults
from rockpool.fe import Frontend
from rockpool.leader import Leader
from rockpool.load import convert
from rockpool.mysql_server import make_mysql_server
from rockpool.txn import Manager
from rockpool.version import Version

THREADS = 8


class Cluster:
    def __init__(self, options):
        self.options = options
        self.version = Version(options.version)
        convert.CSV["VARBINARY"] = convert.BINARY_READERS[options.varbinary_csv]
        self.users = Users(options.users)
        self.backends = [Backend(self, n) for n in range(options.backends)]
        self.engine = Engine(options.data, len(self.backends))
        self.txns = Manager(
            self.engine,
            options.label_keep_max_num,
            options.label_keep_max_second,
            options.max_running_txn,
        )
        self.leader = Leader(self)
        self.frontends = [Frontend(self) for _ in range(1 + options.followers)]
        self.faults = Faults(options.data)
        self.events = Events(self)
        self.pool = concurrent.futures.ThreadPoolExecutor(THREADS, "rockpool")
        self.admin = Admin(self)
        self.mysql_port = 0
        self.servers = []

    def load_table(self, database, name):
        """The table as the loading side names it in its errors."""
        if database not in self.engine.databases:
            raise LoadError(f"unknown database, database={database}", "ANALYSIS_ERROR")
        try:
            return self.engine.find_table(database, name)
        except SqlError:
            raise LoadError(f'unknown table "{database}.{name}"', "ANALYSIS_ERROR") from None

    # ---- life

    async def start(self):
        for place, first in (
            (self.backends, self.options.be_port),
            (self.frontends, self.options.fe_port),
        ):
            for number, node in enumerate(place):
                node.server = await self._listen(node.handle, 0 if number else first)
                node.port = node.server.port
        server = await self._listen(self.admin.handle, self.options.admin_port)
        self.admin.port = server.port
        self.mysql = make_mysql_server(self)
        await self.mysql.start_server(host="127.0.0.1", port=self.options.mysql_port)
        self.mysql_port = self.mysql.sockets()[0].getsockname()[1]

    async def _listen(self, handler, port):
        server = http11.Server(handler, port=port)
        await server.start()
        self.servers.append(server)
        return server

    def ports(self):
        return {
            "fe": self.frontends[0].port,
            "be": self.backends[0].port,
            "mysql": self.mysql_port,
            "admin": self.admin.port,
            "followers": [f.port for f in self.frontends[1:]],
            "backends": [b.port for b in self.backends],
        }

    async def stop(self):
        for backend in self.backends:
            backend.stopping = True
        for server in self.servers:
            await server.stop()
        self.mysql.close()
        self.pool.shutdown(wait=True, cancel_futures=True)
        self.engine.close()

    async def keep_time(self):
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.options.tick)
            await loop.run_in_executor(self.pool, self.expire)

    async def keep_publishing(self):
        """Publishes what is COMMITTED when its time comes; wakes up for nothing else."""
        loop = asyncio.get_running_loop()
        committed = asyncio.Event()
        self.txns.on_commit = lambda: loop.call_soon_threadsafe(committed.set)
        while True:
            committed.clear()
            seconds = await loop.run_in_executor(self.pool, self.txns.publish_due)
            try:
                await asyncio.wait_for(committed.wait(), seconds)
            except TimeoutError:
                pass

    def expire(self):
        self.leader.expire()
        self.txns.expire()
        for backend in self.backends:
            backend.expire()


def write_port_file(path, ports):
    temporary = pathlib.Path(f"{path}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(ports))
    temporary.replace(path)


async def serve(options):
    """Runs until SIGTERM or SIGINT."""
    cluster = Cluster(options)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await cluster.start()
    print(json.dumps(cluster.ports()), flush=True)
    if options.port_file:
        write_port_file(options.port_file, cluster.ports())
    keepers = [asyncio.create_task(k()) for k in (cluster.keep_time, cluster.keep_publishing)]
    try:
        done, _ = await asyncio.wait(
            [asyncio.create_task(stop.wait()), *keepers], return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            task.result()
    finally:
        for keeper in keepers:
            keeper.cancel()
        await cluster.stop()
