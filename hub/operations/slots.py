"""Slots: plan, change, cancel and stop. Each change issues the plans that it calls for, in one transaction."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime

from msgspec.structs import replace
from sqlalchemy import Connection

from contract.ids import ALL_GROUP, ClusterId, SlotId
from contract.model import Once, Stop, Weekly
from contract.status import OnAir
from hub import refusals
from hub.bell import Bell
from hub.clock import HubClock
from hub.core.model import (
    BulletinRecord,
    Preview,
    SlotChange,
    SlotOrder,
    SlotRecord,
    SlotView,
)
from hub.core.ordering import (
    check_order,
    has_start,
    next_start,
    owed_from_after,
    start_to_stop,
    starts_from,
)
from hub.issuer import Issuer
from hub.live import Live
from hub.settings import Settings
from hub.store import bulletins, clusters, people
from hub.store import slots as rows
from hub.store.engine import Store


class Slots:
    """The programme of the commune."""

    def __init__(
        self,
        store: Store,
        clock: HubClock,
        settings: Settings,
        issuer: Issuer,
        outbox: Bell,
        live: Live,
    ) -> None:
        self._store = store
        self._clock = clock
        self._quiet = settings.plan.windows()
        self._issuer = issuer
        self._outbox = outbox
        self._live = live

    async def preview(self, order: SlotOrder) -> Preview:
        """Which clusters would sound when. Raises what `add` would raise."""
        now = self._clock.now()

        def work(connection: Connection) -> Preview:
            bulletin, names = self._check(connection, order, now)
            everyone = tuple(one.name for one in clusters.everyone(connection))
            return Preview(
                clusters=everyone if names is None else names,
                starts=starts_from(order, now),
                duration_ms=bulletin.duration_ms,
            )

        return await self._store.read(work)

    async def add(self, order: SlotOrder, *, by: str) -> SlotChange:
        """Plans a slot."""
        now = self._clock.now()

        def change(connection: Connection) -> SlotRecord:
            _, names = self._check(connection, order, now)
            name = SlotId(f"s-{secrets.token_hex(5)}")
            made = _record(order, name, names, owed_from=now, now=now, by=by)
            rows.insert(connection, made)
            return made

        return await self._change(change, by, "slot.add")

    async def change(self, slot: SlotId, order: SlotOrder, *, by: str) -> SlotChange:
        """Changes a slot as a whole; what sounds now goes on if the new times have it too."""
        now = self._clock.now()

        def change(connection: Connection) -> SlotRecord:
            old = _standing(connection, slot)
            bulletin, names = self._check(connection, order, now, old)
            owed_from = owed_from_after(old, order, bulletin.duration_ms, now)
            made = _record(order, slot, names, owed_from=owed_from, now=now, by=by)
            rows.update(connection, made)
            return rows.require(connection, slot)

        return await self._change(change, by, "slot.change")

    async def cancel(self, slot: SlotId, *, by: str) -> SlotChange:
        """Calls a slot off, for good; what sounds of it now ends."""
        now = self._clock.now()

        def change(connection: Connection) -> SlotRecord:
            _standing(connection, slot)
            rows.cancel(connection, slot, now)
            return rows.require(connection, slot)

        return await self._change(change, by, "slot.cancel")

    async def stop(
        self, slot: SlotId, *, by: str, planned_at: datetime | None = None
    ) -> SlotChange:
        """Stops one planned start: the named one, else what is on air, else the next.

        Raises:
            HubError: It has no such start, or none at all.
        """
        now = self._clock.now()
        on_air = await self._on_air_since(slot)

        def change(connection: Connection) -> SlotRecord:
            old = _standing(connection, slot)
            bulletin = _bulletin(connection, old.bulletin)
            if planned_at and planned_at != on_air and not has_start(old, planned_at):
                raise refusals.no_such_start(planned_at)
            at = planned_at or on_air or start_to_stop(old, bulletin.duration_ms, now)
            if at is None:
                raise refusals.nothing_to_stop()
            rows.insert_stop(connection, Stop(slot=slot, planned_at=at))
            return rows.require(connection, slot)

        return await self._change(change, by, "slot.stop")

    async def everything(self, *, limit: int = 500) -> tuple[SlotView, ...]:
        """The newest slots, cancelled ones too, newest first."""
        views = await self._store.read(lambda c: self._views(c, rows.newest(c, limit)))
        on_air = await self._who_is_on_air()
        return tuple(_with_on_air(view, on_air) for view in views)

    async def get(self, slot: SlotId) -> SlotView:
        """One slot."""
        view = await self._store.read(lambda c: self._views(c, (rows.require(c, slot),))[0])
        return _with_on_air(view, await self._who_is_on_air())

    async def _change(
        self, change: Callable[[Connection], SlotRecord], by: str, what: str
    ) -> SlotChange:
        now = self._clock.now()

        def work(connection: Connection) -> SlotChange:
            record = change(connection)
            changed = self._issuer.issue(connection, now)
            people.note_audit(connection, now, by, what, str(record.id))
            return SlotChange(slot=self._views(connection, (record,))[0], clusters_changed=changed)

        done = await self._store.write(work)
        self._outbox.ring()
        for name in done.clusters_changed:
            await self._live.changed(name)
        return done

    def _check(
        self,
        connection: Connection,
        order: SlotOrder,
        now: datetime,
        old: SlotRecord | None = None,
    ) -> tuple[BulletinRecord, tuple[ClusterId, ...] | None]:
        bulletin = _bulletin(connection, order.bulletin)
        if old is None or _asked(old) != (order.when, order.bulletin, order.in_quiet_hours):
            check_order(order, bulletin, self._quiet, now)
        return bulletin, _named_clusters(connection, order.clusters)

    def _views(
        self, connection: Connection, records: tuple[SlotRecord, ...]
    ) -> tuple[SlotView, ...]:
        known = {one.id: one for one in bulletins.everything(connection)}
        now = self._clock.now()
        return tuple(_view(record, known[record.bulletin], now) for record in records)

    async def _who_is_on_air(self) -> dict[SlotId, tuple[ClusterId, ...]]:
        found: dict[SlotId, tuple[ClusterId, ...]] = {}
        for name, on_air in await self._on_air(quiet_too=False):
            found[on_air.slot] = (*found.get(on_air.slot, ()), name)
        return found

    async def _on_air_since(self, slot: SlotId) -> datetime | None:
        planned = (
            said.planned_at for _, said in await self._on_air(quiet_too=True) if said.slot == slot
        )
        return next(planned, None)

    async def _on_air(self, *, quiet_too: bool) -> list[tuple[ClusterId, OnAir]]:
        names = [one.name for one in await self._store.read(clusters.everyone)]
        views = await self._live.views(names)
        return [
            (name, view.reported.on_air)
            for name, view in zip(names, views, strict=True)
            if view.online and view.reported and view.reported.on_air
            if quiet_too or not view.quiet
        ]


def _asked(record: SlotRecord) -> tuple[Once | Weekly, str, bool]:
    return (record.when, record.bulletin, record.in_quiet_hours)


def _standing(connection: Connection, slot: SlotId) -> SlotRecord:
    found = rows.require(connection, slot)
    if found.cancelled_at is not None:
        raise refusals.slot_cancelled()
    return found


def _bulletin(connection: Connection, name: str) -> BulletinRecord:
    found = bulletins.get(connection, name)
    if found is None:
        raise refusals.unknown_bulletin(name)
    return found


def _named_clusters(
    connection: Connection, wanted: str | list[str]
) -> tuple[ClusterId, ...] | None:
    if wanted == ALL_GROUP:
        return None
    names = sorted({wanted} if isinstance(wanted, str) else set(wanted))
    if not names:
        raise refusals.no_clusters()
    known = {str(one.name) for one in clusters.everyone(connection)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise refusals.unknown_clusters(unknown)
    return tuple(ClusterId(name) for name in names)


def _record(
    order: SlotOrder,
    slot: SlotId,
    names: tuple[ClusterId, ...] | None,
    *,
    owed_from: datetime,
    now: datetime,
    by: str,
) -> SlotRecord:
    return SlotRecord(
        id=slot,
        bulletin=order.bulletin,
        when=order.when,
        clusters=names,
        owed_from=owed_from,
        approved_at=now,
        late_limit_s=order.late_limit_s,
        in_quiet_hours=order.in_quiet_hours,
        volume_pct=order.volume_pct,
        created_by=by,
    )


def _view(record: SlotRecord, bulletin: BulletinRecord, now: datetime) -> SlotView:
    return SlotView(
        id=record.id,
        bulletin=record.bulletin,
        title=bulletin.title,
        duration_ms=bulletin.duration_ms,
        when=record.when,
        clusters=ALL_GROUP if record.clusters is None else record.clusters,
        late_limit_s=record.late_limit_s,
        in_quiet_hours=record.in_quiet_hours,
        volume_pct=record.volume_pct,
        cancelled_at=record.cancelled_at,
        created_by=record.created_by,
        approved_at=record.approved_at,
        stops=record.stops,
        next_at=next_start(record, now),
    )


def _with_on_air(view: SlotView, on_air: dict[SlotId, tuple[ClusterId, ...]]) -> SlotView:
    return replace(view, on_air=on_air.get(view.id, ()))
