from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from contract.ids import ClusterId, CommuneId
from contract.status import LOST_AFTER_S, Availability, Reported, Telemetry
from hub.core.fleet import (
    DEATH_GRACE_S,
    QUIET_AFTER_S,
    Signs,
    after_availability,
    after_sign_of_life,
    is_online,
)
from hub.errors import HubError
from hub.live import Live

BL_01 = ClusterId("bl-01")
BIRTH = Availability(online=True, pair="p1")
DEATH = Availability(online=False, pair="p1")
OLD_DEATH = Availability(online=False, pair="p0")


@pytest.fixture(params=["in process", "redis"])
async def live(request: pytest.FixtureRequest, clock: Any) -> AsyncIterator[Live]:
    url = "" if request.param == "in process" else request.getfixturevalue("redis_url")
    commune = CommuneId(request.node.name.replace("[", "-").rstrip("]"))
    async with Live(url, commune, clock) as made:
        await made.listening()
        yield made


async def online(live: Live) -> bool:
    return (await live.view(BL_01)).online


async def test_who_never_said_anything_is_not_there(live: Live) -> None:
    view = await live.view(BL_01)
    assert (view.online, view.reported, view.signs.last_seen_at) == (False, None, None)


async def test_a_birth_counts_and_its_own_death_ends_it(live: Live, clock: Any) -> None:
    await live.heard_availability(BL_01, BIRTH, retained=False)
    assert await online(live)
    await live.heard_availability(BL_01, OLD_DEATH, retained=False)
    assert await online(live)
    await live.heard_availability(BL_01, DEATH, retained=False)
    clock.pass_by(seconds=DEATH_GRACE_S)
    assert await live.find_lost() == (BL_01,)
    assert not await online(live)


async def test_a_new_connection_that_ends_the_old_one_alarms_nobody(live: Live, clock: Any) -> None:
    """The broker tells the old session's death, then the new one's birth; so does an agent that starts anew."""
    await live.heard_availability(BL_01, BIRTH, retained=False)
    await live.heard_availability(BL_01, DEATH, retained=False)
    assert await online(live)
    clock.pass_by(seconds=DEATH_GRACE_S - 1)
    await live.heard_availability(BL_01, Availability(online=True, pair="new"), retained=False)
    clock.pass_by(seconds=DEATH_GRACE_S)
    assert await live.find_lost() == ()
    assert await online(live)


async def test_a_death_that_the_broker_kept_counts_at_once(live: Live) -> None:
    await live.heard_availability(BL_01, BIRTH, retained=True)
    await live.heard_availability(BL_01, DEATH, retained=True)
    assert not await online(live)


async def test_silence_makes_lost_and_a_beat_brings_back(live: Live, clock: Any) -> None:
    await live.heard_availability(BL_01, BIRTH, retained=False)
    clock.pass_by(seconds=60)
    await live.heard(BL_01)
    clock.pass_by(seconds=LOST_AFTER_S - 1)
    assert await live.find_lost() == ()
    assert await online(live)
    clock.pass_by(seconds=1)
    assert await live.find_lost() == (BL_01,)
    assert not await online(live)
    assert await live.find_lost() == ()
    await live.heard(BL_01)
    assert await online(live)


async def test_a_hub_that_starts_gives_clusters_time_to_speak(live: Live, clock: Any) -> None:
    await live.heard_availability(BL_01, BIRTH, retained=True)
    assert await online(live)
    clock.pass_by(seconds=LOST_AFTER_S)
    assert await live.find_lost() == (BL_01,)


async def test_a_deaf_hub_loses_nobody(live: Live, clock: Any) -> None:
    await live.heard_availability(BL_01, BIRTH, retained=False)
    await live.deaf()
    clock.pass_by(hours=5)
    assert await live.find_lost() == ()
    await live.listening()
    assert await live.find_lost() == ()
    assert await online(live)
    clock.pass_by(seconds=LOST_AFTER_S)
    assert await live.find_lost() == (BL_01,)


async def test_who_was_lost_stays_lost_when_the_hub_was_deaf(live: Live, clock: Any) -> None:
    await live.heard_availability(BL_01, BIRTH, retained=False)
    clock.pass_by(seconds=LOST_AFTER_S)
    await live.find_lost()
    await live.deaf()
    await live.listening()
    await live.heard_availability(BL_01, OLD_DEATH, retained=False)
    assert not await online(live)


async def test_what_was_said_is_kept(live: Live, clock: Any) -> None:
    reported = Reported(at=clock.now(), boot="b", software="1", board="x", relays={"amp": True})
    telemetry = Telemetry(
        at=clock.now(), uptime_s=1, cpu_pct=2.5, memory_free_mib=3, disk_free_mib=4
    )
    await live.heard_reported(BL_01, reported, retained=True)
    assert not await online(live)
    await live.heard_telemetry(BL_01, telemetry)
    view = await live.view(BL_01)
    assert (view.reported, view.telemetry, view.online) == (reported, telemetry, True)
    assert view.signs.last_seen_at == clock.now()


async def test_who_watches_is_told_of_changes_and_not_of_beats(live: Live, clock: Any) -> None:
    heard: list[ClusterId] = []
    enough = asyncio.Event()

    async def watch() -> None:
        async for name in live.changes():
            heard.append(name)
            if name == "last":
                enough.set()

    watching = asyncio.create_task(watch())
    async with asyncio.timeout(20):
        while "first" not in heard:
            await live.changed(ClusterId("first"))
            await asyncio.sleep(0.02)
    heard.clear()
    await live.heard_availability(BL_01, BIRTH, retained=False)
    for _ in range(3):
        clock.pass_by(seconds=60)
        await live.heard(BL_01)
    clock.pass_by(seconds=LOST_AFTER_S)
    await live.find_lost()
    await live.changed(ClusterId("last"))
    async with asyncio.timeout(20):
        await enough.wait()
    watching.cancel()
    assert [name for name in heard if name != "first"] == [BL_01, BL_01, "last"]


async def test_beats_and_the_search_for_the_lost_do_not_disturb_each_other(
    live: Live, clock: Any
) -> None:
    names = [ClusterId(f"bl-{n:02}") for n in range(20)]
    for name in names:
        await live.heard_availability(name, BIRTH, retained=False)
    clock.pass_by(seconds=LOST_AFTER_S)
    await asyncio.gather(live.find_lost(), *(live.heard(name) for name in names), live.find_lost())
    assert [(await live.view(name)).online for name in names] == [True] * 20


async def test_a_redis_that_does_not_answer_is_one_clear_line(clock: Any, free_port: Any) -> None:
    live = Live(f"redis://127.0.0.1:{free_port()}", CommuneId("x"), clock)
    with pytest.raises(HubError, match="Redis"):
        await live.__aenter__()


def test_a_beat_after_a_death_is_life(clock: Any) -> None:
    dead = after_availability(after_availability(Signs(), BIRTH), DEATH)
    now = clock.now()
    assert not is_online(dead, now, now)
    assert is_online(after_sign_of_life(dead, now), now, now)


def test_a_death_without_a_known_birth_counts(clock: Any) -> None:
    now = clock.now()
    signs = after_availability(after_sign_of_life(Signs(), now), OLD_DEATH)
    assert not is_online(signs, now - timedelta(days=1), now)


async def test_an_overdue_beat_makes_quiet_and_is_told(
    live: Live, clock: Any, eventually: Any
) -> None:
    told: list[ClusterId] = []
    heard = asyncio.Event()

    async def watch() -> None:
        async for name in live.changes():
            told.append(name)
            heard.set()

    await live.heard_availability(BL_01, BIRTH, retained=False)
    watching = asyncio.create_task(watch())
    async with asyncio.timeout(20):
        while not heard.is_set():
            await live.changed(ClusterId("first"))
            await asyncio.sleep(0.02)
    clock.pass_by(seconds=QUIET_AFTER_S - 1)
    await live.find_lost()
    assert not (await live.view(BL_01)).quiet
    clock.pass_by(seconds=1)
    await live.find_lost()
    await live.find_lost()
    view = await live.view(BL_01)
    assert (view.quiet, view.online) == (True, True)
    await live.heard(BL_01)
    await live.find_lost()
    assert not (await live.view(BL_01)).quiet
    await eventually(lambda: told.count(BL_01) == 2)
    watching.cancel()


async def test_the_clock_is_read_from_fresh_reports_alone(live: Live, clock: Any) -> None:
    fast = Reported(at=clock.now() + timedelta(seconds=7), boot="b", software="1", board="x")
    await live.heard_reported(BL_01, fast, retained=True)
    assert (await live.view(BL_01)).clock is None
    await live.heard_reported(BL_01, fast, retained=False)
    reading = (await live.view(BL_01)).clock
    assert reading is not None
    assert (reading.error_s, reading.off_since) == (7.0, clock.now())
    clock.pass_by(seconds=900)
    figures = Telemetry(at=clock.now(), uptime_s=1, cpu_pct=1, memory_free_mib=1, disk_free_mib=1)
    await live.heard_telemetry(BL_01, figures)
    reading = (await live.view(BL_01)).clock
    assert reading is not None
    assert (reading.error_s, reading.off_since) == (0.0, None)


async def test_many_are_looked_at_at_once(live: Live) -> None:
    await live.heard_availability(BL_01, BIRTH, retained=False)
    views = await live.views([ClusterId("bl-02"), BL_01])
    assert [view.online for view in views] == [False, True]
    assert await live.views([]) == ()
