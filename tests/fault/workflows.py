"""The workflows that are killed: two agents with a tool, a person at each turn, a parallel graph, a `def` workflow."""

from __future__ import annotations

from typing import Any

from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow, RoundRobinGroupChat
from fastagency_backend.workflow import UI, AsyncUI, Workflow

wf = Workflow()


async def add(first: int, second: int) -> str:
    """Add two numbers."""
    return str(first + second)


def agent(ui: AsyncUI, name: str, *, tools: bool = False) -> AssistantAgent:
    return AssistantAgent(
        name,
        ui.model_client(),
        system_message=f"You are {name}.",
        tools=[add] if tools else None,
        reflect_on_tool_use=tools,
    )


@wf.register(name="tool", description="Two agents, one with a tool")
async def tool(ui: AsyncUI, params: dict[str, Any]) -> str:
    team = RoundRobinGroupChat(
        [agent(ui, "writer", tools=True), agent(ui, "critic")], termination_condition=MaxMessageTermination(16)
    )
    return await ui.process(team.run_stream(task="Talk about numbers."))


@wf.register(name="person", description="A person is asked at each turn")
async def person(ui: AsyncUI, params: dict[str, Any]) -> str:
    team = RoundRobinGroupChat(
        [agent(ui, "writer"), UserProxyAgent("user", input_func=ui.input_func)],
        termination_condition=MaxMessageTermination(13),
    )
    return await ui.process(team.run_stream(task="Talk about people."))


@wf.register(name="graph", description="Four agents side by side, twice")
async def graph(ui: AsyncUI, params: dict[str, Any]) -> str:
    builder = DiGraphBuilder()
    root, middle, end = agent(ui, "root"), agent(ui, "middle"), agent(ui, "end")
    layers = [[agent(ui, f"{layer}{number}", tools=True) for number in range(4)] for layer in ("first", "second")]
    for node in (root, middle, end, *layers[0], *layers[1]):
        builder.add_node(node)
    for before, layer, after in ((root, layers[0], middle), (middle, layers[1], end)):
        for node in layer:
            builder.add_edge(before, node)
            builder.add_edge(node, after)
    builder.set_entry_point(root)
    team = GraphFlow(
        builder.get_participants(), graph=builder.build(), termination_condition=MaxMessageTermination(100)
    )
    return await ui.process(team.run_stream(task="Talk about graphs."))


@wf.register(name="thread", description="A def workflow that asks, draws and calls")
def thread(ui: UI, params: dict[str, Any]) -> str:
    for turn in range(5):
        number = ui.random()
        ui.text_message(sender="Workflow", body=f"turn {turn} draws {number}")
        answer = ui.text_input(sender="Workflow", recipient="User", prompt=f"Turn {turn}: go on?")
        ui.text_message(sender="Workflow", body=f"turn {turn} heard {answer}")
        team = RoundRobinGroupChat(
            [agent(ui, f"speaker{turn}")],  # type: ignore[arg-type]
            termination_condition=MaxMessageTermination(2),
        )
        ui.process(team.run_stream(task=f"Turn {turn}."))
    return "done"
