"""The agent: its parts, built around a cabinet's devices, and their running until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from secrets import token_hex
from typing import Any

from msgspec import Struct

from contract.ports import Clock
from contract.status import Reported
from edge.core.heart import LINK, LOOP, PLAYER
from edge.core.state import Limits
from edge.core.status_line import status_line
from edge.shell.agent_clock import AgentClock
from edge.shell.assembly import Opened, assemble
from edge.shell.card_keeper import CardKeeper
from edge.shell.card_thread import CardThread
from edge.shell.clock_keeper import ClockKeeper
from edge.shell.config import EdgeConfig
from edge.shell.download import Download
from edge.shell.fetcher import Fetcher
from edge.shell.health_watch import HealthSensor, HealthWatch
from edge.shell.inbox import Inbox
from edge.shell.ledger import Ledger
from edge.shell.link import HubLink
from edge.shell.night_watch import NightWatch
from edge.shell.ration import Ration
from edge.shell.scrub import Scrub
from edge.shell.service_manager import ServiceManager
from edge.shell.silence_watch import CHIME_FILE
from edge.shell.sound_cache import MIB, SoundCache
from edge.shell.start_check import StartCheck
from edge.shell.status_file import StatusFile
from edge.shell.telemetry import Telemetrist
from edge.shell.watchdog import Watchdog
from hardware.board import Board
from hardware.canary import send_canary
from hardware.chime import write_chime
from hardware.devices import Devices, open_devices, open_health
from hardware.events import ClockChanged
from hardware.machine import Machine
from hardware.relay import RelayError

log = logging.getLogger(__name__)


async def serve(config: EdgeConfig, board: Board, state: Path, simulated: Path | None) -> None:
    """Runs the agent until SIGTERM or SIGINT.

    Raises:
        OSError: A device or the card cannot be used.
    """
    inbox, watchdog = Inbox(), Watchdog(ServiceManager.of_this_process())
    async with (
        open_devices(
            board,
            simulated=simulated,
            on_event=inbox.put,
            on_player_progress=partial(watchdog.sign, PLAYER),
        ) as devices,
        _until_signal() as stop,
        _jobs(
            Around(
                config=config,
                board=board,
                state=state,
                devices=devices,
                sensor=open_health(state, simulated=simulated),
                inbox=inbox,
                watchdog=watchdog,
                stop=stop.set,
            )
        ) as jobs,
        asyncio.TaskGroup() as tasks,
    ):
        running = [tasks.create_task(job, name=name) for name, job in jobs.items()]
        try:
            await stop.wait()
        finally:  # the sound ends now, whatever the others still wait for
            watchdog.stopping()
            with suppress(RelayError):
                devices.amplifier.turn_off()
            for task in running:
                task.cancel()


@asynccontextmanager
async def _until_signal() -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    yield stop


class Around(Struct, frozen=True, kw_only=True):
    """What the agent's parts are built around.

    Attributes:
        sensor: Reads card and supply of the computer.
        stop: Ends the agent in order.
    """

    config: EdgeConfig
    board: Board
    state: Path
    devices: Devices
    sensor: HealthSensor
    inbox: Inbox
    watchdog: Watchdog
    stop: Callable[[], None]


@asynccontextmanager
async def _jobs(around: Around) -> AsyncIterator[dict[str, Coroutine[Any, Any, None]]]:
    """Builds every part of the agent around its devices; each job runs for ever."""
    config, board, state = around.config, around.board, around.state
    devices, inbox, watchdog = around.devices, around.inbox, around.watchdog
    card = CardThread(devices.clock.mono_ns)
    boot, ledger = token_hex(4), Ledger(state / "ledger.db", card=card)
    clock = AgentClock(devices.clock, ledger.clock_memory())
    cache = SoundCache(
        state / "sounds",
        state / "cache.db",
        quota_bytes=config.card.quota_mib * MIB,
        reserve_bytes=config.card.reserve_mib * MIB,
    )
    link = HubLink(config, boot=boot, on_event=inbox.put, on_progress=partial(watchdog.sign, LINK))
    _have_chime(state / CHIME_FILE)
    status_file = StatusFile(state / "run" / "status.json")
    ration = Ration(clock=clock, ledger=ledger)
    fetcher = _fetcher(config, clock, state, cache, inbox, ration)
    card_keeper = CardKeeper(ledger=ledger, cache=cache, ration=ration, on_event=inbox.put)

    def turned() -> None:
        watchdog.sign(LOOP)
        if ledger.catch_up():
            assembly.outbox.poke()

    assembly = assemble(
        Opened(
            config=config,
            clock=clock,
            clock_doubt=lambda: clock.doubt,
            card=lambda: card_keeper.current,
            modem_power=devices.modem,
            limits=Limits(warm_up_s=board.warm_up_s, hold_s=board.hold_s),
            state=state,
            player=devices.player,
            amplifier=devices.amplifier,
            link=link,
            inbox=inbox,
            ledger=ledger,
            cache=cache,
            fetcher=fetcher,
            status_file=status_file,
            blank=_blank(clock, boot, board, ledger),
            on_turn=turned,
            card_thread=card,
        )
    )
    reporter = assembly.reporter
    watchdog.status = lambda: status_line(reporter.current, link_up=link.is_up)
    start_check = StartCheck(cache=cache, wanted=lambda: fetcher.wanted, on_event=inbox.put)
    clock_keeper = ClockKeeper(
        clock=clock,
        cell=devices.cell_time,
        ledger=ledger,
        on_change=lambda: inbox.put(ClockChanged()),
    )
    health = HealthWatch(
        sensor=around.sensor,
        send_canary=lambda: send_canary(state, clock),
        write_ms=lambda: ledger.write_ms,
        on_event=inbox.put,
    )
    telemetrist = Telemetrist(
        clock=clock,
        machine=Machine(state),
        health=lambda: health.current,
        fault_begun=assembly.faults.begun,
        month_bytes=ration.month_bytes,
        ledger=ledger,
        link=link,
    )
    scrub = Scrub(
        cache=cache,
        look=assembly.runner.look,
        every=timedelta(hours=config.card.scrub_every_h),
        mib_s=config.card.scrub_mib_s,
        on_event=inbox.put,
    )
    night = NightWatch(
        config.night_restart,
        look=assembly.runner.look,
        up_s=_stop_watch(),
        diary=assembly.diary,
        stop=around.stop,
    )
    try:
        yield {
            "loop": assembly.runner.run(),
            "clock": clock_keeper.run(),
            "link": link.run(),
            "modem": assembly.modem.run(),
            "fetcher": fetcher.run(),
            "start check": start_check.run(),
            "card": card_keeper.run(),
            "scrub": scrub.run(),
            "outbox": assembly.outbox.run(),
            "acks": assembly.acks.run(),
            "reporter": assembly.reporter.run(),
            "telemetry": telemetrist.run(),
            "health": health.run(),
            "night": night.run(),
            "watchdog": watchdog.run(),
        }
    finally:
        status_file.remove()
        cache.close()
        ledger.close()


def _stop_watch() -> Callable[[], float]:
    """Seconds since now."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    return lambda: loop.time() - began_s


def _have_chime(path: Path) -> None:
    """The station chime is there from the first start on."""
    try:
        write_chime(path)
    except OSError as error:
        log.error("the station chime is not on the card: %s", error)


def _fetcher(
    config: EdgeConfig,
    clock: Clock,
    state: Path,
    cache: SoundCache,
    inbox: Inbox,
    ration: Ration,
) -> Fetcher:
    hub = config.hub
    return Fetcher(
        cache=cache,
        staging=state / "staging",
        open_download=lambda: Download(hub.media_url, config.cluster, hub.password, clock=clock),
        on_event=inbox.put,
        ration=ration,
    )


def _blank(clock: Clock, boot: str, board: Board, ledger: Ledger) -> Reported:
    """The first report, before anything is known."""
    return Reported(
        at=clock.now(),
        boot=boot,
        software=software_version(),
        board=board.name,
        surge_count=ledger.count("surges"),
    )


def software_version() -> str:
    """Version of the installed agent."""
    with suppress(PackageNotFoundError):
        return version("loaxa")
    return "0"
