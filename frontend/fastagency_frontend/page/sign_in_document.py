"""The pages on which people sign in, as HTML that needs no script: a form, or a sentence with a way on."""

from __future__ import annotations

import html
from dataclasses import dataclass
from urllib.parse import quote

from fastagency_frontend.page.asset import asset_path
from fastagency_frontend.page.target import SIGN_IN
from fastagency_frontend.sign_in.password_file import MAX_NAME_CHARS, MAX_PASSWORD_CHARS

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class SignInForm:
    """Asks for a name and a password; `refusal` is why the last attempt failed."""

    token: str
    target: str
    name: str = ""
    refusal: str = ""


@dataclass(frozen=True)
class Notice:
    """A sentence, and a link to another attempt. `calm`: nothing is wrong."""

    sentence: str
    target: str
    calm: bool = False


def document(what: SignInForm | Notice, *, title: str, root: str, theme: str) -> str:
    """The whole page. `root` is the path of the application, `theme` the one that the browser's owner has chosen."""
    body = _form(what, root) if isinstance(what, SignInForm) else _notice(what, root)
    mark = "Error: " if isinstance(what, SignInForm) and what.refusal else ""
    address = html.escape(root)
    return (
        "<!doctype html>"
        '<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{mark}Sign in · {html.escape(title)}</title>"
        f'<link rel="icon" type="image/svg+xml" href="{address}{asset_path("icons/favicon.svg")}">'
        f'<link rel="stylesheet" href="{address}{asset_path("style/sign-in.css")}">'
        f'</head><body class="{"dark-theme" if theme == "dark" else ""}" data-theme="{html.escape(theme)}">'
        f'<script src="{address}{asset_path("sign-in.js")}"></script>'
        '<main class="door"><span class="mark" aria-hidden="true"></span>'
        f"<h1>{html.escape(title)}</h1>{body}</main></body></html>"
    )


def _form(form: SignInForm, root: str) -> str:
    refused = ' aria-invalid="true" aria-describedby="refusal"' if form.refusal else ""
    at_name, at_password = ("", " autofocus") if form.name else (" autofocus", "")
    return (
        f'<form method="post" action="{html.escape(root)}{SIGN_IN}">'
        f"{_refusal(form.refusal)}"
        f'<input type="hidden" name="token" value="{html.escape(form.token)}">'
        f'<input type="hidden" name="next" value="{html.escape(form.target)}">'
        '<label for="name">Name</label>'
        f'<input id="name" name="name" value="{html.escape(form.name)}" maxlength="{MAX_NAME_CHARS}" required'
        f' autocomplete="username" autocapitalize="none" spellcheck="false"{refused}{at_name}>'
        '<label for="password">Password</label>'
        f'<input id="password" name="password" type="password" maxlength="{MAX_PASSWORD_CHARS}" required'
        f' autocomplete="current-password"{refused}{at_password}>'
        '<button class="go">Sign in</button></form>'
    )


def _notice(notice: Notice, root: str) -> str:
    sentence = (
        f'<p class="calm" role="status">{html.escape(notice.sentence)}</p>'
        if notice.calm
        else _refusal(notice.sentence)
    )
    again = f"{root}{SIGN_IN}?next={quote(notice.target, safe='')}"
    return f'{sentence}<a class="go" href="{html.escape(again)}">{"Sign in" if notice.calm else "Try again"}</a>'


def _refusal(sentence: str) -> str:
    return f'<p id="refusal" class="refusal" role="alert">{html.escape(sentence)}</p>' if sentence else ""
