"""The lines that a browser reads: complete, in order, without gaps, whatever the number of responses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastagency_frontend.page.gate import Gate
from fastagency_frontend.page.live import HOLD_S, Watch, history, line, watch
from fastagency_shared.errors import SignedOut
from fastagency_shared.messages import TextChunk, TextInput, TextMessage
from fastagency_shared.provider import Caller

from tests.fakes.provider import FakeProvider, FakeRun, FakeWorkflow
from tests.fakes.scripts import long_log

ME = Caller(user_id="me")


def read(lines: Iterator[bytes]) -> list[dict[str, Any]]:
    return [json.loads(each) for each in lines]


def start(provider: FakeProvider, name: str) -> str:
    return provider.start(name, {}, caller=ME).workflow_uuid


def finish(provider: FakeProvider, run_id: str) -> None:
    assert list(provider.follow(run_id, caller=ME))


@pytest.fixture
def counted() -> tuple[FakeProvider, str]:
    provider = FakeProvider({"long": FakeWorkflow("", long_log)})
    run_id = start(provider, "long")
    finish(provider, run_id)
    return provider, run_id


def test_history_pages_back_to_the_beginning_without_gaps(counted: tuple[FakeProvider, str]) -> None:
    provider, run_id = counted
    page = history(provider, ME, run_id, None)
    assert page["last"] == 302
    rows = page["rows"]
    while page["more"]:
        page = history(provider, ME, run_id, page["first"])
        rows = page["rows"] + rows
    assert [row["seq"] for row in rows] == list(range(1, 303))


def test_watching_an_ended_run_reads_it_in_several_responses(counted: tuple[FakeProvider, str]) -> None:
    provider, run_id = counted
    seen: list[int] = []
    after, next_ = 0, 0
    while next_ is not None:
        lines = read(watch(Watch(provider, ME, run_id, after, hold=True, places=9), Gate()))
        seen += [row["seq"] for line in lines for row in line.get("rows", [])]
        after, next_ = lines[0]["last"], lines[-1]["next"]
    assert seen == list(range(1, 303))


def test_a_held_response_brings_what_happens_and_gives_its_place_back() -> None:
    def script(run: FakeRun) -> str:
        run.ask(TextInput(uuid="q"))
        run.emit(TextMessage(body="after"))
        return "done"

    provider, gate = FakeProvider({"w": FakeWorkflow("", script)}), Gate()
    run_id = start(provider, "w")
    provider_lines = watch(Watch(provider, ME, run_id, 0, hold=True, places=9), gate)
    first = json.loads(next(provider_lines))
    while not provider.run(run_id, caller=ME).questions:
        pass
    provider.answer(run_id, "q", "yes", caller=ME)
    lines = [first, *read(provider_lines)]
    types = [row["type"] for line in lines for row in line.get("rows", [])]
    assert types == ["workflow_started", "text_input", "input_answered", "text_message", "workflow_completed"]
    assert lines[-1] == {"next": None}
    assert [line["run"]["phase"] for line in lines if "run" in line][-1] == "completed"
    assert gate.held == 0


def test_a_browser_that_goes_gives_its_place_back() -> None:
    provider, gate = FakeProvider({"w": FakeWorkflow("", lambda run: str(run.ask(TextInput())))}), Gate()
    run_id = start(provider, "w")
    times = iter(range(0, 1000, 6))  # past a sign of life at every look
    lines = watch(Watch(provider, ME, run_id, 0, hold=True, places=9), gate, clock=lambda: next(times))
    next(lines)
    while not gate.held:
        next(lines)
    lines.close()  # type: ignore[attr-defined]
    assert gate.held == 0


def test_without_a_place_the_response_ends_at_once_and_says_when_to_come_back() -> None:
    provider = FakeProvider({"w": FakeWorkflow("", lambda run: str(run.ask(TextInput())))})
    run_id = start(provider, "w")
    lines = read(watch(Watch(provider, ME, run_id, 0, hold=True, places=0), Gate()))
    assert lines[-1]["next"] > 0
    assert len(lines) == 2


def test_a_response_is_not_held_for_ever() -> None:
    provider = FakeProvider({"w": FakeWorkflow("", lambda run: str(run.ask(TextInput())))})
    run_id = start(provider, "w")
    times = iter(range(0, 1000, 10))
    lines = read(watch(Watch(provider, ME, run_id, 0, hold=True, places=9), Gate(), clock=lambda: next(times)))
    assert lines[-1] == {"next": 0}
    assert len(lines) < HOLD_S


def test_text_under_way_is_shown_and_its_end_is_not_held_back() -> None:
    def script(run: FakeRun) -> str:
        run.ask(TextInput(uuid="q"))
        for piece in ("**he", "llo** ", "world"):
            run.chunk(TextChunk(sender="a", stream="s", delta=piece))
        run.pause(1.2)
        run.emit(TextMessage(sender="a", body="**hello** world"))
        return ""

    provider = FakeProvider({"w": FakeWorkflow("", script)})
    run_id = start(provider, "w")
    lines = watch(Watch(provider, ME, run_id, 0, hold=True, places=9), Gate())
    seen = [json.loads(next(lines))]
    while not provider.run(run_id, caller=ME).questions:
        pass
    provider.answer(run_id, "q", "go", caller=ME)
    seen += read(lines)
    streams = [line["stream"]["html"] for line in seen if "stream" in line]
    assert streams[-1] == "<p><strong>hello</strong> world</p>\n"
    texts = [row["html"] for line in seen for row in line.get("rows", []) if row["type"] == "text_message"]
    assert texts == streams[-1:]


def test_a_browser_that_comes_in_the_middle_of_a_message_sees_it_from_its_beginning() -> None:
    def script(run: FakeRun) -> str:
        run.chunk(TextChunk(sender="a", stream="s", delta="**Once** "))
        run.ask(TextInput(uuid="q"))
        run.chunk(TextChunk(sender="a", stream="s", delta="upon"))
        return str(run.ask(TextInput(uuid="r")))

    provider = FakeProvider({"w": FakeWorkflow("", script)})
    run_id = start(provider, "w")
    while not provider.run(run_id, caller=ME).questions:
        pass
    shown = []
    for _ in range(2):
        lines = map(json.loads, watch(Watch(provider, ME, run_id, 0, hold=True, places=9), Gate()))
        shown.append(next(line["stream"]["html"] for line in lines if "stream" in line))
        if len(shown) == 1:
            provider.answer(run_id, "q", "go", caller=ME)
            while not provider.run(run_id, caller=ME).questions:
                pass
    assert shown == ["<p><strong>Once</strong></p>\n", "<p><strong>Once</strong> upon</p>\n"]


def test_a_backend_that_is_away_is_a_line_not_an_error() -> None:
    provider = FakeProvider({"w": FakeWorkflow("", lambda run: "")})
    provider.down = True
    lines = read(watch(Watch(provider, ME, "0" * 32, 0, hold=True, places=9), Gate()))
    assert "cannot be reached" in lines[0]["trouble"]
    assert lines[1]["next"] > 0


def test_somebody_elses_run_is_gone(counted: tuple[FakeProvider, str]) -> None:
    provider, run_id = counted
    lines = read(watch(Watch(provider, Caller(user_id="you"), run_id, 0, hold=True, places=9), Gate()))
    assert [list(line) for line in lines] == [["gone"], ["next"]]


def asking(run: FakeRun) -> str:
    run.emit(TextMessage(body="a word"))
    return str(run.ask(TextInput(uuid="q")))


def asked() -> tuple[FakeProvider, str]:
    provider = FakeProvider({"w": FakeWorkflow("", asking)})
    run_id = start(provider, "w")
    while not provider.run(run_id, caller=ME).questions:
        pass
    return provider, run_id


def test_after_a_failover_the_browser_is_told_to_read_anew_wherever_it_asks() -> None:
    provider, run_id = asked()
    assert "epoch" not in history(provider, ME, run_id, None)
    provider.fail_over(run_id, keep=3)
    anew = [{"anew": 1}, {"next": 0}]
    for hold in (True, False):
        for after in (0, 3):
            assert read(watch(Watch(provider, ME, run_id, after, hold=hold, places=9), Gate())) == anew
    assert history(provider, ME, run_id, 2) == {"anew": 1}
    page = history(provider, ME, run_id, None)
    assert page["epoch"] == 1
    assert [row["seq"] for row in page["rows"]] == [1, 2, 3]
    again = read(watch(Watch(provider, ME, run_id, 3, hold=False, places=9, epoch=1), Gate()))
    assert again[0]["rows"] == []
    assert history(provider, ME, run_id, 2, epoch=1)["rows"][0]["seq"] == 1


def test_a_held_response_ends_at_the_failover() -> None:
    provider, run_id = asked()
    lines = watch(Watch(provider, ME, run_id, 3, hold=True, places=9), Gate())
    next(lines)
    provider.fail_over(run_id, keep=2)
    assert read(lines)[-2:] == [{"anew": 1}, {"next": 0}]


def test_a_sign_of_life_of_another_epoch_is_not_taken_for_one() -> None:
    class Deaf(FakeProvider):
        """Mends its connection, and has not heard of it."""

        def follow(self, run_id: str, **_: Any) -> Iterator[None]:  # type: ignore[override]
            self.fail_over(run_id, keep=2)
            yield None

    provider = Deaf({"w": FakeWorkflow("", asking)})
    run_id = start(provider, "w")
    while not provider.run(run_id, caller=ME).questions:
        pass
    times = iter(range(0, 1000, 6))
    lines = read(watch(Watch(provider, ME, run_id, 3, hold=True, places=9), Gate(), clock=lambda: next(times)))
    assert lines[-2:] == [{"anew": 1}, {"next": 0}]


class Admitted:
    """Somebody who has signed in."""

    has_ended = False

    def check(self) -> None:
        pass

    def over(self) -> None:
        self.has_ended = True


def test_whoever_has_signed_out_elsewhere_is_told_soon_and_gives_the_place_back() -> None:
    provider = FakeProvider({"ask": FakeWorkflow("Asks.", asking)})
    now, gate = [0.0], Gate()

    class Ended(Admitted):
        def check(self) -> None:
            raise SignedOut("Ended.")

    def clock() -> float:
        now[0] += 3
        return now[0]

    request = Watch(
        provider, ME, start(provider, "ask"), after=0, hold=True, places=10, admission=(admission := Ended())
    )
    lines = read(watch(request, gate, clock))
    assert lines[-2:] == [{"signed_out": 1}, {"next": None}]
    assert gate.held == 0
    assert admission.has_ended


@pytest.mark.parametrize("signs_in", [True, False])
def test_a_backend_that_does_not_know_who_asks(signs_in: bool) -> None:
    """Where the page signs nobody in, that is a trouble like others."""
    provider = FakeProvider({"ask": FakeWorkflow("Asks.", asking)})
    run_id = start(provider, "ask")

    def refuse(*_: object, **__: object) -> Any:
        raise SignedOut("The backend does not know who you are.")

    provider.messages = refuse  # type: ignore[method-assign]
    request = Watch(provider, ME, run_id, after=0, hold=True, places=10, admission=Admitted() if signs_in else None)
    first, last = read(watch(request, Gate()))
    assert last == {"next": None if signs_in else 2000}
    assert first == ({"signed_out": 1} if signs_in else {"trouble": first.get("trouble")})


def test_a_text_that_utf_8_cannot_hold_does_not_stop_the_lines() -> None:
    assert json.loads(line({"gone": "a\ud800b"})) == {"gone": "a?b"}
