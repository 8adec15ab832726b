"""Our web components, as Mesop sees them: the properties they are given and the events they send.

Their modules have absolute paths, which Mesop asks for below its own prefix; `wsgi.py` serves them there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mesop as me

from fastagency_frontend.page import handler
from fastagency_frontend.page.asset import asset_path
from fastagency_frontend.page.exchange import (
    ComposerProperties,
    PulseProperties,
    SidebarProperties,
    TranscriptProperties,
)
from fastagency_frontend.page.state import PageState
from fastagency_frontend.page.view import QuestionView, RunView, ShellView


def _component(module: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    decorator: Callable[[Callable[..., Any]], Callable[..., Any]] = me.web_component(
        path=asset_path(module), skip_validation=True
    )
    return decorator


@_component("sidebar.js")
def sidebar(*, state: PageState, shell: ShellView) -> Any:
    """The list of conversations, with what can be done to each, and the choice of theme."""
    return me.insert_web_component(
        name="fa-sidebar",
        key="sidebar",
        properties=SidebarProperties(
            heading=state.title,
            conversations=shell.conversations,
            known=bool(state.shell),
            current=state.conversation,
            theme=state.theme,
            person=state.person,
            can_sign_out=state.can_sign_out,
        ).model_dump(),
        events={
            "opened": handler.on_open,
            "created": handler.on_new,
            "renamed": handler.on_rename,
            "deleted": handler.on_delete,
            "themed": handler.on_theme,
            "closed": handler.on_drawer,
        },
    )


@_component("pulse.js")
def pulse(*, fingerprint: str, person: str, trouble: str, acknowledged: int) -> Any:
    """Watches the connection: the banner that says what is going on, and the way back without a reload."""
    return me.insert_web_component(
        name="fa-pulse",
        key="pulse",
        properties=PulseProperties(
            fingerprint=fingerprint, person=person, trouble=trouble, acknowledged=acknowledged
        ).model_dump(),
        events={"changed": handler.on_changed},
    )


@_component("transcript.js")
def transcript(*, run: RunView | None, accepted: str, acknowledged: int) -> Any:
    """The messages of a run; it reads them by itself. `accepted` is the question whose answer was taken last."""
    return me.insert_web_component(
        name="fa-transcript",
        key="transcript",
        properties=TranscriptProperties(
            conversation=run.id if run else "",
            revision=run.revision if run else "",
            accepted=accepted,
            acknowledged=acknowledged,
        ).model_dump(),
        events={"changed": handler.on_run_changed},
    )


@_component("composer.js")
def composer(*, question: QuestionView, state: PageState, refusal: str) -> Any:
    """Where a text answer is written; it keeps the draft until the answer has been accepted."""
    return me.insert_web_component(
        name="fa-composer",
        key=f"composer:{question.id}",
        properties=ComposerProperties(
            question=question.id,
            conversation=state.conversation,
            label=question.prompt or "Your answer",
            password=question.password,
            refusal=refusal,
            accepted=state.accepted,
            acknowledged=state.acknowledged,
        ).model_dump(),
        events={"answered": handler.on_text},
    )
