"""Brings the state of the page up to date, with as few requests to the backend as that takes.

Where an action's reply says what has become of the run, that is shown, and nothing is read again. What others change
meanwhile is noticed by the browser: by the transcript for the open conversation, by the pulse for the rest.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import mesop as me
from fastagency_shared.errors import BackendError, RequestError, SignedOut
from fastagency_shared.run import RunInfo
from flask import request

from fastagency_frontend.page.door import mark_of
from fastagency_frontend.page.site import current_caller, current_site
from fastagency_frontend.page.state import (
    PageState,
    choices_of,
    refusals_of,
    run_of,
    set_choices,
    set_refusals,
    shell_of,
)
from fastagency_frontend.page.trouble import for_people
from fastagency_frontend.page.view import PHASE_LABELS, RunView, ShellView, run_view

logger = logging.getLogger(__name__)


@contextmanager
def reporting(state: PageState) -> Iterator[None]:
    """Turn what goes wrong into a sentence for the person, and what nobody expected into a log entry as well."""
    try:
        yield
    except SignedOut as error:
        current_site().forget(request.environ)  # the pulse will say it
        state.trouble = for_people(error)
    except BackendError as error:
        state.trouble = for_people(error)
    except RequestError as error:
        state.notice = error.detail
    except Exception:
        logger.exception("A request of the page failed")
        state.notice = "Something went wrong in the page's server. Its log has the details."


def show_person(state: PageState) -> None:
    """Show who has signed in, where people do."""
    site = current_site()
    if site.entrance is None:
        return
    with reporting(state):
        caller = current_caller()
        state.person = caller.user.shown if caller.user is not None else ""
        state.mark = mark_of(caller)
        state.can_sign_out = site.entrance.door.can_sign_out


def read_page(state: PageState) -> None:
    """Read everything that is shown: the list of conversations, and the open one or else the workflows."""
    site = current_site()
    with reporting(state):
        shell = site.shell(current_caller(), workflows=not state.conversation)
        known = shell_of(state).workflows
        _show_shell(state, shell if shell.workflows is not None else shell.model_copy(update={"workflows": known}))
        state.trouble = ""
        if state.conversation:
            _read_run(state)
    set_title(state)


def read_run(state: PageState) -> None:
    """Read the open conversation; all of the page if something of it is missing."""
    if state.trouble or not state.shell:
        read_page(state)
        return
    with reporting(state):
        _read_run(state)
    set_title(state)


def read_start(state: PageState) -> None:
    """Read the workflows, which may be others by now; all of the page if something of it is missing."""
    if state.trouble or not state.shell:
        read_page(state)
        return
    with reporting(state):
        found = current_site().provider.workflows(current_caller())
        _show_shell(state, shell_of(state).model_copy(update={"workflows": found}))
    set_title(state)


def show_run(state: PageState, run: RunInfo) -> None:
    """Show what a reply of the backend says of a run: in the list, and as the open conversation if it is that."""
    view = run_view(run)
    if run.workflow_uuid == state.conversation:
        show_view(state, view)
    if state.shell:
        _show_shell(state, shell_of(state).with_run(view))


def show_started(state: PageState, run: RunInfo) -> None:
    """Show a conversation that has just begun, on top of the list."""
    if state.shell:
        _show_shell(state, shell_of(state).starting_with(run))
    show_run(state, run)


def show_view(state: PageState, view: RunView) -> None:
    """Show the open conversation as it is now."""
    state.run = view.model_dump_json()
    open_ids = {question.id for question in view.questions}
    set_refusals(state, {id_: text for id_, text in refusals_of(state).items() if id_ in open_ids})
    set_choices(state, {id_: chosen for id_, chosen in choices_of(state).items() if id_ in open_ids})
    set_title(state)


def forget_run(state: PageState, run_id: str) -> None:
    """Take a conversation that was deleted off the list."""
    if state.shell:
        _show_shell(state, shell_of(state).without(run_id))


def _read_run(state: PageState) -> None:
    try:
        run = current_site().provider.run(state.conversation, caller=current_caller())
    except RequestError:
        state.run = ""
        raise
    show_run(state, run)


def _show_shell(state: PageState, shell: ShellView) -> None:
    state.shell = shell.model_dump_json()


def set_title(state: PageState) -> None:
    """Name the browser's tab after what is shown; a mark says that somebody is asked."""
    run = run_of(state)
    if run is None:
        me.set_page_title(state.title)
        return
    mark = "● " if run.phase == "waiting" else ""
    me.set_page_title(f"{mark}{run.title} · {PHASE_LABELS[run.phase]} · {state.title}")
