"""`loaxa-bench storm`: every link of a large commune dies at once, and all come back at once."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from provisioning.bench.figures import figure, table
from provisioning.bench.light_fleet import LightFleet
from provisioning.bench.processes import check_tools
from provisioning.bench.verbs import say

LOST_TIMEOUT_S = 120.0
BACK_TIMEOUT_S = 120.0
BACK_LIMIT_S = 10.0
AFTER_S = 30.0
"""So long after the last came back the hub's view is watched for more turns."""
WATCHERS = 3
"""Browsers that have the page open meanwhile."""


async def storm(wanted: argparse.Namespace) -> int:
    """Measures; 1 when a cluster turned more or less than twice, or came back late."""
    check_tools()
    async with LightFleet(wanted.dir, wanted.clusters, say) as fleet, _watched(fleet) as watched:
        cut_s = fleet.now_s()
        for link in fleet.links.values():
            link.cut()
        say("every link is dead")
        await fleet.until_all(there=False, timeout_s=LOST_TIMEOUT_S)
        await asyncio.sleep(wanted.hold_s)
        back_s, cpu = fleet.now_s(), fleet.cpu_s()
        for link in fleet.links.values():
            link.restore()
        await fleet.until_all(there=True, timeout_s=BACK_TIMEOUT_S)
        took_s, more = fleet.now_s() - back_s, fleet.cpu_s()
        await asyncio.sleep(AFTER_S)
        turns = fleet.turns(since_s=cut_s)
        connects = fleet.connects_a_second(since_s=back_s)
        events = watched.count
    lost = [one.at_s - cut_s for one in turns if not one.there]
    back = [one.at_s - back_s for one in turns if one.there]
    used = [100 * (more[name] - cpu[name]) / took_s for name in ("hub", "broker")]
    figures = [
        figure("link dead to cluster lost", "s", lost, limits={"max": 100}),
        figure("all links back to cluster there", "s", back, limits={"max": BACK_LIMIT_S}),
        figure("connections the broker took", "1/s", [float(one) for one in connects]),
        figure("processor of the hub meanwhile", "% of a core", used[:1]),
        figure("processor of the broker meanwhile", "% of a core", used[1:]),
    ]
    for line in table(figures):
        say(line)
    turned = Counter(Counter(one.cluster for one in turns).values())
    say(f"turns of the hub's view a cluster (times: clusters): {dict(turned)}")
    say(f"events that {WATCHERS} open pages were sent, all told: {events}")
    return 0 if set(turned) == {2} and all(one.holds for one in figures) else 1


class _Watched:
    """Counts what open pages are told."""

    def __init__(self) -> None:
        self.count = 0


@asynccontextmanager
async def _watched(fleet: LightFleet) -> AsyncIterator[_Watched]:
    """Pages that stay open, as in offices."""
    seen = _Watched()
    tasks = [asyncio.create_task(_watch(fleet, seen)) for _ in range(WATCHERS)]
    try:
        yield seen
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _watch(fleet: LightFleet, seen: _Watched) -> None:
    reader, writer = await asyncio.open_connection(*fleet.hub.http)
    token = (fleet.hub.state / "local.token").read_text(encoding="ascii").strip()
    ask = f"GET /api/events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n"
    writer.write(ask.encode())
    with contextlib.closing(writer):
        while line := await reader.read(1 << 20):
            seen.count += line.count(b"event: fleet")
