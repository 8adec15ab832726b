"""The error tree: what the module's docstring draws is what there is."""

from __future__ import annotations

import inspect
import re

import fastagency_shared.errors
from fastagency_shared.errors import REQUEST_ERRORS, FastAgencyError, RequestError, UnknownWorkflow

Tree = dict[str, str | None]


def _drawn() -> Tree:
    """Each class of the docstring's drawing with its parent; a level is four columns wide."""
    tree: Tree = {"FastAgencyError": None}
    path = ["FastAgencyError"]
    for line in inspect.cleandoc(fastagency_shared.errors.__doc__ or "").splitlines():
        found = re.match(r"([│├└─ ]*[├└]── )(\w+)", line)
        if found:
            depth = len(found[1]) // 4
            tree[found[2]] = path[depth - 1]
            path[depth:] = [found[2]]
    return tree


def _defined() -> Tree:
    classes = [FastAgencyError]
    for cls in classes:
        classes += [sub for sub in cls.__subclasses__() if sub.__module__ == "fastagency_shared.errors"]
    parents = {cls.__name__: cls.__mro__[1].__name__ for cls in classes}
    return parents | {"FastAgencyError": None}


def test_the_drawing_is_the_tree() -> None:
    assert _drawn() == _defined()


def test_the_statuses_drawn_are_those_of_the_classes() -> None:
    drawn = dict(re.findall(r"── (\w+) +(\d{3}) ", fastagency_shared.errors.__doc__ or ""))
    assert drawn
    for name, status in drawn.items():
        assert REQUEST_ERRORS[name].status == int(status)


def test_every_refusal_can_be_raised_again_by_its_name() -> None:
    leaves = {name for name in _defined() if issubclass(getattr(fastagency_shared.errors, name), RequestError)} - {
        "RequestError"
    }
    assert set(REQUEST_ERRORS) == leaves
    assert REQUEST_ERRORS["UnknownRun"]("a sentence").detail == "a sentence"


def test_an_unknown_workflow_is_told_what_there_is_instead() -> None:
    assert str(UnknownWorkflow.named("c", ["b", "a"])) == "There is no workflow 'c'. There are: 'b', 'a'."
    assert str(UnknownWorkflow.named("c", [])) == "There is no workflow 'c'. None is registered."
