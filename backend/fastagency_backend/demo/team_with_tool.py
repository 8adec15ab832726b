"""A team with a tool: an adviser has a loan worked out by real arithmetic, and a reviewer looks it over."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Annotated, Any

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat

from fastagency_backend.demo.notice import show_model
from fastagency_backend.workflow import AsyncUI

if TYPE_CHECKING:
    from autogen_core.models import ChatCompletionClient

EXAMPLES = [
    "What is the monthly payment for a loan of 250000 at 3.6 percent over 25 years?",
    "Loan of 18000 at 6.9 percent for 5 years: what does it cost in all?",
]
MAX_QUESTIONS = 20
MONTHS = 12
CENT = Decimal("0.01")


async def loan_payment(
    amount: Annotated[float, "The amount borrowed"],
    percent: Annotated[float, "Interest in percent per year"],
    years: Annotated[int, "How many years it is paid back over"],
) -> str:
    """Work out the monthly payment of a loan, what is paid in all, and how much of it is interest."""
    if amount <= 0 or percent < 0 or years <= 0:
        raise ValueError("the amount and the years must be above zero, and the interest not below it")
    principal, months = Decimal(str(amount)), years * MONTHS
    rate = Decimal(str(percent)) / 100 / MONTHS
    payment = principal / months if rate == 0 else principal * rate / (1 - (1 + rate) ** -months)
    payment = payment.quantize(CENT, ROUND_HALF_UP)
    total = payment * months
    return f"{payment:,} a month for {months} months; {total:,} in all, of which {total - principal:,.2f} is interest"


async def team_with_tool(ui: AsyncUI, params: dict[str, Any]) -> str:
    """Answer questions about loans until there are no more. `params` may bring the first `question`."""
    question = str(params.get("question") or "") or await ui.text_input(
        sender="Workflow",
        recipient="User",
        prompt="Ask about a loan: its amount, the interest in percent, and the years.",
        suggestions=EXAMPLES,
    )
    model = ui.model_client()
    await show_model(ui, model)
    team = _team(model)
    asked = 0
    while question.strip() and asked < MAX_QUESTIONS:
        await ui.process(team.run_stream(task=question, output_task_messages=False))
        asked += 1
        question = await ui.text_input(
            sender="adviser", recipient="User", prompt="Another loan? Leave it empty to finish.", suggestions=EXAMPLES
        )
    return f"Questions answered: {asked}"


def _team(model: ChatCompletionClient) -> RoundRobinGroupChat:
    adviser = AssistantAgent(
        "adviser",
        model,
        description="Works out loans with a calculator",
        tools=[loan_payment],
        system_message="You are a loan adviser. Always use the calculator, never guess a number.",
        reflect_on_tool_use=True,
        model_client_stream=True,
    )
    reviewer = AssistantAgent(
        "reviewer",
        model,
        description="Looks the adviser's work over",
        system_message="You are a reviewer. Say in two sentences what the customer should keep in mind.",
        model_client_stream=True,
    )
    return RoundRobinGroupChat([adviser, reviewer], max_turns=2)
