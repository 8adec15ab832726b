"""The classic API's console prompts, in words for a person at a page.

The framework asks in the terms of a terminal ("Press enter to skip"). Here an empty answer means the same, and so does
choosing the suggestion for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

EXIT = "exit"
SKIP = "skip"

_REPLYING_AS = re.compile(r"Replying as (?P<agent>.+?)\. Provide feedback to (?P<other>.+?)\. Press enter to skip ")
_GIVE_FEEDBACK = re.compile(r"Please give feedback to (?P<other>.+?)\. Press enter (?P<skip>to skip )?")
_NEXT_SPEAKER = re.compile(r"Enter the number of the next speaker\b")


@dataclass(frozen=True)
class Prompt:
    """What a person is asked. `empty` is the suggestion that stands for an empty answer, where there is one."""

    text: str
    suggestions: tuple[str, ...] = ()
    empty: str | None = None

    def read(self, answer: str) -> str:
        """The person's answer as the framework expects it."""
        word = answer.strip().lower()
        if self.empty is not None and word == self.empty:
            return ""
        return EXIT if word == EXIT and EXIT in self.suggestions else answer


def rewrite(prompt: str) -> Prompt:
    """Put a prompt of the framework in words for a page; a prompt that is not the framework's own stays as it is."""
    if match := _REPLYING_AS.match(prompt):
        return _skippable(f"Your reply to {match['other']}, in the name of {match['agent']}.")
    if match := _GIVE_FEEDBACK.match(prompt):
        asked = f"Your reply to {match['other']}."
        return _skippable(asked) if match["skip"] else _ending(asked)
    if _NEXT_SPEAKER.match(prompt):
        return Prompt(f"Who speaks next? Write the number, or “{SKIP}” to leave the choice to the chat.", (SKIP,), SKIP)
    return Prompt(prompt.strip().removesuffix(":").rstrip(), (EXIT,) if "'exit'" in prompt else ())


def _skippable(asked: str) -> Prompt:
    return Prompt(
        f"{asked} “{SKIP}” (or an empty reply) lets the agent answer by itself, “{EXIT}” ends the conversation.",
        (SKIP, EXIT),
        SKIP,
    )


def _ending(asked: str) -> Prompt:
    return Prompt(f"{asked} “{EXIT}” (or an empty reply) ends the conversation.", (EXIT,))
