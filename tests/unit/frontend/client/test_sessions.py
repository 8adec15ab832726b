"""Tokens of the provider, and the sessions that the backend keeps for the page."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastagency_frontend.client import FastAPIProvider
from fastagency_shared import errors
from fastagency_shared.provider import Caller
from fastagency_shared.session import SessionSource
from fastagency_shared.user import User

from tests.unit.frontend.client.test_provider import Handler, Recorder, provider_of, replying

LATER = datetime(2030, 1, 2, tzinfo=UTC)
ANNA = User("anna", "Anna", frozenset({"manager"}), "anna@example.org")


def sessions_of(handler: Handler) -> Any:
    provider = provider_of(handler)
    assert isinstance(provider, SessionSource)
    return provider.sessions(lambda: "of-the-page")


def test_a_token_is_asked_for_each_request() -> None:
    numbers = itertools.count(1)
    seen = Recorder([])
    provider = provider_of(seen, token=lambda: f"t{next(numbers)}")
    provider.workflows()
    provider.workflows()
    assert [request.headers["authorization"] for request in seen.requests] == ["Bearer t1", "Bearer t2"]
    constant = provider_of(seen, token="abc")
    constant.workflows()
    assert seen.last.headers["authorization"] == "Bearer abc"
    assert "abc" not in repr(constant)


def test_the_callers_own_token_takes_the_place_of_all_other_credentials_and_claims() -> None:
    seen = Recorder([])
    provider = FastAPIProvider("http://u:p@backend:8008", token="mine", transport=httpx.MockTransport(seen))
    provider.runs(caller=Caller("anna", {"Authorization": "Basic x"}, ANNA, lambda: "signed"))
    assert seen.last.headers["authorization"] == "Bearer signed"
    assert "x-fastagency-user" not in seen.last.headers
    provider.runs(caller=Caller("anna"))
    assert seen.last.headers["authorization"] == "Bearer mine"
    assert seen.last.headers["x-fastagency-user"] == "anna"


def test_a_session_begins_with_who_it_is_and_who_it_was() -> None:
    seen = Recorder({"session": "secret", "id": "s1", "expires": LATER.isoformat()}, 201)
    new = sessions_of(seen).begin(ANNA, "0" * 32)
    assert (new.secret, new.id, new.expires) == ("secret", "s1", LATER)
    assert "secret" not in repr(new)
    assert (seen.last.method, str(seen.last.url)) == ("POST", "http://backend:8008/fastagency/sessions")
    assert seen.last.headers["authorization"] == "Bearer of-the-page"
    user = {"id": "anna", "name": "Anna", "roles": ["manager"], "email": "anna@example.org"}
    assert json.loads(seen.last.content) == {"user": user, "visitor": "0" * 32}


def test_a_session_is_found_by_its_secret() -> None:
    user = {"id": "anna", "name": "Anna", "roles": ["manager"], "email": "anna@example.org"}
    seen = Recorder({"id": "s1", "user": user, "expires": LATER.isoformat()})
    found = sessions_of(seen).find("secret")
    assert (found.id, found.user, found.expires) == ("s1", ANNA, LATER)
    assert str(seen.last.url).endswith("/fastagency/sessions/find")
    assert json.loads(seen.last.content) == {"session": "secret"}


@pytest.mark.parametrize(("status", "code"), [(404, "UnknownSession"), (422, "InvalidRequest")])
def test_a_session_that_has_ended_is_none(status: int, code: str) -> None:
    assert sessions_of(replying(status, json={"code": code, "detail": "It has ended."})).find("secret") is None


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, {"detail": "Not Found"}, errors.BackendIncompatible),
        (503, {"code": "StoreUnavailable", "detail": "Later."}, errors.StoreUnavailable),
        (401, {"code": "NotSignedIn", "detail": "Another key."}, errors.SignedOut),
    ],
)
def test_what_says_nothing_about_the_session_signs_nobody_out(status: int, body: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        sessions_of(replying(status, json=body)).find("secret")


def test_one_session_or_all_of_a_user_end() -> None:
    seen = Recorder(None, 204)
    sessions_of(seen).end("secret")
    sessions_of(seen).end_all("anna")
    assert [request.method for request in seen.requests] == ["DELETE", "DELETE"]
    assert [json.loads(request.content) for request in seen.requests] == [{"session": "secret"}, {"user": "anna"}]
