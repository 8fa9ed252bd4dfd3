"""`loaxa-bench alarms`: how soon the hub shows that a link went dead, and that it is back."""

from __future__ import annotations

import argparse
import asyncio
import random

from provisioning.bench.errors import BenchError
from provisioning.bench.figures import Figure, figure, table
from provisioning.bench.light_fleet import LightFleet
from provisioning.bench.processes import check_tools, until
from provisioning.bench.verbs import say

PHASE_S = 60.0
"""Links are cut at instants spread over one beat's interval: each trial meets the beat elsewhere."""
SHORT_S = (120.0, 240.0)
LONG_S = (760.0, 800.0)
"""Long enough that a cluster has given up being eager (`edge.shell.link.EAGER_S`), whenever it found out."""
LOST_LIMIT_S = 100.0
BACK_LIMIT_S = {"short": 10.0, "long": 60.0}
PATIENCE_S = 200.0


async def alarms(wanted: argparse.Namespace) -> int:
    """Measures; a figure that is missed is said, and the exit code tells it."""
    check_tools()
    chance = random.Random(wanted.seed)  # noqa: S311 - trials that can be repeated
    async with LightFleet(wanted.dir, wanted.trials, say) as fleet:
        lengths = LONG_S if wanted.long else SHORT_S
        say(f"every link dies once, for {lengths[0]:.0f} to {lengths[1]:.0f} s")
        found = await asyncio.gather(
            *(
                _one_outage(fleet, name, chance.uniform(0, PHASE_S), chance.uniform(*lengths))
                for name in fleet.links
            )
        )
        turns = len(fleet.turns()) - len(fleet.links)
    kind = "long" if wanted.long else "short"
    figures = _figures(kind, [one[0] for one in found], [one[1] for one in found])
    for line in table(figures):
        say(line)
    say(f"turns of the hub's view: {turns} for {wanted.trials} outages (two each is right)")
    return 0 if all(one.holds for one in figures) and turns == 2 * wanted.trials else 1


def _figures(kind: str, lost_s: list[float], back_s: list[float]) -> list[Figure]:
    return [
        figure("link dead to cluster lost", "s", lost_s, limits={"max": LOST_LIMIT_S}),
        figure(
            f"link back to cluster there ({kind} outage)", "s", back_s,
            limits={"max": BACK_LIMIT_S[kind]},
        ),
    ]  # fmt: skip


async def _one_outage(
    fleet: LightFleet, name: str, begins_after_s: float, lasts_s: float
) -> tuple[float, float]:
    """How long until it was shown as lost, and as there again."""
    await asyncio.sleep(begins_after_s)
    cut_s = fleet.now_s()
    fleet.links[name].cut()
    lost_s = await _until_turned(fleet, name, cut_s, there=False)
    await asyncio.sleep(max(0.0, cut_s + lasts_s - fleet.now_s()))
    back_s = fleet.now_s()
    fleet.links[name].restore()
    return lost_s - cut_s, await _until_turned(fleet, name, back_s, there=True) - back_s


async def _until_turned(fleet: LightFleet, name: str, since_s: float, *, there: bool) -> float:
    """When the hub's view of a cluster turned over."""

    async def turned() -> float | None:
        found = [
            turn.at_s
            for turn in fleet.turns(since_s=since_s)
            if turn.cluster == name and turn.there is there
        ]
        return found[0] if found else None

    try:
        return await until(turned, f"{name} to turn", timeout_s=PATIENCE_S)
    except BenchError as error:
        raise BenchError(f"{error} ({'there' if there else 'lost'})") from error
