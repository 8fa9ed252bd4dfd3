from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from provisioning.bench import watching
from provisioning.bench.evidence import FleetChange
from provisioning.bench.hub_api import ClusterState, HubApi, HubGoneError
from provisioning.bench.watching import Watch, in_words, signs

PATIENCE_S = 20.0
HEALTHY: dict[str, Any] = {
    "at": datetime(2026, 11, 24, 2, tzinfo=UTC),
    "boot": "b",
    "software": "0.1.0",
    "board": "cabinet-v1",
}
ON_AIR = {
    "slot": "slot-1",
    "bulletin": "tin-chieu",
    "planned_at": HEALTHY["at"],
    "started_at": HEALTHY["at"],
}


def state(*, online: bool = True, name: str = "bl-01", **reported: Any) -> ClusterState:
    raw = {
        "name": name,
        "online": online,
        "plan_version": 1,
        "plan_version_reported": 1,
        "reported": msgspec.to_builtins(HEALTHY | reported),
    }
    return msgspec.convert(raw, ClusterState)


def test_signs_of_a_healthy_cluster() -> None:
    assert signs(state()) == {"cluster_online", "off_air"}


def test_signs_of_one_that_has_never_reported() -> None:
    raw = {"name": "bl-01", "online": False, "reported": None}
    versions = {"plan_version": 1, "plan_version_reported": 0}
    assert signs(msgspec.convert(raw | versions, ClusterState)) == {"cluster_lost"}


def test_signs_of_troubles() -> None:
    shown = signs(state(missing=["0" * 64], arrester_ok=False, faults=["player_down"]))
    assert shown >= {"sound_missing", "arrester_failed", "player_down"}
    assert "arrester_failed" not in signs(state(arrester_ok=True))
    assert "clock_off" in signs(msgspec.structs.replace(state(), alarms=("clock_off",)))


def test_what_a_lost_cluster_said_last_does_not_count_as_on_air() -> None:
    assert "on_air" in signs(state(on_air=ON_AIR))
    shown = signs(state(online=False, on_air=ON_AIR))
    assert "cluster_lost" in shown
    assert "on_air" not in shown


class Hub(HubApi):
    """Shows one state after another; None: it is gone for a look."""

    def __init__(self, *looks: list[ClusterState] | None) -> None:
        self._looks = [*looks]
        self.all_shown = asyncio.Event()

    async def clusters(self) -> list[ClusterState]:
        if not self._looks:
            self.all_shown.set()
            return []
        look = self._looks.pop(0)
        if look is None:
            raise HubGoneError("no hub answers")
        return look


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK_EVERY_S", 0.0)


async def watched(*looks: list[ClusterState] | None) -> list[list[str]]:
    told: list[list[str]] = []

    def note(changes: Sequence[FleetChange]) -> None:
        told.append([one.what for one in changes])

    hub = Hub(*looks)
    watch = Watch(hub, lambda: 1.5, note)
    task = asyncio.create_task(watch.run())
    async with asyncio.timeout(PATIENCE_S):
        await hub.all_shown.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert [one.what for one in watch.changes] == [what for look in told for what in look]
    assert all(one.at_s == 1.5 for one in watch.changes)
    return told


@pytest.mark.usefixtures("at_once")
async def test_what_goes_without_saying_is_not_told() -> None:
    assert await watched([state()], [state()]) == []


@pytest.mark.usefixtures("at_once")
async def test_a_change_is_told_once() -> None:
    lost = [state(online=False)]
    assert await watched([state()], lost, lost, [state()]) == [["cluster_lost"], ["cluster_online"]]


@pytest.mark.usefixtures("at_once")
async def test_a_trouble_that_is_there_at_the_first_look_is_told() -> None:
    assert await watched([state(online=False)]) == [["cluster_lost"]]


@pytest.mark.usefixtures("at_once")
async def test_a_hub_that_is_gone_shows_nothing_and_is_looked_at_again() -> None:
    assert await watched([state()], None, [state(arrester_ok=False)]) == [["arrester_failed"]]


def test_one_line_for_what_happens_to_many() -> None:
    def change(number: int, what: str) -> FleetChange:
        return FleetChange(at_s=1, cluster=f"bl-0{number}", what=what)

    lost = [change(1, "cluster_lost"), change(2, "cluster_lost")]
    assert [*in_words(lost, 3)] == ["bl-01, bl-02: cluster lost"]
    assert [*in_words(lost, 2)] == ["all 2: cluster lost"]
    assert [*in_words([*lost, change(1, "on_air")], 3)][1] == "bl-01: on air"
    assert [*in_words(lost[:1], 1)] == ["bl-01: cluster lost"]
