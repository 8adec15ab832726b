"""Requests that nobody has thought of: generated from the OpenAPI document, in sequences, against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from tests.integration.server import app_with, serve

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "use_after_free",
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(app_with(tmp_path_factory.mktemp("generated"))) as url:
        yield url


def linked(document: dict[str, Any]) -> dict[str, Any]:
    """The document with what leads from one request to another: a start to its run, a run to its question."""
    paths = document["paths"]
    started = paths["/fastagency/initiate_workflow"]["post"]["responses"]["200"]
    found = paths["/fastagency/runs/{run_id}"]["get"]["responses"]["200"]
    for path, methods in paths.items():
        for method, operation in methods.items():
            if "{run_id}" in path:
                link = {
                    "operationId": operation["operationId"],
                    "parameters": {"run_id": "$response.body#/workflow_uuid"},
                }
                started.setdefault("links", {})[f"{method} {path}"] = link
                question = {"question": "$response.body#/questions/0/uuid", "value": "yes"}
                body = {"requestBody": question} if path.endswith("/answers") else {}
                found.setdefault("links", {})[f"{method} {path}"] = link | body
    return document


def test_no_sequence_of_requests_is_answered_otherwise_than_documented(url: str) -> None:
    # A stream of a run that waits does not end; what comes over it is tested elsewhere.
    document = linked(httpx.get(f"{url}/openapi.json").json())
    schema = schemathesis.openapi.from_dict(document).exclude(path_regex="/events$")
    schema.config.update(base_url=url)

    schema.config.checks.update(included_check_names=CHECKS)
    schema.as_state_machine().run(
        settings=settings(
            max_examples=25,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        )
    )
