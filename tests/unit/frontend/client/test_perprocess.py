"""One object for each process; `tests/process` has a real fork."""

import threading

from fastagency_frontend.client.perprocess import PerProcess


def test_it_is_made_once_whoever_asks() -> None:
    made: list[object] = []
    barrier = threading.Barrier(8)
    got: list[object] = []

    def make() -> object:
        made.append(object())
        return made[-1]

    each = PerProcess(make)

    def ask() -> None:
        barrier.wait()
        got.append(each.get())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert got == made * 8


def test_taking_gives_it_up() -> None:
    each = PerProcess(object)
    assert each.take() is None
    first = each.get()
    assert each.take() is first
    assert each.get() is not first
