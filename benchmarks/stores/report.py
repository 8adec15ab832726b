"""The table of the stores as Markdown, and the server and the machine that it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.costs.figure import Figure
from benchmarks.costs.report import measured, table_of
from benchmarks.server import particulars

RECORDED = Path(__file__).with_name("recorded.json")
HEADINGS = ("measure", "PostgreSQL", "beside", "ratio", "target", "reached")
SHOWN = ("server_version", "fsync", "synchronous_commit", "shared_buffers")


def markdown(figures: Sequence[Figure]) -> str:
    return table_of(HEADINGS, [_cells(figure) for figure in figures], figures)


def origin(url: str, rounds: int) -> dict[str, Any]:
    """The machine, and the server with the settings that decide how fast it is; `told` is a line for people."""
    with psycopg.connect(url) as db:
        settings = {name: _first(db.execute(f"SHOW {name}".encode())) for name in SHOWN}
    machine = particulars() | {"rounds": rounds, "postgres": settings}
    server = ", ".join(map(" ".join, settings.items()))
    told = (
        f"{machine['cores']} cores of an {machine['cpu']}, {machine['kernel']}, Python {machine['python']}, SQLite "
        f"{machine['sqlite']}, PostgreSQL of the same machine ({server}); {rounds} rounds, load "
        f"{machine['load'][0]} before, {machine['taken'][:10]}."
    )
    return machine | {"told": told}


def _first(rows: psycopg.Cursor[Any]) -> str:
    row = rows.fetchone()
    assert row is not None
    return str(row[0])


def _cells(figure: Figure) -> list[str]:
    row = figure.row
    target = "" if row.least is None else f"{'at least' if row.higher else 'at most'} {row.least:g}x"
    return [*measured(figure), target, _reached(figure)]


def _reached(figure: Figure) -> str:
    target = figure.row.least
    if target is None:
        return ""
    return "yes" if (figure.value >= target if figure.row.higher else figure.value <= target) else "no"
