"""What a measurement needs of the edge without a cabinet. `loaxa-bench` runs it; no cluster does."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

from contract.codec import encode
from contract.ids import BulletinId, Sha256, SlotId
from contract.journal import ItemRow, Outcome, Reason
from contract.ports import ClockTrust
from contract.status import Reported
from contract.topics import Kind
from edge.shell.config import EdgeConfig, load_config
from edge.shell.inbox import LinkIsUp
from edge.shell.ledger import Ledger
from edge.shell.link import HubLink, LinkEvent
from hardware.clock import SystemClock

SOUND_S = 60
ROW_MARK = "practice-"
"""Slots of made-up rows begin so."""


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m edge.practice links FOLDER` or `rows STATE --days 30 --a-day 40`."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    if options.verb == "links":
        asyncio.run(
            _keep_links([load_config(path) for path in sorted(options.folder.glob("*.toml"))])
        )
    else:
        _write_rows(options.state, days=options.days, a_day=options.a_day)
    return 0


def _parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m edge.practice")
    verbs = top.add_subparsers(dest="verb", required=True)
    links = verbs.add_parser("links", help="keep the links of all configurations in a folder")
    links.add_argument("folder", type=Path)
    rows = verbs.add_parser("rows", help="write rows of past days into an agent's ledger")
    rows.add_argument("state", type=Path)
    rows.add_argument("--days", type=int, default=30)
    rows.add_argument("--a-day", type=int, default=40)
    return top


async def _keep_links(configs: list[EdgeConfig]) -> None:
    """Until SIGTERM; every link is the agent's own, and reports once it is up as the agent does."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    links = [asyncio.create_task(_keep_link(config)) for config in configs]
    await stop.wait()
    for link in links:
        link.cancel()
    await asyncio.gather(*links, return_exceptions=True)


async def _keep_link(config: EdgeConfig) -> None:
    boot, clock, up = token_hex(4), SystemClock(), asyncio.Event()

    def hear(event: LinkEvent) -> None:
        if isinstance(event, LinkIsUp):
            up.set()

    link = HubLink(config, boot=boot, on_event=hear)

    async def report() -> None:
        while True:
            await up.wait()
            up.clear()
            said = Reported(at=clock.now(), boot=boot, software="0", board=config.board)
            await link.publish(Kind.REPORTED, encode(said), retain=True)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(link.run())
        tasks.create_task(report())


def _write_rows(state: Path, *, days: int, a_day: int) -> None:
    now = SystemClock().now()
    first = now - timedelta(days=days)
    ledger = Ledger(state / "ledger.db")
    for number in range(days * a_day):
        at = first + timedelta(days=1) * number / a_day
        ledger.append(
            ItemRow(
                number=1,
                slot=SlotId(f"{ROW_MARK}{number}"),
                bulletin=BulletinId(f"bản-tin-{number % a_day}"),
                sha256=Sha256(sha256(str(number).encode()).hexdigest()),
                planned_at=at,
                outcome=Outcome.COMPLETED,
                reason=Reason.PLANNED,
                started_at=at + timedelta(milliseconds=2),
                ended_at=at + timedelta(seconds=SOUND_S),
                duration_ms=SOUND_S * 1000,
                volume_pct=80,
                clock_trust=ClockTrust.RTC,
                plan_version=7,
                level_db=-18.2,
            )
        )
    ledger.close()


if __name__ == "__main__":
    sys.exit(main())
