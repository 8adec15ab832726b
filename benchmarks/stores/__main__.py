"""`python -m benchmarks.stores`: the store on PostgreSQL, as Markdown; `--record` keeps it for the docs.

The server is one of its own, from Debian's package, on this machine; it flushes what it confirms.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from benchmarks.costs.figure import Figure, Row
from benchmarks.costs.report import document, keep, read
from benchmarks.stores import live, parked, report, speed, writers
from benchmarks.stores.make import Bench, bench, opened

Measure = Callable[[Bench], Awaitable[list[Figure]]]

PARTS: dict[str, tuple[Measure, tuple[Row, ...]]] = {
    "steps": (speed.measured_steps, speed.STEPS),
    "answers": (speed.measured_others, speed.OTHERS),
    "hints": (writers.measured, writers.ROWS),
    "parked": (parked.measured, parked.ROWS),
    "live": (live.measured, live.ROWS),
}


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stores", description=__doc__)
    parser.add_argument("--only", metavar="PARTS", help=f"some parts, with commas between them: {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (5)")
    parser.add_argument("--small", action="store_true", help="only to see whether it runs: the figures mean nothing")
    parser.add_argument("--record", action="store_true", help="keep it, for the docs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args(given)
    options.only = list(PARTS) if options.only is None else options.only.split(",")
    if unknown := set(options.only) - set(PARTS):
        parser.error(f"There is no part {', '.join(sorted(unknown))}. Choose from {', '.join(PARTS)}.")
    if options.rounds < 1:
        parser.error(f"--rounds is at least 1, not {options.rounds}.")
    if options.record and options.small:
        parser.error("--record keeps whole figures only: leave out --small.")
    return options


async def measured(started: Bench, parts: Sequence[str]) -> list[Figure]:
    await (await opened(started.postgres)).close()  # the tables are there
    figures: list[Figure] = []
    for name in parts:
        began = time.perf_counter()
        figures += await PARTS[name][0](started)
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return figures


def main() -> None:
    options = arguments()
    with bench(options.rounds, options.small) as started:
        origin = report.origin(started.url, options.rounds)
        figures = asyncio.run(measured(started, options.only))
    print(report.markdown(figures), origin["told"], sep="\n\n")
    earlier = read(report.RECORDED) if options.record else {}
    whole = document(figures, origin, earlier, report.markdown)
    keep(whole, options.json, report.RECORDED if options.record else None)


if __name__ == "__main__":
    main()
