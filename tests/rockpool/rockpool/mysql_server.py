"""The MySQL port: mysql-mimic speaks the protocol, `statements` answers."""

import asyncio
import hmac
import logging
from hashlib import sha1

from mysql_mimic import MysqlServer, packets, types
from mysql_mimic.auth import IdentityProvider, NativePasswordAuthPlugin, User
from mysql_mimic.charset import CharacterSet
from mysql_mimic.connection import Connection
from mysql_mimic.errors import SQLSTATES as MIMIC_STATES
from mysql_mimic.errors import MysqlError
from mysql_mimic.results import ResultColumn, ResultSet
from mysql_mimic.session import BaseSession
from mysql_mimic.stream import MysqlStream

from rockpool.errors import ACCESS_DENIED, BAD_DB, NOT_SUPPORTED, SQLSTATES, UNKNOWN, SqlError
from rockpool.faults import Call
from rockpool.http11 import Drop
from rockpool.statements import Session

logging.getLogger("mysql_mimic").setLevel(logging.CRITICAL)
MIMIC_STATES.update({code: state.encode() for code, state in SQLSTATES.items()})
SERVER_VERSION = "8.0.33"


class Variables:
    """What mysql-mimic asks of a session: charsets and the version of the handshake."""

    def get(self, name):
        return SERVER_VERSION if name == "version" else "utf8mb4"

    def set(self, name, value, force=False):
        """The client's wishes for charsets change nothing: all text is UTF-8."""


class Mimic(BaseSession):
    """One client's session."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.variables = Variables()
        self.username = None
        self.database = None
        self.session = None
        self.writer = None

    async def init(self, connection):
        self.writer = connection.stream.writer
        self.session = Session(self.cluster, self.username, connection.connection_id)
        if self.database:
            await self.use(self.database)

    async def use(self, database):
        self._run(self.session.use, database)

    def _run(self, function, *args):
        try:
            return function(*args)
        except SqlError as error:
            raise MysqlError(error.message, error.code) from None

    async def handle_query(self, sql, attrs):
        try:
            await Call(self.cluster, "sql", database=self.session.database or "").at("before")
        except Drop:
            self.writer.transport.abort()
            raise MysqlError("the connection is closed", UNKNOWN) from None
        loop = asyncio.get_running_loop()
        result = await loop.run_in_executor(self.cluster.pool, self._run, self.session.execute, sql)
        if result is None:
            return None
        columns = [
            ResultColumn(
                c.name,
                c.type,
                CharacterSet.binary if c.binary else CharacterSet.utf8mb4,
                text_encoder=_raw,
            )
            for c in result.columns
        ]
        return ResultSet(result.rows, columns)

    async def reset(self):
        self.session = Session(self.cluster, self.username, self.session.connection_id)


def _raw(column, value):
    return value


class Provider(IdentityProvider):
    def __init__(self, users):
        self.users = users

    async def get_user(self, username):
        user = self.users.by_name.get(username)
        if user is None:
            return User(name=username, auth_string="never", auth_plugin="mysql_native_password")
        hashed = (
            NativePasswordAuthPlugin.create_auth_string(user.password) if user.password else None
        )
        return User(name=username, auth_string=hashed, auth_plugin="mysql_native_password")


def scramble_matches(password, scramble, nonce):
    """mysql_native_password: SHA1(p) XOR SHA1(nonce + SHA1(SHA1(p)))."""
    if not password:
        return not scramble
    once = sha1(password.encode()).digest()
    wanted = bytes(a ^ b for a, b in zip(once, sha1(nonce + sha1(once).digest()).digest()))
    return hmac.compare_digest(wanted, scramble)


class RockConnection(Connection):
    """A refused login ends the connection; prepared statements are refused."""

    async def authenticate(
        self,
        username,
        auth_response,
        client_plugin_name,
        connect_attrs,
        auth_state=None,
        server_plugin=None,
    ):
        nonce = self.handshake_auth_data.rstrip(b"\x00")
        if client_plugin_name != "mysql_native_password":
            switch = packets.make_auth_switch_request(
                server_charset=self.server_charset,
                plugin_name="mysql_native_password",
                plugin_provided_data=self.handshake_auth_data,
            )
            await self.stream.write(switch)
            auth_response = await self.stream.read()
        user = self.session.cluster.users.by_name.get(username)
        if user is None or not scramble_matches(user.password, auth_response, nonce):
            using = "YES" if auth_response else "NO"
            text = f"Access denied for user '{username}' (using password: {using})"
            await self.stream.write(self.error(msg=text, code=ACCESS_DENIED))
            raise ConnectionAbortedError
        database = self.session.database
        if (
            database
            and database.lower() != "information_schema"
            and database not in self.session.cluster.engine.databases
        ):
            await self.stream.write(self.error(msg=f"Unknown database '{database}'", code=BAD_DB))
            raise ConnectionAbortedError
        self.session.username = username
        await self.stream.write(self.ok())

    async def start(self):
        try:
            await self._begin()
        except (ConnectionAbortedError, ConnectionError, EOFError):
            pass

    async def _begin(self):
        await self.connection_phase()
        await self.session.init(self)
        await self.command_phase()

    async def handle_stmt_prepare(self, data):
        raise MysqlError(
            "rockpool does not implement prepared statements: use text queries", NOT_SUPPORTED
        )


class RockServer(MysqlServer):
    def __init__(self, cluster, **options):
        super().__init__(lambda: Mimic(cluster), **options)
        self.cluster = cluster
        self.writers = set()

    def cut(self):
        """Cuts all connections, as a restart of the frontend does."""
        for writer in list(self.writers):
            writer.transport.abort()

    async def _client_connected_cb(self, reader, writer):
        self.writers.add(writer)
        connection = RockConnection(
            stream=MysqlStream(reader, writer),
            session=Mimic(self.cluster),
            control=self.control,
            server_capabilities=self.capabilities,
            identity_provider=self.identity_provider,
        )
        connection.connection_id = await self.control.add(connection)
        try:
            await connection.start()
        except asyncio.CancelledError:
            pass
        finally:
            self.writers.discard(writer)
            writer.close()
            await self.control.remove(connection.connection_id)


def make_mysql_server(cluster):
    wanted = types.Capabilities
    capabilities = (
        wanted.CLIENT_PROTOCOL_41
        | wanted.CLIENT_CONNECT_WITH_DB
        | wanted.CLIENT_SECURE_CONNECTION
        | wanted.CLIENT_PLUGIN_AUTH
        | wanted.CLIENT_LONG_FLAG
        | wanted.CLIENT_CONNECT_ATTRS
        | wanted.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA
    )
    return RockServer(cluster, capabilities=capabilities, identity_provider=Provider(cluster.users))
