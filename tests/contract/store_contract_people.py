"""What every store must do about people: directory, sessions, API tokens, audit log. A part of `StoreContract`."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from fastagency_backend.store.audit import AuditRecord, Entry, check
from fastagency_backend.store.base import EVERYBODY, Store
from fastagency_backend.store.people import ApiToken, NewSession, Person, SessionRecord
from fastagency_shared.run import RunStatus
from fastagency_shared.user import User

from tests.contract.store_contract import (
    OpenStore,
    StoreContract,
    answer,
    append,
    ask,
    claim,
    new,
    record,
    run_id,
)

ANNA, BEN = User("anna", "Anna", frozenset({"manager", "auditor"}), "anna@example.org"), User("ben")
HOUR_S = 3600.0
VISITOR = "0123456789abcdef0123456789abcdef"


def session(number: int = 1, user: User = ANNA, *, at: float = 0.0) -> NewSession:
    return NewSession(f"s{number}", f"hash {number}", user, at, HOUR_S, at + 5 * HOUR_S)


def token(number: int = 1, user: User = ANNA, *, expires: float | None = None) -> ApiToken:
    return ApiToken(f"t{number}", user.id, f"nightly {number}", float(number), expires)


async def log(store: Store) -> list[AuditRecord]:
    records = await store.people.audit(limit=1000)
    check(records)
    return records


async def actions(store: Store) -> list[str]:
    return [json.loads(each.body)["action"] for each in await log(store)]


class PeopleContract(StoreContract):
    """See the module's docstring."""

    # --- the directory --------------------------------------------------------------------------------------------

    async def test_a_person_is_who_they_were_the_last_time(self, open_store: OpenStore) -> None:
        here, there = await open_store(), await open_store()
        assert await here.people.person("anna") is None
        await here.people.see(ANNA, 1.0)
        assert await there.people.person("anna") == Person(ANNA, 1.0, 1.0)
        renamed = User("anna", "Anna Brown")
        await there.people.see(renamed, 5.0)
        assert await here.people.person("anna") == Person(renamed, 1.0, 5.0)

    # --- sessions -------------------------------------------------------------------------------------------------

    async def test_a_session_is_found_by_its_secret_everywhere(self, open_store: OpenStore) -> None:
        here, there = await open_store(), await open_store()
        assert await here.people.open_session(session()) == 0
        assert await there.people.find_session("hash 1", 1.0) == SessionRecord("s1", ANNA, HOUR_S)
        assert await there.people.find_session("s1", 1.0) is None
        assert await there.people.person("anna") == Person(ANNA, 0.0, 0.0), "whoever signs in is in the directory"

    async def test_use_keeps_a_session_alive_until_its_last_moment(self, store: Store) -> None:
        await store.people.open_session(session())
        for at in (0.9, 1.8, 2.7, 3.6, 4.5):
            found = await store.people.find_session("hash 1", at * HOUR_S)
            assert found is not None, at
            assert found.expires == min(at + 1, 5) * HOUR_S
        assert await store.people.find_session("hash 1", 5 * HOUR_S) is None

    async def test_a_session_that_is_not_used_ends(self, store: Store) -> None:
        await store.people.open_session(session())
        await store.people.open_session(session(2))
        assert await store.people.find_session("hash 1", HOUR_S) is None
        assert await store.people.live_sessions(["s1", "s2"], HOUR_S) == set()
        await store.people.open_session(session(3, at=HOUR_S))
        assert await store.people.end_sessions("anna") == ["s3"], "what has ended is not kept"

    async def test_a_secret_that_was_replaced_is_worth_nothing(self, store: Store) -> None:
        await store.people.open_session(session())
        assert await store.people.rotate_session("hash 1", "hash 2", 1.0) == SessionRecord("s1", ANNA, HOUR_S + 1)
        assert await store.people.find_session("hash 1", 2.0) is None
        assert await store.people.find_session("hash 2", 2.0) is not None
        assert await store.people.rotate_session("hash 1", "hash 3", 2.0) is None
        assert await store.people.rotate_session("hash 2", "hash 3", HOUR_S + 1) is None

    async def test_one_session_ends_or_all_of_a_user(self, store: Store) -> None:
        for number, user in enumerate((ANNA, ANNA, ANNA, BEN), start=1):
            await store.people.open_session(session(number, user))
        assert await store.people.end_session("hash 1") == "s1"
        assert await store.people.end_session("hash 1") is None
        assert await store.people.live_sessions([f"s{number}" for number in range(9)], 1.0) == {"s2", "s3", "s4"}
        assert sorted(await store.people.end_sessions("anna")) == ["s2", "s3"]
        assert await store.people.find_session("hash 2", 1.0) is None
        assert await store.people.find_session("hash 4", 1.0) is not None

    # --- a visitor who signs in -----------------------------------------------------------------------------------

    async def test_the_runs_of_a_visitor_become_the_users(self, open_store: OpenStore) -> None:
        store, there = await open_store(), await open_store()
        for number, user in enumerate((VISITOR, VISITOR, "anna", "other", None), start=1):
            await store.create_run(new(number, user=user))
        assert await store.people.open_session(session(), VISITOR) == 2
        mine = await there.list_runs("anna", limit=10, before=None)
        assert sorted(run.id for run in mine) == [run_id(1), run_id(2), run_id(3)]
        assert await there.list_runs(VISITOR, limit=10, before=None) == []
        assert {run.id: run.user for run in mine} == {
            run_id(1): User(VISITOR),
            run_id(2): User(VISITOR),
            run_id(3): User("anna"),
        }, "they go on as they began"
        [entry] = await log(store)
        said = json.loads(entry.body)
        assert (said["action"], said["runs"]) == ("take over a visitor's runs", 2)
        assert VISITOR not in entry.body
        assert await store.people.pseudonyms() == {said["by"]: "anna"}

    async def test_nothing_is_taken_from_somebody_who_has_signed_in(self, store: Store) -> None:
        await store.create_run(new(1, user="ben"))
        await store.people.see(BEN, 0.0)
        assert await store.people.open_session(session(), "ben") == 0
        assert len(await store.list_runs("ben", limit=10, before=None)) == 1
        assert await store.people.open_session(session(2), VISITOR) == 0, "a visitor without runs"
        assert await log(store) == []

    async def test_a_run_that_is_driven_goes_on_under_its_lease(self, store: Store) -> None:
        await store.dispatcher.register_worker("a", HOUR_S)
        await store.create_run(new(user=VISITOR))
        lease = (await claim(store, "a"))[run_id()]
        await ask(store, lease, "q")
        await store.people.open_session(session(), VISITOR)
        assert await append(store, lease, "k") == 2
        found = await store.get_run(run_id())
        assert found is not None
        assert (found.user_id, found.status) == ("anna", RunStatus.WAITING)

    # --- API tokens -----------------------------------------------------------------------------------------------

    async def test_a_token_is_used_by_its_secret(self, open_store: OpenStore) -> None:
        here, there = await open_store(), await open_store()
        await here.people.add_token(token(), "hash")
        assert await there.people.use_token("hash", 5.0, "2026-11-24") == token()
        assert await here.people.tokens("anna") == [replace(token(), used="2026-11-24")]
        assert await there.people.use_token("another", 5.0, "2026-11-24") is None
        assert await there.people.use_token("t1", 5.0, "2026-11-24") is None

    async def test_a_token_expires_or_is_removed(self, store: Store) -> None:
        await store.people.add_token(token(1, expires=10.0), "hash 1")
        await store.people.add_token(token(2), "hash 2")
        await store.people.add_token(token(3, BEN), "hash 3")
        assert [each.id for each in await store.people.tokens()] == ["t1", "t2", "t3"]
        assert await store.people.live_tokens(["t1", "t2", "t4"], 9.0) == {"t1", "t2"}
        assert await store.people.live_tokens(["t1", "t2", "t4"], 10.0) == {"t2"}
        assert await store.people.use_token("hash 1", 10.0, "2026-11-24") is None
        assert await store.people.remove_token("t2", 11.0)
        assert not await store.people.remove_token("t2", 11.0)
        assert await store.people.use_token("hash 2", 11.0, "2026-11-24") is None
        assert await actions(store) == ["add an API token"] * 3 + ["remove an API token"]

    # --- the audit log --------------------------------------------------------------------------------------------

    async def test_entries_are_a_chain(self, open_store: OpenStore) -> None:
        here, there = await open_store(), await open_store()
        entries = [Entry(f"read {number}", 1.0, "anna", "ben", run_id(number)) for number in range(1, 9)]
        await asyncio.gather(*((here, there)[number % 2].people.record(entry) for number, entry in enumerate(entries)))
        records = await log(here)
        assert [each.seq for each in records] == list(range(1, 9))
        assert await there.people.audit(after=3, limit=2) == records[3:5]
        names = await there.people.pseudonyms()
        said = [json.loads(each.body) for each in records]
        assert {(names[each["by"]], names[each["whose"]]) for each in said} == {("anna", "ben")}
        assert "anna" not in "".join(each.body for each in records)

    async def test_a_change_of_the_chain_is_found(self, store: Store) -> None:
        records = [await store.people.record(Entry("read", float(number), "anna")) for number in range(5)]
        assert check(records) == records[-1]
        for broken in (
            [*records[:2], *records[3:]],
            [*records[:2], replace(records[2], body=records[2].body.replace("read", "look")), *records[3:]],
            [records[1], records[0], *records[2:]],
            records[1:],
        ):
            with pytest.raises(ValueError, match="entry"):
                check(broken)

    # --- everybody's runs -----------------------------------------------------------------------------------------

    async def test_everybodys_runs_are_listed_newest_first(self, store: Store) -> None:
        for number in range(1, 8):
            await store.create_run(new(number, user=(None, "anna", "ben")[number % 3], workflow="ab"[number % 2]))
        await store.delete_run(run_id(4))
        left = [run_id(number) for number in (7, 6, 5, 3, 2, 1)]

        async def listed(**filters: Any) -> list[str]:
            return [run.id for run in await store.list_runs(EVERYBODY, **{"limit": 10, "before": None} | filters)]

        assert await listed() == left
        assert await listed(limit=2) == left[:2]
        assert await listed(limit=2, before=left[1]) == left[2:4]
        assert await listed(workflow="a") == [run_id(6), run_id(2)]
        assert await listed(statuses=[RunStatus.FAILED]) == []

    # --- what is known of one person ------------------------------------------------------------------------------

    async def test_everything_of_a_person_is_exported(self, store: Store) -> None:
        await self._fill(store)
        rows = [(table, row) async for table, row in store.people.export("anna")]
        tables = [table for table, _ in rows]
        assert set(tables) == {
            "person",
            "session",
            "api_token",
            "person_key",
            "audit",
            "run",
            "event",
            "step",
            "question",
        }
        text = json.dumps(rows)
        for said in (
            "said-by-anna",
            "asked-of-anna",
            "answer-of-anna",
            "paid-for-anna",
            "anna@example.org",
            "nightly 1",
        ):
            assert said in text, said
        assert "ben" not in text
        assert "hash" not in text.replace('"hash":', ""), "no secret"
        assert run_id(1) in text
        assert [row async for row in store.people.export("nobody")] == []

    async def test_nothing_of_a_person_is_left(self, store: Store) -> None:
        await self._fill(store)
        before = await log(store)
        erased = await store.people.erase("anna", 9.0)
        assert erased.runs == 1
        assert [row async for row in store.people.export("anna")] == []
        assert await store.get_run(run_id(1)) is None
        assert await store.people.person("anna") is None
        assert await store.people.find_session("hash 1", 1.0) is None
        assert await store.people.use_token("hash a", 1.0, "2026-11-24") is None
        assert (await log(store))[: len(before)] == before, "the chain stays whole"
        assert set((await store.people.pseudonyms()).values()) == {"ben"}
        assert len(await store.list_runs("ben", limit=10, before=None)) == 1
        assert await store.people.find_session("hash 2", 1.0) is not None
        again = await store.people.erase("anna", 10.0)
        assert set(again.rows.values()) == {0}
        assert (await actions(store)).count("erase a person") == 1

    async def _fill(self, store: Store) -> None:
        """Something in every table, of two people."""
        for number, user in ((1, ANNA), (2, BEN)):
            await store.dispatcher.register_worker("a", HOUR_S)
            await store.create_run(new(number, user=user.id))
            lease = (await claim(store, "a"))[run_id(number)]
            await store.people.open_session(session(number, user), None)
            await store.people.add_token(token(number, user), f"hash {user.id[0]}")
            await append(store, lease, "k", f"said-by-{user.id}")
            await record(store, lease, "s", 1, f'"paid-for-{user.id}"')
            await ask(store, lease, f"asked-of-{user.id}")
            await answer(store, lease.run_id, f"asked-of-{user.id}", f'"answer-of-{user.id}"')
            await store.people.record(Entry("read", 3.0, "ben", user.id, lease.run_id))
