from __future__ import annotations

import faulthandler
import os
import sys
import threading
from pathlib import Path

import pytest
from fastagency_backend.engine.blackbox import ID_BYTES, SUFFIX, BlackBox, line_of, others

RUN = "0123456789abcdef" * 2


@pytest.fixture
def box(tmp_path: Path) -> BlackBox:
    return BlackBox(tmp_path, "worker", threading.get_ident())


def stand_still(box: BlackBox) -> None:
    box.memory[:ID_BYTES] = RUN.encode()
    faulthandler.dump_traceback(file=box.file)


def test_nothing_has_happened(box: BlackBox) -> None:
    assert box.read() is None
    box.close()
    assert not box.path.exists()


def test_a_standstill_names_run_and_line(box: BlackBox) -> None:
    stand_still(box)
    found = box.read()
    assert found is not None
    assert found.run_id == RUN
    assert found.line.startswith(f"{__file__}, line ")
    assert found.line.endswith("in stand_still")
    box.clear()
    assert box.read() is None
    stand_still(box)
    assert box.read() is not None
    box.close()


def test_without_a_run_on_the_loop_all_threads_are_told(box: BlackBox) -> None:
    free = threading.Event()
    thread = threading.Thread(target=free.wait)
    thread.start()
    faulthandler.dump_traceback(file=box.file)
    free.set()
    found = box.read()
    assert found is not None
    assert found.run_id is None
    assert found.stack.count("hread 0x") >= 2
    box.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there a file that is open is known by that alone")
def test_others_see_it_and_clear_away_what_the_dead_leave(box: BlackBox, tmp_path: Path) -> None:
    own = tmp_path / f"own{SUFFIX}"
    (tmp_path / f"crashed{SUFFIX}").write_bytes(b"")
    assert others(tmp_path, own) == []
    stand_still(box)
    ((path, gone, found),) = others(tmp_path, own)
    assert (path, gone, found.run_id) == (box.path, False, RUN)
    box.memory.close()
    os.close(box.file)  # as the end of its process does
    ((path, gone, found),) = others(tmp_path, own)
    assert (path, gone, found.run_id) == (box.path, True, RUN)
    assert list(tmp_path.glob(f"*{SUFFIX}")) == []


def test_the_line_is_the_applications_own() -> None:
    deep = f'  File "{os.__file__}", line 1 in fsencode\n'
    assert line_of(deep + '  File "/srv/app/main.py", line 7 in flow\n') == "/srv/app/main.py, line 7, in flow"
    assert line_of(deep) == f"{os.__file__}, line 1, in fsencode"
    assert line_of("") == "an unknown line"
