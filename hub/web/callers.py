"""Who is asking: a person with a session cookie, or a program on this machine with the local token."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult

from hub.hub import Hub
from hub.web import refusals

COOKIE = "loaxa_session"
CSRF_HEADER = "X-CSRF-Token"
READING = frozenset({"GET", "HEAD", "OPTIONS"})
LOCAL = "local"

Connection = ASGIConnection[Any, Any, Any, Any]


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Somebody we know.

    Attributes:
        name: The user, or `local` for a program on this machine.
        csrf: Word that a browser must repeat on each write; None where no cookie speaks for the caller.
        token: The session's token; empty for programs.
    """

    name: str
    csrf: str | None = None
    token: str = ""


PersonRequest = Request[Caller, str, Any]
"""A request behind the guard `signed_in`: its `user` is known."""


class Recognition(AbstractAuthenticationMiddleware):
    """Finds out who is asking; whether that is enough is for the guards."""

    async def authenticate_request(self, connection: Connection) -> AuthenticationResult:
        """The caller as `user`, or None."""
        hub: Hub = connection.app.state.hub
        return AuthenticationResult(user=await recognise(hub, connection), auth="")


async def recognise(hub: Hub, connection: Connection) -> Caller | None:
    """Who is asking, if it can be told."""
    scheme, _, word = connection.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        right = hmac.compare_digest(word.strip().encode(), hub.local_token.encode())
        return Caller(name=LOCAL) if right and hub.local_token else None
    token = connection.cookies.get(COOKIE, "")
    session = await hub.operations.people.session(token) if token else None
    if session is None:
        return None
    return Caller(name=session.user, csrf=session.csrf, token=token)


def signed_in(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard: only callers that are known, and writes by cookie only from our own page.

    Raises:
        WebRefusal: Not known, or the word is missing.
    """
    caller: Caller | None = connection.scope.get("user")
    if caller is None:
        raise refusals.not_signed_in()
    if caller.csrf is None or connection.scope.get("method") in READING:
        return
    word = connection.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(word.encode(), caller.csrf.encode()):
        raise refusals.forged()


def same_site(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard for writes before there is a session: a browser tells when another site made it ask."""
    if connection.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise refusals.forged()
