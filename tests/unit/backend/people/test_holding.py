"""What people were let in with is looked at for as long as something of theirs is open."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, cast

import pytest
from fastagency_backend.people import holding
from fastagency_backend.people.directory import Directory
from fastagency_backend.people.grant import Grant
from fastagency_backend.people.holding import Holding, Watch
from fastagency_backend.store.base import StoreError
from fastagency_backend.store.people import People
from fastagency_shared.errors import NotSignedIn
from fastagency_shared.user import User

ANNA = User("anna")


class FakePeople:
    """Those of `live` hold; `broken`: the store fails. `asked` are the sessions of each look."""

    def __init__(self) -> None:
        self.live = {"s1", "s2", "t1"}
        self.broken = False
        self.asked: list[set[str]] = []
        self.seen: list[User] = []

    async def live_sessions(self, ids: Collection[str], at: float) -> set[str]:
        self.asked.append(set(ids))
        if self.broken:
            raise StoreError("database or disk is full")
        return self.live & set(ids)

    async def live_tokens(self, ids: Collection[str], at: float) -> set[str]:
        return self.live & set(ids)

    async def see(self, user: User, at: float) -> None:
        self.seen.append(user)
        if self.broken:
            raise StoreError("database or disk is full")


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> FakePeople:
    monkeypatch.setattr(holding, "LOOK_EVERY_S", 0.001)
    return FakePeople()


def over(people: FakePeople) -> Any:
    async def found() -> People:
        return cast("People", people)

    return found


async def end_of(watch: Watch) -> None:
    async with asyncio.timeout(10):
        while not watch.ended:
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("grant", [Grant(ANNA, session="s1"), Grant(ANNA, token="t1")])
async def test_what_is_open_ends_with_what_it_was_opened_with(people: FakePeople, grant: Grant) -> None:
    held = Holding(over(people))
    with held.watch(grant) as watch, held.watch(Grant(ANNA, session="s2")) as other:
        await asyncio.sleep(0.02)
        assert not watch.ended
        people.live -= {"s1", "t1"}
        await end_of(watch)
        assert not other.ended


async def test_one_that_opens_as_the_last_one_closes_is_looked_at(people: FakePeople) -> None:
    held = Holding(over(people))
    for _ in range(3):
        with held.watch(Grant(ANNA, session="s1")):
            await asyncio.sleep(0.005)
        with held.watch(Grant(ANNA, session="s2")) as watch:  # nothing else ran in between
            people.live = {"s1"}
            await end_of(watch)
        people.live = {"s1", "s2"}


async def test_nothing_is_looked_at_while_nothing_is_open(people: FakePeople) -> None:
    held = Holding(over(people))
    with held.watch(Grant(ANNA, session="s1")):
        await asyncio.sleep(0.01)
    before = len(people.asked)
    await asyncio.sleep(0.02)
    assert len(people.asked) == before > 0
    with held.watch(None) as watch, held.watch(Grant(ANNA)) as other:
        await asyncio.sleep(0.01)
    assert (len(people.asked), watch.ended, other.ended) == (before, False, False)


async def test_a_store_that_fails_ends_nothing(people: FakePeople) -> None:
    held = Holding(over(people))
    people.broken = True
    with held.watch(Grant(ANNA, session="s1")) as watch:
        await asyncio.sleep(0.02)
        assert not watch.ended
        people.broken, people.live = False, set()
        await end_of(watch)


async def test_a_token_of_a_provider_ends_by_itself() -> None:
    held = Holding(over(FakePeople()))
    with held.watch(Grant(ANNA, until=1.0)) as over_, held.watch(Grant(ANNA, until=9e9)) as holds:
        assert (over_.ended, holds.ended) == (True, False)


async def test_a_session_is_looked_up_every_now_and_then(people: FakePeople) -> None:
    held = Holding(over(people))
    for _ in range(5):
        await held.check(Grant(ANNA, session="s1"))
        await held.check(Grant(ANNA))
    assert people.asked == [{"s1"}]
    people.live = set()
    await held.check(Grant(ANNA, session="s1"))
    held.end("s1")
    with pytest.raises(NotSignedIn, match="You have been signed out"):
        await held.check(Grant(ANNA, session="s1"))


async def test_the_directory_is_written_when_something_is_new(people: FakePeople) -> None:
    directory = Directory(over(people))
    renamed = User("anna", "Anna")
    for user in (ANNA, ANNA, User("ben"), ANNA, renamed, renamed):
        await directory.see(user)
    assert people.seen == [ANNA, User("ben"), renamed]
    people.broken = True
    await directory.see(User("carl"))
