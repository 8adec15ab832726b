"""A model behind real HTTP: speaks the OpenAI chat completions protocol, so that the real client code runs in tests.

In a test's own process: `with OpenAIServer() as server: ... server.base_url`. As a process of its own, which outlives
the backend that a fault test kills: `python -m tests.fakes.openai_server --port 0 --log calls.jsonl`; it prints its
base URL.

Every call is written to the log when it begins and when its last byte is sent. Unless answers are given, they are
random, so that a call made twice cannot go unnoticed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import select
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

WORDS = ("river", "lamp", "orchid", "signal", "maple", "copper", "harbor", "violet", "meadow", "cobalt", "thunder")

Answer = str | list[dict[str, Any]]
"""Text, or tool calls: `[{"name": ..., "arguments": {...}}]`."""


@dataclass
class Behaviour:
    """What the server does. Changed between calls, in the process or with `POST /behaviour`.

    `answers` are given one by one, then random ones. `failures` are HTTP statuses for the next calls. `hang` calls
    never answer until `released`. With a `gate`, every answer waits for a permit of it. With `use_tools`, a random
    answer calls a tool if tools are offered and none was just used.
    """

    delay_s: float = 0.0
    chunk_delay_s: float = 0.0
    answers: deque[Answer] = field(default_factory=deque)
    failures: deque[int] = field(default_factory=deque)
    hang: int = 0
    gate: threading.Semaphore | None = None
    use_tools: bool = True


class OpenAIServer:
    """The server on a thread.

    `calls` are the request bodies so far, in the order in which they came; `finished` the fingerprints of those that
    were answered to the last byte; `connections` counts those that were opened.
    """

    def __init__(self, *, port: int = 0, log: Path | None = None, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.calls: list[dict[str, Any]] = []
        self.finished: list[str] = []
        self.connections = 0
        self.released = threading.Event()
        self._log = log
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"fake": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), name="openai", daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def begin(self, body: dict[str, Any]) -> tuple[int, str]:
        """Note a call; its number and what it asks."""
        asked = fingerprint(body)
        with self._lock:
            self.calls.append(body)
            number = len(self.calls)
            self._write("begin", number, asked)
        return number, asked

    def end(self, number: int, asked: str) -> None:
        with self._lock:
            self.finished.append(asked)
            self._write("end", number, asked)

    def next_failure(self) -> int | None:
        with self._lock:
            return self.behaviour.failures.popleft() if self.behaviour.failures else None

    def next_hangs(self) -> bool:
        with self._lock:
            hangs = self.behaviour.hang > 0
            self.behaviour.hang -= hangs
            return hangs

    def answer(self, body: dict[str, Any]) -> Answer:
        with self._lock:
            if self.behaviour.answers:
                return self.behaviour.answers.popleft()
        if self.behaviour.use_tools and body.get("tools") and body["messages"][-1]["role"] != "tool":
            function = random.choice(body["tools"])["function"]
            return [{"name": function["name"], "arguments": _arguments(function.get("parameters", {}))}]
        return f"{' '.join(random.sample(WORDS, 4))} {random.randint(0, 10**9)}"

    def _write(self, phase: str, number: int, asked: str) -> None:
        if self._log is not None:
            with self._log.open("a") as file:
                file.write(json.dumps({"phase": phase, "number": number, "asked": asked, "pid": os.getpid()}) + "\n")


def fingerprint(body: dict[str, Any]) -> str:
    """What a call asks, without the ids of tool calls: equal for the same question asked twice."""
    text = json.dumps([{**message, "tool_call_id": None} for message in body["messages"]], sort_keys=True)
    for message in body["messages"]:
        for call in message.get("tool_calls") or ():
            text = text.replace(call["id"], "")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def finished_twice(log: Path) -> list[str]:
    """The questions that were answered more than once, from a log."""
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    ends = [entry["asked"] for entry in entries if entry["phase"] == "end"]
    return sorted({asked for asked in ends if ends.count(asked) > 1})


def _arguments(schema: dict[str, Any]) -> dict[str, Any]:
    makers: dict[str, Callable[[], Any]] = {
        "integer": lambda: random.randint(1, 99),
        "number": lambda: round(random.uniform(1, 99), 2),
        "boolean": lambda: True,
        "array": list,
        "object": dict,
    }
    properties: dict[str, Any] = schema.get("properties", {})
    return {
        name: random.choice(rule["enum"]) if "enum" in rule else makers.get(rule.get("type", ""), lambda: "maple")()
        for name, rule in properties.items()
    }


class _Handler(BaseHTTPRequestHandler):
    fake: OpenAIServer
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        self.fake.connections += 1
        super().setup()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/behaviour":
            for name, value in body.items():
                setattr(self.fake.behaviour, name, deque(value) if isinstance(value, list) else value)
            self._json(200, {})
        elif self.path.endswith("/chat/completions"):
            self._complete(body)
        else:
            self._json(404, {"error": {"message": f"no such path: {self.path}"}})

    def do_GET(self) -> None:
        self._json(404, {"error": {"message": f"no such path: {self.path}"}})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing: the log file says it."""

    def _complete(self, body: dict[str, Any]) -> None:
        number, asked = self.fake.begin(body)
        if (status := self.fake.next_failure()) is not None:
            self._json(status, {"error": {"message": f"the test wants a {status}", "type": "test", "code": None}})
            return
        if self.fake.next_hangs():
            self.fake.released.wait()
            self.close_connection = True
            return
        if not self._pass_gate():
            return
        time.sleep(self.fake.behaviour.delay_s)
        answer = self.fake.answer(body)
        try:
            if body.get("stream"):
                self._stream(body, answer)
            else:
                self._json(200, _completion(body, answer))
        except ConnectionError:  # the caller is gone: the call was not finished
            return
        self.fake.end(number, asked)

    def _pass_gate(self) -> bool:
        """Wait for a permit; a caller that is gone by then leaves it to another."""
        gate = self.fake.behaviour.gate
        if gate is None:
            return True
        gate.acquire()
        readable, _, _ = select.select([self.connection], [], [], 0)
        if readable and not self.connection.recv(1, socket.MSG_PEEK):
            gate.release()
            self.close_connection = True
            return False
        return True

    def _stream(self, body: dict[str, Any], answer: Answer) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        for chunk in _chunks(body, answer):
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            self.wfile.flush()
            time.sleep(self.fake.behaviour.chunk_delay_s)
        self.wfile.write(b"data: [DONE]\n\n")
        self.wfile.flush()

    def _json(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _tool_calls(answer: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "index": index,
            "id": f"call_{uuid.uuid4().hex[:12]}",
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call["arguments"])},
        }
        for index, call in enumerate(answer)
    ]


def _frame(body: dict[str, Any], kind: str, **more: Any) -> dict[str, Any]:
    return {"id": uuid.uuid4().hex, "object": kind, "created": int(time.time()), "model": body["model"], **more}


def _usage(body: dict[str, Any], answer: Answer) -> dict[str, int]:
    prompt = sum(len(str(message.get("content") or "").split()) for message in body["messages"])
    said = len(str(answer).split())
    return {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said}


def _completion(body: dict[str, Any], answer: Answer) -> dict[str, Any]:
    message: dict[str, Any]
    if isinstance(answer, str):
        message, reason = {"role": "assistant", "content": answer}, "stop"
    else:
        message, reason = {"role": "assistant", "content": None, "tool_calls": _tool_calls(answer)}, "tool_calls"
    choice = {"index": 0, "message": message, "finish_reason": reason}
    return _frame(body, "chat.completion", choices=[choice], usage=_usage(body, answer))


def _chunks(body: dict[str, Any], answer: Answer) -> Iterator[dict[str, Any]]:
    def piece(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return _frame(body, "chat.completion.chunk", choices=[choice])

    if isinstance(answer, str):
        for place, word in enumerate(answer.split(" ")):
            yield piece({"role": "assistant", "content": word if place == 0 else f" {word}"})
        yield piece({}, "stop")
    else:
        yield piece({"role": "assistant", "tool_calls": _tool_calls(answer)})
        yield piece({}, "tool_calls")
    if (body.get("stream_options") or {}).get("include_usage"):
        yield _frame(body, "chat.completion.chunk", choices=[], usage=_usage(body, answer))


def main() -> None:
    parser = argparse.ArgumentParser(description="A fake OpenAI-compatible model.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    options = parser.parse_args()
    with OpenAIServer(port=options.port, log=options.log, behaviour=Behaviour(delay_s=options.delay)) as server:
        print(server.base_url, flush=True)
        server.released.wait()


if __name__ == "__main__":
    main()
