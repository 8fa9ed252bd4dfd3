"""The values that the cluster decides from, and what it decides."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from contract.ids import BulletinId, Sha256, SlotId
from contract.journal import Interruption, Outcome, Reason
from contract.model import Bulletin, Desired, Slot
from contract.policy import AMPLIFIER_HOLD_S, AMPLIFIER_WARM_UP_S, Precedence, precedence
from contract.ports import ClockTrust
from edge.core.emergency import Emergency, Turn

OccurrenceKey = tuple[SlotId, datetime]
"""A slot and one of its planned starts: what a journal row is about."""


class Occurrence(Struct, frozen=True, kw_only=True):
    """One planned start of one slot."""

    slot: Slot
    bulletin: Bulletin
    planned_at: datetime

    @property
    def key(self) -> OccurrenceKey:
        """What its journal row is about."""
        return (self.slot.id, self.planned_at)

    @property
    def duration(self) -> timedelta:
        """Length of its sound."""
        return timedelta(milliseconds=self.bulletin.duration_ms)

    @property
    def last_start_at(self) -> datetime:
        """After this it is skipped."""
        return self.planned_at + timedelta(seconds=self.slot.late_limit_s)

    @property
    def rank(self) -> tuple[int, datetime, datetime, str]:
        """Lowest goes first: precedence, then who was planned, approved and named earlier."""
        first: Precedence = precedence(self.bulletin.priority)
        return (-first, self.planned_at, self.slot.approved_at, self.slot.id)


class OpenItem(Struct, frozen=True, kw_only=True):
    """The item on air, as the ledger keeps it, so that a new start of the agent knows of it.

    Attributes:
        begun_at: Where the first sample of the bulletin lies on the time line, heard or not.
        started_at: When it was first heard.
        bulletin_at_ms: Position in the bulletin at `started_at`.
        heard_until: Last instant at which it is known to have sounded.
        clock_step_s: How far the wall clock was set while it was on air.
    """

    slot: SlotId
    bulletin: BulletinId
    sha256: Sha256
    planned_at: datetime
    begun_at: datetime
    started_at: datetime
    heard_until: datetime
    bulletin_at_ms: int
    duration_ms: int
    reason: Reason
    volume_pct: int
    clock_trust: ClockTrust
    link_up: bool
    plan_version: int
    level_db: float | None = None
    clock_step_s: float = 0.0
    interruptions: tuple[Interruption, ...] = ()

    @property
    def key(self) -> OccurrenceKey:
        """What its journal row is about."""
        return (self.slot, self.planned_at)

    @property
    def ends_at(self) -> datetime:
        """When its last sample is due."""
        return self.begun_at + timedelta(milliseconds=self.duration_ms)


class Cue(Struct, frozen=True, kw_only=True):
    """A sound that the player holds ready or plays: from which position, and exactly when.

    Attributes:
        begun_at: Where the first sample of the bulletin lies on the time line.
        start_at: When the sample at `offset_ms` sounds.
        turn: Of an emergency: which of its sounds this is; None: it is the programme's.
    """

    occurrence: Occurrence
    begun_at: datetime
    start_at: datetime
    offset_ms: int
    reason: Reason
    volume_pct: int
    turn: Turn | None = None

    @property
    def key(self) -> OccurrenceKey:
        """What its journal row is about."""
        return self.occurrence.key

    @property
    def ends_at(self) -> datetime:
        """When its last sample is due."""
        return self.begun_at + self.occurrence.duration


class Aired(Struct, frozen=True, kw_only=True):
    """When a closed item was on air; it kept others waiting."""

    begun_at: datetime
    ended_at: datetime


class Snapshot(Struct, frozen=True, kw_only=True):
    """All that one turn decides from.

    Attributes:
        held: Sounds on the card that were verified.
        closed: Items with a journal row; None: they never sounded.
        watermark: Planned starts before this have their row; None: none was ever owed.
        owed_since: No planned start before this was ever owed, however far the clock was set back since.
        cued: What the player holds ready or plays.
        failures: How often the player has failed on an item.
        player_ready: Whether the player is there; one that starts just now can only be given what lies ahead.
        filling: The station chime sounds in place of the item on air.
        amplifier_on_at: When the amplifier was switched on; None: it is off.
        sound_ended_at: When the player was last heard out.
        guard_tripped_at: When the relay's guard last switched the amplifier off.
        booted_at: Start of the agent.
        trusted_since: Since when wall time is trusted and has not been set.
        clock_set_at: When wall time was last set since the start of the agent.
        plan_accepted_at: When the plan in force came.
        emergencies: Those taken and not over, in the order in which they were taken.
        turn: Where the emergency on air stands.
        attention: The attention tone, which every cluster has.
        overridden_until: When the last emergency ended: until then the programme was kept off the air.
    """

    now: datetime
    trust: ClockTrust
    plan: Desired | None
    held: frozenset[Sha256] = frozenset()
    closed: Mapping[OccurrenceKey, Aired | None] = {}
    open: OpenItem | None = None
    watermark: datetime | None = None
    owed_since: datetime | None = None
    cued: tuple[Cue, ...] = ()
    failures: Mapping[OccurrenceKey, int] = {}
    player_ready: bool = True
    filling: bool = False
    amplifier_on_at: datetime | None = None
    sound_ended_at: datetime | None = None
    guard_tripped_at: datetime | None = None
    booted_at: datetime | None = None
    trusted_since: datetime | None = None
    clock_set_at: datetime | None = None
    plan_accepted_at: datetime | None = None
    emergencies: tuple[Emergency, ...] = ()
    turn: Turn | None = None
    attention: Bulletin | None = None
    overridden_until: datetime | None = None


class Limits(Struct, frozen=True, kw_only=True):
    """Times that the board and the rules set.

    Attributes:
        warm_up_s: From switching the amplifier on to full sound (the settle time of a transmitter).
        warm_up_margin_s: Added ahead of the warm-up, so that no first syllable is lost.
        hold_s: The amplifier stays on so long after the last sample.
        keep_on_s: It is not switched off for a pause shorter than this and the warm-up.
        prepare_s: A sound is opened in the player so long before its start.
        join_s: Time that the player gets to join a running item.
        heard_out_grace_s: An item not heard out so long after its end is closed as partial.
        guard_rest_s: Nothing sounds for so long after the relay's guard has acted.
        quiet_grace_s: What is on air as quiet hours begin is not cut when no more than this is left of it.
        synchronised_settle_s: What a set clock has jumped over is called missed so long after, when the network vouches
            for it: it may be set back at once.
        settle_s: The same when only the cabinet's own clock vouches for the time.
        boot_settle_s: And after a start of the agent, which may have followed a wrong clock.
        lookback_days: Missed items older than this get no row: a month without power, and some days.
    """

    warm_up_s: float = AMPLIFIER_WARM_UP_S
    warm_up_margin_s: float = 0.2
    hold_s: float = AMPLIFIER_HOLD_S
    keep_on_s: float = 3.0
    prepare_s: float = 4.0
    join_s: float = 1.0
    heard_out_grace_s: float = 5.0
    guard_rest_s: float = 600.0
    horizon_s: float = 26 * 3600.0
    quiet_grace_s: float = 5.0
    synchronised_settle_s: float = 30.0
    settle_s: float = 600.0
    boot_settle_s: float = 120.0
    lookback_days: int = 35
    player_failures: int = 3


class Closing(Struct, frozen=True, kw_only=True):
    """An item that will sound no more (or never did), and why."""

    occurrence: Occurrence | None
    outcome: Outcome
    reason: Reason
    ended_at: datetime | None = None


class Decision(Struct, frozen=True, kw_only=True):
    """What should be, from now until `wake_at` or the next event.

    Attributes:
        cues: What the player should hold or play, in order; at most two.
        closings: Items to journal as not aired.
        close_open: How the item on air ends now, if it does.
        watermark: Planned starts before this need no more thought; None: none was ever owed.
        waiting_for: Sounds that are due and not held.
        turn: Where the emergency on air stands.
        expired: Emergencies to forget: they may not sound any more.
    """

    cues: tuple[Cue, ...]
    amplifier_on: bool
    closings: tuple[Closing, ...]
    close_open: Closing | None
    wake_at: datetime
    watermark: datetime | None
    waiting_for: tuple[Sha256, ...] = ()
    turn: Turn | None = None
    expired: tuple[Emergency, ...] = ()
