"""One request to the pages on which people sign in: what it says, and how it is answered."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from fastagency_frontend.page.cookie import Cookie
from fastagency_frontend.page.house import House
from fastagency_frontend.page.reply import Headers, StartResponse, reply
from fastagency_frontend.page.sign_in_document import POLICY, Notice, SignInForm, document
from fastagency_frontend.page.visitor import theme_of
from fastagency_frontend.sign_in import Refused, Visit

MAX_FORM_BYTES = 16_384
MAX_FIELDS = 20
FORM_S = 24 * 3600


@dataclass(frozen=True)
class Arrival:
    """Somebody at the desk."""

    environ: dict[str, Any]
    start_response: StartResponse
    house: House

    @property
    def root(self) -> str:
        return self.house.root(self.environ)

    @property
    def secure(self) -> bool:
        return self.house.secure(self.environ)

    @property
    def query(self) -> dict[str, str]:
        try:
            found = parse_qs(str(self.environ.get("QUERY_STRING", "")), max_num_fields=MAX_FIELDS)
        except ValueError:
            return {}
        return {name: values[-1] for name, values in found.items()}

    @property
    def form_cookie(self) -> Cookie:
        """The token that was sent with the form."""
        return self.house.cookie("fastagency-form", self.environ)

    def attempt_cookie(self, state: str) -> Cookie:
        """One for each attempt at a provider: several tabs may be on their way at the same time."""
        return self.house.cookie(f"fastagency-attempt-{hashlib.sha256(state.encode()).hexdigest()[:8]}", self.environ)

    def read(self, cookie: Cookie) -> str | None:
        """The value of a cookie that this page has set."""
        return cookie.read(self.environ, secure=self.house.told_https(self.environ))

    def visit(self, target: str) -> Visit:
        return Visit(self.house.proxies.client(self.environ), self.house.callback(self.environ), target)

    def form(self) -> dict[str, str] | None:
        """The fields that were sent; None if there is too much of it."""
        length = str(self.environ.get("CONTENT_LENGTH") or "0")
        if not length.isascii() or not length.isdigit() or int(length) > MAX_FORM_BYTES:
            return None
        try:
            text = self.environ["wsgi.input"].read(int(length)).decode()
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"))
        except ValueError:
            return {}

    def has_token(self, said: Mapping[str, str]) -> bool:
        """Whether the form is one that this browser was sent."""
        sent = self.read(self.form_cookie) or ""
        return bool(sent) and hmac.compare_digest(sent.encode(), said.get("token", "").encode())

    def ask(self, target: str, name: str = "", refused: Refused | None = None) -> Iterable[bytes]:
        """Show the form, with why the last attempt failed."""
        token = self.read(self.form_cookie) or secrets.token_urlsafe(32)
        cookie = self.form_cookie.set(token, secure=self.secure, max_age_s=FORM_S)
        form = SignInForm(token=token, target=target, name=name, refusal=refused.sentence if refused else "")
        return self.show(
            form, refused.status if refused else "200 OK", [("Set-Cookie", cookie), *_retry_after(refused)]
        )

    def refuse(self, refused: Refused, target: str) -> Iterable[bytes]:
        return self.show(Notice(refused.sentence, target), refused.status, _retry_after(refused))

    def show(
        self, what: SignInForm | Notice, status: str = "200 OK", headers: Headers | None = None
    ) -> Iterable[bytes]:
        text = document(what, title=self.house.title, root=self.root, theme=theme_of(self.environ))
        own = [("Content-Security-Policy", POLICY), *(headers or [])]
        return reply(self.start_response, status, "text/html; charset=utf-8", text.encode(), own)


def packed(kept: Mapping[str, str]) -> str:
    """Texts as the value of a cookie."""
    return base64.urlsafe_b64encode(json.dumps(dict(kept)).encode()).decode().rstrip("=")


def unpacked(text: str | None) -> dict[str, str]:
    """The opposite of `packed`; a browser may send anything."""
    try:
        found = json.loads(base64.urlsafe_b64decode((text or "") + "=" * (-len(text or "") % 4)))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: value for name, value in found.items() if isinstance(name, str) and isinstance(value, str)}


def _retry_after(refused: Refused | None) -> Headers:
    return [("Retry-After", str(refused.wait_s))] if refused is not None and refused.wait_s else []
