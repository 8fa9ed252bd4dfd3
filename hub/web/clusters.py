"""Clusters and what they have done, over HTTP; and their changes as they happen."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import msgspec
from litestar import Router, get, patch
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream

from contract.ids import ClusterId
from hub.bell import Bell
from hub.core.model import ClusterSettings, ClusterView, JournalRecord
from hub.hub import Hub
from hub.web.callers import PersonRequest, signed_in

PING_S = 15.0
"""A line at least this often tells a browser that the stream lives, and us that the browser does."""
GATHER_S = 0.2
"""Changes within this travel as one event."""


@get("/clusters")
async def everything(hub: NamedDependency[Hub]) -> tuple[ClusterView, ...]:
    """All clusters as they are now."""
    return await hub.operations.clusters.views()


@patch("/clusters/{cluster:str}")
async def change(
    cluster: FromPath[str],
    data: JSONBody[ClusterSettings],
    request: PersonRequest,
    hub: NamedDependency[Hub],
) -> ClusterView:
    """Gives a cluster other settings: volume, when and how much it fetches, maintenance."""
    name = ClusterId(cluster)
    await hub.operations.clusters.change(name, data, by=request.user.name)
    await hub.live.changed(name)
    return await hub.operations.clusters.view(name)


@get("/journal")
async def journal(
    hub: NamedDependency[Hub], cluster: FromQuery[str | None] = None, after: FromQuery[int] = 0
) -> tuple[JournalRecord, ...]:
    """Journal rows that were stored after the row `after`, oldest first; 500 at most."""
    wanted = ClusterId(cluster) if cluster else None
    return await hub.operations.journal.after(after, cluster=wanted)


@get("/events", media_type="text/event-stream")
async def events(hub: NamedDependency[Hub]) -> Stream:
    """Server-sent events: `fleet` with the clusters that changed; first with all of them."""
    return Stream(
        fleet_events(hub),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def fleet_events(hub: Hub) -> AsyncGenerator[bytes, None]:
    """Events as bytes: all clusters at once, then those that change, with a ping while nothing does."""
    changed = _Changed()

    async def listen() -> None:
        async for name in hub.operations.clusters.changes():
            changed.add(name)

    listener = asyncio.create_task(listen())
    try:
        yield _event(await hub.operations.clusters.views())
        while not listener.done():
            yield await _next(hub, changed)
    finally:
        listener.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listener


class _Changed:
    """Names of clusters that changed since they were last taken: never more than there are clusters."""

    def __init__(self) -> None:
        self._names: set[ClusterId] = set()
        self._bell = Bell()

    def add(self, name: ClusterId) -> None:
        self._names.add(name)
        self._bell.ring()

    async def wait(self) -> None:
        while not self._names:
            await self._bell.wait()

    def take(self) -> frozenset[ClusterId]:
        taken = frozenset(self._names)
        self._names.clear()
        return taken


async def _next(hub: Hub, changed: _Changed) -> bytes:
    try:
        async with asyncio.timeout(PING_S):
            await changed.wait()
    except TimeoutError:
        return b": ping\n\n"
    await asyncio.sleep(GATHER_S)
    return _event(await hub.operations.clusters.views(changed.take()))


def _event(views: tuple[ClusterView, ...]) -> bytes:
    return b"event: fleet\ndata: " + msgspec.json.encode(views) + b"\n\n"


def router() -> Router:
    """The routes of this topic."""
    return Router(
        "/api",
        route_handlers=[everything, change, journal, events],
        guards=[signed_in],
        tags=["clusters"],
    )
