"""The link to the hub's broker: found again for ever, with a birth, a last will and a beat."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
import socket
from collections.abc import Callable
from typing import Any, Self

import aiomqtt
from msgspec import Struct

from contract.codec import MAX_DESIRED_BYTES, encode
from contract.status import BEAT_INTERVAL_S, Availability, Beat
from contract.topics import Kind, cluster_topic, command_topic
from edge.shell.config import EdgeConfig
from edge.shell.inbox import (
    BeaconCame,
    CommandCame,
    DesiredCame,
    JournalAckCame,
    LinkIsDown,
    LinkIsUp,
)
from edge.shell.waiting import honour_cancellation

log = logging.getLogger(__name__)

KEEP_ALIVE_S = 180
"""Long: the beat, which the broker answers, is the sign of life both ways; paho pings only a line that is idle."""
BEAT_ANSWER_S = 25.0
"""A beat (or a message, within its `PUBLISH_S`) that is not answered while nothing else is finds a half-open link, also
one behind a mobile network that acknowledges for the far end, where the kernel never learns of it. The hub calls a
cluster lost later than that (`LOST_AFTER_S`), so by then the cluster looks for a new connection already."""
USER_TIMEOUT_MS = 20_000
"""The kernel gives a connection up when nothing of what was sent is acknowledged for so long. Short, because TCP's
retransmissions lie 13 s apart by then: who waited for the next would be back later than one who connects anew."""
PAUSES_S = (0.5, 1.0, 2.0, 4.0, 5.0)
EAGER_S = 660.0
LONG_PAUSE_S = 45.0
"""After an outage of up to ten minutes a cluster is back within ten seconds; after a longer one within a minute."""
STABLE_S = 30.0
SETTLE_S = 10.0
"""On a link whose last connection did not hold so long, the plan is asked for only once this one has held so long: a
flapping link would carry the same plan again and again."""
PUBLISH_S = 20.0
CONNECT_S = 10.0
LEAVE_S = 2.0
NONCE_BYTES = 8


class Pace(Struct, frozen=True, kw_only=True):
    """Times of a link; only tests and trials have others.

    Attributes:
        connect_s: For the broker to answer a new connection.
        beat_s: Between two beats.
        answer_s: For the broker to answer a beat.
        stable_s: After a connection that held so long the next is tried without a long pause.
        settle_s: After one that did not hold so long, the plan is asked for only when this one has.
    """

    connect_s: float = CONNECT_S
    beat_s: float = BEAT_INTERVAL_S
    answer_s: float = BEAT_ANSWER_S
    stable_s: float = STABLE_S
    settle_s: float = SETTLE_S


NoteCame = DesiredCame | JournalAckCame | BeaconCame | CommandCame
LinkEvent = LinkIsUp | LinkIsDown | NoteCame


class _Client(aiomqtt.Client):
    """Ends at once when its connection does before the broker has answered, where aiomqtt waits on for `CONNECT_S`.

    And it lets go of a connection that is not answered, which aiomqtt keeps open for ever.
    """

    async def __aenter__(self) -> Self:
        try:
            return await super().__aenter__()
        except aiomqtt.MqttError:
            self._client.disconnect()
            raise

    def _on_socket_close(self, client: Any, userdata: Any, sock: Any) -> None:  # noqa: ANN401 - paho's own
        if self._loop.is_closed():  # it is only being forgotten
            return
        super()._on_socket_close(client, userdata, sock)
        self._loop.call_soon_threadsafe(self._give_up_connecting)

    def _give_up_connecting(self) -> None:
        if not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttError("closed before the broker answered"))
            self._connected.exception()  # nobody may be waiting for it


class HubLink:
    """One MQTT connection that always comes back.

    Args:
        config: Where the hub is and who we are.
        boot: Names this run; pairs birth and death.
        on_event: Is told what comes, and when the link comes and goes.
        pace: Its times.
        on_progress: Is told with every try and every beat: the link's keeper lives, whether the link is up or not.
    """

    def __init__(
        self,
        config: EdgeConfig,
        *,
        boot: str,
        on_event: Callable[[LinkEvent], None],
        pace: Pace = Pace(),  # noqa: B008 - frozen
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        self._pace = pace
        self._on_progress = on_progress
        self._config = config
        self._boot = boot
        self._on_event = on_event
        self._client: aiomqtt.Client | None = None
        self._in_flight: set[asyncio.Task[None]] = set()
        self._beats = 0
        self._births = 0
        self._answers = 0
        self._unanswered = asyncio.Event()
        self._is_shaky = False

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
        down_since_s = loop.time()
        while True:
            began_s, was_up = loop.time(), False
            self._on_progress()
            try:
                await self._live_once()
            except (aiomqtt.MqttError, OSError, ValueError) as error:
                was_up = self._client is not None
                self._went_down(error, failures)
            honour_cancellation()
            if was_up:
                down_since_s = loop.time()
                held_s = loop.time() - began_s
                self._is_shaky = held_s < self._pace.settle_s
                failures = failures if held_s < self._pace.stable_s else 0
            await asyncio.sleep(pause_s(failures, loop.time() - down_since_s))
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
            if not self._is_shaky:
                await self._subscribe(client, Kind.DESIRED)
            await self._subscribe(client, Kind.JOURNAL_ACK, Kind.BEACON, Kind.COMMAND)
            await client.subscribe(command_topic(self._config.commune), qos=1)
            honour_cancellation()
            nonce = secrets.token_hex(NONCE_BYTES)
            birth = encode(Availability(online=True, pair=pair, nonce=nonce))
            await client.publish(self._topic(Kind.AVAILABILITY), birth, qos=1, retain=True)
            honour_cancellation()
            self._client = client
            log.info("link up")
            self._on_event(LinkIsUp(nonce=nonce))
            try:
                await self._keep_up(client)
            except asyncio.CancelledError:
                await self._take_leave(client, pair)
                raise

    async def _keep_up(self, client: aiomqtt.Client) -> None:
        """Listens, beats and, on a shaky link, asks for the plan late; raises what ended any of it."""
        self._unanswered.clear()
        jobs = [self._listen(client), self._beat(), self._until_unanswered()]
        if self._is_shaky:
            jobs.append(self._ask_for_plan_late(client))
        tasks = [asyncio.create_task(job) for job in jobs]
        try:
            while True:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                    tasks.remove(task)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _subscribe(self, client: aiomqtt.Client, *kinds: Kind) -> None:
        await client.subscribe([(self._topic(kind), 1) for kind in kinds])
        honour_cancellation()

    async def _ask_for_plan_late(self, client: aiomqtt.Client) -> None:
        await asyncio.sleep(self._pace.settle_s)
        await self._subscribe(client, Kind.DESIRED)

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
        return _Client(
            hostname=hub.mqtt_host,
            port=hub.mqtt_port,
            username=self._config.cluster,
            password=hub.password,
            identifier=f"{self._config.commune}.{self._config.cluster}",
            keepalive=KEEP_ALIVE_S,
            will=aiomqtt.Will(self._topic(Kind.AVAILABILITY), death, qos=1, retain=True),
            timeout=self._pace.connect_s,
            clean_session=True,
        )

    @staticmethod
    def _care_for_socket(client: aiomqtt.Client) -> None:
        connection = client._client.socket()  # noqa: SLF001 - aiomqtt has no other way to it
        if isinstance(connection, socket.socket):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)

    async def _listen(self, client: aiomqtt.Client) -> None:
        came: dict[str, type[NoteCame]] = {
            self._topic(Kind.DESIRED): DesiredCame,
            self._topic(Kind.JOURNAL_ACK): JournalAckCame,
            self._topic(Kind.BEACON): BeaconCame,
            self._topic(Kind.COMMAND): CommandCame,  # given again to this cluster alone
            command_topic(self._config.commune): CommandCame,
        }
        async for message in client.messages:
            self._answers += 1
            kind = came.get(message.topic.value)
            note = message.payload if isinstance(message.payload, bytes) else b""
            if kind is not None and note:
                self._on_event(kind(note=note[: MAX_DESIRED_BYTES + 1]))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._pace.beat_s)
            self._on_progress()
            self._beats += 1
            beat = encode(Beat(b=self._boot, n=self._beats))
            await self.publish(Kind.BEAT, beat, patience_s=self._pace.answer_s)
            honour_cancellation()

    async def _until_unanswered(self) -> None:
        """Raises once something was said and nothing at all was answered: the far end is not there any more."""
        await self._unanswered.wait()
        raise aiomqtt.MqttError("what was said is not answered")

    async def publish(
        self,
        kind: Kind,
        payload: bytes,
        *,
        retain: bool = False,
        qos: int = 1,
        patience_s: float = PUBLISH_S,
    ) -> bool:
        """Hands one message to the broker.

        Returns:
            Whether the broker has it (QoS 1) or it was sent (QoS 0); False while the link is down.
        """
        if self._client is None:
            return False
        answers = self._answers
        sending = asyncio.create_task(
            self._client.publish(
                self._topic(kind), payload, qos=qos, retain=retain, timeout=patience_s
            )
        )
        self._in_flight.add(sending)
        try:
            await asyncio.wait({sending})
        finally:
            self._in_flight.discard(sending)
            sending.cancel()
        was_sent = _was_sent(sending, kind)
        if qos > 0:
            self._answers += was_sent
            if self._answers == answers and not sending.cancelled():
                self._unanswered.set()
        return was_sent


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


def pause_s(failures: int, down_s: float) -> float:
    """How long to wait after a failure: longer each time, up to a minute, and not all clusters alike.

    Args:
        failures: How many came one after another.
        down_s: For how long there has been no link.
    """
    eager_s = PAUSES_S[min(failures, len(PAUSES_S) - 1)]
    longest_s = eager_s if down_s < EAGER_S else LONG_PAUSE_S
    return random.uniform(longest_s / 2, longest_s)  # noqa: S311 - jitter
