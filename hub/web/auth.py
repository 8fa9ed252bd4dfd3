"""Login and logout."""

from __future__ import annotations

from litestar import Response, Router, get, post
from litestar.datastructures import Cookie, State
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Struct

from hub.hub import Hub
from hub.operations.people import MAX_NAME, SESSION_LENGTH
from hub.web import refusals
from hub.web.callers import COOKIE, PersonRequest, same_site, signed_in
from hub.web.throttle import LoginThrottle


class Login(Struct, frozen=True, kw_only=True):
    """What a person types."""

    user: str
    password: str


class SessionAnswer(Struct, frozen=True, kw_only=True):
    """Who is signed in; `csrf` goes into the X-CSRF-Token header of each write."""

    user: str
    csrf: str | None


@post("/login", guards=[same_site], status_code=200)
async def login(
    data: JSONBody[Login], request: PersonRequest, state: State, hub: NamedDependency[Hub]
) -> Response[SessionAnswer]:
    """Signs a person in."""
    throttle: LoginThrottle = state.throttle
    address = request.client.host if request.client else ""
    if len(data.user) > MAX_NAME:  # nobody is called so, and it is not remembered
        raise refusals.wrong_password()
    throttle.attempt(data.user, address)
    if not await hub.operations.people.is_password(data.user, data.password):
        raise refusals.wrong_password()
    throttle.succeeded(data.user, address)
    opened = await hub.operations.people.open_session(data.user)
    answer = SessionAnswer(user=data.user, csrf=opened.session.csrf)
    return Response(
        answer, cookies=[_cookie(opened.token, request, int(SESSION_LENGTH.total_seconds()))]
    )


@post("/logout", guards=[signed_in], status_code=204)
async def logout(request: PersonRequest, hub: NamedDependency[Hub]) -> Response[None]:
    """Signs a person out."""
    if request.user.token:
        await hub.operations.people.close_session(request.user.token)
    return Response(None, cookies=[_cookie("", request, 0)], status_code=204)


@get("/session", guards=[signed_in])
async def session(request: PersonRequest) -> SessionAnswer:
    """Who is signed in."""
    return SessionAnswer(user=request.user.name, csrf=request.user.csrf)


def _cookie(token: str, request: PersonRequest, max_age_s: int) -> Cookie:
    return Cookie(
        key=COOKIE,
        value=token,
        max_age=max_age_s,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
        path="/",
    )


def router() -> Router:
    """The routes of this topic."""
    return Router("/api", route_handlers=[login, logout, session], tags=["session"])
