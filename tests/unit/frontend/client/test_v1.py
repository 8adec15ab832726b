"""A backend that has the three routes of the guide only: conversations work as far as v1 goes."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from fastagency_frontend.client import FastAPIProvider
from fastagency_shared import errors
from fastagency_shared.messages import (
    InputAnswered,
    LoggedMessage,
    SystemMessage,
    TextMessage,
    WorkflowCancelled,
    WorkflowCompleted,
    WorkflowFailed,
    new_uuid,
)
from fastagency_shared.provider import Caller
from fastagency_shared.run import RunStatus
from websockets.sync.server import ServerConnection

from tests.unit.frontend.client.scripted import Backend, Script, backend, cut, said, until_closed

ANN = Caller("ann", {"authorization": "Bearer ann"})
DONE = said(None, kind="workflow_completed", result="ok")


def guide_routes(request: httpx.Request) -> httpx.Response:
    """As the backend of the guide: it makes up an id of its own."""
    if request.url.path == "/fastagency/initiate_workflow":
        body = json.loads(request.content)
        reply = {"name": body["workflow_name"], "workflow_uuid": new_uuid(), "user_id": None, "params": body["params"]}
        return httpx.Response(200, json=reply)
    if request.url.path == "/fastagency/discovery":
        return httpx.Response(200, json=[{"name": "chat", "description": "Talk."}])
    return httpx.Response(404, json={"detail": "Not Found"})


@contextmanager
def v1(script: Script | HTTPStatus) -> Iterator[tuple[FastAPIProvider, Backend]]:
    with backend(script, v2=False) as server:
        yield FastAPIProvider(server.url, transport=httpx.MockTransport(guide_routes)), server


def asking(*frames: str, heard: list[Any] | None = None, then: tuple[str, ...] = (DONE,)) -> Script:
    """Sends the frames, waits for one answer, sends the rest, and closes."""

    def script(connection: ServerConnection) -> None:
        for frame in frames:
            connection.send(frame)
        answer = connection.recv()
        if heard is not None:
            heard.append(answer)
        for frame in then:
            connection.send(frame)

    return script


def followed(provider: FastAPIProvider, run_id: str, after: int = 0) -> list[LoggedMessage]:
    stream = provider.follow(run_id, after=after, beat_s=0.05, caller=ANN)
    return [message for message in stream if message is not None]  # type: ignore[misc]


def question_of(provider: FastAPIProvider, run_id: str) -> str:
    for _ in provider.follow(run_id, beat_s=0.05, caller=ANN):
        questions = provider.run(run_id, caller=ANN).questions
        if questions:
            return questions[-1].uuid
    raise AssertionError("the run ended without a question")


def test_a_conversation_from_start_to_end() -> None:
    heard: list[Any] = []
    script = asking(said(None, kind="text_input", prompt="Name?"), heard=heard, then=(said(None, "Hi"), DONE))
    with v1(script) as (provider, server):
        run = provider.start("chat", {"n": 1}, caller=ANN)
        provider.answer(run.workflow_uuid, question_of(provider, run.workflow_uuid), "Ann", caller=ANN)
        messages = followed(provider, run.workflow_uuid)
        end = provider.run(run.workflow_uuid, caller=ANN)
    assert heard == ["Ann"]
    assert [message.seq for message in messages] == [1, 2, 3, 4]
    assert {message.workflow_uuid for message in messages} == {run.workflow_uuid}
    assert isinstance(messages[1], InputAnswered)
    assert isinstance(messages[2], TextMessage)
    assert isinstance(messages[3], WorkflowCompleted)
    assert (end.status, end.result, end.last_seq) == (RunStatus.COMPLETED, "ok", 4)
    assert server.first_frames == [
        {"name": "chat", "workflow_uuid": run.workflow_uuid, "user_id": "ann", "params": {"n": 1}}
    ]
    assert server.headers[0]["authorization"] == "Bearer ann"


def test_several_choices_are_joined_by_commas_and_bad_ones_never_sent() -> None:
    heard: list[Any] = []
    ask = said(None, kind="multiple_choice", choices=["a", "b", "c"], single=False)
    with v1(asking(ask, heard=heard)) as (provider, _):
        run_id = provider.start("chat", {}, caller=ANN).workflow_uuid
        question = question_of(provider, run_id)
        with pytest.raises(errors.InvalidRequest):
            provider.answer(run_id, question, ["x"], caller=ANN)
        provider.answer(run_id, question, ["c", "a"], caller=ANN)
        with pytest.raises(errors.AlreadyAnswered):
            provider.answer(run_id, question, ["b"], caller=ANN)
        followed(provider, run_id)
    assert heard == ["a,c"]


def test_only_the_latest_question_can_be_answered_and_a_password_is_not_kept() -> None:
    first = said(None, kind="text_input", prompt="One?")
    second = json.dumps({"type": "text_input", "uuid": "m2", "content": {"prompt": "Two?", "password": True}})
    with v1(asking(first, second)) as (provider, _):
        run_id = provider.start("chat", {}, caller=ANN).workflow_uuid
        while question_of(provider, run_id) != "m2":
            pass
        with pytest.raises(errors.UnknownQuestion):
            provider.answer(run_id, "mNone", "x", caller=ANN)
        provider.answer(run_id, "m2", "hunter-2", caller=ANN)
        messages = followed(provider, run_id)
    assert "hunter-2" not in "".join(message.model_dump_json() for message in messages)


def ending(*frames: str, drop: bool = False) -> Script:
    def script(connection: ServerConnection) -> None:
        for frame in frames:
            connection.send(frame)
        if drop:
            cut(connection)

    return script


def test_completed_with_the_error_as_its_result_is_a_failure() -> None:
    completed = said(None, kind="workflow_completed", result="Broken: no luck")
    with v1(ending(said(None, kind="error", short="Broken."), completed)) as (provider, _):
        run_id = provider.start("chat", {}, caller=ANN).workflow_uuid
        last = followed(provider, run_id)[-1]
        assert isinstance(last, WorkflowFailed)
        assert last.short == "Broken."
        assert provider.run(run_id, caller=ANN).status is RunStatus.FAILED


def test_completed_after_an_error_that_the_workflow_showed_is_no_failure() -> None:
    with v1(ending(said(None, kind="error", short="A minor matter."), DONE)) as (provider, _):
        run_id = provider.start("chat", {}, caller=ANN).workflow_uuid
        assert isinstance(followed(provider, run_id)[-1], WorkflowCompleted)
        assert provider.run(run_id, caller=ANN).result == "ok"


def test_an_unknown_workflow_is_refused_though_the_backend_takes_any_name() -> None:
    with v1(ending(DONE)) as (provider, server):
        with pytest.raises(errors.UnknownWorkflow, match="There are: 'chat'"):
            provider.start("chatt", {}, caller=ANN)
        assert provider.runs(caller=ANN) == []
    assert server.first_frames == []


def test_unknown_types_are_shown_and_keep_alive_is_not() -> None:
    with v1(ending(said(None, kind="hologram"), said(None, kind="keep_alive"), DONE)) as (provider, _):
        messages = followed(provider, provider.start("chat", {}, caller=ANN).workflow_uuid)
    assert [type(message) for message in messages] == [SystemMessage, WorkflowCompleted]


@pytest.mark.parametrize("drop", [True, False])
def test_a_lost_connection_ends_the_conversation_and_says_why(drop: bool) -> None:
    with v1(ending(said(None, "Hi"), drop=drop)) as (provider, _):
        last = followed(provider, provider.start("chat", {}, caller=ANN).workflow_uuid)[-1]
    assert isinstance(last, WorkflowFailed)
    assert "too old to resume" in str(last.short)


@pytest.mark.parametrize(
    ("script", "sentence"), [(HTTPStatus.UNAUTHORIZED, "Sign in"), (ending("rubbish"), "is not a FastAgency backend")]
)
def test_what_cannot_be_followed_ends_with_one_sentence(script: Any, sentence: str) -> None:
    with v1(script) as (provider, _):
        last = followed(provider, provider.start("chat", {}, caller=ANN).workflow_uuid)[-1]
    assert isinstance(last, WorkflowFailed)
    assert sentence in str(last.short)


def test_stopping_closes_the_connection() -> None:
    closed = threading.Event()

    def script(connection: ServerConnection) -> None:
        connection.send(said(None, "Hi"))
        until_closed(connection)
        closed.set()

    with v1(script) as (provider, _):
        run_id = provider.start("chat", {}, caller=ANN).workflow_uuid
        assert isinstance(next(message for message in provider.follow(run_id, caller=ANN) if message), TextMessage)
        assert provider.cancel(run_id, caller=ANN).status is RunStatus.CANCELLED
        assert closed.wait(10)
        assert isinstance(followed(provider, run_id)[-1], WorkflowCancelled)
        assert provider.cancel(run_id, caller=ANN).last_seq == 2


def test_the_runs_of_this_process_are_listed_renamed_paged_and_removed() -> None:
    with v1(ending(said(None, "Hi"), said(None, "Ho"), DONE)) as (provider, _):
        ids = [provider.start("chat", {"n": n}, caller=ANN).workflow_uuid for n in range(3)]
        for run_id in ids:
            followed(provider, run_id)
        assert [run.workflow_uuid for run in provider.runs(caller=ANN)] == ids[::-1]
        assert [run.workflow_uuid for run in provider.runs(before=ids[2], limit=1, caller=ANN)] == [ids[1]]
        assert provider.runs() == []
        assert provider.rename(ids[0], " First ", caller=ANN).title == "First"
        with pytest.raises(errors.InvalidRequest):
            provider.rename(ids[0], "", caller=ANN)
        page = provider.messages(ids[0], after=1, limit=1, caller=ANN)
        assert ([message.seq for message in page.messages], page.more) == ([2], True)
        page = provider.messages(ids[0], before=3, caller=ANN)
        assert ([message.seq for message in page.messages], page.more) == ([1, 2], False)
        provider.delete(ids[0], caller=ANN)
        assert [run.workflow_uuid for run in provider.runs(caller=ANN)] == ids[:0:-1]
        with pytest.raises(errors.BackendIncompatible):
            provider.run(ids[0], caller=ANN)


def test_a_run_of_somebody_else_does_not_exist() -> None:
    with v1(ending(DONE)) as (provider, _):
        run_id = provider.start("chat", {}, caller=ANN).workflow_uuid
        with pytest.raises(errors.UnknownRun):
            provider.run(run_id, caller=Caller("eve"))


def test_the_same_request_is_the_same_run_and_another_one_a_conflict() -> None:
    with v1(ending(DONE)) as (provider, server):
        run_id = new_uuid()
        for _ in range(2):
            assert provider.start("chat", {"n": 1}, run_id=run_id, caller=ANN).workflow_uuid == run_id
        followed(provider, run_id)
        assert len(server.first_frames) == 1
        with pytest.raises(errors.Conflict):
            provider.start("chat", {"n": 2}, run_id=run_id, caller=ANN)
