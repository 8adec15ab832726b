"""The WSGI layer around Mesop: our own routes, the visitor's cookie, and the page without outside requests.

With a prefix, everything is below it; a proxy may take it away before a request comes here, or leave it.

Routes below `/__fastagency__`:
- `<version>/<file>`: the page's own files;
- `runs/<id>/history?before=<seq>` and `runs/<id>/live?after=<seq>&hold=1`, `&epoch=` if it is not 0: see `live.py`;
- `health`: does this process answer?
- `pulse?shell=<fingerprint>`: is the backend there, and is the list of conversations still the one that is shown?

They only read: whatever changes something is an event of Mesop's, whose origin is checked here (`origin.py`).
"""

from __future__ import annotations

import html
import json
import logging
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from fastagency_shared.errors import BackendError, RequestError, SignedOut

from fastagency_frontend.page import asset, live
from fastagency_frontend.page.door import SIGNED_OUT, Admission, mark_of
from fastagency_frontend.page.exchange import Pulse
from fastagency_frontend.page.exposure import ONLY_HERE, Exposure
from fastagency_frontend.page.gate import Gate, places_for
from fastagency_frontend.page.mesop_routes import MESOP_MODULES, REPORTS, is_served
from fastagency_frontend.page.origin import FORWARDED, READING, refusal, vouched
from fastagency_frontend.page.reply import FRESH, SAFE, Headers, StartResponse, json_reply, redirect, reply, text_reply
from fastagency_frontend.page.site import ENVIRON_KEY, Site
from fastagency_frontend.page.target import SIGN_IN, own_target
from fastagency_frontend.page.trouble import for_people
from fastagency_frontend.page.view import watches_workflows
from fastagency_frontend.page.visitor import ROOT_KEY, new_visitor_cookie, visitor_id

Environ = dict[str, Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]

HEALTH = f"{asset.PREFIX}/health"

_RUN_ROUTE = re.compile(r"runs/([0-9a-f]{32})/(history|live)")
_OUTSIDE_LINK = re.compile(rb"\s*<link\s[^>]*fonts\.(?:googleapis|gstatic)\.com[^>]*>")
_FAVICON = re.compile(rb'<link rel="shortcut icon"[^>]*>')
_NONCE = re.compile(rb'ngCspNonce="([^"]*)"')
_TITLE = re.compile(rb"<title>[^<]*</title>")
_TIGHTER_POLICY = {
    "font-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
    "media-src": "'self'",
    "frame-src": "'self'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "object-src": "'none'",
}
_ALWAYS_ASCII = ("HTTP_HOST", "HTTP_ORIGIN", *FORWARDED)
_FOR_EVER = "public, max-age=31536000, immutable"

logger = logging.getLogger(__name__)


class Router:
    """Answers our own routes and hands the rest to Mesop."""

    def __init__(self, site: Site, mesop: WsgiApp, base_path: str = "", exposure: Exposure = ONLY_HERE) -> None:
        self._site, self._exposure = site, exposure
        self._mesop = mesop
        self._base_path = base_path
        self._gate = Gate()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ[ENVIRON_KEY] = self._site
        environ[ROOT_KEY] = self._base_path
        if not all(str(environ.get(name, "")).isascii() for name in _ALWAYS_ASCII):
            return text_reply(start_response, "400 Bad Request", "The name of a host may only hold ASCII characters.")
        path = self._below_prefix(environ)
        if path is None:
            query = str(environ.get("QUERY_STRING", ""))
            location = f"{self._base_path}/?{query}" if query else f"{self._base_path}/"
            return redirect(start_response, "308 Permanent Redirect", location)
        if path == REPORTS:  # of browsers that have kept the page's policy; Mesop fails at those it does not expect
            return reply(start_response, "204 No Content", "text/plain", b"")
        inner = path.removeprefix(MESOP_MODULES)
        if inner != HEALTH and (reason := self._exposure.refusal(environ)) is not None:
            logger.warning("Refused %s %s: %s", environ.get("REQUEST_METHOD"), path, reason)
            return text_reply(start_response, "403 Forbidden", reason)
        if not inner.startswith(asset.PREFIX + "/"):
            return self._through_the_door(path, environ, start_response) or self._checked(path, environ, start_response)
        try:
            return self._own_route(inner.removeprefix(asset.PREFIX + "/"), environ, start_response)
        except SignedOut as error:
            return self._signed_out(error, environ, start_response)
        except RequestError as error:
            return json_reply(start_response, {"gone": error.detail})
        except BackendError as error:
            return json_reply(start_response, {"trouble": for_people(error)})

    def _below_prefix(self, environ: Environ) -> str | None:
        """The path below our prefix, which a proxy may have taken away: Mesop expects it. None: the prefix alone."""
        path = str(environ.get("PATH_INFO", ""))
        if not self._base_path:
            return path
        if path == self._base_path:
            return None
        if not path.startswith(f"{self._base_path}/"):
            environ["PATH_INFO"] = self._base_path + path
            return path
        return path.removeprefix(self._base_path)

    def _through_the_door(self, path: str, environ: Environ, start_response: StartResponse) -> Iterable[bytes] | None:
        """The pages of the desk, and the answer to whoever is not let in; None: let in."""
        entrance = self._site.entrance
        if entrance is None:
            return self._nobody_signs_in(path, environ, start_response)
        return entrance.desk.serve(path, environ, start_response) or entrance.door.turns_away(
            path, environ, start_response
        )

    def _nobody_signs_in(self, path: str, environ: Environ, start_response: StartResponse) -> Iterable[bytes] | None:
        """A proxy of one's own may answer 401, and has people signed in once they follow the link of the page."""
        if path != SIGN_IN or environ.get("REQUEST_METHOD") not in READING:
            return None
        wanted = parse_qs(str(environ.get("QUERY_STRING", ""))).get("next", [""])[-1]
        root = str(environ.get("SCRIPT_NAME") or self._base_path)
        return redirect(start_response, "302 Found", own_target(wanted, root), FRESH)

    def _signed_out(self, error: SignedOut, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        self._site.forget(environ)
        if self._site.entrance is None:
            return json_reply(start_response, {"trouble": for_people(error)})
        return text_reply(start_response, "401 Unauthorized", SIGNED_OUT)

    def _checked(self, path: str, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Mesop's answer, if the request is not another site's."""
        reason = refusal(environ)
        if reason is not None:
            logger.warning("Refused %s %s: %s", environ.get("REQUEST_METHOD"), environ.get("PATH_INFO"), reason)
            return text_reply(start_response, "403 Forbidden", reason)
        if not is_served(path):
            return text_reply(start_response, "404 Not Found", "There is no such file.")
        if environ.get("REQUEST_METHOD") not in READING:
            vouched(environ)
        return self._page(environ, start_response)

    def _own_route(self, path: str, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        query = {key: values[-1] for key, values in parse_qs(str(environ.get("QUERY_STRING", ""))).items()}
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return text_reply(start_response, "405 Method Not Allowed", "Only GET is possible here.")
        if path == "health":  # of this process: with the backend away it is still the page that says so
            return json_reply(start_response, {"alive": True, "ready": True})
        if path == "pulse":
            return json_reply(start_response, self._pulse(environ, query))
        if match := _RUN_ROUTE.fullmatch(path):
            return self._run(match[1], match[2], environ, query, start_response)
        return _asset(path, start_response)

    def _pulse(self, environ: Environ, query: dict[str, str]) -> Pulse:
        known = query.get("shell", "")
        caller = self._site.caller(environ)
        shell = self._site.shell(caller, workflows=watches_workflows(known))
        changed = shell.fingerprint != known
        return {"changed": changed} if caller.user is None else {"changed": changed, "person": mark_of(caller)}

    def _run(
        self, run_id: str, what: str, environ: Environ, query: dict[str, str], start_response: StartResponse
    ) -> Iterable[bytes]:
        provider, caller, entrance = self._site.provider, self._site.caller(environ), self._site.entrance
        epoch = _number(query.get("epoch")) or 0
        if what == "history":
            before = _number(query.get("before"))
            return json_reply(start_response, live.history(provider, caller, run_id, before, epoch))
        request = live.Watch(
            provider=provider,
            caller=caller,
            run_id=run_id,
            after=_number(query.get("after")) or 0,
            hold=query.get("hold") == "1",
            places=places_for(environ),
            epoch=epoch,
            admission=None if entrance is None else Admission(entrance.door, environ),
        )
        # X-Accel-Buffering: a proxy such as nginx would otherwise collect the lines.
        headers = [("Content-Type", "application/x-ndjson"), ("Cache-Control", "no-store"), ("X-Accel-Buffering", "no")]
        start_response("200 OK", headers + SAFE)
        return live.watch(request, self._gate)

    def _page(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Mesop's answer; if it is the HTML page, as one that needs nothing from outside."""
        answer: dict[str, Any] = {}

        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            headers = _secured(headers)
            if not _header(headers, "content-type").startswith("text/html"):
                return start_response(status, headers, exc_info)
            answer.update(status=status, headers=headers)
            return lambda _data: None

        body = self._mesop(environ, start)
        if not answer:
            return body
        try:
            document = self._rewrite(b"".join(body))
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()
        start_response(answer["status"], self._page_headers(environ, answer["headers"], len(document)))
        return [document]

    def _page_headers(self, environ: Environ, headers: Headers, length: int) -> Headers:
        dropped = ("content-length", "etag", "last-modified")
        kept = [(name, value) for name, value in headers if name.lower() not in dropped]
        kept.append(("Content-Length", str(length)))
        if self._site.entrance is not None:
            kept = [(name, value) for name, value in kept if name.lower() != "cache-control"]
            kept += self._site.entrance.door.welcome(environ)
        elif visitor_id(environ) is None:
            kept.append(("Set-Cookie", new_visitor_cookie(environ)))
        return kept

    def _rewrite(self, document: bytes) -> bytes:
        root = html.escape(self._base_path)
        nonce = _NONCE.search(document)
        icon = f'<link rel="icon" type="image/svg+xml" href="{root}{asset.asset_path("icons/favicon.svg")}">'
        head = (
            self._first_scripts(nonce[1].decode() if nonce else "")
            + f'<link rel="stylesheet" href="{root}{asset.asset_path("style/page.css")}">'
            # The very address below which Mesop asks for our components, so that they share the modules they import.
            f'<script type="module" src="{root}{MESOP_MODULES}{asset.asset_path("channel.js")}"></script>'
            # The composer comes with the first question, and should not wait for its looks then.
            f'<link rel="prefetch" as="style" href="{root}{MESOP_MODULES}{asset.asset_path("style/composer.css")}">'
            f'<meta name="color-scheme" content="light dark"></head>'
        )
        document = _OUTSIDE_LINK.sub(b"", document)
        document = _FAVICON.sub(icon.encode(), document)
        document = _TITLE.sub(f"<title>{html.escape(self._site.title)}</title>".encode(), document)
        return document.replace(b"</head>", head.encode(), 1)

    def _first_scripts(self, nonce: str) -> str:
        """What must be there before any file is fetched: the guard against a blank page, and the way to our modules.

        Mesop's script imports them from the root, without the prefix; the map leads the browser to where they are.
        """
        guard = asset.ASSETS["guard.js"].body.decode()
        scripts = f'<script nonce="{nonce}">{guard}</script>'
        if self._base_path:
            modules = json.dumps({"imports": {f"{MESOP_MODULES}/": f"{self._base_path}{MESOP_MODULES}/"}})
            scripts += f'<script type="importmap" nonce="{nonce}">{modules}</script>'
        return scripts


def _secured(headers: Headers) -> Headers:
    """Mesop's headers without the outside sources it allows, and without HSTS, which is for the operator to decide."""
    return [
        (name, _tightened(value) if name.lower() == "content-security-policy" else value)
        for name, value in headers
        if name.lower() != "strict-transport-security"
    ]


def _tightened(policy: str) -> str:
    directives = [directive.strip().partition(" ") for directive in policy.split(";")]
    sources = {name: value for name, _, value in directives} | _TIGHTER_POLICY
    return "; ".join(f"{name} {value}" for name, value in sources.items())


def _asset(path: str, start_response: StartResponse) -> Iterable[bytes]:
    version, _, name = path.partition("/")
    found = asset.ASSETS.get(name)
    if found is None:
        return text_reply(start_response, "404 Not Found", "There is no such file.")
    headers = [
        ("Content-Type", found.content_type),
        ("Content-Length", str(len(found.body))),
        ("Cache-Control", _FOR_EVER if version == asset.VERSION else "no-store"),
    ]
    start_response("200 OK", headers + SAFE)
    return [found.body]


def _header(headers: Headers, wanted: str) -> str:
    return next((value for name, value in headers if name.lower() == wanted), "")


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None
