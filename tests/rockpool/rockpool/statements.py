"""The statements of a MySQL session: queries, SET and USE.

The DDL is in `definitions`, SHOW in `show`.
"""

import datetime
import re
import zoneinfo

import duckdb

from rockpool import definitions, infoschema, results, show, showcluster, sqlfront
from rockpool.errors import NO_DB, UNKNOWN_VARIABLE, SqlError, not_implemented, sql_error
from rockpool.lexer import Tokens
from rockpool.variables import DEFAULTS, READ_ONLY

PRIVILEGE_DENIED = 5203
OFFSET = re.compile(r"^([+-])(\d{1,2}):(\d{2})$")


class Session:
    """One client: its database, its variables and its statements."""

    def __init__(self, cluster, user, connection_id):
        self.cluster, self.engine = cluster, cluster.engine
        self.user, self.connection_id = user, connection_id
        self.database = None
        self.variables = {
            **DEFAULTS,
            "version_comment": f"rockpool, a StarRocks stand-in, version {cluster.version}",
        }

    def use(self, database):
        if database.lower() != "information_schema":
            self.engine.require_database(database)
        self.database = database

    def execute(self, sql):
        tokens = Tokens(sql)
        if tokens.done():
            return None
        word = tokens.peek().text.upper()
        handler = HANDLERS.get(word)
        if handler is not None:
            return handler(self, tokens)
        if word in ("SELECT", "WITH", "("):
            return self.query(sql)
        if tokens.peek().kind == "word" and word in KNOWN_STATEMENTS:
            raise not_implemented(f"the statement {word}")
        tokens.fail("a statement")
        return None

    def require(self, privilege):
        """Refuses what the user may not do."""
        user = self.cluster.users.by_name[self.user]
        if not user.may(privilege):
            raise SqlError(
                f"Access denied; you need (at least one of) the {privilege.upper()} privilege(s) for this operation.",
                PRIVILEGE_DENIED,
            )

    # ---- queries

    def context(self):
        now = self._now()
        stamp, day = (
            ("TIMESTAMP", now.strftime("%Y-%m-%d %H:%M:%S")),
            ("DATE", now.strftime("%Y-%m-%d")),
        )
        utc = ("TIMESTAMP", datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S"))
        constants = {
            "CURRENT_VERSION": f"{self.cluster.version} rockpool",
            "VERSION": DEFAULTS["version"],
            "DATABASE": self.database,
            "SCHEMA": self.database,
            "USER": f"'{self.user}'@'127.0.0.1'",
            "CURRENT_USER": f"'{self.user}'@'%'",
            "CONNECTION_ID": self.connection_id,
            "NOW": stamp,
            "CURRENT_TIMESTAMP": stamp,
            "CURRENT_DATE": day,
            "CURDATE": day,
            "UTC_TIMESTAMP": utc,
            "UNIX_TIMESTAMP": int(datetime.datetime.now().timestamp()),
        }
        is_utc = now.utcoffset() == datetime.timedelta(0)
        return sqlfront.Context(self.engine, self.database, constants, self.variable, is_utc)

    def _now(self):
        return datetime.datetime.now(time_zone(self.variables["time_zone"]))

    def variable(self, name):
        """The value of `@@name`, scope words apart; KeyError where there is none."""
        name = name.lower().removeprefix("@@")
        for scope in ("session.", "global.", "local."):
            name = name.removeprefix(scope)
        return self.variables[name]

    def query(self, sql):
        self.require("select")
        return self.run_tree(sqlfront.parse(sql))

    def run_tree(self, tree):
        titles = sqlfront.column_titles(tree)
        context = self.context()
        translated = sqlfront.translate(tree, context)
        relations = {f"info_{n}": infoschema.relation(n, self.cluster) for n in context.info_tables}
        return self.fetch(translated, titles, relations)

    def fetch(self, translated, titles=None, relations=None):
        cursor = self.engine.cursor()
        relations = relations or {}
        try:
            for name, rows in relations.items():
                cursor.register(name, rows)
            cursor.execute(translated)
            description = cursor.description
            rows = cursor.fetchall()
        except duckdb.Error as error:
            raise sql_error(error) from None
        finally:
            for name in relations:
                cursor.unregister(name)
        names = (
            titles if titles and len(titles) == len(description) else [d[0] for d in description]
        )
        kinds = [str(d[1]) for d in description]
        columns = [
            results.Title(n, results.column_type(k), k == "BLOB") for n, k in zip(names, kinds)
        ]
        return results.Result(columns, [tuple(map(results.encode, row)) for row in rows])

    def explain(self, tokens):
        raise not_implemented("EXPLAIN")

    # ---- names

    def _database(self, name):
        name = name or self.database
        if not name:
            raise SqlError("No database selected", NO_DB)
        self.engine.require_database(name)
        return name

    def find_table(self, tokens):
        database, name = tokens.qualified()
        return self.engine.find_table(self._database(database), name)

    def use_statement(self, tokens):
        tokens.expect("USE")
        database = tokens.name()
        if tokens.take("."):
            database = tokens.name()
        tokens.expect_end()
        self.use(database)

    # ---- SET

    def set(self, tokens):
        tokens.expect("SET")
        if tokens.take("NAMES") or tokens.take("CHARACTER", "SET") or tokens.take("CHARSET"):
            self._skip_charset(tokens)
            return
        if (
            tokens.is_word("PASSWORD")
            or tokens.is_word("ROLE")
            or tokens.is_word("CATALOG")
            or tokens.is_word("PROPERTY")
        ):
            raise not_implemented(f"SET {tokens.peek().text.upper()}")
        if tokens.take("SESSION", "TRANSACTION") or tokens.take("TRANSACTION"):
            return
        while True:
            self._set_one(tokens)
            if not tokens.take(","):
                break
        tokens.expect_end()

    def _skip_charset(self, tokens):
        name = tokens.next().text.lower()
        if name not in ("utf8", "utf8mb4", "default"):
            raise not_implemented(f"the character set {name}")
        if tokens.take("COLLATE"):
            tokens.next()

    def _set_one(self, tokens):
        if tokens.take("NAMES"):
            self._skip_charset(tokens)
            return
        if tokens.is_word("GLOBAL"):
            raise not_implemented("SET GLOBAL")
        for word in ("SESSION", "LOCAL"):
            tokens.take(word)
        token = tokens.next()
        name = token.text.lower().removeprefix("@@").removeprefix("session.").removeprefix("local.")
        if token.text.startswith("@") and not token.text.startswith("@@"):
            raise not_implemented("user variables")
        if not tokens.take(":="):
            tokens.expect("=")
        value = self._value(tokens)
        if name not in self.variables:
            raise SqlError(f"Unknown system variable '{name}'", UNKNOWN_VARIABLE)
        if name in READ_ONLY:
            raise SqlError(f"Variable '{name}' is a read only variable", 1238)
        if name == "time_zone":
            time_zone(str(value))
        self.variables[name] = value

    def _value(self, tokens):
        """An expression up to the next comma outside parentheses."""
        start, depth, end = tokens.peek().start, 0, None
        while not tokens.done():
            token = tokens.peek()
            if token.kind == "punct" and token.text == "," and depth == 0:
                break
            depth += {"(": 1, ")": -1}.get(token.text if token.kind == "punct" else "", 0)
            end = tokens.next().end
        if end is None:
            tokens.fail("a value")
        text = tokens.sql[start:end]
        if re.fullmatch(r"[A-Za-z_]\w*", text) and text.upper() not in ("NULL", "TRUE", "FALSE"):
            return text
        result = self.run_tree(sqlfront.parse(f"SELECT {text}"))
        value = result.rows[0][0]
        shown = None if value is None else value.decode()
        return (
            int(shown)
            if shown is not None
            and re.fullmatch(r"-?\d+", shown)
            and not text.startswith(("'", '"'))
            else shown
        )


def time_zone(name):
    match = OFFSET.match(name)
    if match:
        sign = -1 if match[1] == "-" else 1
        return datetime.timezone(
            sign * datetime.timedelta(hours=int(match[2]), minutes=int(match[3]))
        )
    try:
        return zoneinfo.ZoneInfo("UTC" if name.upper() in ("SYSTEM", "UTC") else name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        raise SqlError(f"Unknown or incorrect time zone: '{name}'", 1298) from None


KNOWN_STATEMENTS = (
    "INSERT",
    "UPDATE",
    "DELETE",
    "BEGIN",
    "START",
    "COMMIT",
    "ROLLBACK",
    "GRANT",
    "REVOKE",
    "KILL",
    "ANALYZE",
    "LOAD",
    "SUBMIT",
    "REFRESH",
    "EXPORT",
    "CALL",
    "EXECUTE",
    "PREPARE",
    "HELP",
    "BACKUP",
    "RESTORE",
    "CANCEL",
    "SYNC",
)
HANDLERS = {
    "CREATE": definitions.create,
    "DROP": definitions.drop,
    "TRUNCATE": definitions.truncate,
    "ALTER": definitions.alter,
    "USE": Session.use_statement,
    "SET": Session.set,
    "EXPLAIN": Session.explain,
    "SHOW": show.show,
    "DESC": show.describe,
    "DESCRIBE": show.describe,
    "ADMIN": showcluster.admin,
}
