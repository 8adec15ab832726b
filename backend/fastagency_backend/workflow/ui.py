"""`ui`: the hands of a workflow. `UI` blocks (for `def`), `AsyncUI` is awaited (for `async def`); both do the same.

Every method takes keywords: the fields of its message's content, and of the envelope `sender`, `recipient`,
`auto_reply` and `uuid`; `field.py` has their types. What a workflow shows is in the log before anybody sees it; what
it asks, draws or computes with `step` is recorded, so that the run can go on in another process as if nothing had
happened.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, TypeVarTuple, Unpack, overload

from fastagency_shared.answer import Answer
from fastagency_shared.messages import (
    Error,
    FunctionCallExecution,
    KeepAlive,
    MultipleChoice,
    Question,
    SuggestedFunctionCall,
    SystemMessage,
    TextInput,
    TextMessage,
)
from fastagency_shared.user import User
from pydantic import JsonValue

from fastagency_backend import frameworks
from fastagency_backend.engine.question import Deadline
from fastagency_backend.engine.run import Run
from fastagency_backend.engine.sleep import check_seconds
from fastagency_backend.workflow.argument import request_of
from fastagency_backend.workflow.attempts import attempts_of
from fastagency_backend.workflow.build import Authored, build, build_question, rebuild
from fastagency_backend.workflow.choice import Choices
from fastagency_backend.workflow.field import (
    Envelope,
    ErrorFields,
    FunctionCallExecutionFields,
    MultipleChoiceFields,
    SeveralChoicesFields,
    SuggestedFunctionCallFields,
    SystemMessageFields,
    TextInputFields,
    TextMessageFields,
)
from fastagency_backend.workflow.pending import names_forgotten_awaits

if TYPE_CHECKING:
    from fastagency_backend.frameworks import ChatCompletionClient

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _Hands:
    """What `UI` and `AsyncUI` have in common: everything that does not wait."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @property
    def workflow_uuid(self) -> str:
        """The id of the run: 32 hexadecimal digits."""
        return self._run.id

    @property
    def user(self) -> User | None:
        """Who started the run, as they were then: also when it goes on later, and they have other roles by now.

        None: nobody has signed in, and the request claimed nobody.
        """
        return self._run.record.user

    @property
    def input_func(self) -> Callable[..., Awaitable[str]]:
        """For AgentChat's `UserProxyAgent(input_func=ui.input_func)`: asks through the page."""
        return frameworks.input_func(self._run)

    def model_client(self) -> ChatCompletionClient:
        """An AutoGen `ChatCompletionClient` from the settings (FASTAGENCY_MODEL_*); offline when none is configured.

        It is cheap, and its completions are recorded.
        """
        return frameworks.model_client()

    def record(self, client: ChatCompletionClient) -> ChatCompletionClient:
        """A model client of your own, recorded: `AssistantAgent("poet", ui.record(client))`."""
        return frameworks.record(client)

    def tool(self, fn: Callable[..., Any], description: str | None = None, name: str | None = None) -> Any:
        """An AgentChat tool from a function; like every tool, its results are recorded."""
        return frameworks.tool(fn, description=description, name=name)

    def _request(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a step is recognised by, beside the function's name."""
        return [args, kwargs] if self._run.record.key_version == 1 else request_of(_name(fn), args, kwargs)

    def _emit(self, cls: type[Authored], fields: Mapping[str, Any]) -> None:
        if cls is not TextMessage or not self._run.say(fields):
            self._run.emit(build(cls, self._run.id, fields))

    def _question(self, cls: type[Question], fields: Mapping[str, Any]) -> tuple[Question, Deadline | None]:
        return build_question(cls, self._run.id, fields)


class UI(_Hands):
    """For `def` workflows: every call returns when it is done; questions wait for the person."""

    def text_message(self, **fields: Unpack[TextMessageFields]) -> None:
        """Show text, as markdown. Content: `body`."""
        self._emit(TextMessage, fields)

    def suggested_function_call(self, **fields: Unpack[SuggestedFunctionCallFields]) -> None:
        """Show that a function is to be called. Content: `function_name`, `call_id`, `arguments`."""
        self._emit(SuggestedFunctionCall, fields)

    def function_call_execution(self, **fields: Unpack[FunctionCallExecutionFields]) -> None:
        """Show what a function returned. Content: `function_name`, `call_id`, `retval`, `is_error`."""
        self._emit(FunctionCallExecution, fields)

    def system_message(self, **fields: Unpack[SystemMessageFields]) -> None:
        """Show a notice. Content: `message`, a dict: `heading` and `body` are shown as such, anything else as it is."""
        self._emit(SystemMessage, fields)

    def error(self, **fields: Unpack[ErrorFields]) -> None:
        """Show that something went wrong; the run goes on. Content: `short`, `long`."""
        self._emit(Error, fields)

    def keep_alive(self, **fields: Unpack[Envelope]) -> None:
        """Give a sign of life."""
        self._emit(KeepAlive, fields)

    def text_input(self, **fields: Unpack[TextInputFields]) -> str:
        """Ask for text and return it. Content: `prompt`, `suggestions`, `password`.

        After `deadline_s` seconds `default` is returned; without one, `QuestionExpired` is raised.
        """
        return str(self._run.ask_blocking(*self._question(TextInput, fields)))

    @overload
    def multiple_choice(self, **fields: Unpack[SeveralChoicesFields]) -> Choices: ...
    @overload
    def multiple_choice(self, **fields: Unpack[MultipleChoiceFields]) -> str: ...
    def multiple_choice(self, **fields: Any) -> str:
        """Ask for a choice and return it. Content: `prompt`, `choices`, `default`, `single` (True).

        With `single=False` the result is a `Choices`: text joined by commas, whose `chosen` is the list.
        After `deadline_s` seconds the `default` is returned; without one, `QuestionExpired` is raised.
        """
        return _chosen(self._run.ask_blocking(*self._question(MultipleChoice, fields)))

    def process_message(self, message: Authored) -> str | None:
        """Show a message that was built by hand; a question returns its answer. The checks are those of the methods."""
        message = rebuild(message, self._run.id)
        if isinstance(message, Question):
            return _chosen(self._run.ask_blocking(message))
        self._run.emit(message)
        return None

    def process(self, source: Any) -> str:
        """Show everything that agents do, and return the result.

        `source` is AgentChat's `team.run_stream(task=...)`, or the response of the classic `agent.run(...)`.
        """
        return frameworks.process_blocking(source, self._run)

    async def async_process(self, source: Any) -> str:
        """`process`, awaited: for `async def` workflows of the guide, with the response of `a_run(...)`."""
        return await frameworks.process(source, self._run)

    # An option of `step` itself cannot stand between `P.args` and `P.kwargs`: hence the second overload, for functions
    # that are called with positions only.
    @overload
    def step(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...
    @overload
    def step(
        self,
        fn: Callable[[Unpack[Ts]], T],
        *args: *Ts,
        retries: int,
        backoff: float = 1.0,
        timeout_s: float | None = None,
    ) -> T: ...
    @overload
    def step(self, fn: Callable[[Unpack[Ts]], T], *args: *Ts, timeout_s: float | None) -> T: ...
    def step(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # type: ignore[misc] # mypy, at `*Ts`
        """Call a function once for this run and record what it returns: use it for what must not happen twice.

        The arguments and the result must be JSON; what is returned is what a replay returns, so a tuple is a list.
        `retries` more attempts follow an `Exception`, after `backoff` seconds, then twice that, and so on up to a
        minute. An attempt that takes longer than `timeout_s` fails with `TimeoutError`, but goes on in its thread:
        nothing can stop a blocking call. Give the call itself a timeout where it takes one.
        """
        attempts = attempts_of(self._run, _name(fn), fn, kwargs)
        request = self._request(fn, args, kwargs)
        return self._run.step_blocking(
            "step", _name(fn), request, lambda: attempts.blocking(lambda: fn(*args, **kwargs))
        )

    def sleep(self, seconds: float) -> None:
        """Return so many seconds later. Meanwhile the run may leave memory; a restart does not begin the time anew."""
        self._run.sleep_blocking(check_seconds(seconds, "seconds"))

    def now(self) -> datetime:
        """The time (UTC), the same one when the run is replayed."""
        return _time(self._run.step_blocking("now", "", "", time.time))

    def random(self) -> float:
        """A random number in [0, 1), the same one when the run is replayed."""
        return _float(self._run.step_blocking("random", "", "", random.random))


@names_forgotten_awaits
class AsyncUI(_Hands):
    """For `async def` workflows: the methods of `UI`, awaited."""

    async def _show(self, cls: type[Authored], fields: Mapping[str, Any]) -> None:
        self._emit(cls, fields)
        if self._run.journal.backlog.full:
            await self._run.drain()

    async def text_message(self, **fields: Unpack[TextMessageFields]) -> None:
        """Show text, as markdown. Content: `body`."""
        await self._show(TextMessage, fields)

    async def suggested_function_call(self, **fields: Unpack[SuggestedFunctionCallFields]) -> None:
        """Show that a function is to be called. Content: `function_name`, `call_id`, `arguments`."""
        await self._show(SuggestedFunctionCall, fields)

    async def function_call_execution(self, **fields: Unpack[FunctionCallExecutionFields]) -> None:
        """Show what a function returned. Content: `function_name`, `call_id`, `retval`, `is_error`."""
        await self._show(FunctionCallExecution, fields)

    async def system_message(self, **fields: Unpack[SystemMessageFields]) -> None:
        """Show a notice. Content: `message`, a dict: `heading` and `body` are shown as such, anything else as it is."""
        await self._show(SystemMessage, fields)

    async def error(self, **fields: Unpack[ErrorFields]) -> None:
        """Show that something went wrong; the run goes on. Content: `short`, `long`."""
        await self._show(Error, fields)

    async def keep_alive(self, **fields: Unpack[Envelope]) -> None:
        """Give a sign of life."""
        await self._show(KeepAlive, fields)

    async def text_input(self, **fields: Unpack[TextInputFields]) -> str:
        """Ask for text and return it; see `UI.text_input`."""
        return str(await self._run.ask(*self._question(TextInput, fields)))

    @overload
    async def multiple_choice(self, **fields: Unpack[SeveralChoicesFields]) -> Choices: ...
    @overload
    async def multiple_choice(self, **fields: Unpack[MultipleChoiceFields]) -> str: ...
    async def multiple_choice(self, **fields: Any) -> str:
        """Ask for a choice and return it; see `UI.multiple_choice`."""
        return _chosen(await self._run.ask(*self._question(MultipleChoice, fields)))

    async def process_message(self, message: Authored) -> str | None:
        """Show a message that was built by hand; a question returns its answer. See `UI.process_message`."""
        message = rebuild(message, self._run.id)
        if isinstance(message, Question):
            return _chosen(await self._run.ask(message))
        self._run.emit(message)
        await self._run.drain()
        return None

    async def process(self, source: Any) -> str:
        """Show everything that agents do, and return the result; see `UI.process`."""
        return await frameworks.process(source, self._run)

    @overload
    async def step(self, fn: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T: ...
    @overload
    async def step(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...
    @overload
    async def step(
        self,
        fn: Callable[[Unpack[Ts]], Awaitable[T]],
        *args: *Ts,
        retries: int,
        backoff: float = 1.0,
        timeout_s: float | None = None,
    ) -> T: ...
    @overload
    async def step(self, fn: Callable[[Unpack[Ts]], Awaitable[T]], *args: *Ts, timeout_s: float | None) -> T: ...
    @overload
    async def step(self, fn: Callable[[Unpack[Ts]], T], *args: *Ts, retries: int, backoff: float = 1.0) -> T: ...
    async def step(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # type: ignore[misc] # as above
        """Call a function or coroutine function once for this run and record what it returns; see `UI.step`.

        An attempt that takes longer than `timeout_s` is cancelled. Only an `async def` can be: a plain function holds
        the event loop up while it runs, and with it the clock.
        """
        attempts = attempts_of(self._run, _name(fn), fn, kwargs)
        attempts.check_awaitable(fn)

        async def call() -> JsonValue:
            result = fn(*args, **kwargs)
            value: JsonValue = await result if isinstance(result, Awaitable) else result
            return value

        request = self._request(fn, args, kwargs)
        return await self._run.step("step", _name(fn), request, lambda: attempts.awaited(call))

    async def sleep(self, seconds: float) -> None:
        """Return so many seconds later; see `UI.sleep`."""
        await self._run.sleep(check_seconds(seconds, "seconds"))

    async def now(self) -> datetime:
        """The time (UTC), the same one when the run is replayed."""
        return _time(await self._run.step("now", "", "", _awaitable(time.time)))

    async def random(self) -> float:
        """A random number in [0, 1), the same one when the run is replayed."""
        return _float(await self._run.step("random", "", "", _awaitable(random.random)))


def _chosen(answer: Answer) -> str:
    return answer if isinstance(answer, str) else Choices(answer)


def _name(fn: Callable[..., Any]) -> str:
    return getattr(fn, "__qualname__", type(fn).__name__)


def _awaitable(fn: Callable[[], float]) -> Callable[[], Awaitable[JsonValue]]:
    async def call() -> JsonValue:
        return fn()

    return call


def _float(value: JsonValue) -> float:
    assert isinstance(value, float)
    return value


def _time(value: JsonValue) -> datetime:
    return datetime.fromtimestamp(_float(value), UTC)
