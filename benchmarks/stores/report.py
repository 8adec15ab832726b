"""The table of the stores as Markdown, and the server and the machine that it comes from."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.costs.figure import Figure, Row
from benchmarks.costs.report import line, ratio, with_unit
from benchmarks.server import particulars

RECORDED = Path(__file__).with_name("recorded.json")
HEADINGS = ("measure", "PostgreSQL", "beside", "ratio", "target", "reached")
SHOWN = ("server_version", "fsync", "synchronous_commit", "shared_buffers")


def markdown(figures: Sequence[Figure]) -> str:
    lines = [line(HEADINGS), line(["---"] * len(HEADINGS)), *(line(_cells(figure)) for figure in figures)]
    notes = [f"- {figure.row.title}: {figure.note}." for figure in figures if figure.note]
    return "\n".join([*lines, "", *notes] if notes else lines)


def short(figures: Iterable[Figure]) -> list[Row]:
    """The rows that miss their targets."""
    return [figure.row for figure in figures if _reached(figure) == "no"]


def origin(url: str) -> dict[str, Any]:
    """The machine, and the server with the settings that decide how fast it is."""
    with psycopg.connect(url) as db:
        settings = {name: db.execute(f"SHOW {name}".encode()).fetchone() for name in SHOWN}
    return particulars() | {"postgres": {name: row[0] for name, row in settings.items() if row is not None}}


def told(machine: Mapping[str, Any]) -> str:
    """One line for people."""
    settings = dict(machine["postgres"])
    version = settings.pop("server_version")
    return (
        f"{machine['cores']} cores of an {machine['cpu']}, {machine['kernel']}, Python {machine['python']}, SQLite "
        f"{machine['sqlite']}, PostgreSQL {version} on the same machine "
        f"({', '.join(f'{name} {value}' for name, value in settings.items())}); "
        f"{machine['rounds']} rounds, load {machine['load'][0]} before, {machine['taken'][:10]}."
    )


def _cells(figure: Figure) -> list[str]:
    row = figure.row
    return [
        row.title,
        with_unit(statistics.median(figure.ours), row.unit),
        with_unit(statistics.median(figure.bare), row.unit) if figure.bare else "",
        ratio(figure),
        "" if row.least is None else f"{'at least' if row.higher else 'at most'} {row.least:g}x",
        _reached(figure),
    ]


def _reached(figure: Figure) -> str:
    target = figure.row.least
    if target is None:
        return ""
    return "yes" if (figure.value >= target if figure.row.higher else figure.value <= target) else "no"
