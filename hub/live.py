"""The live view of the fleet, in Redis structures: in this process by default, on a Redis server by setting.

Nothing here is the only copy of a fact: after a restart it fills again from retained messages and new ones.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from contract.ids import ClusterId, CommuneId
from contract.status import LOST_AFTER_S, Availability, Reported, Telemetry
from hub.clock import HubClock
from hub.core.clock_error import ClockReading, after_stamp
from hub.core.fleet import (
    QUIET_AFTER_S,
    Signs,
    after_availability,
    after_sign_of_life,
    is_online,
    is_quiet,
    lost_at,
)
from hub.errors import HubError

log = logging.getLogger(__name__)

WATCH_INTERVAL_S = 1.0


class LiveView(Struct, frozen=True, kw_only=True):
    """How a cluster is, as far as it has said.

    Attributes:
        quiet: A beat of it is overdue.
    """

    signs: Signs = Signs()
    online: bool = False
    quiet: bool = True
    reported: Reported | None = None
    telemetry: Telemetry | None = None
    clock: ClockReading | None = None


class Live:
    """How every cluster is now. `async with` opens it; `run` watches for clusters that fall silent."""

    def __init__(self, url: str, commune: CommuneId, clock: HubClock) -> None:
        self._url = url
        self._prefix = f"loaxa:{commune}"
        self._clock = clock
        self._stack = AsyncExitStack()
        self._client: Any = None
        self._one_at_a_time = asyncio.Lock()
        self._told_quiet: frozenset[bytes] = frozenset()

    async def __aenter__(self) -> Self:
        """Connects.

        Raises:
            HubError: The Redis server of the settings does not answer.
        """
        # Both are slow to import, and only a hub that serves opens a live view.
        from fakeredis import FakeAsyncRedis, FakeServer  # noqa: PLC0415
        from redis import asyncio as redis  # noqa: PLC0415

        if self._url:
            self._client = redis.from_url(self._url, socket_timeout=10)
        else:
            self._client = FakeAsyncRedis(server=FakeServer())
        self._stack.push_async_callback(self._client.aclose)
        try:
            with _converted():
                await self._client.ping()
        except HubError:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the connections."""
        await self._stack.aclose()

    async def view(self, cluster: ClusterId) -> LiveView:
        """How one cluster is now."""
        return (await self.views((cluster,)))[0]

    async def views(self, clusters: Sequence[ClusterId]) -> tuple[LiveView, ...]:
        """How these clusters are now, in their order: one question to Redis for all."""
        with _converted():
            async with self._client.pipeline(transaction=False) as asked:
                for cluster in clusters:
                    asked.hgetall(self._key(cluster))
                found = await asked.execute()
            now = self._clock.now()
            since = await self._listening_since() or now
        return tuple(_view(raw, since, now) for raw in found)

    async def heard_reported(self, cluster: ClusterId, said: Reported, *, retained: bool) -> None:
        """A cluster said how it is."""
        with _converted():
            await self._client.hset(self._key(cluster), "reported", msgspec.json.encode(said))
        if not retained:
            await self._heard_stamp(cluster, said.at)
            await self.heard(cluster)
        await self.changed(cluster)

    async def _heard_stamp(self, cluster: ClusterId, stamped_at: datetime) -> None:
        with _converted():
            raw = await self._client.hget(self._key(cluster), "clock")
            before = msgspec.json.decode(raw, type=ClockReading) if raw else None
            reading = after_stamp(before, stamped_at, self._clock.now())
            await self._client.hset(self._key(cluster), "clock", msgspec.json.encode(reading))

    async def heard_telemetry(self, cluster: ClusterId, said: Telemetry) -> None:
        """A cluster told its figures."""
        with _converted():
            await self._client.hset(self._key(cluster), "telemetry", msgspec.json.encode(said))
        await self._heard_stamp(cluster, said.at)
        await self.heard(cluster)

    async def heard_availability(
        self, cluster: ClusterId, said: Availability, *, retained: bool
    ) -> None:
        """A birth or a death."""
        with _converted():
            async with self._one_at_a_time:
                at = None if retained else self._clock.now()
                signs = after_availability(await self._signs(cluster), said, at)
                if said.online and at is not None:
                    signs = after_sign_of_life(signs, at)
                await self._settle(cluster, signs)

    async def heard(self, cluster: ClusterId) -> None:
        """Any message that came just now: a sign of life."""
        with _converted():
            async with self._one_at_a_time:
                signs = after_sign_of_life(await self._signs(cluster), self._clock.now())
                await self._settle(cluster, signs)

    async def listening(self) -> None:
        """From now on the hub hears its clusters: silence before counts against nobody."""
        with _converted():
            now = self._clock.now().astimezone(UTC).isoformat()
            await self._client.hset(self._prefix, "listening_since", now)

    async def deaf(self) -> None:
        """The hub hears nobody for now, so nobody is lost for his silence."""
        with _converted():
            await self._client.hdel(self._prefix, "listening_since")

    async def changed(self, cluster: ClusterId) -> None:
        """Tells everyone who watches that this cluster is to be looked at again."""
        with _converted():
            await self._client.publish(f"{self._prefix}:changes", str(cluster))

    async def changes(self) -> AsyncIterator[ClusterId]:
        """Names of clusters, each as it changes, for as long as the caller listens."""
        with _converted():
            async with self._client.pubsub(ignore_subscribe_messages=True) as channel:
                await channel.subscribe(f"{self._prefix}:changes")
                while True:
                    message = await channel.get_message(timeout=None)
                    if message is not None:
                        yield ClusterId(message["data"].decode())

    async def run(self) -> None:
        """Finds clusters that fall silent, for ever."""
        while True:
            try:
                await self.find_lost()
            except HubError as error:
                log.error("live view: %s", error)
                await asyncio.sleep(10 * WATCH_INTERVAL_S)
            await asyncio.sleep(WATCH_INTERVAL_S)

    async def find_lost(self) -> tuple[ClusterId, ...]:
        """Marks clusters whose last sign of life is too old; those newly lost."""
        with _converted():
            if await self._listening_since() is None:
                return ()
            now = self._clock.now().timestamp()
            due = await self._client.zrangebyscore(f"{self._prefix}:due", "-inf", now)
            names = [ClusterId(name.decode()) for name in due]
            lost = tuple([name for name in names if not await self._is_there(name)])
            await self._tell_quiet(now + LOST_AFTER_S - QUIET_AFTER_S)
            return lost

    async def _tell_quiet(self, due_until: float) -> None:
        """Who watches is told when a beat becomes overdue, and when it has come after all."""
        found = await self._client.zrangebyscore(f"{self._prefix}:due", "-inf", due_until)
        quiet = frozenset(found)
        for name in quiet ^ self._told_quiet:
            await self.changed(ClusterId(name.decode()))
        self._told_quiet = quiet

    async def _is_there(self, cluster: ClusterId) -> bool:
        async with self._one_at_a_time:
            return await self._settle(cluster, await self._signs(cluster))

    async def _settle(self, cluster: ClusterId, signs: Signs) -> bool:
        now = self._clock.now()
        since = await self._listening_since() or now
        online = is_online(signs, since, now)
        before = await self._client.hget(self._key(cluster), "online")
        # Who fell silent is dead until the next sign of life: a pause of the hub's hearing does not revive him.
        kept = signs if online else replace(signs, born=False)
        await self._client.hset(
            self._key(cluster),
            mapping={"signs": msgspec.json.encode(kept), "online": b"1" if online else b"0"},
        )
        deadline = lost_at(kept, since)
        if deadline is None:
            await self._client.zrem(f"{self._prefix}:due", str(cluster))
        else:
            await self._client.zadd(f"{self._prefix}:due", {str(cluster): deadline.timestamp()})
        if (before == b"1") is not online:
            log.info("cluster %s is %s", cluster, "there" if online else "lost")
            await self.changed(cluster)
        return online

    async def _signs(self, cluster: ClusterId) -> Signs:
        raw = await self._client.hget(self._key(cluster), "signs")
        return msgspec.json.decode(raw, type=Signs) if raw else Signs()

    async def _listening_since(self) -> datetime | None:
        raw = await self._client.hget(self._prefix, "listening_since")
        return datetime.fromisoformat(raw.decode()) if raw else None

    def _key(self, cluster: ClusterId) -> str:
        return f"{self._prefix}:cluster:{cluster}"


@contextmanager
def _converted() -> Iterator[None]:
    from redis.exceptions import RedisError  # noqa: PLC0415 - slow to import

    try:
        yield
    except (RedisError, OSError) as error:
        raise HubError(
            "no_redis",
            f"không kết nối được Redis ở [live] url: {error}",
            f"the Redis server of [live] url does not answer: {error}",
        ) from error


def _view(raw: dict[bytes, bytes], since: datetime, now: datetime) -> LiveView:
    signs = _read(raw, b"signs", Signs) or Signs()
    return LiveView(
        signs=signs,
        online=raw.get(b"online") == b"1",
        quiet=is_quiet(signs, since, now),
        reported=_read(raw, b"reported", Reported),
        telemetry=_read(raw, b"telemetry", Telemetry),
        clock=_read(raw, b"clock", ClockReading),
    )


def _read(raw: dict[bytes, bytes], key: bytes, kind: type[Any]) -> Any:  # noqa: ANN401 - by kind
    data = raw.get(key)
    return msgspec.json.decode(data, type=kind) if data else None
