from __future__ import annotations

from typing import Any

import httpx
import pytest

from hub.errors import HubError
from hub.hub import Hub


async def test_the_last_backup_is_shown(local: httpx.AsyncClient, hub: Hub) -> None:
    assert "chưa có" in (await local.get("/part/hub")).text
    assert (await local.get("/api/hub")).json()["alarms"] == []
    await hub.operations.backups.make(by="t")
    shown = (await local.get("/part/hub")).text
    assert "Sao lưu gần nhất: 24/11/2026 09:00" in shown
    assert "alert" not in shown


async def test_an_old_backup_is_an_alarm(local: httpx.AsyncClient, hub: Hub, watch: Any) -> None:
    await hub.operations.backups.make(by="t")
    watch.pass_by(days=2, seconds=1)
    assert (await local.get("/api/hub")).json()["alarms"] == ["backup_stale"]
    assert "Hơn hai ngày" in (await local.get("/part/hub")).text


async def test_a_failed_backup_is_an_alarm_with_its_reason(
    local: httpx.AsyncClient, hub: Hub
) -> None:
    with pytest.raises(HubError):
        await hub.operations.backups.make(by="t", folder="/nowhere/usb")
    assert (await local.get("/api/hub")).json()["alarms"] == []
    hub.state.backups.write_text("in the way")
    with pytest.raises(HubError):
        await hub.operations.backups.make(by="hub")
    assert (await local.get("/api/hub")).json()["alarms"] == ["backup_failed"]
    shown = (await local.get("/part/hub")).text
    assert "Lần sao lưu gần nhất không được." in shown
    assert "hãy cắm ổ đĩa" in shown
    assert "plug the disk in" in (await local.get("/part/hub", params={"lang": "en"})).text
