"""What people and the log are told when the model's server does not do its part; real clients over real HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from autogen import ConversableAgent, LLMConfig
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from fastagency_backend.frameworks.agentchat.model import model_client
from fastagency_backend.frameworks.model_settings import ModelSettings
from fastagency_backend.workflow import UI, AsyncUI
from fastagency_shared.messages import Usage, WorkflowFailed

from tests.fakes.lab import Lab
from tests.fakes.openai_server import OpenAIServer

Flow = Callable[..., Awaitable[Any] | Any]


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


@pytest.fixture
async def lab(tmp_path: Path) -> Any:
    lab = Lab(tmp_path / "runs.sqlite3")
    yield lab
    await lab.close()


def agentchat(server: OpenAIServer, *, stream: bool = False, timeout_s: float = 60.0) -> Flow:
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        model = model_client(ModelSettings(name="fake", base_url=server.base_url, max_retries=0, timeout_s=timeout_s))
        agent = AssistantAgent("teacher", model, model_client_stream=stream)
        team = RoundRobinGroupChat([agent], termination_condition=MaxMessageTermination(2))
        try:
            return await ui.process(team.run_stream(task="Begin"))
        finally:
            await model.close()

    return flow


def streamed(server: OpenAIServer) -> Flow:
    return agentchat(server, stream=True)


def classic(server: OpenAIServer) -> Flow:
    def flow(ui: UI, params: dict[str, Any]) -> str:
        config = LLMConfig({"model": "fake", "base_url": server.base_url, "api_key": "k", "max_retries": 0})
        teacher = ConversableAgent("teacher", llm_config=config, human_input_mode="NEVER")
        pupil = ConversableAgent("pupil", llm_config=False, human_input_mode="NEVER")
        pupil.initiate_chat(teacher, message="Begin", max_turns=1)
        return "done"

    return flow


async def failed(lab: Lab, flow: Flow) -> WorkflowFailed:
    lab.wf.register("flow", "d")(flow)
    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.ended(engine)
    last = (await lab.log(engine))[-1]
    assert isinstance(last, WorkflowFailed)
    return last


@pytest.mark.parametrize("framework", [agentchat, streamed, classic])
@pytest.mark.parametrize(
    ("status", "kind", "sentence"),
    [
        (401, "model_unauthorized", "The model's server does not accept the key of this service."),
        (429, "model_rate_limit", "The model's server says too many requests. Please try again in a while."),
        (400, "model_bad_request", "The model's server does not accept what it was asked."),
        (500, "model_server_error", "The model's server has a problem of its own. Please try again in a while."),
    ],
)
async def test_a_status_of_the_models_server(
    framework: Callable[[OpenAIServer], Flow],
    status: int,
    kind: str,
    sentence: str,
    server: OpenAIServer,
    lab: Lab,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.behaviour.failures.extend([status] * 3)
    last = await failed(lab, framework(server))
    assert last.short == sentence
    assert "the test wants" not in last.model_dump_json()
    assert f"The model 'fake' failed ({kind})" in caplog.text
    assert f"The workflow 'flow' failed ({kind})" in caplog.text


async def test_a_server_that_does_not_answer(server: OpenAIServer, lab: Lab) -> None:
    server.behaviour.hang = 3
    last = await failed(lab, agentchat(server, timeout_s=0.2))
    assert last.short == "The model's server did not answer in time. Please try again in a while."


async def test_a_server_that_is_not_there(server: OpenAIServer, lab: Lab) -> None:
    flow = agentchat(server)
    server.__exit__()
    last = await failed(lab, flow)
    assert last.short == "The model's server cannot be reached. Please try again in a while."


async def test_an_error_of_the_workflow_after_a_call_that_failed_is_not_put_down_to_the_model(
    server: OpenAIServer, lab: Lab
) -> None:
    server.behaviour.failures.append(429)

    async def flow(ui: AsyncUI, params: dict[str, Any]) -> None:
        try:
            await agentchat(server)(ui, params)
        except RuntimeError:
            await ui.text_message(body="never mind")
        raise KeyError("something else")

    assert (await failed(lab, flow)).short == "The workflow stopped because of an error."


@pytest.mark.parametrize("framework", [agentchat, classic])
async def test_tokens_name_their_model(
    framework: Callable[[OpenAIServer], Flow], server: OpenAIServer, lab: Lab
) -> None:
    lab.wf.register("flow", "d")(framework(server))
    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.completed(engine)
    models = [message.model for message in await lab.log(engine) if isinstance(message, Usage)]
    assert models == ["fake"]
