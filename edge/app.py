"""The door of `loaxa-edge`: reads the command line, builds the parts and runs them."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from secrets import token_hex
from typing import Any

from contract.status import Reported
from edge.core.state import Limits
from edge.shell import checking, commands
from edge.shell.airing import Airing
from edge.shell.config import ConfigErrors, EdgeConfig, load_config
from edge.shell.download import Download
from edge.shell.fetcher import Fetcher
from edge.shell.inbox import Inbox
from edge.shell.ledger import Ledger
from edge.shell.link import HubLink
from edge.shell.lock import AgentRunsError, on_duty
from edge.shell.outbox import Outbox
from edge.shell.plan_store import PlanStore
from edge.shell.reporting import Reporter
from edge.shell.runner import Parts, Runner
from edge.shell.sound_cache import SoundCache
from edge.shell.status_file import StatusFile
from edge.shell.telemetry import Telemetrist
from hardware.board import Board, BoardError, find_board
from hardware.devices import Devices, open_devices
from hardware.machine import Machine
from hardware.relay import RelayError
from hardware.simulated.wire import SOCKET_NAME

log = logging.getLogger("edge")


class CabinetMissingError(Exception):
    """The simulated cabinet does not run."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder}: tủ mô phỏng chưa chạy — the simulated cabinet does not run; start it: "
            f"python -m hardware.simulated.cabinet --dir {folder} --cluster NAME"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code (2: a mistake in what was asked, said in one line)."""
    options = parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except (ConfigErrors, BoardError, AgentRunsError, CabinetMissingError) as error:
        print(f"loaxa-edge: {error}", file=sys.stderr)  # noqa: T201 - the answer to a command
        return 2
    except PermissionError as error:
        print(f"loaxa-edge: không có quyền ghi / no permission: {error.filename}", file=sys.stderr)  # noqa: T201
        return 2
    except (OSError, sqlite3.OperationalError) as error:
        print(f"loaxa-edge: không đọc được / cannot be read: {error}", file=sys.stderr)  # noqa: T201
        return 2


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="loaxa-edge", description="Plays the commune's programme on one cluster."
    )
    verbs = top.add_subparsers(required=True, metavar="COMMAND")
    run = verbs.add_parser("run", help="run the agent (systemd does this)")
    run.add_argument(
        "--simulated", type=Path, metavar="CABINET", help="use the simulated cabinet in this folder"
    )
    run.set_defaults(command=_run)
    commands.add_parsers(verbs)
    checking.add_parser(verbs)
    for verb in verbs.choices.values():
        verb.add_argument("--config", type=Path, default=Path("/etc/loaxa/edge.toml"))
        verb.add_argument("--state", type=Path, default=Path("/var/lib/loaxa"))
    return top


def _run(options: argparse.Namespace) -> int:
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    config = load_config(options.config)
    board = find_board(config.board)
    if options.simulated is not None and not (options.simulated / SOCKET_NAME).exists():
        raise CabinetMissingError(options.simulated)
    try:
        with on_duty(options.state):
            asyncio.run(_serve(config, board, options.state, options.simulated))
    except OSError as error:
        log.critical("stopped: %s", error)
        return 1
    return 0


async def _serve(config: EdgeConfig, board: Board, state: Path, simulated: Path | None) -> None:
    inbox = Inbox()
    async with (
        open_devices(board, simulated=simulated, on_event=inbox.put) as devices,
        _jobs(config, board, state, devices, inbox) as jobs,
        _until_signal() as stop,
        asyncio.TaskGroup() as tasks,
    ):
        running = [tasks.create_task(job, name=name) for name, job in jobs.items()]
        try:
            await stop.wait()
        finally:  # the sound ends now, whatever the others still wait for
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


@asynccontextmanager
async def _jobs(
    config: EdgeConfig, board: Board, state: Path, devices: Devices, inbox: Inbox
) -> AsyncIterator[dict[str, Coroutine[Any, Any, None]]]:
    """Builds every part of the agent around its devices; each job runs for ever."""
    boot, clock = token_hex(4), devices.clock
    ledger = Ledger(state / "ledger.db")
    cache = SoundCache(state / "sounds", state / "cache.db")
    link = HubLink(config, boot=boot, on_event=inbox.put)
    status_file = StatusFile(state / "run" / "status.json")
    fetcher = Fetcher(
        cache=cache,
        staging=state / "staging",
        open_download=lambda: Download(
            config.hub.media_url, config.cluster, config.hub.password, clock=clock
        ),
        on_event=inbox.put,
    )
    outbox = Outbox(ledger, link)
    blank = Reported(
        at=clock.now(),
        boot=boot,
        software=software_version(),
        board=board.name,
        surge_count=ledger.count("surges"),
    )
    reporter = Reporter(clock=clock, link=link, cache=cache, status_file=status_file, blank=blank)
    airing = Airing(
        clock=clock, player=devices.player, amplifier=devices.amplifier, ledger=ledger, cache=cache
    )
    machine = Machine(state)
    runner = Runner(
        Parts(
            config=config,
            clock=clock,
            limits=Limits(warm_up_s=board.warm_up_s, hold_s=board.hold_s),
            airing=airing,
            ledger=ledger,
            plans=PlanStore(
                state / "desired.note", config.verifier_keys(), config.commune, config.cluster
            ),
            cache=cache,
            fetcher=fetcher,
            outbox=outbox,
            reporter=reporter,
            inbox=inbox,
        )
    )
    telemetrist = Telemetrist(clock=clock, machine=machine, ledger=ledger, link=link)
    try:
        yield {
            "loop": runner.run(),
            "link": link.run(),
            "fetcher": fetcher.run(),
            "outbox": outbox.run(),
            "reporter": reporter.run(),
            "telemetry": telemetrist.run(),
        }
    finally:
        status_file.remove()
        cache.close()
        ledger.close()


def software_version() -> str:
    """Version of the installed agent."""
    with suppress(PackageNotFoundError):
        return version("loaxa")
    return "0"


if __name__ == "__main__":
    sys.exit(main())
