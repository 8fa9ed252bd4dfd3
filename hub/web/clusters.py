"""Clusters and what they have done, over HTTP; and their changes as they happen."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Stream

from contract.ids import ClusterId
from hub.core.model import ClusterView, JournalRecord
from hub.hub import Hub
from hub.web.callers import signed_in

PING_S = 15.0
"""A line at least this often tells a browser that the stream lives, and us that the browser does."""
GATHER_S = 0.2
"""Changes within this travel as one event."""


@get("/clusters")
async def everything(hub: NamedDependency[Hub]) -> tuple[ClusterView, ...]:
    """All clusters as they are now."""
    return await hub.operations.clusters.views()


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
    waiting: asyncio.Queue[ClusterView] = asyncio.Queue()

    async def listen() -> None:
        async for view in hub.operations.clusters.changes():
            waiting.put_nowait(view)

    listener = asyncio.create_task(listen())
    try:
        yield _event(await hub.operations.clusters.views())
        while not listener.done():
            yield await _next(waiting)
    finally:
        listener.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listener


async def _next(waiting: asyncio.Queue[ClusterView]) -> bytes:
    try:
        async with asyncio.timeout(PING_S):
            first = await waiting.get()
    except TimeoutError:
        return b": ping\n\n"
    await asyncio.sleep(GATHER_S)
    latest = {first.name: first}
    while not waiting.empty():
        view = waiting.get_nowait()
        latest[view.name] = view
    return _event(tuple(latest.values()))


def _event(views: tuple[ClusterView, ...]) -> bytes:
    return b"event: fleet\ndata: " + msgspec.json.encode(views) + b"\n\n"


def router() -> Router:
    """The routes of this topic."""
    return Router(
        "/api",
        route_handlers=[everything, journal, events],
        guards=[signed_in],
        tags=["clusters"],
    )
