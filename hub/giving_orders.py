"""Gives orders to the clusters: once to the commune, then again to each that is there and has not answered."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from functools import partial
from typing import NoReturn

import aiomqtt

from contract.ids import ClusterId, CommuneId
from contract.topics import Kind, cluster_topic, command_topic
from hub.bell import Bell
from hub.clock import HubClock
from hub.core.emergency import Course
from hub.live import Live
from hub.mqtt import honour_cancellation, publish
from hub.store import orders
from hub.store.engine import Store

log = logging.getLogger(__name__)

AGAIN_S = 5.0
FRESH = timedelta(seconds=30)
"""An order that is not older than this may be new to everybody."""


class GivingOrders:
    """One session's giving of orders. An order keeps its very bytes: whoever has obeyed it knows it again."""

    def __init__(
        self,
        client: aiomqtt.Client,
        store: Store,
        live: Live,
        commune: CommuneId,
        clock: HubClock,
        bell: Bell,
    ) -> None:
        self._client = client
        self._store = store
        self._live = live
        self._commune = commune
        self._clock = clock
        self._bell = bell
        self._given: set[int] = set()

    async def run(self) -> NoReturn:
        """Gives what there is to give, for ever."""
        while True:
            is_waiting = await self._give_all()
            honour_cancellation()
            try:
                async with asyncio.timeout(AGAIN_S if is_waiting else None):
                    await self._bell.wait()
            except TimeoutError:
                continue

    async def _give_all(self) -> bool:
        """Gives every order that is open; whether a cluster that is there still owes an answer."""
        now = self._clock.now()
        is_waiting = False
        for course in await self._store.read(lambda c: orders.open_ones(c, now)):
            note = await self._store.read(partial(orders.note_of, seq=course.seq))
            if course.seq not in self._given and not course.answers and self._is_fresh(course):
                await publish(self._client, command_topic(self._commune), note)
                log.warning("order %s (%s) is given to the commune", course.id, course.what)
                is_waiting = True
            else:
                is_waiting |= await self._ask_again(course, note)
            self._given.add(course.seq)
        return is_waiting

    def _is_fresh(self, course: Course) -> bool:
        return self._clock.now() - course.issued_at < FRESH

    async def _ask_again(self, course: Course, note: bytes) -> bool:
        """Each on its own topic: nobody else pays for it."""
        there = [name for name in course.unanswered if await self._is_there(name)]
        for name in there:
            await publish(self._client, cluster_topic(self._commune, name, Kind.COMMAND), note)
        if there:
            log.info("order %s is given again to %s", course.id, ", ".join(there))
        return bool(there)

    async def _is_there(self, cluster: ClusterId) -> bool:
        return (await self._live.view(cluster)).online
