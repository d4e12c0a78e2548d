"""The command line; scripts/crash.sh calls it."""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from harness.paths import MILLRACE

from .campaign import Campaign
from .plan import POINTS, UNIT_POINTS, draw_plan

EXACTLY, AT_LEAST = "exactly-once", "at-least-once"


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/crash.sh", description=__doc__)
    parser.add_argument("--schedules", type=int, default=10, metavar="N", help="how many (10)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the campaign (1)")
    parser.add_argument("--only", action="append", default=[], metavar="S.I",
                        help="only schedule I of campaign S; may be said again")
    parser.add_argument("--jobs", type=int, default=2, metavar="N",
                        help="schedules side by side, each on servers of its own (2)")
    parser.add_argument("--expect", choices=(EXACTLY, AT_LEAST), default=EXACTLY,
                        help="at-least-once: doubles pass, losses do not")
    parser.add_argument("--points", choices=("protocol", "units"),
                        help="where members are killed; units: before there was a protocol")
    parser.add_argument("--plan", action="store_true", help="print the plans, play nothing")
    parser.add_argument("--keep", action="store_true", help="leave logs and data, and say where")
    found = parser.parse_args(arguments)
    if found.schedules < 1 or found.jobs < 1:
        parser.error("at least one schedule and one job")
    if any(not all(part.isdigit() for part in only.split(".")) or only.count(".") != 1
           for only in found.only):
        parser.error("--only is <seed>.<index>")
    return found


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    seeds = options.only or [f"{options.seed}.{i}" for i in range(options.schedules)]
    points = UNIT_POINTS if options.points == "units" else POINTS
    if options.plan:
        for seed in seeds:
            print(f"{seed}: " + "\n    ".join(draw_plan(seed, points).lines()))
        return 0
    again = "sh scripts/crash.sh" + (f" --expect {options.expect}" if options.expect != EXACTLY else "")
    again += f" --points {options.points}" if options.points else ""
    folder = Path(tempfile.mkdtemp(prefix="millrace-crash-", dir=os.environ.get("TMPDIR")))
    print(f"{len(seeds)} schedules, {options.expect}, {MILLRACE}", flush=True)
    try:
        good = Campaign(folder, seeds, options.jobs, options.expect == AT_LEAST, points, again,
                        options.keep).run()
    finally:
        if options.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
