"""Ways of signing in: a password file, the header of a proxy, OpenID Connect.

It knows no web framework and no looks. What a way needs that only an extra brings is imported when it is used.
"""

from fastagency_frontend.sign_in.base import Accepted, Elsewhere, Form, Refused, SignIn, Visit
from fastagency_frontend.sign_in.choice import sign_in_of
from fastagency_frontend.sign_in.oidc import OpenIDConnect
from fastagency_frontend.sign_in.password import PasswordFile
from fastagency_frontend.sign_in.proxy import ProxyHeader

__all__ = [
    "Accepted",
    "Elsewhere",
    "Form",
    "OpenIDConnect",
    "PasswordFile",
    "ProxyHeader",
    "Refused",
    "SignIn",
    "Visit",
    "sign_in_of",
]
