"""Listens whether what is on air is heard, and acts when it is not: a new player, the station chime, an alarm."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from pathlib import Path

from contract.fault import FaultCode
from contract.journal import EventKind, Reason
from contract.ports import Clock
from edge.core.silence import (
    Act,
    Listening,
    acted,
    begun,
    chime_measured,
    due,
    ended,
    is_silence,
    measured,
)
from edge.core.state import Cue, OpenItem
from edge.shell.airing import Airing
from edge.shell.diary import Diary
from edge.shell.fault_board import FaultBoard
from hardware.player import (
    Failed,
    HeardOut,
    Player,
    PlayerEvent,
    Prepared,
    Progress,
    Ready,
    Started,
)

log = logging.getLogger(__name__)

CHIME_FILE = "chime.wav"
"""The station chime's name in the agent's store."""
CHIME = "chime#"
"""Items of the player that begin so are the station chime."""
CHIME_AHEAD_NS = 500_000_000


class SilenceWatch:
    """Told of every player's event after `Airing`; acts once a turn of the loop.

    Args:
        clock: Silences are measured by its monotonic side.
        airing: What is on air.
        player: Plays the chime.
        diary: Takes the rows of what was done.
        faults: Shows the silence until sound is measured again.
        chime: The station chime's file.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        airing: Airing,
        player: Player,
        diary: Diary,
        faults: FaultBoard,
        chime: Path,
    ) -> None:
        self._clock = clock
        self._airing = airing
        self._player = player
        self._diary = diary
        self._faults = faults
        self._chime = chime
        self._state = Listening()
        self._reported_s = 0.0
        self._chimes = 0
        self._filling: str | None = None
        self._volume_pct = 0

    @property
    def is_filling(self) -> bool:
        """Whether the chime sounds in place of the item on air."""
        return self._filling is not None

    def on_player(self, event: PlayerEvent) -> None:
        """Takes what the player says."""
        if isinstance(event, Ready):
            return
        if event.item.startswith(CHIME):
            self._on_chime(event)
            return
        cue = self._airing.cue_of(event.item)
        if cue is not None and isinstance(event, Started):
            self._begun(cue, event.mono_ns / 1e9)
        elif cue is not None and isinstance(event, Progress) and cue.key == self._state.key:
            self._measured(cue, event.level_db)

    def _begun(self, cue: Cue, at_s: float) -> None:
        if self._state.key != cue.key:
            self._is_over()
        self._stop_chime()
        self._state = begun(self._state, cue.key, at_s)
        self._reported_s = at_s

    def _measured(self, cue: Cue, level_db: float | None) -> None:
        now_s = self._clock.mono_ns() / 1e9
        was_silent = self._state.is_silent
        self._state = measured(self._state, level_db, cue.volume_pct, now_s)
        if is_silence(level_db, cue.volume_pct) is False:
            self._airing.heard_again(Reason.SILENT, self._wall(self._reported_s))
        if was_silent and not self._state.is_silent:
            self._tell(is_so=False)
        self._reported_s = now_s

    def _on_chime(self, event: Prepared | Started | Progress | HeardOut | Failed) -> None:
        if event.item != self._filling:
            return
        if isinstance(event, Progress):
            self._state = chime_measured(self._state, event.level_db, self._volume_pct)
        elif isinstance(event, HeardOut | Failed):
            self._filling = None
            self._airing.sound_ended_at = self._clock.now()
            if isinstance(event, Failed):
                log.error("the station chime does not sound: %s", event.why)
            elif not self._state.chime_heard:
                log.error("the station chime is not measured either: the sound card is silent")

    async def act(self) -> None:
        """Does what is due; called every turn of the loop."""
        item, key = self._airing.open, self._state.key
        is_open = item is not None and item.key == key
        if not is_open and all(cue.key != key for cue in self._airing.cued):
            self._is_over()
            return
        now_s = self._clock.mono_ns() / 1e9
        act = due(self._state, now_s)
        if act is None or self.is_filling:
            return
        self._found(now_s, is_open=is_open)
        self._state = acted(self._state, act, now_s)
        if act is Act.FILL and item is not None and is_open:
            await self._fill(item)
        else:  # nothing stands in for an emergency
            self._restart()

    def _found(self, now_s: float, *, is_open: bool) -> None:
        quiet_from_s = self._state.quiet_from_s
        since_s = now_s if quiet_from_s is None else quiet_from_s
        if is_open:
            self._airing.unheard(Reason.SILENT, self._wall(since_s))
        slot = self._state.key[0] if self._state.key else ""
        log.error("%s is on air and silent for %.0f s", slot, now_s - since_s)
        self._tell(is_so=True, detail=slot)

    def _restart(self) -> None:
        why = "nothing of the sound reaches the card"
        self._diary.event(EventKind.PLAYER_RESTARTED, detail=f"{Reason.SILENT}: {why}")
        self._airing.restart_player(why)

    async def _fill(self, item: OpenItem) -> None:
        self._chimes += 1
        self._filling = f"{CHIME}{self._chimes}"
        self._volume_pct = item.volume_pct
        self._airing.let_go(item.key)
        await self._player.prepare(
            self._filling, str(self._chime), offset_ms=0, volume_pct=item.volume_pct
        )
        self._player.start_at(self._filling, self._clock.mono_ns() + CHIME_AHEAD_NS)
        self._diary.event(EventKind.FALLBACK_PLAYED, detail=f"chime for {item.bulletin}")

    def _stop_chime(self) -> None:
        if self._filling is not None:
            self._player.stop(self._filling)
            self._filling = None
            self._airing.sound_ended_at = self._clock.now()

    def _is_over(self) -> None:
        """What is known of the card outlives the item; that the item itself was silent does not."""
        if self._state.key is None:
            return
        self._stop_chime()
        was_silent, self._state = self._state.is_silent, ended(self._state)
        if was_silent and not self._state.is_silent:
            self._tell(is_so=False)

    def _tell(self, *, is_so: bool, detail: str = "") -> None:
        self._faults.tell(FaultCode.SILENT, is_so=is_so, detail=detail)

    def _wall(self, at_s: float) -> datetime:
        return self._clock.now() - timedelta(seconds=self._clock.mono_ns() / 1e9 - at_s)
