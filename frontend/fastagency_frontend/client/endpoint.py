"""Where the routes of a backend are, as a function of what the user wrote. No I/O."""

from base64 import b64encode
from dataclasses import dataclass, field
from posixpath import dirname
from urllib.parse import quote, unquote, urlsplit, urlunsplit

DISCOVERY_PATH = "/fastagency/discovery"
INITIATE_WORKFLOW_PATH = "/fastagency/initiate_workflow"
WS_PATH = "/fastagency/ws"


@dataclass(frozen=True)
class RoutePaths:
    """The three paths that a `FastAPIAdapter` can be given; the other routes hang under the parent of `discovery`."""

    discovery: str = DISCOVERY_PATH
    initiate_workflow: str = INITIATE_WORKFLOW_PATH
    ws: str = WS_PATH


@dataclass(frozen=True)
class Endpoint:
    """A backend's address. `url` has no credentials in it, and so is fit to be shown and logged."""

    url: str
    paths: RoutePaths = RoutePaths()
    authorization: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, fastapi_url: str, paths: RoutePaths = RoutePaths()) -> "Endpoint":
        """Read the address of a backend, with or without a trailing slash, a path prefix, a user and a password.

        Raises:
            ValueError: it is not an http or https address.
        """
        parts = urlsplit(fastapi_url.strip())
        host = parts.netloc.rpartition("@")[2]
        if parts.scheme not in ("http", "https") or not parts.hostname:
            shown = urlunsplit(parts._replace(netloc=host))
            raise ValueError(f"fastapi_url should look like http://localhost:8008, not {shown!r}.")
        if parts.query or parts.fragment:
            raise ValueError("fastapi_url should have neither a query (?...) nor a fragment (#...).")
        authorization = None
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            authorization = f"Basic {b64encode(pair.encode()).decode()}"
        return cls(f"{parts.scheme}://{host}{parts.path.rstrip('/')}", paths, authorization)

    @property
    def discovery(self) -> str:
        return self._join(self.paths.discovery)

    @property
    def initiate_workflow(self) -> str:
        return self._join(self.paths.initiate_workflow)

    @property
    def ws(self) -> str:
        return "ws" + self._join(self.paths.ws).removeprefix("http")

    @property
    def runs(self) -> str:
        return self._beside_discovery("runs")

    @property
    def sessions(self) -> str:
        return self._beside_discovery("sessions")

    def run(self, run_id: str, what: str = "") -> str:
        """The route of one run, or of something of it, such as its `messages`."""
        return f"{self.runs}/{quote(run_id, safe='')}{'/' if what else ''}{what}"

    def _beside_discovery(self, name: str) -> str:
        return self._join(f"{dirname('/' + self.paths.discovery.strip('/')).rstrip('/')}/{name}")

    def _join(self, path: str) -> str:
        return f"{self.url}/{path.lstrip('/')}"
