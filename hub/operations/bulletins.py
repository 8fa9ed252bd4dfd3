"""Bulletins: sounds that have been taken in, each with its title and priority."""

from __future__ import annotations

import secrets

from msgspec import Struct

from contract.ids import BulletinId, Sha256
from contract.model import Priority
from contract.pack import PackKind
from hub import refusals
from hub.bell import Bell
from hub.clock import HubClock
from hub.core.model import BulletinRecord
from hub.issuer import Issuer
from hub.store import bulletins as rows
from hub.store.engine import Store
from hub.store.people import note_audit


class NewBulletin(Struct, frozen=True, kw_only=True):
    """A sound just taken in, lying in the media folder under its SHA-256."""

    title: str
    sha256: Sha256
    size_bytes: int
    duration_ms: int
    priority: Priority = Priority.NORMAL
    loudness_lufs: float | None = None
    true_peak_dbtp: float | None = None
    source_name: str = ""
    pack: PackKind | None = None


class Bulletins:
    """The bulletins of the commune."""

    def __init__(self, store: Store, clock: HubClock, issuer: Issuer, outbox: Bell) -> None:
        self._store = store
        self._clock = clock
        self._issuer = issuer
        self._outbox = outbox

    async def add(self, new: NewBulletin, *, by: str) -> BulletinRecord:
        """Keeps a bulletin whose sound lies in the media folder."""
        now = self._clock.now()
        made = BulletinRecord(
            id=BulletinId(f"b-{secrets.token_hex(5)}"),
            title=new.title,
            sha256=new.sha256,
            size_bytes=new.size_bytes,
            duration_ms=new.duration_ms,
            priority=new.priority,
            loudness_lufs=new.loudness_lufs,
            true_peak_dbtp=new.true_peak_dbtp,
            source_name=new.source_name,
            created_at=now,
            created_by=by,
            pack=new.pack,
        )

        def work() -> None:
            with self._store.writing() as connection:
                rows.insert(connection, made)
                note_audit(connection, now, by, "bulletin.add", f"{made.id} {made.title}")
                if made.pack is not None:  # it lies ready on every cluster from now on
                    self._issuer.issue(connection, now)

        await self._store.aside(work)
        self._outbox.ring()
        return made

    async def everything(self) -> tuple[BulletinRecord, ...]:
        """All bulletins, newest first."""
        return await self._store.read(rows.everything)

    async def get(self, bulletin: BulletinId) -> BulletinRecord:
        """One bulletin."""
        found = await self._store.read(lambda c: rows.get(c, bulletin))
        if found is None:
            raise refusals.unknown_bulletin(bulletin)
        return found
