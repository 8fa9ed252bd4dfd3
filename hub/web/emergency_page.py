"""The emergency page: what, where, who will hear it, a word and a code; then what each cluster makes of it."""

from __future__ import annotations

from typing import Any

from litestar import Response, Router, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.response import Redirect

from contract.command import Mode
from contract.model import Priority
from contract.pack import PackKind
from hub.core.model import BulletinRecord
from hub.core.release import WORDS
from hub.hub import Hub
from hub.web.callers import Caller, signed_in
from hub.web.courses import CourseLine, course_line
from hub.web.page import PageRequest, Pages, chosen_language, html
from hub.web.texts import Say

SHOWN = 10


async def _lines(hub: Hub, say: Say) -> list[CourseLine]:
    names = {
        str(one.name): one.title or one.name for one in await hub.operations.clusters.everyone()
    }
    courses = await hub.operations.emergencies.courses()
    now = hub.clock.now()
    return [course_line(one, names, now, say) for one in courses[:SHOWN]]


def choices(known: tuple[BulletinRecord, ...]) -> list[BulletinRecord]:
    """What may be sounded: the newest of each kind of the pack, other emergencies, then every other bulletin."""
    pack: dict[PackKind, BulletinRecord] = {}
    for one in known:  # newest first
        if one.pack is not None:
            pack.setdefault(one.pack, one)
    ready = [pack[kind] for kind in PackKind if kind in pack and kind is not PackKind.DRILL]
    others = [one for one in known if one.pack is None]
    urgent = [one for one in others if one.priority is Priority.EMERGENCY]
    return [*ready, *urgent, *(one for one in others if one not in urgent)]


@get("/emergency", include_in_schema=False)
async def page(request: PageRequest, hub: NamedDependency[Hub], state: State) -> Response[Any]:
    """The page, or the way to the login."""
    caller: Caller | None = request.scope.get("user")
    if caller is None:
        return Redirect("/login")
    language = chosen_language(request)
    pages: Pages = state.pages
    known = await hub.operations.bulletins.everything()
    all_clear = next((one for one in known if one.pack is PackKind.ALL_CLEAR), None)
    text = pages.render(
        "emergency.html",
        language,
        caller=caller,
        commune=hub.settings.name or hub.settings.commune,
        choices=choices(known),
        all_clear=all_clear,
        clusters=await hub.operations.clusters.views(),
        words={"live": WORDS[Mode.LIVE], "drill": WORDS[Mode.DRILL]},
        courses=await _lines(hub, pages.texts(language).say),
    )
    return html(text, language)


@get("/emergency/courses", guards=[signed_in], include_in_schema=False)
async def courses(request: PageRequest, hub: NamedDependency[Hub], state: State) -> Response[str]:
    """What each cluster makes of the newest orders, as it is now."""
    language = chosen_language(request)
    pages: Pages = state.pages
    lines = await _lines(hub, pages.texts(language).say)
    return html(pages.render("courses.html", language, courses=lines), language)


def router() -> Router:
    """The page and its living part."""
    return Router("/", route_handlers=[page, courses])
