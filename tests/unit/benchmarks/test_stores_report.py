"""The table of the stores: which targets are reached, and what is written down."""

from __future__ import annotations

import pytest

from benchmarks.costs.figure import Figure, Row
from benchmarks.costs.report import document, read_figures
from benchmarks.stores.report import markdown

RATE = Row("one", "steps/s", "/s", least=0.35, higher=True)
TIME = Row("noticed", "an answer noticed", "ms", least=0.3)
CPU = Row("live", "the database's CPU", "% of a core", "ours")


@pytest.mark.parametrize(
    ("figure", "line"),
    [
        (
            Figure(RATE, [40.0], [100.0]),
            "| steps/s | 40 /s | 100 /s | **0.40x** (0.40 to 0.40) | at least 0.35x | yes |",
        ),
        (
            Figure(RATE, [34.0], [100.0]),
            "| steps/s | 34 /s | 100 /s | **0.34x** (0.34 to 0.34) | at least 0.35x | no |",
        ),
        (
            Figure(TIME, [3.0], [10.0]),
            "| an answer noticed | 3 ms | 10 ms | **0.30x** (0.30 to 0.30) | at most 0.3x | yes |",
        ),
        (
            Figure(TIME, [4.0], [10.0]),
            "| an answer noticed | 4 ms | 10 ms | **0.40x** (0.40 to 0.40) | at most 0.3x | no |",
        ),
        (Figure(CPU, [22.0]), "| the database's CPU | 22 % of a core |  |  |  |  |"),
    ],
)
def test_a_row_says_whether_its_target_is_reached(figure: Figure, line: str) -> None:
    assert markdown([figure]).splitlines()[2] == line


def test_a_document_holds_its_table_with_the_notes() -> None:
    figures = [Figure(RATE, [40.0], [100.0]), Figure(CPU, [22.0], note="all is there")]
    kept = document(figures, {}, {}, markdown)
    assert kept["table"][-1] == "- the database's CPU: all is there."
    assert document(read_figures(kept), {}, {}, markdown) == kept
