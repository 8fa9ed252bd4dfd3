"""Whether a command is obeyed: it is for us, new, and not too old. What signed it was checked before."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from contract.command import MAX_LIFE_S, Command, Refusal
from contract.ids import CommuneId

WINDOW = 64
"""Commands may overtake each other by so many; an older number than this counts as seen (as in IPsec, RFC 4303)."""


class Marks(Struct, frozen=True, kw_only=True):
    """Which commands were obeyed: kept in the ledger, raised before anything is done.

    Attributes:
        high: The highest number obeyed.
        recent: Bit n: number `high` - n was obeyed.
        are_whole: False in a ledger that had to be replaced: what was obeyed before is not known.
    """

    high: int = 0
    recent: int = 0
    are_whole: bool = True

    def have(self, seq: int) -> bool:
        """Whether a number was obeyed, or is so old that it may have been."""
        behind = self.high - seq
        return behind >= 0 and (behind >= WINDOW or bool(self.recent >> behind & 1))

    def after(self, seq: int) -> Marks:
        """The marks once a number is obeyed; they never fall."""
        ahead = max(0, seq - self.high)
        high = self.high + ahead
        recent = (self.recent << min(ahead, WINDOW)) | 1 << (high - seq)
        return Marks(high=high, recent=recent & ((1 << WINDOW) - 1), are_whole=self.are_whole)


def marks_from(seq_floor: int) -> Marks:
    """Marks of a ledger that has none, once the hub has said what is over."""
    return Marks(high=seq_floor, recent=(1 << WINDOW) - 1)


def all_up_to(marks: Marks, seq: int) -> Marks:
    """Marks once everything is stopped: an order from before the stop that comes late is not obeyed after it."""
    ahead = marks.after(seq)
    below = ((1 << WINDOW) - 1) >> min(ahead.high - seq, WINDOW) << min(ahead.high - seq, WINDOW)
    return Marks(high=ahead.high, recent=ahead.recent | below, are_whole=marks.are_whole)


class Bearing(Struct, frozen=True, kw_only=True):
    """What a cluster knows of time and of this connection.

    Attributes:
        now: Its own wall time.
        is_trusted: Whether that may be believed.
        hub_now: The hub's time, carried on from the beacon that answered this connection; None: none has.
        seq_floor: What that beacon said: numbers up to this are over.
    """

    now: datetime
    is_trusted: bool
    hub_now: datetime | None = None
    seq_floor: int = 0


def refusal_of(
    command: Command, commune: CommuneId, marks: Marks, bearing: Bearing
) -> Refusal | None:
    """Why a command is not obeyed; None: it is.

    A command is a message about now. Its age is told by the hub's own clock where a beacon has brought that, by a
    trusted clock of ours else, and by nothing else: who took it from the air last year must wait for ever.
    """
    if command.commune != commune:
        return Refusal.OTHER_COMMUNE
    if marks.have(command.seq):
        return Refusal.REPLAY
    if command.expires_at - command.issued_at > timedelta(seconds=MAX_LIFE_S):
        return Refusal.TOO_LONG_LIVED
    return _refusal_of_age(command, marks, bearing)


def is_asked_again(command: Command, marks: Marks, bearing: Bearing) -> bool:
    """Whether a replay is only the hub asking again because our answer was lost, and nobody's old recording."""
    was_obeyed = marks.have(command.seq) and marks.high - command.seq < WINDOW
    return was_obeyed and (bearing.hub_now or bearing.now) <= command.expires_at


def _refusal_of_age(command: Command, marks: Marks, bearing: Bearing) -> Refusal | None:
    if bearing.hub_now is None and not (bearing.is_trusted and marks.are_whole):
        return Refusal.NO_BEACON
    if not marks.are_whole and command.seq <= bearing.seq_floor:
        return Refusal.REPLAY
    return Refusal.EXPIRED if (bearing.hub_now or bearing.now) > command.expires_at else None
