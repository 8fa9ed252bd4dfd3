"""What sounds while an emergency is on: its next sound, and until that begins whatever sounds already. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from contract.ids import SlotId
from contract.journal import Reason
from contract.model import Bulletin, Once, Slot
from edge.core.emergency import Emergency, Step, Turn, first_of, turn_of
from edge.core.state import Cue, Limits, Occurrence, Snapshot


class Alarm(Struct, frozen=True, kw_only=True):
    """What the player should hold for an emergency.

    Attributes:
        cues: Its next sound once that is near, behind what it interrupts.
        turn: Where the emergency stands.
        wake_at: When its next sound is to be prepared; None: it is.
    """

    cues: tuple[Cue, ...]
    turn: Turn
    wake_at: datetime | None


def alarm(emergency: Emergency, snapshot: Snapshot, limits: Limits, warm_at: datetime) -> Alarm:
    """The emergency's part in a decision.

    Args:
        emergency: The one that is on.
        snapshot: All that is known.
        limits: Those of the board.
        warm_at: From when on the amplifier lets sound out whole.
    """
    turn = _possible(turn_of(emergency, snapshot.turn, snapshot.now), emergency, snapshot)
    held = next((cue for cue in snapshot.cued if cue.turn == turn), None)
    if held is None and turn.not_before > snapshot.now + timedelta(seconds=limits.prepare_s):
        wake_at = turn.not_before - timedelta(seconds=limits.prepare_s)
        return Alarm(cues=(), turn=turn, wake_at=wake_at)
    cue = held or _cue(emergency, turn, max(turn.not_before, warm_at), snapshot)
    return Alarm(cues=(*_interrupted(emergency, snapshot), cue), turn=turn, wake_at=None)


def _possible(turn: Turn, emergency: Emergency, snapshot: Snapshot) -> Turn:
    """A sound that is not on the card, or is no more, is waited for under the tone and not in silence."""
    if turn.step is Step.TONE or any(cue.turn == turn for cue in snapshot.cued):
        return turn
    sound = _sound(emergency, turn.step, snapshot)
    if sound.sha256 in snapshot.held or sound == snapshot.attention:
        return turn
    return replace(turn, step=Step.TONE)


def _interrupted(emergency: Emergency, snapshot: Snapshot) -> tuple[Cue, ...]:
    """What sounds goes on until the emergency's first sound takes its place: no silence between the two."""
    if emergency.has_begun or snapshot.open is None:
        return ()
    key = snapshot.open.key
    return tuple(one for one in snapshot.cued if one.turn is None and one.key == key)


def _cue(emergency: Emergency, turn: Turn, start_at: datetime, snapshot: Snapshot) -> Cue:
    bulletin = _sound(emergency, turn.step, snapshot)
    slot = Slot(
        id=SlotId(f"{emergency.id}.{turn.step}.{emergency.spoken}"),
        bulletin=bulletin.id,
        when=Once(at=emergency.taken_at),
        owed_from=emergency.taken_at,
        approved_at=emergency.taken_at,
    )
    return Cue(
        occurrence=Occurrence(slot=slot, bulletin=bulletin, planned_at=emergency.taken_at),
        begun_at=start_at,
        start_at=start_at,
        offset_ms=0,
        reason=Reason.PLANNED,
        volume_pct=emergency.volume_pct,
        turn=turn,
    )


def _sound(emergency: Emergency, step: Step, snapshot: Snapshot) -> Bulletin:
    match step:
        case Step.PREFACE if emergency.preface is not None:
            return emergency.preface
        case Step.TONE if snapshot.attention is not None:
            return snapshot.attention
        case _:
            return emergency.bulletin


def overridden_until(snapshot: Snapshot) -> datetime | None:
    """Until when an emergency has kept the programme off the air; now, while one does."""
    is_on = first_of(snapshot.emergencies, snapshot.now) is not None
    return snapshot.now if is_on else snapshot.overridden_until
