"""Two people, sockets of both versions, in any order: nobody hears a word of the other's, and nothing breaks."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, TypeVar

import httpx
import pytest
from fastagency_backend.web import FastAPIAdapter
from fastagency_backend.workflow import AsyncUI, Workflow
from fastagency_shared.connection import SUBPROTOCOL_V2, CloseCode
from fastapi import FastAPI, Header
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.integration.server import serve, settings_in

T = TypeVar("T")

USERS = ("ann", "bob")
WAIT_S = 0.05
"""How long something may take to come; that nothing came decides nothing."""
users = st.sampled_from(USERS)
indices = st.integers(0, 99)
"""Of what there is: what has come by then must not decide what is drawn."""
garbage = st.sampled_from(["", "{", "[]", "null", '{"type": "answer"}', '{"type": "nothing"}', "x" * 300_000, "7"])


def by_token(token: Annotated[str, Header()]) -> str:
    return token


def workflows() -> Workflow:
    wf = Workflow()

    @wf.register(name="echo", description="Says what it is told, three times")
    async def echo(ui: AsyncUI, params: dict[str, Any]) -> str:
        for _ in range(3):
            told = await ui.text_input(prompt=f"{params['mark']}?", sender=params["mark"])
            await ui.text_message(body=f"{params['mark']}: {told}")
        return str(params["mark"])

    return wf


def _chosen(among: list[T], index: int) -> T:
    return among[index % len(among)]


class Line:
    """A socket of somebody, and what came over it."""

    def __init__(self, user: str, run: str, ws: ClientConnection, *, v2: bool) -> None:
        self.user, self.run, self.ws, self.v2 = user, run, ws, v2
        self.heard: list[dict[str, Any]] = []
        self.open = True

    def listen(self) -> None:
        while self.open:
            try:
                self.heard.append(json.loads(self.ws.recv(timeout=WAIT_S)))
            except TimeoutError:
                return
            except ConnectionClosed:
                self.open = False

    def say(self, frame: str) -> None:
        try:
            self.ws.send(frame)
        except ConnectionClosed:
            self.open = False

    @property
    def asked(self) -> str | None:
        """The question that was heard last."""
        return next((each["uuid"] for each in reversed(self.heard) if each["type"] == "text_input"), None)


class Sockets(RuleBasedStateMachine):
    url = ""
    """Of the server, which all examples share."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.runs: dict[str, list[str]] = {user: [] for user in USERS}
        self.lines: list[Line] = []

    def teardown(self) -> None:
        self.stack.close()

    @rule(user=users)
    def start(self, user: str) -> None:
        body = {"workflow_name": "echo", "params": {"mark": f"{user}'s"}}
        reply = httpx.post(f"{self.url}/fastagency/initiate_workflow", json=body, headers={"token": user})
        self.runs[user].append(reply.raise_for_status().json()["workflow_uuid"])

    def line(self, user: str, run: str, *, v2: bool, after: int = 0) -> Line:
        ws = self.stack.enter_context(
            connect(
                f"ws{self.url.removeprefix('http')}/fastagency/ws",
                additional_headers={"token": user},
                subprotocols=[Subprotocol(SUBPROTOCOL_V2)] if v2 else None,
                close_timeout=1,
            )
        )
        line = Line(user, run, ws, v2=v2)
        self.lines.append(line)
        line.say(json.dumps({"workflow_uuid": run, "user_id": "ann", "params": {}, "name": "echo", "after": after}))
        line.listen()
        return line

    @rule(user=users, v2=st.booleans(), index=indices)
    def follow(self, user: str, v2: bool, index: int) -> None:
        if self.runs[user]:
            line = self.line(user, _chosen(self.runs[user], index), v2=v2)
            assert line.heard or line.open

    @rule(user=users, v2=st.booleans(), index=indices)
    def follow_the_others(self, user: str, v2: bool, index: int) -> None:
        (other,) = set(USERS) - {user}
        if self.runs[other]:
            line = self.line(user, _chosen(self.runs[other], index), v2=v2)
            while line.open:  # it is about to be closed
                line.listen()
            assert [each["type"] for each in line.heard] == ["error"]
            assert line.ws.close_code == CloseCode.NOT_FOUND

    def drawn(self, index: int) -> Line | None:
        open_ones = [line for line in self.lines if line.open]
        return _chosen(open_ones, index) if open_ones else None

    @precondition(lambda self: self.lines)
    @rule(index=indices)
    def answer(self, index: int) -> None:
        line = self.drawn(index)
        if line is None or line.asked is None:
            return
        text = f"{line.user}'s answer"
        line.say(json.dumps({"type": "answer", "question": line.asked, "value": text}) if line.v2 else text)
        line.listen()

    @precondition(lambda self: self.lines)
    @rule(index=indices)
    def answer_a_question_of_the_other(self, index: int) -> None:
        line = self.drawn(index)
        theirs = [each.asked for each in self.lines if line and each.user != line.user and each.asked]
        if line is None or not line.v2 or not theirs:
            return
        line.say(json.dumps({"type": "answer", "question": theirs[-1], "value": f"{line.user}'s intrusion"}))
        line.listen()
        results = [each for each in line.heard if each["type"] == "answer_result"]
        assert not results or not results[-1]["content"]["accepted"] or results[-1]["content"]["question"] != theirs[-1]

    @precondition(lambda self: self.lines)
    @rule(index=indices, frame=garbage)
    def say_nonsense(self, index: int, frame: str) -> None:
        if (line := self.drawn(index)) is not None and (line.v2 or len(frame) > 200_000):
            line.say(frame)
            line.listen()

    @precondition(lambda self: self.lines)
    @rule(index=indices)
    def cancel(self, index: int) -> None:
        if (line := self.drawn(index)) is not None and line.v2:
            line.say('{"type": "cancel"}')
            line.listen()

    @precondition(lambda self: self.lines)
    @rule(index=indices)
    def leave(self, index: int) -> None:
        if (line := self.drawn(index)) is not None:
            line.ws.close()
            line.open = False

    @invariant()
    def nobody_hears_of_the_others(self) -> None:
        for line in self.lines:
            (other,) = set(USERS) - {line.user}
            assert f"{other}'s" not in json.dumps(line.heard, ensure_ascii=False)
            assert {each["workflow_uuid"] for each in line.heard if each["type"] != "error"} <= {line.run}
            numbers = [each["seq"] for each in line.heard if "seq" in each]
            assert numbers == list(range(1, len(numbers) + 1))

    @invariant()
    def none_was_closed_by_a_failure(self) -> None:
        assert CloseCode.INTERNAL not in {line.ws.close_code for line in self.lines}


@pytest.mark.timeout(300)
def test_two_people_and_sockets_of_both_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = settings_in(tmp_path).model_copy(update={"max_starts_per_minute": 10_000, "max_streams_per_user": 10_000})
    app = FastAPI()
    app.include_router(FastAPIAdapter(workflows(), get_user_id=by_token, settings=many).router)
    with serve(app) as url:
        monkeypatch.setattr(Sockets, "url", url)
        run_state_machine_as_test(
            Sockets,
            settings=settings(
                max_examples=6,
                stateful_step_count=20,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                database=None,
                phases=[Phase.generate],
            ),
        )
