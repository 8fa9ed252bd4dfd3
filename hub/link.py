"""The hub's link to its clusters: one session with the broker after another, for ever."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import NoReturn

import aiomqtt
from msgspec import Struct

from contract.codec import encode, sign
from contract.command import Beacon
from contract.ids import ClusterId, CommuneId
from contract.journal import JournalAck
from contract.note import SignerKey
from contract.status import HubState
from contract.topics import (
    FROM_CLUSTER,
    Kind,
    cluster_topic,
    every_cluster_topic,
    hub_state_topic,
    split_cluster_topic,
)
from hub.bell import Bell
from hub.broker import HUB_USER
from hub.clock import HubClock
from hub.errors import HubError
from hub.giving_orders import GivingOrders
from hub.handing_out import HandingOut
from hub.hearing import BirthHeard, Hearing, RowsStored
from hub.live import Live
from hub.mqtt import honour_cancellation, publish, subscribe
from hub.operations.emergencies import Emergencies
from hub.settings import split_address
from hub.store.engine import Store

log = logging.getLogger(__name__)

KEEP_ALIVE_S = 30
RETRY_S = 1.0
GOODBYE_TIMEOUT_S = 2.0


class LinkAddress(Struct, frozen=True, kw_only=True):
    """Where the broker is and how the hub signs in."""

    address: str
    password: str
    commune: CommuneId


class LinkParts(Struct, frozen=True, kw_only=True):
    """What a link works with.

    Attributes:
        outbox: Rings when plans wait to be published.
        orders: Rings when an order is to be given, or a cluster has come that may owe an answer.
    """

    signer: SignerKey
    store: Store
    live: Live
    hearing: Hearing
    emergencies: Emergencies
    outbox: Bell
    orders: Bell
    clock: HubClock


class HubLink:
    """Connects again for as long as it runs. `is_up` tells whether it is connected now."""

    def __init__(self, where: LinkAddress, parts: LinkParts) -> None:
        self._where = where
        self._p = parts
        self._up = asyncio.Event()

    @property
    def is_up(self) -> bool:
        """Whether the hub is connected to its broker and hears its clusters."""
        return self._up.is_set()

    async def wait_up(self) -> None:
        """Returns once it is connected and plans are handed out."""
        await self._up.wait()

    async def run(self) -> NoReturn:
        """Keeps the link, for ever."""
        told = False
        while True:
            try:
                await self._p.live.deaf()
                # A task a session: what one left uncancelled does not count in the next.
                await asyncio.create_task(self._session())
            except* (aiomqtt.MqttError, HubError, OSError) as errors:
                if self._up.is_set() or not told:
                    log.error("link to the broker: %s", errors.exceptions[0])
                told = True
            self._up.clear()
            await asyncio.sleep(RETRY_S)

    async def _session(self) -> NoReturn:
        client = self._client()
        handing_out = HandingOut(client, self._p.store, self._where.commune, self._p.clock)
        async with client:
            honour_cancellation()
            here = encode(HubState(online=True, at=self._p.clock.now()))
            await self._subscribe(client)
            await self._p.live.listening()
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._receive(client, handing_out, here))
                    await self._say(client, here)
                    tasks.create_task(self._hand_out(handing_out))
                    tasks.create_task(self._giving_orders(client).run())
            except asyncio.CancelledError:
                await self._say_goodbye(client)
                raise
        raise AssertionError("the tasks of a session never end by themselves")

    def _giving_orders(self, client: aiomqtt.Client) -> GivingOrders:
        p, commune = self._p, self._where.commune
        return GivingOrders(client, p.store, p.live, commune, p.clock, p.orders)

    def _client(self) -> aiomqtt.Client:
        host, port = split_address(self._where.address)
        gone = encode(HubState(online=False, at=self._p.clock.now()))
        topic = hub_state_topic(self._where.commune)
        return aiomqtt.Client(
            hostname=host,
            port=port,
            username=HUB_USER,
            password=self._where.password,
            identifier=HUB_USER,
            protocol=aiomqtt.ProtocolVersion.V5,
            keepalive=KEEP_ALIVE_S,
            will=aiomqtt.Will(topic, gone, qos=1, retain=True),
        )

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        commune = self._where.commune
        for kind in (*FROM_CLUSTER, Kind.DESIRED):
            # Beats need no second delivery; at QoS 1 the broker would save each to disk on its way.
            qos = 0 if kind is Kind.BEAT else 1
            await subscribe(client, every_cluster_topic(commune, kind), qos=qos)
        await subscribe(client, hub_state_topic(commune))

    async def _say(self, client: aiomqtt.Client, state: bytes) -> None:
        await publish(client, hub_state_topic(self._where.commune), state, retain=True)

    async def _say_goodbye(self, client: aiomqtt.Client) -> None:
        gone = encode(HubState(online=False, at=self._p.clock.now()))
        with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
            async with asyncio.timeout(GOODBYE_TIMEOUT_S):
                topic = hub_state_topic(self._where.commune)
                await client.publish(topic, gone, qos=1, retain=True)

    async def _hand_out(self, handing_out: HandingOut) -> NoReturn:
        await handing_out.catch_up()
        self._up.set()
        log.info("link to the broker is up; every plan is at the broker")
        while True:
            await self._p.outbox.wait()
            await handing_out.waiting()

    async def _receive(self, client: aiomqtt.Client, handing_out: HandingOut, here: bytes) -> None:
        async for message in client.messages:
            payload = message.payload if isinstance(message.payload, bytes) else b""
            # What the broker retains comes before the echo of what was said after subscribing.
            if payload == here:
                handing_out.saw_all()
            place = split_cluster_topic(str(message.topic))
            if place is None:
                continue
            _, cluster, kind = place
            if kind is Kind.DESIRED:
                handing_out.saw_retained(cluster, payload)
            else:
                await self._hear(client, cluster, kind, payload, retained=bool(message.retain))

    async def _hear(
        self,
        client: aiomqtt.Client,
        cluster: ClusterId,
        kind: Kind,
        payload: bytes,
        *,
        retained: bool,
    ) -> None:
        try:
            done = await self._p.hearing.take(cluster, kind, payload, retained=retained)
        except (
            HubError
        ) as error:  # a full disk or a lost server: the cluster keeps its rows and asks again
            log.error("%s of %s not taken: %s", kind, cluster, error)
            return
        match done:
            case RowsStored(epoch=epoch, up_to=up_to):
                await self._acknowledge(client, cluster, epoch, up_to)
            case BirthHeard(nonce=nonce):
                await self._greet(client, cluster, nonce)
            case None:
                return

    async def _greet(self, client: aiomqtt.Client, cluster: ClusterId, nonce: str) -> None:
        """A cluster that has just connected learns the time and what is over; orders that it missed follow."""
        beacon = Beacon(
            commune=self._where.commune,
            cluster=cluster,
            nonce=nonce,
            at=self._p.clock.now(),
            seq_floor=await self._p.emergencies.seq_floor(),
        )
        topic = cluster_topic(self._where.commune, cluster, Kind.BEACON)
        await publish(client, topic, sign(beacon, self._p.signer))
        self._p.orders.ring()

    async def _acknowledge(
        self, client: aiomqtt.Client, cluster: ClusterId, epoch: str, up_to: int
    ) -> None:
        ack = JournalAck(
            commune=self._where.commune,
            cluster=cluster,
            epoch=epoch,
            up_to=up_to,
            issued_at=self._p.clock.now(),
        )
        topic = cluster_topic(self._where.commune, cluster, Kind.JOURNAL_ACK)
        await publish(client, topic, sign(ack, self._p.signer))
