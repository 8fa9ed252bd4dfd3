"""Silent while green: from the measured level to what is done about an item that sounds by every sign but that."""

from __future__ import annotations

import math
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from edge.core.state import OccurrenceKey

SILENT_DB = -70.0
"""At full volume: 50 dB below the speech that the hub makes of every upload, 10 dB below a quiet room in it."""
ZEROS_DB = -100.0
"""However low the volume, a level above this is sound: one sample in ten of 16 bits moves by its smallest step."""
JUDGED_FROM_PCT = 5
"""Below this volume (-78 dB) 16 bits carry no speech, and a person has chosen not to hear any."""
PATIENCE_S = 20.0
"""Liquidsoap's blank detection takes as long; no bulletin is meant to pause longer."""
AGAIN_S = (60.0, 300.0, 900.0, 3600.0)
"""Pauses before the next act once the first two have not helped: a dead card must not keep the player restarting."""


class Act(StrEnum):
    """What is done about a silence."""

    RESTART = "restart"
    """A new player, and the item joined in step."""
    FILL = "fill"
    """The station chime in place of the item, which is joined again after it."""


class Listening(Struct, frozen=True, kw_only=True):
    """What the measured levels have told so far. Instants are seconds of a monotonic clock.

    Attributes:
        key: The item that is listened to.
        sounded_s: When it was last heard, or began to sound.
        quiet_from_s: Since when nothing but silence has been measured.
        last: What was last done about a silence that is not over.
        acted_s: When.
        fills: Chimes played about it.
        chime_heard: Whether the last chime was measured: then the card works, and it is the item that is silent.
    """

    key: OccurrenceKey | None = None
    sounded_s: float = 0.0
    quiet_from_s: float | None = None
    last: Act | None = None
    acted_s: float = 0.0
    fills: int = 0
    chime_heard: bool = False

    @property
    def is_silent(self) -> bool:
        """Whether a silence was found and nothing of the item measured since."""
        return self.last is not None


def is_silence(level_db: float | None, volume_pct: int) -> bool | None:
    """Whether a level is none; None: it cannot be told.

    Args:
        level_db: RMS of what went to the card, dBFS.
        volume_pct: By VLC's law, amplitude by the cube of the volume: a bulletin at 10 % is 60 dB softer.
    """
    if level_db is None or volume_pct < JUDGED_FROM_PCT:
        return None
    softer_db = 60 * math.log10(volume_pct / 100)
    return level_db < max(SILENT_DB + softer_db, ZEROS_DB)


def begun(state: Listening, key: OccurrenceKey, at_s: float) -> Listening:
    """The item sounds from now on, at its start or joined again."""
    if key == state.key:
        return replace(state, sounded_s=at_s, quiet_from_s=None)
    kept = Listening() if state.chime_heard else state
    return replace(kept, key=key, sounded_s=at_s, quiet_from_s=None)


def measured(state: Listening, level_db: float | None, volume_pct: int, at_s: float) -> Listening:
    """The level of the item since the last report."""
    match is_silence(level_db, volume_pct):
        case None:
            return state
        case False:
            return Listening(key=state.key, sounded_s=at_s)
        case _:
            since_s = state.sounded_s if state.quiet_from_s is None else state.quiet_from_s
            return replace(state, quiet_from_s=since_s)


def chime_measured(state: Listening, level_db: float | None, volume_pct: int) -> Listening:
    """The level of the chime since the last report."""
    heard = is_silence(level_db, volume_pct) is False
    return replace(state, chime_heard=state.chime_heard or heard)


def ended(state: Listening) -> Listening:
    """The item is over. If the card works, the next one starts afresh; else what was tried is remembered."""
    if state.chime_heard or not state.is_silent:
        return Listening()
    return replace(state, key=None, quiet_from_s=None)


def due(state: Listening, now_s: float) -> Act | None:
    """What is to be done now about a silence."""
    if state.quiet_from_s is None or now_s - state.quiet_from_s < PATIENCE_S:
        return None
    if state.last is None:
        return Act.RESTART
    if state.last is Act.RESTART:
        return Act.FILL
    pause_s = AGAIN_S[min(state.fills, len(AGAIN_S)) - 1]
    if now_s - state.acted_s < pause_s:
        return None
    return Act.FILL if state.chime_heard else Act.RESTART


def acted(state: Listening, act: Act, at_s: float) -> Listening:
    """Something was done about it; from the item's next start on, it gets its time to be heard."""
    is_fill = act is Act.FILL
    return replace(
        state,
        last=act,
        acted_s=at_s,
        fills=state.fills + is_fill,
        chime_heard=state.chime_heard and not is_fill,
        sounded_s=at_s,
        quiet_from_s=None,
    )
