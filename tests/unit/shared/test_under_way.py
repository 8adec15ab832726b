"""What a run is writing, from its pieces: whole for those who join, and right however much of it came before."""

from __future__ import annotations

from fastagency_shared.messages import TextChunk
from fastagency_shared.under_way import MAX_KEPT_CHARS, UnderWay
from hypothesis import given
from hypothesis import strategies as st


def piece(delta: str, stream: str = "s", sender: str = "a", offset: int | None = None) -> TextChunk:
    return TextChunk(sender=sender, stream=stream, delta=delta, offset=offset)


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1), st.data())
def test_who_joins_or_comes_back_anywhere_has_the_whole_text(deltas: list[str], data: st.DataObject) -> None:
    here, there = UnderWay(), UnderWay()
    for delta in deltas:
        placed = here.add(piece(delta))
        what = data.draw(st.sampled_from(["hear", "miss"]))
        if what == "hear":
            there.add(placed)
        else:
            [there.add(each) for each in here.so_far()]
    assert there.text_of("s") == here.text_of("s") == "".join(deltas)
    assert here.so_far() == [here.so_far()[0].model_copy(update={"delta": "".join(deltas), "offset": 0})]


def test_a_whole_message_ends_what_its_sender_was_writing() -> None:
    texts = UnderWay()
    for stream, sender in (("1", "a"), ("2", "b"), ("3", "a")):
        texts.add(piece("x", stream, sender))
    texts.end("a")
    assert [each.stream for each in texts.so_far()] == ["2"]
    texts.end("b")
    assert not texts


def test_pieces_without_a_place_are_added_to_the_end() -> None:
    texts = UnderWay()
    assert [texts.add(piece(delta)).offset for delta in ("ab", "c", "d")] == [0, 2, 3]
    assert texts.text_of("s") == "abcd"


def test_of_a_text_that_never_ends_the_beginning_is_kept() -> None:
    texts = UnderWay()
    for _ in range(5):
        texts.add(piece("x" * (MAX_KEPT_CHARS // 2)))
    assert len(texts.text_of("s")) == MAX_KEPT_CHARS
    assert texts.add(piece("y")).offset == 5 * (MAX_KEPT_CHARS // 2)
