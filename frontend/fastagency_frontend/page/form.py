"""The forms of the open questions, one for each: text, one of several, any number of several."""

from __future__ import annotations

import mesop as me

from fastagency_frontend.page import element, handler
from fastagency_frontend.page.state import PageState, chosen_of, refusals_of
from fastagency_frontend.page.view import QuestionView, RunView

MAX_BUTTONS = 5
MAX_BUTTON_CHARS = 40


def forms(state: PageState, run: RunView) -> None:
    """A form for each open question; with more than one, each says what it is about."""
    for question in run.questions:
        with me.box(key=f"form:{question.id}", classes=["fa-form", f"fa-form-{question.kind}"]):
            _caption(question, alone=len(run.questions) == 1)
            match question.kind:
                case "text":
                    _text_form(state, question)
                case "one":
                    _single_form(state, question)
                case "many":
                    _multiple_form(state, question)


def _caption(question: QuestionView, *, alone: bool) -> None:
    asker = question.asker or "The workflow"
    with me.box(classes="fa-caption"):
        me.text(f"{asker} asks you" if alone else f"{asker}: {question.prompt}")


def _text_form(state: PageState, question: QuestionView) -> None:
    with me.box(classes="fa-chips" if question.suggestions else "fa-chips-none"):
        for index, suggestion in enumerate(question.suggestions):
            me.button(
                suggestion,
                type="stroked",
                key=f"suggestion:{question.id}:{index}",
                on_click=handler.on_suggestion,
            )
    element.composer(question=question, state=state, refusal=refusals_of(state).get(question.id, ""))


def _single_form(state: PageState, question: QuestionView) -> None:
    if _fits_buttons(question.choices):
        with me.box(classes="fa-choices"):
            for index, choice in enumerate(question.choices):
                me.button(
                    choice,
                    type="flat" if choice == question.default else "stroked",
                    key=f"choice:{question.id}:{index}",
                    on_click=handler.on_choice,
                )
    else:
        chosen = chosen_of(state, question)
        with me.box(classes="fa-options"):
            me.radio(
                key=f"radio:{question.id}",
                options=[me.RadioOption(label=choice, value=str(i)) for i, choice in enumerate(question.choices)],
                value=str(question.choices.index(chosen[0])) if chosen else "",
                on_change=handler.on_radio,
            )
        _confirm(question, "Confirm", enabled=bool(chosen))
    _refusal(state, question)


def _multiple_form(state: PageState, question: QuestionView) -> None:
    chosen = chosen_of(state, question)
    with me.box(classes="fa-options"):
        for index, choice in enumerate(question.choices):
            me.checkbox(
                choice,
                key=f"check:{question.id}:{index}",
                checked=choice in chosen,
                on_change=handler.on_check,
            )
    _confirm(question, f"Confirm ({len(chosen)} chosen)", enabled=True)
    _refusal(state, question)


def _confirm(question: QuestionView, label: str, *, enabled: bool) -> None:
    with me.box(classes="fa-confirm"):
        me.button(label, type="flat", key=f"confirm:{question.id}:0", on_click=handler.on_confirm, disabled=not enabled)


def _refusal(state: PageState, question: QuestionView) -> None:
    with me.box(classes="fa-refusal"):
        me.text(refusals_of(state).get(question.id, ""))


def _fits_buttons(choices: list[str]) -> bool:
    return len(choices) <= MAX_BUTTONS and all(len(choice) <= MAX_BUTTON_CHARS for choice in choices)
