"""Everything that the loop reacts to, in one queue."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from msgspec import Struct

from contract.fault import FaultCode
from contract.ids import Sha256
from hardware.events import HardwareEvent
from hardware.player import PlayerEvent


class LinkIsUp(Struct, frozen=True):
    """The broker has taken our birth; the hub answers the nonce in it with a beacon."""

    nonce: str = ""


class LinkIsDown(Struct, frozen=True):
    """The link does not carry anything now."""


class DesiredCame(Struct, frozen=True, kw_only=True):
    """A plan arrived, not yet verified."""

    note: bytes


class JournalAckCame(Struct, frozen=True, kw_only=True):
    """The hub says which rows it holds, not yet verified."""

    note: bytes


class BeaconCame(Struct, frozen=True, kw_only=True):
    """The hub answered our birth, not yet verified."""

    note: bytes


class CommandCame(Struct, frozen=True, kw_only=True):
    """An order for some clusters of the commune, not yet verified."""

    note: bytes


class KeyLook(Struct, frozen=True, kw_only=True):
    """The cabinet's key has been held for some time: what does it ask for?"""


class SoundArrived(Struct, frozen=True, kw_only=True):
    """A sound is on the card and its hash holds."""

    sha256: Sha256


class SoundRefused(Struct, frozen=True, kw_only=True):
    """What came for a sound was not that sound."""

    sha256: Sha256
    why: str


class DataBudgetChanged(Struct, frozen=True, kw_only=True):
    """A sound is not fetched because this month's data is spent, or none is kept away by that any more."""

    is_spent: bool


class SoundDamaged(Struct, frozen=True, kw_only=True):
    """A sound on the card is not what its name says, or cannot be read: it is held no more."""

    sha256: Sha256


class ModemCycled(Struct, frozen=True, kw_only=True):
    """The modem lost its supply for a moment, because the link had been away for so long."""

    down_s: float
    times: int


class CardRoomChanged(Struct, frozen=True, kw_only=True):
    """The card is full now, or is no more."""

    is_full: bool


class HealthChanged(Struct, frozen=True, kw_only=True):
    """Card or supply are not as they were: what is wrong with them now, each with its figure."""

    faults: Mapping[FaultCode, str]


Event = (
    LinkIsUp
    | ModemCycled
    | LinkIsDown
    | DesiredCame
    | JournalAckCame
    | BeaconCame
    | CommandCame
    | KeyLook
    | SoundArrived
    | SoundRefused
    | SoundDamaged
    | DataBudgetChanged
    | HealthChanged
    | CardRoomChanged
    | HardwareEvent
    | PlayerEvent
)


class Inbox:
    """A queue of events; putting never waits."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Event] = asyncio.Queue()

    def put(self, event: Event) -> None:
        """Adds an event, from the loop's thread."""
        self._queue.put_nowait(event)

    async def get(self) -> Event:
        """The next event."""
        return await self._queue.get()
