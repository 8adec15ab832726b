"""The seam between a user interface and whatever runs the workflows.

A `Provider` is thread-safe and blocking, because its callers are WSGI threads and terminals. There are two of them: the
FastAPI provider of `fastagency_frontend.client` (over HTTP) and the local one of `fastagency_backend.workflow.local`
(same process).
Each call names its `Caller`; a run is visible to its owner only.

Every method may raise `RequestError` (the caller asked for something wrong) or `BackendError` (nobody could be asked).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from fastagency_shared.answer import Answer
from fastagency_shared.messages import LoggedMessage, TransientMessage
from fastagency_shared.run import MessagePage, RunInfo, WorkflowInfo
from fastagency_shared.user import User

Token = Callable[[], str]
"""Gives a bearer token that is valid now; asked for each request, so that it may be a short-lived one."""


@dataclass(frozen=True)
class Caller:
    """On whose behalf a call is made.

    `user_id` is a claim, which counts only where the backend has no authentication of its own; `headers` (credentials
    of the request that is being served) are passed on to it. `token` takes the place of both: it proves to the backend
    who this is. `user` is somebody who has signed in here.
    """

    user_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    user: User | None = None
    token: Token | None = field(default=None, repr=False)


ANYBODY = Caller()


@runtime_checkable
class Provider(Protocol):
    """Starts, follows and answers runs. Blocking and thread-safe."""

    @property
    def names(self) -> list[str]:
        """The names of the workflows that can be started."""
        ...

    def get_description(self, name: str) -> str:
        """The description of one workflow. Raises `UnknownWorkflow`."""
        ...

    def workflows(self, caller: Caller = ANYBODY) -> list[WorkflowInfo]:
        """The workflows that this caller can start."""
        ...

    def start(
        self, name: str, params: Mapping[str, Any], *, run_id: str | None = None, caller: Caller = ANYBODY
    ) -> RunInfo:
        """Create a run; the same `run_id` with the same request gives the same run.

        Raises `UnknownWorkflow`, `Conflict`, `InvalidRequest`.
        """
        ...

    def runs(self, *, limit: int = 50, before: str | None = None, caller: Caller = ANYBODY) -> list[RunInfo]:
        """The caller's runs, newest first; `before` is the id of the last run of the previous page."""
        ...

    def run(self, run_id: str, *, caller: Caller = ANYBODY) -> RunInfo:
        """One run. Raises `UnknownRun`."""
        ...

    def messages(
        self,
        run_id: str,
        *,
        after: int = 0,
        limit: int = 200,
        before: int | None = None,
        epoch: int | None = None,
        caller: Caller = ANYBODY,
    ) -> MessagePage:
        """Logged messages with `after < seq` in order, at most `limit`, at once.

        With `before`, the newest `limit` messages with `seq < before` instead (still in order), for paging backwards.
        `epoch` is that of the cursor. Without it, `after` is of epoch 0, and `before` of any. Raises `StaleCursor`.
        """
        ...

    def follow(
        self, run_id: str, *, after: int = 0, beat_s: float = 5.0, epoch: int = 0, caller: Caller = ANYBODY
    ) -> Iterator[LoggedMessage | TransientMessage | None]:
        """Every logged message after the cursor, then live, transient ones included, until the run ends.

        Yields None at least every `beat_s` seconds, so that the caller can notice that nobody listens any more.
        Closing the iterator stops following; the run goes on. Connection losses are mended inside, without a gap;
        when the backend stays away, raises `BackendUnreachable`. Raises `StaleCursor` when the log is of another epoch
        than what was read of it: forget that, and begin from the start.
        """
        ...

    def answer(self, run_id: str, question: str, value: Answer, *, caller: Caller = ANYBODY) -> None:
        """Answer one question; on return the answer is recorded.

        Raises `UnknownQuestion`, `AlreadyAnswered`, `InvalidRequest`, `Conflict` (the run has ended).
        """
        ...

    def cancel(self, run_id: str, *, caller: Caller = ANYBODY) -> RunInfo:
        """Stop a run. A run that has ended stays as it is."""
        ...

    def retry(self, run_id: str, *, caller: Caller = ANYBODY) -> RunInfo:
        """Let a failed run go on from where it failed. Raises `Conflict` for one that ended in another way."""
        ...

    def fork(self, run_id: str, before: str, *, caller: Caller = ANYBODY) -> RunInfo:
        """A new run with the log up to the question `before`, which is open again.

        Raises `UnknownQuestion`, `Conflict` (it cannot be continued in a second one).
        """
        ...

    def rename(self, run_id: str, title: str, *, caller: Caller = ANYBODY) -> RunInfo:
        """Give a run another title."""
        ...

    def delete(self, run_id: str, *, caller: Caller = ANYBODY) -> None:
        """Remove a run and its messages for good; stops it first."""
        ...


@runtime_checkable
class ProviderSource(Protocol):
    """Something that runs in this very process, such as a `Workflow`: an application may name it as its provider."""

    def create_provider(self) -> Provider:
        """A provider that runs the workflows in this process, and starts nothing before its first use."""
        ...
