"""Epochs that no new connection shows: of a database that was restored from a backup, and behind a PgBouncer."""

from __future__ import annotations

import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastagency_backend.store.base import Lease, LeaseLost, StoreError
from fastagency_backend.store.postgres import Options, PostgresStore
from fastagency_backend.store.signals import Deaf
from fastagency_frontend.command.main import main

from tests.contract.postgres_server import PostgresServer, programs
from tests.contract.store_contract import LONG_S, answer, append, ask, claim, new, owned, run_id, seqs
from tests.fakes.bus import Bus
from tests.pgbouncer import pgbouncer

RESTORED = 100_000_000
"""Every epoch that begins with a restored backup is beyond those that are counted."""


class Told(Deaf):
    """How often it was told that the log has begun anew."""

    anew = 0

    def begun_anew(self) -> None:
        self.anew += 1


async def opened(url: str) -> PostgresStore:
    store = PostgresStore(url)
    await store.open(Deaf())
    return store


async def test_a_database_that_was_restored_begins_an_epoch_that_it_never_had(postgres: PostgresServer) -> None:
    old_url, new_url = postgres.new_database(), postgres.new_database()
    old = await opened(old_url)
    lease = await owned(old)
    await ask(old, lease, "asked")
    dump = subprocess.run([programs() / "pg_dump", old_url], check=True, capture_output=True, timeout=60).stdout
    assert await append(old, lease, "lost") == 2
    await old.close()
    psql = [programs() / "psql", "-q", "-v", "ON_ERROR_STOP=1", new_url]
    subprocess.run(psql, input=dump, check=True, capture_output=True, timeout=60)

    restored = await opened(new_url)
    epoch = await restored.begin_epoch()
    assert epoch > RESTORED
    assert await restored.begin_epoch() > epoch
    await restored.close()

    restored = await opened(new_url)
    run = await restored.get_run(run_id())
    assert run is not None
    assert run.epoch == restored.epoch > epoch
    with pytest.raises(LeaseLost):
        await append(restored, lease, "late")
    assert await answer(restored, run_id(), "asked")
    assert await seqs(restored) == [1, 2]
    await restored.dispatcher.release_worker("a")  # as others do once its lease is over
    await restored.dispatcher.register_worker("b", LONG_S)
    taken = (await claim(restored, "b"))[run_id()]
    assert await append(restored, taken, "other") == 3
    assert (await restored.create_run(new(2)))[0].epoch == run.epoch
    await restored.close()


@pytest.fixture
async def direct(postgres_url: str) -> AsyncIterator[PostgresStore]:
    store = await opened(postgres_url)
    yield store
    await store.close()


@pytest.mark.parametrize("first", ["a read", "a write"])
async def test_behind_a_pgbouncer_the_first_that_is_done_in_another_epoch_shows_it(
    postgres: PostgresServer, postgres_url: str, direct: PostgresStore, first: str
) -> None:
    """No connection is made anew, and nothing listens: signals go another way."""
    told = Told()
    with pgbouncer(postgres) as bouncer:
        store = PostgresStore(bouncer.url(postgres_url), Options(pooled=True), Bus().signals())
        await store.open(told)
        lease = await owned(store)
        assert (await append(store, lease, "e"), store.epoch, told.anew) == (1, 0, 0)
        epoch = await direct.begin_epoch()
        assert (store.epoch, told.anew) == (0, 0)
        if first == "a read":
            await store.get_run(run_id())
        else:
            with pytest.raises(LeaseLost):
                await append(store, lease, "late")
        assert (store.epoch, told.anew) == (epoch, 1)
        with pytest.raises(StoreError):
            await append(store, lease, "later")
        assert await append(store, Lease(lease.run_id, lease.fence, epoch), "now") == 2
        await store.close()


def test_the_command_says_in_which_epoch_the_database_is(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FASTAGENCY_DATABASE", postgres_url)
    assert main(["migrate", "--new-epoch"]) == 0
    found = re.search(r"is up to date\.\nIt is in epoch (\d+): ", capsys.readouterr().out)
    assert found is not None
    assert int(found[1]) > RESTORED


def test_a_file_has_no_epochs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FASTAGENCY_DATABASE", str(tmp_path / "runs.sqlite3"))
    assert main(["migrate", "--new-epoch"]) == 1
    assert "`--new-epoch` is for a PostgreSQL database" in capsys.readouterr().err
