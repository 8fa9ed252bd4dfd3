"""`loaxa-bench up`: hub and clusters with a sample programme on air, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import socket
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from importlib.resources import as_file, files
from pathlib import Path
from zoneinfo import ZoneInfo

from contract.model import ZONE
from hardware.clock import SystemClock
from provisioning.bench.control import is_running, listening
from provisioning.bench.errors import BenchError
from provisioning.bench.evidence import FleetChange
from provisioning.bench.hub_api import HubApi, HubGoneError, Json
from provisioning.bench.hub_site import USER
from provisioning.bench.processes import check_tools
from provisioning.bench.rig import Rig
from provisioning.bench.sounds import speak, writable_folder
from provisioning.bench.verbs import say
from provisioning.bench.watching import Watch, in_words

FIRST_START_S = 4.0
REPEAT_S = 60
PLANNED_AHEAD = 24
"""Starts that a cluster holds: with its link cut it goes on for so many."""
RENEW_S = 600.0
CHECK_EVERY_S = 1.0
PASSWORD_FILE = "hub-password"  # noqa: S105 - a file's name


async def up(wanted: argparse.Namespace) -> int:
    """Runs the rig until Ctrl-C, or for `--seconds`."""
    check_tools()
    folder: Path = wanted.dir
    writable_folder(folder)
    if await is_running(folder):
        raise BenchError(f"a rig runs in {folder} already; end it, or choose another --dir")
    check_port(wanted.port)
    clock = SystemClock()
    began_ns = clock.mono_ns()
    names = tuple(f"bl-{number:02d}" for number in range(1, wanted.clusters + 1))
    sound = folder / "sounds" / "chuong-trinh-mau.wav"
    speaking = asyncio.create_task(_sample(sound))
    rig = Rig(
        folder, folder / "state", names, say=say, http_port=wanted.port, password=_password(folder)
    )
    try:
        async with rig, listening(folder, {n: c.link for n, c in rig.clusters.items()}, say):
            await speaking
            await rig.until_all("the clusters to come online", lambda state: state.online)
            showing = Showing(rig, clock, began_ns, len(names))
            await showing.run(sound, wanted.seconds)
    finally:
        speaking.cancel()
    return 0


class Showing:
    """The programme on air, and what is told about it."""

    def __init__(self, rig: Rig, clock: SystemClock, began_ns: int, everyone: int) -> None:
        self._rig = rig
        self._clock = clock
        self._began_ns = began_ns
        self._everyone = everyone
        self._slot: str | None = None

    async def run(self, sound: Path, seconds: float | None) -> None:
        """Puts the programme on air and tells what happens."""
        api = self._rig.hub.api
        await _call_off_all(api)
        bulletin = await _bulletin(api, sound)
        await self._plan(bulletin)
        self._tell_how()
        watch = Watch(api, self._seconds, self._note)
        jobs = (watch.run(), self._keep_planned(bulletin), self._keep_checking())
        tasks = [asyncio.create_task(job) for job in jobs]
        try:
            done, _ = await asyncio.wait(
                tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                task.result()
        finally:
            say("stopping")
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with suppress(BenchError):
                await _call_off_all(api)

    async def _plan(self, bulletin: str) -> None:
        at = self._clock.now() + timedelta(seconds=FIRST_START_S)
        order = programme(bulletin, at.astimezone(ZoneInfo(ZONE)))
        self._slot = await self._rig.hub.api.plan(order, self._slot)

    async def _keep_planned(self, bulletin: str) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            with suppress(HubGoneError):
                await self._plan(bulletin)

    async def _keep_checking(self) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            self._rig.check()

    def _seconds(self) -> float:
        return (self._clock.mono_ns() - self._began_ns) / 1e9

    def _note(self, changes: Sequence[FleetChange]) -> None:
        for line in in_words(changes, self._everyone):
            say(f"{changes[0].at_s:7.1f} s  {line}")

    def _tell_how(self) -> None:
        rig, folder = self._rig, self._rig.folder
        password = (folder / PASSWORD_FILE).read_text(encoding="utf-8").strip()
        first = next(iter(rig.clusters))
        last = [*rig.clusters][min(1, len(rig.clusters) - 1)]
        say("")
        say(f"  hub           {rig.hub.url}   user {USER}   password {password}")
        say(f"  cut a link    .venv/bin/loaxa-bench link {last} down --dir {folder}   (and: up)")
        say(f"  push a file   .venv/bin/loaxa-hub push FILE --at now --state {rig.hub.state}")
        say(f"  horns         {folder}/{first}/horn.wav and so on, one a cluster")
        say(f"  logs          {folder}/hub.log, {folder}/{first}/edge.log")
        say(f"  programme     in {FIRST_START_S:.0f} s, then every {REPEAT_S} s")
        say("  stop          Ctrl-C")
        say("")


def programme(bulletin: str, first: datetime) -> Json:
    """A slot with many starts, held by every cluster ahead of time."""
    starts = [first + timedelta(seconds=REPEAT_S * number) for number in range(PLANNED_AHEAD)]
    times = sorted({f"{at:%H:%M:%S}" for at in starts})
    dates = {"from_date": f"{starts[0]:%Y-%m-%d}", "until_date": f"{starts[-1]:%Y-%m-%d}"}
    when = {"kind": "weekly", "days": [1, 2, 3, 4, 5, 6, 7], "times": times, **dates}
    return {"bulletin": bulletin, "clusters": "all", "when": when, "late_limit_s": REPEAT_S}


async def _call_off_all(api: HubApi) -> None:
    for slot in await api.slots():
        if slot["cancelled_at"] is None and slot["next_at"] is not None:
            await api.cancel(slot["id"])


async def _bulletin(api: HubApi, sound: Path) -> str:
    """The sample's id at the hub, which keeps it between starts."""
    for one in await api.bulletins():
        if one["title"] == sound.stem:
            return str(one["id"])
    say("ingesting the sample programme")
    return (await api.upload(sound, sound.stem, "normal")).id


async def _sample(sound: Path) -> None:
    with as_file(files("provisioning.bench") / "data" / f"{sound.stem}.txt") as text:
        await speak(text, sound)


def _password(folder: Path) -> str:
    """Made once; kept beside the hub for whoever starts the rig."""
    path = folder / PASSWORD_FILE
    try:
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(9) + "\n", encoding="utf-8")
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror}") from error


def check_port(port: int) -> None:
    """Says when somebody listens there already.

    Raises:
        BenchError: It is in use, or not allowed.
    """
    if not 0 <= port < 65536:  # noqa: PLR2004 - ports
        raise BenchError(f"--port {port}: is no port")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise BenchError(
                f"port {port} cannot be used ({error.strerror}); end the program that holds it, "
                f"or choose another: loaxa-bench up --port {port + 1}"
            ) from error
