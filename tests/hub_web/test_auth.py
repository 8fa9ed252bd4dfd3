from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from hub.hub import Hub

LogIn = Callable[..., Awaitable[httpx.Response]]


async def test_login_gives_a_strict_cookie_and_stores_only_its_hash(
    anyone: httpx.AsyncClient, log_in: LogIn, hub: Hub
) -> None:
    answer = await log_in()
    assert answer.status_code == 200
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    token = anyone.cookies["loaxa_session"]
    assert token.encode() not in hub.state.database.read_bytes()
    assert (await anyone.get("/api/session")).json()["user"] == "can-bo"


@pytest.mark.parametrize(
    "path",
    [
        "/api/session",
        "/api/clusters",
        "/api/slots",
        "/api/bulletins",
        "/api/journal",
        "/api/events",
        "/part/slots",
    ],
)
async def test_nobody_reads_without_a_login(anyone: httpx.AsyncClient, path: str) -> None:
    answer = await anyone.get(path)
    assert answer.status_code == 401
    assert answer.json()["error"] == "not_signed_in"
    assert "đăng nhập" in answer.json()["message_vi"]


async def test_a_wrong_token_is_nobody(anyone: httpx.AsyncClient) -> None:
    for header in (b"Bearer x", b"Bearer ", "Bearer đ".encode(), b"nonsense"):
        answer = await anyone.get("/api/clusters", headers={b"Authorization": header})
        assert answer.status_code == 401


async def test_writes_by_cookie_need_the_word(anyone: httpx.AsyncClient, log_in: LogIn) -> None:
    csrf = (await log_in()).json()["csrf"]
    assert (await anyone.post("/api/logout")).status_code == 403
    wrong = await anyone.post("/api/logout", headers={"X-CSRF-Token": "x"})
    assert wrong.json()["error"] == "forged"
    right = await anyone.post("/api/logout", headers={"X-CSRF-Token": csrf})
    assert right.status_code == 204


async def test_after_logout_the_token_is_worth_nothing(
    anyone: httpx.AsyncClient, log_in: LogIn
) -> None:
    csrf = (await log_in()).json()["csrf"]
    token = anyone.cookies["loaxa_session"]
    await anyone.post("/api/logout", headers={"X-CSRF-Token": csrf})
    again = {"Cookie": f"loaxa_session={token}"}
    assert (await anyone.get("/api/session", headers=again)).status_code == 401


async def test_a_session_ends(anyone: httpx.AsyncClient, log_in: LogIn, watch: Any) -> None:
    await log_in()
    watch.pass_by(hours=13)
    assert (await anyone.get("/api/session")).status_code == 401


async def test_guessing_is_slowed_down(log_in: LogIn, watch: Any) -> None:
    for _ in range(10):
        assert (await log_in(password="wrong-one")).status_code == 401
    answer = await log_in()
    assert answer.status_code == 429
    assert "thử lại sau 10 phút" in answer.json()["message_vi"]
    assert (await log_in(user="someone-else")).status_code == 401
    watch.pass_by(minutes=11)
    assert (await log_in()).status_code == 200


async def test_of_many_guesses_at_once_only_ten_are_tried(log_in: LogIn) -> None:
    answers = await asyncio.gather(*(log_in(password=f"wrong-{n}") for n in range(30)))
    assert sorted(one.status_code for one in answers) == [401] * 10 + [429] * 20


async def test_who_gets_in_has_failed_no_more(log_in: LogIn) -> None:
    for _ in range(3):
        for _ in range(9):
            assert (await log_in(password="wrong-one")).status_code == 401
        assert (await log_in()).status_code == 200


async def test_an_endless_name_is_refused_and_not_remembered(
    anyone: httpx.AsyncClient, log_in: LogIn
) -> None:
    app: Any = anyone._transport.app  # type: ignore[attr-defined]
    for _ in range(12):
        assert (await log_in(user="x" * 65)).status_code == 401
    assert len(app.state.throttle._failures) == 0
    assert (await log_in(user="x" * 64)).status_code == 401
    assert len(app.state.throttle._failures) == 1


async def test_another_site_cannot_log_a_browser_in(anyone: httpx.AsyncClient) -> None:
    answer = await anyone.post(
        "/api/login",
        json={"user": "can-bo", "password": "mat-khau-thu"},
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert answer.status_code == 403


async def test_every_answer_carries_the_headers(anyone: httpx.AsyncClient) -> None:
    for path in ("/health", "/login", "/static/page.js", "/nowhere", "/api/clusters"):
        headers = (await anyone.get(path)).headers
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"


async def test_health_and_the_description_are_open(anyone: httpx.AsyncClient) -> None:
    assert (await anyone.get("/health")).json() == {"ok": True}
    paths = (await anyone.get("/api/openapi.json")).json()["paths"]
    for path in ("/api/login", "/api/bulletins", "/api/slots", "/api/clusters", "/media/{sha256}"):
        assert path in paths
