"""What the offline model says: sentences about the subject of a conversation, chosen by who speaks and how far it is.

It knows nothing, so it claims nothing: it speaks of how one learns a subject, in the subject's name.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

MAX_SUBJECT_CHARS = 80
_SUBJECTS = tuple(
    re.compile(rf"\b(?:{words})\b[:\s]+[\"'“]?(?P<subject>[^\"”.!?\n]+)", re.IGNORECASE)
    for words in ("about|subject(?: is)?|topic(?: is)?", "learn|learning|teach me|explain|understand|discuss")
)
_ROLE = re.compile(r"\byou are (?:an? |the )?(?P<role>[^.,;\n]{1,60})", re.IGNORECASE)
_LEARNERS = ("student", "learner", "pupil", "beginner")
_TEACHERS = ("teacher", "tutor", "professor", "instructor", "mentor", "lecturer")
_REVIEWERS = ("review", "critic", "editor", "check", "verif")


@dataclass(frozen=True)
class Scene:
    """All that the model knows.

    `speaker` spoke last; `person` is what a person said since the agent's own last turn; `turn` counts from 0.
    """

    instructions: str = ""
    task: str = ""
    speaker: str = ""
    person: str = ""
    turn: int = 0
    results: list[tuple[str, str, bool]] = field(default_factory=list)
    seed: str = ""


_TEACHING: tuple[tuple[str, ...], ...] = (
    (
        "Let us begin with **{subject}**. Three questions open up any subject:\n\n"
        "1. *What is it made of?* Name the parts of {subject} that you can see or measure.\n"
        "2. *What does it do?* Follow one thing from its start to its end.\n"
        "3. *Why does it matter?* Think of what would be missing without it.",
        "Good that you ask about **{subject}**. I suggest this way through it:\n\n"
        "| step | what we look at |\n|---|---|\n| 1 | the words of {subject} |\n| 2 | one example, in full |\n"
        "| 3 | what is usually misunderstood |",
    ),
    (
        "Take one example of {subject} and draw it. Then say aloud what each part does: whatever you cannot say is "
        "what to read up next. Usually the *connections* are harder than the parts.",
        "Compare {subject} with something that you know well. Where does the comparison hold, and where does it break? "
        "The place where it **breaks** is where {subject} becomes interesting.",
    ),
    (
        "A frequent mistake is to learn the words of {subject} and not what they stand for. Try to explain it to a "
        "ten-year-old, without a single technical term.",
        "Beware of one thing: most texts show {subject} as if it stood still. Ask at each step what *changes*, and "
        "what stays the same.",
    ),
    (
        "Here is a small exercise on {subject}:\n\n- write down three things you are sure of,\n- two that you guess,\n"
        "- and one question that you cannot answer.\n\nWe go on from the question.",
        "To see whether it holds, predict something: if one part of {subject} were twice as large, what would follow? "
        "Write your answer down *before* you look it up.",
    ),
    (
        "In short: you can name the parts of {subject}, follow one example, and say where the usual picture is wrong. "
        "Repeat it tomorrow from memory, and again in a week.",
    ),
)
_ASKING: tuple[tuple[str, ...], ...] = (
    (
        "I would like to understand {subject}. Where should I begin, and what can I safely leave out at first?",
        "I have heard of {subject}, but I could not explain it. What is the one idea that everything else hangs on?",
    ),
    (
        "Thank you, that helps. Can you give me an example of {subject} from everyday life?",
        "I see. And how would I notice that I have misunderstood {subject}?",
    ),
    (
        "So far I follow. What do people usually get wrong about {subject}?",
        "Let me say it in my own words: {subject} is less a list of facts than a way things hang together. Right?",
    ),
    ("Could you set me a small exercise on {subject}, so that I can check myself?",),
    ("That makes sense. I will go over {subject} again tomorrow; thank you for your patience!",),
)
_REVIEWING: tuple[tuple[str, ...], ...] = (
    (
        "Looking over what **{speaker}** said: check what went in before you rely on what came out. The right "
        "calculation on a wrong number is still wrong.",
        "I have read what **{speaker}** wrote. Two things to keep in mind: what was left out, and what changes if the "
        "circumstances do.",
    ),
    ("The same advice again: compare this with the answer before, and ask where the difference comes from.",),
)
_HELPING: tuple[tuple[str, ...], ...] = (
    (
        "About {subject}: tell me what you have tried so far, and what came out. Then we look at the next step.",
        "For {subject} I would begin with the smallest case that can be checked by hand.",
    ),
    ("What would count as a good answer about {subject}? When we know that, the rest is easier.",),
)
_TALK = {"learner": _ASKING, "teacher": _TEACHING, "reviewer": _REVIEWING, "helper": _HELPING}


def compose(scene: Scene) -> str:
    """The next thing to say. The same scene gives the same text."""
    if scene.results:
        return "\n\n".join(_report(*result) for result in scene.results)
    chance = random.Random(scene.seed)  # noqa: S311 - for variety, not for secrets
    role = _role(scene.instructions)
    text = chance.choice(_stage(_TALK[role], scene.turn))
    text = text.format(subject=subject_of(scene.task), speaker=_short(scene.speaker) or "the other one")
    if role == "reviewer" or not scene.turn or not scene.person.strip().endswith("?"):
        return text
    remark = "I was wondering about that too." if role == "learner" else "I take that up."
    return f"“{_short(scene.person)}” {remark}\n\n{text}"


def _stage(stages: tuple[tuple[str, ...], ...], turn: int) -> tuple[str, ...]:
    """A talk that goes on after its end goes through its stages again, without the opening."""
    return stages[turn] if turn < len(stages) else stages[1 + (turn - len(stages)) % (len(stages) - 1)]


def subject_of(task: str) -> str:
    """What a conversation is about, from its first message."""
    for pattern in _SUBJECTS:
        if match := pattern.search(task):
            return _short(match["subject"]) or "this subject"
    return "your question" if task.strip().endswith("?") else _short(task) or "this subject"


def _role(instructions: str) -> str:
    match = _ROLE.search(instructions)
    role = (match["role"] if match else instructions).lower()
    kinds = {"learner": _LEARNERS, "teacher": _TEACHERS, "reviewer": _REVIEWERS}
    return next((kind for kind, words in kinds.items() if any(word in role for word in words)), "helper")


def _report(name: str, content: str, is_error: bool) -> str:
    if is_error:
        return f"The tool `{name}` could not do it: {content}"
    return f"The tool `{name}` says: **{content}**"


def _short(text: str) -> str:
    line = " ".join(text.split()).strip(" .:;,\"'“”").replace("{", "(").replace("}", ")")
    return line if len(line) <= MAX_SUBJECT_CHARS else f"{line[: MAX_SUBJECT_CHARS - 1].rstrip()}…"
