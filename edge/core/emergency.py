"""Emergencies on one cluster: who waits, which of its sounds comes next, and when it is over. Pure.

One emergency is the attention tone, then the bulletin, repeated with a gap; in a drill the words that say so come
before it each time. What the card does not hold yet is waited for under the tone, which sounds again until all of it
is there and its hash holds.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from contract.command import Command, Mode, StartEmergency
from contract.ids import Sha256
from contract.model import Bulletin

GRACE = timedelta(minutes=2)
TONE_AGAIN_S = 2.0
"""Between two attention tones while the bulletin is on its way."""


class Step(StrEnum):
    """One sound of an emergency."""

    TONE = "tone"
    PREFACE = "preface"
    SPEECH = "speech"


class Emergency(Struct, frozen=True, kw_only=True):
    """An emergency that was taken, until it is spoken out, stopped or no longer valid. Kept in the ledger.

    Attributes:
        id: Of the command that began it.
        taken_at: When it was taken, by this cluster's clock.
        until: Not begun after this, by this cluster's clock as it was set against the hub's when it was taken.
        spoken: How often the bulletin has been spoken whole.
        has_begun: Something of it has sounded: it goes on also when `until` passes.
        started_at: When its first sound was heard.
        local: It was not the hub that ordered it, but somebody at the cabinet.
    """

    id: str
    bulletin: Bulletin
    preface: Bulletin | None = None
    repeats: int
    gap_s: int
    volume_pct: int
    mode: Mode
    taken_at: datetime
    until: datetime
    spoken: int = 0
    has_begun: bool = False
    started_at: datetime | None = None
    local: bool = False

    @property
    def sounds(self) -> tuple[Bulletin, ...]:
        """What must be on the card before it can be spoken, in the order in which it is spoken."""
        return (self.bulletin,) if self.preface is None else (self.preface, self.bulletin)

    @property
    def opening(self) -> Step:
        """The first sound of each time that it is spoken."""
        return Step.SPEECH if self.preface is None else Step.PREFACE

    @property
    def ends_by(self) -> datetime:
        """One that has begun is over by then, also when its sound never comes or the player plays none of it."""
        once = timedelta(milliseconds=sum(sound.duration_ms for sound in self.sounds))
        return self.until + GRACE + self.repeats * (once + timedelta(seconds=self.gap_s))

    def may_sound(self, now: datetime) -> bool:
        """Whether it may sound now: begun in time, and not for ever."""
        return now <= (self.ends_by if self.has_begun else self.until)

    @property
    def is_spoken_out(self) -> bool:
        """Whether nothing of it is left to say."""
        return self.spoken >= self.repeats


class Turn(Struct, frozen=True, kw_only=True):
    """Where the emergency on air stands. In memory only: a new start of the agent begins with the tone again.

    Attributes:
        emergency: Its id.
        step: The sound that comes next, or sounds now.
        not_before: That sound does not begin before this.
    """

    emergency: str
    step: Step
    not_before: datetime


def taken(order: StartEmergency, command: Command, now: datetime, hub_now: datetime) -> Emergency:
    """The emergency that a command begins.

    Args:
        order: What it says.
        command: Which says it.
        now: By this cluster's clock.
        hub_now: The same instant by the hub's clock, as far as it is known here.
    """
    return Emergency(
        id=command.id,
        bulletin=order.bulletin,
        preface=order.preface,
        repeats=order.repeats,
        gap_s=order.gap_s,
        volume_pct=order.volume_pct,
        mode=command.mode,
        taken_at=now,
        until=now + (command.expires_at - hub_now),
    )


def first_of(queue: tuple[Emergency, ...], now: datetime) -> Emergency | None:
    """The emergency that sounds now: in the order in which they were taken; none is refused."""
    return next((one for one in queue if one.may_sound(now)), None)


def expired(queue: tuple[Emergency, ...], now: datetime) -> tuple[Emergency, ...]:
    """Emergencies that may not sound any more."""
    return tuple(one for one in queue if not one.may_sound(now))


def turn_of(emergency: Emergency, turn: Turn | None, now: datetime) -> Turn:
    """Where an emergency stands: as it stood, or at its tone when it is new on air."""
    if turn is not None and turn.emergency == emergency.id:
        return turn
    return Turn(emergency=emergency.id, step=Step.TONE, not_before=now)


def after_step(
    emergency: Emergency, turn: Turn, held: frozenset[Sha256], at: datetime
) -> tuple[Emergency, Turn]:
    """What is left once a sound of it was heard out at `at`."""
    match turn.step:
        case Step.TONE if not held.issuperset(sound.sha256 for sound in emergency.sounds):
            return emergency, replace(turn, not_before=at + timedelta(seconds=TONE_AGAIN_S))
        case Step.TONE:
            return emergency, replace(turn, step=emergency.opening, not_before=at)
        case Step.PREFACE:
            return emergency, replace(turn, step=Step.SPEECH, not_before=at)
        case Step.SPEECH:
            next_at = at + timedelta(seconds=emergency.gap_s)
            return (
                replace(emergency, spoken=emergency.spoken + 1),
                replace(turn, step=emergency.opening, not_before=next_at),
            )


def shifted(queue: tuple[Emergency, ...], step: timedelta) -> tuple[Emergency, ...]:
    """The queue after a step of the wall clock: what it knows of time moves along."""
    return tuple(
        replace(
            one,
            taken_at=one.taken_at + step,
            until=one.until + step,
            started_at=None if one.started_at is None else one.started_at + step,
        )
        for one in queue
    )
