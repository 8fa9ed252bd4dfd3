"""The one page for people, its parts (fetched again as things change), and the login page."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
from litestar import MediaType, Request, Response, Router, get
from litestar.datastructures import Cookie, State
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect

from contract.ids import BulletinId
from hub.core.model import SlotView
from hub.hub import Hub
from hub.web import moments
from hub.web.callers import Caller, signed_in
from hub.web.own_state import own_view, own_words
from hub.web.proof import entries, gap_entries, latest_outcomes, slot_line
from hub.web.standing import standing, summary
from hub.web.texts import Language, Texts
from hub.web.tones import Tone

LANGUAGE_COOKIE = "loaxa_lang"
SHOWN_SLOTS = 40
SHOWN_ENTRIES = 40
READ_ROWS = 1000

PageRequest = Request[Any, Any, Any]


class Pages:
    """Renders the page in either language."""

    def __init__(self, templates: Path, texts: dict[Language, Texts]) -> None:
        self._environments = {
            language: _environment(templates, spoken) for language, spoken in texts.items()
        }
        self._texts = texts

    def render(self, name: str, language: Language, **values: object) -> str:
        """A template filled in."""
        return self._environments[language].get_template(name).render(**values)

    def texts(self, language: Language) -> Texts:
        """The texts of a language."""
        return self._texts[language]


def _environment(templates: Path, texts: Texts) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["language"] = texts.language
    environment.globals["day_words"] = lambda day: moments.day_words(day, texts.say)
    environment.filters["length"] = moments.length_words
    environment.filters["instant"] = moments.instant_words
    environment.install_gettext_translations(texts.translations, newstyle=True)  # type: ignore[attr-defined]
    return environment


def chosen_language(request: PageRequest) -> Language:
    """By `?lang=`, else as chosen before, else Vietnamese."""
    for word in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if word in set(Language):
            return Language(word)
    return Language.VI


def html(text: str, language: Language) -> Response[str]:
    """A page that is never kept by the browser, and remembers its language."""
    cookie = Cookie(key=LANGUAGE_COOKIE, value=language, max_age=10**8, samesite="lax", path="/")
    headers = {"Cache-Control": "no-store"}
    return Response(text, media_type=MediaType.HTML, cookies=[cookie], headers=headers)


async def _clusters_part(hub: Hub, texts: Texts) -> dict[str, object]:
    titles = await _titles(hub)
    views = await hub.operations.clusters.views()
    now = hub.clock.now()
    standings = tuple(standing(view, titles, now, texts.say) for view in views)
    return {
        "standings": sorted(standings, key=lambda one: _urgency(one.tone)),
        "summary": summary(standings, texts.say),
    }


async def _slots_part(hub: Hub, texts: Texts) -> dict[str, object]:
    names = await _names(hub)
    outcomes = latest_outcomes(await hub.operations.journal.newest(limit=READ_ROWS))
    slots = await hub.operations.slots.everything()
    now = hub.clock.now()
    return {
        "slots": [
            slot_line(view, outcomes.get(view.id, []), names, now, texts.say)
            for view in _in_order(slots, now)
        ]
    }


async def _journal_part(hub: Hub, texts: Texts) -> dict[str, object]:
    titles, names = await _titles(hub), await _names(hub)
    records = await hub.operations.journal.newest(limit=READ_ROWS)
    gaps = await hub.operations.journal.gaps(limit=SHOWN_ENTRIES)
    found = entries(records, titles, names, texts.say)
    found += gap_entries(gaps, names, texts.say)
    newest = sorted(found, key=lambda entry: entry.at, reverse=True)
    return {"entries": newest[:SHOWN_ENTRIES]}


async def _hub_part(hub: Hub, texts: Texts) -> dict[str, object]:
    return {"own": own_words(await own_view(hub), texts)}


PARTS = {
    "clusters": _clusters_part,
    "slots": _slots_part,
    "journal": _journal_part,
    "hub": _hub_part,
}
"""What each part of the page shows; only what is asked for is looked up."""


async def _titles(hub: Hub) -> dict[BulletinId, str]:
    return {one.id: one.title for one in await hub.operations.bulletins.everything()}


async def _names(hub: Hub) -> dict[str, str]:
    return {
        str(one.name): one.title or one.name for one in await hub.operations.clusters.everyone()
    }


def _urgency(tone: Tone) -> int:
    return 0 if tone is Tone.AIR else [*Tone].index(tone) + 1


def _in_order(slots: tuple[SlotView, ...], now: datetime) -> list[SlotView]:
    """On air, then what comes next, then what is over, newest first."""
    ahead = [one for one in slots if one.on_air or (one.next_at and one.next_at > now)]
    over = [one for one in slots if one not in ahead]
    ahead.sort(key=lambda one: (not one.on_air, one.next_at or now))
    return [*ahead, *over][:SHOWN_SLOTS]


@get("/", include_in_schema=False)
async def page(request: PageRequest, hub: NamedDependency[Hub], state: State) -> Response[Any]:
    """The page, or the way to the login."""
    caller: Caller | None = request.scope.get("user")
    if caller is None:
        return Redirect("/login")
    language = chosen_language(request)
    pages: Pages = state.pages
    shown: dict[str, object] = {}
    for make in PARTS.values():
        shown |= await make(hub, pages.texts(language))
    shown["bulletins"] = await hub.operations.bulletins.everything()
    text = pages.render("page.html", language, **shown, **_frame(hub, caller))
    return html(text, language)


def _frame(hub: Hub, caller: Caller) -> dict[str, object]:
    return {
        "now": hub.clock.now(),
        "commune": hub.settings.name or hub.settings.commune,
        "caller": caller,
        "quiet_hours": hub.settings.plan.quiet_hours,
        "max_upload_mib": hub.settings.media.max_upload_mib,
    }


@get("/part/{name:str}", guards=[signed_in], include_in_schema=False)
async def part(
    name: FromPath[str], request: PageRequest, hub: NamedDependency[Hub], state: State
) -> Response[str]:
    """One part of the page as it is now."""
    if name not in PARTS:
        raise NotFoundException
    language = chosen_language(request)
    pages: Pages = state.pages
    shown = await PARTS[name](hub, pages.texts(language))
    return html(pages.render(f"{name}.html", language, **shown), language)


@get("/login", include_in_schema=False)
async def login_page(
    request: PageRequest, hub: NamedDependency[Hub], state: State
) -> Response[Any]:
    """Where a person signs in."""
    if request.scope.get("user") is not None:
        return Redirect("/")
    language = chosen_language(request)
    pages: Pages = state.pages
    commune = hub.settings.name or hub.settings.commune
    return html(pages.render("login.html", language, commune=commune), language)


def router() -> Router:
    """The routes of this topic."""
    return Router("/", route_handlers=[page, part, login_page])
