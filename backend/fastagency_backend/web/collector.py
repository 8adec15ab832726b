"""Python's collector of cycles, which holds up every conversation while it looks at all objects that there are."""

from __future__ import annotations

import gc


def spare() -> None:
    """From now on the collector passes over what exists by now, which stays for as long as the process: once each.

    With AgentChat loaded that is a pause of 40 ms less, as often as the collector looks at everything.
    """
    if not gc.get_freeze_count():  # what a test suite leaves between two applications is to be collected
        gc.collect()
        gc.freeze()
