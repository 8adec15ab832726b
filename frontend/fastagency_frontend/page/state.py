"""Mesop's state of one page: a small view model, never the transcript.

The page must be a pure function of it: Mesop renders the old state once more before each event, and what would be read
from elsewhere then looks like no change at all.
"""

from __future__ import annotations

import json

import mesop as me

from fastagency_frontend.page.view import QuestionView, RunView, ShellView


@me.stateclass
class PageState:
    title: str
    description: str
    conversation: str
    shell: str
    run: str
    just_read: str
    trouble: str
    notice: str
    refusals: str
    accepted: str
    chosen: str
    theme: str
    person: str
    mark: str
    can_sign_out: bool
    drawer: bool
    start_key: str
    acknowledged: int


def shell_of(state: PageState) -> ShellView:
    """The shell that is shown; an empty one before the first has been read."""
    return ShellView.model_validate_json(state.shell) if state.shell else ShellView()


def run_of(state: PageState) -> RunView | None:
    """The run that is shown, if one is open and could be read."""
    return RunView.model_validate_json(state.run) if state.run else None


def question_of(state: PageState, question_id: str) -> QuestionView | None:
    """An open question of the run that is shown."""
    run = run_of(state)
    return next((q for q in run.questions if q.id == question_id), None) if run else None


def refusals_of(state: PageState) -> dict[str, str]:
    """Why an answer was refused, by question."""
    return dict(json.loads(state.refusals)) if state.refusals else {}


def set_refusals(state: PageState, refusals: dict[str, str]) -> None:
    state.refusals = json.dumps(refusals) if refusals else ""


def choices_of(state: PageState) -> dict[str, list[str]]:
    """What the person has ticked and not sent yet, by question."""
    return dict(json.loads(state.chosen)) if state.chosen else {}


def set_choices(state: PageState, chosen: dict[str, list[str]]) -> None:
    state.chosen = json.dumps(chosen) if chosen else ""


def chosen_of(state: PageState, question: QuestionView) -> list[str]:
    """What is ticked in a question's form: the person's choice, or the default before there is one."""
    default = [question.default] if question.default in question.choices else []
    return choices_of(state).get(question.id, [choice for choice in default if choice is not None])
