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
from fastagency_shared.errors import BackendError, RequestError, UnknownRun
from fastagency_shared.run import MAX_TITLE_CHARS
from flask import request

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
from fastagency_frontend.page.view import PHASE_LABELS, RunView, run_view, with_current
from fastagency_frontend.page.visitor import theme_of

CONVERSATION_PARAMETER = "conversation"

logger = logging.getLogger(__name__)


def on_load(_event: me.LoadEvent) -> None:
    """A page was opened, or the browser went back or forward."""
    state = me.state(PageState)
    state.conversation = str(me.query_params.get(CONVERSATION_PARAMETER, ""))
    state.theme = theme_of(request.environ)
    state.drawer = False
    state.notice = ""
    state.run = ""
    state.refusals = state.chosen = ""
    state.start_key = uuid.uuid4().hex
    me.set_theme_mode(state.theme)
    refresh(state)


def on_changed(_event: me.WebEvent) -> None:
    """The browser noticed that something else is true now than what is shown."""
    refresh(me.state(PageState))


def on_start(event: me.ClickEvent) -> None:
    """A workflow's card was clicked."""
    state = me.state(PageState)
    if state.conversation:
        return
    name = event.key.partition(":")[2]
    # The same id for the same click: a click that is repeated because nothing seemed to happen starts one run.
    run_id = uuid.uuid5(uuid.UUID(state.start_key), name).hex
    with reporting(state):
        run = current_site().provider.start(name, {}, run_id=run_id, caller=current_caller())
        _open(run.workflow_uuid)
        return
    refresh(state)


def on_again(_event: me.ClickEvent) -> None:
    """Start the workflow of this conversation again, with the same parameters."""
    state = me.state(PageState)
    with reporting(state):
        provider, caller = current_site().provider, current_caller()
        old = provider.run(state.conversation, caller=caller)
        run_id = uuid.uuid5(uuid.UUID(state.start_key), old.workflow_uuid).hex
        _open(provider.start(old.name, old.params, run_id=run_id, caller=caller).workflow_uuid)
        return
    refresh(state)


def on_stop(_event: me.ClickEvent) -> None:
    """Stop the run that is shown."""
    state = me.state(PageState)
    with reporting(state):
        current_site().provider.cancel(state.conversation, caller=current_caller())
    refresh(state)


def on_new(_event: me.ClickEvent | me.WebEvent) -> None:
    me.navigate("/")


def on_open(event: me.WebEvent) -> None:
    """A conversation was picked from the list."""
    _open(_text(event, "id"))


def on_rename(event: me.WebEvent) -> None:
    state = me.state(PageState)
    title = " ".join(_text(event, "title").split())[:MAX_TITLE_CHARS]
    if title:
        with reporting(state):
            current_site().provider.rename(_text(event, "id"), title, caller=current_caller())
    refresh(state)


def on_delete(event: me.WebEvent) -> None:
    state = me.state(PageState)
    run_id = _text(event, "id")
    with reporting(state):
        try:
            current_site().provider.delete(run_id, caller=current_caller())
        except UnknownRun:
            logger.info("Run %s was deleted before", run_id, extra={"run_id": run_id})
        if run_id == state.conversation:
            me.navigate("/")
            return
    refresh(state)


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
        refresh(me.state(PageState))
    elif index < len(question.choices):
        _answer(question_id, question.choices[index])


def on_suggestion(event: me.ClickEvent) -> None:
    """A suggested text was clicked."""
    question_id, index = _key(event.key)
    question = question_of(me.state(PageState), question_id)
    if question is None:
        refresh(me.state(PageState))
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
        refresh(state)
        return
    chosen = chosen_of(state, question)
    if question.kind == "one" and not chosen:
        set_refusals(state, {**refusals_of(state), question_id: "Please choose one first."})
        return
    _answer(question_id, chosen[0] if question.kind == "one" else chosen)


def refresh(state: PageState) -> None:
    """Read again what the page shows: the shell, and the run if one is open."""
    state.acknowledged += 1
    site = current_site()
    state.title, state.description = site.title, site.description
    with reporting(state):
        shell = site.shell(current_caller())
        state.trouble = ""
        state.shell = shell.model_dump_json()
        if state.conversation:
            run = _refresh_run(state)
            state.shell = with_current(shell, run).model_dump_json()
    _set_title(state)


@contextmanager
def reporting(state: PageState) -> Iterator[None]:
    """Turn what goes wrong into a sentence for the person, and what nobody expected into a log entry as well."""
    try:
        yield
    except BackendError as error:
        state.trouble = for_people(error)
    except RequestError as error:
        state.notice = error.detail
    except Exception:
        logger.exception("A request of the page failed")
        state.notice = "Something went wrong in the page's server. Its log has the details."


def _refresh_run(state: PageState) -> RunView:
    try:
        run = current_site().provider.run(state.conversation, caller=current_caller())
    except RequestError:
        state.run = ""
        raise
    view = run_view(run)
    state.run = view.model_dump_json()
    open_ids = {question.id for question in view.questions}
    set_refusals(state, {id_: text for id_, text in refusals_of(state).items() if id_ in open_ids})
    set_choices(state, {id_: chosen for id_, chosen in choices_of(state).items() if id_ in open_ids})
    return view


def _answer(question_id: str, value: Answer) -> None:
    state = me.state(PageState)
    refusals = {id_: text for id_, text in refusals_of(state).items() if id_ != question_id}
    try:
        current_site().provider.answer(state.conversation, question_id, value, caller=current_caller())
    except RequestError as error:
        refusals[question_id] = error.detail
    except BackendError as error:
        refusals[question_id] = f"{for_people(error)} What you wrote is still here."
    except Exception:
        logger.exception("An answer could not be given", extra={"run_id": state.conversation})
        refusals[question_id] = "Something went wrong in the page's server. Your answer has not been sent."
    set_refusals(state, refusals)
    refresh(state)
    # The form goes away with a question that somebody else has answered: then the sentence is shown above.
    if question_id in refusals and question_of(state, question_id) is None:
        state.notice = refusals[question_id]


def _open(run_id: str) -> None:
    me.navigate("/", query_params={CONVERSATION_PARAMETER: run_id})


def _set_title(state: PageState) -> None:
    run = run_of(state)
    if run is None:
        me.set_page_title(state.title)
        return
    mark = "● " if run.phase == "waiting" else ""
    me.set_page_title(f"{mark}{run.title} · {PHASE_LABELS[run.phase]} · {state.title}")


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
