"""The plan that a hub gives to a cluster: bulletins, slots and the rules around them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from contract.ids import (
    NAME_PATTERN,
    SHA256_PATTERN,
    BulletinId,
    ClusterId,
    CommuneId,
    Sha256,
    SlotId,
)
from contract.pack import Pinned

CONTRACT_VERSION = 1
LATE_LIMIT_S = 600
"""A late item is joined in progress within this, else skipped (Rivendell's grace time, as a default)."""
ZONE = "Asia/Ho_Chi_Minh"
"""Local time of every commune; Viet Nam has one zone and no summer time."""

Instant = Annotated[datetime, Meta(tz=True)]
"""An aware instant; on the wire ISO 8601 with its offset."""
Name = Annotated[str, Meta(pattern=NAME_PATTERN)]
LocalTime = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$")]
"""Time of day in the commune, HH:MM or HH:MM:SS."""
LocalDate = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Weekday = Annotated[int, Meta(ge=1, le=7)]
"""ISO weekday: 1 Monday (thứ 2) to 7 Sunday (chủ nhật)."""
Percent = Annotated[int, Meta(ge=0, le=100)]


class Priority(StrEnum):
    """The three kinds of bulletin of Circular 39/2020/TT-BTTTT."""

    NORMAL = "normal"
    PRIORITY = "priority"
    EMERGENCY = "emergency"


class Bulletin(Struct, frozen=True, kw_only=True):
    """One item to broadcast, as the sound file that every cluster plays.

    Attributes:
        sha256: Hash of the sound file, which is also its address at the hub.
        size_bytes: Length of the sound file.
        duration_ms: Length of the sound.
    """

    id: BulletinId
    title: str
    sha256: Annotated[Sha256, Meta(pattern=SHA256_PATTERN)]
    size_bytes: Annotated[int, Meta(gt=0)]
    duration_ms: Annotated[int, Meta(gt=0)]
    priority: Priority = Priority.NORMAL


class Once(Struct, frozen=True, kw_only=True, tag="once", tag_field="kind"):
    """One planned start."""

    at: Instant


class Weekly(Struct, frozen=True, kw_only=True, tag="weekly", tag_field="kind"):
    """Planned starts that return every week, at local times of day.

    Attributes:
        days: ISO weekdays on which it starts.
        times: Local times of day at which it starts.
        from_date: First local day, if it is bounded.
        until_date: Last local day (included), if it is bounded.
    """

    days: Annotated[tuple[Weekday, ...], Meta(min_length=1, max_length=7)]
    times: Annotated[tuple[LocalTime, ...], Meta(min_length=1, max_length=24)]
    from_date: LocalDate | None = None
    until_date: LocalDate | None = None


class Slot(Struct, frozen=True, kw_only=True):
    """The planned time of a bulletin.

    Attributes:
        owed_from: Planned starts before this instant are not owed (the slot did not exist or was changed then).
        approved_at: Decides between slots that tie.
        late_limit_s: How late it may still start or be joined in progress.
        in_quiet_hours: Whether a person allowed it to sound in quiet hours.
        volume_pct: Volume for this slot, else the cluster's own.
    """

    id: SlotId
    bulletin: BulletinId
    when: Once | Weekly
    owed_from: Instant
    approved_at: Instant
    late_limit_s: Annotated[int, Meta(ge=0, le=24 * 3600)] = LATE_LIMIT_S
    in_quiet_hours: bool = False
    volume_pct: Percent | None = None


class Stop(Struct, frozen=True, kw_only=True):
    """A planned start that a person has stopped or called off."""

    slot: SlotId
    planned_at: Instant


class DailyWindow(Struct, frozen=True, kw_only=True):
    """A window of local time that returns every day; it may cross midnight."""

    start: LocalTime
    end: LocalTime


class QuietHours(DailyWindow, frozen=True, kw_only=True):
    """A daily window in which only emergencies sound."""


class Fetching(Struct, frozen=True, kw_only=True):
    """When a cluster may fetch sounds over its SIM card, and how much. Emergencies are exempt from both.

    Attributes:
        windows: Only then; none: at any time.
        monthly_mib: At most so much a calendar month (the commune's local one); None: no limit.
    """

    windows: Annotated[tuple[DailyWindow, ...], Meta(max_length=8)] = ()
    monthly_mib: Annotated[int, Meta(ge=1)] | None = None


class Desired(Struct, frozen=True, kw_only=True):
    """All that a cluster should do, in one signed document (at most 256 KiB).

    Attributes:
        version: Only rises; an older one is refused.
        groups: Groups that the cluster belongs to.
        volume_pct: Volume unless a slot names its own.
        fetching: When and how much it may fetch.
        maintenance: Somebody works at the cabinet: nothing timed plays.
        pack: Which of the bulletins are the emergency pack.
    """

    v: int = CONTRACT_VERSION
    kind: str = "desired"
    commune: Annotated[CommuneId, Meta(pattern=NAME_PATTERN)]
    cluster: Annotated[ClusterId, Meta(pattern=NAME_PATTERN)]
    version: Annotated[int, Meta(ge=1)]
    issued_at: Instant
    zone: str = ZONE
    groups: tuple[Name, ...] = ("all",)
    volume_pct: Percent = 80
    bulletins: tuple[Bulletin, ...] = ()
    slots: tuple[Slot, ...] = ()
    stops: tuple[Stop, ...] = ()
    quiet_hours: tuple[QuietHours, ...] = ()
    fetching: Fetching = Fetching()
    maintenance: bool = False
    pack: Annotated[tuple[Pinned, ...], Meta(max_length=100)] = ()
