"""Which tool the offline model calls, and with what: simple rules over the tool's schema and the words of a request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_WORD = re.compile(r"[a-z]+")
_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_QUOTED = re.compile(r"[\"“]([^\"”]+)[\"”]")
_SYNONYMS = {"%": "percent rate interest", "$": "amount price principal", "€": "amount price principal"}
_IDLE_WORDS = frozenset({"an", "and", "are", "as", "at", "by", "for", "from", "how", "in", "is", "it", "many", "much"})
_IDLE_WORDS |= {"of", "on", "or", "that", "the", "this", "to", "what", "with", "you", "your"}
_NEAR_CHARS = 14


def choose_call(
    request: str, tools: Sequence[Mapping[str, Any]], *, must: bool = False
) -> tuple[str, dict[str, Any]] | None:
    """The tool that shares most words with the request, if its required arguments can be found there.

    With `must` a tool is called whatever the request says.
    """
    for tool in _fitting(request, tools, must=must):
        arguments = find_arguments(request, tool.get("parameters", {}))
        if arguments is not None:
            return tool["name"], arguments
    return None


def ask_for_arguments(request: str, tools: Sequence[Mapping[str, Any]]) -> str | None:
    """What to say when a tool fits the request and its arguments are not there; None if no tool fits."""
    fitting = _fitting(request, tools, must=False)
    if not fitting:
        return None
    needed = fitting[0].get("parameters", {}).get("required", ())
    return f"To use `{fitting[0]['name']}` I need to be told: {', '.join(needed)}."


def _fitting(request: str, tools: Sequence[Mapping[str, Any]], *, must: bool) -> list[Mapping[str, Any]]:
    """The tools that share words with the request, best first; all of them if one must be called."""
    shared = [(len(_words(request) & _described(tool)), tool) for tool in tools]
    ranked = sorted(shared, key=lambda pair: -pair[0])
    return [tool for count, tool in ranked if count or must]


def find_arguments(request: str, schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """A value for each parameter that has one in the request; None if a required one has none."""
    properties: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
    found: dict[str, Any] = {}
    dates = _DATE.findall(request)
    choices_used: set[str] = set()
    for name, rule in properties.items():
        if "enum" in rule:
            value = _choice(request, [item for item in rule["enum"] if item not in choices_used])
            choices_used.add(str(value))
        elif rule.get("type") == "string":
            value = dates.pop(0) if dates and "date" in name.lower() else _phrase(request, name)
        elif rule.get("type") == "boolean":
            value = True if name.lower().replace("_", " ") in request.lower() else None
        else:
            continue
        if value is not None:
            found[name] = value
    numeric = {name: rule["type"] for name, rule in properties.items() if rule.get("type") in ("integer", "number")}
    found |= _numbers(_DATE.sub(" ", request), numeric)
    if set(schema.get("required", ())) - set(found):
        return None
    return {name: found[name] for name in properties if name in found}


def _numbers(request: str, wanted: Mapping[str, str]) -> dict[str, Any]:
    """Numbers beside a word of a parameter's name go to it; the others are dealt out in order."""
    left = [(match.group(), _around(request, match)) for match in _NUMBER.finditer(request)]
    found: dict[str, Any] = {}
    for name in wanted:
        near = next((item for item in left if _words(name.replace("_", " ")) & item[1]), None)
        if near is not None:
            left.remove(near)
            found[name] = near[0]
    for name in wanted:
        if name not in found and left:
            found[name] = left.pop(0)[0]
    return {name: _as_number(text, wanted[name]) for name, text in found.items()}


def _around(request: str, match: re.Match[str]) -> set[str]:
    before = request[max(0, match.start() - _NEAR_CHARS) : match.start()]
    after = request[match.end() : match.end() + _NEAR_CHARS]
    signs = " ".join(words for sign, words in _SYNONYMS.items() if sign in before[-2:] + after[:2])
    nearest = f"{' '.join(before.split()[-1:])} {' '.join(after.split()[:1])} {signs}"
    return _words(nearest)


def _as_number(text: str, kind: str) -> float | int:
    value = float(text.replace(",", ""))
    return int(value) if kind == "integer" or value.is_integer() else value


def _choice(request: str, choices: Sequence[Any]) -> Any:
    """The choice that is named first in the request."""
    lowered = request.lower()
    places = {
        choice: match.start()
        for choice in choices
        if (match := re.search(rf"(?<![a-z]){re.escape(str(choice).lower().replace('_', ' '))}(?![a-z])", lowered))
    }
    return min(places, key=lambda choice: places[choice]) if places else None


def _phrase(request: str, name: str) -> str | None:
    quoted = _QUOTED.search(request)
    if quoted:
        return quoted.group(1)
    named = re.search(rf"\b{re.escape(name.replace('_', ' '))}\b(?: is|:)?\s+([\w-]+)", request, re.IGNORECASE)
    return named.group(1) if named else request.strip() or None


def _described(tool: Mapping[str, Any]) -> set[str]:
    return _words(f"{tool['name'].replace('_', ' ')} {tool.get('description', '')}")


def _words(text: str) -> set[str]:
    return {word.rstrip("s") for word in _WORD.findall(text.lower()) if word not in _IDLE_WORDS and len(word) > 1}
