from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from provisioning.bench.light_fleet import LightFleet, _turns

HUB_LOG = """\
2026-11-24 20:05:48,123 INFO hub.live: cluster bl-001 is there
2026-11-24 20:05:48,500 INFO hub.link: plan 1 of bl-001 is at the broker
2026-11-24 20:07:18,000 INFO hub.live: cluster bl-001 is lost
"""


def test_turns_are_read_from_the_hubs_own_log() -> None:
    there, lost = _turns(HUB_LOG)
    assert (there.cluster, there.there, lost.there) == ("bl-001", True, False)
    assert lost.at_s - there.at_s == pytest.approx(89.877)


@pytest.mark.rig
async def test_a_real_hub_and_the_agents_own_links(tmp_path: Path) -> None:
    """The hub shows each link that is there, and an orderly end as lost."""
    async with LightFleet(tmp_path, 2, lambda _line: None) as fleet:
        assert fleet.shown() == {"bl-001": True, "bl-002": True}
        assert sum(fleet.connects_a_second(since_s=0.0)) >= 2
        assert set(fleet.cpu_s()) == {"hub", "broker"}
        await fleet._agents.stop()
        async with asyncio.timeout(20):
            while set(fleet.shown().values()) != {False}:  # noqa: ASYNC110 - a log file
                await asyncio.sleep(0.05)
