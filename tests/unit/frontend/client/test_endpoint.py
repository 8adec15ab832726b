"""Where the routes are, for every way in which a person writes a backend's address."""

import pytest
from fastagency_frontend.client.endpoint import Endpoint, RoutePaths


@pytest.mark.parametrize("url", ["http://localhost:8008", "http://localhost:8008/", " http://localhost:8008// "])
def test_a_trailing_slash_makes_no_difference(url: str) -> None:
    endpoint = Endpoint.of(url)
    assert endpoint.discovery == "http://localhost:8008/fastagency/discovery"
    assert endpoint.initiate_workflow == "http://localhost:8008/fastagency/initiate_workflow"
    assert endpoint.ws == "ws://localhost:8008/fastagency/ws"
    assert endpoint.runs == "http://localhost:8008/fastagency/runs"


def test_a_path_prefix_is_kept_and_https_becomes_wss() -> None:
    endpoint = Endpoint.of("https://agents.example/team/a/")
    assert endpoint.ws == "wss://agents.example/team/a/fastagency/ws"
    assert endpoint.run("abc", "messages") == "https://agents.example/team/a/fastagency/runs/abc/messages"


@pytest.mark.parametrize(
    ("discovery", "runs"),
    [("/api/v2/discovery", "/api/v2/runs"), ("api/discovery/", "/api/runs"), ("/discovery", "/runs")],
)
def test_the_other_routes_hang_under_the_parent_of_discovery(discovery: str, runs: str) -> None:
    assert Endpoint.of("http://h", RoutePaths(discovery=discovery)).runs == f"http://h{runs}"


def test_a_run_id_cannot_become_another_route() -> None:
    assert Endpoint.of("http://h").run("../a?b") == "http://h/fastagency/runs/..%2Fa%3Fb"


def test_user_and_password_become_a_header_and_are_shown_nowhere() -> None:
    endpoint = Endpoint.of("http://ann:p%40ss@h:1/")
    assert endpoint.authorization == "Basic YW5uOnBAc3M="
    assert endpoint.url == "http://h:1"
    assert endpoint.ws == "ws://h:1/fastagency/ws"
    assert "YW5u" not in repr(endpoint)


@pytest.mark.parametrize("url", ["localhost:8008", "ws://h", "http://", "", "ftp://u:secret@h"])
def test_an_address_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="should look like") as refusal:
        Endpoint.of(url)
    assert "secret" not in str(refusal.value)


def test_a_query_is_refused() -> None:
    with pytest.raises(ValueError, match="query"):
        Endpoint.of("http://h/?a=b")
