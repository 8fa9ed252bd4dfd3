"""The link to the hub's broker: found again for ever, with a birth, a last will and a beat."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
from collections.abc import Callable

import aiomqtt

from contract.codec import MAX_DESIRED_BYTES, encode
from contract.status import BEAT_INTERVAL_S, Availability, Beat
from contract.topics import Kind, cluster_topic
from edge.shell.config import EdgeConfig
from edge.shell.inbox import DesiredCame, JournalAckCame, LinkIsDown, LinkIsUp
from edge.shell.waiting import honour_cancellation

log = logging.getLogger(__name__)

KEEP_ALIVE_S = 180
"""Long, because paho pings whenever one direction is idle, and each ping costs bytes; the beat is the sign of life."""
USER_TIMEOUT_MS = 75_000
"""The kernel gives a connection up when what was sent is not acknowledged for so long: a half-open link is found by
the beat, without a ping."""
PAUSES_S = (0.5, 1.0, 2.0, 4.0, 6.0)
EAGER_TRIES = 140
LONG_PAUSE_S = 45.0
"""After an outage of up to ten minutes, which is at most so many tries, a cluster is back within ten seconds; after a
longer one within a minute."""
STABLE_S = 30.0
PUBLISH_S = 20.0
CONNECT_S = 10.0
LEAVE_S = 2.0

LinkEvent = LinkIsUp | LinkIsDown | DesiredCame | JournalAckCame


class HubLink:
    """One MQTT connection that always comes back.

    Args:
        config: Where the hub is and who we are.
        boot: Names this run; pairs birth and death.
        on_event: Is told what comes, and when the link comes and goes.
    """

    def __init__(
        self, config: EdgeConfig, *, boot: str, on_event: Callable[[LinkEvent], None]
    ) -> None:
        self._config = config
        self._boot = boot
        self._on_event = on_event
        self._client: aiomqtt.Client | None = None
        self._in_flight: set[asyncio.Task[None]] = set()
        self._beats = 0
        self._births = 0

    @property
    def is_up(self) -> bool:
        """Whether the broker has taken our birth on this connection."""
        return self._client is not None

    def _topic(self, kind: Kind) -> str:
        return cluster_topic(self._config.commune, self._config.cluster, kind)

    async def run(self) -> None:
        """Keeps the link for ever, with growing, jittered pauses."""
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            try:
                await self._live_once()
            except (aiomqtt.MqttError, OSError, ValueError) as error:
                self._went_down(error, failures)
            honour_cancellation()
            if loop.time() - began_s > STABLE_S:
                failures = 0
            await asyncio.sleep(pause_s(failures))
            failures += 1

    def _went_down(self, error: Exception, failures: int) -> None:
        if self._client is not None:
            self._client = None
            for sending in self._in_flight:  # nobody answers it any more
                sending.cancel()
            log.warning("link down: %s", error)
            self._on_event(LinkIsDown())
        elif failures == 0:
            log.warning(
                "no link to %s:%s: %s",
                self._config.hub.mqtt_host,
                self._config.hub.mqtt_port,
                error,
            )

    async def _live_once(self) -> None:
        self._births += 1
        pair = f"{self._boot}.{self._births}"
        async with self._open_client(pair) as client:
            self._care_for_socket(client)
            for kind in (Kind.DESIRED, Kind.JOURNAL_ACK):
                await client.subscribe(self._topic(kind), qos=1)
                honour_cancellation()
            birth = encode(Availability(online=True, pair=pair))
            await client.publish(self._topic(Kind.AVAILABILITY), birth, qos=1, retain=True)
            honour_cancellation()
            self._client = client
            log.info("link up")
            self._on_event(LinkIsUp())
            beating = asyncio.create_task(self._beat(client), name="beat")
            try:
                await self._listen(client)
            except asyncio.CancelledError:
                await self._take_leave(client, pair)
                raise
            finally:
                beating.cancel()
                with contextlib.suppress(asyncio.CancelledError, aiomqtt.MqttError):
                    await beating

    async def _take_leave(self, client: aiomqtt.Client, pair: str) -> None:
        """An orderly stop is a death too; the broker keeps the will to itself then."""
        self._client = None
        death = encode(Availability(online=False, pair=pair))
        with contextlib.suppress(aiomqtt.MqttError):
            topic = self._topic(Kind.AVAILABILITY)
            await client.publish(topic, death, qos=0, retain=True, timeout=LEAVE_S)

    def _open_client(self, pair: str) -> aiomqtt.Client:
        hub = self._config.hub
        death = encode(Availability(online=False, pair=pair))
        return aiomqtt.Client(
            hostname=hub.mqtt_host,
            port=hub.mqtt_port,
            username=self._config.cluster,
            password=hub.password,
            identifier=f"{self._config.commune}.{self._config.cluster}",
            keepalive=KEEP_ALIVE_S,
            will=aiomqtt.Will(self._topic(Kind.AVAILABILITY), death, qos=1, retain=True),
            timeout=CONNECT_S,
            clean_session=True,
        )

    @staticmethod
    def _care_for_socket(client: aiomqtt.Client) -> None:
        connection = client._client.socket()  # noqa: SLF001 - aiomqtt has no other way to it
        if isinstance(connection, socket.socket):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)

    async def _listen(self, client: aiomqtt.Client) -> None:
        desired, ack = self._topic(Kind.DESIRED), self._topic(Kind.JOURNAL_ACK)
        async for message in client.messages:
            payload = message.payload
            if not isinstance(payload, bytes) or len(payload) > MAX_DESIRED_BYTES + 1:
                payload = (
                    b"" if not isinstance(payload, bytes) else payload[: MAX_DESIRED_BYTES + 1]
                )
            if message.topic.value == desired and payload:
                self._on_event(DesiredCame(note=payload))
            elif message.topic.value == ack:
                self._on_event(JournalAckCame(note=payload))

    async def _beat(self, client: aiomqtt.Client) -> None:
        while True:
            await asyncio.sleep(BEAT_INTERVAL_S)
            self._beats += 1
            beat = encode(Beat(b=self._boot, n=self._beats))
            with contextlib.suppress(aiomqtt.MqttError):  # `_listen` hears when the link is gone
                await client.publish(self._topic(Kind.BEAT), beat, qos=0)
            honour_cancellation()

    async def publish(
        self, kind: Kind, payload: bytes, *, retain: bool = False, qos: int = 1
    ) -> bool:
        """Hands one message to the broker.

        Returns:
            Whether the broker has it (QoS 1) or it was sent (QoS 0); False while the link is down.
        """
        if self._client is None:
            return False
        sending = asyncio.create_task(
            self._client.publish(
                self._topic(kind), payload, qos=qos, retain=retain, timeout=PUBLISH_S
            )
        )
        self._in_flight.add(sending)
        try:
            await asyncio.wait({sending})
        finally:
            self._in_flight.discard(sending)
            sending.cancel()
        return _was_sent(sending, kind)


def _was_sent(sending: asyncio.Task[None], kind: Kind) -> bool:
    if sending.cancelled():
        return False
    match sending.exception():
        case None:
            return True
        case aiomqtt.MqttError() | OSError() | ValueError() as error:
            log.debug("%s not sent: %s", kind, error)
            return False
        case error:
            raise error


def pause_s(failures: int) -> float:
    """How long to wait after a failure: longer each time, up to a minute, and not all clusters alike."""
    eager_s = PAUSES_S[min(failures, len(PAUSES_S) - 1)]
    longest_s = eager_s if failures < EAGER_TRIES else LONG_PAUSE_S
    return random.uniform(longest_s / 2, longest_s)  # noqa: S311 - jitter
