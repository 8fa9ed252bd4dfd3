"""From the hub's facts to the plan of one cluster, and whether it differs from what the cluster has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from contract.ids import ALL_GROUP, BulletinId, CommuneId
from contract.model import Desired, Fetching, Once, QuietHours, Slot, Stop, Weekly
from contract.pack import PackKind, Pinned
from hub.core.model import BulletinRecord, Cluster, SlotRecord
from hub.core.windows import daily_windows

KEPT_AFTER_END = timedelta(hours=24)
STOP_KEPT = timedelta(days=1)
LAST_YEAR = 2199
"""Later dates are refused: sums with them would leave the calendar."""
UNDATED = datetime(1970, 1, 1, tzinfo=UTC)


class Facts(Struct, frozen=True, kw_only=True):
    """All that plans are made of.

    Attributes:
        fetching: What holds for clusters that have no rule of their own.
    """

    commune: CommuneId
    quiet_hours: tuple[QuietHours, ...]
    slots: tuple[SlotRecord, ...]
    bulletins: Mapping[BulletinId, BulletinRecord]
    pack: Mapping[PackKind, BulletinRecord] = {}
    fetching: Fetching = Fetching()


def compile_plan(cluster: Cluster, facts: Facts, now: datetime) -> Desired:
    """The plan of a cluster at `now`, without version and date: equal facts give equal plans."""
    records = [
        record
        for record in sorted(facts.slots, key=lambda one: one.id)
        if record.cancelled_at is None
        and record.is_for(cluster.name)
        and record.bulletin in facts.bulletins
        and not is_over(record, facts.bulletins[record.bulletin].duration_ms, now)
    ]
    pinned = {kind: one.id for kind, one in sorted(facts.pack.items())}
    needed = sorted({*(record.bulletin for record in records), *pinned.values()})
    return Desired(
        commune=facts.commune,
        cluster=cluster.name,
        version=1,
        issued_at=UNDATED,
        groups=(ALL_GROUP, *sorted(set(cluster.groups) - {ALL_GROUP})),
        volume_pct=cluster.volume_pct,
        bulletins=tuple(facts.bulletins[name].for_plan() for name in needed),
        slots=tuple(_for_plan(record) for record in records),
        stops=_stops(records, now),
        quiet_hours=facts.quiet_hours,
        fetching=_fetching(cluster, facts.fetching),
        maintenance=cluster.maintenance,
        pack=tuple(Pinned(kind=kind, bulletin=name) for kind, name in pinned.items()),
    )


def _fetching(cluster: Cluster, usual: Fetching) -> Fetching:
    own = cluster.download_windows
    return Fetching(
        windows=usual.windows if own is None else daily_windows(own),
        monthly_mib=usual.monthly_mib
        if cluster.monthly_mib is None
        else cluster.monthly_mib or None,
    )


def _for_plan(record: SlotRecord) -> Slot:
    return Slot(
        id=record.id,
        bulletin=record.bulletin,
        when=record.when,
        owed_from=record.owed_from,
        approved_at=record.approved_at,
        late_limit_s=record.late_limit_s,
        in_quiet_hours=record.in_quiet_hours,
        volume_pct=record.volume_pct,
    )


def _stops(records: Iterable[SlotRecord], now: datetime) -> tuple[Stop, ...]:
    stops = (stop for record in records for stop in record.stops)
    kept = (stop for stop in stops if stop.planned_at > now - STOP_KEPT)
    return tuple(sorted(kept, key=lambda stop: (stop.planned_at, stop.slot)))


def is_over(record: SlotRecord, duration_ms: int, now: datetime) -> bool:
    """Whether a slot has been over for so long that clusters need not know it any more."""
    last_start_at = _last_start_at(record.when)
    if last_start_at is None:
        return False
    sounding = timedelta(milliseconds=duration_ms, seconds=record.late_limit_s)
    return last_start_at + sounding + KEPT_AFTER_END < now


def _last_start_at(when: Once | Weekly) -> datetime | None:
    match when:
        case Once(at=at):
            return at if at.year <= LAST_YEAR else None
        case Weekly(until_date=str(day)):
            # The day ends everywhere on earth within two days: tidying need not be exact.
            last_day = date.fromisoformat(day)
            if last_day.year > LAST_YEAR:
                return None
            last = last_day + timedelta(days=2)
            return datetime(last.year, last.month, last.day, tzinfo=UTC)
        case Weekly():
            return None


def plan_hash(body: Desired) -> str:
    """Hash of a plan's content, whatever its version and date."""
    undated = replace(body, version=1, issued_at=UNDATED)
    return hashlib.sha256(msgspec.json.encode(undated)).hexdigest()


class Issued(Struct, frozen=True, kw_only=True):
    """What a cluster was given last."""

    version: int
    body_hash: str
    issued_at: datetime


def next_plan(
    cluster: Cluster, facts: Facts, last: Issued | None, now: datetime, *, above: int = 0
) -> Desired | None:
    """The plan to issue now, or None when the last one still says all.

    The mere passing of time issues nothing: the facts are compared as they stood when the last plan was issued, and
    only a real difference makes a plan, from which then all that is over is left out.

    Args:
        cluster: Whose plan.
        facts: All that plans are made of.
        last: What the cluster was given last.
        now: The instant of issue.
        above: A version that the cluster says it holds: the new one must be higher.
    """
    version = last.version if last else 0
    if last and version >= above:
        as_of_then = compile_plan(cluster, facts, last.issued_at)
        if plan_hash(as_of_then) == last.body_hash:
            return None
    return replace(
        compile_plan(cluster, facts, now), version=max(version, above) + 1, issued_at=now
    )
