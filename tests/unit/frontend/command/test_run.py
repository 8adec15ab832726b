"""`fastagency run`: what it finds, what it runs, and what it says when it cannot."""

import inspect
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastagency_frontend.command.main import main

from tests.fakes import page_application

CONSOLE = """
from fastagency_frontend.app import FastAgency
from fastagency_frontend.console import ConsoleUI
from fastagency_shared.messages import TextMessage
from tests.fakes.provider import FakeProvider, FakeWorkflow

def echo(run):
    run.emit(TextMessage(body="params " + repr(sorted(run.params.items()))))
    return "ok"

def other(run):
    raise ValueError("no")

flows = {"echo": FakeWorkflow("Says it.", echo), "other": FakeWorkflow("Fails.", other)}
app = FastAgency(FakeProvider(flows), ConsoleUI())
"""
WEB = inspect.getsource(page_application)


@pytest.fixture(autouse=True)
def _clean_imports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    yield
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("target", ["desk.py", "desk.py:app", "desk", "desk:app", "./desk.py"])
def test_it_runs_the_application_of_a_file_or_module(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    write("desk.py", CONSOLE)
    code = main(["run", target, "--workflow", "echo", "--param", "n=3", "--param", "topic=red cells"])
    assert code == 0
    assert "params [('n', 3), ('topic', 'red cells')]" in capsys.readouterr().out


def test_it_runs_a_module_of_a_package_and_a_file_called_like_a_known_module() -> None:
    write("office/__init__.py", "")
    write("office/desk.py", CONSOLE)
    write("json.py", CONSOLE)
    assert main(["run", "office.desk", "--workflow", "echo"]) == 0
    assert main(["run", "json.py", "--workflow", "echo"]) == 0
    assert sys.modules["json"] is json


@pytest.mark.parametrize("name", ["main.py", "app.py", "api.py", "app/main.py", "app/app.py", "app/api.py"])
def test_without_a_name_it_runs_the_usual_file(name: str) -> None:
    write("unusual.py", "1 / 0")
    write(name, CONSOLE)
    assert main(["run", "--workflow", "echo"]) == 0


def test_without_a_name_and_a_usual_file_it_says_where_it_looked(capsys: pytest.CaptureFixture[str]) -> None:
    write("unusual.py", CONSOLE)
    assert main(["run"]) == 1
    said = capsys.readouterr().err
    assert "main.py, app.py" in said
    assert "fastagency run FILE" in said


@pytest.mark.parametrize("target", ["shop/office/desk.py", "shop/office/desk.py:app", "shop/office/__init__.py"])
def test_a_file_of_a_package_may_import_from_its_package(target: str) -> None:
    write("shop/__init__.py", "NAME = 'shop'")
    write("shop/office/__init__.py", CONSOLE)
    write("shop/office/desk.py", "from .. import NAME\nfrom . import app")
    assert main(["run", target, "--workflow", "echo"]) == 0
    assert sys.modules["shop.office"]


def test_a_package_that_has_the_name_of_another_module_is_said_in_a_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write("json/__init__.py", "")
    write("json/decoder.py", CONSOLE)
    assert main(["run", "json/decoder.py"]) == 1
    assert "Python knows another module 'json.decoder'" in capsys.readouterr().err


def test_the_exit_code_is_that_of_the_workflow() -> None:
    write("desk.py", CONSOLE)
    assert main(["run", "desk.py", "--workflow", "other"]) == 1


WRONG = [
    ("", "missing.py", "There is no file missing.py"),
    ("", "missing", "There is no module 'missing' here."),
    ("", "what.py:app", "has no 'app'. The FastAgency applications in it: none."),
    ("x = 1", "what.py", "has no FastAgency application"),
    ("", "what-else", "is neither a Python file nor the name of a module"),
    ("app = 3", "what.py:app", "is not a FastAgency application but an object of the class int"),
    ("class FastAPI: pass\napp = FastAPI()", "what.py:app", "is started with uvicorn"),
    (CONSOLE + "two = FastAgency(app.provider, ConsoleUI())", "what.py", "Say which one: what.py:app or what.py:two"),
    ("import nowhere_to_be_found", "what.py", "needs the module 'nowhere_to_be_found', which is not installed"),
    ("from json import nothing", "what.py", "cannot be imported. cannot import name 'nothing'"),
    ("1 / 0", "what.py", "its own code raised the ZeroDivisionError above"),
    ("def", "what.py", "its own code raised the SyntaxError above"),
]


@pytest.mark.parametrize(("text", "target", "said"), WRONG)
def test_what_cannot_be_run_is_one_clear_sentence(
    text: str, target: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("what.py", text)
    assert main(["run", target]) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("fastagency: ")
    assert said in last


def test_a_file_named_without_its_ending_is_suggested(capsys: pytest.CaptureFixture[str]) -> None:
    write("sub/desk.py", CONSOLE)
    write("sub.py", "raise ModuleNotFoundError(name='sub')")
    assert main(["run", "sub"]) == 1
    assert "Did you mean sub.py?" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["walk"], ["run", "x.py", "--param", "nokey"]])
def test_a_wrong_command_line_has_its_own_exit_code(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2


def test_options_of_the_console_are_refused_for_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    write("page.py", WEB)
    assert main(["run", "page.py", "--workflow", "x"]) == 2
    assert "for a ConsoleUI" in capsys.readouterr().err


def test_a_port_in_use_is_one_clear_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write("page.py", WEB)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("FASTAGENCY_FRONTEND_PORT", str(port))
        assert main(["run", "page.py"]) == 1
    assert f"Port {port} of 127.0.0.1 is already in use" in capsys.readouterr().err


def test_an_address_of_another_machine_is_one_clear_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write("page.py", WEB)
    monkeypatch.setenv("FASTAGENCY_FRONTEND_HOST", "192.0.2.1")
    assert main(["run", "page.py"]) == 1
    assert "FASTAGENCY_FRONTEND_HOST" in capsys.readouterr().err


def test_a_bad_setting_is_one_clear_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write("page.py", WEB)
    monkeypatch.setenv("FASTAGENCY_FRONTEND_PORT", "many")
    assert main(["run", "page.py"]) == 1
    assert "FASTAGENCY_FRONTEND_PORT" in capsys.readouterr().err
