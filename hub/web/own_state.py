"""How the hub itself does: its backups, over HTTP and in words."""

from __future__ import annotations

from datetime import datetime

from litestar import Router, get
from litestar.di import NamedDependency
from msgspec import Struct

from hub.core.backups import BackupFacts, is_stale
from hub.hub import Hub
from hub.web.callers import signed_in
from hub.web.moments import instant_words
from hub.web.texts import Language, Texts

BACKUP_FAILED = "backup_failed"
BACKUP_STALE = "backup_stale"


class HubView(Struct, frozen=True, kw_only=True):
    """The hub as a person sees it.

    Attributes:
        backup: How its last backups went.
        alarms: `backup_failed` (the last attempt), `backup_stale` (no good one for two days).
    """

    backup: BackupFacts
    alarms: tuple[str, ...]


class OwnWords(Struct, frozen=True, kw_only=True):
    """The hub's state as its page tells it."""

    backup: str
    trouble: str = ""
    advice: str = ""


async def own_view(hub: Hub) -> HubView:
    """How the hub does now."""
    facts = await hub.operations.backups.facts()
    found = []
    if hub.settings.backup.daily:
        if facts.failed_at is not None:
            found.append(BACKUP_FAILED)
        if is_stale(facts, hub.started_at, hub.clock.now()):
            found.append(BACKUP_STALE)
    return HubView(backup=facts, alarms=tuple(found))


def own_words(view: HubView, texts: Texts) -> OwnWords:
    """The hub's state in words."""
    say = texts.say
    made_at = view.backup.made_at
    told = f"{say('Last backup:')} {_when(made_at) or say('none yet')}"
    if BACKUP_FAILED in view.alarms:
        why = view.backup.why_vi if texts.language is Language.VI else view.backup.why_en
        return OwnWords(backup=told, trouble=say("The last backup failed."), advice=why)
    if BACKUP_STALE in view.alarms:
        advice = say(
            "Tell the technician: leave the hub on at the hour of its backup, or run loaxa-hub backup."
        )
        return OwnWords(
            backup=told, trouble=say("No backup for more than two days."), advice=advice
        )
    return OwnWords(backup=told)


def _when(at: datetime | None) -> str:
    return instant_words(at) if at else ""


@get("/hub")
async def own(hub: NamedDependency[Hub]) -> HubView:
    """How the hub itself does."""
    return await own_view(hub)


def router() -> Router:
    """The routes of this topic."""
    return Router("/api", route_handlers=[own], guards=[signed_in], tags=["hub"])
