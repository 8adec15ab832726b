"""Following a run: every message once and in order, whatever happens to the connection."""

import logging
import socket
import threading
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from fastagency_frontend.client import FastAPIProvider, Patience
from fastagency_shared import errors
from fastagency_shared.connection import CloseCode
from fastagency_shared.messages import Message, TextChunk, TextMessage
from fastagency_shared.provider import Caller
from websockets.sync.server import ServerConnection

from tests.unit.frontend.client.scripted import backend, said, sending, until_closed

QUICK = Patience(give_up_s=30, base_s=0.01, cap_s=0.02)
RUN = "a" * 32
DONE = said(3, kind="workflow_completed", result="ok")


def following(url: str, *, after: int = 0, patience: Patience = QUICK, **options: Any) -> Iterator[Message | None]:
    provider = FastAPIProvider(url, patience=patience)
    return provider.follow(RUN, after=after, beat_s=options.pop("beat_s", 0.05), **options)


def seqs(stream: Iterator[Message | None]) -> list[int | None]:
    return [message.seq for message in stream if message is not None]


def test_it_gives_every_message_and_ends_with_the_run() -> None:
    with backend(sending(said(1, "a"), said(2, "b"), DONE, close=1000)) as server:
        assert seqs(following(server.url)) == [1, 2, 3]
    assert server.first_frames == [{"workflow_uuid": RUN, "after": 0}]


def test_a_cut_in_the_middle_leaves_neither_a_gap_nor_a_double() -> None:
    with backend(sending(said(1), said(2)), sending(said(2), DONE, close=1000)) as server:
        assert seqs(following(server.url)) == [1, 2, 3]
    assert [frame["after"] for frame in server.first_frames] == [0, 2]


@pytest.mark.parametrize("code", [1001, 1006, 1011, 1012, 1013, 4408])
def test_a_backend_that_restarts_is_come_back_to(code: int) -> None:
    first = sending(said(1), close=None if code == 1006 else code)
    with backend(first, HTTPStatus.SERVICE_UNAVAILABLE, sending(said(2), DONE, close=1000)) as server:
        assert seqs(following(server.url)) == [1, 2, 3]


def test_duplicates_are_dropped() -> None:
    with backend(sending(said(1), said(1), said(2), said(1), said(2), DONE, close=1000)) as server:
        assert seqs(following(server.url)) == [1, 2, 3]


def test_a_message_that_is_missing_is_fetched_and_nothing_is_given_out_of_order(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with backend(sending(said(1), DONE, then=until_closed), sending(said(2), DONE, close=1000)) as server:
        assert seqs(following(server.url)) == [1, 2, 3]
    assert [frame["after"] for frame in server.first_frames] == [0, 1]
    assert "missing" in caplog.text


def test_it_starts_after_the_cursor() -> None:
    with backend(sending(said(2), said(3), said(4, kind="workflow_cancelled"), close=1000)) as server:
        assert seqs(following(server.url, after=2)) == [3, 4]
    assert server.first_frames[0]["after"] == 2


def test_a_run_that_had_ended_gives_nothing() -> None:
    with backend(sending(close=1000)) as server:
        assert seqs(following(server.url, after=3)) == []


def test_transient_messages_are_given_and_keep_alive_is_a_beat() -> None:
    chunk = said(None, kind="text_chunk", delta="He")
    with backend(sending(chunk, said(None, kind="keep_alive"), said(1, "Hello"), close=1000)) as server:
        received = list(following(server.url, beat_s=30))
    assert isinstance(received[0], TextChunk)
    assert received[1] is None
    assert isinstance(received[2], TextMessage)
    assert len(received) == 3


def test_messages_of_unknown_types_do_not_stop_it() -> None:
    frames = (said(1, kind="hologram"), said(None, kind="weather"), said(2), DONE)
    with backend(sending(*frames, close=1000)) as server:
        assert seqs(following(server.url)) == [1, 2, 3]


def test_silence_is_a_beat_and_closing_the_iterator_closes_the_socket() -> None:
    attached, closed = threading.Event(), threading.Event()

    def silent(connection: ServerConnection) -> None:
        attached.set()
        until_closed(connection)
        closed.set()

    with backend(silent) as server:
        stream = following(server.url, beat_s=0.01)
        while not attached.is_set():
            assert next(stream) is None
        assert [next(stream) for _ in range(3)] == [None, None, None]
        stream.close()  # type: ignore[attr-defined]
        assert closed.wait(10)


def test_a_ping_is_answered() -> None:
    answered = threading.Event()

    def pinging(connection: ServerConnection) -> None:
        if connection.ping().wait(10):
            answered.set()
        sending(said(1), close=1000)(connection)

    with backend(pinging) as server:
        assert seqs(following(server.url)) == [1]
    assert answered.is_set()


REFUSALS = [
    (4400, errors.InvalidRequest),
    (4401, errors.SignedOut),
    (4403, errors.BackendRefused),
    (4404, errors.UnknownRun),
    (4499, errors.BackendError),
    (1009, errors.BackendError),
    (1008, errors.BackendRefused),
]


@pytest.mark.parametrize(("code", "kind"), REFUSALS)
@pytest.mark.parametrize("sentence", ["Because.", None])
def test_a_refusal_is_raised_with_the_sentence_that_came_before_it(code: int, kind: type, sentence: str | None) -> None:
    frames = [said(None, kind="error", short=sentence)] if sentence else []
    with backend(sending(*frames, close=code)) as server, pytest.raises(errors.FastAgencyError) as raised:
        seqs(following(server.url))
    assert type(raised.value) is kind
    assert str(raised.value) == sentence if sentence else len(str(raised.value)) > 10


HANDSHAKES = [
    (HTTPStatus.UNAUTHORIZED, errors.BackendRefused, "Sign in"),
    (HTTPStatus.FORBIDDEN, errors.BackendRefused, "ws_path"),
    (HTTPStatus.NOT_FOUND, errors.BackendIncompatible, "no route"),
    (HTTPStatus.OK, errors.BackendIncompatible, "is not a FastAgency backend"),
]


@pytest.mark.parametrize(("status", "kind", "sentence"), HANDSHAKES)
def test_a_refused_handshake_is_not_tried_again(status: HTTPStatus, kind: type, sentence: str) -> None:
    with backend(status) as server:
        with pytest.raises(errors.BackendError, match=sentence) as raised:
            seqs(following(server.url))
        assert isinstance(raised.value, kind)
        assert len(server.headers) == 1


def test_a_backend_of_another_protocol_is_incompatible() -> None:
    with backend(until_closed, v2=False) as server, pytest.raises(errors.BackendIncompatible):
        seqs(following(server.url))


@pytest.mark.parametrize("rubbish", ["{", "[]", '"text"', "{}", '{"type": 3}'])
def test_frames_that_are_no_messages_are_incompatible(rubbish: str) -> None:
    with backend(sending(rubbish, then=until_closed)) as server, pytest.raises(errors.BackendIncompatible):
        seqs(following(server.url))


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def test_a_backend_that_is_not_there_is_given_up_on_with_beats_until_then() -> None:
    stream = following(f"http://127.0.0.1:{free_port()}", patience=Patience(0.2, 0.01, 0.02), beat_s=0.01)
    assert next(stream) is None
    with pytest.raises(errors.BackendUnreachable, match="has been away"):
        seqs(stream)


def test_a_backend_that_only_opens_and_cuts_is_given_up_on() -> None:
    with backend(sending()) as server, pytest.raises(errors.BackendUnreachable):
        seqs(following(server.url, patience=Patience(0.2, 0.01, 0.02)))


def test_a_server_that_never_answers_the_handshake_does_not_stop_the_beat() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        stream = following(f"http://127.0.0.1:{silent.getsockname()[1]}", beat_s=0.01)
        assert [next(stream) for _ in range(3)] == [None, None, None]
        stream.close()  # type: ignore[attr-defined]


def test_credentials_go_with_the_handshake_and_into_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caller = Caller("ann", {"authorization": "Bearer s3cret", "sec-websocket-protocol": "other"})
    with backend(sending(said(1), close=1000)) as server:
        assert seqs(following(server.url, caller=caller)) == [1]
    assert server.headers[0]["authorization"] == "Bearer s3cret"
    assert server.headers[0]["sec-websocket-protocol"] == "fastagency.v2"
    assert server.first_frames[0]["user_id"] == "ann"
    client_side = [record.getMessage() for record in caplog.records if record.name != "websockets.server"]
    assert not any("s3cret" in line for line in client_side)


def test_the_epoch_goes_back_with_the_cursor() -> None:
    first = sending(said(1, epoch=2), said(2, epoch=2))
    with backend(first, sending(said(3, epoch=2, kind="workflow_completed"), close=1000)) as server:
        assert seqs(following(server.url)) == [1, 2, 3]
    assert server.first_frames == [
        {"workflow_uuid": RUN, "after": 0},
        {"workflow_uuid": RUN, "after": 2, "epoch": 2},
    ]


def test_a_cursor_that_is_refused_is_an_error_of_its_own() -> None:
    sentence = said(None, kind="error", short="Read it again.")
    with backend(sending(sentence, close=CloseCode.STALE_CURSOR)) as server:
        with pytest.raises(errors.StaleCursor, match="Read it again"):
            seqs(following(server.url, after=7, epoch=1))
        assert server.first_frames == [{"workflow_uuid": RUN, "after": 7, "epoch": 1}]


def test_a_message_of_another_epoch_does_not_follow_on_the_last_one() -> None:
    with backend(sending(said(1), said(2, epoch=1), then=until_closed)) as server:
        stream = following(server.url)
        assert next(each.seq for each in stream if each is not None) == 1
        with pytest.raises(errors.StaleCursor):
            seqs(stream)
