"""Classic conversations that are interrupted, at any message, in any form: nothing is done twice, nothing is lost."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from autogen import GroupChat, GroupChatManager, UserProxyAgent
from autogen.agentchat import run_group_chat
from autogen.agentchat.group import AgentTarget, ContextVariables, ReplyResult
from autogen.agentchat.group.patterns import RoundRobinPattern
from autogen.coding import LocalCommandLineCodeExecutor
from autogen.coding.base import CommandLineCodeResult
from fastagency_backend.workflow.ui import UI, AsyncUI
from fastagency_shared.answer import Answer
from fastagency_shared.messages import Question

from tests.databases import Database
from tests.fakes.classic import agent, flow, person, plain, predictable
from tests.fakes.engine import RUN_ID, Seen, logged, running, start, watch
from tests.fakes.openai_server import OpenAIServer, fingerprint

Make = Callable[[OpenAIServer, Counter[str]], Any]


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        predictable(server)
        yield server


def learning(server: OpenAIServer, done: Counter[str]) -> Any:
    def chat(ui: UI, params: dict[str, Any]) -> str:
        subject = ui.text_input(prompt="What would you like to learn?")
        student, teacher = agent("student", server), agent("teacher", server)
        outcome = student.initiate_chat(
            teacher, message=f"Teach me {subject}", summary_method="reflection_with_llm", max_turns=3
        )
        return str(outcome.summary)

    return chat


def with_function(server: OpenAIServer, done: Counter[str]) -> tuple[Any, Any]:
    student, teacher = agent("student", server), agent("teacher", server)

    @student.register_for_execution()
    @teacher.register_for_llm(description="The meaning of a word")
    def lookup(word: Annotated[str, "The word"]) -> str:
        done[word] += 1
        if len(done) == 2:
            raise LookupError(f"no {word}")
        return f"meaning of {word}"

    return student, teacher


def functions(server: OpenAIServer, done: Counter[str]) -> Any:
    def chat(ui: UI, params: dict[str, Any]) -> str:
        student, teacher = with_function(server, done)
        return str(student.initiate_chat(teacher, message="Hello", max_turns=5).summary)

    return chat


def functions_on_the_loop(server: OpenAIServer, done: Counter[str]) -> Any:
    async def chat(ui: AsyncUI, params: dict[str, Any]) -> str:
        student, teacher = with_function(server, done)
        return str((await student.a_initiate_chat(teacher, message="Hello", max_turns=5)).summary)

    return chat


def asked_at_each_turn(server: OpenAIServer, done: Counter[str]) -> Any:
    def chat(ui: UI, params: dict[str, Any]) -> str:
        return ui.process(person().run(agent("teacher", server), message="Hello", max_turns=4))

    return chat


def asked_on_the_loop(server: OpenAIServer, done: Counter[str]) -> Any:
    async def chat(ui: AsyncUI, params: dict[str, Any]) -> str:
        return await ui.process(await person().a_run(agent("teacher", server), message="Hello", max_turns=4))

    return chat


def asked_on_its_own_loop(server: OpenAIServer, done: Counter[str]) -> Any:
    async def chat(ui: UI, params: dict[str, Any]) -> str:
        response = await person().a_run(agent("teacher", server), message="Hello", max_turns=4)
        return await ui.async_process(response)

    return chat


def random_speakers(server: OpenAIServer, done: Counter[str]) -> Any:
    def chat(ui: UI, params: dict[str, Any]) -> str:
        agents: list[Any] = [agent(name, server) for name in ("ann", "bob", "eve")]
        group = GroupChat(agents=agents, messages=[], max_round=6, speaker_selection_method="random")
        return str(agents[0].initiate_chat(GroupChatManager(group, llm_config=False), message="Hello").summary)

    return chat


def handoff(server: OpenAIServer, done: Counter[str]) -> Any:
    def chat(ui: UI, params: dict[str, Any]) -> str:
        ann, bob = agent("ann", server), agent("bob", server)

        @ann.register_for_llm(description="Count")
        def count(word: str, context_variables: ContextVariables) -> ReplyResult:
            done[word] += 1
            total = context_variables.get("total", 0) + 1
            return ReplyResult(
                message=word, target=AgentTarget(bob), context_variables=ContextVariables(data={"total": total})
            )

        pattern = RoundRobinPattern(ann, [ann, bob], context_variables=ContextVariables(data={}))
        response = run_group_chat(pattern=pattern, messages="Hello", max_rounds=7)
        ui.process(response)
        return str(response.context_variables.to_dict())

    return chat


def nested(server: OpenAIServer, done: Counter[str]) -> Any:
    def chat(ui: UI, params: dict[str, Any]) -> str:
        student, editor, critic = agent("student", server), agent("editor", server), agent("critic", server)
        inner = [{"recipient": critic, "max_turns": 2, "message": "Look at this", "summary_method": "last_msg"}]
        editor.register_nested_chats(inner, trigger=student)
        return str(student.initiate_chat(editor, message="Hello", max_turns=3).summary)

    return chat


def code(server: OpenAIServer, done: Counter[str]) -> Any:
    def chat(ui: UI, params: dict[str, Any]) -> str:
        runner = UserProxyAgent("runner", human_input_mode="NEVER", code_execution_config={"executor": Counting(done)})
        return str(runner.initiate_chat(agent("writer", server), message="```sh\ntrue\n```", max_turns=3).summary)

    return chat


class Counting(LocalCommandLineCodeExecutor):
    """Counts what it is given to run."""

    def __init__(self, done: Counter[str]) -> None:
        super().__init__()
        self._done = done

    def execute_code_blocks(self, code_blocks: list[Any]) -> Any:
        self._done[code_blocks[0].code] += 1
        return CommandLineCodeResult(exit_code=0, output=f"ran {code_blocks[0].code.strip()}")


ALL: list[Make] = [
    learning,
    functions,
    functions_on_the_loop,
    asked_at_each_turn,
    asked_on_the_loop,
    asked_on_its_own_loop,
    random_speakers,
    handoff,
    nested,
    code,
]


def replies(question: Question) -> Answer:
    """An answer that depends on the question only."""
    return f"about {question.sender or 'nobody'}"


async def undisturbed(database: Database, make: Make, server: OpenAIServer, done: Counter[str]) -> list[Any]:
    async with running(database, flow(make(server, done))) as engine:
        await start(engine)
        return plain(await watch(engine, answer=replies))


async def interrupted(
    database: Database, make: Make, server: OpenAIServer, cuts: Iterator[int], done: Counter[str]
) -> Any:
    """The run's log when its backend is stopped each time that the next of `cuts` messages have been seen."""
    created = False
    for cut in cuts:
        async with running(database, flow(make(server, done))) as engine:
            if not created:
                await start(engine)
            created = True
            left = [cut]

            def enough(_message: Seen, left: list[int] = left) -> bool:
                left[0] -= 1
                return left[0] <= 0

            await watch(engine, answer=replies, until=enough)
    async with running(database, flow(make(server, done))) as engine:
        await watch(engine, answer=replies)
        page = await engine.service.read(RUN_ID, None, after=0, limit=1000)
        assert [event.seq for event in page.events] == list(range(1, len(page.events) + 1))
        return await logged(engine)


@pytest.mark.parametrize("make", ALL, ids=lambda make: make.__name__)
@pytest.mark.parametrize("seed", [1, 2])
async def test_stops_anywhere_change_nothing(
    make: Make, seed: int, tmp_path: Path, database: Database, server: OpenAIServer
) -> None:
    expected_done: Counter[str] = Counter()
    expected = await undisturbed(tmp_path / "expected.db", make, server, expected_done)
    calls = len(server.calls)
    server.calls.clear()
    chance = random.Random(seed)
    places = sorted(chance.sample(range(2, len(expected) + 1), 5))
    done: Counter[str] = Counter()

    log = await interrupted(database, make, server, iter(places), done)

    assert plain(log) == expected
    asked = Counter(fingerprint(call) for call in server.calls)
    assert calls <= len(server.calls) <= calls + len(places), "only a call in flight at a stop may be made again"
    assert len(asked) <= calls
    assert done == expected_done
