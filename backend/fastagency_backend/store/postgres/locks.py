"""The numbers of our advisory locks, which are those of a whole database: here, so that no two are the same."""

from __future__ import annotations

MIGRATE, PARTITIONS, SWEEP, CLAIM, AUDIT = range(7_241_001, 7_241_006)
