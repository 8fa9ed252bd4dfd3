from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiomqtt
import pytest

from contract.codec import decode, encode, open_signed
from contract.command import Ack, Beacon, Command, Stage
from contract.ids import ClusterId
from contract.journal import EventKind, EventRow, JournalAck, JournalBatch
from contract.model import Desired
from contract.status import Availability, Beat, HubState, Reported
from contract.topics import Kind, cluster_topic, command_topic, hub_state_topic
from hub import giving_orders
from hub.core.emergency import EmergencyOrder
from hub.core.fleet import DEATH_GRACE_S
from hub.handing_out import HandingOut
from hub.store import clusters, plans

pytestmark = pytest.mark.broker
BL_01 = ClusterId("bl-01")


class Edge:
    """The far side of the link: a cluster that speaks the contract by hand."""

    def __init__(self, client: aiomqtt.Client, parts: Any) -> None:
        self.client = client
        self.parts = parts

    def topic(self, kind: Kind) -> str:
        return cluster_topic(self.parts.settings.commune, BL_01, kind)

    async def say(self, kind: Kind, payload: bytes, *, retain: bool = False) -> None:
        await self.client.publish(self.topic(kind), payload, qos=1, retain=retain)

    async def hears(self, kind: Kind) -> bytes:
        async with asyncio.timeout(20):
            async for message in self.client.messages:
                if str(message.topic) == self.topic(kind):
                    assert isinstance(message.payload, bytes)
                    return message.payload
        raise AssertionError("never came")

    async def plan(self) -> Desired:
        return open_signed(await self.hears(Kind.DESIRED), Desired, (self.parts.signer.verifier,))

    async def ack(self) -> JournalAck:
        return open_signed(
            await self.hears(Kind.JOURNAL_ACK), JournalAck, (self.parts.signer.verifier,)
        )


@pytest.fixture
async def edge(village: Any, broker: Any, connect: Any, eventually: Any) -> AsyncIterator[Edge]:
    secret = await village.cluster("bl-01")
    broker.write_users(await village.parts.store.read(clusters.mosquitto_hashes))

    async def signs_in() -> bool:
        with contextlib.suppress(aiomqtt.MqttError):
            async with connect("bl-01", secret):
                return True
        return False

    await eventually(signs_in)
    async with connect("bl-01", secret) as client:
        made = Edge(client, village.parts)
        for kind in (Kind.DESIRED, Kind.JOURNAL_ACK):
            await client.subscribe(made.topic(kind), qos=1)
        yield made


async def test_a_cluster_gets_its_plan_and_every_change(
    village: Any, edge: Edge, link: Any, running: Any
) -> None:
    async with running(link.run()):
        first = await edge.plan()
        assert (first.version, first.slots) == (1, ())
        bulletin = await village.bulletin()
        await village.operations.slots.add(village.order(bulletin), by="t")
        second = await edge.plan()
        assert (second.version, len(second.slots)) == (2, 1)


async def test_the_echo_of_handed_out_plans_is_not_kept(village: Any, clock: Any) -> None:
    await village.cluster("bl-01")
    plan = (await village.parts.store.read(plans.newest))[0]
    handing_out = HandingOut(
        None,  # type: ignore[arg-type]
        village.parts.store,
        village.parts.settings.commune,
        clock,
    )
    handing_out.saw_retained(BL_01, plan.note)
    handing_out.saw_all()
    await handing_out.catch_up()
    handing_out.saw_retained(BL_01, plan.note)
    assert handing_out._retained == {}


async def test_a_hub_that_starts_again_sends_nothing_twice(
    village: Any, edge: Edge, link: Any, running: Any, clock: Any
) -> None:
    async with running(link.run()):
        assert (await edge.plan()).version == 1
        await link.wait_up()
    async with running(link.run()):
        await link.wait_up()
        bulletin = await village.bulletin()
        clock.pass_by(seconds=1)
        await village.operations.slots.add(village.order(bulletin), by="t")
        assert (await edge.plan()).version == 2


async def test_a_broker_without_memory_is_given_the_plans_again(
    village: Any, edge: Edge, link: Any, running: Any, connect: Any
) -> None:
    async with running(link.run()):
        await edge.plan()
        await link.wait_up()
    async with connect("hub", "hub-secret") as hub:
        await hub.publish(edge.topic(Kind.DESIRED), b"", qos=1, retain=True)
    assert await edge.hears(Kind.DESIRED) == b""
    async with running(link.run()):
        assert (await edge.plan()).version == 1


async def test_a_forged_retained_plan_is_replaced(
    village: Any, edge: Edge, link: Any, running: Any, connect: Any
) -> None:
    async with running(link.run()):
        await edge.plan()
    async with connect("hub", "hub-secret") as hub:
        await hub.publish(edge.topic(Kind.DESIRED), b"something else", qos=1, retain=True)
    assert await edge.hears(Kind.DESIRED) == b"something else"
    async with running(link.run()):
        assert (await edge.plan()).version == 1


async def test_a_hub_from_an_old_backup_jumps_above_its_clusters(
    edge: Edge, link: Any, running: Any, clock: Any
) -> None:
    async with running(link.run()):
        assert (await edge.plan()).version == 1
        reported = Reported(at=clock.now(), boot="b", software="1", board="x", desired_version=41)
        await edge.say(Kind.REPORTED, encode(reported), retain=True)
        assert (await edge.plan()).version == 42


async def test_rows_are_acknowledged_up_to_the_first_gap(
    village: Any, edge: Edge, link: Any, running: Any, clock: Any
) -> None:
    rows = [EventRow(number=n, event=EventKind.SURGE, at=clock.now()) for n in range(1, 6)]

    async def send(*numbers: int) -> int:
        batch = JournalBatch(epoch="e1", rows=tuple(rows[n - 1] for n in numbers))
        await edge.say(Kind.JOURNAL, encode(batch))
        ack = await edge.ack()
        assert (ack.epoch, ack.cluster) == ("e1", BL_01)
        return ack.up_to

    async with running(link.run()):
        await link.wait_up()
        assert [await send(1, 2), await send(4), await send(2, 1), await send(3, 5)] == [2, 2, 2, 5]
    assert len(await village.operations.journal.after(0)) == 5


async def test_bad_messages_are_counted_and_told_now_and_then(
    village: Any, edge: Edge, link: Any, running: Any, clock: Any, caplog: Any
) -> None:
    rows = (EventRow(number=1, event=EventKind.SURGE, at=clock.now()),)
    async with running(link.run()):
        await link.wait_up()
        bad = [b"", b"{}", b"\xff" * 10, b"[" * 5000, b'{"online":1}', b"x" * 70_000]
        for kind in (Kind.REPORTED, Kind.AVAILABILITY, Kind.BEAT, Kind.TELEMETRY, Kind.JOURNAL):
            for payload in bad:
                await edge.say(kind, payload)
        await edge.say(Kind.JOURNAL, encode(JournalBatch(epoch="", rows=rows)))
        await edge.say(Kind.JOURNAL, encode(JournalBatch(epoch="x" * 100, rows=rows)))
        await edge.say(Kind.JOURNAL, encode(JournalBatch(epoch="e1", rows=rows)))
        assert (await edge.ack()).up_to == 1
    told = [one.getMessage() for one in caplog.records if "refused" in one.getMessage()]
    assert [line.split(":")[0] for line in told] == [
        "refused 1 message(s) of bl-01",
        "refused 10 message(s) of bl-01",
    ]


async def test_births_beats_and_deaths_show_in_the_live_view(
    village: Any, edge: Edge, link: Any, running: Any, eventually: Any, clock: Any
) -> None:
    async def online() -> bool:
        (view,) = await village.operations.clusters.views()
        return bool(view.online)

    async def offline() -> bool:
        clock.pass_by(seconds=DEATH_GRACE_S / 4)
        await village.parts.live.find_lost()
        return not await online()

    async with running(link.run()):
        await link.wait_up()
        assert not await online()
        await edge.say(Kind.AVAILABILITY, encode(Availability(online=True, pair="p1")), retain=True)
        await eventually(online)
        await edge.say(Kind.AVAILABILITY, encode(Availability(online=False, pair="p0")))
        await edge.say(Kind.BEAT, encode(Beat(b="b1", n=1)))
        await edge.say(
            Kind.AVAILABILITY, encode(Availability(online=False, pair="p1")), retain=True
        )
        await eventually(offline)


async def test_the_hub_says_whether_it_is_there(
    village: Any, broker: Any, link: Any, running: Any, connect: Any
) -> None:
    topic = hub_state_topic(village.parts.settings.commune)
    async with running(link.run()):
        await link.wait_up()
    # The name `hub` is free again: the link has signed off.
    async with connect("hub", "hub-secret") as other:
        await other.subscribe(topic, qos=1)
        async with asyncio.timeout(20):
            message = await anext(aiter(other.messages))
    assert isinstance(message.payload, bytes)
    assert not decode(message.payload, HubState).online


async def test_the_link_comes_back_after_the_broker_was_away(
    village: Any, broker: Any, edge: Edge, link: Any, running: Any, eventually: Any
) -> None:
    async with running(link.run()):
        await link.wait_up()
        await broker.stop()
        await eventually(lambda: not link.is_up)
        bulletin = await village.bulletin()
        await village.operations.slots.add(village.order(bulletin), by="t")
        await broker.start()
        await link.wait_up()
    assert edge is not None


# Orders


async def test_an_order_goes_to_the_commune_once_and_again_only_to_who_has_not_answered(
    village: Any, edge: Edge, link: Any, running: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving_orders, "AGAIN_S", 0.2)
    commune = village.parts.settings.commune
    await village.cluster("bl-02")
    await edge.client.subscribe(command_topic(commune), qos=1)
    await edge.client.subscribe(edge.topic(Kind.COMMAND), qos=1)
    bulletin = await village.bulletin("lu")
    async with running(link.run()):
        await link.wait_up()
        birth = Availability(online=True, pair="b.1", nonce="12345678")
        await edge.client.subscribe(edge.topic(Kind.BEACON), qos=1)
        await edge.say(Kind.AVAILABILITY, encode(birth), retain=True)
        keys = (village.parts.signer.verifier,)
        beacon = open_signed(await edge.hears(Kind.BEACON), Beacon, keys)
        assert (beacon.nonce, beacon.seq_floor, beacon.at) == ("12345678", 0, clock.now())
        course = await village.operations.emergencies.start(
            EmergencyOrder(bulletin=bulletin.id), by="t"
        )
        topics = []
        async with asyncio.timeout(20):
            async for message in edge.client.messages:
                note = message.payload
                assert isinstance(note, bytes)
                assert open_signed(note, Command, keys).id == course.id
                topics.append(str(message.topic))
                if len(topics) == 3:
                    break
        assert topics == [command_topic(commune), *[edge.topic(Kind.COMMAND)] * 2]
        ack = Ack(command=course.id, stage=Stage.VERIFIED, at=clock.now())
        await edge.say(Kind.ACK, encode(ack))
        async with asyncio.timeout(20):
            while True:
                (seen,) = await village.operations.emergencies.courses()
                if seen.answers:
                    break
                await asyncio.sleep(0.05)
        assert seen.unanswered == ("bl-02",)  # who is not there is not asked, until it comes
