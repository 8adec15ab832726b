"""What `deploy/` says fits the settings, the commands and the ports that there are: no container can run here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from fastagency_backend.probe import HEALTH_PATH
from fastagency_backend.settings import BackendSettings
from fastagency_backend.url import PostgresUrl
from fastagency_frontend.command.main import found_commands
from fastagency_frontend.settings import FrontendSettings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
SETTINGS = {f"FASTAGENCY_{name}".upper() for cls in (BackendSettings, FrontendSettings) for name in cls.model_fields}
MANY_FILES = 65536


def compose(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found = compose("compose.yaml")
    assert set(found["volumes"]) == {"data"}
    services: dict[str, Any] = found["services"]
    return services


@pytest.fixture(scope="module")
def hosts() -> dict[str, Any]:
    found = compose("compose.hosts.yaml")
    assert set(found["volumes"]) == {"postgres"}
    services: dict[str, Any] = found["services"]
    return services


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    named = set(re.findall(r"FASTAGENCY_[A-Z_]+", path.read_text(encoding="utf-8")))
    assert named <= SETTINGS


@pytest.mark.parametrize("side", ["backend", "frontend"])
def test_each_process_is_started_by_its_command(services: dict[str, Any], side: str) -> None:
    assert services[side]["command"] == ["fastagency", side]
    assert side in found_commands()
    unit = (DEPLOY / "systemd" / f"fastagency-{side}.service").read_text(encoding="utf-8")
    assert re.search(rf"^ExecStart=/srv/fastagency/bin/fastagency {side}$", unit, re.MULTILINE)


@pytest.mark.parametrize("side", ["backend", "frontend", "proxy"])
def test_each_has_a_health_check_and_room_for_files(services: dict[str, Any], side: str) -> None:
    assert "/health" in " ".join(services[side]["healthcheck"]["test"])
    assert services[side]["ulimits"]["nofile"] == {"soft": MANY_FILES, "hard": MANY_FILES}


@pytest.mark.parametrize("side", ["backend", "frontend"])
def test_our_processes_may_do_little(services: dict[str, Any], side: str) -> None:
    service = services[side]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "ports" not in service  # only the proxy can be reached from outside
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^USER (.*)$", dockerfile, re.MULTILINE) == ["fastagency"]


def test_the_ports_are_those_of_the_settings(services: dict[str, Any]) -> None:
    backend, frontend = BackendSettings().backend_port, FrontendSettings().frontend_port
    assert f"EXPOSE {backend} {frontend}\n" in (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert services["frontend"]["environment"]["FASTAGENCY_BACKEND_URL"] == f"http://backend:{backend}"
    assert f"http://127.0.0.1:{backend}/" in services["backend"]["healthcheck"]["test"][-1]
    assert f"http://127.0.0.1:{frontend}/" in services["frontend"]["healthcheck"]["test"][-1]
    for name in ("fastagency.conf", "fastagency-under-paths.conf"):
        proxy = (DEPLOY / "nginx" / name).read_text(encoding="utf-8")
        assert f"server backend:{backend};" in proxy
        assert f"server frontend:{frontend};" in proxy


def test_the_database_is_on_the_volume_and_nowhere_else(services: dict[str, Any]) -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert "FASTAGENCY_DATABASE=/data/" in dockerfile
    assert "data:/data" in services["backend"]["volumes"]
    assert all(not volume.startswith("data:") for volume in services["frontend"]["volumes"])


def test_what_compose_mounts_from_here_is_here(services: dict[str, Any]) -> None:
    for service in services.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./nginx"):
                assert (DEPLOY / source).is_file()
    build = services["backend"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()


# --- many hosts: `compose.hosts.yaml` ---------------------------------------------------------------------------------

REPLICAS = {"api": 2, "worker": 3, "frontend": 2}
OURS = ["migrate", *REPLICAS]


def test_there_are_two_apis_three_workers_and_two_pages(hosts: dict[str, Any]) -> None:
    assert {*OURS, "postgres", "nats", "proxy"} == hosts.keys()
    assert {name: service["deploy"]["replicas"] for name, service in hosts.items() if "deploy" in service} == REPLICAS
    for name in OURS:
        assert hosts[name]["command"] == ["fastagency", name]
        assert name in found_commands()


@pytest.mark.parametrize("name", ["api", "worker", "migrate"])
def test_they_share_a_database_whose_schema_one_of_them_changes(hosts: dict[str, Any], name: str) -> None:
    environment = hosts[name]["environment"]
    server, password = hosts["postgres"]["environment"], "letters"
    address = re.sub(r"\$\{POSTGRES_PASSWORD:\?[^}]*\}", password, environment["FASTAGENCY_DATABASE"])
    values = {
        key.removeprefix("FASTAGENCY_").lower(): value.replace("${HOSTS:-}", "") for key, value in environment.items()
    }
    settings = BackendSettings(**(values | {"database": address}))
    assert isinstance(settings.database, PostgresUrl)
    assert (
        settings.database.full == f"postgresql://{server['POSTGRES_USER']}:{password}@postgres/{server['POSTGRES_DB']}"
    )
    assert str(settings.signals) == "nats://nats"
    assert settings.migrate is False
    needs = hosts[name]["depends_on"]
    assert needs == {"postgres": {"condition": "service_healthy"}} if name == "migrate" else "migrate" in needs
    assert hosts[name]["restart"] == ("no" if name == "migrate" else "unless-stopped")


@pytest.mark.parametrize("name", OURS)
def test_on_many_hosts_our_processes_may_do_little(hosts: dict[str, Any], services: dict[str, Any], name: str) -> None:
    service = hosts[name]
    for limit in ("read_only", "cap_drop", "security_opt", "ulimits"):
        assert service[limit] == services["backend"][limit]
    assert "ports" not in service


def test_what_listens_there_is_asked_there(hosts: dict[str, Any], services: dict[str, Any]) -> None:
    backend = BackendSettings().backend_port
    for name in ("api", "worker"):
        assert f"http://127.0.0.1:{backend}{HEALTH_PATH}'" in hosts[name]["healthcheck"]["test"][-1]
    assert hosts["worker"]["environment"]["FASTAGENCY_WORKER_PORT"] == str(backend)
    assert hosts["frontend"]["environment"]["FASTAGENCY_BACKEND_URL"] == f"http://api:{backend}"
    assert hosts["api"]["networks"]["default"]["aliases"] == ["backend"]  # the name in nginx's configuration
    assert hosts["proxy"] | {"depends_on": 0} == services["proxy"] | {"depends_on": 0}


def test_the_image_has_the_extras_that_are_named(hosts: dict[str, Any]) -> None:
    extras = hosts["api"]["build"]["args"]["EXTRAS"].split(",")
    assert {"postgres", "nats", "metrics"} < set(extras)
    assert 'RUN deploy/install.sh /opt/fastagency "$EXTRAS"' in (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


def test_only_the_proxy_can_be_reached_from_outside(hosts: dict[str, Any]) -> None:
    assert [name for name, service in hosts.items() if "ports" in service] == ["proxy"]


@pytest.mark.parametrize("name", ["compose.yaml", "compose.hosts.yaml"])
def test_where_nobody_signs_in_only_this_machine_reaches_the_proxy(name: str) -> None:
    services = compose(name)["services"]
    assert services["proxy"]["ports"] == ["127.0.0.1:8080:8080"]
    asked = services["backend" if "backend" in services else "api"]
    for each in (asked, services["frontend"]):
        assert each["environment"]["FASTAGENCY_ALLOW_ANONYMOUS"] == "1"
    host = urlsplit(services["frontend"]["environment"]["FASTAGENCY_BACKEND_URL"]).hostname
    assert host in asked["environment"]["FASTAGENCY_ALLOWED_HOSTS"].split(",")
