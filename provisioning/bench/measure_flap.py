"""`loaxa-bench flap`: what a link costs that dies and returns every few seconds."""

from __future__ import annotations

import argparse
import asyncio

from provisioning.bench.cluster_site import ClusterSite
from provisioning.bench.figures import figure, table
from provisioning.bench.measuring import Session, session
from provisioning.bench.processes import check_tools
from provisioning.bench.verbs import say

SLOTS = 40
HALF_S = 5.0
"""So long dead, so long alive."""
MINUTE_S = 60.0
SETTLE_S = 20.0
"""What the last connection still brings."""
LIMIT_KB = 60.0
"""At that rate an hour of it costs 3.6 MB: a SIM card's month bears a week of it."""
WORDS = "Xin chào bà con."


async def flap(wanted: argparse.Namespace) -> int:
    """Measures; 1 when it costs more than is promised."""
    check_tools()
    async with session(wanted.dir, wanted.clusters, say) as on:
        sound = await on.sound("bản tin", WORDS)
        for number in range(SLOTS):
            await on.plan(sound, on.at_s() + 3600 + number * 300)
        await on.until_held()
        await asyncio.sleep(SETTLE_S)
        plan = max(len((site.store / "desired.note").read_bytes()) for site in _sites(on))
        before = _traffic(on)
        await _flap(on)
        await asyncio.sleep(SETTLE_S)
        after = _traffic(on)
    cost = [(after[name][0] - before[name][0]) / 1000 for name in before]
    connects = [float(after[name][1] - before[name][1]) for name in before]
    figures = [
        figure(
            "a minute of flapping", "kB", cost, limits={"max": LIMIT_KB},
            note=f"both ways with headers, until {SETTLE_S:.0f} s after; the plan alone is {plan / 1000:.1f} kB",
        ),
        figure("connections in it", "", connects),
    ]  # fmt: skip
    for line in table(figures):
        say(line)
    return 0 if all(one.holds for one in figures) else 1


def _sites(on: Session) -> list[ClusterSite]:
    return [*on.rig.clusters.values()]


def _traffic(on: Session) -> dict[str, tuple[int, int]]:
    """Bytes and connections so far."""
    found = {site.name: site.link.traffic() for site in _sites(on)}
    return {name: (one.total_bytes, one.connections) for name, one in found.items()}


async def _flap(on: Session) -> None:
    for _ in range(round(MINUTE_S / (2 * HALF_S))):
        for site in _sites(on):
            site.link.cut()
        await asyncio.sleep(HALF_S)
        for site in _sites(on):
            site.link.restore()
        await asyncio.sleep(HALF_S)
