"""Slots over HTTP: plan, change, cancel, stop."""

from __future__ import annotations

import msgspec
from litestar import Router, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from contract.ids import ClusterId, SlotId
from contract.model import Instant
from hub.core.model import Preview, SlotChange, SlotOrder, SlotView
from hub.hub import Hub
from hub.web.callers import PersonRequest, signed_in


class SlotAnswer(SlotView, frozen=True, kw_only=True):
    """A slot after a change, and the clusters whose plan the change touched."""

    clusters_changed: tuple[ClusterId, ...]


class StopOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Which planned start to stop; without it what is on air, else the next."""

    planned_at: Instant | None = None


def _answer(change: SlotChange) -> SlotAnswer:
    return SlotAnswer(
        **msgspec.structs.asdict(change.slot), clusters_changed=change.clusters_changed
    )


@get("/")
async def everything(hub: NamedDependency[Hub]) -> tuple[SlotView, ...]:
    """The newest slots, newest first."""
    return await hub.operations.slots.everything()


@post("/")
async def add(
    data: JSONBody[SlotOrder], request: PersonRequest, hub: NamedDependency[Hub]
) -> SlotAnswer:
    """Plans a slot."""
    return _answer(await hub.operations.slots.add(data, by=request.user.name))


@post("/preview", status_code=200)
async def preview(data: JSONBody[SlotOrder], hub: NamedDependency[Hub]) -> Preview:
    """Which clusters would sound when; refuses what planning would refuse."""
    return await hub.operations.slots.preview(data)


@put("/{slot:str}")
async def change(
    slot: FromPath[str],
    data: JSONBody[SlotOrder],
    request: PersonRequest,
    hub: NamedDependency[Hub],
) -> SlotAnswer:
    """Changes a slot as a whole."""
    done = await hub.operations.slots.change(SlotId(slot), data, by=request.user.name)
    return _answer(done)


@delete("/{slot:str}", status_code=200)
async def cancel(
    slot: FromPath[str], request: PersonRequest, hub: NamedDependency[Hub]
) -> SlotAnswer:
    """Calls a slot off."""
    return _answer(await hub.operations.slots.cancel(SlotId(slot), by=request.user.name))


@post("/{slot:str}/stop", status_code=200)
async def stop(
    slot: FromPath[str],
    request: PersonRequest,
    hub: NamedDependency[Hub],
    data: JSONBody[StopOrder | None] = None,
) -> SlotAnswer:
    """Stops one planned start."""
    planned_at = data.planned_at if data else None
    done = await hub.operations.slots.stop(
        SlotId(slot), by=request.user.name, planned_at=planned_at
    )
    return _answer(done)


def router() -> Router:
    """The routes of this topic."""
    return Router(
        "/api/slots",
        route_handlers=[everything, add, preview, change, cancel, stop],
        guards=[signed_in],
        tags=["slots"],
    )
