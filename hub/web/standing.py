"""How a cluster stands, in words and a tone. Nothing is green while it is silent."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from contract.ids import BulletinId
from contract.status import Reported
from hub.core.model import ClusterView
from hub.web.moments import instant_words
from hub.web.texts import Say, mark


class Tone(StrEnum):
    """What a card looks like, most urgent first."""

    BAD = "bad"
    WARN = "warn"
    AIR = "air"
    CALM = "calm"


class Remark(Struct, frozen=True):
    """One line on a card."""

    tone: Tone
    text: str


class Standing(Struct, frozen=True, kw_only=True):
    """A cluster as its card shows it; `tone` is that of the worst that is to be said."""

    view: ClusterView
    tone: Tone
    headline: Remark
    remarks: tuple[Remark, ...]


FAULTS = {
    "player_failed": mark("the player failed"),
    "silent": mark("it plays, but nothing is to be heard"),
    "disk_full": mark("the memory card is full"),
    "card_read_only": mark("the memory card takes nothing any more"),
    "card_errors": mark("the memory card has errors"),
    "card_slow": mark("the memory card is very slow"),
    "card_worn": mark("the memory card is nearly worn out"),
    "under_voltage": mark("the power supply is too weak"),
    "too_hot": mark("the cabinet is too hot"),
    "ledger_replaced": mark("the log on the card was broken and has begun anew"),
    "data_budget_spent": mark("this month's 4G data is used up"),
    "relay_failed": mark("the relay failed"),
    "relay_guard": mark("the amplifier was switched off by its guard and rests"),
}
"""Words for fault codes that have no field of their own in `Reported`."""
TOLD_ELSEWHERE = frozenset({"arrester_failed", "clock_untrusted"})


def standing(view: ClusterView, titles: Mapping[BulletinId, str], say: Say) -> Standing:
    """How a cluster stands now."""
    head = _headline(view, titles, say)
    remarks = tuple(_remarks(view, say))
    tones = [head.tone, *(remark.tone for remark in remarks)]
    return Standing(view=view, tone=min(tones, key=[*Tone].index), headline=head, remarks=remarks)


def _headline(view: ClusterView, titles: Mapping[BulletinId, str], say: Say) -> Remark:
    if not view.online:
        return Remark(
            Tone.BAD, say("connection lost") if view.last_seen_at else say("not yet connected")
        )
    if view.reported is None or view.reported.on_air is None:
        return Remark(Tone.CALM, say("online, not playing"))
    title = titles.get(view.reported.on_air.bulletin, view.reported.on_air.bulletin)
    if view.reported.relays and not view.reported.relays.get("amp", True):
        return Remark(Tone.BAD, f"{say('playing, but the amplifier is off:')} “{title}”")
    return Remark(Tone.AIR, f"{say('on air:')} “{title}”")


def _remarks(view: ClusterView, say: Say) -> list[Remark]:
    found = []
    if not view.online and view.last_seen_at:
        found.append(
            Remark(Tone.CALM, f"{say('last contact:')} {instant_words(view.last_seen_at)}")
        )
    found += [*_plan_remarks(view, say)]
    if view.reported is not None:
        found += [*_fault_remarks(view.reported, say)]
    return found


def _plan_remarks(view: ClusterView, say: Say) -> list[Remark]:
    found = []
    if view.plan_version_reported < view.plan_version:
        found.append(Remark(Tone.WARN, say("new schedule not received yet")))
    missing = len(view.reported.missing) if view.reported else 0
    if missing:
        found.append(Remark(Tone.WARN, f"{say('missing sound files:')} {missing}"))
    if not view.online and not found and view.plan_version_reported:
        found.append(Remark(Tone.CALM, say("holds the whole schedule and plays it by itself")))
    return found


def _fault_remarks(reported: Reported, say: Say) -> list[Remark]:
    found = []
    if reported.arrester_ok is False:
        found.append(Remark(Tone.BAD, say("surge arrester failed")))
    if not reported.clock_trust.is_trusted:
        found.append(Remark(Tone.BAD, say("clock not right")))
    found += [
        Remark(Tone.BAD, say(FAULTS[code]) if code in FAULTS else f"{say('fault:')} {code}")
        for code in reported.faults
        if code not in TOLD_ELSEWHERE
    ]
    return found


def summary(standings: tuple[Standing, ...], say: Say) -> str:
    """One line over all clusters."""
    online = sum(one.view.online for one in standings)
    playing = sum(bool(one.view.reported and one.view.reported.on_air) for one in standings
                  if one.view.online)  # fmt: skip
    trouble = sum(one.tone in (Tone.BAD, Tone.WARN) for one in standings)
    parts = [
        f"{len(standings)} {say('clusters')}",
        f"{online} {say('online')}",
        f"{playing} {say('playing')}",
        f"{trouble} {say('to look at')}",
    ]
    return " · ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts)
