from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from contract.codec import MAX_DESIRED_BYTES, decode, open_signed
from contract.journal import EventKind, EventRow, JournalAck, JournalBatch
from contract.status import Availability, Beat
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
from edge.shell.ledger import Ledger
from edge.shell.link import CONNECT_S, PUBLISH_S, HubLink, LinkEvent, Pace, pause_s
from edge.shell.outbox import Outbox

pytestmark = pytest.mark.broker


class HubSide:
    """The other end of the broker, by hand."""

    def __init__(self, config: EdgeConfig) -> None:
        self._config = config
        self.client = aiomqtt.Client("127.0.0.1", config.hub.mqtt_port, identifier="hub")

    def topic(self, kind: Kind) -> str:
        return cluster_topic(self._config.commune, self._config.cluster, kind)

    async def say(self, kind: Kind, payload: bytes, *, retain: bool = False) -> None:
        await self.client.publish(self.topic(kind), payload, qos=1, retain=retain)

    async def hears(self, kind: Kind) -> bytes:
        async with asyncio.timeout(20):
            async for message in self.client.messages:
                if message.topic.value == self.topic(kind):
                    assert isinstance(message.payload, bytes)
                    return message.payload
        raise AssertionError("never came")

    async def availability(self) -> Availability:
        return decode(await self.hears(Kind.AVAILABILITY), Availability)


async def test_only_what_is_used_is_subscribed(
    broker: Any, config: EdgeConfig, running: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    subscribe = aiomqtt.Client.subscribe

    async def note(client: aiomqtt.Client, topic: Any, **more: Any) -> Any:
        asked.extend([topic] if isinstance(topic, str) else [name for name, _ in topic])
        return await subscribe(client, topic, **more)

    monkeypatch.setattr(aiomqtt.Client, "subscribe", note)
    link = HubLink(config, boot="b", on_event=print)
    async with running(link.run()):
        await eventually(lambda: link.is_up)
    kinds = (Kind.DESIRED, Kind.JOURNAL_ACK, Kind.BEACON, Kind.COMMAND)
    own = [cluster_topic(config.commune, config.cluster, kind) for kind in kinds]
    assert asked == [*own, command_topic(config.commune)]


@pytest.fixture
async def hub(broker: Any, config: EdgeConfig) -> AsyncIterator[HubSide]:
    made = HubSide(config)
    async with made.client:
        await made.client.subscribe(made.topic(Kind.AVAILABILITY), qos=1)
        await made.client.subscribe(made.topic(Kind.JOURNAL), qos=1)
        yield made


@pytest.fixture
def events() -> list[LinkEvent]:
    return []


@pytest.fixture
def link(config: EdgeConfig, events: list[LinkEvent]) -> HubLink:
    return HubLink(config, boot="b00t", on_event=events.append)


async def test_a_plan_kept_by_the_broker_comes_at_once(
    hub: HubSide, link: HubLink, events: list[LinkEvent], running: Any, eventually: Any
) -> None:
    await hub.say(Kind.DESIRED, b"the plan", retain=True)
    async with running(link.run()):
        await eventually(lambda: DesiredCame(note=b"the plan") in events)
        await hub.say(Kind.JOURNAL_ACK, b"an answer")
        await eventually(lambda: JournalAckCame(note=b"an answer") in events)
    assert isinstance(events[0], LinkIsUp)


async def test_birth_and_death_bear_the_same_pair_and_no_two_births_do(
    hub: HubSide, link: HubLink, config: EdgeConfig, running: Any
) -> None:
    async with running(link.run()):
        birth = await hub.availability()
        other = aiomqtt.Client(
            "127.0.0.1",
            config.hub.mqtt_port,
            identifier=f"{config.commune}.{config.cluster}",
        )
        async with other:  # the broker throws the first one out, as when its line is cut
            death = await hub.availability()
        second = await hub.availability()
    assert (birth.online, death.online, second.online) == (True, False, True)
    assert birth.pair == death.pair
    assert second.pair != birth.pair
    assert birth.pair.startswith("b00t.")


async def test_an_orderly_stop_tells_the_death(hub: HubSide, link: HubLink, running: Any) -> None:
    async with running(link.run()):
        birth = await hub.availability()
    death = await hub.availability()
    assert (death.online, death.pair) == (False, birth.pair)


async def test_an_oversized_plan_reaches_the_intake_as_oversized(
    hub: HubSide, link: HubLink, events: list[LinkEvent], running: Any, eventually: Any
) -> None:
    async with running(link.run()):
        await eventually(lambda: link.is_up)
        await hub.say(Kind.DESIRED, b"x" * (MAX_DESIRED_BYTES + 1000))
        await eventually(lambda: any(isinstance(one, DesiredCame) for one in events))
    (came,) = [one for one in events if isinstance(one, DesiredCame)]
    assert len(came.note) == MAX_DESIRED_BYTES + 1


async def test_a_cleared_plan_is_no_plan(
    hub: HubSide, link: HubLink, events: list[LinkEvent], running: Any, eventually: Any
) -> None:
    async with running(link.run()):
        await eventually(lambda: link.is_up)
        await hub.say(Kind.DESIRED, b"")
        await hub.say(Kind.JOURNAL_ACK, b"after")
        await eventually(lambda: JournalAckCame(note=b"after") in events)
    assert not [one for one in events if isinstance(one, DesiredCame)]


async def test_while_down_nothing_is_taken_and_nothing_raises(link: HubLink) -> None:
    assert not await link.publish(Kind.REPORTED, b"x")


async def test_the_link_comes_back_when_the_broker_does(
    broker: Any, link: HubLink, events: list[LinkEvent], running: Any, eventually: Any
) -> None:
    async with running(link.run()):
        await eventually(lambda: link.is_up)
        await broker.kill()
        await eventually(lambda: not link.is_up)
        assert not await link.publish(Kind.REPORTED, b"x")
        await broker.start()
        await eventually(lambda: link.is_up)
    assert [type(event) for event in events] == [LinkIsUp, LinkIsDown, LinkIsUp]
    assert events[0] != events[2]  # a nonce is of one connection


async def test_what_was_on_its_way_fails_as_soon_as_the_link_is_gone(
    broker: Any, link: HubLink, running: Any, eventually: Any
) -> None:
    async with running(link.run()):
        await eventually(lambda: link.is_up)
        broker.freeze()
        sending = asyncio.create_task(link.publish(Kind.JOURNAL, b"x"))
        await asyncio.sleep(0)
        await broker.kill()
        await eventually(lambda: not link.is_up)
        async with asyncio.timeout(PUBLISH_S / 2):
            assert not await sending


async def test_a_far_end_that_answers_nothing_is_found_though_the_kernel_sees_nothing(
    broker: Any, config: EdgeConfig, events: list[LinkEvent], running: Any, eventually: Any
) -> None:
    """Its kernel acknowledges, as a mobile network may in its place: only an answer is a sign of life."""
    pace = Pace(beat_s=0.2, answer_s=0.5)
    link = HubLink(config, boot="b", on_event=events.append, pace=pace)
    async with running(link.run()):
        await eventually(lambda: link.is_up)
        broker.freeze()
        await eventually(lambda: LinkIsDown() in events)


async def test_a_beat_that_is_answered_keeps_the_link(
    hub: HubSide, config: EdgeConfig, events: list[LinkEvent], running: Any
) -> None:
    await hub.client.subscribe(hub.topic(Kind.BEAT))
    link = HubLink(config, boot="b", on_event=events.append, pace=Pace(beat_s=0.05, answer_s=10))
    async with running(link.run()):
        beats = [decode(await hub.hears(Kind.BEAT), Beat).n for _ in range(5)]
    assert beats == [1, 2, 3, 4, 5]
    assert [type(event) for event in events] == [LinkIsUp]


@pytest.mark.parametrize(("settle_s", "kinds"), [(0, {"desired"}), (600, set())])
async def test_a_link_that_flaps_does_not_carry_the_plan_each_time(
    broker: Any, config: EdgeConfig, running: Any, eventually: Any, settle_s: float, kinds: Any
) -> None:
    events: list[LinkEvent] = []
    pace = Pace(settle_s=settle_s)
    link = HubLink(config, boot="b", on_event=events.append, pace=pace)
    async with running(link.run()):
        await eventually(lambda: link.is_up)
        await broker.kill()
        await eventually(lambda: not link.is_up)
        await broker.start()
        await eventually(lambda: link.is_up)
        side = HubSide(config)
        async with side.client:
            await side.say(Kind.DESIRED, b"the plan", retain=True)
            await side.say(Kind.JOURNAL_ACK, b"after")
            await eventually(lambda: JournalAckCame(note=b"after") in events)
    assert {"desired" for one in events if isinstance(one, DesiredCame)} == kinds


async def test_once_a_flapping_link_has_settled_the_plan_comes(
    broker: Any, config: EdgeConfig, running: Any, eventually: Any
) -> None:
    events: list[LinkEvent] = []
    pace = Pace(settle_s=0.3)
    link = HubLink(config, boot="b", on_event=events.append, pace=pace)
    async with running(link.run()):
        await eventually(lambda: link.is_up)
        await broker.kill()
        await eventually(lambda: not link.is_up)
        await broker.start()
        side = HubSide(config)
        async with side.client:
            await side.say(Kind.DESIRED, b"the plan", retain=True)
            await eventually(lambda: DesiredCame(note=b"the plan") in events)


@pytest.mark.parametrize(
    ("failures", "down_s", "longest_s"),
    [(0, 0, 0.5), (1, 9, 1), (3, 9, 4), (4, 9, 5), (10**6, 600, 5), (5, 700, 45), (0, 700, 45)],
)
def test_pauses_grow_to_a_limit_with_jitter(failures: int, down_s: float, longest_s: float) -> None:
    pauses_s = [pause_s(failures, down_s) for _ in range(50)]
    assert all(longest_s / 2 <= one <= longest_s for one in pauses_s)
    assert len(set(pauses_s)) > 1


async def ends_when_cancelled(
    make: Callable[[], Coroutine[Any, Any, None]], moments: int, longest_s: float
) -> None:
    """Cancels anew at `moments` moments; each run must end."""
    chance = random.Random(5)
    for _ in range(moments):
        task = asyncio.create_task(make())
        for _ in range(chance.randrange(1, 30)):
            await asyncio.sleep(0)
        await asyncio.sleep(chance.uniform(0, longest_s))
        task.cancel()
        ended, _ = await asyncio.wait([task], timeout=10)
        assert ended, "cancelled, and goes on"


async def test_a_cancelled_link_always_ends(broker: Any, link: HubLink) -> None:
    await ends_when_cancelled(link.run, moments=150, longest_s=0.012)


async def test_a_publish_that_is_answered_as_it_is_cancelled_ends(
    hub: HubSide, link: HubLink, running: Any, eventually: Any
) -> None:
    async def publish_for_ever() -> None:
        while True:
            await link.publish(Kind.REPORTED, b"x")

    async with running(link.run()):
        await eventually(lambda: link.is_up)
        await ends_when_cancelled(publish_for_ever, moments=300, longest_s=0.001)


class HubStore:
    """Takes journal batches and acknowledges them, as the hub does."""

    def __init__(self, hub: HubSide, papers: Any) -> None:
        self._hub = hub
        self._papers = papers
        self.numbers: list[int] = []

    async def run(self) -> None:
        while True:
            batch = decode(await self._hub.hears(Kind.JOURNAL), JournalBatch)
            self.numbers += [row.number for row in batch.rows]
            await self._hub.say(
                Kind.JOURNAL_ACK, self._papers.ack(batch.epoch, batch.rows[-1].number)
            )


async def test_rows_of_a_dead_time_arrive_once_the_broker_is_back(
    broker: Any,
    config: EdgeConfig,
    papers: Any,
    tmp_path: Path,
    running: Any,
    eventually: Any,
) -> None:
    ledger = Ledger(tmp_path / "ledger.db")

    def hear(event: LinkEvent) -> None:
        if isinstance(event, LinkIsUp):
            outbox.link_is_up()
        elif isinstance(event, JournalAckCame):
            ack = open_signed(event.note, JournalAck, config.verifier_keys())
            if ledger.acknowledge(ack.epoch, ack.up_to):
                outbox.acknowledged()

    def surges(count: int) -> None:
        for _ in range(count):
            ledger.append(EventRow(number=1, event=EventKind.SURGE, at=papers.plan().issued_at))
        outbox.poke()

    link = HubLink(config, boot="b", on_event=hear)
    outbox = Outbox(ledger, link)
    async with running(link.run(), outbox.run()):
        await eventually(lambda: link.is_up)
        await broker.kill()
        surges(300)
        await eventually(lambda: not link.is_up)
        await broker.start()
        hub = HubSide(config)
        async with hub.client:
            await hub.client.subscribe(hub.topic(Kind.JOURNAL), qos=1)
            store = HubStore(hub, papers)
            async with running(store.run()):
                await eventually(lambda: ledger.waiting() == 0)
                surges(2)
                await eventually(lambda: ledger.waiting() == 0)
    assert sorted(set(store.numbers)) == list(range(1, 303))
    ledger.close()


async def test_a_connection_that_ends_before_the_answer_is_not_waited_for(
    free_port: int, link: HubLink, running: Any, eventually: Any
) -> None:
    """As when the link is back and what hung on it is reset: 10 s of patience would be 10 s too many."""
    asked: list[float] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(asyncio.get_running_loop().time())
        await reader.read(1000)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", free_port, family=socket.AF_INET)
    async with running(link.run()):
        await eventually(lambda: len(asked) >= 3)
    server.close()
    await server.wait_closed()
    assert asked[2] - asked[0] < CONNECT_S


async def test_a_try_that_is_not_answered_leaves_no_connection_behind(
    free_port: int, config: EdgeConfig, running: Any, eventually: Any
) -> None:
    """In a month of a network that connects and then carries nothing, no socket may be left over by each try."""
    there: list[asyncio.StreamWriter] = []
    most, tried = 0, 0

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal most, tried
        tried += 1
        there.append(writer)
        most = max(most, len(there))
        while await reader.read(1000):
            pass
        there.remove(writer)
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", free_port, family=socket.AF_INET)
    link = HubLink(config, boot="b", on_event=print, pace=Pace(connect_s=0.3))
    async with running(link.run()):
        await eventually(lambda: tried >= 4)
    for writer in [*there]:
        writer.close()
        await writer.wait_closed()
    server.close()
    await server.wait_closed()
    assert most == 1


async def test_a_broker_that_refuses_is_asked_again(
    free_port: int, link: HubLink, events: list[LinkEvent], running: Any, eventually: Any
) -> None:
    asked: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(1000))
        writer.write(b"\x20\x02\x00\x05")  # CONNACK: not authorised
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", free_port, family=socket.AF_INET)
    async with running(link.run()):
        await eventually(lambda: len(asked) >= 2)
    server.close()
    await server.wait_closed()
    assert events == []


async def test_orders_to_the_commune_and_the_beacon_for_this_birth_come(
    hub: HubSide,
    link: HubLink,
    config: EdgeConfig,
    events: list[LinkEvent],
    running: Any,
    eventually: Any,
) -> None:
    async with running(link.run()):
        birth = await hub.availability()
        await eventually(lambda: events)
        assert events[0] == LinkIsUp(nonce=birth.nonce)
        assert len(birth.nonce) == 16
        await hub.say(Kind.BEACON, b"now")
        await hub.client.publish(command_topic(config.commune), b"an order", qos=1)
        await eventually(lambda: BeaconCame(note=b"now") in events)
        await eventually(lambda: CommandCame(note=b"an order") in events)
