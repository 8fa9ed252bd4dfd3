"""The journal: what every cluster did with every planned item, and who did what at the hub."""

from __future__ import annotations

from contract.ids import ClusterId
from contract.journal import JournalBatch
from hub.clock import HubClock
from hub.core.model import AuditRecord, JournalRecord
from hub.store import journal as rows
from hub.store.engine import Store

PAGE = 500


class Journal:
    """Rows that came from clusters, each stored exactly once."""

    def __init__(self, store: Store, clock: HubClock) -> None:
        self._store = store
        self._clock = clock

    async def take(self, cluster: ClusterId, batch: JournalBatch) -> int:
        """Stores the rows that are new; the highest row up to which none is missing."""
        now = self._clock.now()
        return await self._store.write(lambda c: rows.take(c, cluster, batch, now))

    async def after(
        self, last_id: int = 0, *, cluster: ClusterId | None = None, limit: int = PAGE
    ) -> tuple[JournalRecord, ...]:
        """Rows stored after `last_id`, oldest first."""
        return await self._store.read(lambda c: rows.after(c, last_id, cluster, limit))

    async def newest(
        self, *, cluster: ClusterId | None = None, limit: int = 50
    ) -> tuple[JournalRecord, ...]:
        """The newest rows, newest first."""
        return await self._store.read(lambda c: rows.newest(c, cluster, limit))

    async def audit(self, *, limit: int = 100) -> tuple[AuditRecord, ...]:
        """Who did what, newest first."""
        return await self._store.read(lambda c: rows.newest_audit(c, limit))
