"""SHOW and DESC: the list of all SHOWs, and those about databases, tables and the session."""

from rockpool import infoschema, results, showcluster, showtable
from rockpool.errors import SqlError, not_implemented
from rockpool.showrows import finish, from_database


def show(session, tokens):
    tokens.expect("SHOW")
    tokens.take("FULL")
    for words, function in SHOWS:
        if tokens.take(*words):
            return function(session, tokens)
    raise not_implemented(f"SHOW {tokens.peek().text.upper()}")


def databases(session, tokens):
    rows = [(n,) for n in sorted([*session.engine.databases, "information_schema"])]
    return finish(session, tokens, ("Database",), rows)


def tables(session, tokens):
    name = from_database(session, tokens)
    if name.lower() == "information_schema":
        rows = [(t, "SYSTEM VIEW") for t in sorted(infoschema.TABLES)]
    else:
        rows = [
            (t.name, "VIEW" if t.view else "BASE TABLE") for t in session.engine.tables_of(name)
        ]
    names = (f"Tables_in_{name}", "Table_type")
    if "FULL" not in tokens.sql.upper().split()[:2]:
        names, rows = names[:1], [r[:1] for r in rows]
    return finish(session, tokens, names, rows)


def create_table(session, tokens):
    table = session.find_table(tokens)
    tokens.expect_end()
    if table.view is not None:
        return results.table(
            ("View", "Create View", "character_set_client", "collation_connection"),
            [(table.name, showtable.create_table(table), "utf8", "utf8_general_ci")],
        )
    return results.table(("Table", "Create Table"), [(table.name, showtable.create_table(table))])


def create_database(session, tokens):
    name = tokens.name()
    tokens.expect_end()
    session.engine.require_database(name)
    return results.table(("Database", "Create Database"), [(name, f"CREATE DATABASE `{name}`")])


def partitions(session, tokens):
    tokens.expect("FROM")
    table = session.find_table(tokens)
    if table.view is not None:
        raise SqlError(f"Table {table.name} is not a OLAP table")
    names, rows = showtable.partitions(session.cluster, table)
    return finish(session, tokens, names, rows, 1)


def columns(session, tokens):
    if not tokens.take("FROM"):
        tokens.expect("IN")
    database, name = tokens.qualified()
    if tokens.take("FROM") or tokens.take("IN"):
        database = tokens.name()
    table = session.engine.find_table(database or session._database(None), name)
    names, rows = showtable.describe(table)
    if "FULL" in tokens.sql.upper().split()[:2]:
        names = (
            "Field",
            "Type",
            "Collation",
            "Null",
            "Key",
            "Default",
            "Extra",
            "Privileges",
            "Comment",
        )
        rows = [
            (r[0], r[1], None, r[2], r[3], r[4], r[5], "", c.comment)
            for r, c in zip(rows, table.columns)
        ]
    return finish(session, tokens, names, rows)


def describe(session, tokens):
    tokens.next()
    table = session.find_table(tokens)
    if tokens.is_word("ALL"):
        raise not_implemented("DESC … ALL")
    tokens.expect_end()
    return results.table(*showtable.describe(table))


def variables(session, tokens):
    rows = []
    for name, value in sorted(session.variables.items()):
        switch = name in (
            "autocommit",
            "sql_auto_is_null",
            "sql_safe_updates",
            "enable_profile",
            "performance_schema",
        )
        rows.append(
            (name, ("ON" if value else "OFF") if switch else "" if value is None else value)
        )
    return finish(session, tokens, ("Variable_name", "Value"), rows)


def warnings(session, tokens):
    return finish(session, tokens, ("Level", "Code", "Message"), [])


def engines(session, tokens):
    names = ("Engine", "Support", "Comment", "Transactions", "XA", "Savepoints")
    return finish(
        session,
        tokens,
        names,
        [("OLAP", "YES", "Default storage engine of StarRocks", "NO", "NO", "NO")],
    )


def collation(session, tokens):
    names = ("Collation", "Charset", "Id", "Default", "Compiled", "Sortlen")
    return finish(session, tokens, names, [("utf8_general_ci", "utf8", 33, "Yes", "Yes", 1)])


def charset(session, tokens):
    names = ("Charset", "Description", "Default collation", "Maxlen")
    return finish(session, tokens, names, [("utf8", "UTF-8 Unicode", "utf8_general_ci", 3)])


def alter_table(session, tokens):
    names = ("JobId", "TableName", "CreateTime", "FinishTime", "IndexName", "State")
    name = from_database(session, tokens)
    tokens.take("FROM", name)
    return finish(session, tokens, names, [])


def table_status(session, tokens):
    name = from_database(session, tokens)
    names = ("Name", "Engine", "Comment")
    rows = [(t.name, "StarRocks", t.comment) for t in session.engine.tables_of(name)]
    return finish(session, tokens, names, rows)


def grants(session, tokens):
    tokens.expect_end()
    user = session.cluster.users.by_name[session.user]
    privileges = ", ".join(sorted(user.privileges)).upper()
    return results.table(
        ("UserIdentity", "Catalog", "Grants"),
        [(f"'{user.name}'@'%'", None, f"GRANT {privileges} ON *.* TO '{user.name}'@'%'")],
    )


SHOWS = [
    (("DATABASES",), databases),
    (("SCHEMAS",), databases),
    (("TABLES",), tables),
    (("TABLE", "STATUS"), table_status),
    (("CREATE", "TABLE"), create_table),
    (("CREATE", "VIEW"), create_table),
    (("CREATE", "DATABASE"), create_database),
    (("PARTITIONS",), partitions),
    (("COLUMNS",), columns),
    (("FIELDS",), columns),
    (("FRONTENDS",), showcluster.frontends),
    (("BACKENDS",), showcluster.backends),
    (("COMPUTE", "NODES"), showcluster.compute_nodes),
    (("GLOBAL", "VARIABLES"), variables),
    (("SESSION", "VARIABLES"), variables),
    (("VARIABLES",), variables),
    (("TRANSACTION",), showcluster.transaction),
    (("PROCESSLIST",), showcluster.processlist),
    (("WARNINGS",), warnings),
    (("ENGINES",), engines),
    (("COLLATION",), collation),
    (("CHARSET",), charset),
    (("CHARACTER", "SET"), charset),
    (("ALTER", "TABLE", "COLUMN"), alter_table),
    (("GRANTS",), grants),
]
