"""`loaxa-bench boots`: clusters lose their power and get it back without any network, again and again."""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import re
from pathlib import Path

from provisioning.bench.cluster_site import ClusterSite
from provisioning.bench.errors import BenchError
from provisioning.bench.evidence import Horn
from provisioning.bench.figures import Figure, figure, table
from provisioning.bench.measuring import Say, Session, Sound, session
from provisioning.bench.processes import check_tools
from provisioning.bench.verbs import say

WORDS = "Xin chào bà con. Sau đây là bản tin của xã, mời bà con cùng nghe."
FIRST_AFTER_S = 18.0
NEXT_AFTER_S = 22.0
"""From one first item to the next; in between the power is cut once."""
CUT_BEFORE_S = 15.0
RESTORE_BEFORE_S = 14.0
NEAR_S = 3.0
NO_SUCH_HOST = "hub.xa-khong-co.invalid"
MS = 1000.0


async def boots(wanted: argparse.Namespace) -> int:
    """Measures: 0 when every boot played its first item."""
    check_tools()
    rounds = math.ceil(wanted.n / wanted.clusters)
    heard, figures = await measure_boots(wanted.dir, say, clusters=wanted.clusters, rounds=rounds)
    for line in table(figures):
        say(line)
    trials = rounds * wanted.clusters
    say(f"{heard} of {trials} boots without a network played their first item")
    return 0 if heard == trials and all(one.holds for one in figures) else 1


async def measure_boots(
    folder: Path, say: Say, *, clusters: int, rounds: int
) -> tuple[int, list[Figure]]:
    """How many boots played their first item, and how far from its instant.

    Raises:
        BenchError: Nothing was heard at all, or the rig does not run.
    """
    async with session(folder, clusters, say) as on:
        sound = await on.sound("bản tin", WORDS)
        first_s = on.at_s() + FIRST_AFTER_S + rounds / 4 + clusters
        planned = [round(first_s + number * NEXT_AFTER_S, 3) for number in range(rounds)]
        for at_s in planned:
            await on.plan(sound, at_s)
        await on.until_held()
        say(f"no network from now on; {rounds} times the power of {clusters} clusters is cut")
        _lose_network([*on.rig.clusters.values()])
        for number, at_s in enumerate(planned):
            await _lose_power(on, at_s, forget=number % 2 == 1)
        await on.until(planned[-1] + sound.duration_s + 2)
    errors = _errors(on.horns(), sound, planned)
    if not errors:
        raise BenchError("no boot was heard")
    return len(errors), [
        figure(
            "first item after a boot without network", "ms", errors, limits={"max": 100},
            note=f"start error; power back {RESTORE_BEFORE_S:g} s before it, {clusters} clusters at once; every other "
            "cluster's hub has a name that nobody resolves, the others' links are black holes; every other time the "
            "list of verified sounds is lost too; the card loses and tears what was not brought to it",
        )
    ]  # fmt: skip


def _lose_network(sites: list[ClusterSite]) -> None:
    """Black holes for all; every other one finds no address for its hub's name either."""
    for number, site in enumerate(sites):
        site.link.cut()
        if number % 2:
            text = site.config.read_text(encoding="utf-8")
            text = re.sub(r"(?m)^mqtt_host = .*$", f'mqtt_host = "{NO_SUCH_HOST}"', text)
            text = re.sub(r"(?m)^(media_url = \"http://)[^:/\"]+", rf"\g<1>{NO_SUCH_HOST}", text)
            site.config.write_text(text, encoding="utf-8")


async def _lose_power(on: Session, at_s: float, *, forget: bool) -> None:
    """Power is cut and comes back ahead of an item."""
    sites = [*on.rig.clusters.values()]
    await on.until(at_s - CUT_BEFORE_S)
    await on.rig.world.set_power([*on.names], on=False)
    dice = random.Random(at_s)  # noqa: S311 - of what the card forgets
    await asyncio.gather(*(site.lose_power(dice, torn=True) for site in sites))
    if forget:
        for path in (one for site in sites for one in site.store.glob("cache.db*")):
            path.unlink()
    await on.until(at_s - RESTORE_BEFORE_S)
    await on.rig.world.set_power([*on.names], on=True)
    await asyncio.gather(*(site.start_agent() for site in sites))


def _errors(horns: dict[str, Horn], sound: Sound, planned: list[float]) -> list[float]:
    found = []
    for horn in horns.values():
        starts = [
            horn.first_s + one.start_s - sound.source.lead_s
            for one in horn.playings(sound.ingested.id, sound.source)
        ]
        for at_s in planned:
            near = [start_s - at_s for start_s in starts if abs(start_s - at_s) < NEAR_S]
            found += [min(near, key=abs) * MS] if near else []
    return found
