"""Gives clusters their plans: every newest note is retained at the broker, and published only if it is not yet."""

from __future__ import annotations

import asyncio
import logging

import aiomqtt

from contract.ids import ClusterId, CommuneId
from contract.topics import Kind, cluster_topic
from hub.clock import HubClock
from hub.core.model import Plan
from hub.mqtt import publish
from hub.store import plans
from hub.store.engine import Store

log = logging.getLogger(__name__)

CATCH_UP_TIMEOUT_S = 10.0


class HandingOut:
    """One session's handing out of plans.

    The broker may have lost its memory, so at the beginning what it retains is looked at; but a plan that it does
    retain is not published again: every cluster would pay for receiving it.
    """

    def __init__(
        self, client: aiomqtt.Client, store: Store, commune: CommuneId, clock: HubClock
    ) -> None:
        self._client = client
        self._store = store
        self._commune = commune
        self._clock = clock
        self._retained: dict[ClusterId, bytes] = {}
        self._all_seen = asyncio.Event()
        self._caught_up = False

    def saw_retained(self, cluster: ClusterId, note: bytes) -> None:
        """The broker retains this note."""
        if not self._caught_up:  # later it is the echo of what was published here
            self._retained[cluster] = note

    def saw_all(self) -> None:
        """The broker has told all that it retains."""
        self._all_seen.set()

    async def catch_up(self) -> None:
        """Publishes the newest plans that the broker does not retain."""
        try:
            async with asyncio.timeout(CATCH_UP_TIMEOUT_S):
                await self._all_seen.wait()
        except TimeoutError:
            log.warning("the broker has not told what it retains; publishing what was not seen")
        for plan in await self._store.read(plans.newest):
            if self._retained.get(plan.cluster) == plan.note:
                await self._published(plan)
            else:
                await self._publish(plan)
        self._caught_up = True
        self._retained.clear()

    async def waiting(self) -> None:
        """Publishes the plans that wait."""
        for plan in await self._store.read(lambda c: plans.newest(c, unpublished_only=True)):
            await self._publish(plan)

    async def _publish(self, plan: Plan) -> None:
        topic = cluster_topic(self._commune, plan.cluster, Kind.DESIRED)
        await publish(self._client, topic, plan.note, retain=True)
        log.info("plan %s of %s is at the broker", plan.version, plan.cluster)
        await self._published(plan)

    async def _published(self, plan: Plan) -> None:
        if plan.published_at is None:
            now = self._clock.now()
            await self._store.write(
                lambda c: plans.mark_published(c, plan.cluster, plan.version, now)
            )
