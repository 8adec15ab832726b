"""Writes the parts of the docs that follow from the code: messages, routes, settings, states, public names, examples,
and the recorded tables of the benchmarks.

Run `python docs/generate.py` after a change of one of them; a test fails while a page differs from the code. Generated
parts lie between two comments and are replaced as a whole; everything around them is written by hand.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fastagency_backend.engine.state import diagram
from fastagency_backend.frameworks.model_settings import ModelSettings
from fastagency_backend.settings import BackendSettings
from fastagency_backend.url import SqliteFile
from fastagency_backend.web import FastAPIAdapter
from fastagency_backend.workflow import Workflow
from fastagency_frontend.settings import FrontendSettings
from fastagency_shared.connection import CloseCode
from fastagency_shared.errors import REQUEST_ERRORS
from fastagency_shared.messages import LoggedMessage, Message, message_classes, parse_message, to_v1
from fastapi import FastAPI
from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

DOCS = Path(__file__).parent
COSTS = DOCS.parent / "benchmarks" / "costs" / "recorded.json"
STORES = DOCS.parent / "benchmarks" / "stores" / "recorded.json"
EXAMPLES = DOCS.parent / "examples" / "guide"
SECTION = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- /generated -->)", re.DOTALL)


def messages() -> str:
    """Every message type: who gets it, whether it is in the log, its content."""
    rows = [_message_row(cls) for cls in message_classes()]
    return _table(["Type", "Versions", "Logged", "Content", "Meaning"], rows)


def routes() -> str:
    """Every HTTP route of the adapter with its default paths."""
    app = FastAPI()
    app.include_router(FastAPIAdapter(provider=Workflow()).router)
    rows = []
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            query = [f"`{p['name']}`" for p in operation.get("parameters", []) if p["in"] == "query"]
            meaning = str(operation.get("description", "")).splitlines()[0]
            rows.append([f"`{method.upper()} {path}`", ", ".join(query), meaning])
    return _table(["Route", "Query", "Meaning"], rows)


def refusals() -> str:
    """The errors that a request can be refused with."""
    rows = [[f"`{name}`", str(cls.status)] for name, cls in REQUEST_ERRORS.items()]
    return _table(["`code`", "HTTP status"], rows)


def close_codes() -> str:
    """How a WebSocket is closed."""
    rows = [[str(code.value), code.meaning, code.come_back] for code in CloseCode]
    return _table(["Code", "Meaning", "Come back?"], rows)


def run_states() -> str:
    """The state machine of a run."""
    return f"```mermaid\n{diagram()}```\n"


def settings_of(cls: type[BaseSettings]) -> Callable[[], str]:
    """The table of one settings class."""

    def table() -> str:
        rows = [_setting_row(cls, name, field) for name, field in cls.model_fields.items()]
        return _table(["Variable", "Default", "Meaning"], rows)

    return table


PUBLIC_MODULES = [
    "fastagency",
    "fastagency.adapters.fastapi",
    "fastagency.runtimes.autogen",
    "fastagency.runtimes.ag2",
    "fastagency.ui.mesop",
    "fastagency.ui.console",
]


def public_names() -> str:
    """What applications import, each name once, and the first sentence of its docstring."""
    rows: dict[int, list[str]] = {}
    for path in PUBLIC_MODULES:
        module = importlib.import_module(path)
        for name in module.__all__:
            thing = getattr(module, name)
            if not isinstance(thing, str):  # the version
                rows.setdefault(id(thing), [f"`{path}.{name}`", _first_sentence(thing)])
    return _table(["Name", "Meaning"], list(rows.values()))


def example(name: str) -> Callable[[], str]:
    """A file of `examples/guide`."""

    def block() -> str:
        return f"```python\n{(EXAMPLES / name).read_text(encoding='utf-8')}```\n"

    return block


def stores() -> str:
    """The table of the store on PostgreSQL that was recorded last, and where it comes from."""
    recorded = json.loads(STORES.read_text(encoding="utf-8"))
    return "\n".join([*recorded["table"], "", recorded["machine"]["told"], ""])


def costs() -> str:
    """The table that was recorded last, and the machine that it comes from."""
    recorded = json.loads(COSTS.read_text(encoding="utf-8"))
    of = recorded["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in of["versions"].items())
    machine = (
        f"{of['cores']} cores of an {of['cpu']}, {of['kernel']}, Python {of['python']}, SQLite {of['sqlite']}, "
        f"{versions}; {of['rounds']} rounds, load {of['load'][0]} before, {of['taken'][:10]}."
    )
    return "\n".join([*recorded["table"], "", machine, ""])


SECTIONS: dict[str, Callable[[], str]] = {
    "messages": messages,
    "routes": routes,
    "refusals": refusals,
    "close-codes": close_codes,
    "run-states": run_states,
    "backend-settings": settings_of(BackendSettings),
    "frontend-settings": settings_of(FrontendSettings),
    "model-settings": settings_of(ModelSettings),
    "public-names": public_names,
    "costs": costs,
    "stores": stores,
    "example-workflow": example("workflow.py"),
    "example-backend": example("main_1_fastapi.py"),
    "example-page": example("main_2_mesop.py"),
    "example-console": example("main_console.py"),
}


def rewritten(page: str) -> str:
    """A page with its generated parts as they should be. Raises `KeyError` for a part that nothing generates."""
    return SECTION.sub(lambda part: f"{part[1]}\n{SECTIONS[part[2]]()}\n{part[3]}", page)


def pages() -> Iterator[Path]:
    """The pages that have generated parts."""
    for path in sorted(DOCS.glob("**/*.md")):
        if SECTION.search(path.read_text(encoding="utf-8")):
            yield path


def _message_row(cls: type[Message]) -> list[str]:
    kind = cls.model_fields["type"].default
    sample = parse_message({"type": kind})
    shown = to_v1(sample)
    if shown is None:
        versions = "v2"
    elif shown is sample:
        versions = "v1, v2"
    else:
        versions = f"v2; v1 gets `{shown.type}`"
    content = ", ".join(f"`{name}`" for name in cls.content_fields()) or "nothing"
    meaning = inspect.cleandoc(cls.__doc__ or "").removeprefix("v2, transient: ").removeprefix("v2: ")
    logged = "yes" if cls in LoggedMessage.__args__ else "no"
    return [f"`{kind}`", versions, logged, content, meaning[:1].upper() + meaning[1:]]


def _setting_row(cls: type[BaseSettings], name: str, field: FieldInfo) -> list[str]:
    variables = [f"{cls.model_config['env_prefix']}{name.upper()}"]
    if isinstance(field.validation_alias, AliasChoices):
        variables = [str(choice) for choice in field.validation_alias.choices]
    default = field.get_default(call_default_factory=True, validated_data={})
    return [" or ".join(f"`{each}`" for each in variables), _default(default), field.description or ""]


def _first_sentence(thing: object) -> str:
    first = inspect.cleandoc(thing.__doc__ or "").split("\n\n")[0].rstrip(":")
    return re.split(r"(?<=\.)\s", first)[0]


def _default(value: Any) -> str:
    if value is None:
        return "unset"
    assert value is not PydanticUndefined, "every setting has a default"
    if isinstance(value, list):
        return f"`{','.join(map(str, value))}`"
    return f"`{value.path.as_posix() if isinstance(value, SqliteFile) else value}`"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(_cell(text) for text in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    """Neither a bar nor a line break may stand in a table."""
    return " ".join(text.replace("|", "/").split())


def main() -> None:
    for path in pages():
        page = path.read_text(encoding="utf-8")
        if (new := rewritten(page)) != page:
            path.write_text(new, encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(DOCS)} is up to date again\n")


if __name__ == "__main__":
    main()
