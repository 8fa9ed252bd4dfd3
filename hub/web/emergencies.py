"""Emergencies over HTTP: who would hear it, begin, end, and what came of it."""

from __future__ import annotations

import msgspec
from litestar import Router, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import JSONBody

from hub.core.emergency import Course, EmergencyOrder
from hub.core.model import EmergencyPreview
from hub.core.release import WORDS, is_word
from hub.hub import Hub
from hub.web import refusals
from hub.web.callers import LOCAL, PersonRequest, signed_in
from hub.web.throttle import LoginThrottle


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """An emergency with what shows that a person means it.

    Attributes:
        order: What is to sound, and where.
        word: As `hub.core.release.WORDS` has it for the mode; accents and capitals do not matter.
        code: The person's second factor; a program on this machine has none.
    """

    order: EmergencyOrder
    word: str
    code: str = ""


class StopOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Which emergency ends; none named: all of them."""

    emergency: str | None = None


@get("/")
async def everything(hub: NamedDependency[Hub]) -> tuple[Course, ...]:
    """The newest orders with every cluster's answer, newest first."""
    return await hub.operations.emergencies.courses()


@post("/preview", status_code=200)
async def preview(data: JSONBody[EmergencyOrder], hub: NamedDependency[Hub]) -> EmergencyPreview:
    """Who would hear what; refuses what starting would refuse."""
    return await hub.operations.emergencies.preview(data)


@post("/")
async def start(
    data: JSONBody[Release],
    request: PersonRequest,
    state: State,
    hub: NamedDependency[Hub],
) -> Course:
    """Sounds it at once, over everything."""
    if not is_word(data.word, data.order.mode):
        raise refusals.wrong_word(WORDS[data.order.mode])
    if request.user.name != LOCAL:
        await _check_code(data.code, request, state, hub)
    return await hub.operations.emergencies.start(data.order, by=request.user.name)


async def _check_code(code: str, request: PersonRequest, state: State, hub: Hub) -> None:
    throttle: LoginThrottle = state.throttle
    who = (f"code of {request.user.name}", "")
    throttle.attempt(*who)
    await hub.operations.people.check_code(request.user.name, code)
    throttle.succeeded(*who)


@post("/stop", status_code=200)
async def stop(
    request: PersonRequest,
    hub: NamedDependency[Hub],
    data: JSONBody[StopOrder | None] = None,
) -> Course:
    """Ends one, or all: one action, without a second factor, for a mistake must end at once."""
    emergency = data.emergency if data else None
    return await hub.operations.emergencies.stop(by=request.user.name, emergency=emergency)


def router() -> Router:
    """The routes of this topic."""
    return Router(
        "/api/emergencies",
        route_handlers=[everything, preview, start, stop],
        guards=[signed_in],
        tags=["emergencies"],
    )
