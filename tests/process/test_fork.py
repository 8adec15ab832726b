"""One object for each process, with a real fork."""

from __future__ import annotations

import os

import pytest
from fastagency_frontend.client.perprocess import PerProcess


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
