"""The rig: one hub and simulated clusters as processes, started side by side and ended in order."""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
import tempfile
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hardware.board import find_board
from hardware.simulated.world import World
from provisioning.bench.cluster_site import ClusterSite
from provisioning.bench.errors import BenchError
from provisioning.bench.hub_api import ClusterState, HubGoneError
from provisioning.bench.hub_site import HubSite
from provisioning.bench.link import Link
from provisioning.bench.processes import until
from provisioning.bench.sounds import writable_folder
from provisioning.bench.uplink import follow_uplink

MAX_SOCKET_PATH = 90
AT_ONCE = 2
PORTS = range(20_000, 32_000)
"""Below those that the kernel gives to outgoing connections: none of these takes a port before the hub listens."""
BOARD = "cabinet-v1"
ONLINE_TIMEOUT_S = 60.0
TITLES = ("Bản Thẳm", "Bản Hon", "Nà Phát", "Thèn Thầu", "Nà Cà", "Cò Lá")


class Rig:
    """A hub and clusters. Use it with `async with`: inside, every cluster is online.

    Args:
        folder: Takes what is recorded: hub.log and a folder a cluster.
        state: Takes what hub and clusters keep.
        names: Clusters to have.
        say: Told what goes on, a line at a time.
        http_port: Of the hub's pages; 0: any.
        quiet_hours: Of the commune.
        boards: Clusters that are another board than the usual cabinet.
        password: Of the first user, when the hub is made.
        seed: Of random loss on links.
        modem_cycle_after_s: Time without link after which the modem loses its supply for a while; None: as usual.
        scrub_every_s: Each sound on a card is read again once in this; None: as usual.
    """

    def __init__(  # noqa: PLR0913 - a rig is laid out once, each part by its name
        self,
        folder: Path,
        state: Path,
        names: tuple[str, ...],
        *,
        say: Callable[[str], None],
        http_port: int = 0,
        quiet_hours: tuple[str, ...] = (),
        boards: Mapping[str, str] | None = None,
        password: str = "loaxa-bench",  # noqa: S107 - of a rig on the loopback
        seed: int = 0,
        modem_cycle_after_s: float | None = None,
        scrub_every_s: float | None = None,
    ) -> None:
        self._folder = folder
        self._state = state
        self._names = names
        self._say = say
        self._quiet_hours = quiet_hours
        self._boards = boards or {}
        self._password = password
        self._seed = seed
        self._modem_cycle_after_s = modem_cycle_after_s
        self._scrub_every_s = scrub_every_s
        self._stack = AsyncExitStack()
        http, mqtt = f"127.0.0.1:{http_port or free_port()}", f"127.0.0.1:{free_port()}"
        self.hub = HubSite(state / "hub", folder / "hub.log", http=http, mqtt=mqtt)
        self.clusters: dict[str, ClusterSite] = {}
        self.world = World({})

    @property
    def folder(self) -> Path:
        """Takes what is recorded."""
        return self._folder

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
        writable_folder(self._folder)
        writable_folder(self._state)
        await self._lay_out()
        self._stack.push_async_callback(self._stop_cabinets)
        self._stack.push_async_callback(self.hub.stop)
        cabinets = asyncio.create_task(self._start_cabinets())
        try:
            await self._start_hub()
            await cabinets
        finally:
            cabinets.cancel()
        self.world = await self._stack.enter_async_context(
            World({name: site.short for name, site in self.clusters.items()})
        )
        for site in self.clusters.values():
            follower = asyncio.create_task(follow_uplink(site.short, site.link))
            self._stack.push_async_callback(_end, follower)
        self._stack.push_async_callback(self._stop_agents)
        await self.hub.until_ready()
        self._say(f"hub at {self.hub.url}; starting {len(self.clusters)} clusters")
        for site in self.clusters.values():
            await site.start_agent()

    async def _lay_out(self) -> None:
        short = self._short_folder()
        for number, name in enumerate(self._names):
            folder = self._folder / name
            writable_folder(folder)
            writable_folder(self._state / name)
            link = await self._stack.enter_async_context(
                Link(self.hub.mqtt, self.hub.http, seed=self._seed + 2 * number)
            )
            near = folder
            if short is not None:
                near = short / name
                near.symlink_to(folder.resolve())
            self.clusters[name] = ClusterSite(
                name,
                folder,
                state=self._state / name,
                short=near,
                link=link,
                board=find_board(self._boards.get(name, BOARD)),
            )

    def _short_folder(self) -> Path | None:
        """A folder of short paths, when those to the sockets would be too long for Unix."""
        longest = max(len(str(self._folder.resolve() / name)) for name in self._names)
        if longest + len("/cabinet.sock") <= MAX_SOCKET_PATH:
            return None
        short = Path(tempfile.mkdtemp(prefix="loaxa-"))
        self._stack.callback(shutil.rmtree, short, ignore_errors=True)
        return short

    async def _start_hub(self) -> None:
        """Makes the hub and its clusters if need be, and starts it."""
        if not (self._state / "hub" / "hub.toml").exists():
            self._say("making the hub")
        await self.hub.make(quiet_hours=self._quiet_hours, password=self._password)
        missing = [site for site in self.clusters.values() if not site.config.exists()]
        turns = asyncio.Semaphore(AT_ONCE)

        async def add(site: ClusterSite) -> None:
            async with turns:
                await self.hub.add_cluster(
                    site.name, title(site.name), site.config, board=site.board.name
                )

        if missing:
            self._say(f"making {len(missing)} clusters")
        await all_of(add(site) for site in missing)
        await self.hub.start()
        for site in self.clusters.values():
            site.point_at_link()
            site.set_modem(self._modem_cycle_after_s)
            site.set_scrub(self._scrub_every_s)

    async def _start_cabinets(self) -> None:
        for site in self.clusters.values():
            await site.start_cabinet()
        for site in self.clusters.values():
            await site.until_recording()

    async def _stop_agents(self) -> None:
        for site in self.clusters.values():
            site.link.restore()
        await asyncio.gather(*(site.stop_agent() for site in self.clusters.values()))

    async def _stop_cabinets(self) -> None:
        await asyncio.gather(*(site.stop_cabinet() for site in self.clusters.values()))

    async def until_all(
        self,
        what: str,
        holds: Callable[[ClusterState], bool],
        *,
        timeout_s: float = ONLINE_TIMEOUT_S,
    ) -> None:
        """Waits until every cluster is as `holds` wants it, as the hub sees it.

        Raises:
            BenchError: One is not; the line names it.
        """
        waiting: list[str] = []

        async def all_hold() -> bool:
            self.check()
            try:
                states = {str(state.name): state for state in await self.hub.api.clusters()}
            except HubGoneError:
                return False
            waiting[:] = [
                name for name in self._names if name not in states or not holds(states[name])
            ]
            return not waiting

        try:
            await until(all_hold, what, timeout_s=timeout_s)
        except BenchError as error:
            raise BenchError(f"{error}: {', '.join(waiting) or 'the hub'}") from error

    def check(self) -> None:
        """Raises when a part of the rig has ended by itself.

        Raises:
            BenchError: With the last line of its log.
        """
        self.hub.check()
        for site in self.clusters.values():
            site.check()
            site.check_agent()


async def all_of(jobs: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Runs jobs side by side; the first failure ends them all and is raised as it is."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        for task in tasks:
            await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, OSError):
        await task


def title(name: str) -> str:
    """What people call a cluster of the rig."""
    number = int(name.rpartition("-")[2]) - 1
    return TITLES[number] if number < len(TITLES) else f"Cụm {number + 1}"


def free_port() -> int:
    """A port of the loopback that nobody listens on now.

    Raises:
        BenchError: There is none.
    """
    for port in random.sample(PORTS, 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise BenchError("no free port on 127.0.0.1; end what listens there")
