"""Acts on a cabinet's devices to read how they are: each probe leaves the relay off."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from hardware.board import Board
from hardware.devices import Devices
from hardware.events import ArresterChanged, HardwareEvent
from hardware.judging import RelayReading, SoundReading
from hardware.player import Failed, HeardOut, PlayerEvent, Prepared
from hardware.relay import RelayError
from hardware.tone import LENGTH_S, write_tone

CLICK_S = 0.3
PATIENCE_S = 15.0
"""A small Pi needs seconds to start its player."""
VOLUME_PCT = 80
TONE = "selftest-tone"
Event = HardwareEvent | PlayerEvent


class Prober:
    """Reads one cabinet.

    Args:
        devices: Are open.
        board: How they are wired.
    """

    def __init__(self, devices: Devices, board: Board, events: asyncio.Queue[Event]) -> None:
        self._devices = devices
        self._board = board
        self._events = events

    async def click_relay(self) -> RelayReading:
        """Switches the amplifier's relay on and off again."""
        relay = self._devices.amplifier
        try:
            relay.turn_on()
            await asyncio.sleep(CLICK_S)
            went_on = relay.is_on
            relay.turn_off()
        except RelayError as error:
            return RelayReading(why=str(error))
        return RelayReading(went_on=went_on, went_off=not relay.is_on)

    async def read_arrester(self) -> bool | None:
        """The arrester's loop, debounced; None when the sensor says nothing."""
        event = await self._next(ArresterChanged, patience_s=self._board.arrester.debounce_s + 5.0)
        return event.ok if isinstance(event, ArresterChanged) else None

    async def open_tone(self) -> SoundReading:
        """Opens the tone in the player, without letting anything sound."""
        with TemporaryDirectory(prefix="loaxa-") as folder:
            reading = await self._prepare(Path(folder))
            self._devices.player.stop(TONE)
        return reading

    async def play_tone(self) -> SoundReading:
        """Lets the tone sound through the warm amplifier."""
        with TemporaryDirectory(prefix="loaxa-") as folder:
            reading = await self._prepare(Path(folder))
            if not reading.heard_out:
                return reading
            self._devices.amplifier.turn_on()
            try:
                return await self._sound()
            finally:
                self._devices.amplifier.turn_off()

    async def _prepare(self, folder: Path) -> SoundReading:
        tone = write_tone(folder / "tone.wav")
        await self._devices.player.prepare(TONE, str(tone), offset_ms=0, volume_pct=VOLUME_PCT)
        return _reading(await self._next(Prepared, Failed, patience_s=PATIENCE_S))

    async def _sound(self) -> SoundReading:
        warm_up_ns = round(self._board.warm_up_s * 1e9)
        self._devices.player.start_at(TONE, self._devices.clock.mono_ns() + warm_up_ns)
        patience_s = self._board.warm_up_s + LENGTH_S + PATIENCE_S
        reading = _reading(await self._next(HeardOut, Failed, patience_s=patience_s))
        await asyncio.sleep(self._board.hold_s)
        return reading

    async def _next(self, *kinds: type[Event], patience_s: float) -> Event | None:
        try:
            async with asyncio.timeout(patience_s):
                while not isinstance(event := await self._events.get(), kinds):
                    pass
        except TimeoutError:
            return None
        return event


def _reading(event: Event | None) -> SoundReading:
    if isinstance(event, Failed):
        return SoundReading(heard_out=False, why=event.why)
    why = "" if event else "the player does not answer"
    return SoundReading(heard_out=event is not None, why=why)
