from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from provisioning.bench.forwarder import RETRANSMISSION_S, Forwarder, Traffic
from provisioning.bench.link import Link
from provisioning.bench.processes import until

PATIENCE_S = 20.0
MOMENT_S = 0.1
"""A silence is believed after so long: a busy machine can only make it longer."""
FIRST_SEGMENT_IS_LOST = 1
"""Seed whose first number is below 0.2, and the second is not."""


class Echo:
    """A service that answers what it hears."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.connections = 0
        self.address = ("127.0.0.1", 0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(OSError):
            while data := await reader.read(65_536):
                self.heard += data
                writer.write(data)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def serving() -> AsyncIterator[Echo]:
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    echo.address = server.sockets[0].getsockname()
    async with server:
        yield echo


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    async with serving() as one:
        yield one


@pytest.fixture
async def forwarder(echo: Echo) -> AsyncIterator[Forwarder]:
    async with Forwarder(echo.address, seed=FIRST_SEGMENT_IS_LOST) as one:
        yield one


class Client:
    """A cluster's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def take(self, size: int) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.readexactly(size)

    async def ask(self, data: bytes) -> bytes:
        self.send(data)
        return await self.take(len(data))

    async def hears_nothing(self) -> bool:
        try:
            async with asyncio.timeout(MOMENT_S):
                await self.reader.read(1)
        except TimeoutError:
            return True
        return False

    async def is_reset(self) -> bool:
        try:
            await self.take(1)
        except ConnectionResetError:
            return True
        except asyncio.IncompleteReadError:
            return False
        return False


Dial = Callable[[int], Awaitable[Client]]


@pytest.fixture
async def dial() -> AsyncIterator[Dial]:
    async with AsyncExitStack() as stack:

        async def connect(port: int) -> Client:
            client = Client(*await asyncio.open_connection("127.0.0.1", port))

            async def close() -> None:
                client.writer.close()
                with suppress(OSError):
                    await client.writer.wait_closed()

            stack.push_async_callback(close)
            return client

        yield connect


async def test_bytes_pass_both_ways(forwarder: Forwarder, dial: Dial) -> None:
    client = await dial(forwarder.port)
    data = bytes(range(256)) * 1000
    assert await client.ask(data) == data


async def test_the_end_of_a_connection_passes(forwarder: Forwarder, echo: Echo, dial: Dial) -> None:
    client = await dial(forwarder.port)
    client.send(b"the last words")
    client.writer.write_eof()
    assert await client.take(14) == b"the last words"
    async with asyncio.timeout(PATIENCE_S):
        assert await client.reader.read() == b""


async def test_a_service_that_is_not_there_ends_the_connection(dial: Dial) -> None:
    async with serving() as echo:
        gone = echo.address
    async with Forwarder(gone) as forwarder:
        client = await dial(forwarder.port)
        async with asyncio.timeout(PATIENCE_S):
            assert await client.reader.read() == b""


# A cut link


async def test_cut_nothing_passes_and_nothing_is_closed(
    forwarder: Forwarder, echo: Echo, dial: Dial
) -> None:
    client = await dial(forwarder.port)
    await client.ask(b"before")
    forwarder.cut()
    client.send(b"lost")
    assert await client.hears_nothing()
    assert echo.heard == b"before"


async def test_restored_a_connection_from_before_the_cut_is_reset(
    forwarder: Forwarder, echo: Echo, dial: Dial
) -> None:
    client = await dial(forwarder.port)
    await client.ask(b"before")
    forwarder.cut()
    client.send(b"lost")
    forwarder.restore()
    assert await client.is_reset()
    assert echo.heard == b"before"


async def test_a_connect_during_the_cut_hangs_and_never_reaches_the_hub(
    forwarder: Forwarder, echo: Echo, dial: Dial
) -> None:
    forwarder.cut()
    client = await dial(forwarder.port)
    client.send(b"lost")
    assert await client.hears_nothing()
    forwarder.restore()
    assert await client.is_reset()
    assert echo.connections == 0


async def test_restored_a_new_connection_works(forwarder: Forwarder, dial: Dial) -> None:
    forwarder.cut()
    forwarder.restore()
    assert await (await dial(forwarder.port)).ask(b"again") == b"again"


async def test_restoring_a_link_that_was_not_cut_resets_nothing(
    forwarder: Forwarder, dial: Dial
) -> None:
    client = await dial(forwarder.port)
    await client.ask(b"before")
    forwarder.slow(latency_ms=1, bytes_per_s=0)
    forwarder.restore()
    assert await client.ask(b"after") == b"after"


async def test_it_ends_with_a_connection_hanging_in_the_cut(
    echo: Echo, dial: Dial, caplog: pytest.LogCaptureFixture
) -> None:
    async with asyncio.timeout(PATIENCE_S):
        async with Forwarder(echo.address) as forwarder:
            client = await dial(forwarder.port)
            await client.ask(b"before")
            forwarder.cut()
            await dial(forwarder.port)
        assert await client.reader.read() == b""
    with pytest.raises(OSError, match="Connect call failed"):
        await dial(client.writer.get_extra_info("peername")[1])
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []


# A bad link


def seconds() -> float:
    return asyncio.get_running_loop().time()


async def test_delay_holds_both_ways(forwarder: Forwarder, dial: Dial) -> None:
    client = await dial(forwarder.port)
    forwarder.slow(latency_ms=150, bytes_per_s=0)
    began_s = seconds()
    await client.ask(b"there and back")
    assert seconds() - began_s >= 0.3


async def test_delay_is_no_throttle(forwarder: Forwarder, dial: Dial) -> None:
    """What is sent together is delayed together: one by one 100 segments would take 40 s."""
    client = await dial(forwarder.port)
    forwarder.slow(latency_ms=400, bytes_per_s=0)
    async with asyncio.timeout(PATIENCE_S):
        assert await client.ask(b"x" * 140_000) == b"x" * 140_000


async def test_throttled_bytes_take_their_time(forwarder: Forwarder, dial: Dial) -> None:
    client = await dial(forwarder.port)
    forwarder.slow(latency_ms=0, bytes_per_s=100_000)
    began_s = seconds()
    assert await client.ask(b"x" * 30_000) == b"x" * 30_000
    assert seconds() - began_s >= 0.3


async def test_connections_share_the_throttled_link(forwarder: Forwarder, dial: Dial) -> None:
    clients = [await dial(forwarder.port) for _ in range(3)]
    forwarder.slow(latency_ms=0, bytes_per_s=100_000)
    began_s = seconds()
    await asyncio.gather(*(client.ask(b"x" * 10_000) for client in clients))
    assert seconds() - began_s >= 0.3


async def test_restored_what_still_waited_comes_at_full_speed(
    forwarder: Forwarder, dial: Dial
) -> None:
    client = await dial(forwarder.port)
    forwarder.slow(latency_ms=0, bytes_per_s=50)
    client.send(b"x" * 10_000)
    assert await client.hears_nothing()
    forwarder.restore()
    assert await client.take(10_000) == b"x" * 10_000


async def test_a_lost_segment_comes_after_a_retransmission(
    forwarder: Forwarder, dial: Dial
) -> None:
    client = await dial(forwarder.port)
    forwarder.lose(20)
    began_s = seconds()
    assert await client.ask(b"lost once") == b"lost once"
    assert seconds() - began_s >= RETRANSMISSION_S


async def test_a_lossy_link_keeps_the_order_and_every_byte(
    forwarder: Forwarder, dial: Dial
) -> None:
    client = await dial(forwarder.port)
    forwarder.lose(20)
    data = b"".join(number.to_bytes(2) for number in range(20_000))
    assert await client.ask(data) == data


# What it carried


async def counted(forwarder: Forwarder, sent: int, received: int) -> Traffic:
    async def all_acknowledged() -> Traffic | None:
        now = forwarder.traffic()
        return now if (now.sent_bytes, now.received_bytes) == (sent, received) else None

    return await until(all_acknowledged, f"{sent} and {received} bytes", timeout_s=PATIENCE_S)


async def test_it_counts_payload_segments_and_connections(forwarder: Forwarder, dial: Dial) -> None:
    assert forwarder.traffic() == Traffic()
    client = await dial(forwarder.port)
    await client.ask(b"x" * 1000)
    await (await dial(forwarder.port)).ask(b"y" * 500)
    traffic = await counted(forwarder, 1500, 1500)
    assert traffic.connections == 2
    # At least the handshake and one segment of data on each connection.
    assert traffic.sent_segments >= 4
    assert traffic.received_segments >= 4
    segments = traffic.sent_segments + traffic.received_segments
    assert traffic.total_bytes == 3000 + 40 * segments


async def test_what_a_reset_connection_carried_stays_counted(
    forwarder: Forwarder, dial: Dial
) -> None:
    client = await dial(forwarder.port)
    await client.ask(b"x" * 1000)
    await counted(forwarder, 1000, 1000)
    forwarder.cut()
    forwarder.restore()
    assert await client.is_reset()
    await (await dial(forwarder.port)).ask(b"y" * 10)
    assert (await counted(forwarder, 1010, 1010)).connections == 2


async def test_a_connection_that_ended_in_order_stays_counted(
    forwarder: Forwarder, dial: Dial
) -> None:
    client = await dial(forwarder.port)
    await client.ask(b"x" * 1000)
    await counted(forwarder, 1000, 1000)
    client.writer.write_eof()
    async with asyncio.timeout(PATIENCE_S):
        await client.reader.read()
    # Each side's end counts as a byte, once it is acknowledged.
    assert 1000 <= forwarder.traffic().sent_bytes <= 1001
    assert 1000 <= forwarder.traffic().received_bytes <= 1001


# Both halves of a link


@pytest.fixture
async def link(echo: Echo) -> AsyncIterator[Link]:
    async with Link(echo.address, echo.address) as one:
        yield one


async def test_a_link_tells_where_it_listens(link: Link) -> None:
    assert link.mqtt_address == f"127.0.0.1:{link.messages.port}"
    assert link.media_url == f"http://127.0.0.1:{link.sounds.port}"
    assert link.messages.port != link.sounds.port


async def test_one_half_can_be_cut_alone(link: Link, dial: Dial) -> None:
    messages, sounds = await dial(link.messages.port), await dial(link.sounds.port)
    await messages.ask(b"m")
    link.cut("messages")
    messages.send(b"lost")
    assert await sounds.ask(b"s") == b"s"
    assert await messages.hears_nothing()
    link.restore("messages")
    assert await messages.is_reset()


async def test_both_halves_share_the_throttled_link(link: Link, dial: Dial) -> None:
    messages, sounds = await dial(link.messages.port), await dial(link.sounds.port)
    link.slow(latency_ms=0, bytes_per_s=100_000)
    began_s = seconds()
    await asyncio.gather(messages.ask(b"x" * 15_000), sounds.ask(b"x" * 15_000))
    assert seconds() - began_s >= 0.3


async def test_a_link_counts_both_halves(link: Link, dial: Dial) -> None:
    for half in (link.messages, link.sounds):
        await (await dial(half.port)).ask(b"x" * 100)
        await counted(half, 100, 100)
    assert link.traffic().sent_bytes == link.traffic().received_bytes == 200
    assert link.traffic().connections == 2


async def test_a_link_can_be_slow_and_lossy(link: Link, dial: Dial) -> None:
    client = await dial(link.sounds.port)
    link.slow(latency_ms=50, bytes_per_s=0, part="sounds")
    link.lose(1)
    began_s = seconds()
    assert await client.ask(b"x") == b"x"
    assert seconds() - began_s >= 0.1


async def test_what_the_modem_does_not_carry_a_restored_link_does_not_either(
    link: Link, dial: Dial
) -> None:
    client = await dial(link.messages.port)
    await client.ask(b"before")
    link.set_modem(carries=False)
    link.restore()
    client.send(b"into the void")
    assert await client.hears_nothing()
    link.set_modem(carries=True)
    assert await client.is_reset()
    assert await (await dial(link.messages.port)).ask(b"anew") == b"anew"


async def test_a_modem_that_carries_mends_no_cut_link(link: Link, dial: Dial) -> None:
    link.cut()
    link.set_modem(carries=False)
    link.set_modem(carries=True)
    client = await dial(link.messages.port)
    client.send(b"still cut")
    assert await client.hears_nothing()


async def test_that_a_modem_carries_makes_no_slow_link_fast(link: Link, dial: Dial) -> None:
    link.slow(latency_ms=150, bytes_per_s=0)
    link.set_modem(carries=False)
    link.set_modem(carries=True)
    client = await dial(link.messages.port)
    began_s = seconds()
    await client.ask(b"there and back")
    assert seconds() - began_s >= 0.3
