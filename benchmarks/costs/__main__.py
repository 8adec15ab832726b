"""`python -m benchmarks.costs`: every row of the table, or some, as Markdown; `--record` keeps it for comparisons."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from benchmarks.costs import conversation, crowd, floor, rate, report, team, waiting
from benchmarks.costs.figure import Figure, Row
from benchmarks.costs.peers import Extent
from benchmarks.server import machine, particulars

Measure = Callable[[Extent], Awaitable[list[Figure]]]

MEASURES: Sequence[tuple[Measure, tuple[Row, ...]]] = (
    (conversation.whole_runs, (conversation.START, conversation.QUESTION, conversation.CPU)),
    (conversation.answers, (conversation.ANSWER, conversation.TAIL)),
    (crowd.crowd, (crowd.CROWD,)),
    (rate.one, (rate.ONE,)),
    (rate.twenty, (rate.TWENTY,)),
    (waiting.parked, (waiting.PARKED,)),
    (team.brought_back, (team.TEAM, team.HELD, team.FIRST, team.FIRST_HELD)),
    (rate.chunks, (rate.CHUNKS,)),
    (waiting.idle, (waiting.IDLE_MEMORY, waiting.IDLE_CPU)),
    (floor.floor, (floor.FLOOR,)),
)
"""What is measured, and the rows that come of it."""
NAMES = [row.name for _, rows in MEASURES for row in rows]


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.costs", description=__doc__)
    parser.add_argument("--only", metavar="ROWS", help=f"some rows, with commas between them: {', '.join(NAMES)}")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (5)")
    parser.add_argument("--quick", action="store_true", help="10,000 parked runs in the place of 100,000")
    parser.add_argument("--small", action="store_true", help="only to see whether it runs: the figures mean nothing")
    parser.add_argument("--record", action="store_true", help="keep it, for later runs and for the docs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args(given)
    options.only = NAMES if options.only is None else options.only.split(",")
    if unknown := set(options.only) - set(NAMES):
        parser.error(f"There is no row {', '.join(sorted(unknown))}. Choose from {', '.join(NAMES)}.")
    if options.rounds < 1:
        parser.error(f"--rounds is at least 1, not {options.rounds}.")
    if options.record and (options.small or options.quick):
        parser.error("--record keeps whole figures only: leave out --small and --quick.")
    return options


async def measured(options: argparse.Namespace) -> list[Figure]:
    """The figures of the rows that were asked for, in the order of the table."""
    extent = Extent(options.rounds, options.small, options.quick)
    figures: list[Figure] = []
    for measure, rows in MEASURES:
        wanted = [row.name for row in rows if row.name in options.only]
        if wanted:
            print(f"measuring {', '.join(wanted)} ...", file=sys.stderr, flush=True)
            unwanted = {row.name for row in rows} - set(wanted)
            figures += [figure for figure in await measure(extent) if figure.row.name not in unwanted]
    return figures


def main() -> None:
    options = arguments()
    before = particulars()
    recorded = report.read(report.RECORDED)
    figures = asyncio.run(measured(options))
    print(f"{machine()}; {options.rounds} rounds\n")
    print(report.markdown(figures, report.values(recorded)))
    document = report.document(figures, before | {"rounds": options.rounds}, recorded if options.record else {})
    report.keep(document, options.json, report.RECORDED if options.record else None)


if __name__ == "__main__":
    main()
