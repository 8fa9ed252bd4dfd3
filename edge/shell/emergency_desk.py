"""Emergencies that were taken and are not over: kept in the ledger before they sound, told to the hub as they go."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec.structs import replace

from contract.command import Stage
from contract.ids import Sha256, SlotId
from contract.journal import ItemRow, Outcome, Reason
from contract.model import Bulletin
from contract.ports import Clock
from edge.core.emergency import Emergency, Step, Turn, after_step, shifted
from edge.core.obey import Marks
from edge.core.rows import UNNUMBERED
from edge.core.silence import is_silence
from edge.core.state import Cue
from edge.shell.acks import Acks
from edge.shell.ledger import Ledger

log = logging.getLogger(__name__)

SPEECH_TRIES = 10
AGAIN_S = (0.0, 1.0, 5.0, 15.0, 30.0)
"""A player that fails on the bulletin itself is tried again with growing pauses, some minutes in all; then the next
emergency gets its turn."""


class EmergencyDesk:
    """Takes emergencies, follows them through the player's events, and writes a row when one is over.

    Args:
        clock: Time.
        ledger: Keeps the queue.
        acks: Tell the hub.
        held: Sounds that may be played now.
        on_row: Told that there is a row to send.

    Attributes:
        queue: Taken and not over, in the order in which they were taken.
        turn: Where the one on air stands.
        overridden_until: When the last one ended.
        link_up: Whether there is a link, for the rows.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        ledger: Ledger,
        acks: Acks,
        held: Callable[[], frozenset[Sha256]],
        on_row: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._acks = acks
        self._held = held
        self._on_row = on_row
        self._failures = 0
        self._doubt: Reason | None = None
        self._was_heard = False
        self._from_before: tuple[Emergency, ...] = ledger.emergencies()
        self.queue: tuple[Emergency, ...] = ()
        self.turn: Turn | None = None
        self.overridden_until: datetime | None = None
        self.link_up = False

    @property
    def kept(self) -> tuple[Emergency, ...]:
        """All that the ledger is to remember: also what an earlier start left, as long as nobody knows its age."""
        return (*self._from_before, *self.queue)

    def know_time(self, real_now: datetime | None) -> None:
        """What an earlier start left is taken up once the time is known; without that it might be days old.

        Args:
            real_now: By a clock that may be believed, or by the hub's; None: nobody knows.
        """
        if self._from_before and real_now is not None:
            left, self._from_before = self._from_before, ()
            self.queue = (*shifted(left, self._clock.now() - real_now), *self.queue)

    @property
    def is_on(self) -> bool:
        """Whether something of an emergency has sounded and it is not over."""
        return any(one.has_begun for one in self.queue)

    @property
    def on_air(self) -> str:
        """The emergency that is on; empty: none is."""
        return self.turn.emergency if self.turn is not None else ""

    @property
    def mark(self) -> int:
        """The highest number of an order that was obeyed."""
        return self._ledger.marks().high

    @property
    def sounds(self) -> tuple[Bulletin, ...]:
        """What must be on the card for those that are not over, most urgent first."""
        return tuple(sound for one in self.kept for sound in one.sounds)

    def take(self, emergency: Emergency, marks: Marks | None = None) -> None:
        """One more; with it the marks of the command that began it go into the ledger, in one step."""
        self.queue = (*self.queue, emergency)
        self._ledger.obey(marks, self.kept)
        log.warning("emergency %s: %s", emergency.id, emergency.bulletin.title)

    def stop(self, wanted: str | None) -> None:
        """Ends one by its id, or all; what sounds of it is silenced by the next decision."""
        for one in self.kept:
            if wanted in (None, one.id):
                self._end(one, Reason.STOPPED)

    def follow(self, turn: Turn | None, expired: tuple[Emergency, ...]) -> None:
        """Takes a decision along: where the one on air stands, and which may not begin any more."""
        self.turn = turn
        for one in expired:
            self._end(one, Reason.EXPIRED)

    def _find(self, cue: Cue) -> Emergency | None:
        wanted = cue.turn.emergency if cue.turn else None
        return next((one for one in self.queue if one.id == wanted), None)

    def began(self, cue: Cue, at: datetime) -> None:
        """The player says that one of its sounds begins."""
        one = self._find(cue)
        if one is None or one.has_begun:
            return
        self._put(replace(one, has_begun=True, started_at=at))
        self._ledger.obey(None, self.kept)
        self._acks.say(one.id, Stage.STARTED)

    def measured(self, cue: Cue, level_db: float | None, *, is_let_out: bool) -> None:
        """One of its sounds goes on: whether anything of the bulletin reaches the horn decides what its row says."""
        if cue.turn is None or cue.turn.step is not Step.SPEECH:
            return
        if not is_let_out:
            self._doubt = self._doubt or Reason.AMPLIFIER_SILENT
        elif is_silence(level_db, cue.volume_pct) is True:
            self._doubt = self._doubt or Reason.SILENT
        else:
            self._was_heard = True

    def heard_out(self, cue: Cue, at: datetime) -> None:
        """One of its sounds was heard to its end: the next one follows, or it is over."""
        one = self._find(cue)
        if one is None or cue.turn is None or cue.turn != self.turn:
            return
        self._failures = 0
        after, self.turn = after_step(one, cue.turn, self._held(), at)
        self._put(after)
        if after.is_spoken_out:
            self._end(after, Reason.PLANNED)
        elif after.spoken != one.spoken:
            self._ledger.obey(None, self.kept)

    def failed(self, cue: Cue) -> None:
        """The player failed: a tone is skipped, the bulletin is tried again a few times."""
        one = self._find(cue)
        if one is None or cue.turn is None or cue.turn != self.turn:
            return
        self._failures += 1
        if cue.turn.step is not Step.SPEECH:
            _, self.turn = after_step(one, cue.turn, self._held(), self._clock.now())
        elif self._failures >= SPEECH_TRIES:
            self._end(one, Reason.PLAYER_FAILED)
        else:
            pause_s = AGAIN_S[min(self._failures, len(AGAIN_S)) - 1]
            again_at = self._clock.now() + timedelta(seconds=pause_s)
            self.turn = replace(cue.turn, not_before=again_at)

    def shift(self, step: timedelta) -> None:
        """The wall clock was set."""
        if self.queue:
            self.queue = shifted(self.queue, step)
            self._ledger.obey(None, self.kept)
        if self.turn is not None:
            self.turn = replace(self.turn, not_before=self.turn.not_before + step)
        if self.overridden_until is not None:
            self.overridden_until += step

    def _put(self, emergency: Emergency) -> None:
        self.queue = tuple(emergency if one.id == emergency.id else one for one in self.queue)

    def _end(self, one: Emergency, reason: Reason) -> None:
        now = self._clock.now()
        self.queue = tuple(other for other in self.queue if other.id != one.id)
        self._from_before = tuple(other for other in self._from_before if other.id != one.id)
        if self.turn is not None and self.turn.emergency == one.id:
            self.turn = None
        if one.has_begun:
            self.overridden_until = now
        self._failures = 0
        if reason is Reason.PLANNED and self._doubt is not None and not self._was_heard:
            reason = self._doubt
        self._doubt, self._was_heard = None, False
        row = row_of_emergency(one, reason, now, self._clock, link_up=self.link_up)
        self._ledger.end_emergency(row, self.kept)
        self._on_row()
        well = reason is Reason.PLANNED
        self._acks.say(one.id, Stage.ENDED if well else Stage.FAILED, "" if well else str(reason))
        log.warning("emergency %s is over: %s (%s)", one.id, row.outcome, reason)


def row_of_emergency(
    one: Emergency, reason: Reason, now: datetime, clock: Clock, *, link_up: bool
) -> ItemRow:
    """What became of an emergency, under the id of its command; one that was played and not heard was not aired."""
    unheard = reason in (Reason.SILENT, Reason.AMPLIFIER_SILENT)
    outcome = Outcome.PARTIAL if one.has_begun and not unheard else Outcome.NOT_AIRED
    return ItemRow(
        number=UNNUMBERED,
        slot=SlotId(one.id),
        bulletin=one.bulletin.id,
        sha256=one.bulletin.sha256,
        planned_at=one.taken_at,
        outcome=Outcome.COMPLETED if one.is_spoken_out and not unheard else outcome,
        reason=reason,
        started_at=None if unheard else one.started_at,
        ended_at=now if one.has_begun and not unheard else None,
        duration_ms=one.bulletin.duration_ms,
        volume_pct=one.volume_pct,
        clock_trust=clock.trust(),
        link_up=link_up,
    )
