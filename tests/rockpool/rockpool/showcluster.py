"""SHOW of nodes, transactions and connections, and ADMIN SHOW."""

import re
import time

from rockpool.errors import SqlError, not_implemented
from rockpool.showrows import filtered, finish, from_database

STATUS_TIME = "%Y-%m-%d %H:%M:%S"


def frontends(session, tokens):
    session.require("operate")
    names = (
        "Id",
        "Name",
        "IP",
        "EditLogPort",
        "HttpPort",
        "QueryPort",
        "RpcPort",
        "Role",
        "ClusterId",
        "Join",
        "Alive",
        "ReplayedJournalId",
        "LastHeartbeat",
        "IsHelper",
        "ErrMsg",
        "StartTime",
        "Version",
    )
    now = time.strftime(STATUS_TIME, time.gmtime())
    rows = []
    for number, frontend in enumerate(session.cluster.frontends, 1):
        rows.append(
            (
                number,
                f"127.0.0.1_9010_{number}",
                "127.0.0.1",
                9010,
                frontend.port,
                session.cluster.mysql_port,
                9020,
                "LEADER" if frontend.is_leader else "FOLLOWER",
                1,
                "true",
                "true",
                1,
                now,
                "true",
                "",
                now,
                f"{session.cluster.version} rockpool",
            )
        )
    return finish(session, tokens, names, rows)


def backends(session, tokens):
    session.require("operate")
    names = (
        "BackendId",
        "IP",
        "HeartbeatPort",
        "BePort",
        "HttpPort",
        "BrpcPort",
        "LastStartTime",
        "LastHeartbeat",
        "Alive",
        "SystemDecommissioned",
        "ClusterDecommissioned",
        "TabletNum",
        "DataUsedCapacity",
        "AvailCapacity",
        "TotalCapacity",
        "UsedPct",
        "MaxDiskUsedPct",
        "ErrMsg",
        "Version",
        "Status",
        "DataTotalCapacity",
        "DataUsedPct",
        "CpuCores",
        "MemLimit",
        "NumRunningQueries",
        "MemUsedPct",
        "CpuUsedPct",
    )
    now = time.strftime(STATUS_TIME, time.gmtime())
    rows = []
    for backend in session.cluster.backends:
        rows.append(
            (
                backend.id,
                "127.0.0.1",
                9050,
                9060,
                backend.port,
                8060,
                now,
                now,
                "true",
                "false",
                "false",
                0,
                "0.000 B",
                "1.000 TB",
                "1.000 TB",
                "0.00 %",
                "0.00 %",
                "",
                f"{session.cluster.version} rockpool",
                "{}",
                "1.000 TB",
                "0.00 %",
                2,
                "1GB",
                0,
                "0.00 %",
                "0.0 %",
            )
        )
    return finish(session, tokens, names, rows)


def compute_nodes(session, tokens):
    session.require("operate")
    return finish(
        session,
        tokens,
        ("ComputeNodeId", "IP", "HeartbeatPort", "BePort", "HttpPort", "BrpcPort", "Alive"),
        [],
    )


def transaction(session, tokens):
    name = from_database(session, tokens)
    names = (
        "TransactionId",
        "Label",
        "Coordinator",
        "TransactionStatus",
        "LoadJobSourceType",
        "PrepareTime",
        "PreparedTime",
        "CommitTime",
        "PublishTime",
        "FinishTime",
        "Reason",
        "ErrorReplicasCount",
        "ListenerId",
        "TimeoutMs",
        "PreparedTimeoutMs",
        "ErrMsg",
    )
    rows = []
    for txn in session.cluster.txns.of_database(name):
        times = [_time(txn[k]) for k in ("begin", "prepared", "commit", "commit", "finish")]
        rows.append(
            (
                txn["id"],
                txn["label"],
                txn["coordinator"],
                txn["state"],
                txn["source"],
                *times,
                txn["reason"],
                0,
                -1,
                txn["timeout"] * 1000,
                (txn["prepared_timeout"] or 86400) * 1000,
                "",
            )
        )
    if not tokens.is_word("WHERE"):
        tokens.fail("WHERE id = N or label = 'L'")
    rest = re.sub(r"(?i)\bid\b", "TransactionId", tokens.sql[tokens.peek().start :])
    found = filtered(session, names, rows, rest)
    if not found.rows:
        raise SqlError(f"transaction with {rest.removeprefix('WHERE').strip()} does not exist")
    return found


def _time(seconds):
    return None if seconds is None else time.strftime(STATUS_TIME, time.gmtime(seconds))


def processlist(session, tokens):
    names = (
        "ServerName",
        "Id",
        "User",
        "Host",
        "Db",
        "Command",
        "ConnectionStartTime",
        "Time",
        "State",
        "Info",
    )
    now = time.strftime(STATUS_TIME, time.gmtime())
    row = (
        "127.0.0.1",
        session.connection_id,
        session.user,
        "127.0.0.1",
        session.database,
        "Query",
        now,
        0,
        "OK",
        tokens.sql,
    )
    return finish(session, tokens, names, [row])


def frontend_config(session):
    manager = session.cluster.txns
    return {
        "label_keep_max_num": ("int", manager.label_keep_max_num),
        "label_keep_max_second": ("int", manager.label_keep_max_second),
        "max_running_txn_num_per_db": ("int", manager.max_running),
        "prepared_transaction_default_timeout_second": ("int", 86400),
        "transaction_clean_interval_second": ("int", 30),
        "stream_load_default_timeout_second": ("int", 600),
        "max_stream_load_timeout_second": ("int", 259200),
        "empty_load_as_error": ("boolean", "true"),
    }


def admin(session, tokens):
    session.require("operate")
    tokens.expect("ADMIN")
    if not tokens.take("SHOW", "FRONTEND", "CONFIG"):
        raise not_implemented(f"ADMIN {tokens.peek().text.upper()}")
    names = ("Key", "AliasNames", "Value", "Type", "IsMutable", "Comment")
    rows = [(k, "[]", v, t, "true", "") for k, (t, v) in sorted(frontend_config(session).items())]
    return finish(session, tokens, names, rows)
