from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from hub.core.release import DIGITS, STEP_S
from hub.hub import Hub

Upload = Callable[..., Awaitable[Any]]


@pytest.fixture
async def order(local: httpx.AsyncClient, upload: Upload, secret: str) -> dict[str, Any]:
    assert secret
    return {"bulletin": (await upload(local))["id"]}


async def test_it_is_shown_sent_followed_and_stopped(
    local: httpx.AsyncClient, order: dict[str, Any]
) -> None:
    seen = (await local.post("/api/emergencies/preview", json=order)).json()
    assert (seen["title"], seen["clusters"]) == ("Bản tin chiều", ["bl-01", "bl-02"])
    wrong = await local.post("/api/emergencies", json={"order": order, "word": "ok"})
    assert (wrong.status_code, wrong.json()["error"]) == (400, "wrong_word")
    assert (await local.get("/api/emergencies")).json() == []
    made = await local.post("/api/emergencies", json={"order": order, "word": "khan cap"})
    assert (made.status_code, made.json()["what"]) == (201, "start")
    stopped = await local.post("/api/emergencies/stop")
    assert (stopped.status_code, stopped.json()["what"]) == (200, "stop")
    newest, first = (await local.get("/api/emergencies")).json()
    assert (newest["what"], first["ended_at"] is not None) == ("stop", True)


async def test_a_persons_code_is_asked_for_and_guessing_ends(
    anyone: httpx.AsyncClient, hub: Hub, log_in: Any, upload: Upload, secret: str, watch: Any
) -> None:
    assert secret
    session = (await log_in()).json()
    anyone.headers["X-CSRF-Token"] = session["csrf"]
    order = {"bulletin": (await upload(anyone))["id"]}

    async def send(code: str) -> httpx.Response:
        body = {"order": order, "word": "KHẨN CẤP", "code": code}
        return await anyone.post("/api/emergencies", json=body)

    assert (await send("123456")).json()["error"] == "no_second_factor"
    raw = base64.b32decode(await hub.operations.people.give_second_factor("can-bo", by="t"))
    assert (await send("000000x")).json()["error"] == "wrong_code"
    totp = TOTP(raw, DIGITS, SHA1(), STEP_S)  # noqa: S303 - what phones know
    right = totp.generate(int(watch.now().timestamp())).decode()
    assert (await send(right)).status_code == 201
    guesses = [await send("111111") for _ in range(12)]
    assert (guesses[-1].status_code, guesses[-1].json()["error"]) == (429, "too_many_failures")
    assert (await anyone.post("/api/emergencies/stop")).status_code == 200
