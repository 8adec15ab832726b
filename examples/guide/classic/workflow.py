"""The learning chat with AutoGen's classic API, in the three forms that it has.

The model comes from the settings: OPENAI_API_KEY, and OPENAI_BASE_URL and FASTAGENCY_MODEL_NAME for another server than
OpenAI's. With none of them the offline demo model answers, and says so.
"""

from typing import Annotated, Any

from autogen.agentchat import ConversableAgent

from fastagency import UI
from fastagency.runtimes.ag2 import llm_config
from fastagency.runtimes.autogen import AutoGenWorkflows

MODEL = llm_config(temperature=0.8)
SUBJECTS = ["Triangles", "Prime numbers", "Probability"]

wf = AutoGenWorkflows()


def student_and_teacher() -> tuple[ConversableAgent, ConversableAgent]:
    """Two agents that talk with each other and with nobody else."""
    student = ConversableAgent(
        name="student",
        system_message="You are a student. Ask one question at a time about what you were just told.",
        llm_config=MODEL,
        human_input_mode="NEVER",
    )
    teacher = ConversableAgent(
        name="teacher",
        system_message="You are a math teacher. Explain in a few sentences, with an example.",
        llm_config=MODEL,
        human_input_mode="NEVER",
    )
    return student, teacher


def ask_for_subject(ui: UI) -> str:
    """The message that the student begins with."""
    subject = ui.text_input(
        sender="Workflow",
        recipient="User",
        prompt="Which part of mathematics would you like to learn about?",
        suggestions=SUBJECTS,
    )
    return f"Please teach me about {subject}."


@wf.register(name="learning_chat", description="A student and a math teacher talk")
def learning_chat(ui: UI, params: dict[str, Any]) -> str:
    """`initiate_chat` returns when the chat is over; what the agents say is shown as they say it."""
    student, teacher = student_and_teacher()
    chat_result = student.initiate_chat(
        teacher,
        message=ask_for_subject(ui),
        summary_method="reflection_with_llm",
        max_turns=5,
    )
    return chat_result.summary


@wf.register(name="learning_run", description="The same with a dictionary at hand, in the newer form")
def learning_run(ui: UI, params: dict[str, Any]) -> str:
    """`run` returns at once, and `ui.process` when the chat is over."""
    student, teacher = student_and_teacher()

    @student.register_for_execution()
    @teacher.register_for_llm(description="Look up a mathematical term")
    def look_up(term: Annotated[str, "The term to look up"]) -> str:
        terms = {"triangle": "a figure with three sides", "prime number": "divisible by 1 and itself only"}
        return terms.get(term.lower().removesuffix("s"), f"The dictionary has no entry for {term}.")

    response = student.run(
        teacher,
        message=ask_for_subject(ui),
        summary_method="reflection_with_llm",
        max_turns=5,
    )
    return ui.process(response)


@wf.register(name="your_own_questions", description="You talk with a math teacher yourself")
async def your_own_questions(ui: UI, params: dict[str, Any]) -> str:
    """With `human_input_mode="ALWAYS"` the page asks you each time it is your agent's turn."""
    _, teacher = student_and_teacher()
    learner = ConversableAgent(name="learner", llm_config=False, human_input_mode="ALWAYS")
    response = await learner.a_run(teacher, message=ask_for_subject(ui), max_turns=20)
    return await ui.async_process(response)
