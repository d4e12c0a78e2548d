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
from rockpool.fe import Frontend, Leader
from rockpool.load import convert
from rockpool.mysql_server import make_mysql_server
from rockpool.txn import Manager

THREADS = 8


class Cluster:
    def __init__(self, options):
        self.options = options
        self.version = options.version
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
        self.frontends = [Frontend(self, leader=n == 0) for n in range(1 + options.followers)]
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
        ports = [self.options.be_port] + [0] * len(self.backends)
        for backend, port in zip(self.backends, ports):
            backend.port = await self._listen(backend.handle, port)
        ports = [self.options.fe_port] + [0] * len(self.frontends)
        for frontend, port in zip(self.frontends, ports):
            frontend.port = await self._listen(frontend.handle, port)
        self.admin.port = await self._listen(self.admin.handle, self.options.admin_port)
        self.mysql = make_mysql_server(self)
        await self.mysql.start_server(host="127.0.0.1", port=self.options.mysql_port)
        self.mysql_port = self.mysql.sockets()[0].getsockname()[1]

    async def _listen(self, handler, port):
        server = http11.Server(handler, port=port)
        await server.start()
        self.servers.append(server)
        return server.port

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
    timer = asyncio.create_task(cluster.keep_time())
    try:
        done, _ = await asyncio.wait(
            [asyncio.create_task(stop.wait()), timer], return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            task.result()
    finally:
        timer.cancel()
        await cluster.stop()
