"""Player and relay of a cabinet on a jumping clock: they keep to their instants, fail as told, and note it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from contract.ids import SlotId
from hardware.events import RelayGuardTripped
from hardware.player import Failed, HeardOut, PlayerEvent, Prepared, Progress, Started
from tests.sixty_days.jumping import Agenda, JumpingClock

NEWS_S = 0.02
"""From what happens in the player to what the loop hears of it."""
PROGRESS_S = 60.0


class Heard(Struct, kw_only=True):
    """One stretch of sound, by true time in microseconds."""

    key: tuple[SlotId, datetime]
    offset_ms: int
    from_us: int
    to_us: int | None = None
    is_hung: bool = False


class Playing(Struct, kw_only=True):
    """One item that the player holds."""

    key: tuple[SlotId, datetime]
    offset_ms: int
    whole_ms: int
    start_us: int | None = None
    heard: Heard | None = None


def key_of(item: str) -> tuple[SlotId, datetime]:
    """What the loop's name of an item says."""
    slot, _, rest = item.partition("@")
    return SlotId(slot), datetime.fromisoformat(rest.partition("#")[0])


class JumpingPlayer:
    """Plays what is never there to be heard.

    Attributes:
        heard: Every stretch of sound, in order.
        broken: Fails whatever it is given.
        hangs: Never comes to an end of what it begins.
        troubles_us: When it failed or hung.
    """

    def __init__(self, clock: JumpingClock, agenda: Agenda, lengths_ms: dict[str, int]) -> None:
        self._clock = clock
        self._agenda = agenda
        self._lengths_ms = lengths_ms
        self._items: dict[str, Playing] = {}
        self.heard: list[Heard] = []
        self.broken = False
        self.hangs = False
        self.troubles_us: list[int] = []
        self.on_event: Callable[[PlayerEvent], None] = lambda event: None

    def _say(self, event: PlayerEvent) -> None:
        tell = self.on_event
        self._agenda.after_s(NEWS_S, lambda: tell(event))

    @property
    def is_ready(self) -> bool:
        return True

    def restart(self, why: str) -> None:
        for item in list(self._items):
            self._end(item)

    async def prepare(self, item: str, path: str, *, offset_ms: int, volume_pct: int) -> None:
        assert 0 <= volume_pct <= 100
        self._items[item] = Playing(
            key=key_of(item), offset_ms=offset_ms, whole_ms=self._lengths_ms[Path(path).stem]
        )
        if self.broken:
            self.fail()
        else:
            self._say(Prepared(item=item))

    def start_at(self, item: str, mono_ns: int) -> None:
        if (held := self._items.get(item)) is not None:
            ahead_us = (mono_ns - self._clock.mono_ns()) / 1000
            held.start_us = self._clock.passed_us + round(max(0.0, ahead_us))
            self._agenda.at_us(held.start_us, lambda: self._begin(item, held))

    def _begin(self, item: str, held: Playing) -> None:
        if self._items.get(item) is not held:
            return
        now_us = self._clock.passed_us
        for other, sounding in list(self._items.items()):
            if sounding.heard is not None:
                self._end(other)
                self._say(HeardOut(item=other))
        held.heard = Heard(key=held.key, offset_ms=held.offset_ms, from_us=now_us)
        self.heard.append(held.heard)
        self._say(Started(item=item, mono_ns=self._clock.mono_ns()))
        if self.hangs:
            held.heard.is_hung = True
            self.troubles_us.append(now_us)
            return
        left_s = (held.whole_ms - held.offset_ms) / 1000
        self._agenda.after_s(left_s, lambda: self._heard_out(item, held))
        self._agenda.after_s(PROGRESS_S, lambda: self._progress(item, held))

    def _progress(self, item: str, held: Playing) -> None:
        if self._items.get(item) is held and held.heard is not None:
            passed_ms = (self._clock.passed_us - held.heard.from_us) // 1000
            self.on_event(Progress(item=item, position_ms=passed_ms, level_db=-20.0))
            self._agenda.after_s(PROGRESS_S, lambda: self._progress(item, held))

    def _heard_out(self, item: str, held: Playing) -> None:
        if self._items.get(item) is held:
            self._end(item)
            self._say(HeardOut(item=item))

    def _end(self, item: str) -> None:
        gone = self._items.pop(item, None)
        if gone is not None and gone.heard is not None:
            gone.heard.to_us = self._clock.passed_us

    def stop(self, item: str) -> None:
        self._end(item)

    def fail(self) -> None:
        """The worker dies with all that it holds."""
        if self._items:
            self.troubles_us.append(self._clock.passed_us)
        for item in list(self._items):
            self._end(item)
            self._say(Failed(item=item, why="the worker has died"))

    def cut(self) -> None:
        """The power is gone, or the agent that held it."""
        for item in list(self._items):
            self._end(item)
        self.on_event = lambda event: None


class JumpingRelay:
    """Attributes:
    on_us: Each stretch in which it was on, by true time; the last may be open.
    """

    def __init__(self, clock: JumpingClock) -> None:
        self._clock = clock
        self.on_us: list[list[int]] = []
        self.trips_us: list[int] = []

    @property
    def is_on(self) -> bool:
        return bool(self.on_us) and len(self.on_us[-1]) == 1

    def turn_on(self) -> None:
        if not self.is_on:
            self.on_us.append([self._clock.passed_us])

    def turn_off(self) -> None:
        if self.is_on:
            self.on_us[-1].append(self._clock.passed_us)

    def trip(self) -> RelayGuardTripped | None:
        """Its guard acts, when it is on."""
        if not self.is_on:
            return None
        self.turn_off()
        self.trips_us.append(self._clock.passed_us)
        return RelayGuardTripped(relay="amp", why="on for 18000 s")
