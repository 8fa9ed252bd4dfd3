"""Takes in what clusters say: how they are goes to the live view, their journals to the store."""

from __future__ import annotations

import logging
from collections import Counter

from msgspec import Struct

from contract.codec import Refused, decode
from contract.command import Ack
from contract.ids import ClusterId
from contract.status import Availability, Beat, Reported, Telemetry
from contract.topics import Kind
from hub.bell import Bell
from hub.clock import HubClock
from hub.core.journal_reading import read_batch
from hub.issuer import Issuer
from hub.live import Live
from hub.operations import Operations
from hub.store import clusters, plans
from hub.store.engine import Store

log = logging.getLogger(__name__)

MAX_EPOCH = 64
MAX_BATCH_ROWS = 2000
HIGHEST_VERSION = 2**53
TOLD_COUNTS = frozenset(10**n for n in range(10))
"""How often a cluster's messages were refused when the log says so: a faulty one does not fill it."""


class RowsStored(Struct, frozen=True, kw_only=True):
    """Journal rows of an epoch are stored up to this one: to be acknowledged."""

    epoch: str
    up_to: int


class BirthHeard(Struct, frozen=True, kw_only=True):
    """A cluster has just connected, and asks for a beacon that holds its nonce."""

    nonce: str


ToAnswer = RowsStored | BirthHeard


class Hearing:
    """One message at a time, from any cluster. Bad ones are counted; the log tells a cluster's 1st, 10th, 100th."""

    def __init__(
        self,
        store: Store,
        live: Live,
        operations: Operations,
        issuer: Issuer,
        outbox: Bell,
        clock: HubClock,
    ) -> None:
        self._store = store
        self._live = live
        self._journal = operations.journal
        self._issuer = issuer
        self._outbox = outbox
        self._emergencies = operations.emergencies
        self._clock = clock
        self._known: frozenset[ClusterId] = frozenset()
        self._refused: Counter[ClusterId] = Counter()

    async def take(
        self, cluster: ClusterId, kind: Kind, payload: bytes, *, retained: bool
    ) -> ToAnswer | None:
        """Takes in one message; what to answer, if anything."""
        if not await self._is_known(cluster):
            self._refuse(cluster, "no cluster of this commune")
            return None
        try:
            return await self._take(cluster, kind, payload, retained=retained)
        except Refused as refused:
            self._refuse(cluster, f"{kind}: {refused}")
            return None

    async def _take(
        self, cluster: ClusterId, kind: Kind, payload: bytes, *, retained: bool
    ) -> ToAnswer | None:
        match kind:
            case Kind.AVAILABILITY:
                said = decode(payload, Availability)
                await self._live.heard_availability(cluster, said, retained=retained)
                if said.online and said.nonce and not retained:
                    return BirthHeard(nonce=said.nonce)
            case Kind.BEAT:
                decode(payload, Beat)
                await self._live.heard(cluster)
            case Kind.REPORTED:
                reported = decode(payload, Reported)
                await self._live.heard_reported(cluster, reported, retained=retained)
                await self._stay_above(cluster, reported.desired_version)
                await self._emergencies.stay_above(min(reported.command_mark, HIGHEST_VERSION))
            case Kind.ACK:
                await self._live.heard(cluster)
                await self._emergencies.heard(cluster, decode(payload, Ack))
            case Kind.TELEMETRY:
                await self._live.heard_telemetry(cluster, decode(payload, Telemetry))
            case Kind.JOURNAL:
                return await self._take_journal(cluster, payload)
            case _:
                await self._live.heard(cluster)
        return None

    async def _take_journal(self, cluster: ClusterId, payload: bytes) -> RowsStored:
        batch = read_batch(payload, self._clock.now())
        if not 0 < len(batch.epoch) <= MAX_EPOCH or len(batch.rows) > MAX_BATCH_ROWS:
            raise Refused("no such epoch or too many rows")
        if any(n > HIGHEST_VERSION for n in (batch.held_from, *(row.number for row in batch.rows))):
            raise Refused("a row number beyond reason")
        await self._live.heard(cluster)
        return RowsStored(epoch=batch.epoch, up_to=await self._journal.take(cluster, batch))

    async def _stay_above(self, cluster: ClusterId, held: int) -> None:
        """A hub that was put back from an old backup jumps above what its clusters hold."""
        if held > HIGHEST_VERSION:
            raise Refused(f"a plan version beyond reason: {held}")
        versions = await self._store.read(plans.versions)
        if held <= versions.get(cluster, 0):
            return
        now = self._clock.now()
        if await self._store.write(lambda c: self._issuer.issue_above(c, cluster, held, now)):
            log.warning("%s holds plan %s, newer than ours; issued a higher one", cluster, held)
            self._outbox.ring()

    async def _is_known(self, cluster: ClusterId) -> bool:
        if cluster not in self._known:
            found = await self._store.read(clusters.everyone)
            self._known = frozenset(one.name for one in found)
        return cluster in self._known

    def _refuse(self, cluster: ClusterId, why: str) -> None:
        self._refused[cluster] += 1
        count = self._refused[cluster]
        if count in TOLD_COUNTS:
            log.warning("refused %d message(s) of %s: %s", count, cluster, why)
