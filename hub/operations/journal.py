"""The journal: what every cluster did with every planned item, and who did what at the hub."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Connection

from contract.ids import ClusterId
from contract.journal import JournalBatch
from hub.clock import HubClock
from hub.core.journal_keeping import Taken
from hub.core.model import AuditRecord, JournalGap, JournalRecord
from hub.store import journal as rows
from hub.store.engine import Store
from hub.store.people import note_audit

log = logging.getLogger(__name__)

PAGE = 500
TOLD_COUNTS = frozenset(10**n for n in range(10))
"""How often a cluster's rows collided when it is told: a faulty one fills neither log nor audit."""


class Journal:
    """Rows that came from clusters, each stored exactly once."""

    def __init__(self, store: Store, clock: HubClock) -> None:
        self._store = store
        self._clock = clock
        self._conflicts: Counter[ClusterId] = Counter()

    async def take(self, cluster: ClusterId, batch: JournalBatch) -> int:
        """Stores the rows that are new; the highest row up to which nothing is waited for."""
        now = self._clock.now()

        def work(connection: Connection) -> Taken:
            taken = rows.take(connection, cluster, batch, now)
            for what, told in self._to_note(cluster, batch.epoch, taken):
                note_audit(connection, now, str(cluster), what, told)
            return taken

        return (await self._store.write(work)).up_to

    def _to_note(self, cluster: ClusterId, epoch: str, taken: Taken) -> Iterator[tuple[str, str]]:
        for gap in taken.gaps:
            told = f"{epoch}: rows {gap.first} to {gap.last} are gone"
            log.warning("journal of %s, epoch %s", cluster, told)
            yield "journal.gap", told
        if not taken.conflicts:
            return
        self._conflicts[cluster] += 1
        count = self._conflicts[cluster]
        if count in TOLD_COUNTS:
            told = f"{epoch}: other rows under numbers {taken.conflicts[:5]}, the first are kept"
            log.error("journal of %s, epoch %s (%d times so far)", cluster, told, count)
            yield "journal.conflict", f"{told} ({count} times so far)"

    async def gaps(self, *, limit: int = 100) -> tuple[JournalGap, ...]:
        """Rows that never came and never will, newest first."""
        return await self._store.read(lambda c: rows.newest_gaps(c, limit))

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
