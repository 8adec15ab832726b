"""An event on the wire: the quick way and the thorough way give the same text."""

from __future__ import annotations

import json

from fastagency_backend.engine.view import logged, wire_v2
from fastagency_backend.store.base import StoredEvent
from fastagency_shared.messages import LoggedMessage
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import messages_of


@given(
    st.one_of([messages_of(cls) for cls in LoggedMessage.__args__]),
    st.integers(1, 2**40),
    st.integers(0, 4 * 10**9) | st.floats(0, 4e9),
    st.integers(0, 3),
)
def test_the_quick_way_to_the_wire_is_the_wire(message: LoggedMessage, seq: int, at: float, epoch: int) -> None:
    body = message.model_copy(update={"seq": None, "at": None, "epoch": 0}).model_dump_json()
    event = StoredEvent(seq, at, body)
    assert json.loads(wire_v2(event, epoch)) == logged(event, epoch).wire()
