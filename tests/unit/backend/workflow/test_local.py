"""The provider of this very process: its thread starts when needed, and ends without leaving anybody waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastagency_backend.settings import BackendSettings
from fastagency_backend.workflow import UI, AsyncUI, Workflow, local
from fastagency_backend.workflow.local import LocalProvider
from fastagency_shared.messages import LoggedMessage

DEADLINE_S = 60.0


@pytest.fixture(autouse=True)
def others_have_ended() -> None:
    """A store's thread says that it has stopped just before it ends: those of earlier tests may have a moment left."""
    for thread in threading.enumerate():
        if thread.name.startswith("fastagency-"):
            thread.join(10)


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[LocalProvider]:
    wf = Workflow()

    @wf.register("ask", "Asks")
    def ask(ui: UI, params: dict[str, Any]) -> str:
        return ui.text_input(prompt="well?")

    @wf.register("burst", "Says much")
    async def burst(ui: AsyncUI, params: dict[str, Any]) -> None:
        for number in range(5000):
            await ui.text_message(body=str(number))

    provider = LocalProvider(wf.specs, BackendSettings(database=tmp_path / "runs.sqlite3"))
    yield provider
    provider.close()


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("fastagency-")}


def test_nothing_runs_before_the_first_use(provider: LocalProvider) -> None:
    assert provider.names == ["ask", "burst"]
    assert threads() == set()
    provider.runs()
    assert threads()


def test_closing_ends_every_thread_and_may_be_repeated(provider: LocalProvider) -> None:
    provider.start("ask", {})
    provider.close()
    provider.close()
    for thread in threading.enumerate():
        if thread.name.startswith("fastagency-"):
            thread.join(DEADLINE_S)
    assert threads() == set()


def test_the_next_use_after_closing_goes_on_with_the_runs(provider: LocalProvider) -> None:
    run = provider.start("ask", {}).workflow_uuid
    question = next(m for m in provider.follow(run) if m is not None and m.is_question)
    provider.close()
    provider.answer(run, question.uuid, "fine")
    *_, last = [message for message in provider.follow(run) if message is not None]
    assert last.type == "workflow_completed"


@pytest.mark.parametrize("workflow", ["ask", "burst"])
def test_closing_sends_followers_home(provider: LocalProvider, monkeypatch: pytest.MonkeyPatch, workflow: str) -> None:
    """A waiting one, and one that is far behind."""
    monkeypatch.setattr(local, "FOLLOW_QUEUE", 1)
    run = provider.start(workflow, {}).workflow_uuid
    entered, go_on, left = threading.Event(), threading.Event(), threading.Event()
    seen: list[Any] = []

    def follow() -> None:
        for message in provider.follow(run, beat_s=3600):
            seen.append(message)
            if not entered.is_set():
                entered.set()
                if workflow == "burst":
                    go_on.wait(DEADLINE_S)
        left.set()

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    assert entered.wait(DEADLINE_S)
    while workflow == "burst" and not provider.run(run).status.ended:
        time.sleep(0.01)
    provider.close()
    go_on.set()
    assert left.wait(DEADLINE_S / 3), "the follower is still waiting"
    seqs = [message.seq for message in seen if isinstance(message, LoggedMessage) and message.seq]
    assert seqs == list(range(1, len(seqs) + 1))


def test_a_follower_that_leaves_early_is_forgotten(provider: LocalProvider) -> None:
    run = provider.start("ask", {}).workflow_uuid
    for _ in range(20):
        messages = provider.follow(run)
        assert next(messages) is not None
        messages.close()  # type: ignore[attr-defined]
    assert provider.run(run).workflow_uuid == run
