"""How a cluster stands, in words and a tone. Nothing is green while it is silent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from contract.fault import FaultCode
from contract.ids import BulletinId
from contract.status import Reported
from hub.core.alarms import CLOCK_OFF
from hub.core.model import ClusterView
from hub.web.details import clock_words, details
from hub.web.faults import fault_words
from hub.web.moments import instant_words, span_words
from hub.web.texts import Say
from hub.web.tones import Tone


class Remark(Struct, frozen=True):
    """One line on a card, with what to do about it."""

    tone: Tone
    text: str
    advice: str = ""


class Standing(Struct, frozen=True, kw_only=True):
    """A cluster as its card shows it; `tone` is that of the worst that is to be said.

    Attributes:
        details: What may be of use and calls for nothing: its clock, and figures out of the ordinary.
    """

    view: ClusterView
    tone: Tone
    headline: Remark
    remarks: tuple[Remark, ...]
    details: tuple[str, ...] = ()


def standing(
    view: ClusterView, titles: Mapping[BulletinId, str], now: datetime, say: Say
) -> Standing:
    """How a cluster stands now."""
    head = _headline(view, titles, now, say)
    remarks = tuple(_remarks(view, say))
    tones = [head.tone, *(remark.tone for remark in remarks)]
    return Standing(
        view=view,
        tone=min(tones, key=[*Tone].index),
        headline=head,
        remarks=remarks,
        details=details(view, say),
    )


def _headline(
    view: ClusterView, titles: Mapping[BulletinId, str], now: datetime, say: Say
) -> Remark:
    if not view.online:
        return Remark(
            Tone.BAD, say("connection lost") if view.last_seen_at else say("not yet connected")
        )
    if view.quiet:
        return _quiet_headline(view, now, say)
    if view.reported is not None and view.reported.emergency:
        return Remark(Tone.AIR, say("on air: EMERGENCY"))
    if view.reported is None or view.reported.on_air is None:
        return Remark(Tone.CALM, say("online, not playing"))
    return _on_air(view, view.reported, view.reported.on_air.bulletin, titles, say)


def _on_air(
    view: ClusterView,
    reported: Reported,
    bulletin: BulletinId,
    titles: Mapping[BulletinId, str],
    say: Say,
) -> Remark:
    title = titles.get(bulletin, bulletin)
    if FaultCode.SILENT in view.alarms:
        return Remark(Tone.BAD, f"{say('playing, but nothing is to be heard:')} “{title}”")
    if reported.relays and not reported.relays.get("amp", True):
        return Remark(Tone.BAD, f"{say('playing, but the amplifier is off:')} “{title}”")
    return Remark(Tone.AIR, f"{say('on air:')} “{title}”")


def _quiet_headline(view: ClusterView, now: datetime, say: Say) -> Remark:
    if view.last_seen_at is None:
        return Remark(Tone.CALM, say("not heard since the hub started"))
    silent_s = (now - view.last_seen_at).total_seconds()
    return Remark(Tone.CALM, f"{say('not heard for')} {span_words(silent_s, say)}")


def _remarks(view: ClusterView, say: Say) -> list[Remark]:
    found = []
    if not view.online and view.last_seen_at:
        found.append(
            Remark(Tone.CALM, f"{say('last contact:')} {instant_words(view.last_seen_at)}")
        )
    found += [*_plan_remarks(view, say)]
    found += _maintenance(view, say)
    found += [_alarm(code, view, say) for code in view.alarms]
    return found


def _maintenance(view: ClusterView, say: Say) -> list[Remark]:
    if view.reported is not None and view.reported.maintenance:
        advice = say("No slot plays; emergencies do. Switch it off when the work is done.")
        return [Remark(Tone.WARN, say("maintenance"), advice)]
    if view.maintenance:
        advice = say("Until it has, it plays its slots as planned.")
        return [Remark(Tone.WARN, say("the cluster has not heard of its maintenance yet"), advice)]
    return []


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


def _alarm(code: str, view: ClusterView, say: Say) -> Remark:
    known = fault_words(code, say)
    if code == CLOCK_OFF:
        return Remark(known.tone, clock_words(view, say), known.advice)
    return Remark(known.tone, known.words, known.advice)


def summary(standings: tuple[Standing, ...], say: Say) -> str:
    """One line over all clusters."""
    online = sum(one.view.online for one in standings)
    playing = sum(
        bool(one.view.reported and one.view.reported.on_air)
        for one in standings
        if one.view.online and not one.view.quiet
    )
    trouble = sum(one.tone in (Tone.BAD, Tone.WARN) for one in standings)
    parts = [
        f"{len(standings)} {say('clusters')}",
        f"{online} {say('online')}",
        f"{playing} {say('playing')}",
        f"{trouble} {say('to look at')}",
    ]
    return " · ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts)
