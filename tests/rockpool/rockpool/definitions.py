"""The statements that define: CREATE, DROP, TRUNCATE and ALTER."""

import duckdb

from rockpool import catalog, ddl, sqlfront
from rockpool.errors import (
    BAD_DB,
    DB_MISSING,
    UNKNOWN_TABLE,
    SqlError,
    not_implemented,
    sql_error,
)


def create(session, tokens):
    session.require("ddl")
    tokens.expect("CREATE")
    replace = tokens.take("OR", "REPLACE")
    if tokens.take("VIEW"):
        return _create_view(session, tokens, replace)
    if replace:
        tokens.fail("VIEW")
    if tokens.take("DATABASE") or tokens.take("SCHEMA"):
        exists = tokens.take("IF", "NOT", "EXISTS")
        name = tokens.identifier()
        tokens.expect_end()
        return session.engine.create_database(name, exists)
    if tokens.take("TABLE"):
        exists, database, table = ddl.parse_create_table(tokens)
        table.database = session._database(database)
        return session.engine.create_table(table, exists)
    raise not_implemented(f"CREATE {tokens.peek().text.upper()}")


def _create_view(session, tokens, replace):
    exists = tokens.take("IF", "NOT", "EXISTS")
    database, name = tokens.qualified()
    names = _view_names(tokens) if tokens.take("(") else None
    comment = tokens.string() if tokens.take("COMMENT") else ""
    tokens.expect("AS")
    text = tokens.sql[tokens.peek().start :].strip().rstrip(";")
    database = session._database(database)
    catalog.check_name("table", name)
    tree = sqlfront.parse(text)
    titles = names or sqlfront.column_titles(tree)
    context = session.context()
    translated = sqlfront.translate(tree, context)
    if context.info_tables:
        raise not_implemented("a view on information_schema")
    view = catalog.Table(database=database, name=name, view=text, comment=comment)
    view.columns = _view_columns(session, translated, titles)
    listed = ", ".join(f'"{c.name}"' for c in view.columns)
    session.engine.create_view(
        view, f"SELECT * FROM ({translated}) AS body({listed})", exists, replace
    )
    return None


def _view_columns(session, translated, titles):
    try:
        described = session.engine.cursor().execute(f"DESCRIBE {translated}").fetchall()
    except duckdb.Error as error:
        raise sql_error(error) from None
    names = titles or [d[0] for d in described]
    if len(names) != len(described):
        raise catalog.analyze_error("Column number of view doesn't match its definition")
    if len({n.lower() for n in names}) != len(names):
        raise catalog.analyze_error(f"Duplicate column name in {names}")
    return [catalog.Column(n, from_duckdb(d[1])) for n, d in zip(names, described)]


def drop(session, tokens):
    session.require("ddl")
    tokens.expect("DROP")
    kind = tokens.next().text.upper()
    exists = tokens.take("IF", "EXISTS")
    if kind in ("DATABASE", "SCHEMA"):
        return _drop_database(session, tokens, exists)
    if kind not in ("TABLE", "VIEW"):
        raise not_implemented(f"DROP {kind}")
    database, name = tokens.qualified()
    tokens.take("FORCE")
    tokens.expect_end()
    try:
        table = session.engine.find_table(session._database(database), name)
    except SqlError as error:
        if exists and error.code in (UNKNOWN_TABLE, BAD_DB):
            return None
        raise
    if (kind == "VIEW") != (table.view is not None):
        raise SqlError(
            f"Unknown {kind.lower()} '{name}': it is a {'table' if kind == 'VIEW' else 'view'}",
            UNKNOWN_TABLE,
        )
    return session.engine.drop_table(table)


def _drop_database(session, tokens, exists):
    name = tokens.name()
    tokens.take("FORCE")
    tokens.expect_end()
    if name not in session.engine.databases:
        if exists:
            return None
        raise SqlError(f"Can't drop database '{name}'; database doesn't exist", DB_MISSING)
    session.engine.drop_database(name)
    if session.database == name:
        session.database = None
    return None


def truncate(session, tokens):
    session.require("ddl")
    tokens.expect("TRUNCATE", "TABLE")
    table = session.find_table(tokens)
    if tokens.is_word("PARTITION"):
        raise not_implemented("TRUNCATE … PARTITION")
    tokens.expect_end()
    if table.view is not None:
        raise catalog.analyze_error(f"{table.name} is a view")
    return session.engine.truncate_table(table)


def alter(session, tokens):
    session.require("ddl")
    tokens.expect("ALTER", "TABLE")
    table = session.find_table(tokens)
    if table.view is not None:
        raise catalog.analyze_error(f"{table.name} is a view")
    if not tokens.is_word("ADD", "COLUMN"):
        raise not_implemented("ALTER TABLE other than ADD COLUMN")
    added, after = ddl.parse_add_columns(tokens, table)
    return session.engine.add_columns(table, added, after)


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
