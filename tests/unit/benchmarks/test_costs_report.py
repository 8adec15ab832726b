"""The table of costs: what is a target reached, what is worse than before, and what is written down."""

from __future__ import annotations

import json

import pytest

from benchmarks.costs.figure import Figure, Row, worse_by
from benchmarks.costs.report import document, markdown, read_figures, values, worse

TIME = Row("answer", "answer to next message", "ms", least=6.0, aim=4.0)
RATE = Row("one", "messages/s", "/s", least=0.7, aim=1.0, higher=True)
MEMORY = Row("idle", "memory", "MiB", judged="ours", least=90, aim=60)
UNTOLD = Row("floor", "a commit", "ms", judged="ours")


def test_a_ratio_is_that_of_each_round_and_not_of_the_medians() -> None:
    figure = Figure(TIME, ours=[2.0, 40.0, 6.0], bare=[1.0, 10.0, 2.0])
    assert figure.ratios == [2.0, 4.0, 3.0]
    assert figure.value == 3.0


def test_rounds_of_one_side_only_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        _ = Figure(TIME, ours=[2.0, 4.0], bare=[1.0]).value


@pytest.mark.parametrize(
    ("row", "ours", "bare", "reached"),
    [
        (TIME, 4.0, 1.0, "aim"),
        (TIME, 4.1, 1.0, "least"),
        (TIME, 6.1, 1.0, "short"),
        (RATE, 1.0, 1.0, "aim"),
        (RATE, 0.7, 1.0, "least"),
        (RATE, 0.6, 1.0, "short"),
        (MEMORY, 60.0, 40.0, "aim"),
        (MEMORY, 91.0, 40.0, "short"),
        (UNTOLD, 1.0, 1.0, ""),
    ],
)
def test_how_far_a_row_has_come(row: Row, ours: float, bare: float, reached: str) -> None:
    assert Figure(row, [ours], [bare]).reached == reached


@pytest.mark.parametrize(
    ("row", "now", "then", "share"),
    [
        (TIME, 6.0, 5.0, 0.2),
        (TIME, 4.0, 5.0, -0.2),
        (RATE, 0.5, 1.0, 1.0),
        (RATE, 1.0, 0.5, -0.5),
        (TIME, 1.0, 0.0, 0.0),
    ],
)
def test_worse_is_more_time_or_a_lower_rate(row: Row, now: float, then: float, share: float) -> None:
    assert worse_by(row, now, then) == pytest.approx(share)


def test_only_what_is_worse_by_more_than_a_fifth_is_marked() -> None:
    figures = [Figure(TIME, [6.1], [1.0]), Figure(RATE, [0.85], [1.0]), Figure(MEMORY, [50.0]), Figure(UNTOLD, [9.0])]
    recorded = {"answer": 5.0, "one": 1.0, "idle": 80.0}
    assert [figure.row.name for figure in worse(figures, recorded)] == ["answer"]
    marked = [line for line in markdown(figures, recorded).splitlines() if "worse" in line]
    assert len(marked) == 1
    assert marked[0].startswith("| answer to next message |")
    assert "5x **worse by 22%**" in marked[0]


def test_the_table_shows_both_sides_their_ratio_and_the_targets() -> None:
    (line,) = markdown([Figure(TIME, [2.0, 4.0, 3.0], [1.0, 1.0, 1.0])]).splitlines()[2:]
    assert line == "| answer to next message | 3 ms | 1 ms | **3.00x** (2.00 to 4.00) | 6x | 4x | aim |"


def test_a_row_judged_by_our_own_value_shows_no_ratio() -> None:
    (line,) = markdown([Figure(MEMORY, [70.0], [35.0])], {"idle": 70.0}).splitlines()[2:]
    assert line == "| memory | 70 MiB | 35 MiB |  | 90 MiB | 60 MiB | least | 70 MiB |"


def test_a_note_stands_below_the_table() -> None:
    assert markdown([Figure(MEMORY, [70.0], note="without a framework")]).endswith("\n\n- memory: without a framework.")


def test_recording_some_rows_keeps_the_others() -> None:
    earlier = document([Figure(TIME, [5.0], [1.0]), Figure(RATE, [0.5], [1.0])], {"cpu": "old"}, {})
    later = document([Figure(TIME, [3.0], [1.0])], {"cpu": "new"}, earlier)
    assert values(later) == {"answer": 3.0, "one": 0.5}
    assert later["machine"] == {"cpu": "new"}


def test_a_document_holds_its_table_and_gives_its_figures_back() -> None:
    figures = [Figure(TIME, [5.0, 6.0], [1.0, 2.0]), Figure(MEMORY, [70.0], note="once")]
    kept = json.loads(json.dumps(document(figures, {}, {})))
    assert document(read_figures(kept), {}, {}) == kept
    assert kept["table"] == markdown(figures).splitlines()
