"""What holds for every `fastagency_shared.provider.Provider`, whatever stands behind it.

A test module makes a class of `ProviderContract` for each implementation and gives it a fixture `provider` that has the
workflows of `tests/contract/workflows.py`.
"""

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastagency_shared.answer import MAX_ANSWER_CHARS
from fastagency_shared.errors import (
    AlreadyAnswered,
    Conflict,
    InvalidRequest,
    RequestError,
    UnknownQuestion,
    UnknownRun,
    UnknownWorkflow,
)
from fastagency_shared.messages import (
    InputAnswered,
    Message,
    Question,
    TextChunk,
    TextInput,
    TextMessage,
    WorkflowCancelled,
    WorkflowCompleted,
    WorkflowFailed,
    WorkflowResumed,
    WorkflowStarted,
    new_uuid,
)
from fastagency_shared.provider import Caller, Provider
from fastagency_shared.run import RunInfo, RunStatus
from fastagency_shared.under_way import UnderWay

from tests.contract.workflows import WORKFLOWS, description

BEAT_S = 0.05


@pytest.fixture
def ann() -> Caller:
    """A user of one's own for each test, so that tests can share a provider."""
    return Caller(f"ann-{new_uuid()}")


def logged(provider: Provider, run: RunInfo, caller: Caller, after: int = 0) -> Iterator[Message]:
    """Follow a run to its end, logged messages only."""
    stream = provider.follow(run.workflow_uuid, after=after, beat_s=BEAT_S, caller=caller)
    return (message for message in stream if message is not None and message.seq is not None)


def next_question(provider: Provider, run: RunInfo, caller: Caller) -> Question:
    """Wait until the run asks something that is not answered."""
    stream = provider.follow(run.workflow_uuid, beat_s=BEAT_S, caller=caller)
    for _ in stream:
        questions = provider.run(run.workflow_uuid, caller=caller).questions
        if questions:
            stream.close()  # type: ignore[attr-defined]
            return questions[0]
    raise AssertionError("the run ended without a question")


def finished(provider: Provider, run: RunInfo, caller: Caller) -> tuple[RunInfo, list[Message]]:
    """Wait for the end of a run."""
    messages = list(logged(provider, run, caller))
    return provider.run(run.workflow_uuid, caller=caller), messages


CALLS: dict[str, Callable[[Provider, str, Caller], Any]] = {
    "run": lambda provider, run_id, caller: provider.run(run_id, caller=caller),
    "messages": lambda provider, run_id, caller: provider.messages(run_id, caller=caller),
    "follow": lambda provider, run_id, caller: next(iter(provider.follow(run_id, beat_s=BEAT_S, caller=caller))),
    "answer": lambda provider, run_id, caller: provider.answer(run_id, new_uuid(), "x", caller=caller),
    "cancel": lambda provider, run_id, caller: provider.cancel(run_id, caller=caller),
    "retry": lambda provider, run_id, caller: provider.retry(run_id, caller=caller),
    "fork": lambda provider, run_id, caller: provider.fork(run_id, new_uuid(), caller=caller),
    "rename": lambda provider, run_id, caller: provider.rename(run_id, "Mine", caller=caller),
    "delete": lambda provider, run_id, caller: provider.delete(run_id, caller=caller),
}


def refusal_of(call: str, provider: Provider, run_id: str, caller: Caller) -> type[Exception] | None:
    """The class of the error of a call. A stream may yield None before it knows."""
    try:
        if call == "follow":
            for message in provider.follow(run_id, beat_s=BEAT_S, caller=caller):
                assert message is None
        else:
            CALLS[call](provider, run_id, caller)
    except RequestError as error:
        return type(error)
    return None


class WorkflowsContract:
    """Which workflows there are."""

    def test_names_and_descriptions(self, provider: Provider, ann: Caller) -> None:
        assert provider.names == list(WORKFLOWS)
        assert [provider.get_description(name) for name in WORKFLOWS] == [description(name) for name in WORKFLOWS]
        assert [workflow.name for workflow in provider.workflows(ann)] == list(WORKFLOWS)

    def test_an_unknown_one(self, provider: Provider, ann: Caller) -> None:
        with pytest.raises(UnknownWorkflow, match="greet"):
            provider.get_description("chess")
        with pytest.raises(UnknownWorkflow, match="greet"):
            provider.start("chess", {}, caller=ann)


class StartContract:
    """Starting a run."""

    def test_the_run_is_described(self, provider: Provider, ann: Caller) -> None:
        run = provider.start("greet", {"n": 1, "deep": {"a": [None, "ü"]}}, caller=ann)
        assert (run.name, run.params, run.user_id) == ("greet", {"n": 1, "deep": {"a": [None, "ü"]}}, ann.user_id)
        assert run.title
        assert not run.status.ended
        assert run.created_at.tzinfo is not None
        first = next(logged(provider, run, ann))
        assert isinstance(first, WorkflowStarted)
        assert (first.seq, first.workflow_uuid, first.name) == (1, run.workflow_uuid, "greet")

    def test_params_may_be_called_like_arguments(self, provider: Provider, ann: Caller) -> None:
        params = {"name": "x", "ui": 1, "user_id": "bob", "self": [], "params": {}, "run_id": "r"}
        end, _ = finished(provider, provider.start("show", params, caller=ann), ann)
        assert end.result == repr(sorted(params.items()))

    def test_the_same_request_again_is_the_same_run(self, provider: Provider, ann: Caller) -> None:
        run_id = new_uuid()
        first = provider.start("greet", {"n": 1}, run_id=run_id, caller=ann)
        second = provider.start("greet", {"n": 1}, run_id=run_id, caller=ann)
        assert first.workflow_uuid == second.workflow_uuid == run_id
        assert len(provider.runs(caller=ann)) == 1

    @pytest.mark.parametrize(("name", "params"), [("greet", {"n": 2}), ("count", {"n": 1})])
    def test_another_request_under_the_same_id_is_a_conflict(
        self, provider: Provider, ann: Caller, name: str, params: dict[str, Any]
    ) -> None:
        run_id = new_uuid()
        provider.start("greet", {"n": 1}, run_id=run_id, caller=ann)
        with pytest.raises(Conflict):
            provider.start(name, params, run_id=run_id, caller=ann)
        with pytest.raises(Conflict):
            provider.start("greet", {"n": 1}, run_id=run_id, caller=Caller("eve"))


class FollowContract:
    """Following a run, and reading its log."""

    def test_every_message_once_and_in_order_to_the_end(self, provider: Provider, ann: Caller) -> None:
        run = provider.start("count", {"to": 50}, caller=ann)
        end, messages = finished(provider, run, ann)
        assert [message.seq for message in messages] == list(range(1, 53))
        assert [m.body for m in messages if isinstance(m, TextMessage)] == [str(n) for n in range(1, 51)]
        assert isinstance(messages[-1], WorkflowCompleted)
        assert (end.status, end.result, end.last_seq) == (RunStatus.COMPLETED, "counted", 52)

    def test_from_a_cursor(self, provider: Provider, ann: Caller) -> None:
        run = provider.start("count", {"to": 5}, caller=ann)
        _, messages = finished(provider, run, ann)
        assert list(logged(provider, run, ann, after=4)) == messages[4:]
        assert list(logged(provider, run, ann, after=len(messages))) == []

    def test_a_silent_run_beats(self, provider: Provider, ann: Caller) -> None:
        run = provider.start("greet", {}, caller=ann)
        question = next_question(provider, run, ann)
        last = provider.run(run.workflow_uuid, caller=ann).last_seq
        assert question.prompt == "Your name?"
        stream = provider.follow(run.workflow_uuid, after=last, beat_s=BEAT_S, caller=ann)
        assert [message for message in itertools.islice(stream, 3) if message and message.seq] == []
        stream.close()  # type: ignore[attr-defined]

    def test_a_run_goes_on_without_followers_and_several_see_the_same(self, provider: Provider, ann: Caller) -> None:
        run = provider.start("greet", {}, caller=ann)
        stream = provider.follow(run.workflow_uuid, beat_s=BEAT_S, caller=ann)
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        question = next_question(provider, run, ann)
        seen: list[list[Message]] = [[], []]
        watchers = [threading.Thread(target=lambda part=part: part.extend(logged(provider, run, ann))) for part in seen]
        for watcher in watchers:
            watcher.start()
        provider.answer(run.workflow_uuid, question.uuid, "Ann", caller=ann)
        for watcher in watchers:
            watcher.join()
        assert seen[0] == seen[1]
        assert isinstance(seen[0][-1], WorkflowCompleted)

    def test_pages_forwards_and_backwards(self, provider: Provider, ann: Caller) -> None:
        run = provider.start("count", {"to": 5}, caller=ann)
        _, messages = finished(provider, run, ann)
        page = provider.messages(run.workflow_uuid, limit=3, caller=ann)
        assert (page.messages, page.more) == (messages[:3], True)
        page = provider.messages(run.workflow_uuid, after=3, limit=4, caller=ann)
        assert (page.messages, page.more) == (messages[3:], False)
        page = provider.messages(run.workflow_uuid, before=5, limit=3, caller=ann)
        assert (page.messages, page.more) == (messages[1:4], True)
        page = provider.messages(run.workflow_uuid, before=4, limit=3, caller=ann)
        assert (page.messages, page.more) == (messages[:3], False)
        assert page.run == provider.run(run.workflow_uuid, caller=ann)

    def test_a_failure_says_nothing_internal(self, provider: Provider, ann: Caller) -> None:
        end, messages = finished(provider, provider.start("fail", {}, caller=ann), ann)
        assert end.status is RunStatus.FAILED
        assert isinstance(messages[-1], WorkflowFailed)
        assert "internal-detail-7" not in "".join(message.model_dump_json() for message in messages)


class AnswerContract:
    """Answering a question."""

    def test_an_answer_goes_to_the_workflow_and_every_watcher_learns_of_it(
        self, provider: Provider, ann: Caller
    ) -> None:
        run = provider.start("greet", {}, caller=ann)
        question = next_question(provider, run, ann)
        assert isinstance(question, TextInput)
        assert question.suggestions == ["Ann", "Bob"]
        waiting = provider.run(run.workflow_uuid, caller=ann)
        assert (waiting.status, waiting.questions) == (RunStatus.WAITING, [question])
        provider.answer(run.workflow_uuid, question.uuid, "Ann", caller=ann)
        end, messages = finished(provider, run, ann)
        answered = next(message for message in messages if isinstance(message, InputAnswered))
        assert (answered.question, answered.value) == (question.uuid, "Ann")
        assert (end.result, end.questions) == ("greeted Ann", [])

    def test_choices(self, provider: Provider, ann: Caller) -> None:
        run = provider.start("choose", {}, caller=ann)
        one = next_question(provider, run, ann)
        for bad in ("Purple", ["Red", "Blue"], []):
            with pytest.raises(InvalidRequest):
                provider.answer(run.workflow_uuid, one.uuid, bad, caller=ann)
        assert next_question(provider, run, ann) == one
        provider.answer(run.workflow_uuid, one.uuid, "Green, dark", caller=ann)
        many = next_question(provider, run, ann)
        with pytest.raises(InvalidRequest, match="Purple"):
            provider.answer(run.workflow_uuid, many.uuid, ["Red", "Purple"], caller=ann)
        provider.answer(run.workflow_uuid, many.uuid, ["Blue", "Red"], caller=ann)
        end, messages = finished(provider, run, ann)
        assert end.result == "Green, dark / Red,Blue"
        assert [m.value for m in messages if isinstance(m, InputAnswered)] == ["Green, dark", ["Red", "Blue"]]

    def test_what_does_not_fit_leaves_the_question_open(self, provider: Provider, ann: Caller) -> None:
        run = provider.start("greet", {}, caller=ann)
        question = next_question(provider, run, ann)
        for bad in ("x" * (MAX_ANSWER_CHARS + 1), ["Ann"]):
            with pytest.raises(InvalidRequest):
                provider.answer(run.workflow_uuid, question.uuid, bad, caller=ann)
        with pytest.raises(UnknownQuestion):
            provider.answer(run.workflow_uuid, new_uuid(), "Ann", caller=ann)
        assert next_question(provider, run, ann) == question

    def test_the_first_answer_counts(self, provider: Provider, ann: Caller) -> None:
        run = provider.start("greet", {}, caller=ann)
        question = next_question(provider, run, ann)
        provider.answer(run.workflow_uuid, question.uuid, "Ann", caller=ann)
        with pytest.raises(AlreadyAnswered):
            provider.answer(run.workflow_uuid, question.uuid, "Bob", caller=ann)
        end, _ = finished(provider, run, ann)
        assert end.result == "greeted Ann"
        with pytest.raises(AlreadyAnswered):
            provider.answer(run.workflow_uuid, question.uuid, "Bob", caller=ann)

    def test_a_password_is_in_no_message(self, provider: Provider, ann: Caller) -> None:
        run = provider.start("secret", {}, caller=ann)
        question = next_question(provider, run, ann)
        provider.answer(run.workflow_uuid, question.uuid, "hunter-2", caller=ann)
        end, messages = finished(provider, run, ann)
        assert end.result == "8"
        assert "hunter-2" not in "".join(message.model_dump_json() for message in messages)
        assert [message.value for message in messages if isinstance(message, InputAnswered)] == [None]


class OwnerContract:
    """A run is visible to its owner only, and what is not there and what is not yours are never told apart."""

    @pytest.mark.parametrize("call", CALLS)
    def test_a_run_of_somebody_else_does_not_exist(self, provider: Provider, ann: Caller, call: str) -> None:
        run = provider.start("greet", {}, caller=ann)
        for other in (Caller(f"eve-{new_uuid()}"), Caller()):
            assert refusal_of(call, provider, run.workflow_uuid, other) is UnknownRun
        assert not provider.run(run.workflow_uuid, caller=ann).status.ended

    @pytest.mark.parametrize("call", CALLS)
    @pytest.mark.parametrize("run_id", ["0" * 32, "nonsense"])
    def test_a_run_that_never_was(self, provider: Provider, ann: Caller, call: str, run_id: str) -> None:
        assert refusal_of(call, provider, run_id, ann) is UnknownRun

    def test_runs_are_listed_for_their_owner_newest_first(self, provider: Provider, ann: Caller) -> None:
        ids = [provider.start("show", {"n": n}, caller=ann).workflow_uuid for n in range(5)]
        provider.start("show", {}, caller=Caller(f"eve-{new_uuid()}"))
        newest_first = ids[::-1]
        assert [run.workflow_uuid for run in provider.runs(caller=ann)] == newest_first
        assert [run.workflow_uuid for run in provider.runs(limit=2, caller=ann)] == newest_first[:2]
        rest = provider.runs(before=newest_first[1], caller=ann)
        assert [run.workflow_uuid for run in rest] == newest_first[2:]


class ControlContract:
    """Stopping, renaming and removing runs."""

    def test_a_stopped_run_ends_for_everybody(self, provider: Provider, ann: Caller) -> None:
        run = provider.start("greet", {}, caller=ann)
        next_question(provider, run, ann)
        assert provider.cancel(run.workflow_uuid, caller=ann).status is RunStatus.CANCELLED
        end, messages = finished(provider, run, ann)
        assert isinstance(messages[-1], WorkflowCancelled)
        assert (end.status, end.questions) == (RunStatus.CANCELLED, [])
        assert provider.cancel(run.workflow_uuid, caller=ann) == end

    def test_a_run_that_has_ended_stays_as_it_is(self, provider: Provider, ann: Caller) -> None:
        end, messages = finished(provider, provider.start("count", {}, caller=ann), ann)
        assert provider.cancel(end.workflow_uuid, caller=ann) == end
        assert provider.messages(end.workflow_uuid, caller=ann).messages == messages

    def test_a_run_that_has_failed_is_tried_again(self, provider: Provider, ann: Caller) -> None:
        end, messages = finished(provider, provider.start("fail", {}, caller=ann), ann)
        provider.retry(end.workflow_uuid, caller=ann)
        again, more = finished(provider, end, ann)
        assert again.status is RunStatus.FAILED
        assert more[: len(messages)] == messages
        assert [type(message) for message in more[len(messages) :]] == [WorkflowResumed, WorkflowFailed]

    def test_a_run_that_ended_in_another_way_is_not_tried_again(self, provider: Provider, ann: Caller) -> None:
        end, messages = finished(provider, provider.start("count", {}, caller=ann), ann)
        with pytest.raises(Conflict, match="completed"):
            provider.retry(end.workflow_uuid, caller=ann)
        assert provider.messages(end.workflow_uuid, caller=ann).messages == messages

    def test_a_fork_goes_on_from_a_question_with_another_answer(self, provider: Provider, ann: Caller) -> None:
        run = provider.start("choose", {}, caller=ann)
        for answer in ("Red", ["Blue"]):
            provider.answer(run.workflow_uuid, next_question(provider, run, ann).uuid, answer, caller=ann)
        end, messages = finished(provider, run, ann)
        second = [message for message in messages if message.is_question][1]
        fork = provider.fork(run.workflow_uuid, second.uuid, caller=ann)
        assert fork.workflow_uuid != run.workflow_uuid
        assert (fork.parent, fork.status, fork.params) == (run.workflow_uuid, RunStatus.WAITING, run.params)
        assert [question.uuid for question in fork.questions] == [second.uuid]
        provider.answer(fork.workflow_uuid, second.uuid, ["Red", "Blue"], caller=ann)
        other, forked = finished(provider, fork, ann)
        assert other.result == "Red / Red,Blue"
        copied = messages.index(second) + 1
        assert [m.uuid for m in forked[:copied]] == [m.uuid for m in messages[:copied]]
        assert {m.workflow_uuid for m in forked} == {fork.workflow_uuid}
        assert [m.type for m in forked] == [m.type for m in messages]
        assert provider.run(run.workflow_uuid, caller=ann) == end, "the first one stays as it is"

    def test_a_fork_at_what_was_never_asked_is_refused(self, provider: Provider, ann: Caller) -> None:
        end, messages = finished(provider, provider.start("count", {}, caller=ann), ann)
        for uuid in (new_uuid(), messages[1].uuid):
            with pytest.raises(UnknownQuestion):
                provider.fork(end.workflow_uuid, uuid, caller=ann)

    def test_a_run_is_renamed(self, provider: Provider, ann: Caller) -> None:
        run = provider.start("greet", {}, caller=ann)
        assert provider.rename(run.workflow_uuid, "  My \n greeting ", caller=ann).title == "My greeting"
        assert [each.title for each in provider.runs(caller=ann)] == ["My greeting"]

    @pytest.mark.parametrize("title", ["", "   ", "x" * 201])
    def test_a_title_that_is_none_is_refused(self, provider: Provider, ann: Caller, title: str) -> None:
        run = provider.start("greet", {}, caller=ann)
        with pytest.raises(InvalidRequest):
            provider.rename(run.workflow_uuid, title, caller=ann)
        assert provider.run(run.workflow_uuid, caller=ann).title == run.title

    def test_a_deleted_run_is_gone(self, provider: Provider, ann: Caller) -> None:
        run = provider.start("greet", {}, caller=ann)
        next_question(provider, run, ann)
        provider.delete(run.workflow_uuid, caller=ann)
        assert provider.runs(caller=ann) == []
        for call in CALLS:
            assert refusal_of(call, provider, run.workflow_uuid, ann) is UnknownRun


class UnderWayContract:
    """A message that is being written: whole for who comes late, and in the log if it is never finished."""

    def test_who_joins_in_the_middle_gets_the_text_so_far(self, provider: Provider, ann: Caller) -> None:
        run = provider.start("recite", {}, caller=ann)
        question = next_question(provider, run, ann)
        texts, answered = UnderWay(), False
        for message in provider.follow(run.workflow_uuid, caller=ann):
            if isinstance(message, TextChunk):
                texts.add(message)
                if not answered:
                    assert texts.text_of("s") == "Once upon "
                    provider.answer(run.workflow_uuid, question.uuid, "yes", caller=ann)
                    answered = True
            elif isinstance(message, TextMessage):
                assert message.body == texts.text_of("s") == "Once upon a time."
                assert not message.interrupted

    def test_what_was_being_written_at_a_stop_is_in_the_log(self, provider: Provider, ann: Caller) -> None:
        run = provider.start("recite", {}, caller=ann)
        next_question(provider, run, ann)
        provider.cancel(run.workflow_uuid, caller=ann)
        *_, text, last = provider.messages(run.workflow_uuid, caller=ann).messages
        assert isinstance(text, TextMessage)
        assert (text.sender, text.body, text.interrupted) == ("clerk", "Once upon ", True)
        assert isinstance(last, WorkflowCancelled)


class ThreadContract:
    """One provider serves many threads."""

    def test_conversations_at_the_same_time(self, provider: Provider, ann: Caller) -> None:
        results: list[str | None] = []

        def converse(name: str) -> None:
            run = provider.start("greet", {}, caller=ann)
            question = next_question(provider, run, ann)
            provider.answer(run.workflow_uuid, question.uuid, name, caller=ann)
            results.append(finished(provider, run, ann)[0].result)

        people = [threading.Thread(target=converse, args=(f"P{n}",)) for n in range(8)]
        for person in people:
            person.start()
        for person in people:
            person.join()
        assert sorted(map(str, results)) == [f"greeted P{n}" for n in range(8)]


class ProviderContract(
    WorkflowsContract,
    StartContract,
    FollowContract,
    AnswerContract,
    OwnerContract,
    ControlContract,
    UnderWayContract,
    ThreadContract,
):
    """All of it."""
