"""A provider of this very process that comes to life when it is first used."""

from collections.abc import Iterator, Mapping
from typing import Any

from fastagency_shared.answer import Answer
from fastagency_shared.messages import LoggedMessage, TransientMessage
from fastagency_shared.provider import ANYBODY, Caller, Provider, ProviderSource
from fastagency_shared.run import MessagePage, RunInfo, WorkflowInfo

from fastagency_frontend.perprocess import PerProcess


class LazyProvider:
    """A `Provider` that asks `source` for the real one at the first call in each process, and hands every call on."""

    def __init__(self, source: ProviderSource) -> None:
        self._real: PerProcess[Provider] = PerProcess(source.create_provider)

    @property
    def names(self) -> list[str]:
        return self._real.get().names

    def get_description(self, name: str) -> str:
        return self._real.get().get_description(name)

    def workflows(self, caller: Caller = ANYBODY) -> list[WorkflowInfo]:
        return self._real.get().workflows(caller)

    def start(
        self, name: str, params: Mapping[str, Any], *, run_id: str | None = None, caller: Caller = ANYBODY
    ) -> RunInfo:
        return self._real.get().start(name, params, run_id=run_id, caller=caller)

    def runs(self, *, limit: int = 50, before: str | None = None, caller: Caller = ANYBODY) -> list[RunInfo]:
        return self._real.get().runs(limit=limit, before=before, caller=caller)

    def run(self, run_id: str, *, caller: Caller = ANYBODY) -> RunInfo:
        return self._real.get().run(run_id, caller=caller)

    def messages(
        self, run_id: str, *, after: int = 0, limit: int = 200, before: int | None = None, caller: Caller = ANYBODY
    ) -> MessagePage:
        return self._real.get().messages(run_id, after=after, limit=limit, before=before, caller=caller)

    def follow(
        self, run_id: str, *, after: int = 0, beat_s: float = 5.0, caller: Caller = ANYBODY
    ) -> Iterator[LoggedMessage | TransientMessage | None]:
        return self._real.get().follow(run_id, after=after, beat_s=beat_s, caller=caller)

    def answer(self, run_id: str, question: str, value: Answer, *, caller: Caller = ANYBODY) -> None:
        self._real.get().answer(run_id, question, value, caller=caller)

    def cancel(self, run_id: str, *, caller: Caller = ANYBODY) -> RunInfo:
        return self._real.get().cancel(run_id, caller=caller)

    def rename(self, run_id: str, title: str, *, caller: Caller = ANYBODY) -> RunInfo:
        return self._real.get().rename(run_id, title, caller=caller)

    def delete(self, run_id: str, *, caller: Caller = ANYBODY) -> None:
        self._real.get().delete(run_id, caller=caller)

    def close(self) -> None:
        """Close the real provider, if there is one; the next call makes another."""
        made = self._real.take()
        if made is not None:
            close_provider(made)


def close_provider(provider: Provider) -> None:
    """Close a provider that holds something; `close` is no part of the seam, as not every provider does."""
    close = getattr(provider, "close", None)
    if callable(close):
        close()
