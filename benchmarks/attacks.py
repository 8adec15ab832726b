"""One client asks for far too much: what another one notices, and how much memory the backend takes. (Linux)

Each attack has a backend of its own, and attackers in processes of their own. Meanwhile the victim reads its
conversation twenty times a second, each time over a new connection.
"""

from __future__ import annotations

import argparse
import json
import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import httpx
from fastagency_backend.workflow import AsyncUI, Workflow
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from benchmarks.server import Server, machine, percentile, running

SECONDS, PAUSE_S = 10.0, 0.05
AIM_MS, AIM_MIB = 250, 300
MIB = 1024 * 1024
QUIET = logging.getLogger("benchmarks.attacks")
QUIET.setLevel(logging.CRITICAL)
CHOICES = [f"choice {number}" for number in range(1000)]

wf = Workflow()


@wf.register(name="ask", description="Asks")
async def ask(ui: AsyncUI, params: dict[str, Any]) -> object:
    return await ui.multiple_choice(prompt="Which?", choices=CHOICES, single=False)


@wf.register(name="talk", description="Says much, then asks")
async def talk(ui: AsyncUI, params: dict[str, Any]) -> str:
    for number in range(params["count"]):
        await ui.text_message(body=f"{number} {'x' * params['size']}")
    return await ui.text_input(prompt="?")


def start(http: httpx.Client, workflow: str, **params: Any) -> str:
    reply = http.post("/initiate_workflow", json={"workflow_name": workflow, "params": params})
    run_id: str = reply.raise_for_status().json()["workflow_uuid"]
    while not (run := http.get(f"/runs/{run_id}").json())["questions"] and run["status"] in ("ready", "running"):
        time.sleep(0.02)
    return run_id


@contextmanager
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{url}/fastagency", timeout=120) as http:
        yield http


# --- the attacks: each is prepared once, and made by several processes until it is over -----------------------------


def prepare_list(http: httpx.Client) -> str:
    for _ in range(60):
        start(http, "ask", text="x" * 990_000)
    return ""


def ask_for_lists(url: str, _run: str, over: Event) -> None:
    with client(url) as http:
        while not over.is_set():
            http.get("/runs", params={"limit": 200})


def send_bodies(url: str, _run: str, over: Event) -> None:
    body = b'{"workflow_name": "ask", "params": {"x": [' + b"1," * (30 * MIB) + b"1]}}"
    with client(url) as http:
        while not over.is_set():
            post(http, "/initiate_workflow", body)


def prepare_question(http: httpx.Client) -> str:
    return start(http, "ask")


def send_answers(url: str, run: str, over: Event) -> None:
    with client(url) as http:
        question = http.get(f"/runs/{run}").json()["questions"][0]["uuid"]
        body = json.dumps({"question": question, "value": ["no such choice"] * 1_000_000}).encode()
        while not over.is_set():
            post(http, f"/runs/{run}/answers", body)


def post(http: httpx.Client, path: str, body: bytes) -> None:
    try:
        http.post(path, content=body, headers={"Content-Type": "application/json"})
    except httpx.TransportError:
        time.sleep(PAUSE_S)


def prepare_log(http: httpx.Client) -> str:
    return start(http, "talk", count=3000, size=8000)


def read_slowly(url: str, run: str, over: Event) -> None:
    """Fifty of them; two hundred in all."""
    port = httpx.URL(url).port
    request = f"GET /fastagency/runs/{run}/events HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n"
    readers = []
    for _ in range(50):
        reader = socket.create_connection(("127.0.0.1", port or 80))
        reader.sendall(request.encode())
        readers.append(reader)
    over.wait()
    for reader in readers:
        reader.close()


def send_frames(url: str, run: str, over: Event) -> None:
    """Five of them; twenty in all."""
    frame = "x" * (15 * MIB)
    while not over.is_set():
        open_ones = []
        for _ in range(5):
            try:
                address = f"ws{url.removeprefix('http')}/fastagency/ws"
                socket_ = connect(address, compression=None, logger=QUIET)
                open_ones.append(socket_)
                socket_.send(json.dumps({"workflow_uuid": run}))
                socket_.send(frame)
            except (OSError, InvalidStatus, ConnectionClosed):
                time.sleep(PAUSE_S)
        for socket_ in open_ones:
            socket_.close()


@dataclass(frozen=True)
class Attack:
    what: str
    made: Callable[[str, str, Event], None]
    prepare: Callable[[httpx.Client], str] = prepare_question
    processes: int = 4


ATTACKS = {
    "list": Attack("GET /runs, over 60 runs with 1 MB of params each", ask_for_lists, prepare_list),
    "body": Attack("a body of 60 MiB", send_bodies),
    "answer": Attack("an answer of 1,000,000 items", send_answers),
    "readers": Attack("200 readers of a log of 24 MB that do not read", read_slowly, prepare_log),
    "frames": Attack("20 sockets with a message of 15 MiB", send_frames),
}


def suffer(server: Server, attack: Attack) -> tuple[list[float], float]:
    """What the victim waited for each time, in milliseconds, and the most memory that the backend had."""
    context = get_context("spawn")
    over = context.Event()
    with client(server.http) as http:
        run, own = attack.prepare(http), start(http, "ask")
    arguments = (server.http, run, over)
    attackers = [context.Process(target=attack.made, args=arguments) for _ in range(attack.processes)]
    for attacker in attackers:
        attacker.start()
    time.sleep(2)  # they have to import what they need
    waits: list[float] = []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        begun = time.perf_counter()
        httpx.get(f"{server.http}/fastagency/runs/{own}", timeout=120, trust_env=False).raise_for_status()
        waits.append((time.perf_counter() - begun) * 1000)
        time.sleep(PAUSE_S)
    over.set()
    peak = peak_mib(server.pid)
    for attacker in attackers:
        attacker.join(20)
        attacker.kill()
    return waits, peak


def peak_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(ATTACKS), help="some of: %(default)s")
    names = parser.parse_args().only.split(",")
    print(machine())
    print(f"\n| attack | the victim's p50 / p99 / longest (aim: p99 {AIM_MS} ms) | peak memory (aim: {AIM_MIB} MiB) |")
    print("| --- | --- | --- |")
    for name in names:
        with running(
            "fastagency_backend.main:app", "/fastagency/discovery", workflows="benchmarks.attacks:wf"
        ) as server:
            waits, peak = suffer(server, ATTACKS[name])
        p50, p99 = percentile(waits, 0.5), percentile(waits, 0.99)
        print(f"| {ATTACKS[name].what} | {p50:.0f} / {p99:.0f} / {max(waits):.0f} ms | {peak:.0f} MiB |", flush=True)


if __name__ == "__main__":
    main()
