"""Methods are wrapped once, in every class of a family, whenever it was defined."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from fastagency_backend.frameworks.hook import Family


def shout(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def louder(self: Any) -> str:
        return f"{original(self)}!"

    return louder


class Animal(ABC):
    @abstractmethod
    def say(self) -> str: ...


class Dog(Animal):
    def say(self) -> str:
        return "woof"


class Puppy(Dog):
    pass


def test_a_family_is_wrapped_once_and_later_members_too() -> None:
    family = Family(Animal, {"say": shout})
    family.install()
    family.install()

    class Cat(Animal):
        def __init_subclass__(cls, **options: Any) -> None:
            """Does not call its base's, so its own subclasses are only found by the walk."""

        def say(self) -> str:
            return "meow"

    class Kitten(Cat):
        def say(self) -> str:
            return "mew"

    assert Dog().say() == "woof!"
    assert Puppy().say() == "woof!"
    assert Cat().say() == "meow!"
    assert Kitten().say() == "mew"
    family.install()
    assert Kitten().say() == "mew!"


def test_abstract_methods_stay_abstract() -> None:
    Family(Animal, {"say": shout}).install()

    class Fish(Animal):
        pass

    assert Fish.__abstractmethods__ == {"say"}
