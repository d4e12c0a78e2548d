"""What SHOW and DESC say of one table: its statement, its columns, its partitions."""

import datetime

from rockpool.engine import quote


def names_list(names):
    """Names of columns as statements list them."""
    return ", ".join(f"`{n}`" for n in names)


def partitions(cluster, table):
    """SHOW PARTITIONS: the automatic partitions with their row counts."""
    names = (
        "PartitionId",
        "PartitionName",
        "VisibleVersion",
        "VisibleVersionTime",
        "VisibleVersionHash",
        "State",
        "PartitionKey",
        "Range",
        "DistributionKey",
        "Buckets",
        "ReplicationNum",
        "StorageMedium",
        "CooldownTime",
        "LastConsistencyCheckTime",
        "DataSize",
        "IsInMemory",
        "RowCount",
    )
    keys = ", ".join(table.distribution) or "ALL KEY"
    common = ("NORMAL",)
    tail = ("SSD", "9999-12-31 23:59:59", None, "0B", "false")
    replicas = table.properties["replication_num"]
    if not table.partition:
        count = (
            cluster.engine.cursor()
            .execute(f"SELECT count(*) FROM _data.t{table.id}")
            .fetchall()[0][0]
        )
        row = (
            table.id,
            table.name,
            1,
            None,
            0,
            *common,
            "",
            "",
            keys,
            table.buckets,
            replicas,
            *tail,
            count,
        )
        return names, [row]
    unit, column = table.partition
    counts = dict(
        cluster.engine.cursor()
        .execute(
            f"SELECT date_trunc('{unit}', CAST({quote(column)} AS TIMESTAMP)), count(*) FROM _data.t{table.id} GROUP BY 1"
        )
        .fetchall()
    )
    rows = []
    for number, start in enumerate(sorted(cluster.engine.partitions.get(table.id, ()))):
        rows.append(
            (
                table.id * 1000 + number,
                partition_name(unit, start),
                2,
                None,
                0,
                *common,
                column,
                _range(table, unit, start),
                keys,
                table.buckets,
                replicas,
                *tail,
                counts.get(start, 0),
            )
        )
    return names, rows


def partition_name(unit, start):
    return "p" + start.strftime("%Y%m%d%H")[: {"year": 4, "month": 6, "day": 8, "hour": 10}[unit]]


def _range(table, unit, start):
    end = next_start(unit, start)
    kind = table.column(table.partition[1]).type.name
    shown = [
        v.strftime("%Y-%m-%d" if kind == "DATE" else "%Y-%m-%d %H:%M:%S") for v in (start, end)
    ]
    return f"[types: [{kind}]; keys: [{shown[0]}]; ..types: [{kind}]; keys: [{shown[1]}]; )"


def next_start(unit, start):
    if unit == "hour":
        return start + datetime.timedelta(hours=1)
    if unit == "day":
        return start + datetime.timedelta(days=1)
    if unit == "month":
        return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    return start.replace(year=start.year + 1)


def create_table(table):
    """SHOW CREATE TABLE."""
    if table.view is not None:
        names = ", ".join(f"`{c.name}`" for c in table.columns)
        return f"CREATE VIEW `{table.name}` ({names}) AS {table.view};"
    lines = [",\n".join("  " + _column_sql(c) for c in table.columns)]
    out = f"CREATE TABLE `{table.name}` (\n{lines[0]}\n) ENGINE=OLAP \n{table.model} KEY({names_list(table.keys)})\n"
    if table.comment:
        out += f'COMMENT "{table.comment}"\n'
    if table.partition:
        out += f"PARTITION BY date_trunc('{table.partition[0]}', {table.partition[1]})\n"
    out += (
        f"DISTRIBUTED BY HASH({names_list(table.distribution)})"
        if table.distribution
        else "DISTRIBUTED BY RANDOM"
    )
    out += f" BUCKETS {table.buckets}\n" if table.buckets else "\n"
    if table.order_by:
        out += f"ORDER BY({names_list(table.order_by)})\n"
    properties = {"compression": "LZ4", "replicated_storage": "true", **table.properties}
    shown = ",\n".join(f'"{k}" = "{v}"' for k, v in sorted(properties.items()))
    return out + f"PROPERTIES (\n{shown}\n);"


def _column_sql(column):
    types = {
        "TINYINT": "tinyint(4)",
        "SMALLINT": "smallint(6)",
        "INT": "int(11)",
        "BIGINT": "bigint(20)",
        "LARGEINT": "largeint(40)",
    }
    kind = types.get(column.type.name)
    if kind is None:
        kind = column.type.sql().lower().replace(",", ", ")
    out = f"`{column.name}` {kind} "
    if column.aggregate:
        out += column.aggregate + " "
    out += "NULL " if column.nullable else "NOT NULL "
    if column.default == "CURRENT_TIMESTAMP":
        out += "DEFAULT CURRENT_TIMESTAMP "
    elif column.default is not None:
        out += f'DEFAULT "{column.default}" '
    return out + f'COMMENT "{column.comment}"'


def describe(table):
    """DESC: the types in their short form."""
    names = ("Field", "Type", "Null", "Key", "Default", "Extra")
    rows = [
        (
            c.name,
            "boolean" if c.type.name == "BOOLEAN" else c.type.sql().lower(),
            "YES" if c.nullable else "NO",
            "true" if c.key else "false",
            c.default,
            c.aggregate or "",
        )
        for c in table.columns
    ]
    return names, rows
