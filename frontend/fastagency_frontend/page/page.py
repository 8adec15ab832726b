"""The page: a side bar with the conversations, and beside it either the start or one conversation.

Looks come from `static/style/page.css` by class, so that a render sends little and media queries do the layout.
"""

from __future__ import annotations

import mesop as me

from fastagency_frontend.page import element, handler
from fastagency_frontend.page.form import forms
from fastagency_frontend.page.state import PageState, run_of, shell_of
from fastagency_frontend.page.view import PHASE_LABELS, RunView, ShellView

TRUSTED_TYPE = "fastagency"


def page() -> None:
    state = me.state(PageState)
    shell, run = shell_of(state), run_of(state)
    with me.box(key="app", classes=["fa-app", "fa-drawer-open" if state.drawer else "fa-drawer-closed"]):
        me.box(key="scrim", classes="fa-scrim", on_click=handler.on_drawer)
        with me.box(key="side", classes="fa-side"):
            element.sidebar(state=state, shell=shell)
        with me.box(key="main", classes="fa-main"):
            _header(state, run)
            with me.box(classes="fa-banner"):
                element.pulse(
                    fingerprint=shell.fingerprint if state.shell else "",
                    person=state.mark,
                    trouble=state.trouble,
                    acknowledged=state.acknowledged,
                )
            _notice(state)
            with me.box(key="body", classes=["fa-body", "fa-talk" if state.conversation else "fa-start"]):
                if state.conversation:
                    _conversation(state, run)
                else:
                    _start(state, shell)


def _header(state: PageState, run: RunView | None) -> None:
    with me.box(key="header", classes=["fa-header", "fa-header-talk" if state.conversation else "fa-header-start"]):
        with me.box(classes="fa-menu"):
            icon_button("menu", "Show the conversations", handler.on_drawer, key="menu")
        with me.box(classes="fa-title"):
            me.text(run.title if run else state.title)
        with me.box(classes=["fa-phase", f"fa-phase-{run.phase}" if run else "fa-phase-none"]):
            me.text(PHASE_LABELS[run.phase] if run else "")
        with me.box(classes="fa-actions"):
            if run and run.phase in ("working", "waiting"):
                labelled_button("stop", "Stop", handler.on_stop, key="stop")


def _start(state: PageState, shell: ShellView) -> None:
    with me.box(classes="fa-welcome"):
        with me.box(classes="fa-logo"):
            icon("spark")
        with me.box(classes="fa-welcome-title"):
            me.text(state.title, type="headline-4")
        with me.box(classes="fa-welcome-text"):
            me.text(state.description or "Choose what you would like to do.")
        with me.box(classes="fa-cards"):
            for workflow in shell.workflows or ():
                with (
                    me.box(classes="fa-card"),
                    me.content_button(type="stroked", key=f"start:{workflow.name}", on_click=handler.on_start),
                    me.box(classes="fa-card-inner"),
                ):
                    with me.box(classes="fa-card-head"):
                        me.text(workflow.name)
                        icon("arrow")
                    with me.box(classes="fa-card-text"):
                        me.text(workflow.description)
        if shell.workflows == []:
            with me.box(classes="fa-welcome-text"):
                me.text("The backend has no workflows yet. Register one and reload this page.")


def _conversation(state: PageState, run: RunView | None) -> None:
    with me.box(key="log", classes="fa-log"):
        element.transcript(run=run, accepted=state.accepted, acknowledged=state.acknowledged)
    with me.box(key="dock", classes="fa-dock"):
        if run is None:
            _away(state)
        elif run.questions:
            forms(state, run)
        elif run.phase == "working":
            with me.box(classes="fa-hint"):
                me.text(run.reason or "The agents are working. You can leave this page: the conversation goes on.")
        else:
            _ended(run)


def _away(state: PageState) -> None:
    """The conversation could not be read: the backend is away, or there is no such conversation."""
    with me.box(classes="fa-ended"):
        me.text("Waiting for the backend…" if state.trouble else "There is nothing to show here.")
        labelled_button("plus", "New conversation", handler.on_new, key="new")


def _ended(run: RunView) -> None:
    sentences = {"failed": "This conversation has failed.", "cancelled": "This conversation was stopped."}
    with me.box(classes="fa-ended"):
        me.text(sentences.get(run.phase, "This conversation has finished."))
        if run.phase == "failed":
            labelled_button("again", "Try again from where it failed", handler.on_retry, key="retry")
        labelled_button("again", "Start again", handler.on_again, key="again")
        labelled_button("plus", "New conversation", handler.on_new, key="new")


def _notice(state: PageState) -> None:
    """A sentence about what was just tried. The box is always there: Mesop compares trees by position."""
    with me.box(classes=["fa-notice", "fa-shown" if state.notice else "fa-hidden"]):
        me.text(state.notice)
        icon_button("close", "Dismiss", handler.on_dismiss, key="dismiss")


def labelled_button(icon_name: str, label: str, on_click: handler.Handler, *, key: str) -> None:
    with me.content_button(type="stroked", key=key, on_click=on_click), me.box(classes="fa-button"):
        icon(icon_name)
        with me.box(classes="fa-label"):
            me.text(label)


def icon_button(icon_name: str, label: str, on_click: handler.Handler, *, key: str) -> None:
    """A button that shows an icon only; its label is there for those who do not see the icon."""
    with me.content_button(type="icon", key=key, on_click=on_click):
        icon(icon_name)
        with me.box(classes="fa-visually-hidden"):
            me.text(label)


def icon(name: str) -> None:
    me.box(classes=["fa-icon", f"fa-icon-{name}"])
