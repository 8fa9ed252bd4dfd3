"""Simulated GPIO: gpiozero's own mock pins, tied to the pins of a cabinet process.

What a driver switches is told to the cabinet at that moment; what the cabinet's contacts do, the drivers read. A
contact (level 1: closed) pulls its pin to ground. When the agent is gone its outputs keep their level, as on newer
Pi kernels.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gpiozero.pins.mock import MockFactory, MockPin

from hardware.board import Board
from hardware.clock import SystemClock
from hardware.events import ClockChanged
from hardware.simulated.clock import SimulatedClock
from hardware.simulated.modem import SimulatedModem
from hardware.simulated.wire import SOCKET_NAME, hello

log = logging.getLogger(__name__)

AGAIN_S = 0.5
CHUNK = 65536


class CabinetPin(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """A mock pin that says when it is driven, also to the level that it seems to have: another may have driven it."""

    def _set_state(self, value: bool) -> None:  # noqa: FBT001 - gpiozero's own signature
        super()._set_state(value)
        self.factory.on_driven(self.info.name, bool(value))


class CabinetFactory(MockFactory):  # type: ignore[misc]  # gpiozero has no types
    """Makes cabinet pins."""

    def __init__(self, on_driven: Callable[[str, bool], None]) -> None:
        super().__init__(pin_class=CabinetPin)
        self.on_driven = on_driven


class CabinetPins:
    """The agent's side of a simulated cabinet: its pins and its clock.

    Args:
        folder: The cabinet's folder, with its socket.
        board: Gives pins their names.
        on_event: Is told when the clock was changed.
    """

    def __init__(
        self, folder: Path, board: Board, on_event: Callable[[ClockChanged], None]
    ) -> None:
        self._path = folder / SOCKET_NAME
        self._on_event = on_event
        self._host = SystemClock()
        self._outputs = {f"GPIO{pin.gpio}": pin.name for pin in board.relays}
        self._inputs = {
            pin.name: pin.gpio for pin in (board.arrester, board.surge_pulse, *board.key.all)
        }
        self._levels: dict[str, int] = {}
        self._socket: socket.socket | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._buffer = b""
        self._said_lost = False
        self.factory = CabinetFactory(self._driven)
        self.clock = SimulatedClock(self._host)
        self.modem = SimulatedModem(self._host)

    @property
    def is_lost(self) -> bool:
        """Whether there is no cabinet at the other end now."""
        return self._socket is None

    def connect(self) -> None:
        """Connects and takes the present state of contacts and clock.

        Raises:
            OSError: There is no cabinet.
        """
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._buffer = b""
        try:
            connection.settimeout(5.0)
            connection.connect(str(self._path))
            connection.sendall(hello("pins"))
            self._socket = connection
            while not self._take(connection.recv(CHUNK)):
                pass
        except OSError:
            connection.close()
            self._socket = None
            raise

    async def __aenter__(self) -> Self:
        self.connect()
        self._listen()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the cabinet."""
        if self._retry is not None:
            self._retry.cancel()
        self._let_go()
        self.factory.close()

    def _let_go(self) -> None:
        connection, self._socket = self._socket, None
        if connection is not None:
            with contextlib.suppress(RuntimeError, ValueError):
                asyncio.get_running_loop().remove_reader(connection)
            connection.close()

    def refresh(self) -> None:
        """Brings newly opened inputs to the level of their contacts."""
        for name, level in self._levels.items():
            self._contact(name, level)

    # From the cabinet

    def _listen(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().add_reader(self._socket, self._read)

    def _read(self) -> None:
        if self._socket is None:
            return
        try:
            data = self._socket.recv(CHUNK)
        except OSError:
            data = b""
        if data:
            self._take(data)
        else:
            self._lost()

    def _lost(self) -> None:
        """Tries again after a while, never at once: who took the connection away would lose it in turn."""
        if not self._said_lost:
            log.warning("the simulated cabinet is gone, or another program took it")
            self._said_lost = True
        self._let_go()
        self._retry = asyncio.get_running_loop().call_later(AGAIN_S, self._try_again)

    def _try_again(self) -> None:
        try:
            self.connect()
        except OSError:
            self._retry = asyncio.get_running_loop().call_later(AGAIN_S, self._try_again)
            return
        self._listen()
        self.refresh()

    def _take(self, data: bytes) -> bool:
        """Takes whole lines; says whether the clock's state was among them (it comes last at the start)."""
        if not data:
            raise ConnectionResetError("the simulated cabinet closed the connection")
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        facts = [json.loads(line) for line in lines]
        for fact in facts:
            self._learn(fact)
        return any("clock" in fact for fact in facts)

    def _learn(self, fact: dict[str, Any]) -> None:
        if "clock" in fact:
            self._learn_clock(**fact["clock"])
            self._on_event(ClockChanged())
        elif fact["pin"] in self._inputs:
            self._levels[fact["pin"]] = fact["level"]
            self._contact(fact["pin"], fact["level"])

    def _learn_clock(
        self,
        *,
        offset_s: float,
        synchronised: bool,
        rtc: bool,
        cell_offset_s: float | None,
        boot: int,
        **_others: object,
    ) -> None:
        self.clock.set(offset_s=offset_s, synchronised=synchronised, rtc=rtc, boot=boot)
        self.modem.offset_s = cell_offset_s

    def _contact(self, name: str, level: int) -> None:
        pin = self.factory.pin(self._inputs[name])
        if pin.function == "input":
            pin.drive_low() if level else pin.drive_high()

    # To the cabinet

    def _driven(self, gpio: str, level: bool) -> None:  # noqa: FBT001 - called by the pin
        name = self._outputs.get(gpio)
        if name is None or self._socket is None:
            return
        fact = {"t_ns": self._host.epoch_ns(), "pin": name, "level": int(level)}
        with contextlib.suppress(OSError):
            self._socket.sendall(json.dumps(fact).encode() + b"\n")
