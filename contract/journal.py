"""The journal: what became of every planned item, as proof, and what else happened on a cluster."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from contract.ids import BulletinId, ClusterId, CommuneId, Sha256, SlotId
from contract.model import CONTRACT_VERSION, Instant
from contract.ports import ClockTrust


class Outcome(StrEnum):
    """What became of a planned item."""

    COMPLETED = "completed"
    PARTIAL = "partial"
    NOT_AIRED = "not_aired"


class Reason(StrEnum):
    """Why an item played as it did, or did not. A person is shown the words for it."""

    PLANNED = "planned"
    JOINED_LATE = "joined_late"
    WAITED = "waited"
    NO_FILE = "no_file"
    LATE_LIMIT = "late_limit"
    WAITED_TOO_LONG = "waited_too_long"
    CLOCK_UNTRUSTED = "clock_untrusted"
    AGENT_DOWN = "agent_down"
    PLAN_LATE = "plan_late"
    STOPPED = "stopped"
    CANCELLED = "cancelled"
    QUIET_HOURS = "quiet_hours"
    PLAYER_FAILED = "player_failed"
    SILENT = "silent"
    AMPLIFIER_SILENT = "amplifier_silent"
    MAINTENANCE = "maintenance"
    EXPIRED = "expired"
    INTERRUPTED = "interrupted"
    OTHER = "other"

    @classmethod
    def _missing_(cls, value: object) -> Reason:
        """A word of a newer program: its row is taken all the same."""
        return cls.OTHER


class EventKind(StrEnum):
    """Rows that are not about a planned item."""

    BOOT = "boot"
    PLAN_ACCEPTED = "plan_accepted"
    PLAN_REFUSED = "plan_refused"
    SOUND_REFUSED = "sound_refused"
    SURGE = "surge"
    ARRESTER_FAILED = "arrester_failed"
    ARRESTER_OK = "arrester_ok"
    RELAY_GUARD = "relay_guard"
    CLOCK_STEPPED = "clock_stepped"
    PLAYER_RESTARTED = "player_restarted"
    FALLBACK_PLAYED = "fallback_played"
    FAULT = "fault"
    FAULT_OVER = "fault_over"
    CLOCK_TRUST = "clock_trust"
    LEDGER_REPLACED = "ledger_replaced"
    MODEM_CYCLED = "modem_cycled"
    NIGHT_RESTART = "night_restart"
    COMMAND_REFUSED = "command_refused"
    KEY_TURNED = "key_turned"
    OTHER = "other"

    @classmethod
    def _missing_(cls, value: object) -> EventKind:
        """A word of a newer program: its row is taken all the same."""
        return cls.OTHER


class Interruption(Struct, frozen=True, kw_only=True):
    """A gap inside an item, in sound: from when to when, and why."""

    from_at: Instant
    to_at: Instant
    reason: Reason


class ItemRow(Struct, frozen=True, kw_only=True, tag="item", tag_field="row"):
    """One planned item, from its planned start to what became of it.

    Attributes:
        number: Position in the ledger epoch, from 1, without gaps.
        bulletin_at_ms: Where in the bulletin it began (not 0 when joined in progress).
        level_db: Measured level of what was played, dBFS, where the output can tell.
        clock_step_s: How far the wall clock was set while it was on air, its instants are by the new time; or over its
            planned start, when it never was.
    """

    number: Annotated[int, Meta(ge=1)]
    slot: SlotId
    bulletin: BulletinId
    sha256: Sha256
    planned_at: Instant
    outcome: Outcome
    reason: Reason
    started_at: Instant | None = None
    ended_at: Instant | None = None
    bulletin_at_ms: int = 0
    duration_ms: int = 0
    volume_pct: int = 0
    clock_trust: ClockTrust = ClockTrust.UNKNOWN
    link_up: bool = False
    plan_version: int = 0
    level_db: float | None = None
    clock_step_s: float = 0.0
    interruptions: tuple[Interruption, ...] = ()


class EventRow(Struct, frozen=True, kw_only=True, tag="event", tag_field="row"):
    """Something that happened on the cluster: a surge, a refused plan, a start.

    Attributes:
        detail: Of a fault or its end: its `contract.fault.FaultCode`, then what else is known.
    """

    number: Annotated[int, Meta(ge=1)]
    event: EventKind
    at: Instant
    clock_trust: ClockTrust = ClockTrust.UNKNOWN
    detail: str = ""
    count: int = 1


JournalRow = ItemRow | EventRow


class JournalBatch(Struct, frozen=True, kw_only=True):
    """Rows on their way to the hub; the same row may come any number of times.

    Attributes:
        held_from: The oldest row that the cluster still holds. What lies below and the hub does not hold is gone for
            good: the hub waits for it no longer.
    """

    v: int = CONTRACT_VERSION
    epoch: str
    rows: tuple[JournalRow, ...]
    held_from: Annotated[int, Meta(ge=1)] = 1


class JournalAck(Struct, frozen=True, kw_only=True):
    """The hub holds every row of `epoch` up to and including `up_to`. Signed.

    A hub that was put back from an old backup holds less than it once acknowledged: the cluster, which keeps
    acknowledged rows for long, sends again what lies above.
    """

    v: int = CONTRACT_VERSION
    kind: str = "journal-ack"
    commune: CommuneId
    cluster: ClusterId
    epoch: str
    up_to: Annotated[int, Meta(ge=0)]
    issued_at: Instant
