"""One object for each process, with a real fork."""

import os
import threading

import pytest
from fastagency_frontend.perprocess import PerProcess


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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_makes_its_own_and_closes_none_of_the_parent() -> None:
    each = PerProcess(os.getpid)
    assert each.get() == os.getpid()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        before = each.take()
        os.write(writer, f"{before} {each.get() == os.getpid()}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 100) == b"None True"
    os.close(reader)
    os.close(writer)
    assert each.get() == os.getpid()


def test_taking_gives_it_up() -> None:
    each = PerProcess(object)
    assert each.take() is None
    first = each.get()
    assert each.take() is first
    assert each.get() is not first
