"""Whether a cluster is there, from its signs of life."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from contract.status import LOST_AFTER_S, Availability

QUIET_AFTER_S = 65.0
"""A beat and some way for it (`contract.status.BEAT_INTERVAL_S`): who is silent for longer may be lost already."""


DEATH_GRACE_S = 10.0
"""A death counts so late: a cluster that starts its agent anew, or whose new connection ends the old one, is back by
then, and nobody is alarmed. Well within what is promised of an alarm (100 s)."""


class Signs(Struct, frozen=True, kw_only=True):
    """What a cluster has let us know of its life.

    Attributes:
        pair: The birth that its present session began with; empty when none is known.
        born: The session has not ended by a death of the same pair.
        last_seen_at: Last message that was not a retained one.
        died_at: When a death was heard that does not count yet.
    """

    pair: str = ""
    born: bool = False
    last_seen_at: datetime | None = None
    died_at: datetime | None = None


def after_availability(signs: Signs, said: Availability, at: datetime | None = None) -> Signs:
    """Signs after a birth or a death. A death of another pair belongs to an older session.

    Args:
        signs: What was known before.
        said: The birth or death.
        at: When it came; None: nobody knows, the broker had kept it.
    """
    if said.online:
        return replace(signs, pair=said.pair, born=True, died_at=None)
    if signs.pair not in ("", said.pair):
        return signs
    if at is None or not signs.born:
        return replace(signs, pair=said.pair, born=False, died_at=None)
    return replace(signs, pair=said.pair, died_at=at)


def after_sign_of_life(signs: Signs, at: datetime) -> Signs:
    """Signs after a message that came just now."""
    return replace(signs, born=True, last_seen_at=at, died_at=None)


def lost_at(signs: Signs, listening_since: datetime) -> datetime | None:
    """When it counts as lost if nothing more comes; None when it is not there already.

    Args:
        signs: What it let us know.
        listening_since: Since when the hub hears; silence before that is the hub's own.
    """
    if not signs.born:
        return None
    heard_at = max(signs.last_seen_at or listening_since, listening_since)
    silent_at = heard_at + timedelta(seconds=LOST_AFTER_S)
    if signs.died_at is None:
        return silent_at
    return min(silent_at, signs.died_at + timedelta(seconds=DEATH_GRACE_S))


def is_online(signs: Signs, listening_since: datetime, now: datetime) -> bool:
    """Whether the cluster is there at `now`."""
    deadline = lost_at(signs, listening_since)
    return deadline is not None and now < deadline


def is_quiet(signs: Signs, listening_since: datetime, now: datetime) -> bool:
    """Whether a beat is overdue: what the cluster said last may be so no more."""
    deadline = lost_at(signs, listening_since)
    early = timedelta(seconds=LOST_AFTER_S - QUIET_AFTER_S)
    return deadline is None or now >= deadline - early
