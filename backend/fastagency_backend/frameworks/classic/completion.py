"""Completions of the classic API as recorded steps, whichever client makes them.

The place to stand is the client's own `create`, below the framework's `OpenAIWrapper.create`: what the wrapper does
around it (costs, usage, caches, falling back to the next configuration) then happens in a replay as it did at first.
"""

from __future__ import annotations

import copy
import functools
import logging
from collections.abc import Callable
from typing import Any

import httpx
import openai
from fastagency_shared.messages import Usage, new_uuid
from pydantic import JsonValue

from fastagency_backend.engine.context import current_run
from fastagency_backend.engine.observer import Call
from fastagency_backend.engine.run import Run
from fastagency_backend.frameworks.classic.codec import Unrecordable, decode, encode, fingerprint
from fastagency_backend.frameworks.classic.stream import current_speaker, speaking
from fastagency_backend.frameworks.classic.thread import abandonable
from fastagency_backend.frameworks.failure import note

logger = logging.getLogger(__name__)

Create = Callable[[dict[str, Any]], Any]

_MARK = "fastagency_recorded"


def record_client(client: Any) -> None:
    """Make a model client record what it does inside a run. Repeating it changes nothing."""
    create = getattr(client, "create", None)
    if create is None or hasattr(create, _MARK):
        return

    @functools.wraps(create)
    def recorded(params: dict[str, Any]) -> Any:
        run = current_run()
        return create(params) if run is None else _complete(run, create, params)

    setattr(recorded, _MARK, True)
    object.__setattr__(client, "create", recorded)  # a client may be a pydantic model, which allows no new names


def refuse_on_loop(run: Run) -> None:
    """A blocking call on the engine's loop would stop every conversation: say so, and what to do."""
    if run.bridge.on_loop:
        raise RuntimeError(
            "A blocking part of AutoGen's classic API was used on the event loop, which would stop every other "
            "conversation. In an `async def` workflow await the `a_` forms (`a_initiate_chat`, `a_run`), or annotate "
            "`ui: UI` to get a thread and a loop of its own, or write the workflow as a `def`."
        )


def _complete(run: Run, create: Create, params: dict[str, Any]) -> Any:
    refuse_on_loop(run)
    agent = current_speaker() or ""
    request = fingerprint(params)
    # Some clients change the messages that they are given. A replay does not call them, so they get a copy.
    params = {**params, "messages": copy.deepcopy(params["messages"])} if "messages" in params else params
    made: list[Any] = []

    def call() -> JsonValue:
        with speaking(agent or None, stream=new_uuid()):
            try:
                with run.observer.call(run.record, Call("chat", str(params.get("model")), agent)) as seen:
                    made.append(abandonable(run, lambda: create(params)))
                    seen.used(*_tokens(made[0]))
                    seen.content(lambda: params.get("messages"), lambda: made[0])
            except openai.APIError as error:
                note(run, params.get("model"), error)
                return {"error": _encode_error(error)}
        return {"response": encode(made[0])}

    try:
        value = run.step_blocking("completion", agent, request, call)
    except Unrecordable as error:
        logger.warning(
            "A completion is not recorded, because it holds a %s: after a restart it is made again",
            error,
            extra={"run_id": run.id},
        )
        return made[0]
    assert isinstance(value, dict)
    if "error" in value:
        raise _decode_error(value["error"])
    response = decode(value["response"])
    _show_usage(run, agent, response)
    return response


def _show_usage(run: Run, agent: str, response: Any) -> None:
    prompt, completion = _tokens(response)
    if prompt + completion > 0:
        model = getattr(response, "model", None)
        run.emit(Usage(sender=agent or None, model=model, prompt_tokens=prompt, completion_tokens=completion))


def _tokens(response: Any) -> tuple[int, int]:
    usage = getattr(response, "usage", None)
    prompt, completion = getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None)
    return (prompt, completion) if isinstance(prompt, int) and isinstance(completion, int) else (0, 0)


def _encode_error(error: openai.APIError) -> JsonValue:
    """An error that the framework or the workflow may go on from; a replay must go on in the same way."""
    try:
        body = encode(error.body)
    except Unrecordable:
        body = None
    status = error.status_code if isinstance(error, openai.APIStatusError) else None
    return {"class": type(error).__name__, "message": error.message, "body": body, "status": status}


def _decode_error(data: Any) -> openai.APIError:
    cls: type = getattr(openai, data["class"], openai.APIError)
    message, body = str(data["message"]), decode(data["body"])
    request = httpx.Request("POST", "http://model.invalid")  # the request itself was not kept: it holds the key
    if data["status"] is not None and issubclass(cls, openai.APIStatusError):
        return cls(message, response=httpx.Response(data["status"], request=request), body=body)
    if issubclass(cls, openai.APITimeoutError):
        return cls(request)
    if issubclass(cls, openai.APIConnectionError):
        return cls(message=message, request=request)
    return openai.APIError(message, request, body=body)
