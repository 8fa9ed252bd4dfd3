"""A 4G link between one cluster and the hub: TCP forwarded through conditions that can be made bad."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple, Self

log = logging.getLogger(__name__)

SEGMENT_BYTES = 1400
RETRANSMISSION_S = 0.2
HEADER_BYTES = 40
"""IPv4 and TCP headers of one segment, without options."""
QUEUED_SEGMENTS = 64
LINK = "link"
"""What cuts a link if nothing else is said."""
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes closing a reset."""
COUNTERS = struct.Struct("=QQII")
COUNTERS_AT = 120
"""Offset of bytes acked, bytes received, segments out and segments in, in Linux's `tcp_info`."""


@dataclass
class Conditions:
    """What the link does to traffic; changed while it runs."""

    down: bool = False
    latency_s: float = 0.0
    bytes_per_s: float = 0.0
    loss: float = 0.0

    def clear(self) -> None:
        """Neither slow nor lossy."""
        self.latency_s, self.bytes_per_s, self.loss = 0.0, 0.0, 0.0


@dataclass
class Lanes:
    """When the link's two directions are free again; those who share a link share them.

    Attributes:
        free_at: By way ("up", "down"), on the loop's clock.
    """

    free_at: dict[str, float] = field(default_factory=lambda: {"up": 0.0, "down": 0.0})

    def clear(self) -> None:
        """Nothing is on its way."""
        self.free_at.update(up=0.0, down=0.0)


@dataclass
class Traffic:
    """What the cluster's side of a link carried.

    Segments count those without payload too; the end of a connection counts as one byte, as in TCP's own numbers.
    """

    sent_bytes: int = 0
    received_bytes: int = 0
    sent_segments: int = 0
    received_segments: int = 0
    connections: int = 0

    @property
    def total_bytes(self) -> int:
        """Both ways, with headers."""
        payload = self.sent_bytes + self.received_bytes
        return payload + HEADER_BYTES * (self.sent_segments + self.received_segments)

    def add(self, other: Traffic) -> None:
        """Counts another's traffic to this."""
        self.sent_bytes += other.sent_bytes
        self.received_bytes += other.received_bytes
        self.sent_segments += other.sent_segments
        self.received_segments += other.received_segments
        self.connections += other.connections


class Forwarder:
    """Listens on a free port of the loopback and forwards to the hub. Use it with `async with`.

    Args:
        target: Host and port of the hub's service.
        seed: Of random loss.
        port: Where it listens; 0: anywhere.
        lanes: Shared with another forwarder of the same link, so that both together are as slow as one.
    """

    def __init__(
        self, target: tuple[str, int], *, seed: int = 0, port: int = 0, lanes: Lanes | None = None
    ) -> None:
        self._target = target
        self._wanted_port = port
        self._random = random.Random(seed)  # noqa: S311 - faults that can be repeated, not secrets
        self._conditions = Conditions()
        self._causes: set[str] = set()
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._passages: set[_Passage] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = Traffic()
        self._lanes = lanes or Lanes()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._wanted_port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    @property
    def port(self) -> int:
        """Where the cluster connects to."""
        assert self._server is not None  # noqa: S101 - only within async with
        return int(self._server.sockets[0].getsockname()[1])

    def traffic(self) -> Traffic:
        """All traffic so far, of open and of closed connections."""
        total = Traffic()
        total.add(self._closed)
        for passage in self._passages:
            total.add(passage.traffic())
        return total

    # Conditions

    def cut(self, cause: str = LINK) -> None:
        """From now on nothing passes, nothing is closed, and new connections hang, until the cause is lifted."""
        self._causes.add(cause)
        self._conditions.down = True
        for passage in self._passages:
            passage.is_stale = True

    def lift(self, cause: str) -> None:
        """A cause of the cut is no more; after the last one connections that lived through the cut are reset."""
        if cause not in self._causes:
            return
        self._causes.discard(cause)
        if not self._causes:
            self._conditions.down = False
            self._wake()
            for passage in [*self._passages]:
                passage.reset()

    def restore(self) -> None:
        """A good link again; connections that lived through a cut are reset. Another cause of a cut stays."""
        self._conditions.clear()
        self._lanes.clear()
        self._wake()
        self.lift(LINK)

    def slow(self, *, latency_ms: float, bytes_per_s: float) -> None:
        """Delays and throttles; 0 bytes a second means no limit."""
        self._conditions.latency_s = latency_ms / 1000
        self._conditions.bytes_per_s = bytes_per_s

    def lose(self, loss_pct: float) -> None:
        """Loses this share of segments; each comes after a retransmission time-out."""
        self._conditions.loss = loss_pct / 100

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    # Traffic

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        passage = _Passage(writer)
        self._passages.add(passage)
        try:
            await self._forward(reader, passage)
        except (OSError, asyncio.IncompleteReadError) as error:
            log.debug("connection over: %s", error)
        except asyncio.CancelledError:
            # Up to Python 3.12 a stream server tells a cancelled connection as an error.
            log.debug("the link is taken down")
        finally:
            self._closed.add(passage.traffic())
            self._passages.discard(passage)
            passage.close()

    async def _forward(self, reader: asyncio.StreamReader, passage: _Passage) -> None:
        await self._until_up(passage)
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        passage.far = far_writer
        with _both_ways(
            self._pump("up", reader, far_writer, passage),
            self._pump("down", far_reader, passage.near, passage),
        ) as pumps:
            await asyncio.gather(*pumps)

    async def _until_up(self, passage: _Passage) -> None:
        """Waits while the link is down; a connection that was there then does not outlive it."""
        while self._conditions.down:
            passage.is_stale = True
            await self._changed.wait()
        if passage.is_stale:
            passage.reset()
            raise ConnectionResetError("the link was down")

    async def _pump(
        self,
        way: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        passage: _Passage,
    ) -> None:
        queue: asyncio.Queue[_Segment] = asyncio.Queue(QUEUED_SEGMENTS)
        sender = asyncio.create_task(self._send(queue, writer, passage))
        try:
            while True:
                chunk = await reader.read(SEGMENT_BYTES)
                segment = _Segment(self._due(way, len(chunk)), self._changed, chunk)
                put = asyncio.ensure_future(queue.put(segment))
                done, _ = await asyncio.wait({put, sender}, return_when=asyncio.FIRST_COMPLETED)
                if sender in done:
                    put.cancel()
                    break
                if not chunk:
                    break
            await sender
        finally:
            sender.cancel()

    def _due(self, way: str, size: int) -> float:
        """When a segment of this size arrives at the other side."""
        now = asyncio.get_running_loop().time()
        wanted = self._conditions
        depart = now
        if wanted.bytes_per_s:
            free_at = self._lanes.free_at
            depart = max(now, free_at[way]) + (size + HEADER_BYTES) / wanted.bytes_per_s
            free_at[way] = depart
        wait_s, timeout_s = 0.0, RETRANSMISSION_S
        while wanted.loss and self._random.random() < wanted.loss:
            wait_s += timeout_s
            timeout_s *= 2
        return depart + wanted.latency_s + wait_s

    async def _send(
        self,
        queue: asyncio.Queue[_Segment],
        writer: asyncio.StreamWriter,
        passage: _Passage,
    ) -> None:
        while True:
            due, restored, chunk = await queue.get()
            if due > asyncio.get_running_loop().time():
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(due):
                        await restored.wait()
            await self._until_up(passage)
            if not chunk:
                with suppress(OSError):
                    writer.write_eof()
                return
            writer.write(chunk)
            await writer.drain()


class _Segment(NamedTuple):
    due: float
    restored: asyncio.Event
    """Set once the link is good again: then it waits no longer."""
    chunk: bytes


class _Passage:
    """One connection: the cluster's side, and the hub's side once there is one."""

    def __init__(self, near: asyncio.StreamWriter) -> None:
        self.near = near
        self.far: asyncio.StreamWriter | None = None
        self.is_stale = False
        self._last = Traffic()

    def traffic(self) -> Traffic:
        """What the kernel counted on the cluster's side; the last figures once it is closed."""
        connection: socket.socket | None = self.near.get_extra_info("socket")
        if connection is not None and connection.fileno() >= 0:
            with suppress(OSError, struct.error):
                self._last = _kernel_counts(connection)
        return self._last

    def reset(self) -> None:
        """Ends both sides the hard way."""
        self.traffic()
        for side in (self.near, self.far):
            if side is not None:
                connection: socket.socket | None = side.get_extra_info("socket")
                with suppress(OSError):
                    if connection is not None:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                side.transport.abort()

    def close(self) -> None:
        """Ends both sides."""
        for side in (self.near, self.far):
            if side is not None:
                side.close()


def _kernel_counts(connection: socket.socket) -> Traffic:
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, COUNTERS_AT + COUNTERS.size)
    acked, received, segments_out, segments_in = COUNTERS.unpack_from(info, COUNTERS_AT)
    return Traffic(
        sent_bytes=received,
        received_bytes=acked,
        sent_segments=segments_in,
        received_segments=segments_out,
        connections=1,
    )


@contextlib.contextmanager
def _both_ways(*pumps: object) -> Iterator[list[asyncio.Task[None]]]:
    """Two pumps that end together."""
    tasks = [asyncio.ensure_future(pump) for pump in pumps]  # type: ignore[call-overload]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
