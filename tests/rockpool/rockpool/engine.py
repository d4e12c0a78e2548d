"""The durable state: DuckDB holds the rows, the catalog and the transactions of the cluster.

One lock orders all writes; reads run beside them on their own cursors and see whole commits.
Every table lives as `_data.t<id>`; what SQL sees is a view of the same name as the table in the
schema of its database, and that view merges where the table model merges.
"""

import json
import pathlib
import threading

import duckdb

from rockpool import catalog
from rockpool.errors import BAD_DB, DB_EXISTS, TABLE_EXISTS, UNKNOWN_TABLE, LoadError, SqlError
from rockpool.sqlrewrite import MACROS

META = """
CREATE SCHEMA IF NOT EXISTS _meta;
CREATE SCHEMA IF NOT EXISTS _data;
CREATE SEQUENCE IF NOT EXISTS _meta.ids START 10100;
CREATE SEQUENCE IF NOT EXISTS _meta.txn_ids START 1000;
CREATE TABLE IF NOT EXISTS _meta.databases (name VARCHAR, id BIGINT);
CREATE TABLE IF NOT EXISTS _meta.tables (id BIGINT, database VARCHAR, definition VARCHAR);
CREATE TABLE IF NOT EXISTS _meta.txns (id BIGINT, record VARCHAR);
CREATE TABLE IF NOT EXISTS _meta.partitions (table_id BIGINT, start TIMESTAMP);
"""
MAX_NEW_PARTITIONS = 4096


def quote(name):
    return '"' + name.replace('"', '""') + '"'


class Engine:
    def __init__(self, directory, alive_backends=1):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.alive_backends = alive_backends
        self.lock = threading.RLock()
        self.local = threading.local()
        options = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
        self.root = duckdb.connect(str(self.directory / "rockpool.duckdb"), config=options)
        self.root.execute(
            "SET GLOBAL TimeZone='UTC'; SET GLOBAL threads=2; SET GLOBAL error_on_division_by_zero=false;"
        )
        self.root.execute(META)
        self.databases = {}
        self.tables = {}
        self.partitions = {}
        self._load_catalog()

    def close(self):
        with self.lock:
            self.root.close()

    def cursor(self):
        """A cursor of the calling thread's own."""
        if not hasattr(self.local, "cursor"):
            self.local.cursor = self.root.cursor()
            self.local.cursor.execute(MACROS)
        return self.local.cursor

    def next_id(self, sequence="ids"):
        return self.cursor().execute(f"SELECT nextval('_meta.{sequence}')").fetchall()[0][0]

    def _load_catalog(self):
        cursor = self.cursor()
        self.databases = dict(cursor.execute("SELECT name, id FROM _meta.databases").fetchall())
        for (definition,) in cursor.execute("SELECT definition FROM _meta.tables").fetchall():
            table = catalog.Table.from_dict(json.loads(definition))
            self.tables[(table.database, table.name)] = table
        for table_id, start in cursor.execute(
            "SELECT table_id, start FROM _meta.partitions"
        ).fetchall():
            self.partitions.setdefault(table_id, set()).add(start)

    # ---- catalog

    def find_table(self, database, name):
        if database not in self.databases:
            raise SqlError(f"Unknown database '{database}'", BAD_DB)
        table = self.tables.get((database, name))
        if table is None:
            raise SqlError(f"Unknown table '{database}.{name}'", UNKNOWN_TABLE)
        return table

    def require_database(self, name):
        if name not in self.databases:
            raise SqlError(f"Unknown database '{name}'", BAD_DB)

    def tables_of(self, database):
        return sorted(
            (t for (d, _), t in self.tables.items() if d == database), key=lambda t: t.name
        )

    def create_database(self, name, if_not_exists):
        catalog.check_name("database", name)
        with self.lock:
            if name in self.databases:
                if if_not_exists:
                    return
                raise SqlError(f"Can't create database '{name}'; database exists", DB_EXISTS)
            if name.lower() in {d.lower() for d in self.databases} or name.startswith("_"):
                raise SqlError(f"rockpool cannot hold a database named '{name}'")
            number = self.next_id()
            with self.transaction() as cursor:
                cursor.execute(f"CREATE SCHEMA {quote(name)}")
                cursor.execute("INSERT INTO _meta.databases VALUES (?, ?)", [name, number])
            self.databases[name] = number

    def drop_database(self, name):
        with self.lock:
            self.require_database(name)
            with self.transaction() as cursor:
                cursor.execute(f"DROP SCHEMA {quote(name)} CASCADE")
                for table in self.tables_of(name):
                    self._forget_table(cursor, table)
                cursor.execute("DELETE FROM _meta.databases WHERE name = ?", [name])
            for table in self.tables_of(name):
                del self.tables[(name, table.name)]
            del self.databases[name]

    def create_table(self, table, if_not_exists):
        self.require_database(table.database)
        with self.lock:
            if self._exists(table, if_not_exists):
                return
            catalog.check_table(table, self.alive_backends)
            table.id = self.next_id()
            with self.transaction() as cursor:
                columns = ", ".join(f"{quote(c.name)} {c.type.duckdb()}" for c in table.columns)
                cursor.execute(f"CREATE TABLE _data.t{table.id} ({columns})")
                self._store_table(cursor, table)
            self.tables[(table.database, table.name)] = table

    def create_view(self, table, translated, if_not_exists, replace):
        self.require_database(table.database)
        with self.lock:
            if not replace and self._exists(table, if_not_exists):
                return
            table.id = self.next_id()
            with self.transaction() as cursor:
                cursor.execute(
                    "DELETE FROM _meta.tables WHERE database = ? AND json_extract_string(definition, '$.name') = ?",
                    [table.database, table.name],
                )
                cursor.execute(f"CREATE OR REPLACE VIEW {self.relation(table)} AS {translated}")
                self._insert_definition(cursor, table)
            self.tables[(table.database, table.name)] = table

    def _exists(self, table, if_not_exists):
        found = self.tables.get((table.database, table.name))
        if found is None:
            if table.name.lower() in {t.name.lower() for t in self.tables_of(table.database)}:
                raise SqlError(
                    f"rockpool cannot hold two tables that differ in case only: '{table.name}'"
                )
            return False
        if not if_not_exists:
            raise SqlError(f"Table '{table.name}' already exists", TABLE_EXISTS)
        return True

    def drop_table(self, table):
        with self.lock:
            with self.transaction() as cursor:
                kind = "VIEW"
                cursor.execute(f"DROP {kind} {self.relation(table)}")
                self._forget_table(cursor, table)
            del self.tables[(table.database, table.name)]
            self.partitions.pop(table.id, None)

    def truncate_table(self, table):
        with self.lock, self.transaction() as cursor:
            cursor.execute(f"DELETE FROM _data.t{table.id}")
            cursor.execute("DELETE FROM _meta.partitions WHERE table_id = ?", [table.id])
            self.partitions.pop(table.id, None)

    def add_columns(self, table, added, after):
        """ADD COLUMN: old rows take the default."""
        with self.lock:
            fresh = catalog.Table.from_dict(table.to_dict())
            at = len(fresh.columns)
            if after is not None:
                names = [c.name.lower() for c in fresh.columns]
                if after.lower() not in names:
                    raise catalog.analyze_error(f"Column[{after}] does not exist")
                at = names.index(after.lower()) + 1
                if at < len(fresh.keys):
                    raise catalog.analyze_error("A value column cannot stand between key columns")
            fresh.columns[at:at] = added
            with self.transaction() as cursor:
                for column in added:
                    cursor.execute(
                        f"ALTER TABLE _data.t{table.id} ADD COLUMN {quote(column.name)} "
                        f"{column.type.duckdb()} DEFAULT {default_sql(column)}"
                    )
                self._forget_definition(cursor, table)
                self._store_table(cursor, fresh)
            self.tables[(table.database, table.name)] = fresh

    def _store_table(self, cursor, table):
        cursor.execute(f"CREATE OR REPLACE VIEW {self.relation(table)} AS {merged_select(table)}")
        self._insert_definition(cursor, table)

    def _insert_definition(self, cursor, table):
        cursor.execute(
            "INSERT INTO _meta.tables VALUES (?, ?, ?)",
            [table.id, table.database, json.dumps(table.to_dict())],
        )

    def _forget_definition(self, cursor, table):
        cursor.execute("DELETE FROM _meta.tables WHERE id = ?", [table.id])

    def _forget_table(self, cursor, table):
        self._forget_definition(cursor, table)
        cursor.execute(f"DROP TABLE IF EXISTS _data.t{table.id}")
        cursor.execute("DELETE FROM _meta.partitions WHERE table_id = ?", [table.id])

    def relation(self, table):
        return f"{quote(table.database)}.{quote(table.name)}"

    # ---- writing

    def transaction(self):
        return _Transaction(self)

    def make_partitions(self, table, delta):
        """Automatic partitions of the rows in `delta`; they stay even if the load fails."""
        if not table.partition:
            return
        unit, name = table.partition
        with self.lock:
            known = self.partitions.setdefault(table.id, set())
            cursor = self.cursor()
            cursor.register("delta", delta.rows)
            try:
                wanted = cursor.execute(
                    f"SELECT DISTINCT date_trunc('{unit}', CAST({quote(name)} AS TIMESTAMP)) FROM delta "
                    f"WHERE {quote(name)} IS NOT NULL"
                ).fetchall()
            finally:
                cursor.unregister("delta")
            new = sorted({start for (start,) in wanted} - known)
            if len(new) > MAX_NEW_PARTITIONS:
                raise LoadError(
                    "create partition failed: the number of auto partitions in one load exceeds the "
                    f"limit auto_partition_max_creation_number_per_load: {len(new)} > {MAX_NEW_PARTITIONS}"
                )
            if new:
                with self.transaction() as cursor:
                    cursor.executemany(
                        "INSERT INTO _meta.partitions VALUES (?, ?)", [[table.id, s] for s in new]
                    )
                known.update(new)

    def apply(self, cursor, delta):
        """Writes one load's rows by the rules of the table model; inside a transaction."""
        if not self.holds(delta):
            raise LoadError(f'unknown table "{delta.database}.{delta.table}"')
        table = self.tables[(delta.database, delta.table)]
        cursor.register("delta", delta.rows)
        try:
            if table.model in (catalog.PRIMARY, catalog.UNIQUE):
                self._upsert(cursor, table, delta)
            else:
                self._append(cursor, table, "delta", "")
        finally:
            cursor.unregister("delta")

    def holds(self, delta):
        """Whether the table that the rows were read for is still there."""
        table = self.tables.get((delta.database, delta.table))
        return table is not None and table.id == delta.table_id

    def _append(self, cursor, table, source, where):
        have = {d[0] for d in cursor.execute(f"SELECT * FROM {source} LIMIT 0").description}
        names = ", ".join(quote(c.name) for c in table.columns)
        values = ", ".join(
            f"CAST({quote(c.name)} AS {c.type.duckdb()})" if c.name in have else default_sql(c)
            for c in table.columns
        )
        cursor.execute(
            f"INSERT INTO _data.t{table.id} ({names}) SELECT {values} FROM {source} {where}"
        )

    def _upsert(self, cursor, table, delta):
        """The last row of a key wins; with a merge condition the greatest one, stored rows included."""
        keys = [quote(k) for k in table.keys]
        condition = delta.merge_condition
        order = "__row DESC"
        if condition:
            kind = table.column(condition).type.duckdb()
            order = f"CAST({quote(condition)} AS {kind}) DESC NULLS LAST, " + order
        typed = ", ".join(
            f"CAST({quote(k)} AS {table.column(k).type.duckdb()}) AS {quote(k)}" for k in table.keys
        )
        cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE latest AS SELECT * REPLACE ({typed}) FROM delta "
            f"QUALIFY row_number() OVER (PARTITION BY {', '.join(keys)} ORDER BY {order}) = 1"
        )
        same = " AND ".join(f"t.{k} IS NOT DISTINCT FROM l.{k}" for k in keys)
        if condition:
            name = quote(condition)
            cursor.execute(
                f"DELETE FROM latest l USING _data.t{table.id} t WHERE {same} AND CAST(l.{name} AS {kind}) < t.{name}"
            )
        cursor.execute(f"DELETE FROM _data.t{table.id} t USING latest l WHERE {same}")
        self._append(cursor, table, "latest", "WHERE __op = 0" if delta.has_op else "")
        cursor.execute("DROP TABLE latest")

    # ---- transactions

    def read_txns(self):
        return [
            json.loads(r)
            for (r,) in self.cursor()
            .execute("SELECT record FROM _meta.txns ORDER BY id")
            .fetchall()
        ]

    def write_txn(self, record, deltas=()):
        """Stores the transaction's record and, in the same commit, the rows it makes visible."""
        with self.lock, self.transaction() as cursor:
            for delta in deltas:
                self.apply(cursor, delta)
            cursor.execute("DELETE FROM _meta.txns WHERE id = ?", [record["id"]])
            cursor.execute(
                "INSERT INTO _meta.txns VALUES (?, ?)", [record["id"], json.dumps(record)]
            )

    def forget_txns(self, ids):
        with self.lock, self.transaction() as cursor:
            cursor.execute("DELETE FROM _meta.txns WHERE id IN (SELECT unnest(?))", [list(ids)])


class _Transaction:
    """BEGIN … COMMIT on the thread's cursor, ROLLBACK when the block raises."""

    def __init__(self, engine):
        self.engine = engine

    def __enter__(self):
        self.cursor = self.engine.cursor()
        self.cursor.execute("BEGIN")
        return self.cursor

    def __exit__(self, kind, value, trace):
        self.cursor.execute("ROLLBACK" if kind else "COMMIT")
        return False


def default_sql(column):
    if column.default is None:
        return "NULL"
    if column.default == "CURRENT_TIMESTAMP":
        return "CAST(current_localtimestamp() AS TIMESTAMP)"
    text = column.default.replace("'", "''")
    return f"CAST('{text}' AS {column.type.duckdb()})"


def merged_select(table):
    """What a reader of the table sees."""
    source = f"_data.t{table.id}"
    if table.model != catalog.AGGREGATE:
        return f"SELECT {', '.join(quote(c.name) for c in table.columns)} FROM {source}"
    parts = [quote(c.name) if c.key else _aggregate_sql(c) for c in table.columns]
    keys = ", ".join(quote(k) for k in table.keys)
    return f"SELECT {', '.join(parts)} FROM {source} GROUP BY {keys}"


def _aggregate_sql(column):
    name = quote(column.name)
    kind = column.type.duckdb()
    if column.aggregate == "SUM":
        return f"{_sum(name, column.type)} AS {name}"
    if column.aggregate in ("MIN", "MAX"):
        return f"{column.aggregate}({name}) AS {name}"
    keep = f" FILTER ({name} IS NOT NULL)" if column.aggregate == "REPLACE_IF_NOT_NULL" else ""
    return f"CAST(last({name} ORDER BY rowid){keep} AS {kind}) AS {name}"


def _sum(name, type_):
    """Integers of at most 64 bits wrap as the server's do; wider sums raise instead of wrapping."""
    bits = {"TINYINT": 8, "SMALLINT": 16, "INT": 32, "BIGINT": 64}.get(type_.name)
    if bits is None:
        return f"CAST(sum({name}) AS {type_.duckdb()})"
    half, full = 2 ** (bits - 1), 2**bits
    wide = f"sum(CAST({name} AS HUGEINT))"
    return f"CAST((({wide} + {half}) % {full} + {full}) % {full} - {half} AS {type_.duckdb()})"
