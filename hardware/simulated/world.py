"""The world around simulated cabinets: one hand that steers contacts, clocks, power and amplifiers of all of them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hardware.simulated.wire import SOCKET_NAME, hello

Facts = dict[str, Any]


class WorldError(RuntimeError):
    """A cabinet does not do what the world asks."""


class World:
    """Steers cabinets by their sockets; what is asked of several happens to all at once.

    Args:
        folders: Cluster name to its cabinet's folder.
    """

    def __init__(self, folders: dict[str, Path]) -> None:
        self._folders = folders
        self._links: dict[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def __aenter__(self) -> Self:
        for cluster, folder in self._folders.items():
            reader, writer = await asyncio.open_unix_connection(folder / SOCKET_NAME)
            writer.write(hello("world"))
            self._links[cluster] = (reader, writer)
            self._locks[cluster] = asyncio.Lock()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        for _, writer in self._links.values():
            writer.close()

    async def ask(self, cluster: str, **request: Any) -> Facts:  # noqa: ANN401 - each verb has its own facts
        """One request to one cabinet.

        Raises:
            WorldError: It refused, or is gone.
        """
        reader, writer = self._links[cluster]
        async with self._locks[cluster]:
            writer.write(json.dumps(request).encode() + b"\n")
            line = await _answer(reader)
        if not line:
            raise WorldError(f"{cluster}: the cabinet is gone")
        answer: Facts = json.loads(line)
        if "error" in answer:
            raise WorldError(f"{cluster}: {answer['error']}")
        return answer

    async def pulse(self, clusters: list[str], pin: str, *, width_ms: int = 50) -> None:
        """A contact closes for a moment, everywhere at once: a surge in the mains."""
        await asyncio.gather(
            *(self.ask(one, do="pulse", pin=pin, width_ms=width_ms) for one in clusters)
        )

    async def set_input(self, clusters: list[str], pin: str, *, closed: bool) -> None:
        """A contact opens or closes, and stays so."""
        await asyncio.gather(
            *(self.ask(one, do="set_input", pin=pin, level=int(closed)) for one in clusters)
        )

    async def set_clock(self, clusters: list[str], **facts: float | bool | None) -> None:
        """Changes facts of clocks, as `hardware.simulated.cabinet` lists them."""
        await asyncio.gather(*(self.ask(one, do="clock", **facts) for one in clusters))

    async def set_power(self, clusters: list[str], *, on: bool) -> None:
        """Cuts or restores power: every output falls to its wired rest."""
        await asyncio.gather(*(self.ask(one, do="power", on=on) for one in clusters))

    async def set_machine(self, clusters: list[str], **facts: float | bool) -> None:
        """Changes what the kernels of computers tell of card and supply (`machine_files.HEALTHY`)."""
        await asyncio.gather(*(self.ask(one, do="machine", **facts) for one in clusters))

    async def set_amplifier_dead(self, clusters: list[str], *, dead: bool) -> None:
        """Breaks or mends amplifiers."""
        await asyncio.gather(*(self.ask(one, do="amp_dead", dead=dead) for one in clusters))

    async def hang_modem(self, clusters: list[str], *, boot_s: float) -> None:
        """Modems carry nothing more until they lose supply, and then boot for so long."""
        await asyncio.gather(*(self.ask(one, do="modem_hang", boot_s=boot_s) for one in clusters))

    async def set_card_silent(
        self, clusters: list[str], *, silent: bool, until_restart: bool
    ) -> None:
        """Sound cards put out zeros although all seems well, for good or until their player starts anew."""
        await asyncio.gather(
            *(
                self.ask(one, do="card_silent", silent=silent, until_restart=until_restart)
                for one in clusters
            )
        )

    async def finish(self) -> None:
        """Every cabinet writes its recording to the end and ends."""
        await asyncio.gather(
            *(self.ask(one, do="finish") for one in self._folders), return_exceptions=True
        )


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """One line; nothing when the cabinet is gone."""
    try:
        return await reader.readline()
    except ConnectionError:
        return b""
