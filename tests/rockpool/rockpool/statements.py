"""The statements of a MySQL session: queries, SET, USE and the DDL; SHOW is in `show`."""

import datetime
import re
import zoneinfo

import duckdb

from rockpool import catalog, ddl, infoschema, results, show, sqlfront
from rockpool.errors import (
    BAD_DB,
    DB_MISSING,
    NO_DB,
    SYNTAX,
    UNKNOWN,
    UNKNOWN_COLUMN,
    UNKNOWN_TABLE,
    UNKNOWN_VARIABLE,
    SqlError,
    not_implemented,
)
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

    # ---- DDL

    def create(self, tokens):
        self.require("ddl")
        tokens.expect("CREATE")
        replace = tokens.take("OR", "REPLACE")
        if tokens.take("VIEW"):
            return self._create_view(tokens, replace)
        if replace:
            tokens.fail("VIEW")
        if tokens.take("DATABASE") or tokens.take("SCHEMA"):
            exists = tokens.take("IF", "NOT", "EXISTS")
            name = tokens.identifier()
            tokens.expect_end()
            return self.engine.create_database(name, exists)
        if tokens.take("TABLE"):
            exists, database, table = ddl.parse_create_table(tokens)
            table.database = self._database(database)
            return self.engine.create_table(table, exists)
        raise not_implemented(f"CREATE {tokens.peek().text.upper()}")

    def _create_view(self, tokens, replace):
        exists = tokens.take("IF", "NOT", "EXISTS")
        database, name = tokens.qualified()
        names = _view_names(tokens) if tokens.take("(") else None
        comment = tokens.string() if tokens.take("COMMENT") else ""
        tokens.expect("AS")
        text = tokens.sql[tokens.peek().start :].strip().rstrip(";")
        database = self._database(database)
        catalog.check_name("table", name)
        tree = sqlfront.parse(text)
        titles = names or sqlfront.column_titles(tree)
        context = self.context()
        translated = sqlfront.translate(tree, context)
        if context.info_tables:
            raise not_implemented("a view on information_schema")
        view = catalog.Table(database=database, name=name, view=text, comment=comment)
        view.columns = self._view_columns(translated, titles)
        listed = ", ".join(f'"{c.name}"' for c in view.columns)
        self.engine.create_view(
            view, f"SELECT * FROM ({translated}) AS body({listed})", exists, replace
        )
        return None

    def _view_columns(self, translated, titles):
        try:
            described = self.engine.cursor().execute(f"DESCRIBE {translated}").fetchall()
        except duckdb.Error as error:
            raise sql_error(error) from None
        names = titles or [d[0] for d in described]
        if len(names) != len(described):
            raise catalog.analyze_error("Column number of view doesn't match its definition")
        if len({n.lower() for n in names}) != len(names):
            raise catalog.analyze_error(f"Duplicate column name in {names}")
        return [catalog.Column(n, from_duckdb(d[1])) for n, d in zip(names, described)]

    def drop(self, tokens):
        self.require("ddl")
        tokens.expect("DROP")
        kind = tokens.next().text.upper()
        exists = tokens.take("IF", "EXISTS")
        if kind in ("DATABASE", "SCHEMA"):
            return self._drop_database(tokens, exists)
        if kind not in ("TABLE", "VIEW"):
            raise not_implemented(f"DROP {kind}")
        database, name = tokens.qualified()
        tokens.take("FORCE")
        tokens.expect_end()
        try:
            table = self.engine.find_table(self._database(database), name)
        except SqlError as error:
            if exists and error.code in (UNKNOWN_TABLE, BAD_DB):
                return None
            raise
        if (kind == "VIEW") != (table.view is not None):
            raise SqlError(
                f"Unknown {kind.lower()} '{name}': it is a {'table' if kind == 'VIEW' else 'view'}",
                UNKNOWN_TABLE,
            )
        return self.engine.drop_table(table)

    def _drop_database(self, tokens, exists):
        name = tokens.name()
        tokens.take("FORCE")
        tokens.expect_end()
        if name not in self.engine.databases:
            if exists:
                return None
            raise SqlError(f"Can't drop database '{name}'; database doesn't exist", DB_MISSING)
        self.engine.drop_database(name)
        if self.database == name:
            self.database = None
        return None

    def truncate(self, tokens):
        self.require("ddl")
        tokens.expect("TRUNCATE", "TABLE")
        table = self.find_table(tokens)
        if tokens.is_word("PARTITION"):
            raise not_implemented("TRUNCATE … PARTITION")
        tokens.expect_end()
        if table.view is not None:
            raise catalog.analyze_error(f"{table.name} is a view")
        return self.engine.truncate_table(table)

    def alter(self, tokens):
        self.require("ddl")
        tokens.expect("ALTER", "TABLE")
        table = self.find_table(tokens)
        if table.view is not None:
            raise catalog.analyze_error(f"{table.name} is a view")
        if not tokens.is_word("ADD", "COLUMN"):
            raise not_implemented("ALTER TABLE other than ADD COLUMN")
        added, after = ddl.parse_add_columns(tokens, table)
        return self.engine.add_columns(table, added, after)

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


def _view_names(tokens):
    """`a [COMMENT "…"], …)` behind the name of a view."""
    names = []
    while True:
        names.append(tokens.identifier())
        if tokens.take("COMMENT"):
            tokens.string()
        if not tokens.take(","):
            break
    tokens.expect(")")
    return names


def from_duckdb(kind):
    """The catalog type of a view's column."""
    if kind.startswith("DECIMAL("):
        precision, scale = kind[8:-1].split(",")
        return catalog.Type("DECIMAL", precision=int(precision), scale=int(scale))
    names = {
        "INTEGER": "INT",
        "HUGEINT": "LARGEINT",
        "TIMESTAMP": "DATETIME",
        "BLOB": "VARBINARY",
        "UBIGINT": "LARGEINT",
        "TIMESTAMP_S": "DATETIME",
        "TIMESTAMP_NS": "DATETIME",
        "JSON": "JSON",
    }
    name = names.get(kind, kind)
    if name == "VARCHAR" or name not in (
        *catalog.INTEGERS,
        "FLOAT",
        "DOUBLE",
        "BOOLEAN",
        "DATE",
        "DATETIME",
        "JSON",
    ):
        return catalog.Type("VARCHAR", length=catalog.MAX_VARCHAR)
    return catalog.Type(name)


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


def sql_error(error):
    """DuckDB's complaints under the server's numbers."""
    message = str(error).split("\n")[0]
    detail = f"Getting analyzing error. Detail message: {message}."
    if isinstance(error, duckdb.BinderException) and "not found" in message:
        return SqlError(detail, UNKNOWN_COLUMN)
    if isinstance(error, duckdb.BinderException | duckdb.ParserException | duckdb.CatalogException):
        return SqlError(detail, SYNTAX)
    return SqlError(message, UNKNOWN)


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
    "CREATE": Session.create,
    "DROP": Session.drop,
    "TRUNCATE": Session.truncate,
    "ALTER": Session.alter,
    "USE": Session.use_statement,
    "SET": Session.set,
    "EXPLAIN": Session.explain,
    "SHOW": show.show,
    "DESC": show.describe,
    "DESCRIBE": show.describe,
    "ADMIN": show.admin,
}
