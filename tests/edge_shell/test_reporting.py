from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from contract.codec import decode
from contract.fault import FaultCode
from contract.ports import ClockTrust
from contract.status import Reported, Telemetry
from contract.topics import Kind
from edge.core.clock_trust import Doubt
from edge.shell.acks import Acks
from edge.shell.airing import Airing
from edge.shell.attention import open_attention
from edge.shell.clock_watch import ClockWatch
from edge.shell.diary import Diary
from edge.shell.emergency_desk import EmergencyDesk
from edge.shell.fault_board import FaultBoard
from edge.shell.ledger import Ledger
from edge.shell.reporting import Reporter
from edge.shell.sound_cache import SoundCache
from edge.shell.status_file import StatusFile
from edge.shell.telemetry import Telemetrist
from hardware.health import Canary, Health
from hardware.machine import Machine


class Desk:
    """A reporter over an idle cluster."""

    def __init__(self, folder: Path, wire: Any, clock: Any) -> None:
        self.ledger = Ledger(folder / "ledger.db")
        self.cache = SoundCache(folder / "sounds", folder / "cache.db")
        self.status = StatusFile(folder / "run" / "status.json")
        blank = Reported(at=clock.now(), boot="b", software="1", board="cabinet-v1")
        diary = Diary(clock=clock, ledger=self.ledger, poke=lambda: None)
        self.faults = FaultBoard(diary)
        self.reporter = Reporter(
            clock=clock,
            watch=ClockWatch(clock=clock, diary=diary, doubt=lambda: Doubt.NONE),
            link=wire,
            cache=self.cache,
            status_file=self.status,
            faults=self.faults,
            card=lambda: None,
            blank=blank,
        )
        player: Any = None
        self.airing = Airing(
            clock=clock,
            player=player,
            amplifier=player,
            ledger=self.ledger,
            cache=self.cache,
            desk=EmergencyDesk(
                clock=clock,
                ledger=self.ledger,
                acks=Acks(clock=clock, link=wire),
                held=self.cache.held,
                on_row=lambda: None,
            ),
            attention=open_attention(folder),
        )

    def report(self, plan: Any = None, *, waiting: int = 0) -> None:
        self.reporter.report(plan, self.airing, waiting=waiting)

    def close(self) -> None:
        self.ledger.close()
        self.cache.close()


async def test_only_news_is_sent(
    tmp_path: Path, wire: Any, system_clock: Any, papers: Any, running: Any, eventually: Any
) -> None:
    desk = Desk(tmp_path, wire, system_clock)
    desk.report()
    sent = wire.of  # what the hub has
    async with running(desk.reporter.run()):
        await eventually(lambda: len(sent(Kind.REPORTED)) == 1)
        desk.report(waiting=5)
        desk.report()
        bulletin = papers.bulletin("tin")
        desk.report(papers.plan(2, (bulletin, papers.slot(bulletin))))
        await eventually(lambda: len(sent(Kind.REPORTED)) == 2)
    last = decode(sent(Kind.REPORTED)[-1], Reported)
    assert (last.desired_version, last.missing, last.cached) == (2, (bulletin.sha256,), 0)
    desk.close()


async def test_a_report_that_was_not_taken_is_kept_for_the_link(
    tmp_path: Path, wire: Any, system_clock: Any, running: Any, eventually: Any
) -> None:
    desk = Desk(tmp_path, wire, system_clock)
    wire.is_up = False
    async with running(desk.reporter.run()):
        desk.reporter.link_is_up()
        await eventually(lambda: wire.tries == 1)
        wire.is_up = True
        desk.reporter.link_is_up()
        await eventually(lambda: len(wire.of(Kind.REPORTED)) == 1)
    desk.close()


async def test_a_status_that_cannot_be_written_ends_nothing(
    tmp_path: Path, wire: Any, system_clock: Any
) -> None:
    (tmp_path / "run").write_text("a file where the folder should be")
    desk = Desk(tmp_path, wire, system_clock)
    desk.report()
    assert desk.status.read() is None
    desk.close()


def telemetrist(desk: Desk, clock: Any, wire: Any, folder: Path) -> Telemetrist:
    health = Health(
        filesystem_errors=3,
        life_used_pct=20,
        under_voltage=True,
        temperature_c=61.5,
        canary=Canary(write_ms=8.26),
    )
    return Telemetrist(
        clock=clock,
        machine=Machine(folder),
        health=lambda: health,
        fault_begun=desk.faults.begun,
        month_bytes=lambda: 3_000_000,
        ledger=desk.ledger,
        link=wire,
        pause_s=0.01,
    )


async def test_telemetry_goes_at_once_when_a_fault_begins(
    tmp_path: Path, wire: Any, system_clock: Any, running: Any, eventually: Any
) -> None:
    desk = Desk(tmp_path, wire, system_clock)
    async with running(telemetrist(desk, system_clock, wire, tmp_path).run()):
        await eventually(lambda: len(wire.of(Kind.TELEMETRY)) == 1)
        desk.faults.tell(FaultCode.TOO_HOT, is_so=True)
        await eventually(lambda: len(wire.of(Kind.TELEMETRY)) == 2)
        desk.faults.tell(FaultCode.TOO_HOT, is_so=False)
    assert len(wire.of(Kind.TELEMETRY)) == 2
    desk.close()


async def test_telemetry_holds_what_the_machine_says(
    tmp_path: Path, wire: Any, system_clock: Any
) -> None:
    desk = Desk(tmp_path, wire, system_clock)
    desk.ledger.add("surges", 4)
    reading = telemetrist(desk, system_clock, wire, tmp_path).read()
    assert isinstance(reading, Telemetry)
    assert reading.surge_count == 4
    assert reading.disk_free_mib > 0
    assert (reading.filesystem_errors, reading.card_life_used_pct) == (3, 20)
    assert (reading.card_write_ms, reading.under_voltage) == (8.3, True)
    assert reading.temperature_c == 61.5
    desk.close()
    await asyncio.sleep(0)


class Ticking:
    """A clock that moves on by a minute whenever it is read."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        self._at += timedelta(minutes=1)
        return self._at

    def mono_ns(self) -> int:
        return 0

    def trust(self) -> ClockTrust:
        return ClockTrust.SYNCHRONISED


async def test_a_report_says_when_it_is_sent_not_when_it_became_so(
    tmp_path: Path, wire: Any, papers: Any, running: Any, eventually: Any
) -> None:
    clock = Ticking(papers.plan().issued_at)
    desk = Desk(tmp_path, wire, clock)
    desk.report()
    async with running(desk.reporter.run()):
        before = clock.now()  # a long silence, in which nothing changed
        desk.reporter.link_is_up()
        await eventually(lambda: wire.of(Kind.REPORTED))
    assert decode(wire.of(Kind.REPORTED)[-1], Reported).at > before
    desk.close()
