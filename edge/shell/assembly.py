"""Puts the loop and the parts that only it knows together, around what its caller has opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from contract.ports import Clock
from contract.status import Reported
from edge.core.card_words import CardStatus
from edge.core.clock_trust import Doubt
from edge.core.state import Limits
from edge.shell.acks import Acks
from edge.shell.airing import Airing
from edge.shell.attention import open_attention
from edge.shell.card_thread import CardThread
from edge.shell.clock_watch import ClockWatch
from edge.shell.commander import Commander
from edge.shell.config import EdgeConfig
from edge.shell.diary import Diary
from edge.shell.emergency_desk import EmergencyDesk
from edge.shell.fault_board import FaultBoard
from edge.shell.fetcher import Fetcher
from edge.shell.inbox import Inbox
from edge.shell.key_keeper import KeyKeeper
from edge.shell.ledger import Ledger
from edge.shell.modem_keeper import ModemKeeper
from edge.shell.outbox import Outbox
from edge.shell.plan_keeper import PlanKeeper
from edge.shell.plan_store import PlanStore
from edge.shell.publisher import Publisher
from edge.shell.reporting import Reporter
from edge.shell.runner import Parts, Runner
from edge.shell.silence_watch import CHIME_FILE, SilenceWatch
from edge.shell.sound_cache import SoundCache
from edge.shell.status_file import StatusFile
from edge.shell.taker import Taker
from hardware.modem_power import ModemPower
from hardware.player import Player
from hardware.relay import AmplifierRelay


class Opened(Struct, frozen=True, kw_only=True):
    """What the loop is put together from: files, devices and the link, opened and closed by the caller.

    Attributes:
        clock_doubt: Why the clock is not believed further.
        card: What is on the card.
        modem_power: The modem's supply, where the cabinet has a relay for it.
    """

    config: EdgeConfig
    clock: Clock
    limits: Limits
    state: Path
    player: Player
    amplifier: AmplifierRelay
    link: Publisher
    inbox: Inbox
    ledger: Ledger
    cache: SoundCache
    fetcher: Fetcher
    status_file: StatusFile
    blank: Reported
    on_turn: Callable[[], None] = lambda: None
    clock_doubt: Callable[[], Doubt] = lambda: Doubt.NONE
    card: Callable[[], CardStatus | None] = lambda: None
    modem_power: ModemPower | None = None
    card_thread: CardThread | None = None


class Assembly(Struct, frozen=True, kw_only=True):
    """The loop, and those of its parts that others speak to."""

    runner: Runner
    airing: Airing
    outbox: Outbox
    reporter: Reporter
    diary: Diary
    faults: FaultBoard
    plans: PlanKeeper
    acks: Acks
    modem: ModemKeeper


def assemble(opened: Opened) -> Assembly:
    """Builds the loop; nothing runs yet."""
    o = opened
    outbox = Outbox(o.ledger, o.link)
    diary = Diary(clock=o.clock, ledger=o.ledger, poke=outbox.poke)
    watch = ClockWatch(clock=o.clock, diary=diary, doubt=o.clock_doubt)
    faults = FaultBoard(diary)
    acks = Acks(clock=o.clock, link=o.link)
    attention = open_attention(o.state)
    desk = EmergencyDesk(
        clock=o.clock,
        ledger=o.ledger,
        acks=acks,
        held=lambda: o.cache.held() | {attention.bulletin.sha256},
        on_row=outbox.poke,
    )
    modem = ModemKeeper(
        clock=o.clock, power=o.modem_power, care=o.config.modem, on_event=o.inbox.put
    )
    airing = Airing(
        clock=o.clock,
        player=o.player,
        amplifier=o.amplifier,
        ledger=o.ledger,
        cache=o.cache,
        desk=desk,
        attention=attention,
    )
    reporter = Reporter(
        clock=o.clock,
        watch=watch,
        link=o.link,
        cache=o.cache,
        status_file=o.status_file,
        faults=faults,
        card=o.card,
        blank=o.blank,
    )
    plans = PlanKeeper(
        config=o.config,
        clock=o.clock,
        ledger=o.ledger,
        store=_plan_store(o),
        cache=o.cache,
        fetcher=o.fetcher,
        airing=airing,
        diary=diary,
        urgent=lambda: desk.sounds,
    )
    commander = Commander(
        config=o.config,
        clock=o.clock,
        ledger=o.ledger,
        plans=plans,
        desk=desk,
        acks=acks,
        diary=diary,
        faults=faults,
    )
    silence = SilenceWatch(
        clock=o.clock,
        airing=airing,
        player=o.player,
        diary=diary,
        faults=faults,
        chime=o.state / CHIME_FILE,
    )
    key = KeyKeeper(
        clock=o.clock,
        rules=o.config.key,
        plan=lambda: plans.plan,
        attention=attention.bulletin,
        desk=desk,
        diary=diary,
        faults=faults,
        ask=o.inbox.put,
        fetch=plans.fetch_what_is_missing,
    )
    taker = Taker(
        key=key,
        commander=commander,
        acks=acks,
        config=o.config,
        airing=airing,
        ledger=o.ledger,
        plans=plans,
        fetcher=o.fetcher,
        outbox=outbox,
        reporter=reporter,
        diary=diary,
        faults=faults,
        modem=modem,
        silence=silence,
    )
    parts = Parts(
        desk=desk,
        attention=attention.bulletin,
        commander=commander,
        clock=o.clock,
        watch=watch,
        limits=o.limits,
        airing=airing,
        ledger=o.ledger,
        plans=plans,
        cache=o.cache,
        outbox=outbox,
        reporter=reporter,
        inbox=o.inbox,
        taker=taker,
        diary=diary,
        faults=faults,
        on_turn=o.on_turn,
        silence=silence,
    )
    return Assembly(
        acks=acks,
        runner=Runner(parts),
        airing=airing,
        outbox=outbox,
        reporter=reporter,
        diary=diary,
        faults=faults,
        plans=plans,
        modem=modem,
    )


def _plan_store(o: Opened) -> PlanStore:
    keys = o.config.verifier_keys()
    path, config = o.state / "desired.note", o.config
    return PlanStore(path, keys, config.commune, config.cluster, o.card_thread)
