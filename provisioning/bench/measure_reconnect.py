"""`loaxa-bench reconnect`: a month's journal comes home over a thin link, beside a new plan and its sound."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from hardware.clock import SystemClock
from provisioning.bench.cluster_site import ClusterSite
from provisioning.bench.errors import BenchError
from provisioning.bench.evidence import NS
from provisioning.bench.figures import Figure, figure, table
from provisioning.bench.hub_api import Json
from provisioning.bench.measuring import Session, session
from provisioning.bench.processes import check_tools, python_module, run_to_end, until
from provisioning.bench.verbs import say

DAYS, A_DAY = 30, 40
BYTES_PER_S = 256_000 / 8
LATENCY_MS = 150.0
"""Each way, as of a loaded cell at the edge of its reach."""
LIMIT_S = 60.0
PATIENCE_S = 240.0
ROW_MARK = "practice-"
WORDS = " ".join(["Kính thưa bà con, sau đây là lịch sinh hoạt của các bản trong tuần này."] * 8)
SLOTS = 40
"""New slots that the plan of the first hour holds."""
UP_AGAIN = re.compile(r"(?m)^(\S+ [\d:]+),(\d{3}) INFO edge\.shell\.link: link up$")


class Return(Struct, frozen=True, kw_only=True):
    """One cluster's return.

    Attributes:
        linked_s: From the link's return to the broker's taking the cluster in.
        stored_s: From then until the hub had stored the last of the old rows.
        bytes_up: What the cluster sent for it, with headers.
        stored: Rows at the hub: (epoch, number).
    """

    linked_s: float
    stored_s: float
    bytes_up: int
    stored: Sequence[tuple[str, int]]


async def reconnect(wanted: argparse.Namespace) -> int:
    """Measures; 1 when a row is missing or stored twice, or the last comes late."""
    check_tools()
    found: list[Return] = []
    for number in range(wanted.rounds):
        folder = wanted.dir / f"round-{number + 1}"
        async with session(folder, wanted.clusters, say) as on:
            await _stay_away(on)
            found += await _return(on)
    figures = _figures(found)
    for line in table(figures):
        say(line)
    whole = all(_is_whole(one.stored) for one in found)
    said = "held exactly once" if whole else "MISSING OR STORED TWICE"
    say(f"{DAYS * A_DAY} old rows of each of {len(found)} clusters: {said}")
    return 0 if whole and all(one.holds for one in figures) else 1


def _figures(found: Sequence[Return]) -> list[Figure]:
    thin = f"{BYTES_PER_S * 8 / 1000:.0f} kbit/s, {LATENCY_MS:.0f} ms each way, beside a plan and a sound"
    return [
        figure("link back to cluster there", "s", [one.linked_s for one in found]),
        figure(
            f"{DAYS * A_DAY} rows stored after that", "s", [one.stored_s for one in found],
            limits={"max": LIMIT_S}, note=thin,
        ),
        figure("sent for all of it", "kB", [one.bytes_up / 1000 for one in found]),
    ]  # fmt: skip


def _is_whole(stored: Sequence[tuple[str, int]]) -> bool:
    """No row twice, and in each epoch none missing."""
    newest = {epoch: max(number for one, number in stored if one == epoch) for epoch, _ in stored}
    due = {(epoch, number) for epoch, last in newest.items() for number in range(1, last + 1)}
    return len(stored) == len(due) and set(stored) == due


async def _stay_away(on: Session) -> None:
    """Every cluster is a month without link; meanwhile the commune plans anew."""
    sites = on.rig.clusters.values()
    for site in sites:
        await site.stop_agent()
        site.link.cut()
        rows = ["rows", str(site.store), "--days", str(DAYS), "--a-day", str(A_DAY)]
        await run_to_end(f"rows of {site.name}", python_module("edge.practice", *rows))
    sound = await on.sound("lịch sinh hoạt", WORDS)
    for number in range(SLOTS):
        await on.plan(sound, on.at_s() + 3600 + number * (sound.duration_s + 60))
    for site in sites:
        await site.start_agent()
        await _until_tried(site)


async def _until_tried(site: ClusterSite) -> None:
    async def tried() -> bool:
        return "no link to" in (site.folder / "edge.log").read_text(encoding="utf-8")

    await until(tried, f"{site.name} to miss its link", timeout_s=PATIENCE_S)


async def _return(on: Session) -> list[Return]:
    """All links are back at once, thin."""
    began_s, before = SystemClock().epoch_ns() / NS, {}
    for name, site in on.rig.clusters.items():
        before[name] = _sent(site)
        site.link.restore()
        site.link.slow(latency_ms=LATENCY_MS, bytes_per_s=BYTES_PER_S)
    rows = await _all_home(on)
    return [
        _judge(site, began_s, before[name], [row for row in rows if row["cluster"] == name])
        for name, site in on.rig.clusters.items()
    ]


async def _all_home(on: Session) -> list[Json]:
    """Every row at the hub, once all the old ones are there."""
    rows: list[Json] = []

    async def are_home() -> bool:
        on.rig.check()
        rows.extend(await on.rig.hub.api.journal(after=rows[-1]["id"] if rows else 0))
        return sum(map(_is_old, rows)) >= DAYS * A_DAY * len(on.names)

    await until(are_home, "the old rows", timeout_s=PATIENCE_S)
    return rows


def _is_old(row: Json) -> bool:
    return str(row["row"].get("slot", "")).startswith(ROW_MARK)


def _judge(site: ClusterSite, began_s: float, sent: int, rows: list[Json]) -> Return:
    linked_s = _linked_s(site, began_s)
    stored_s = max(
        datetime.fromisoformat(row["stored_at"]).timestamp() for row in rows if _is_old(row)
    )
    return Return(
        linked_s=linked_s - began_s,
        stored_s=stored_s - linked_s,
        bytes_up=_sent(site) - sent,
        stored=[(row["epoch"], row["row"]["number"]) for row in rows],
    )


def _linked_s(site: ClusterSite, began_s: float) -> float:
    text = (site.folder / "edge.log").read_text(encoding="utf-8")
    instants = [
        datetime.fromisoformat(second).timestamp() + int(millis) / 1000
        for second, millis in UP_AGAIN.findall(text)
    ]
    after = [at_s for at_s in instants if at_s >= began_s]
    if not after:
        raise BenchError(f"{site.name}: its log does not say when its link came back")
    return after[0]


def _sent(site: ClusterSite) -> int:
    traffic = site.link.messages.traffic()
    return traffic.sent_bytes + 40 * traffic.sent_segments
