"""What happens when a person does something: each handler asks the provider and brings the state up to date.

A handler never raises: a refusal or a backend that is away becomes a sentence in the state. Handlers are module-level
functions; what they are about travels in the event's key or value, since closures would leak in Mesop.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import mesop as me
from fastagency_shared.answer import Answer
from fastagency_shared.errors import BackendError, RequestError, SignedOut, UnknownRun
from fastagency_shared.run import MAX_TITLE_CHARS, RunInfo
from flask import request

from fastagency_frontend.page.reading import (
    forget_run,
    read_page,
    read_run,
    read_start,
    reporting,
    set_title,
    show_person,
    show_run,
    show_started,
    show_view,
)
from fastagency_frontend.page.site import current_caller, current_site
from fastagency_frontend.page.state import (
    PageState,
    choices_of,
    chosen_of,
    question_of,
    refusals_of,
    run_of,
    set_choices,
    set_refusals,
)
from fastagency_frontend.page.trouble import for_people
from fastagency_frontend.page.visitor import theme_of

CONVERSATION_PARAMETER = "conversation"

logger = logging.getLogger(__name__)


def on_load(_event: me.LoadEvent) -> None:
    """A page was opened, or the browser went back or forward, or a handler went elsewhere."""
    state = me.state(PageState)
    state.conversation = str(me.query_params.get(CONVERSATION_PARAMETER, ""))
    state.theme = theme_of(request.environ)
    state.drawer = False
    state.notice = ""
    state.refusals = state.chosen = ""
    state.start_key = uuid.uuid4().hex
    state.acknowledged += 1
    state.title, state.description = current_site().title, current_site().description
    show_person(state)
    me.set_theme_mode(state.theme)
    just_read, state.just_read = state.just_read, ""
    if state.conversation and state.conversation == just_read:
        set_title(state)
        return
    state.run = ""
    if state.conversation:
        read_run(state)
    else:
        read_start(state)


def on_changed(_event: me.WebEvent) -> None:
    """The pulse noticed that something else is true now than what is shown."""
    state = me.state(PageState)
    state.acknowledged += 1
    show_person(state)
    read_page(state)


def on_run_changed(event: me.WebEvent) -> None:
    """The transcript noticed that the conversation is further than what is shown; it may be shown by now."""
    state = me.state(PageState)
    state.acknowledged += 1
    run = run_of(state)
    if run is None or run.revision != _text(event, "revision"):
        read_run(state)


def on_start(event: me.ClickEvent) -> None:
    """A workflow's card was clicked."""
    state = me.state(PageState)
    if state.conversation:
        return
    name = event.key.partition(":")[2]
    # The same id for the same click: a click that is repeated because nothing seemed to happen starts one run.
    run_id = uuid.uuid5(uuid.UUID(state.start_key), name).hex
    with acting(state):
        _show_started(state, current_site().provider.start(name, {}, run_id=run_id, caller=current_caller()))


def on_again(_event: me.ClickEvent) -> None:
    """Start the workflow of this conversation again, with the same parameters."""
    state = me.state(PageState)
    with acting(state):
        provider, caller = current_site().provider, current_caller()
        old = provider.run(state.conversation, caller=caller)
        run_id = uuid.uuid5(uuid.UUID(state.start_key), old.workflow_uuid).hex
        _show_started(state, provider.start(old.name, old.params, run_id=run_id, caller=caller))


def on_retry(_event: me.ClickEvent) -> None:
    """Let the run that is shown go on from where it failed."""
    state = me.state(PageState)
    with acting(state):
        show_run(state, current_site().provider.retry(state.conversation, caller=current_caller()))


def on_stop(_event: me.ClickEvent) -> None:
    """Stop the run that is shown."""
    state = me.state(PageState)
    with acting(state):
        show_run(state, current_site().provider.cancel(state.conversation, caller=current_caller()))


def on_new(_event: me.ClickEvent | me.WebEvent) -> None:
    me.navigate("/")


def on_open(event: me.WebEvent) -> None:
    """A conversation was picked from the list."""
    _open(_text(event, "id"))


def on_rename(event: me.WebEvent) -> None:
    state = me.state(PageState)
    title = " ".join(_text(event, "title").split())[:MAX_TITLE_CHARS]
    with acting(state):
        if title:
            show_run(state, current_site().provider.rename(_text(event, "id"), title, caller=current_caller()))


def on_delete(event: me.WebEvent) -> None:
    state = me.state(PageState)
    run_id = _text(event, "id")
    with acting(state):
        try:
            current_site().provider.delete(run_id, caller=current_caller())
        except UnknownRun:
            logger.info("Run %s was deleted before", run_id, extra={"run_id": run_id})
        forget_run(state, run_id)
        if run_id == state.conversation:
            me.navigate("/")


def on_theme(event: me.WebEvent) -> None:
    """The browser keeps the choice in a cookie; here it takes effect."""
    state = me.state(PageState)
    theme = _text(event, "theme")
    state.theme = theme if theme in ("light", "dark") else "system"
    state.acknowledged += 1
    me.set_theme_mode(state.theme)


def on_drawer(_event: me.ClickEvent | me.WebEvent) -> None:
    state = me.state(PageState)
    state.drawer = not state.drawer
    state.acknowledged += 1


def on_dismiss(_event: me.ClickEvent) -> None:
    state = me.state(PageState)
    state.notice = ""
    state.acknowledged += 1


def on_text(event: me.WebEvent) -> None:
    """The composer sent a text."""
    _answer(_text(event, "question"), _text(event, "text"))


def on_choice(event: me.ClickEvent) -> None:
    """A button that is an answer by itself was clicked: a single choice."""
    question_id, index = _key(event.key)
    question = question_of(me.state(PageState), question_id)
    if question is None:
        _read_again()
    elif index < len(question.choices):
        _answer(question_id, question.choices[index])


def on_suggestion(event: me.ClickEvent) -> None:
    """A suggested text was clicked."""
    question_id, index = _key(event.key)
    question = question_of(me.state(PageState), question_id)
    if question is None:
        _read_again()
    elif index < len(question.suggestions):
        _answer(question_id, question.suggestions[index])


def on_radio(event: me.RadioChangeEvent) -> None:
    question_id, _ = _key(event.key)
    state = me.state(PageState)
    question = question_of(state, question_id)
    if question is not None and event.value.isdigit() and int(event.value) < len(question.choices):
        set_choices(state, {**choices_of(state), question_id: [question.choices[int(event.value)]]})


def on_check(event: me.CheckboxChangeEvent) -> None:
    question_id, index = _key(event.key)
    state = me.state(PageState)
    question = question_of(state, question_id)
    if question is None or index >= len(question.choices):
        return
    choice = question.choices[index]
    chosen = [each for each in chosen_of(state, question) if each != choice]
    set_choices(state, {**choices_of(state), question_id: [*chosen, choice] if event.checked else chosen})


def on_confirm(event: me.ClickEvent) -> None:
    """The chosen option or options are the answer."""
    question_id, _ = _key(event.key)
    state = me.state(PageState)
    question = question_of(state, question_id)
    if question is None:
        _read_again()
        return
    chosen = chosen_of(state, question)
    if question.kind == "one" and not chosen:
        set_refusals(state, {**refusals_of(state), question_id: "Please choose one first."})
        return
    _answer(question_id, chosen[0] if question.kind == "one" else chosen)


@contextmanager
def acting(state: PageState) -> Iterator[None]:
    """Around an action. What is shown is read again if that was refused, or if it was out of date before."""
    state.acknowledged += 1
    was_away, state.trouble = bool(state.trouble), ""
    done = False
    with reporting(state):
        yield
        done = True
    if not state.trouble and (was_away or not done):
        read_page(state)


def _answer(question_id: str, value: Answer) -> None:
    state = me.state(PageState)
    state.acknowledged += 1
    was_away, state.trouble = bool(state.trouble), ""
    refusal = _refused(state, question_id, value)
    refusals = {id_: text for id_, text in refusals_of(state).items() if id_ != question_id}
    set_refusals(state, refusals | ({question_id: refusal} if refusal else {}))
    if state.trouble:
        return
    if not refusal:
        state.accepted = question_id
    run = run_of(state)
    if run is not None and not refusal and not was_away:
        show_view(state, run.answered(question_id))
        return
    read_page(state) if was_away else read_run(state)
    # The form goes away with a question that somebody else has answered: then the sentence is shown above.
    if refusal and question_of(state, question_id) is None:
        state.notice = refusal


def _refused(state: PageState, question_id: str, value: Answer) -> str:
    """Give an answer; returns why it was not taken, if it was not."""
    try:
        current_site().provider.answer(state.conversation, question_id, value, caller=current_caller())
    except RequestError as error:
        return error.detail
    except BackendError as error:
        if isinstance(error, SignedOut):
            current_site().forget(request.environ)
        state.trouble = for_people(error)
        return f"{state.trouble} What you wrote is still here."
    except Exception:
        logger.exception("An answer could not be given", extra={"run_id": state.conversation})
        return "Something went wrong in the page's server. Your answer has not been sent."
    return ""


def _show_started(state: PageState, run: RunInfo) -> None:
    state.conversation = state.just_read = run.workflow_uuid
    show_started(state, run)
    _open(run.workflow_uuid)


def _read_again() -> None:
    """What was clicked is not there any more."""
    state = me.state(PageState)
    state.acknowledged += 1
    read_run(state)


def _open(run_id: str) -> None:
    me.navigate("/", query_params={CONVERSATION_PARAMETER: run_id})


def _text(event: me.WebEvent, name: str) -> str:
    """One text of a web component's event; whatever else a browser sends counts as an empty one."""
    value: Any = event.value
    text = value.get(name) if isinstance(value, dict) else None
    return text if isinstance(text, str) else ""


def _key(key: str) -> tuple[str, int]:
    """The question and the index in a key such as `choice:<question>:<index>`."""
    _, _, rest = key.partition(":")
    question_id, _, index = rest.partition(":")
    return question_id, int(index) if index.isdigit() else 0


Handler = Callable[[Any], None]
