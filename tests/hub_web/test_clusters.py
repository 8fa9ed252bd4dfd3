from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx
import msgspec
import pytest

from contract.ids import BulletinId, ClusterId, Sha256, SlotId
from contract.journal import ItemRow, JournalBatch, Outcome, Reason
from hub.core.model import ClusterView
from hub.hub import Hub
from hub.web.clusters import fleet_events

BL_01 = ClusterId("bl-01")


async def test_clusters_and_journal(local: httpx.AsyncClient, hub: Hub, secret: str) -> None:
    assert secret
    row = ItemRow(
        number=1,
        slot=SlotId("s-1"),
        bulletin=BulletinId("b-1"),
        sha256=Sha256("0" * 64),
        planned_at=datetime.fromisoformat("2026-11-23T17:00:00+07:00"),
        outcome=Outcome.COMPLETED,
        reason=Reason.PLANNED,
    )
    await hub.operations.journal.take(BL_01, JournalBatch(epoch="e", rows=(row,)))
    names = [one["name"] for one in (await local.get("/api/clusters")).json()]
    assert names == ["bl-01", "bl-02"]
    rows = (await local.get("/api/journal")).json()
    assert rows[0]["row"]["outcome"] == "completed"
    assert rows[0]["cluster"] == "bl-01"
    last = rows[0]["id"]
    assert (await local.get("/api/journal", params={"after": last})).json() == []
    assert (await local.get("/api/journal", params={"cluster": "bl-02"})).json() == []
    assert (await local.get("/api/journal", params={"after": "x"})).status_code == 400


def _views(event: bytes) -> list[ClusterView]:
    assert event.startswith(b"event: fleet\ndata: ")
    assert event.endswith(b"\n\n")
    return msgspec.json.decode(event.removeprefix(b"event: fleet\ndata: "), type=list[ClusterView])


async def test_events_tell_all_and_then_what_changes(hub: Hub, secret: str) -> None:
    assert secret
    events = fleet_events(hub)
    assert [view.name for view in _views(await anext(events))] == ["bl-01", "bl-02"]
    change = asyncio.create_task(anext(events))
    async with asyncio.timeout(30):
        while not change.done():
            await hub.live.heard(BL_01)
            await hub.live.changed(BL_01)
            await asyncio.sleep(0.05)
    assert [view.name for view in _views(change.result())] == ["bl-01"]
    await events.aclose()


async def test_a_browser_that_stalls_costs_one_look_up(
    hub: Hub, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert secret
    looked: list[object] = []
    look = hub.operations.clusters.views

    async def counted(*only: Any) -> tuple[ClusterView, ...]:
        looked.append(only)
        return await look(*only)

    monkeypatch.setattr(hub.operations.clusters, "views", counted)
    names: asyncio.Queue[ClusterId] = asyncio.Queue()
    taken = asyncio.Event()

    async def changes() -> AsyncIterator[ClusterId]:
        while True:
            if names.empty():
                taken.set()
            yield await names.get()

    monkeypatch.setattr(hub.operations.clusters, "changes", changes)
    events = fleet_events(hub)
    assert len(_views(await anext(events))) == 2
    for _ in range(500):
        names.put_nowait(BL_01)
    taken.clear()
    await taken.wait()
    assert [view.name for view in _views(await anext(events))] == ["bl-01"]
    assert looked == [(), (frozenset({BL_01}),)]
    await events.aclose()


async def test_settings_of_a_cluster(local: httpx.AsyncClient, hub: Hub, secret: str) -> None:
    assert secret
    body = {"maintenance": True, "monthly_mib": 500, "download_windows": ["22:00-05:00"]}
    answer = await local.patch("/api/clusters/bl-01", json=body)
    assert answer.status_code == 200, answer.text
    view = answer.json()
    assert (view["maintenance"], view["plan_version"]) == (True, 2)
    page = (await local.get("/part/clusters")).text
    assert "Kết thúc bảo trì" in page
    assert "cụm loa chưa nhận lệnh bảo trì" in page
    assert (await local.patch("/api/clusters/bl-09", json=body)).status_code == 404
    for wrong in (
        {"volume_pct": 140},
        {"download_windows": ["9pm"]},
        {"volume": 3},
        {"download_windows": ["22:00-22:00"]},
    ):
        assert (await local.patch("/api/clusters/bl-01", json=wrong)).status_code == 400
    (noted,) = [one for one in await hub.operations.journal.audit() if one.what == "cluster.set"]
    assert noted.who == "local"
