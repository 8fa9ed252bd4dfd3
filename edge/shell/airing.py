"""What sounds: carries out the commands on player and amplifier, and keeps the ledger's item on air."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from operator import itemgetter
from pathlib import Path

from msgspec.structs import replace

from contract.journal import ItemRow, Outcome, Reason
from contract.ports import Clock
from edge.core.reconcile import Command, DropCue, PlayCue, TurnAmplifierOff, TurnAmplifierOn
from edge.core.rows import (
    open_item,
    resumed,
    row_of_heard_out,
    row_of_open,
    row_of_unheard,
    shifted,
    with_level,
)
from edge.core.silence import is_silence
from edge.core.state import Aired, Closing, Cue, OccurrenceKey, OpenItem
from edge.shell.amplifier import Amplifier, moved
from edge.shell.attention import Attention
from edge.shell.emergency_desk import EmergencyDesk
from edge.shell.ledger import Ledger
from edge.shell.sound_cache import SoundCache
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
from hardware.relay import AmplifierRelay

log = logging.getLogger(__name__)

SAVE_PROGRESS_NS = 60 * 10**9
"""The ledger hears this often that the item still sounds: one small write a minute spares the card."""


class Airing:
    """Player, amplifier and the item on air, kept in step with the ledger.

    Attributes:
        cued: What the player holds ready or plays, in the decision's order.
        open: The item on air.
        closed: Items with their row.
        amplifier: What is known of the amplifier.
        player_failed: Whether the player failed and has not sounded since.
        player_is_ready: Whether the player could start something now.
        desk: The emergencies that were taken and are not over.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        player: Player,
        amplifier: AmplifierRelay,
        ledger: Ledger,
        cache: SoundCache,
        desk: EmergencyDesk,
        attention: Attention,
    ) -> None:
        self._clock = clock
        self._player = player
        self.amplifier = Amplifier(clock, amplifier)
        self._ledger = ledger
        self._cache = cache
        self.desk = desk
        self._attention = attention
        self._saved_ns = 0
        self._heard_here: OccurrenceKey | None = None
        self._tries = 0
        self._items: dict[str, Cue] = {}
        self.cued: tuple[Cue, ...] = ()
        self.open: OpenItem | None = ledger.open_item()
        self.closed: dict[OccurrenceKey, Aired | None] = {}
        self.failures: dict[OccurrenceKey, int] = {}
        self.sound_ended_at: datetime | None = None
        self.player_failed = False
        self._unheard: dict[Reason, datetime] = {}
        self.link_up = False
        self.plan_version = 0

    async def apply(self, commands: list[Command]) -> None:
        """Carries out commands in their order."""
        for command in commands:
            match command:
                case TurnAmplifierOn():
                    self._turn_on()
                case TurnAmplifierOff():
                    self.amplifier.turn_off()
                case PlayCue(cue):
                    await self._play(cue)
                case DropCue(cue):
                    self._drop(cue)

    def _turn_on(self) -> None:
        self.amplifier.turn_on()
        if self.amplifier.on_at is not None:
            self.heard_again(Reason.AMPLIFIER_SILENT, self.amplifier.on_at)

    @property
    def player_is_ready(self) -> bool:
        """Whether the player could start something now."""
        return self._player.is_ready

    def unheard(self, reason: Reason, since: datetime) -> None:
        """Nothing of the item on air is heard since an instant, although it is played."""
        if self.open is not None and reason not in self._unheard:
            since = max(since, self.open.started_at)
            self._unheard[reason] = since
            self._save(replace(self.open, heard_until=min(since, self.open.heard_until)))

    def heard_again(self, reason: Reason, at: datetime) -> None:
        """What kept the item from being heard is over: there is a gap in what was heard."""
        since = self._unheard.pop(reason, None)
        if self.open is not None and since is not None:
            self._save(resumed(replace(self.open, heard_until=since), at, reason))

    def let_go(self, key: OccurrenceKey) -> None:
        """Silences one item, or forgets that it was prepared; it is decided anew."""
        for cue in [cue for cue in self.cued if cue.key == key]:
            self._drop(cue)

    def restart_player(self, why: str) -> None:
        """A new player; all that the old one held is decided anew."""
        self._items.clear()
        self.cued = ()
        self._player.restart(why)

    async def _play(self, cue: Cue) -> None:
        path = await self._sound(cue)
        if path is None:
            return
        self._tries += 1
        item = f"{cue.occurrence.slot.id}@{cue.occurrence.planned_at.isoformat()}#{self._tries}"
        self._items[item] = cue
        self.cued = (*self.cued, cue)
        await self._player.prepare(
            item, str(path), offset_ms=cue.offset_ms, volume_pct=cue.volume_pct
        )
        self._player.start_at(item, self._mono_ns(cue.start_at))

    async def _sound(self, cue: Cue) -> Path | None:
        """Where a cue's sound is, once its hash holds; the attention tone is the cluster's own."""
        if cue.occurrence.bulletin.sha256 == self._attention.bulletin.sha256:
            return self._attention.path
        sha256 = cue.occurrence.bulletin.sha256
        return self._cache.path(sha256) if await self._cache.is_whole(sha256) else None

    def _mono_ns(self, at: datetime) -> int:
        ahead = at - self._clock.now()
        return self._clock.mono_ns() + round(ahead.total_seconds() * 1e9)

    def _drop(self, cue: Cue) -> None:
        for item in [item for item, held in self._items.items() if held == cue]:
            self._player.stop(item)
            self._forget(item)
            if self.open is not None and self.open.key == cue.key:
                self.sound_ended_at = self._clock.now()
                self._save(replace(self.open, heard_until=self.sound_ended_at))

    def _forget(self, item: str) -> None:
        cue = self._items.pop(item)
        self.cued = tuple(held for held in self.cued if held != cue)

    def on_player(self, event: PlayerEvent) -> str | None:
        """Takes what the player says; returns why it failed, when it did."""
        cue = None if isinstance(event, Ready) else self._items.get(event.item)
        if cue is None or isinstance(event, Ready):
            return None
        if cue.turn is not None:
            return self._on_emergency(event, cue)
        match event:
            case Prepared():
                log.debug("prepared %s", event.item)
            case Started(mono_ns=mono_ns):
                self._began(cue, self._wall(mono_ns))
            case Progress(level_db=level_db):
                self._progressed(cue, level_db)
            case HeardOut():
                self._heard_out(event.item, cue)
            case Failed(why=why):
                log.warning("player failed on %s: %s", event.item, why)
                self.failures[cue.key] = self.failures.get(cue.key, 0) + 1
                self.player_failed = True
                self._forget(event.item)
                return why
        return None

    def _on_emergency(self, event: PlayerEvent, cue: Cue) -> str | None:
        match event:
            case Started(mono_ns=mono_ns):
                self.player_failed = False
                self.desk.began(cue, self._wall(mono_ns))
            case Progress(level_db=level_db):
                self.desk.measured(cue, level_db, is_let_out=self.amplifier.on_at is not None)
            case HeardOut():
                self._forget(event.item)
                self.sound_ended_at = self._clock.now()
                self.desk.heard_out(cue, self.sound_ended_at)
            case Failed(why=why):
                log.error("player failed on emergency %s: %s", cue.occurrence.slot.id, why)
                self.player_failed = True
                self._forget(event.item)
                self.desk.failed(cue)
                return why
            case _:
                pass
        return None

    def cue_of(self, item: str) -> Cue | None:
        """What one of the player's sounds is; None: nothing of ours any more."""
        return self._items.get(item)

    def _wall(self, mono_ns: int) -> datetime:
        return self._clock.now() - timedelta(microseconds=(self._clock.mono_ns() - mono_ns) / 1000)

    def _began(self, cue: Cue, at: datetime) -> None:
        self.player_failed = False
        self._heard_here = cue.key
        if self.open is not None and self.open.key == cue.key:
            if Reason.SILENT not in self._unheard:  # else the gap is longer, and not over yet
                self._save(resumed(self.open, at, self._why_gone(self.open)))
        else:
            if self.open is not None:
                self.close(row_of_heard_out(self.open, self.open.ends_at))
            self._save(
                open_item(
                    cue,
                    at,
                    trust=self._clock.trust(),
                    link_up=self.link_up,
                    plan_version=self.plan_version,
                )
            )
        if self.amplifier.on_at is None:
            self.unheard(Reason.AMPLIFIER_SILENT, at)
        log.info("on air: %s from %s ms, %.1f ms after its instant", cue.occurrence.bulletin.id, cue.offset_ms,
                 (at - cue.start_at).total_seconds() * 1000)  # fmt: skip

    def _progressed(self, cue: Cue, level_db: float | None) -> None:
        item = self.open
        if item is None or item.key != cue.key:
            return
        now = self._clock.now()
        if self._unheard:  # what the ledger holds is when it was last heard
            self.open = replace(item, heard_until=now)
            return
        heard_db = None if is_silence(level_db, item.volume_pct) else level_db
        self.open = with_level(item, heard_db, now)
        if self._clock.mono_ns() - self._saved_ns >= SAVE_PROGRESS_NS:
            self._save(self.open)

    def _why_gone(self, item: OpenItem) -> Reason:
        """Why the item on air was not heard until now."""
        until = self.desk.overridden_until
        if until is not None and until >= item.heard_until:
            return Reason.INTERRUPTED
        return Reason.PLAYER_FAILED if item.key in self.failures else Reason.AGENT_DOWN

    def _heard_out(self, item: str, cue: Cue) -> None:
        self._forget(item)
        self.sound_ended_at = self._clock.now()
        if self.desk.is_on and self.open is not None and self._clock.now() < self.open.ends_at:
            return  # an emergency took its place: the player ran through the rest unheard
        if self.open is not None and self.open.key == cue.key:
            self.close(row_of_heard_out(self.open, self.open.ends_at))

    def close_open(self, closing: Closing) -> None:
        """The item on air ends before it was heard out."""
        if self.open is not None:
            ended_at = closing.ended_at or self._clock.now()
            self.close(row_of_open(self.open, Outcome.PARTIAL, closing.reason, ended_at))

    def close(self, row: ItemRow) -> None:
        """Writes the row of the item on air; from then on nothing is on air."""
        item = self.open
        if self._unheard:
            reason, since = min(self._unheard.items(), key=itemgetter(1))
            row = row_of_unheard(row, since, reason)
            self._unheard.clear()
        self._ledger.close_item(row)
        self.open = None
        if item is not None:
            aired_until = max(item.begun_at, min(item.ends_at, row.ended_at or item.ends_at))
            self.closed[item.key] = Aired(begun_at=item.begun_at, ended_at=aired_until)
            self.failures.pop(item.key, None)
        log.info("%s %s: %s (%s)", row.bulletin, row.planned_at, row.outcome, row.reason)

    def _save(self, item: OpenItem) -> None:
        self.open = item
        self._saved_ns = self._clock.mono_ns()
        self._ledger.set_open(item)

    def shift(self, step: timedelta) -> None:
        """The wall clock stepped: what sounds keeps sounding, what was only prepared is decided anew.

        An item that another start of the agent left on air stays where its own clock had put it.
        """
        is_ours = self.open is not None and self.open.key == self._heard_here
        sounding = self._heard_here if is_ours else None
        for item, cue in list(self._items.items()):
            if cue.key != sounding and cue.turn is None:
                self._drop(cue)
                continue
            now_cue = moved_cue(cue, step)
            self._items[item] = now_cue
            self.cued = tuple(now_cue if held == cue else held for held in self.cued)
        if self.open is not None and is_ours:
            self._save(shifted(self.open, step))
        self.closed = {key: _span_moved(aired, step) for key, aired in self.closed.items()}
        self.amplifier.shift(step)
        self.sound_ended_at = moved(self.sound_ended_at, step)
        self._unheard = {reason: since + step for reason, since in self._unheard.items()}


def moved_cue(cue: Cue, step: timedelta) -> Cue:
    """What the player holds, by the time that the clock was set to."""
    turn = cue.turn and replace(cue.turn, not_before=cue.turn.not_before + step)
    return replace(cue, begun_at=cue.begun_at + step, start_at=cue.start_at + step, turn=turn)


def _span_moved(aired: Aired | None, step: timedelta) -> Aired | None:
    if aired is None:
        return None
    return Aired(begun_at=aired.begun_at + step, ended_at=aired.ended_at + step)
