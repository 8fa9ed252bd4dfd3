"""A real hub with many clusters of which only the links are there: for what a fleet does to a hub, and a hub to it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from msgspec import Struct

from hardware.clock import SystemClock
from provisioning.bench.cluster_site import point_at
from provisioning.bench.errors import BenchError
from provisioning.bench.forwarder import Forwarder
from provisioning.bench.hub_site import HubSite
from provisioning.bench.processes import Child, python_module, until
from provisioning.bench.rig import AT_ONCE, BOARD, all_of, free_port
from provisioning.bench.sounds import writable_folder

ONLINE_TIMEOUT_S = 120.0
SAID = re.compile(r"(?m)^(\S+ [\d:]+),(\d{3}) \w+ hub\.live: cluster (\S+) is (there|lost)$")
"""What the hub's log says when its view of a cluster turns over."""
CONNECTED = re.compile(r"(?m)^(\S+): New client connected from ")
"""What Mosquitto's log says of a connection, by the second."""


class Turn(Struct, frozen=True, kw_only=True):
    """The hub began to show a cluster as there, or as lost.

    Attributes:
        at_s: Host time, seconds since the epoch, by the hub itself.
    """

    at_s: float
    cluster: str
    there: bool


class LightFleet:
    """Use it with `async with`: inside, every cluster is online.

    Args:
        folder: Takes hub and configurations, and keeps them: a second use of it starts quickly.
        count: How many clusters.
        say: Told what goes on.
    """

    def __init__(self, folder: Path, count: int, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._say = say
        self._stack = AsyncExitStack()
        self._clock = SystemClock()
        http, mqtt = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.hub = HubSite(folder / "hub", folder / "hub.log", http=http, mqtt=mqtt)
        self._agents = Child(
            "the links",
            python_module("edge.practice", "links", self._configs),
            folder / "links.log",
        )
        self.links = {
            f"bl-{number:03d}": Forwarder(self.hub.mqtt, seed=number)
            for number in range(1, count + 1)
        }

    @property
    def _configs(self) -> Path:
        return self._folder / "configs"

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        writable_folder(self._configs)
        self._forget_logs()
        await self.hub.make(quiet_hours=(), password="loaxa-bench")  # noqa: S106 - on the loopback
        await self._make_clusters()
        for name, link in self.links.items():
            await self._stack.enter_async_context(link)
            point_at(self._config(name), f"127.0.0.1:{link.port}", self.hub.url)
        self._stack.push_async_callback(self.hub.stop)
        await self.hub.start()
        await self.hub.until_ready()
        self._stack.push_async_callback(self._agents.stop)
        await self._agents.start()
        await self.until_all(there=True, timeout_s=ONLINE_TIMEOUT_S)
        self._say(f"{len(self.links)} clusters are there")

    def _forget_logs(self) -> None:
        for log in (self._folder / "hub.log", self._broker_log):
            log.unlink(missing_ok=True)

    def _config(self, name: str) -> Path:
        return self._configs / f"{name}.toml"

    @property
    def _broker_log(self) -> Path:
        return self.hub.state / "broker" / "mosquitto.log"

    async def _make_clusters(self) -> None:
        for path in self._configs.glob("*.toml"):
            if path.stem not in self.links:
                raise BenchError(
                    f"{self._folder}: was made for more clusters; choose another --dir"
                )
        missing = [name for name in self.links if not self._config(name).exists()]
        if missing:
            self._say(f"making {len(missing)} clusters (about {len(missing) * 0.8:.0f} s)")
        turns = asyncio.Semaphore(AT_ONCE)

        async def add(name: str) -> None:
            async with turns:
                await self.hub.add_cluster(name, name, self._config(name), board=BOARD)

        await all_of(add(name) for name in missing)

    # What the hub shows

    def turns(self, *, since_s: float = 0.0) -> list[Turn]:
        """Every turn of the hub's view, in order."""
        text = (self._folder / "hub.log").read_text(encoding="utf-8", errors="replace")
        return [turn for turn in _turns(text) if turn.at_s >= since_s]

    def shown(self) -> dict[str, bool]:
        """Cluster to whether the hub shows it as there."""
        return {turn.cluster: turn.there for turn in self.turns()}

    async def until_all(self, *, there: bool, timeout_s: float) -> None:
        """Waits until the hub shows every cluster so.

        Raises:
            BenchError: It does not.
        """

        async def all_are() -> bool:
            self.hub.check()
            self._agents.check()
            shown = self.shown()
            return all(shown.get(name, False) is there for name in self.links)

        word = "there" if there else "lost"
        await until(all_are, f"every cluster to be {word}", timeout_s=timeout_s)

    def now_s(self) -> float:
        """Host time, seconds since the epoch."""
        return self._clock.epoch_ns() / 1e9

    def connects_a_second(self, *, since_s: float) -> list[int]:
        """How many connections the broker took in each second in which it took any."""
        seconds: dict[str, int] = {}
        for second in CONNECTED.findall(self._broker_log.read_text(errors="replace")):
            if datetime.fromisoformat(second).timestamp() >= since_s - 1:
                seconds[second] = seconds.get(second, 0) + 1
        return [*seconds.values()]

    def cpu_s(self) -> dict[str, float]:
        """Processor time of hub and broker since their starts."""
        ids = {"hub": [self.hub.process_id or 0], "broker": self.hub.broker_ids()}
        return {name: sum(_cpu_s(one) for one in found) for name, found in ids.items()}


def _turns(text: str) -> Iterator[Turn]:
    for second, millis, cluster, word in SAID.findall(text):
        at_s = datetime.fromisoformat(second).timestamp() + int(millis) / 1000
        yield Turn(at_s=at_s, cluster=cluster, there=word == "there")


def _cpu_s(process_id: int) -> float:
    times = psutil.Process(process_id).cpu_times()
    return float(times.user + times.system)
