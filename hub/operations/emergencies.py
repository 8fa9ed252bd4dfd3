"""Emergencies: begin one, end it, and follow what each cluster makes of it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta

from msgspec.structs import replace
from sqlalchemy import Connection

from contract.codec import sign
from contract.command import Ack, Audience, Command, Mode, Order, StartEmergency, StopEmergency
from contract.ids import ALL_GROUP, ClusterId
from contract.model import Bulletin
from contract.note import SignerKey
from contract.pack import PackKind
from hub import refusals
from hub.bell import Bell
from hub.clock import HubClock
from hub.core.emergency import VALID_S, Course, EmergencyOrder, after, seq_floor
from hub.core.model import BulletinRecord, EmergencyPreview
from hub.live import Live
from hub.settings import Settings
from hub.store import bulletins, clusters, orders, people
from hub.store.engine import Store

SHOWN = 50


class Emergencies:
    """Orders that go over everything. Each is stored, with its number, before any cluster can hear of it."""

    def __init__(
        self,
        store: Store,
        clock: HubClock,
        settings: Settings,
        signer: SignerKey,
        bell: Bell,
        live: Live,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._signer = signer
        self._bell = bell
        self._live = live

    async def preview(self, order: EmergencyOrder) -> EmergencyPreview:
        """Who would hear what. Raises what `start` would raise."""

        def work(connection: Connection) -> EmergencyPreview:
            bulletin, names = self._check(connection, order)
            self._preface(connection, order)
            return EmergencyPreview(
                title=bulletin.title, duration_ms=bulletin.duration_ms, clusters=names
            )

        return await self._store.read(work)

    async def start(self, order: EmergencyOrder, *, by: str) -> Course:
        """Sounds a bulletin at once, over everything.

        Raises:
            HubError: No such bulletin or cluster, or a drill without the words that say so.
        """

        def work(connection: Connection) -> Course:
            bulletin, names = self._check(connection, order)
            begin = StartEmergency(
                bulletin=bulletin.for_emergency(),
                preface=self._preface(connection, order),
                repeats=order.repeats,
                gap_s=order.gap_s,
                volume_pct=order.volume_pct,
            )
            blank = self._next(connection, by)
            made = replace(
                blank,
                what="start",
                title=bulletin.title,
                mode=order.mode,
                expires_at=blank.issued_at + timedelta(seconds=order.valid_s),
                meant=names,
            )
            self._give(connection, made, begin, everyone=order.clusters == ALL_GROUP)
            return made

        return await self._change(work)

    async def stop(self, *, by: str, emergency: str | None = None) -> Course:
        """Ends one emergency, or all of them.

        Raises:
            HubError: There is none of that id.
        """
        now = self._clock.now()

        def work(connection: Connection) -> Course:
            ended = [
                one
                for one in orders.open_ones(connection, now)
                if one.what == "start" and emergency in (None, one.id)
            ]
            if emergency is not None and orders.get(connection, emergency) is None:
                raise refusals.unknown_emergency(emergency)
            orders.end(connection, [one.seq for one in ended], now)
            names = tuple(one.name for one in clusters.everyone(connection))
            title = ", ".join(one.title for one in ended)
            made = replace(self._next(connection, by), what="stop", title=title, meant=names)
            self._give(connection, made, StopEmergency(emergency=emergency), everyone=True)
            return made

        return await self._change(work)

    async def courses(self) -> tuple[Course, ...]:
        """The newest orders with their answers, newest first."""
        return await self._store.read(lambda c: orders.newest(c, SHOWN))

    async def heard(self, cluster: ClusterId, ack: Ack) -> None:
        """A cluster has said how far an order has come."""
        now = self._clock.now()

        def work(connection: Connection) -> None:
            course = orders.get(connection, ack.command)
            if course is not None:
                known = course.answer_of(cluster)
                orders.put_answer(connection, course.seq, after(known, ack, cluster, now))

        await self._store.write(work)
        await self._live.changed(cluster)

    async def seq_floor(self) -> int:
        """Orders up to this number are over, for a cluster that has just connected."""
        now = self._clock.now()
        return await self._store.read(
            lambda c: seq_floor(orders.open_ones(c, now), orders.newest_seq(c))
        )

    async def stay_above(self, mark: int) -> None:
        """A cluster has obeyed a higher number than this hub remembers: it was put back from an old backup."""
        if mark <= await self._store.read(orders.newest_seq):
            return
        await self._store.write(lambda c: orders.skip_to(c, mark))

    def _check(
        self, connection: Connection, order: EmergencyOrder
    ) -> tuple[BulletinRecord, tuple[ClusterId, ...]]:
        bulletin = bulletins.get(connection, order.bulletin)
        if bulletin is None:
            raise refusals.unknown_bulletin(order.bulletin)
        known = tuple(one.name for one in clusters.everyone(connection))
        if order.clusters == ALL_GROUP:
            return bulletin, known
        wanted = order.clusters if isinstance(order.clusters, list) else [order.clusters]
        if unknown := [name for name in wanted if name not in known]:
            raise refusals.unknown_clusters(unknown)
        return bulletin, tuple(name for name in known if name in wanted)

    def _preface(self, connection: Connection, order: EmergencyOrder) -> Bulletin | None:
        if order.mode is not Mode.DRILL:
            return None
        words = bulletins.pack(connection).get(PackKind.DRILL)
        if words is None:
            raise refusals.no_drill_words()
        return words.for_emergency()

    def _next(self, connection: Connection, by: str) -> Course:
        """The next order, of which nothing is known yet but its number."""
        now = self._clock.now()
        return Course(
            id=f"e-{secrets.token_hex(5)}",
            seq=orders.next_seq(connection),
            what="",
            title="",
            mode=Mode.LIVE,
            issued_at=now,
            expires_at=now + timedelta(seconds=VALID_S),
            by=by,
            meant=(),
        )

    def _give(
        self, connection: Connection, course: Course, order: Order, *, everyone: bool
    ) -> None:
        audience = Audience(everyone=everyone, clusters=() if everyone else course.meant)
        command = Command(
            commune=self._settings.commune,
            id=course.id,
            seq=course.seq,
            audience=audience,
            mode=course.mode,
            issued_at=course.issued_at,
            expires_at=course.expires_at,
            order=order,
        )
        orders.insert(connection, course, sign(command, self._signer))
        detail = f"{course.id} {course.mode} «{course.title}» → {', '.join(course.meant)}"
        people.note_audit(
            connection, course.issued_at, course.by, f"emergency.{course.what}", detail
        )

    async def _change(self, work: Callable[[Connection], Course]) -> Course:
        made = await self._store.write(work)
        self._bell.ring()
        return made
