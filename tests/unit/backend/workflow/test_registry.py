"""`Workflow`: what can be registered, and what is said of what cannot."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from fastagency_backend.workflow import UI, AsyncUI, Workflow
from fastagency_shared.errors import UnknownWorkflow
from fastagency_shared.provider import Provider, ProviderSource
from fastagency_shared.run import MAX_NAME_CHARS


def fine(ui: UI, params: dict[str, Any]) -> str:
    return "fine"


def test_names_and_descriptions_are_kept_in_order() -> None:
    wf = Workflow()
    assert wf.register(name="b", description="Second letter")(fine) is fine
    wf.register("a", "First letter")(fine)
    assert wf.names == ["b", "a"]
    assert wf.get_description("a") == "First letter"
    with pytest.raises(UnknownWorkflow, match=r"no workflow 'c'\. There are: 'b', 'a'\."):
        wf.get_description("c")


@pytest.mark.parametrize("name", ["", "x" * (MAX_NAME_CHARS + 1)])
def test_a_name_has_a_size(name: str) -> None:
    with pytest.raises(ValueError, match=f"1 to {MAX_NAME_CHARS} characters, not {len(name)}"):
        Workflow().register(name, "d")


def test_a_name_is_without_nul() -> None:
    with pytest.raises(ValueError, match=r"cannot have a NUL character \(\\0\): 'a\\x00'\."):
        Workflow().register("a\0", "d")


def test_a_name_is_taken_once_unless_it_may_be_registered_again() -> None:
    wf = Workflow()
    wf.register("a", "old")(fine)
    with pytest.raises(ValueError, match="'a' is registered already"):
        wf.register("a", "new")
    wf.register("a", "new", fail_on_redefintion=False)(fine)
    assert wf.get_description("a") == "new"


def test_two_objects_share_nothing() -> None:
    one, two = Workflow(), Workflow()
    one.register("a", "d")(fine)
    assert two.names == []


def _none() -> str:
    return ""


def _one(ui: UI) -> str:
    return ""


def _three(ui: UI, params: dict[str, Any], more: int) -> str:
    return ""


def _keywords(*, ui: UI, params: dict[str, Any]) -> str:
    return ""


@pytest.mark.parametrize("fn", [_none, _one, _three, _keywords])
def test_a_function_takes_two_arguments(fn: Any) -> None:
    with pytest.raises(TypeError, match=rf"{fn.__name__} must take two arguments: `def {fn.__name__}\(ui: UI, params"):
        Workflow().register("a", "d")(fn)


def _defaults(ui: UI, params: dict[str, Any], more: int = 1) -> str:
    return ""


def _anything(*args: Any, **kwargs: Any) -> str:
    return ""


async def _unannotated(ui, params):  # type: ignore[no-untyped-def]
    return ""


async def _undefined(ui: NotThere, params: dict[str, Any]) -> str:  # type: ignore[name-defined]  # noqa: F821
    return ""


@pytest.mark.parametrize(
    "fn", [fine, _defaults, _anything, _unannotated, _undefined, functools.partial(fine), lambda ui, params: ""]
)
def test_whatever_takes_two_arguments_may_be_registered(fn: Any) -> None:
    wf = Workflow()
    wf.register("a", "d")(fn)
    assert wf.names == ["a"]


def test_a_method_may_be_registered() -> None:
    class Flows:
        async def flow(self, ui: AsyncUI, params: dict[str, Any]) -> str:
            return ""

    wf = Workflow()
    wf.register("a", "d")(Flows().flow)
    assert wf.specs["a"].durable


def test_an_application_may_name_its_workflows_as_its_provider() -> None:
    wf = Workflow()
    assert isinstance(wf, ProviderSource)
    assert isinstance(wf.create_provider(), Provider)
