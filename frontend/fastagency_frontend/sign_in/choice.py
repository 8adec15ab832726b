"""Which way of signing in the settings name."""

from __future__ import annotations

from typing import assert_never

from fastagency_shared.errors import InvalidSettings

from fastagency_frontend.settings import FrontendSettings
from fastagency_frontend.sign_in.base import SignIn
from fastagency_frontend.sign_in.oidc import OpenIDConnect
from fastagency_frontend.sign_in.password import PasswordFile
from fastagency_frontend.sign_in.proxy import ProxyHeader


def sign_in_of(settings: FrontendSettings) -> SignIn | None:
    """None: nobody is asked to sign in.

    Raises:
        InvalidSettings: something that this way of signing in needs is not set.
    """
    match settings.sign_in:
        case "none":
            return None
        case "password":
            return PasswordFile(settings.password_file)
        case "proxy":
            return ProxyHeader(
                settings.proxy_user_header,
                settings.trusted_proxies,
                roles=settings.proxy_roles_header,
                sign_out_url=settings.proxy_sign_out_url,
            )
        case "oidc":
            if settings.oidc_issuer is None or settings.oidc_client_id is None:
                raise InvalidSettings(
                    "FASTAGENCY_SIGN_IN=oidc needs FASTAGENCY_OIDC_ISSUER and FASTAGENCY_OIDC_CLIENT_ID."
                )
            secret = settings.oidc_client_secret
            return OpenIDConnect(
                settings.oidc_issuer,
                settings.oidc_client_id,
                None if secret is None else secret.get_secret_value(),
                settings.oidc_roles_claim,
            )
        case _:
            assert_never(settings.sign_in)
