from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

Upload = Callable[..., Awaitable[Any]]
ONCE = {"kind": "once", "at": "2026-11-24T17:00:00+07:00"}


@pytest.fixture
async def order(local: httpx.AsyncClient, upload: Upload, secret: str) -> dict[str, Any]:
    assert secret
    return {"bulletin": (await upload(local))["id"], "clusters": "all", "when": ONCE}


async def test_plan_change_stop_cancel(local: httpx.AsyncClient, order: dict[str, Any]) -> None:
    made = await local.post("/api/slots", json=order)
    assert made.status_code == 201
    assert made.json()["clusters_changed"] == ["bl-01", "bl-02"]
    path = f"/api/slots/{made.json()['id']}"
    fewer = await local.put(path, json=order | {"clusters": ["bl-02"]})
    assert fewer.json()["clusters_changed"] == ["bl-01"]
    same = await local.put(path, json=order | {"clusters": ["bl-02"]})
    assert same.status_code == 200
    stopped = await local.post(f"{path}/stop", json={})
    assert stopped.json()["stops"][0]["planned_at"] == "2026-11-24T10:00:00Z"
    assert (await local.delete(path)).json()["cancelled_at"] is not None
    assert (await local.delete(path)).json()["error"] == "slot_cancelled"
    assert len((await local.get("/api/slots")).json()) == 1


async def test_stop_needs_no_body(local: httpx.AsyncClient, order: dict[str, Any]) -> None:
    made = (await local.post("/api/slots", json=order)).json()
    assert (await local.post(f"/api/slots/{made['id']}/stop")).status_code == 200


async def test_preview_plans_nothing(local: httpx.AsyncClient, order: dict[str, Any]) -> None:
    weekly = {"kind": "weekly", "days": [2, 4], "times": ["05:30", "17:00"]}
    seen = await local.post("/api/slots/preview", json=order | {"when": weekly})
    assert seen.status_code == 200
    assert seen.json()["clusters"] == ["bl-01", "bl-02"]
    assert len(seen.json()["starts"]) >= 4
    assert (await local.get("/api/slots")).json() == []


async def test_refusals_are_told(local: httpx.AsyncClient, order: dict[str, Any]) -> None:
    async def refused(**change: Any) -> str:
        answer = await local.post("/api/slots", json=order | change)
        assert 400 <= answer.status_code < 500, answer.text
        assert answer.json()["message_vi"]
        return str(answer.json()["error"])

    assert await refused(clusters=["bl-99"]) == "unknown_cluster"
    assert await refused(bulletin="b-none") == "unknown_bulletin"
    assert await refused(when=ONCE | {"at": "2020-01-01T00:00:00Z"}) == "slot_in_past"
    assert await refused(when=ONCE | {"at": "2026-11-24T23:00:00+07:00"}) == "quiet_hours"
    assert await refused(when=ONCE | {"at": "2026-11-24T17:00:00"}) == "bad_request"
    assert await refused(when={"kind": "weekly", "days": [9], "times": []}) == "bad_request"
    assert (await local.post("/api/slots", content=b"{")).status_code == 400
    assert (await local.delete("/api/slots/none")).status_code == 404
