"""A message is rendered once, however often it is read."""

from __future__ import annotations

import threading

from fastagency_frontend.page.render import to_row
from fastagency_frontend.page.row import Row
from fastagency_frontend.page.shelf import LONG_CHARS, ROW_CHARS, Shelf
from fastagency_shared.messages import FunctionCallExecution, KeepAlive, LoggedMessage, TextMessage, TransientMessage


class Counting:
    def __init__(self) -> None:
        self.made: list[str] = []

    def __call__(self, message: LoggedMessage | TransientMessage) -> Row | None:
        self.made.append(message.uuid)
        return to_row(message)


def text(body: str, uuid: str = "u") -> TextMessage:
    return TextMessage(body=body, uuid=uuid)


def test_a_message_that_is_read_again_is_not_rendered_again() -> None:
    make = Counting()
    shelf = Shelf(make)
    long = "word " * 8000
    assert shelf.row(text(long)) == shelf.row(text(long)) == to_row(text(long))
    assert make.made == ["u"]


def test_what_differs_in_anything_is_another_row() -> None:
    shelf = Shelf()
    first, second = shelf.row(text("a", "1")), shelf.row(text("a", "2"))
    assert first is not None
    assert second is not None
    assert (first["id"], second["id"]) == ("1", "2")


def test_it_holds_no_more_than_it_may_and_lets_go_of_what_was_not_asked_for() -> None:
    make = Counting()
    shelf = Shelf(make, max_chars=3 * (ROW_CHARS + 200))
    for uuid in ("1", "2", "1", "3", "4", "1"):
        shelf.row(text("x" * 60, uuid))
    assert make.made == ["1", "2", "3", "4"]
    shelf.row(text("x" * 60, "2"))
    assert make.made == ["1", "2", "3", "4", "2"]


def test_a_row_that_is_larger_than_all_of_it_is_made_each_time() -> None:
    make = Counting()
    shelf = Shelf(make, max_chars=100)
    assert shelf.row(text("x" * 200)) == shelf.row(text("x" * 200))
    assert make.made == ["u", "u"]


def test_a_message_without_a_row_has_none() -> None:
    assert Shelf().row(KeepAlive()) is None


def test_what_cannot_be_written_as_json_has_a_row_all_the_same() -> None:
    row = Shelf().row(FunctionCallExecution(function_name="f", call_id="1", retval="a\ud800"))
    assert row is not None
    assert row["type"] == "function_call_execution"
    assert row["result"] == "a\ud800"


def test_a_long_message_that_many_ask_for_at_once_is_rendered_once() -> None:
    make = Counting()
    shelf = Shelf(make)
    body = "*word* " * LONG_CHARS
    threads = [threading.Thread(target=shelf.row, args=(text(body),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert make.made == ["u"]
