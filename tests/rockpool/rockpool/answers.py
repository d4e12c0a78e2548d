"""The shapes of the answers, and what the two HTTP ports share in making them."""

import json

from rockpool.errors import LoadError
from rockpool.http11 import Response, pretty
from rockpool.load import pipeline

NO_AUTH = "no valid Basic authorization"
IN_PROCESSING = "Transaction in processing, please retry later"
PUBLISH_TIMEOUT = "Publish timeout. The data will be visible after a while, please retry later"
UNKNOWN_STATUS = (
    "Commit transaction fail cause {Transaction status unknown}, Transaction status unknown, "
    "you can retry with same label."
)
TOO_MANY_VERSIONS = (
    "Failed to load data into tablet 10200, because of too many versions, current/limit: 1001/1000. "
    "You can reduce the loading job concurrency, or increase loading data batch size."
)
LOCK_TIMEOUT = "get database write lock timeout, database={}, timeout=60000ms"
NOT_FOUND = Response(404, "Not Found", content_type="text/plain")


class Refused(Exception):
    """An expected error of a frontend's handler; the shape of the answer is the handler's."""


class Thrown(Refused):
    """An exception that no handler of the frontend's caught: the answer begins with its class."""

    def __str__(self):
        return f"class com.starrocks.common.StarRocksException: {super().__str__()}"


class StatusUnknown(LoadError):
    """The backend cannot tell what became of its commit; nothing is rolled back for it."""

    def __init__(self):
        super().__init__(UNKNOWN_STATUS)


# ---- frontend


def shape_a(message, status=200, headers=()):
    body = json.dumps({"status": "FAILED", "code": "1", "msg": message, "message": message})
    return Response(status, body, headers, close=True)


def ok_a(**extra):
    return Response(
        200, json.dumps({**extra, "status": "OK", "code": "0", "msg": "Success", "message": "OK"})
    )


def shape_b(status, message, **extra):
    return pretty({"Status": status, "Message": message, **extra})


def redirect(request, port):
    location = f"http://127.0.0.1:{port}{request.target}"
    return Response(307, b"", [("Location", location)], close=True)


def already(txn, what):
    message = f"Transaction {txn['id']} has already {what}, label is {txn['label']}"
    return shape_b("OK", message, TxnId=txn["id"], Label=txn["label"])


def no_insert(table):
    return (
        "Access denied; you need (at least one of) the INSERT privilege(s) on TABLE "
        f"{table} for this operation"
    )


def closing(response):
    response.close = True
    return response


# ---- backend


def prepared_timeout(headers, version):
    text = headers.get("prepared_timeout")
    if text is None or not version.has_prepared_timeout:
        return None
    if not text.isdigit() or not int(text):
        raise LoadError(f"Invalid prepared_timeout: {text}", "INVALID_ARGUMENT")
    return int(text)


def check_quality(results, ratio):
    total = sum(r.total for r in results)
    filtered = sum(r.filtered for r in results)
    unselected = sum(r.unselected for r in results)
    pipeline.check_ratio(total, filtered, unselected, ratio)
    if total - filtered - unselected == 0:
        raise LoadError(
            "No partitions have data available for loading. If you are sure there may be no data to be "
            "loaded, you can use `ADMIN SET FRONTEND CONFIG ('empty_load_as_error' = 'false')` to ensure "
            "such load jobs can succeed: all partitions have no load data"
        )


def check_versions(call):
    if call.take("write"):
        raise LoadError(TOO_MANY_VERSIONS)


def joined_errors(results):
    errors = pipeline.Errors()
    for result in results:
        errors.count += result.errors.count
        errors.lines += result.errors.lines
    errors.lines = errors.lines[: pipeline.MAX_REPORTED]
    return errors


def counts(results, length):
    return {
        "NumberTotalRows": sum(r.total for r in results),
        "NumberLoadedRows": sum(r.loaded for r in results),
        "NumberFilteredRows": sum(r.filtered for r in results),
        "NumberUnselectedRows": sum(r.unselected for r in results),
        "LoadBytes": length,
    }


def milliseconds(seconds):
    return int(seconds * 1000)


def status(name, message, context=None, extra=()):
    reply = {"Status": name, "Message": message}
    if context is not None:
        reply |= {"TxnId": context.txn["id"], "Label": context.label}
    return reply | dict(extra)


def pretty_closing(values):
    return pretty(values, close=True)


def label_used(label, used=None):
    """A begin whose label a context still holds, or (`used`) a transaction of the frontend."""
    return {
        "Status": "LABEL_ALREADY_EXISTS",
        "ExistingJobStatus": used.job_status if used else "",
        "Message": used.message if used else "",
        "Label": label,
    }


def closed(context, extra, elapsed):
    """The reply of a prepare or commit that the backend has done."""
    took = milliseconds(elapsed)
    times = {
        "LoadTimeMs": took,
        "StreamLoadPlanTimeMs": 0,
        "ReceivedDataTimeMs": 0,
        "WriteDataTimeMs": took,
        "CommitAndPublishTimeMs": 0,
    }
    return status("OK", "", context) | extra | times


PLAIN_KEYS = (
    "NumberTotalRows",
    "NumberLoadedRows",
    "NumberFilteredRows",
    "NumberUnselectedRows",
    "LoadBytes",
    "LoadTimeMs",
    "BeginTxnTimeMs",
    "StreamLoadPlanTimeMs",
    "ReadDataTimeMs",
    "WriteDataTimeMs",
    "CommitAndPublishTimeMs",
)


def plain(reply, name, message, elapsed, extra=None):
    """The reply of a plain load: keys in the server's order."""
    extra = extra or {}
    out = {"TxnId": reply["TxnId"], "Label": reply["Label"], "Status": name}
    if "ExistingJobStatus" in extra:
        out["ExistingJobStatus"] = extra["ExistingJobStatus"]
    out["Message"] = message
    for key in PLAIN_KEYS:
        out[key] = extra.get(key, 0)
    out["LoadTimeMs"] = milliseconds(elapsed)
    if "ErrorURL" in extra:
        out["ErrorURL"] = extra["ErrorURL"]
    return out
