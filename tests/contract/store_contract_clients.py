"""The second half of the store's contract: questions, answers, parking, ends, and what clients read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest
from fastagency_backend.store.base import (
    BLANKED,
    LISTED_CHARS,
    LISTED_QUESTION_CHARS,
    LISTED_QUESTIONS,
    Answered,
    Lease,
    RunLog,
    StepRecord,
    Store,
)
from fastagency_shared.run import RunStatus

from tests.contract.store_contract import (
    LONG_S,
    OpenStore,
    StoreContract,
    answer,
    answer_here,
    append,
    ask,
    body,
    claim,
    everything,
    new,
    note,
    owned,
    place,
    question,
    record,
    run_id,
    seqs,
    status,
)
from tests.fakes.bus import Ear


class ClientStoreContract(StoreContract):
    """See `StoreContract`."""

    # --- questions ------------------------------------------------------------------------------------------------

    async def test_a_question_is_logged_and_the_run_waits(self, store: Store) -> None:
        lease = await owned(store)
        assert (await ask(store, lease, "q1")).seq == 1
        assert (await ask(store, lease, "q2")).seq == 2
        record = await store.get_run(run_id())
        assert record is not None
        assert (record.status, record.last_seq) == (RunStatus.WAITING, 2)
        assert record.questions == (question("q1"), question("q2"))
        assert await store.read_answer(run_id(), "q1") is None

    async def test_answers_are_logged_and_the_last_one_ends_the_waiting(self, store: Store) -> None:
        lease = await owned(store)
        await ask(store, lease, "q1")
        await ask(store, lease, "q2")
        assert await answer(store, run_id(), "q2", '"two"')
        assert await status(store) == RunStatus.WAITING
        assert await answer(store, run_id(), "q1", '"one"')
        assert await status(store) == RunStatus.RUNNING
        assert [await store.read_answer(run_id(), q) for q in ("q1", "q2")] == ['"one"', '"two"']
        assert await seqs(store) == [1, 2, 3, 4]

    async def test_the_first_of_many_answers_wins(self, open_store: OpenStore) -> None:
        stores = [await open_store(), await open_store()]
        lease = await owned(stores[0])
        await ask(stores[0], lease, "q")
        won = await asyncio.gather(*(answer(stores[n % 2], run_id(), "q", str(n)) for n in range(20)))
        assert won.count(True) == 1
        assert await stores[0].read_answer(run_id(), "q") == str(won.index(True))
        assert await seqs(stores[1]) == [1, 2]

    async def test_only_open_questions_of_that_run_can_be_answered(self, store: Store) -> None:
        lease = await owned(store)
        await owned(store, 2)
        await ask(store, lease, "q")
        assert not await answer(store, run_id(), "other")
        assert not await answer(store, run_id(2), "q")
        assert await seqs(store, 2) == []

    async def test_an_answer_gives_its_title_to_a_run_that_has_none_of_its_own(self, store: Store) -> None:
        lease = await owned(store)
        for number, title in enumerate([None, "first", "second"]):
            await ask(store, lease, f"q{number}")
            await answer(store, run_id(), f"q{number}", title=title)
        record = await store.get_run(run_id())
        assert record is not None
        assert record.title == "first"
        await store.rename_run(run_id(), "mine", 1.0)
        await ask(store, lease, "last")
        await answer(store, run_id(), "last", title="other")
        record = await store.get_run(run_id())
        assert record is not None
        assert record.title == "mine"

    # --- answers where the run is driven --------------------------------------------------------------------------

    async def test_an_answer_where_the_run_is_driven_has_its_place_with_its_own_commit(self, store: Store) -> None:
        lease = await owned(store)
        await ask(store, lease, "q1")
        await ask(store, lease, "q2")
        seen: list[Answered] = []
        answered = await answer_here(store, "q1", place(lease, 7, seen.append))
        assert answered is not None
        assert (answered.placed, answered.status, answered.event.seq) == (True, RunStatus.WAITING, 3)
        assert seen == [answered]
        question = (await store.load_log(run_id())).questions["ask:q1"]
        assert (question.value, question.order) == ('"yes"', 7)
        assert await store.park_run(lease), "nobody has to look for an answer that has its place"

    async def test_what_is_told_of_answers_and_results_is_told_in_the_order_of_the_commits(self, store: Store) -> None:
        lease = await owned(store)
        told: list[str] = []

        def tell(what: str, *_outcome: object) -> None:
            told.append(what)

        await asyncio.gather(*(ask(store, lease, f"q{number}") for number in range(5)))
        answers = []
        for number in range(5):
            where = place(lease, 2 * number, partial(tell, f"answer {number}"))
            answers.append(asyncio.ensure_future(answer_here(store, f"q{number}", where)))
            await asyncio.sleep(0)  # it is handed over
            step = StepRecord(2 * number + 1, "1")
            store.append_step(lease, f"s{number}", step, partial(tell, f"step {number}"))
        await asyncio.gather(*answers)
        await record(store, lease, "last", 10)
        assert told == [f"{what} {number}" for number in range(5) for what in ("answer", "step")]

    async def test_an_answer_without_a_good_lease_is_taken_and_has_no_place(self, open_store: OpenStore) -> None:
        here, there = await open_store(), await open_store()
        lost = await owned(here)
        await ask(here, lost, "q1")
        await ask(here, lost, "q2")
        await here.dispatcher.release_worker("a")
        void = (await claim(there, "b"))[run_id()]
        void.void = True  # as after a write that has failed
        good = Lease(void.run_id, void.fence)
        await ask(there, good, "q3")
        for uuid, lease in (("q1", lost), ("q2", void)):
            answered = await answer_here(here, uuid, place(lease, 5))
            assert answered is not None
            assert not answered.placed
        log = await here.load_log(run_id())
        assert [log.questions[f"ask:{uuid}"].order for uuid in ("q1", "q2")] == [None, None]
        assert not await there.park_run(good), "the answers have not reached the run"
        await note(there, good, "q1", 6)

    async def test_an_answer_that_meets_a_parked_run_makes_it_ready_and_has_no_place(self, store: Store) -> None:
        lease = await owned(store)
        await ask(store, lease, "q1")
        await ask(store, lease, "q2")
        parked, answered = await asyncio.gather(store.park_run(lease), answer_here(store, "q1", place(lease, 1)))
        assert parked
        assert answered is not None
        assert (answered.placed, answered.status) == (False, RunStatus.READY)
        assert list(await claim(store, "a")) == [run_id()]
        assert (await store.load_log(run_id())).questions["ask:q1"].order is None

    async def test_what_is_not_taken_has_no_place_and_is_not_told(self, store: Store) -> None:
        lease = await owned(store)
        told: list[Answered] = []
        await ask(store, lease, "overdue", due=1.0)
        await ask(store, lease, "q")
        assert await answer(store, run_id(), "q", '"first"')
        for uuid in ("overdue", "q", "unknown"):
            assert await answer_here(store, uuid, place(lease, 9, told.append)) is None
        assert told == []
        log = await store.load_log(run_id())
        assert {(each.value, each.order) for each in log.questions.values()} == {(None, None), ('"first"', None)}
        await store.cancel_run(run_id(), body("end"), 3.0)
        assert await answer_here(store, "overdue", place(lease, 9, told.append)) is None
        assert told == []

    async def test_a_place_can_be_noted_again(self, store: Store) -> None:
        lease = await owned(store)
        await ask(store, lease, "q")
        await answer_here(store, "q", place(lease, 1))
        await note(store, lease, "q", 2)  # whoever waits was busy, and gives the answer out later
        assert (await store.load_log(run_id())).questions["ask:q"].order == 2

    # --- parking --------------------------------------------------------------------------------------------------

    async def test_a_parked_run_belongs_to_nobody_until_it_is_answered(self, store: Store) -> None:
        lease = await owned(store)
        await ask(store, lease, "q")
        assert await store.park_run(lease)
        assert await status(store) == RunStatus.WAITING
        assert await store.dispatcher.owned_runs("a") == {}
        assert await claim(store, "a") == {}
        assert await answer(store, run_id(), "q")
        assert await status(store) == RunStatus.READY
        assert (await claim(store, "a"))[run_id()].fence > lease.fence
        assert await status(store) == RunStatus.RUNNING

    async def test_a_run_is_not_parked_with_an_answer_under_way(self, store: Store) -> None:
        lease = await owned(store)
        assert not await store.park_run(lease), "it asks nothing"
        await ask(store, lease, "q1")
        await ask(store, lease, "q2")
        await answer(store, run_id(), "q1")
        assert not await store.park_run(lease), "the answer has not reached the run"
        await note(store, lease, "q1", 1)
        assert await store.park_run(lease)

    async def test_a_parked_run_with_two_questions_waits_again_after_one_answer(self, store: Store) -> None:
        lease = await owned(store)
        await ask(store, lease, "q1")
        await ask(store, lease, "q2")
        assert await store.park_run(lease)
        await answer(store, run_id(), "q1")
        again = (await claim(store, "a"))[run_id()]
        assert await status(store) == RunStatus.WAITING
        await note(store, again, "q1", 1)
        assert await store.park_run(again)

    async def test_parking_and_answering_at_once_never_lose_the_answer(self, open_store: OpenStore) -> None:
        here, there = await open_store(), await open_store()
        await here.dispatcher.register_worker("a", LONG_S)
        for number in range(30):
            await here.create_run(new(number))
        leases = await claim(here, "a")
        await asyncio.gather(*(ask(here, lease, "q") for lease in leases.values()))
        parked = asyncio.gather(*(here.park_run(lease) for lease in leases.values()))
        answered = asyncio.gather(*(answer(there, run, "q") for run in leases))
        assert all(await answered)
        for lease, was_parked in zip(leases.values(), await parked, strict=True):
            record = await here.get_run(lease.run_id)
            assert record is not None
            assert record.status == (RunStatus.READY if was_parked else RunStatus.RUNNING)
            assert record.worker == (None if was_parked else "a")

    # --- ends -----------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("end", [RunStatus.COMPLETED, RunStatus.FAILED])
    async def test_a_finished_run_keeps_its_end(self, store: Store, end: RunStatus) -> None:
        lease = await owned(store)
        await append(store, lease, "k")
        assert (await store.finish_run(lease, end, "result", body("end"), 7.0)).seq == 2
        record = await store.get_run(run_id())
        assert record is not None
        assert (record.status, record.result, record.worker, record.updated) == (end, "result", None, 7.0)
        assert await store.cancel_run(run_id(), body("late"), 8.0) is None
        assert await claim(store, "b") == {}
        assert await store.dispatcher.owned_runs("a") == {}
        assert (await everything(store))[0] == record

    @pytest.mark.parametrize("before", [RunStatus.READY, RunStatus.RUNNING, RunStatus.WAITING])
    async def test_cancelling_ends_a_run_in_any_state(self, store: Store, before: RunStatus) -> None:
        await store.create_run(new())
        if before is not RunStatus.READY:
            lease = (await claim(store, "a"))[run_id()]
            if before is RunStatus.WAITING:
                await ask(store, lease, "q")
        assert await status(store) == before
        assert await store.cancel_run(run_id(), body("end"), 3.0) is not None
        assert await store.cancel_run(run_id(), body("end"), 3.0) is None
        assert not await answer(store, run_id(), "q")
        record = await store.get_run(run_id())
        assert record is not None
        assert (record.status, record.questions, record.worker) == (RunStatus.CANCELLED, (), None)
        assert await claim(store, "a") == {}

    async def test_one_of_finish_and_cancel_wins(self, open_store: OpenStore) -> None:
        here, there = await open_store(), await open_store()
        await here.dispatcher.register_worker("a", LONG_S)
        for number in range(20):
            await here.create_run(new(number))
        leases = await claim(here, "a")
        finished, cancelled = await asyncio.gather(
            asyncio.gather(
                *(here.finish_run(lease, RunStatus.COMPLETED, "r", body("f"), 1.0) for lease in leases.values()),
                return_exceptions=True,
            ),
            asyncio.gather(*(there.cancel_run(run, body("c"), 1.0) for run in leases)),
        )
        for number, (end, stop) in enumerate(zip(finished, cancelled, strict=True)):
            assert isinstance(end, Exception) != (stop is None)
            assert await seqs(here, int(list(leases)[number], 16)) == [1]

    async def test_a_deleted_run_leaves_nothing(self, store: Store) -> None:
        lease = await owned(store)
        await append(store, lease, "k")
        await ask(store, lease, "q")
        await owned(store, 2)
        assert await store.delete_run(run_id())
        assert not await store.delete_run(run_id())
        await store.create_run(new())
        run, events, log = await everything(store)
        assert (run.last_seq, run.questions, events) == (0, (), ())
        assert log == RunLog()
        assert await store.get_run(run_id(2)) is not None

    async def test_retention_removes_what_ended_before(self, store: Store) -> None:
        for number, (end, at) in enumerate(
            [(RunStatus.COMPLETED, 10.0), (RunStatus.FAILED, 11.0), (RunStatus.COMPLETED, 50.0), (None, 10.0)]
        ):
            lease = await owned(store, number)
            if end:
                await store.finish_run(lease, end, None, body("end"), at)
        await owned(store, 4)
        await store.cancel_run(run_id(4), body("end"), 12.0)
        assert await store.delete_ended_before(20.0, limit=2) == 2
        assert await store.delete_ended_before(20.0, limit=2) == 1
        assert await store.delete_ended_before(20.0, limit=2) == 0
        left = [record.id for record in await store.list_runs(None, limit=10, before=None)]
        assert sorted(left) == [run_id(2), run_id(3)]

    @pytest.mark.parametrize("end", ["finished", "cancelled"])
    async def test_the_answer_to_a_password_is_blanked_when_the_run_ends(self, store: Store, end: str) -> None:
        lease = await owned(store)
        hidden = '{"type":"text_input","content":{"prompt":"?","password":true}}'
        for number, asks in enumerate([hidden, question("q1"), hidden]):
            await store.open_question(lease, f"key{number}", f"q{number}", asks, float(number))
        for number in range(2):
            await store.answer_question(run_id(), f"q{number}", f'"answer {number}"', body("answer"), 4.0, None)
        if end == "finished":
            await store.finish_run(lease, RunStatus.COMPLETED, None, body("end"), 9.0)
        else:
            await store.cancel_run(run_id(), body("end"), 9.0)
        answers = [await store.read_answer(run_id(), f"q{number}") for number in range(3)]
        assert answers == [BLANKED, '"answer 1"', None]

    async def test_a_question_that_is_asked_again_takes_the_place_of_the_first(self, store: Store) -> None:
        lease = await owned(store)
        for uuid in ("z", "a"):
            await store.open_question(lease, "key", uuid, question(uuid), 1.0)
            await store.answer_question(run_id(), uuid, f'"{uuid}"', body("answer"), 2.0, None)
        assert (await store.load_log(run_id())).questions["key"].uuid == "a"

    # --- reading --------------------------------------------------------------------------------------------------

    async def test_a_list_is_the_users_own_newest_first_page_by_page(self, store: Store) -> None:
        for number in range(25):  # some are created at the very same moment
            await store.create_run(new(number, user="me", at=float(number // 3)))
        for number, user in ((100, None), (101, "you"), (102, "None")):
            await store.create_run(new(number, user=user, at=5.0))
        listed: list[str] = []
        before = None
        while page := await store.list_runs("me", limit=7, before=before):
            assert len(page) <= 7
            listed += [record.id for record in page]
            before = listed[-1]
        assert listed == [run_id(n) for n in sorted(range(25), key=lambda n: (n // 3, n), reverse=True)]
        assert [record.id for record in await store.list_runs(None, limit=7, before=None)] == [run_id(100)]
        assert await store.list_runs("me", limit=7, before=run_id(999)) == []

    async def test_a_list_does_not_tell_whether_a_run_of_somebody_else_is_there(self, store: Store) -> None:
        await store.create_run(new(1, user="me", at=1.0))
        for number, user in ((2, "you"), (3, None)):
            await store.create_run(new(number, user=user, at=2.0))
        for unknown in (2, 3, 999):
            assert await store.list_runs("me", limit=7, before=run_id(unknown)) == []
        assert await store.list_runs(None, limit=7, before=run_id(1)) == []

    async def test_a_list_has_little_of_each_run(self, store: Store) -> None:
        """Hundreds of runs with all they have would be hundreds of megabytes."""
        await store.create_run(replace(new(), params='{"text": "long"}'))
        await store.dispatcher.register_worker("a", LONG_S)
        lease = (await claim(store, "a"))[run_id()]
        for number, size in enumerate([5, LISTED_QUESTION_CHARS + 1, *[5] * LISTED_QUESTIONS]):
            await store.open_question(lease, f"q{number}", f"uuid{number}", body("x" * size), float(number))
        (listed,) = await store.list_runs(None, limit=7, before=None)
        whole = await store.get_run(run_id())
        assert whole is not None
        assert listed.params == "{}" != whole.params
        assert listed.questions == (whole.questions[0], *whole.questions[2 : LISTED_QUESTIONS + 1])
        await store.finish_run(lease, RunStatus.COMPLETED, "r" * (LISTED_CHARS + 1), body("end"), 9.0)
        (listed,) = await store.list_runs(None, limit=7, before=None)
        assert listed.result == "r" * LISTED_CHARS

    async def test_a_page_of_events_has_only_so_many_bytes(self, store: Store) -> None:
        lease = await owned(store)
        sizes = [10, 10, 1000, 10, 10, 10]
        for number, size in enumerate(sizes):
            await append(store, lease, str(number), "x" * size)

        async def read(after: int, before: int | None = None, limit: int = 9) -> tuple[list[int], bool]:
            page = await store.read_events(run_id(), after=after, limit=limit, before=before, max_bytes=500)
            return [event.seq for event in page.events], page.more

        assert await read(0) == ([1, 2], True)
        assert await read(2) == ([3], True)
        assert await read(3) == ([4, 5, 6], False)
        assert await read(3, limit=2) == ([4, 5], True)
        assert await read(0, before=7) == ([4, 5, 6], True)
        assert await read(0, before=4) == ([3], True)
        assert await read(0, before=3) == ([1, 2], False)
        assert await read(6) == ([], False)

    async def test_a_list_can_be_filtered(self, store: Store) -> None:
        for number, workflow in enumerate(("a", "b", "a", "b")):
            await store.create_run(replace(new(number, user="me", at=float(number)), workflow=workflow))
        await store.cancel_run(run_id(0), body("end"), 9.0)
        await store.cancel_run(run_id(3), body("end"), 9.0)

        async def listed(statuses: Sequence[RunStatus] = (), workflow: str | None = None) -> list[str]:
            page = await store.list_runs("me", limit=9, before=None, statuses=statuses, workflow=workflow)
            return [record.id for record in page]

        assert await listed() == [run_id(n) for n in (3, 2, 1, 0)]
        assert await listed([RunStatus.CANCELLED]) == [run_id(3), run_id(0)]
        assert await listed([RunStatus.READY, RunStatus.CANCELLED], "a") == [run_id(2), run_id(0)]
        assert await listed(workflow="b") == [run_id(3), run_id(1)]
        assert await listed([RunStatus.FAILED]) == await listed(workflow="c") == []
        page = await store.list_runs("me", limit=1, before=run_id(2), workflow="a", statuses=[RunStatus.CANCELLED])
        assert [record.id for record in page] == [run_id(0)]

    async def test_a_fork_has_the_log_up_to_a_question_which_is_open_again(self, store: Store) -> None:
        lease = await owned(store)
        await append(store, lease, "k1")
        await record(store, lease, "s1", 1)
        await ask(store, lease, "q1")
        await answer(store, run_id(), "q1")
        await note(store, lease, "q1", 2)
        await ask(store, lease, "beside")
        await record(store, lease, "s2", 3)
        await ask(store, lease, "q2")
        await answer(store, run_id(), "beside")
        await record(store, lease, "s3", 4)
        await answer(store, run_id(), "q2")
        await note(store, lease, "q2", 5)
        await record(store, lease, "s4", 6)
        await store.finish_run(lease, RunStatus.COMPLETED, "r", body("end"), 3.0)
        before = await everything(store)
        forked = await store.fork_run(run_id(), "q2", run_id(2), 9.0)
        assert forked is not None
        assert (forked.status, forked.parent, forked.worker, forked.fence) == (RunStatus.WAITING, run_id(), None, 0)
        assert (forked.created, forked.result, forked.last_seq) == (9.0, None, 5)
        assert forked.questions == (question("beside"), question("q2"))
        log = await store.load_log(run_id(2))
        assert set(log.steps) == {"s1", "s2", "s3"}
        answers = {uuid: (known.value, known.order) for known in log.questions.values() for uuid in [known.uuid]}
        assert answers == {"q1": ('"yes"', 2), "beside": (None, None), "q2": (None, None)}
        assert log.event_keys == {"k1", "ask:q1", "answer:q1", "ask:beside", "ask:q2"}
        assert await everything(store) == before
        assert await answer(store, run_id(2), "q2")
        assert await store.fork_run(run_id(), "q9", run_id(3), 9.0) is None
        assert await store.get_run(run_id(3)) is None

    async def test_a_fork_has_no_password(self, store: Store) -> None:
        lease = await owned(store)
        secret = f'{{"type":"text_input","uuid":"q1","workflow_uuid":"{run_id()}","content":{{"password":true}}}}'
        await store.open_question(lease, "ask:q1", "q1", secret, 1.0)
        await answer(store, run_id(), "q1", '"hunter-2"')
        await note(store, lease, "q1", 1)
        await append(store, lease, "k1")
        await ask(store, lease, "q2")
        forked = await store.fork_run(run_id(), "q2", run_id(2), 9.0)
        assert forked is not None
        assert forked.questions == (secret.replace(run_id(), run_id(2)), question("q2"))
        assert await seqs(store, 2) == [1, 2, 3]
        _, events, log = await everything(store, 2)
        assert "hunter-2" not in str((events, log))
        assert log.event_keys == {"ask:q1", "k1", "ask:q2"}

    async def test_renaming(self, store: Store) -> None:
        await store.create_run(new())
        record = await store.rename_run(run_id(), "better", 9.0)
        assert record is not None
        assert (record.title, record.updated) == ("better", 9.0)

    async def test_events_are_read_after_a_cursor_and_before_one(self, store: Store) -> None:
        lease = await owned(store)
        for number in range(10):
            await append(store, lease, str(number))

        async def read(after: int, limit: int, before: int | None = None) -> tuple[list[int], bool]:
            page = await store.read_events(run_id(), after=after, limit=limit, before=before)
            assert page.run is not None
            assert page.run.last_seq == 10
            return [event.seq for event in page.events], page.more

        assert await read(0, 4) == ([1, 2, 3, 4], True)
        assert await read(4, 6) == ([5, 6, 7, 8, 9, 10], False)
        assert await read(10, 5) == ([], False)
        assert await read(0, 3, before=11) == ([8, 9, 10], True)
        assert await read(0, 3, before=4) == ([1, 2, 3], False)
        assert await read(5, 10, before=8) == ([6, 7], False)
        assert await read(0, 5, before=1) == ([], False)

    async def test_a_census_counts_what_there_is(self, store: Store) -> None:
        for number in (2, 3, 4):
            await store.create_run(new(number))
        lease = await owned(store)
        event = await ask(store, lease, "q1")
        await ask(store, lease, "q2")
        await store.cancel_run(run_id(4), body("end"), 5.0)
        found = await store.census()
        assert {status: count for status, count in found.runs.items() if count} == {
            RunStatus.WAITING: 1,
            RunStatus.RUNNING: 2,
            RunStatus.CANCELLED: 1,
        }
        assert (found.questions, found.oldest_question_at, found.parked) == (2, event.at, 0)
        assert await store.park_run(lease)
        assert (await store.census()).parked == 1

    async def test_a_commit_elsewhere_is_noticed(self, open_store: OpenStore, make_store: object) -> None:
        ear = Ear()
        watching: Store = make_store()  # type: ignore[operator]
        await watching.open(ear)
        try:
            writing = await open_store()
            async with asyncio.timeout(30):
                for number in range(2):  # not only the first time
                    ear.news.clear()
                    await writing.create_run(new(number))
                    while not (ear.ready and (ear.anything or run_id(number) in ear.ids)):
                        await ear.news.wait()
                        ear.news.clear()
                    ear.ready = ear.anything = 0
        finally:
            await watching.close()

    async def test_a_lease_is_what_it_says(self, store: Store) -> None:
        lease = await owned(store)
        record = await store.get_run(run_id())
        assert record is not None
        assert (lease.run_id, lease.fence) == (run_id(), record.fence)
        assert record.worker == "a"

    async def test_the_head_of_a_run_changes_with_all_that_a_watcher_would_see(self, store: Store) -> None:
        lease = await owned(store)
        await owned(store, 2)
        heads = [await store.heads([run_id()])]

        async def changed() -> bool:
            heads.append(await store.heads([run_id()]))
            return heads[-1] != heads[-2]

        await append(store, lease, "k")
        assert await changed()
        await ask(store, lease, "q")
        assert await changed()
        await store.rename_run(run_id(), "other", 1.0)
        assert await changed()
        assert not await changed()
        await store.finish_run(lease, RunStatus.COMPLETED, None, body("end"), 1.0)
        assert await changed()
        await store.delete_run(run_id())
        assert await changed()
        assert heads[-1] == {}
        assert set(await store.heads([run_id(1), run_id(2), run_id(3)])) == {run_id(2)}
        assert await store.heads([]) == {}
