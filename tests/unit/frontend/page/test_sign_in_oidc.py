"""Signing in at an identity provider, with a small one over real HTTP."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastagency_frontend.app import FastAgency
from fastagency_frontend.page import MesopUI
from fastagency_frontend.settings import FrontendSettings
from fastagency_frontend.sign_in import OpenIDConnect
from fastagency_frontend.sign_in.choice import sign_in_of
from fastagency_shared.errors import InvalidSettings
from fastagency_shared.user import User
from joserfc.jwk import OctKey, RSAKey
from werkzeug.test import Client, TestResponse

from tests.fakes.openid_provider import CLIENT, SECRET, OpenIDProvider, serving
from tests.fakes.sessions import SigningProvider
from tests.unit.frontend.page.conftest import VISITOR

ASKED = "/?conversation=0123456789abcdef0123456789abcdef"


@pytest.fixture
def identity() -> Iterator[OpenIDProvider]:
    with serving() as provider:
        yield provider


@pytest.fixture
def provider() -> SigningProvider:
    return SigningProvider()


def client_of(provider: SigningProvider, tmp_path: Path, auth: OpenIDConnect, **changes: Any) -> Client:
    settings = FrontendSettings(page_key_file=tmp_path / "key.pem", **changes)
    return Client(FastAgency(provider=provider, ui=MesopUI(settings, auth=auth)))


@pytest.fixture
def http(identity: OpenIDProvider, provider: SigningProvider, tmp_path: Path) -> Client:
    return client_of(provider, tmp_path, OpenIDConnect(identity.issuer, CLIENT, SECRET, "roles"))


def sent(http: Client, target: str = ASKED) -> str:
    """Where the browser is sent: to the provider."""
    answer = http.get(http.get(target).headers["Location"])
    assert answer.status_code == 302
    return str(answer.headers["Location"])


def back_from(address: str) -> str:
    """What the provider makes of it: the address to which the browser comes back."""
    return httpx.get(address).headers["Location"]


def returned(http: Client, address: str) -> TestResponse:
    parts = urlsplit(address)
    return http.get(f"{parts.path}?{parts.query}", base_url=f"{parts.scheme}://{parts.netloc}")


def who(http: Client, provider: SigningProvider) -> User:
    http.get("/__fastagency__/pulse")
    user = provider.callers[-1].user
    assert user is not None
    return user


def test_the_browser_goes_there_and_back_to_what_was_asked_for(
    http: Client, identity: OpenIDProvider, provider: SigningProvider
) -> None:
    http.set_cookie("fastagency_visitor", VISITOR)
    answer = returned(http, back_from(sent(http)))
    assert (answer.status_code, answer.headers["Location"]) == (303, ASKED)
    assert http.get(ASKED).status_code == 200
    expected = User(f"{identity.issuer}|7", "Anna Smith", frozenset({"manager"}), "anna@example.org")
    assert who(http, provider) == expected
    assert provider.kept.visitors == [(VISITOR, expected.id)]
    assert not [each for each in answer.headers.getlist("Set-Cookie") if "attempt" in each and "Max-Age=0" not in each]


def test_each_attempt_has_a_state_a_nonce_and_a_challenge_of_its_own(http: Client) -> None:
    first, second = (parse_qs(urlsplit(sent(http)).query) for _ in range(2))
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
        assert len(first[name][0]) == 43
    assert first["redirect_uri"] == ["http://localhost/sign-in/callback"]


def test_several_tabs_may_be_on_their_way(http: Client) -> None:
    first, second = sent(http, "/?conversation=1"), sent(http, "/?conversation=2")
    assert returned(http, back_from(second)).headers["Location"] == "/?conversation=2"
    assert returned(http, back_from(first)).headers["Location"] == "/?conversation=1"


def test_an_answer_that_this_browser_did_not_ask_for_is_refused(http: Client) -> None:
    """Else somebody could sign others in as themselves, and read what they write."""
    address = back_from(sent(http))
    other = Client(http.application)
    answer = returned(other, address)
    assert answer.status_code == 403
    assert "another browser" in answer.get_data(as_text=True)
    assert returned(http, address).status_code == 303
    assert returned(http, address).status_code == 403, "a second time"


@pytest.mark.parametrize(
    "lies",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "https://evil.example"},
        {"aud": "another-page"},
        {"aud": "another-page", "azp": CLIENT},
        {"aud": [CLIENT, "other"], "azp": "other"},
        {"exp": 1},
        {"sub": None},
        {"sub": "x" * 500},
    ],
)
def test_an_id_token_that_does_not_fit_is_refused(
    http: Client, identity: OpenIDProvider, lies: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    identity.lies = lies
    answer = returned(http, back_from(sent(http)))
    assert answer.status_code == 502
    assert "does not fit" in answer.get_data(as_text=True)
    assert http.get("/").status_code == 302
    assert "Nobody can sign in" in caplog.text


@pytest.mark.parametrize(
    "signing",
    [(RSAKey.generate_key(2048), "RS256"), (OctKey.import_key(SECRET), "HS256")],
    ids=["another key", "our own secret"],
)
@pytest.mark.filterwarnings("ignore:.*:joserfc.errors.SecurityWarning")
def test_an_id_token_of_another_key_is_refused(http: Client, identity: OpenIDProvider, signing: Any) -> None:
    identity.signing = signing
    assert returned(http, back_from(sent(http))).status_code == 502
    assert http.get("/").status_code == 302


def test_an_answer_of_another_issuer_is_refused(http: Client, identity: OpenIDProvider) -> None:
    address = back_from(sent(http)).replace(
        identity.issuer.replace(":", "%3A").replace("/", "%2F"), "https%3A%2F%2Fevil"
    )
    assert "evil" in address
    assert returned(http, address).status_code == 502


def test_a_provider_that_says_no(http: Client, identity: OpenIDProvider) -> None:
    identity.refusal = "access_denied"
    answer = returned(http, back_from(sent(http)))
    assert answer.status_code == 403
    assert "did not let you in" in answer.get_data(as_text=True)
    assert 'href="/sign-in?next=%2F%3Fconversation' in answer.get_data(as_text=True)


def test_a_provider_that_is_away(http: Client, identity: OpenIDProvider) -> None:
    identity.broken = True
    answer = http.get("/sign-in")
    assert answer.status_code == 502
    assert "cannot be reached" in answer.get_data(as_text=True)


def test_a_provider_that_calls_itself_otherwise(
    identity: OpenIDProvider, provider: SigningProvider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    http = client_of(provider, tmp_path, OpenIDConnect(f"{identity.issuer}/", CLIENT, SECRET))
    assert http.get("/sign-in").status_code == 502
    assert "it calls itself" in caplog.text


def test_a_new_key_of_the_provider_is_read_when_it_is_used(
    http: Client, identity: OpenIDProvider, provider: SigningProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert returned(http, back_from(sent(http))).status_code == 303
    monkeypatch.setattr("fastagency_frontend.sign_in.oidc.KEYS_S", 0)
    identity.key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig"})
    http.delete_cookie("fastagency-session")
    assert returned(http, back_from(sent(http))).status_code == 303


def test_what_the_id_token_leaves_out_is_asked_for(
    identity: OpenIDProvider, provider: SigningProvider, tmp_path: Path
) -> None:
    identity.person = {"sub": "7", "email": "anna@example.org", "email_verified": False}
    identity.more = {"preferred_username": "anna", "realm_access": {"roles": ["manager", 7]}}
    auth = OpenIDConnect(identity.issuer, CLIENT, SECRET, "realm_access.roles")
    http = client_of(provider, tmp_path, auth)
    assert returned(http, back_from(sent(http))).status_code == 303
    # An address that nobody has verified could be anybody's.
    assert who(http, provider) == User(f"{identity.issuer}|7", "anna", frozenset({"manager"}))


def test_what_is_said_of_another_person_is_refused(http: Client, identity: OpenIDProvider) -> None:
    identity.person = {"sub": "7"}
    identity.more = {"sub": "8", "name": "Somebody else"}
    assert returned(http, back_from(sent(http))).status_code == 502


def test_a_public_client_has_no_secret(identity: OpenIDProvider, provider: SigningProvider, tmp_path: Path) -> None:
    identity.public_client = True
    http = client_of(provider, tmp_path, OpenIDConnect(identity.issuer, CLIENT))
    assert returned(http, back_from(sent(http))).status_code == 303


def test_the_address_may_be_set(identity: OpenIDProvider, provider: SigningProvider, tmp_path: Path) -> None:
    auth = OpenIDConnect(identity.issuer, CLIENT, SECRET)
    http = client_of(provider, tmp_path, auth, public_url="https://chat.example/")
    answer = http.get("/sign-in")
    asked = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert asked["redirect_uri"] == ["https://chat.example/sign-in/callback"]
    assert answer.headers["Set-Cookie"].startswith("__Host-fastagency-attempt-")
    assert answer.headers["Set-Cookie"].endswith("HttpOnly; SameSite=Lax; Secure")


def test_no_secret_is_logged(http: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "fastagency_frontend")
    address = back_from(sent(http))
    returned(http, address)
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("fastagency"))
    assert SECRET not in ours
    assert parse_qs(urlsplit(address).query)["code"][0] not in ours


@pytest.mark.parametrize("issuer", ["http://login.example.org", "login.example.org", ""])
def test_the_issuer_is_an_https_address(issuer: str) -> None:
    with pytest.raises(InvalidSettings, match="https"):
        OpenIDConnect(issuer, CLIENT)


def test_the_settings_name_it(identity: OpenIDProvider) -> None:
    with pytest.raises(InvalidSettings, match="FASTAGENCY_OIDC_CLIENT_ID"):
        sign_in_of(FrontendSettings(sign_in="oidc", oidc_issuer=identity.issuer))
    named = FrontendSettings(
        sign_in="oidc", oidc_issuer=identity.issuer, oidc_client_id=CLIENT, oidc_client_secret=SECRET
    )
    assert isinstance(sign_in_of(named), OpenIDConnect)
    assert SECRET not in repr(named)
