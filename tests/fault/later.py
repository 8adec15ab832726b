"""`fastagency` as a later version would be, which knows more migrations: `python -m tests.fault.later worker`.

TEST_MIGRATIONS has their SQL, as a list in JSON. The first line of each is `-- oldest: ` and how many of these further
migrations the code must know that works with the result.
"""

from __future__ import annotations

import json
import os
import re
import sys

from fastagency_backend.store.postgres import migrate
from fastagency_backend.store.postgres.migrate import Migration
from fastagency_backend.store.sqlite import schema
from fastagency_frontend.command.main import main

known = migrate.known


def further() -> list[tuple[int, str]]:
    """How many of them the code must know, and what each does."""
    found = []
    for sql in json.loads(os.environ["TEST_MIGRATIONS"]):
        said = re.match(r"-- oldest: (\d+)\n", sql)
        assert said is not None
        found.append((int(said[1]), sql[said.end() :]))
    return found


def known_later() -> list[Migration]:
    now = known()
    number = now[-1].version
    more = enumerate(further(), number + 1)
    return [*now, *(Migration(version, number + oldest, sql) for version, (oldest, sql) in more)]


if __name__ == "__main__":
    migrate.known = known_later
    count = len(schema.MIGRATIONS)
    schema.MIGRATIONS += tuple((f"-- oldest: {count + oldest}", sql) for oldest, sql in further())
    sys.exit(main())
