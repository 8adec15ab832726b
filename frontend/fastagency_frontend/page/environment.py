"""What Mesop reads from the environment when it is imported: set before anything of this package imports it."""

from __future__ import annotations

import os
import sys

from fastagency_shared.errors import InvalidSettings

from fastagency_frontend.settings import FrontendSettings

BASE_PATH = "MESOP_BASE_URL_PATH"


def prepare_mesop(settings: FrontendSettings) -> None:
    """Give Mesop the settings that concern it.

    Raises:
        InvalidSettings: Mesop has been imported already, without the prefix.
    """
    # Without it, browsers fetch 3 MB of script at every visit.
    os.environ.setdefault("MESOP_HTTP_CACHE_JS_BUNDLE", "true")
    if not settings.frontend_prefix:
        return
    if "mesop" in sys.modules and os.environ.get(BASE_PATH, "").rstrip("/") != settings.frontend_prefix:
        raise InvalidSettings(
            f"FASTAGENCY_FRONTEND_PREFIX={settings.frontend_prefix} comes too late: the application imports mesop "
            "before fastagency.ui.mesop. Import fastagency.ui.mesop first."
        )
    os.environ[BASE_PATH] = settings.frontend_prefix
