"""The statements of a MySQL session: DDL, SHOW, SET, ADMIN and queries."""

import duckdb

from rockpool import catalog, ddl, results, sqlfront
from rockpool.errors import BAD_DB, NO_DB, SYNTAX, UNKNOWN, UNKNOWN_COLUMN, SqlError, not_implemented
from rockpool.lexer import Tokens


class Session:
    """One client: its database, its variables and its statements."""

    def __init__(self, cluster, user, connection_id):
        self.cluster, self.engine = cluster, cluster.engine
        self.user, self.connection_id = user, connection_id
        self.database = None
        self.variables = {}

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
        raise not_implemented(f"the statement {word}")

    # ---- queries

    def query(self, sql):
        tree = sqlfront.parse(sql)
        titles = sqlfront.column_titles(tree)
        scope = sqlfront.Scope(self.engine, self.database)
        translated = sqlfront.to_duckdb(scope.resolve(tree))
        return self._fetch(translated, titles)

    def _fetch(self, translated, titles):
        cursor = self.engine.cursor()
        try:
            cursor.execute(translated)
            description = cursor.description
            rows = cursor.fetchall()
        except duckdb.Error as error:
            raise sql_error(error) from None
        names = titles or [d[0] for d in description]
        kinds = [str(d[1]) for d in description]
        columns = [results.Title(n, results.column_type(k), k == "BLOB") for n, k in zip(names, kinds)]
        return results.Result(columns, [tuple(map(results.encode, row)) for row in rows])

    # ---- DDL

    def create(self, tokens):
        tokens.expect("CREATE")
        if tokens.take("DATABASE") or tokens.take("SCHEMA"):
            exists = tokens.take("IF", "NOT", "EXISTS")
            name = tokens.name()
            tokens.expect_end()
            self.engine.create_database(name, exists)
            return None
        if tokens.take("TABLE"):
            exists, database, table = ddl.parse_create_table(tokens)
            table.database = self._database(database)
            self.engine.create_table(table, exists)
            return None
        raise not_implemented(f"CREATE {tokens.peek().text.upper()}")

    def _database(self, name):
        name = name or self.database
        if not name:
            raise SqlError("No database selected", NO_DB)
        self.engine.require_database(name)
        return name

    def use_statement(self, tokens):
        tokens.expect("USE")
        name = tokens.name()
        tokens.expect_end()
        self.use(name)
        return None

    def set(self, tokens):
        return None


def sql_error(error):
    """DuckDB's complaints under the server's numbers."""
    message = str(error).split("\n")[0]
    if isinstance(error, duckdb.BinderException) and "not found in FROM" in message:
        return SqlError(f"Getting analyzing error. Detail message: {message}.", UNKNOWN_COLUMN)
    if isinstance(error, (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException)):
        return SqlError(f"Getting analyzing error. Detail message: {message}.", SYNTAX)
    return SqlError(message, UNKNOWN)


HANDLERS = {
    "CREATE": Session.create,
    "USE": Session.use_statement,
    "SET": Session.set,
}
assert catalog and BAD_DB
