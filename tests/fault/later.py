"""`fastagency` as a version would be that knows one migration more: `python -m tests.fault.later worker`.

TEST_MIGRATION is the SQL of that migration; its first line says which code still works with the result.
"""

from __future__ import annotations

import os
import re
import sys

from fastagency_backend.store.postgres import migrate
from fastagency_backend.store.postgres.migrate import Migration
from fastagency_frontend.command.main import main

known = migrate.known


def _known_later() -> list[Migration]:
    now, sql = known(), os.environ["TEST_MIGRATION"]
    oldest = re.match(r"-- oldest: (\d+)\n", sql)
    assert oldest is not None
    return [*now, Migration(now[-1].version + 1, int(oldest[1]), sql)]


if __name__ == "__main__":
    migrate.known = _known_later
    sys.exit(main())
