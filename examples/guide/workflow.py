"""The workflows of the guide: what the agents do, and nothing about how people see it.

Every application in this folder publishes the workflows of this file. Without a key for a model they run on the offline
demo model, which makes up its answers and says so.
"""

from typing import Any

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat

from fastagency import UI, AsyncUI
from fastagency.runtimes.autogen import AutoGenWorkflows

COURSES = ["Geometry", "Arithmetic, the basics", "Probability"]
ACCESS_CODE = "open sesame"

wf = AutoGenWorkflows()


@wf.register(name="simple_learning", description="Student and teacher learning chat")
async def simple_learning(ui: AsyncUI, params: dict[str, Any]) -> str:
    """A student asks about a subject and a teacher explains it, for five messages."""
    subject = await ui.text_input(
        sender="Workflow",
        recipient="User",
        prompt="I can help you learn. What subject would you like to explore?",
        suggestions=["Triangles", "Prime numbers", "Why the sky is blue"],
    )
    student = AssistantAgent(
        name="student",
        description="Wants to learn and asks questions.",
        model_client=ui.model_client(),
        system_message="You are a student who wants to learn. Ask one short question at a time.",
    )
    teacher = AssistantAgent(
        name="teacher",
        description="Answers the student's questions.",
        model_client=ui.model_client(),
        system_message="You are a teacher. Answer the student in a few clear sentences.",
    )
    team = RoundRobinGroupChat([student, teacher], termination_condition=MaxMessageTermination(5))
    return await ui.process(team.run_stream(task=f"Today's subject is: {subject}"))


@wf.register(name="sign_up", description="Sign up for a course: every kind of question, and no agents")
def sign_up(ui: UI, params: dict[str, Any]) -> str:
    """Ask in every way there is; show a function call, a notice and an error as agents would."""
    name = ui.text_input(sender="Office", prompt="What is your name?", suggestions=["Ada", "Grace"])
    while ui.text_input(sender="Office", prompt=f"Access code (it is: {ACCESS_CODE})", password=True) != ACCESS_CODE:
        ui.error(sender="Office", short="That is not the access code.", long="Capitals and blanks count.")
    course = ui.multiple_choice(sender="Office", prompt="Which course?", choices=COURSES, default=COURSES[0])
    days = ui.multiple_choice(
        sender="Office", prompt="On which days can you come?", choices=["Monday", "Wednesday", "Friday"], single=False
    )
    booking = {"name": name, "course": course, "days": days.chosen}  # text, as any answer, that knows its parts
    ui.suggested_function_call(sender="Office", function_name="book", call_id="booking-1", arguments=booking)
    number = ui.step(book, name, course)
    ui.function_call_execution(sender="Office", function_name="book", call_id="booking-1", retval=number)
    ui.system_message(sender="Office", message={"notice": "The booking office has closed."})
    when = " and ".join(days.chosen) or "a day to be agreed"
    ui.text_message(sender="Office", recipient=name, body=f"**{course}** is booked for you on {when}.")
    return f"Booking {number}"


def book(name: str, course: str) -> str:
    """Stands for a real booking system. `ui.step` records what it returns, so nobody is booked twice."""
    return f"{course[:3].upper()}-{len(name):03d}"
