"""Measures what a cluster costs: memory, processor, bytes on the link and on the card."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from provisioning.bench.costs import MIB, Costs, costs_of
from provisioning.bench.figures import Figure, figure
from provisioning.bench.forwarder import HEADER_BYTES
from provisioning.bench.measure_air import CLUSTERS
from provisioning.bench.measuring import Say, Session, session

HOUR_S = 3600.0
SETTLE_S = 20.0
"""What a start sends and writes is over by then."""
TELEMETRY_AN_HOUR = 4
MQTT_BYTES = 60
"""Fixed header, topic and packet id of one message, and its acknowledgement."""
SEGMENTS_A_MESSAGE = 4
SAMPLES = 10
LONG_WORDS = " ".join(
    ["Kính thưa bà con, sau đây là lịch sinh hoạt của các bản trong tuần này."] * 12
)


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A cluster watched for a while."""

    costs: list[Costs]
    span_s: float

    @property
    def cpu_pct(self) -> float:
        """Mean share of one core."""
        return 100 * (self.costs[-1].cpu_s - self.costs[0].cpu_s) / self.span_s


SETTLED_S = 100.0
"""By then the first canary is home and what was fetched has been read back: each comes once, and is no idle cost."""
HOURLY_WRITES_BYTES = 48 * 1024
"""A canary of 4 KiB and what the file system notes of it (16 KiB measured), and two commits of the ledger."""


async def measure_idle(folder: Path, say: Say, *, idle_s: float) -> list[Figure]:
    """Bytes on the link and on the card while nothing is due."""
    async with session(folder, CLUSTERS, say) as on:
        sound = await on.sound("bản tin", "Xin chào bà con.")
        await on.plan(sound, on.at_s() + HOUR_S * 12)
        await on.until_held()
        await on.until(on.at_s() + SETTLED_S)
        say(f"{CLUSTERS} clusters idle for {idle_s:.0f} s")
        traffic, costs = _traffic(on), _costs(on)
        await on.until(on.at_s() + idle_s)
        more_traffic, more_costs = _traffic(on), _costs(on)
    hours = idle_s / HOUR_S
    telemetry = TELEMETRY_AN_HOUR * message_bytes("telemetry")
    sent = [(more_traffic[name] - traffic[name]) / hours + telemetry for name in on.names]
    seen = [(more_costs[name].written - costs[name].written) / hours for name in on.names]
    written = [one + HOURLY_WRITES_BYTES for one in seen]
    return [
        figure(
            "idle link", "kB/h", [one / 1000 for one in sent], limits={"max": 15},
            note=f"both ways, payload and {HEADER_BYTES} B a segment; {idle_s:.0f} s measured (a beat a minute, "
            f"the keep-alive with it), and {TELEMETRY_AN_HOUR} telemetry messages an hour of "
            f"{message_bytes('telemetry')} B added",
        ),
        figure(
            "idle card writes", "kB/h", [one / 1000 for one in written], limits={"max": 200},
            note=f"write_bytes of agent and player over {idle_s:.0f} s, from {SETTLED_S:.0f} s after plan and "
            f"sounds were held on; {HOURLY_WRITES_BYTES / 1000:.0f} kB added for what comes hourly",
        ),
    ]  # fmt: skip


def message_bytes(kind: str) -> int:
    """What one message of a kind costs on the link, by its golden example."""
    return (
        len((files("contract") / "golden" / f"{kind}.v1.json").read_bytes())
        + MQTT_BYTES
        + SEGMENTS_A_MESSAGE * HEADER_BYTES
    )


def _traffic(on: Session) -> dict[str, int]:
    return {name: site.link.traffic().total_bytes for name, site in on.rig.clusters.items()}


def _costs(on: Session) -> dict[str, Costs]:
    return {name: costs_of(site.agent_id or 0) for name, site in on.rig.clusters.items()}


async def measure_load(folder: Path, say: Say, *, window_s: float) -> list[Figure]:
    """Memory and processor of one cluster alone, idle and playing."""
    async with session(folder, 1, say) as on:
        sound = await on.sound("bản tin dài", LONG_WORDS)
        await on.plan(sound, on.at_s() + HOUR_S * 12)
        await on.until_held()
        await on.until(on.at_s() + SETTLE_S)
        say(f"one cluster idle for {window_s:.0f} s")
        idle = await _watch(on, window_s)
        start_s = on.at_s() + 6
        await on.plan(sound, start_s)
        await on.until(start_s + 2)
        say(f"one cluster playing for {min(window_s, sound.duration_s - 4):.0f} s")
        playing = await _watch(on, min(window_s, sound.duration_s - 4))
    alone = "as if no other process shared a page"
    return [
        *_of("idle", idle, {"max": 1.0}),
        *_of("playing", playing, {}),
        figure("memory alone, idle", "MiB", [one.alone / MIB for one in idle.costs], note=alone),
        figure(
            "memory alone, playing", "MiB", [one.alone / MIB for one in playing.costs],
            limits={"max": 60}, note=alone,
        ),
    ]  # fmt: skip


def _of(state: str, watched: Watched, cpu_limits: dict[str, float]) -> list[Figure]:
    both = [(one.agent_pss + one.player_pss) / MIB for one in watched.costs]
    return [
        figure(f"agent PSS, {state}", "MiB", [one.agent_pss / MIB for one in watched.costs]),
        figure(f"player PSS, {state}", "MiB", [one.player_pss / MIB for one in watched.costs]),
        figure(f"both PSS, {state}", "MiB", both, limits={"max": 60}),
        figure(
            f"processor, {state}", "% of a core", [watched.cpu_pct], limits=cpu_limits,
            note=f"agent and player over {watched.span_s:.0f} s",
        ),
    ]  # fmt: skip


async def _watch(on: Session, window_s: float) -> Watched:
    began_s = on.at_s()
    found = [_costs(on)["bl-01"]]
    for number in range(1, SAMPLES + 1):
        await on.until(began_s + number * window_s / SAMPLES)
        found.append(_costs(on)["bl-01"])
    return Watched(costs=found, span_s=on.at_s() - began_s)
