"""What the door has to know of the page behind it, and of the proxies before it: titles, paths, https."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from fastagency_frontend.page.cookie import Cookie
from fastagency_frontend.page.target import CALLBACK
from fastagency_frontend.sign_in.peer import Trusted, peer

Environ = Mapping[str, Any]


@dataclass(frozen=True)
class House:
    """One page: its title, the path below which it is, the address that people open, the proxies that are believed."""

    title: str
    base_path: str = ""
    public_url: str | None = None
    proxies: Trusted = field(default_factory=lambda: Trusted(()))

    def root(self, environ: Environ) -> str:
        """The path of the page as the browser sees it, without the slash at its end."""
        return str(environ.get("SCRIPT_NAME") or self.base_path)

    def cookie(self, name: str, environ: Environ) -> Cookie:
        """A cookie of this page only."""
        return Cookie(name, f"{self.root(environ)}/")

    def session_secret(self, environ: Environ) -> str | None:
        """The secret of the session that the browser believes to have."""
        return self.session_cookie(environ).read(environ, secure=self.told_https(environ))

    def session_cookie(self, environ: Environ) -> Cookie:
        return self.cookie("fastagency-session", environ)

    def told_https(self, environ: Environ) -> bool:
        """Whether this server knows by itself that the browser is on https."""
        if environ.get("wsgi.url_scheme") == "https" or (self.public_url or "").startswith("https:"):
            return True
        return environ.get("HTTP_X_FORWARDED_PROTO") == "https" and peer(environ) in self.proxies

    def secure(self, environ: Environ) -> bool:
        """Whether the browser is on https; of a proxy that speaks it for us and has not told, the browser knows."""
        return self.told_https(environ) or str(environ.get("HTTP_ORIGIN", "")).startswith("https:")

    def on_this_machine(self, environ: Environ) -> bool:
        """Whether the browser is on this very machine, so that nobody listens in between."""
        try:
            name = urlsplit(f"//{environ.get('HTTP_HOST', '')}").hostname
        except ValueError:
            return False
        return isinstance(name, str) and (name in ("localhost", "::1") or name.startswith("127."))

    def callback(self, environ: Environ) -> str:
        """The whole address of the route to which an identity provider sends people back."""
        if self.public_url:
            return f"{self.public_url.rstrip('/')}{CALLBACK}"
        scheme = "https" if self.secure(environ) else "http"
        host = environ.get("HTTP_HOST") or f"{environ.get('SERVER_NAME')}:{environ.get('SERVER_PORT')}"
        return f"{scheme}://{host}{self.root(environ)}{CALLBACK}"
