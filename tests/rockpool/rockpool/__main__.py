"""Command line: python -m rockpool --data DIR [options]."""

import argparse
import asyncio
import sys

from rockpool.auth import User
from rockpool.cluster import serve
from rockpool.version import Version

DEFAULT_VERSION = "4.0.9"


def parse_user(text):
    """NAME:PASSWORD[:privilege,privilege]"""
    name, _, rest = text.partition(":")
    password, _, privileges = rest.partition(":")
    return User(
        name, password, frozenset(privileges.split(",")) if privileges else frozenset({"all"})
    )


def version(text):
    return str(Version(text))


def parse(arguments):
    parser = argparse.ArgumentParser(
        "rockpool", description="A strict StarRocks stand-in on 127.0.0.1."
    )
    parser.add_argument(
        "--data", required=True, metavar="DIR", help="where all durable state lives"
    )
    for name in ("fe", "be", "mysql", "admin"):
        parser.add_argument(
            f"--{name}-port", type=int, default=0, metavar="N", help="0 takes a free port"
        )
    parser.add_argument(
        "--port-file", metavar="FILE", help="gets the ports as JSON when all are open"
    )
    parser.add_argument("--user", default="root", metavar="NAME")
    parser.add_argument("--password", default="", metavar="TEXT")
    parser.add_argument(
        "--add-user",
        action="append",
        type=parse_user,
        default=[],
        metavar="NAME:PASSWORD[:PRIVS]",
        help="privileges of select,insert; all without a list",
    )
    parser.add_argument(
        "--version",
        type=version,
        default=DEFAULT_VERSION,
        metavar="TEXT",
        help="what current_version() begins with, and what the server can do",
    )
    parser.add_argument(
        "--followers", type=int, default=0, metavar="N", help="further frontends, not leaders"
    )
    parser.add_argument("--backends", type=int, default=1, metavar="N")
    parser.add_argument("--label-keep-max-num", type=int, default=1000, metavar="N")
    parser.add_argument("--label-keep-max-second", type=int, default=259200, metavar="N")
    parser.add_argument("--max-running-txn", type=int, default=1000, metavar="N")
    parser.add_argument(
        "--varbinary-csv",
        choices=["hex", "base64"],
        default="hex",
        help="how a VARBINARY field is spelled",
    )
    parser.add_argument(
        "--tick",
        type=float,
        default=1.0,
        metavar="SECONDS",
        help="how often timeouts are looked at",
    )
    options = parser.parse_args(arguments)
    options.users = [User(options.user, options.password), *options.add_user]
    return options


def main(arguments=None):
    asyncio.run(serve(parse(sys.argv[1:] if arguments is None else arguments)))


if __name__ == "__main__":
    main()
