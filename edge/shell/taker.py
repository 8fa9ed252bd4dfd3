"""What an event changes: the link's, the player's and the cabinet's news, each to the part that it concerns."""

from __future__ import annotations

import logging
from typing import assert_never

from msgspec import Struct

from contract.codec import Refused, open_signed
from contract.fault import FaultCode
from contract.journal import EventKind, JournalAck
from edge.shell.acks import Acks
from edge.shell.airing import Airing
from edge.shell.commander import Commander
from edge.shell.config import EdgeConfig
from edge.shell.diary import Diary
from edge.shell.fault_board import FaultBoard
from edge.shell.fetcher import Fetcher
from edge.shell.inbox import (
    BeaconCame,
    CardRoomChanged,
    CommandCame,
    DataBudgetChanged,
    DesiredCame,
    HealthChanged,
    JournalAckCame,
    KeyLook,
    LinkIsDown,
    LinkIsUp,
    ModemCycled,
    SoundArrived,
    SoundDamaged,
    SoundRefused,
)
from edge.shell.key_keeper import KeyKeeper
from edge.shell.ledger import Ledger
from edge.shell.modem_keeper import ModemKeeper
from edge.shell.outbox import Outbox
from edge.shell.plan_keeper import PlanKeeper
from edge.shell.reporting import Reporter
from edge.shell.silence_watch import SilenceWatch
from hardware.events import (
    ArresterChanged,
    ClockChanged,
    KeyMoved,
    RelayGuardTripped,
    SurgeCounted,
)
from hardware.health import HEALTH_FAULTS
from hardware.player import Failed, HeardOut, PlayerEvent, Prepared, Progress, Ready, Started

log = logging.getLogger(__name__)


class Taker(Struct, frozen=True, kw_only=True):
    """Takes one event at a time, between two turns of the loop."""

    config: EdgeConfig
    airing: Airing
    ledger: Ledger
    plans: PlanKeeper
    fetcher: Fetcher
    outbox: Outbox
    reporter: Reporter
    diary: Diary
    faults: FaultBoard
    commander: Commander
    key: KeyKeeper
    acks: Acks
    modem: ModemKeeper
    silence: SilenceWatch

    def take(self, event: object) -> None:
        """Lets an event have its effect."""
        match event:
            case (
                DesiredCame()
                | JournalAckCame()
                | CommandCame()
                | BeaconCame()
                | LinkIsUp()
                | LinkIsDown()
            ):
                self._take_from_link(event)
            case ModemCycled(down_s=down_s, times=times):
                self.diary.event(
                    EventKind.MODEM_CYCLED, detail=f"no link for {down_s:.0f} s, cycle {times}"
                )
            case (
                SoundArrived()
                | SoundRefused()
                | SoundDamaged()
                | DataBudgetChanged()
                | CardRoomChanged()
            ):
                self._take_from_card(event)
            case KeyLook():
                self.key.look()
            case Ready() | Prepared() | Started() | Progress() | HeardOut() | Failed():
                self._take_player(event)
            case (
                ArresterChanged()
                | SurgeCounted()
                | RelayGuardTripped()
                | ClockChanged()
                | HealthChanged()
                | KeyMoved()
            ):
                self._take_hardware(event)
            case _:
                log.error("an event that nobody expects: %r", event)

    def _take_from_card(
        self,
        event: SoundArrived | SoundRefused | SoundDamaged | DataBudgetChanged | CardRoomChanged,
    ) -> None:
        match event:
            case SoundArrived(sha256=sha256):
                log.info("sound %s is here", sha256[:12])
            case SoundRefused(sha256=sha256, why=why):
                self.diary.event(EventKind.SOUND_REFUSED, detail=f"{sha256[:12]}: {why}")
            case SoundDamaged(sha256=sha256):
                self.plans.sound_damaged(sha256)
            case DataBudgetChanged(is_spent=is_spent):
                self.faults.tell(FaultCode.DATA_BUDGET_SPENT, is_so=is_spent)
            case CardRoomChanged(is_full=is_full):
                log.warning("the card %s", "is full" if is_full else "has room again")
            case _:
                assert_never(event)

    def _take_from_link(
        self,
        event: DesiredCame | JournalAckCame | CommandCame | BeaconCame | LinkIsUp | LinkIsDown,
    ) -> None:
        match event:
            case DesiredCame(note=note):
                self.plans.take(note)
            case JournalAckCame(note=note):
                self._take_journal_ack(note)
            case CommandCame(note=note):
                self.commander.take(note)
            case BeaconCame(note=note):
                self.commander.take_beacon(note)
            case LinkIsUp(nonce=nonce):
                self.commander.connected(nonce)
                self._link_changed(is_up=True)
            case LinkIsDown():
                self._link_changed(is_up=False)
            case _:
                assert_never(event)

    def _take_player(self, event: PlayerEvent) -> None:
        why = self.airing.on_player(event)
        self.silence.on_player(event)
        if why is not None:
            self.diary.event(EventKind.PLAYER_RESTARTED, detail=why)
        if isinstance(event, HeardOut):
            self.outbox.poke()

    def _take_journal_ack(self, note: bytes) -> None:
        config = self.config
        try:
            ack = open_signed(note, JournalAck, config.verifier_keys())
        except Refused as error:
            log.warning("journal acknowledgement refused: %s", error)
            return
        is_ours = (ack.commune, ack.cluster) == (config.commune, config.cluster)
        # An answer that brings nothing new is none: the rows would go to and fro without end.
        if is_ours and self.ledger.acknowledge(ack.epoch, ack.up_to):
            self.outbox.acknowledged()

    def _link_changed(self, *, is_up: bool) -> None:
        self.airing.link_up = is_up
        self.modem.link_changed(is_up=is_up)
        if is_up:
            self.fetcher.link_is_up()
            self.reporter.link_is_up()
            self.outbox.link_is_up()
            self.acks.link_is_up()

    def _take_hardware(
        self,
        event: ArresterChanged
        | SurgeCounted
        | RelayGuardTripped
        | ClockChanged
        | HealthChanged
        | KeyMoved,
    ) -> None:
        match event:
            case ArresterChanged(ok=ok):
                self._arrester_changed(ok=ok)
            case SurgeCounted(count=count):
                self.reporter.surge_count = self.ledger.add("surges", count)
                self.diary.event(EventKind.SURGE, count=count)
            case RelayGuardTripped(relay=relay, why=why):
                self.airing.amplifier.guard_tripped()
                self.diary.event(EventKind.RELAY_GUARD, detail=f"{relay}: {why}")
            case HealthChanged(faults=found):
                for code in HEALTH_FAULTS:
                    self.faults.tell(code, is_so=code in found, detail=found.get(code, ""))
            case KeyMoved():
                self.key.moved(event)
            case ClockChanged():
                pass
            case _:
                assert_never(event)

    def _arrester_changed(self, *, ok: bool) -> None:
        is_news = not ok or self.reporter.arrester_ok is not None
        self.reporter.arrester_ok = ok
        self.faults.tell(FaultCode.ARRESTER_FAILED, is_so=not ok)
        if is_news:  # that it is whole at a start goes without saying
            self.diary.event(EventKind.ARRESTER_OK if ok else EventKind.ARRESTER_FAILED)
