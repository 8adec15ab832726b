"""Every form of a classic conversation, on the real engine, with the real client against a model over HTTP."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from autogen import ConversableAgent, GroupChat, GroupChatManager, LLMConfig
from autogen.agentchat import initiate_group_chat, run_group_chat
from autogen.agentchat.group import AgentTarget, ContextVariables, OnCondition, ReplyResult, StringLLMCondition
from autogen.agentchat.group.patterns import DefaultPattern, RoundRobinPattern
from autogen.events import base_event
from fastagency_backend.workflow.ui import UI, AsyncUI
from fastagency_shared.answer import Answer
from fastagency_shared.messages import (
    FunctionCallExecution,
    Question,
    TextChunk,
    TextInput,
    TextMessage,
    WorkflowCompleted,
)

from tests.fakes.classic import agent, flow, person, plain
from tests.fakes.engine import Seen, logged, running, start, watch
from tests.fakes.openai_server import OpenAIServer


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the framework prints, and what its own log handlers write."""
    output = io.StringIO()
    monkeypatch.setattr(base_event, "event_print", lambda *objects, **_: output.write(f"{objects}"))
    for handler in logging.getLogger("autogen.oai.client").handlers:
        monkeypatch.setattr(handler, "stream", output)
    return output


async def played(path: Path, function: Any, answers: list[str] | None = None) -> list[Seen]:
    """All that a client sees of a run, every message but the transient ones also being in its log."""
    left = list(answers or [])

    def answer(_question: Question) -> Answer:
        return left.pop(0)

    async with running(path / "runs.db", flow(function)) as engine:
        await start(engine)
        seen = await watch(engine, answer=answer)
        assert plain(seen) == plain(await logged(engine))
    assert left == []
    return seen


def told(seen: list[Seen]) -> list[tuple[str | None, str | None, str | None]]:
    return [(m.sender, m.recipient, m.body) for m in seen if isinstance(m, TextMessage)]


def notices(seen: list[Seen]) -> list[str]:
    return [m.message["text"] for m in seen if m.type == "system_message"]  # type: ignore[union-attr,misc]


def result(seen: list[Seen]) -> str | None:
    last = seen[-1]
    assert isinstance(last, WorkflowCompleted)
    return last.result


async def test_the_guides_chat(tmp_path: Path, server: OpenAIServer, terminal: io.StringIO) -> None:
    server.behaviour.answers.extend(["one", "two", "three", "summary"])

    def chat(ui: UI, params: dict[str, Any]) -> str:
        student, teacher = agent("student", server), agent("teacher", server)
        outcome = student.initiate_chat(teacher, message="hi", summary_method="reflection_with_llm", max_turns=2)
        return str(outcome.summary)

    seen = await played(tmp_path, chat)
    assert told(seen) == [
        ("student", "teacher", "hi"),
        ("teacher", "student", "one"),
        ("student", "teacher", "two"),
        ("teacher", "student", "three"),
    ]
    assert notices(seen) == ["The conversation ends: Maximum turns (2) reached."]
    assert result(seen) == "summary"
    assert terminal.getvalue() == ""


async def test_what_the_framework_logs_is_not_on_the_output(
    tmp_path: Path, server: OpenAIServer, terminal: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    def chat(ui: UI, params: dict[str, Any]) -> None:
        model = {"model": "without-a-price", "api_key": "sk-fake", "base_url": server.base_url}
        teacher = ConversableAgent("teacher", llm_config=LLMConfig(model), human_input_mode="NEVER")
        agent("student", server).initiate_chat(teacher, message="hi", max_turns=1)

    await played(tmp_path, chat)
    assert "without-a-price" in caplog.text
    assert terminal.getvalue() == ""


def run_and_process(server: OpenAIServer) -> Any:
    def chat(ui: UI, params: dict[str, Any]) -> str:
        response = agent("student", server).run(agent("teacher", server), message="hi", max_turns=1)
        return ui.process(response)

    return chat


def run_iter(server: OpenAIServer) -> Any:
    def chat(ui: UI, params: dict[str, Any]) -> str:
        return ui.process(agent("student", server).run_iter(agent("teacher", server), message="hi", max_turns=1))

    return chat


def run_and_leave(server: OpenAIServer) -> Any:
    def chat(ui: UI, params: dict[str, Any]) -> str:
        response = agent("student", server).run(agent("teacher", server), message="hi", max_turns=1)
        response.process()
        return str(response.summary)

    return chat


def a_run_on_the_loop(server: OpenAIServer) -> Any:
    async def chat(ui: AsyncUI, params: dict[str, Any]) -> str:
        response = await agent("student", server).a_run(agent("teacher", server), message="hi", max_turns=1)
        return await ui.process(response)

    return chat


def a_run_on_its_own_loop(server: OpenAIServer) -> Any:
    async def chat(ui: UI, params: dict[str, Any]) -> str:
        response = await agent("student", server).a_run(agent("teacher", server), message="hi", max_turns=1)
        return await ui.async_process(response)

    return chat


@pytest.mark.parametrize("make", [run_and_process, run_iter, run_and_leave, a_run_on_the_loop, a_run_on_its_own_loop])
async def test_the_newer_forms_show_every_event_once(
    make: Any, tmp_path: Path, server: OpenAIServer, terminal: io.StringIO
) -> None:
    server.behaviour.answers.append("one")
    seen = await played(tmp_path, make(server))
    assert told(seen) == [("student", "teacher", "hi"), ("teacher", "student", "one")]
    assert notices(seen) == [
        "The conversation ends: Maximum turns (1) reached.",
        "The chat is complete; teacher spoke last.",
    ]
    assert result(seen) == "one"
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("form", ["blocking", "async"])
async def test_a_run_may_end_with_a_function_call(form: str, tmp_path: Path, server: OpenAIServer) -> None:
    server.behaviour.answers.append([{"name": "lookup", "arguments": {}}])

    def agents() -> tuple[ConversableAgent, ConversableAgent]:
        student, teacher = agent("student", server), agent("teacher", server)
        teacher.register_for_llm(description="The meaning of a word")(lookup)
        return student, teacher

    def lookup() -> str:
        return "never called"

    def chat(ui: UI, params: dict[str, Any]) -> str:
        student, teacher = agents()
        return ui.process(student.run(teacher, message="hi", max_turns=1))

    async def a_chat(ui: AsyncUI, params: dict[str, Any]) -> str:
        student, teacher = agents()
        return await ui.process(await student.a_run(teacher, message="hi", max_turns=1))

    seen = await played(tmp_path, chat if form == "blocking" else a_chat)
    assert seen[-1].type == "workflow_completed"
    assert notices(seen)[-1] == "The chat is complete; teacher spoke last."


@pytest.mark.parametrize("make", [run_and_process, a_run_on_the_loop, a_run_on_its_own_loop])
async def test_an_error_of_the_model_fails_the_run_in_one_message(
    make: Any, tmp_path: Path, server: OpenAIServer
) -> None:
    server.behaviour.failures.append(400)
    seen = await played(tmp_path, make(server))
    assert [m.type for m in seen if m.type in ("error", "workflow_failed")] == ["workflow_failed"]
    assert "the test wants" not in seen[-1].model_dump_json()


async def test_pieces_of_a_streamed_reply(tmp_path: Path, server: OpenAIServer) -> None:
    server.behaviour.answers.append("one two")

    def chat(ui: UI, params: dict[str, Any]) -> None:
        agent("student", server).initiate_chat(agent("teacher", server, stream=True), message="hi", max_turns=1)

    seen = await played(tmp_path, chat)
    chunks = [m for m in seen if isinstance(m, TextChunk)]
    assert "".join(m.delta for m in chunks) == "one two"
    assert {m.sender for m in chunks} == {"teacher"}
    assert len({m.stream for m in chunks}) == 1
    assert told(seen)[-1] == ("teacher", "student", "one two")


@pytest.mark.parametrize("form", ["blocking", "async"])
async def test_functions(form: str, tmp_path: Path, server: OpenAIServer) -> None:
    calls = [{"name": "lookup", "arguments": {"word": "sea"}}, {"name": "fetch", "arguments": {"word": "sky"}}]
    server.behaviour.answers.extend([calls, "done"])  # type: ignore[list-item]

    def agents() -> tuple[ConversableAgent, ConversableAgent]:
        student, teacher = agent("student", server), agent("teacher", server)

        @student.register_for_execution()
        @teacher.register_for_llm(description="The meaning of a word")
        def lookup(word: Annotated[str, "The word"]) -> str:
            return f"meaning of {word}"

        @student.register_for_execution()
        @teacher.register_for_llm(description="A picture of a word")
        async def fetch(word: Annotated[str, "The word"]) -> str:
            raise LookupError(f"no {word}")

        return student, teacher

    def chat(ui: UI, params: dict[str, Any]) -> None:
        student, teacher = agents()
        student.initiate_chat(teacher, message="hi", max_turns=2)

    async def a_chat(ui: AsyncUI, params: dict[str, Any]) -> None:
        student, teacher = agents()
        await student.a_initiate_chat(teacher, message="hi", max_turns=2)

    seen = await played(tmp_path, chat if form == "blocking" else a_chat)
    suggested = [(m.sender, m.function_name) for m in seen if m.type == "suggested_function_call"]  # type: ignore[union-attr]
    assert suggested == [("teacher", "lookup"), ("teacher", "fetch")]
    executions = sorted((m for m in seen if isinstance(m, FunctionCallExecution)), key=lambda m: str(m.function_name))
    assert [(m.sender, m.function_name, m.retval) for m in executions] == [
        ("student", "fetch", {"error": "Error: no sky"}),
        ("student", "lookup", "meaning of sea"),
    ]
    assert told(seen)[-1] == ("teacher", "student", "done")


def person_in_a_thread(server: OpenAIServer) -> Any:
    def chat(ui: UI, params: dict[str, Any]) -> None:
        person().initiate_chat(agent("teacher", server), message="hi", max_turns=10)

    return chat


def person_in_a_run(server: OpenAIServer) -> Any:
    def chat(ui: UI, params: dict[str, Any]) -> None:
        ui.process(person().run(agent("teacher", server), message="hi", max_turns=10))

    return chat


def person_on_the_loop(server: OpenAIServer) -> Any:
    async def chat(ui: AsyncUI, params: dict[str, Any]) -> None:
        await ui.process(await person().a_run(agent("teacher", server), message="hi", max_turns=10))

    return chat


def person_on_its_own_loop(server: OpenAIServer) -> Any:
    async def chat(ui: UI, params: dict[str, Any]) -> None:
        await ui.async_process(await person().a_run(agent("teacher", server), message="hi", max_turns=10))

    return chat


@pytest.mark.parametrize("make", [person_in_a_thread, person_in_a_run, person_on_the_loop, person_on_its_own_loop])
async def test_a_person_is_asked_through_the_page(make: Any, tmp_path: Path, server: OpenAIServer) -> None:
    server.behaviour.answers.extend(["one", "two", "three"])
    seen = await played(tmp_path, make(server), answers=["I see", "skip", "exit"])
    questions = [m for m in seen if isinstance(m, TextInput)]
    assert [m.sender for m in questions] == ["person"] * 3
    assert questions[0].suggestions == ["skip", "exit"]
    assert "teacher" in (questions[0].prompt or "")
    assert ("person", "teacher", "I see") in told(seen)
    assert "The conversation ends: User requested to end the conversation." in notices(seen)


async def test_a_person_is_asked_when_the_conversation_would_end(tmp_path: Path, server: OpenAIServer) -> None:
    server.behaviour.answers.extend(["well, TERMINATE", "more, TERMINATE"])

    def chat(ui: UI, params: dict[str, Any]) -> None:
        ends = {"is_termination_msg": lambda message: "TERMINATE" in (message["content"] or "")}
        user = ConversableAgent("person", llm_config=False, human_input_mode="TERMINATE", **ends)
        user.initiate_chat(agent("teacher", server), message="hi")

    seen = await played(tmp_path, chat, answers=["go on", ""])
    assert [m.suggestions for m in seen if isinstance(m, TextInput)] == [["exit"], ["exit"]]
    assert ("person", "teacher", "go on") in told(seen)


def classic_group(server: OpenAIServer) -> Any:
    def chat(ui: UI, params: dict[str, Any]) -> None:
        agents: list[Any] = [agent(name, server) for name in ("ann", "bob", "eve")]
        group = GroupChat(agents=agents, messages=[], max_round=4, speaker_selection_method="round_robin")
        agents[0].initiate_chat(GroupChatManager(groupchat=group, llm_config=False), message="hi")

    return chat


async def test_a_group_chat_shows_who_speaks(tmp_path: Path, server: OpenAIServer) -> None:
    server.behaviour.answers.extend(["from bob", "from eve", "from ann"])
    seen = await played(tmp_path, classic_group(server))
    assert [(sender, body) for sender, _, body in told(seen)] == [
        ("ann", "hi"),
        ("bob", "from bob"),
        ("eve", "from eve"),
        ("ann", "from ann"),
    ]
    assert notices(seen)[:2] == ["Next speaker: bob", "Next speaker: eve"]


async def test_a_person_chooses_the_next_speaker(tmp_path: Path, server: OpenAIServer) -> None:
    server.behaviour.answers.append("from eve")

    def chat(ui: UI, params: dict[str, Any]) -> None:
        agents: list[Any] = [agent(name, server) for name in ("ann", "bob", "eve")]
        group = GroupChat(agents=agents, messages=[], max_round=2, speaker_selection_method="manual")
        agents[0].initiate_chat(GroupChatManager(groupchat=group, llm_config=False), message="hi")

    seen = await played(tmp_path, chat, answers=["9", "3"])
    assert notices(seen)[0] == "Who speaks next?\n\n1. ann\n2. bob\n3. eve"
    assert "Please choose a number from 1 to 3." in notices(seen)
    assert told(seen)[-1][0] == "eve"


def handoffs(server: OpenAIServer, run: bool) -> Any:
    def chat(ui: UI, params: dict[str, Any]) -> str:
        ann, bob = agent("ann", server), agent("bob", server)
        bob.handoffs.add_llm_condition(OnCondition(target=AgentTarget(ann), condition=StringLLMCondition("back")))

        @ann.register_for_llm(description="Count")
        def count(step: int, context_variables: ContextVariables) -> ReplyResult:
            total = context_variables.get("total", 0) + step
            return ReplyResult(
                message=f"total {total}",
                target=AgentTarget(bob),
                context_variables=ContextVariables(data={"total": total}),
            )

        pattern = DefaultPattern(initial_agent=ann, agents=[ann, bob], context_variables=ContextVariables(data={}))
        if run:
            response = run_group_chat(pattern=pattern, messages="hi", max_rounds=4)
            ui.process(response)
            return str(response.context_variables.to_dict())
        _, variables, _ = initiate_group_chat(pattern=pattern, messages="hi", max_rounds=4)
        return str(variables.to_dict())

    return chat


@pytest.mark.parametrize("run", [False, True])
async def test_a_pattern_with_handoffs_and_context(run: bool, tmp_path: Path, server: OpenAIServer) -> None:
    server.behaviour.answers.extend([[{"name": "count", "arguments": {"step": 2}}], "done", "over"])
    seen = await played(tmp_path, handoffs(server, run))
    executed = [(m.function_name, m.retval) for m in seen if isinstance(m, FunctionCallExecution)]
    assert executed == [("count", "total 2")]
    assert "ann hands over to bob." in notices(seen)
    assert result(seen) == "{'total': 2}"


async def test_nested_chats_show_their_agents(tmp_path: Path, server: OpenAIServer) -> None:
    server.behaviour.answers.extend(["draft", "critique", "final"])

    def chat(ui: UI, params: dict[str, Any]) -> None:
        student, writer, critic = agent("student", server), agent("writer", server), agent("critic", server)
        nested = [{"recipient": critic, "max_turns": 1, "message": "Look at this", "summary_method": "last_msg"}]
        writer.register_nested_chats(nested, trigger=student)
        student.initiate_chat(writer, message="Write", max_turns=1)

    seen = await played(tmp_path, chat)
    assert [(sender, recipient) for sender, recipient, _ in told(seen)] == [
        ("student", "writer"),
        ("writer", "critic"),
        ("critic", "writer"),
        ("writer", "student"),
    ]
    assert any(text.startswith("writer starts a chat with critic.") for text in notices(seen))


async def test_a_round_robin_pattern(tmp_path: Path, server: OpenAIServer) -> None:
    server.behaviour.answers.extend(["one", "two"])

    def chat(ui: UI, params: dict[str, Any]) -> None:
        agents = [agent("ann", server), agent("bob", server)]
        initiate_group_chat(pattern=RoundRobinPattern(agents[0], agents), messages="hi", max_rounds=3)

    seen = await played(tmp_path, chat)
    assert [sender for sender, _, _ in told(seen)][-2:] == ["ann", "bob"]
