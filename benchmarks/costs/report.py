"""The table as Markdown for people, and as JSON for the next comparison."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.costs.figure import WORSE, Figure, Row, worse_by

RECORDED = Path(__file__).with_name("recorded.json")
"""The last recorded table."""
HEADINGS = ("measure", "ours", "bare", "ratio", "at least", "aim", "reached")
COMPARED = "last recorded"


def markdown(figures: Sequence[Figure], recorded: Mapping[str, float] | None = None) -> str:
    """The table; beside recorded values, if there are any to compare with, what got worse is marked."""
    rows = [_cells(figure) for figure in figures]
    headings = list(HEADINGS)
    if recorded:
        headings.append(COMPARED)
        for figure, cells in zip(figures, rows, strict=True):
            cells.append(_compared(figure, recorded.get(figure.row.name)))
    return table_of(headings, rows, figures)


def table_of(headings: Sequence[str], rows: Sequence[Sequence[str]], figures: Sequence[Figure]) -> str:
    """Rows of cells as Markdown, with the figures' notes below."""
    lines = [line(cells) for cells in (headings, ["---"] * len(headings), *rows)]
    notes = [f"- {figure.row.title}: {figure.note}." for figure in figures if figure.note]
    return "\n".join([*lines, "", *notes] if notes else lines)


def keep(document: Mapping[str, Any], *files: Path | None) -> None:
    """Write a document to those files that are named."""
    for file in files:
        if file is not None:
            file.write_text(json.dumps(document, indent=2) + "\n")


def document(
    figures: Iterable[Figure],
    machine: Mapping[str, Any],
    earlier: Mapping[str, Any],
    table: Callable[[Sequence[Figure]], str] = markdown,
) -> dict[str, Any]:
    """What is written to the file; rows that were not measured this time keep what an earlier document has of them."""
    rows = {
        figure.row.name: {
            "row": asdict(figure.row),
            "value": round(figure.value, 4),
            "ours": [float(f"{value:.6g}") for value in figure.ours],
            "bare": [float(f"{value:.6g}") for value in figure.bare],
            "reached": figure.reached,
            "note": figure.note,
        }
        for figure in figures
    }
    whole = {"machine": dict(machine), "rows": {**earlier.get("rows", {}), **rows}}
    return {**whole, "table": table(read_figures(whole)).splitlines()}


def read_figures(document: Mapping[str, Any]) -> list[Figure]:
    """The figures of a document."""
    return [
        Figure(Row(**each["row"]), each["ours"], each["bare"], note=each["note"]) for each in document["rows"].values()
    ]


def read(path: Path) -> dict[str, Any]:
    """A document that was written earlier; an empty one if there is none."""
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def values(document: Mapping[str, Any]) -> dict[str, float]:
    """What each row of a document is judged by."""
    return {name: row["value"] for name, row in document.get("rows", {}).items()}


def worse(figures: Iterable[Figure], recorded: Mapping[str, float]) -> list[Figure]:
    """The rows that are marked."""
    return [
        figure
        for figure in figures
        if figure.row.name in recorded and worse_by(figure.row, figure.value, recorded[figure.row.name]) > WORSE
    ]


def _cells(figure: Figure) -> list[str]:
    row = figure.row
    return [*measured(figure), _target(row, row.least), _target(row, row.aim), figure.reached]


def measured(figure: Figure) -> list[str]:
    """The cells of what was measured: the title, the two medians, and their ratio."""
    row = figure.row
    return [
        row.title,
        with_unit(statistics.median(figure.ours), row.unit),
        with_unit(statistics.median(figure.bare), row.unit) if figure.bare else "",
        ratio(figure),
    ]


def ratio(figure: Figure) -> str:
    ratios = figure.ratios
    if figure.row.judged != "ratio" or not ratios:
        return ""
    return f"**{statistics.median(ratios):.2f}x** ({min(ratios):.2f} to {max(ratios):.2f})"


def _target(row: Row, target: float | None) -> str:
    if target is None:
        return ""
    return f"{target:g}x" if row.judged == "ratio" else with_unit(target, row.unit)


def _compared(figure: Figure, then: float | None) -> str:
    if then is None:
        return ""
    share = worse_by(figure.row, figure.value, then)
    mark = f" **worse by {share:.0%}**" if share > WORSE else ""
    return _target(figure.row, float(f"{then:.3g}")) + mark


def with_unit(value: float, unit: str) -> str:
    number = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{number} {unit}".replace(" %", " %")


def line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
