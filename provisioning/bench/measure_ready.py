"""Measures how soon an agent is ready: alone on a cabinet, with a full store, and nobody to talk to."""

from __future__ import annotations

import asyncio
import hashlib
import random
import socket
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

from contract.codec import sign
from contract.ids import BulletinId, ClusterId, CommuneId, Sha256, SlotId
from contract.model import ZONE, Bulletin, Desired, Slot, Weekly
from contract.note import SignerKey, generate_key
from hardware.clock import SystemClock
from provisioning.bench.errors import BenchError
from provisioning.bench.evidence import NS
from provisioning.bench.figures import Figure, figure
from provisioning.bench.measuring import Say
from provisioning.bench.processes import Child, python_module, until

SOUNDS = 50
SOUND_BYTES = 1_000_000
"""A bulletin of four minutes."""
READY_LIMIT_S = 3.0
TIMEOUT_S = 60.0
COMMUNE, CLUSTER = CommuneId("binh-lu"), ClusterId("bl-01")
CONFIG = """commune = "{commune}"
cluster = "{cluster}"
board = "cabinet-v1"
[hub]
mqtt_host = "hub.xa-khong-co.invalid"
mqtt_port = 1883
media_url = "http://hub.xa-khong-co.invalid"
password = "x"
keys = ["{key}"]
"""


async def measure_ready(folder: Path, say: Say, *, starts: int) -> list[Figure]:
    """From the start of the process to its word that it is ready, with and without its list of verified sounds."""
    _furnish(folder)
    cabinet = Child(
        "the cabinet",
        python_module("hardware.simulated.cabinet", "--dir", folder, "--cluster", CLUSTER),
        folder / "cabinet.log",
    )

    async def _is_there() -> bool:
        cabinet.check()
        return (folder / "cabinet.sock").exists()

    await cabinet.start()
    try:
        await until(_is_there, "the cabinet", timeout_s=TIMEOUT_S)
        say(
            f"{starts} starts with {SOUNDS} sounds that nobody has looked into, {starts} with a list"
        )
        unknown = [await _ready_after_s(folder, forget=True) for _ in range(starts)]
        known = [await _ready_after_s(folder, forget=False) for _ in range(starts)]
    finally:
        await cabinet.stop()
    note = f"to READY=1; {SOUNDS} sounds of {SOUND_BYTES / 1e6:g} MB held, no network"
    return [
        figure("start to ready", "s", known, limits={"max": READY_LIMIT_S}, note=note),
        figure(
            "start to ready, no sound verified", "s", unknown, limits={"max": READY_LIMIT_S},
            note=note,
        ),
    ]  # fmt: skip


def _furnish(folder: Path) -> None:
    """A cluster's configuration, its plan, and all sounds of that."""
    folder.mkdir(parents=True, exist_ok=True)
    signer = generate_key("hub-binh-lu")
    key = signer.verifier.encode()
    text = CONFIG.format(commune=COMMUNE, cluster=CLUSTER, key=key)
    (folder / "edge.toml").write_text(text, encoding="utf-8")
    sounds = folder / "store" / "sounds"
    sounds.mkdir(parents=True, exist_ok=True)
    chance = random.Random(1)  # noqa: S311 - bytes that differ
    made = [chance.randbytes(SOUND_BYTES) for _ in range(SOUNDS)]
    bulletins = tuple(_bulletin(number, sound) for number, sound in enumerate(made))
    for bulletin, sound in zip(bulletins, made, strict=True):
        (sounds / f"{bulletin.sha256}.mka").write_bytes(sound)
    (folder / "store" / "desired.note").write_bytes(_plan(bulletins, signer))


def _bulletin(number: int, sound: bytes) -> Bulletin:
    return Bulletin(
        id=BulletinId(f"tin-{number}"),
        title=f"Bản tin {number}",
        sha256=Sha256(hashlib.sha256(sound).hexdigest()),
        size_bytes=len(sound),
        duration_ms=240_000,
    )


def _plan(bulletins: tuple[Bulletin, ...], signer: SignerKey) -> bytes:
    """Each bulletin every day, half an hour apart."""
    now = SystemClock().now()
    first = now + timedelta(hours=2)
    slots = tuple(
        Slot(
            id=SlotId(f"slot-{number}"),
            bulletin=bulletin.id,
            when=_daily_at(first + timedelta(minutes=30 * number)),
            owed_from=now,
            approved_at=now,
            in_quiet_hours=True,
        )
        for number, bulletin in enumerate(bulletins)
    )
    plan = Desired(
        commune=COMMUNE, cluster=CLUSTER, version=1, issued_at=now, bulletins=bulletins, slots=slots
    )
    return sign(plan, signer)


def _daily_at(at: datetime) -> Weekly:
    return Weekly(days=(1, 2, 3, 4, 5, 6, 7), times=(f"{at.astimezone(ZoneInfo(ZONE)):%H:%M}",))


async def _ready_after_s(folder: Path, *, forget: bool) -> float:
    if forget:
        for path in (folder / "store").glob("cache.db*"):
            path.unlink()
    clock = SystemClock()
    with _Told(folder / "notify.sock") as told:
        agent = Child(
            "the agent",
            [
                "env", f"NOTIFY_SOCKET={told.path}",
                *python_module(
                    "edge.app", "run", "--config", folder / "edge.toml", "--state", folder / "store",
                    "--simulated", folder,
                ),
            ],
            folder / "edge.log",
        )  # fmt: skip
        began_ns = clock.mono_ns()
        await agent.start()
        try:
            await told.until_ready(agent)
            return (clock.mono_ns() - began_ns) / NS
        finally:
            await agent.kill_group()


class _Told:
    """The service manager's end of sd_notify(3)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        self._socket.bind(str(self.path))
        self._socket.setblocking(False)  # noqa: FBT003 - its own signature
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._socket.close()

    async def until_ready(self, agent: Child) -> None:
        """Waits for its READY=1.

        Raises:
            BenchError: It ended, or does not get ready.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while b"READY=1" not in await loop.sock_recv(self._socket, 4096):
                    agent.check()
        except TimeoutError as error:
            agent.check()
            raise BenchError(f"the agent is not ready after {TIMEOUT_S:g} s") from error
