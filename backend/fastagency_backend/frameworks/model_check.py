"""Can the model of the settings be used? Asks its server for the list of models, which costs nothing."""

from __future__ import annotations

import urllib.error
import urllib.request
from contextlib import suppress

from fastagency_backend import frameworks
from fastagency_backend.frameworks.model_settings import ModelNotUsable, ModelSettings, read_settings

OPENAI_URL = "https://api.openai.com/v1"
PATIENCE_S = 10.0
REFUSED = (401, 403)


def examine_model() -> str:
    """One sentence on a model that can be used.

    Raises:
        ModelNotUsable: it cannot be used; the text says why.
    """
    settings = read_settings()
    if not settings.configured:
        return "No model is set (FASTAGENCY_MODEL_*): the offline demo model answers."
    with suppress(frameworks.MissingExtra):  # then the classic API's own settings are all there is to see
        frameworks.model_client()
    if settings.config is not None:
        return "FASTAGENCY_MODEL_CONFIG makes a model client. It was not asked anything."
    return _ask(settings)


def _ask(settings: ModelSettings) -> str:
    url = (settings.base_url or OPENAI_URL).rstrip("/")
    request = urllib.request.Request(f"{url}/models")  # noqa: S310 - the address is the operator's own
    if settings.api_key is not None:
        request.add_header("Authorization", f"Bearer {settings.api_key.get_secret_value()}")
    try:
        urllib.request.urlopen(request, timeout=min(settings.timeout_s, PATIENCE_S)).close()  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in REFUSED:
            raise ModelNotUsable(
                f"{url} refuses the key (HTTP {error.code}). Correct FASTAGENCY_MODEL_API_KEY."
            ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ModelNotUsable(f"{url} does not answer ({reason}). Correct FASTAGENCY_MODEL_BASE_URL.") from None
    return f"{url} answers."
