"""The agent as a process of its own, in a simulated cabinet."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from msgspec.structs import replace

from contract.codec import decode
from contract.ids import Sha256
from contract.status import Availability
from contract.topics import Kind, cluster_topic
from edge.shell.ledger import Ledger
from edge.shell.status_file import StatusFile
from hardware.simulated.card import Card, built
from hardware.simulated.world import World

DURATION_S = 60


@pytest.fixture(scope="session")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of sound as the hub stores it: Opus in Matroska."""
    path = tmp_path_factory.mktemp("tone") / "tone.mka"
    source = f"sine=frequency=440:duration={DURATION_S}:sample_rate=48000"
    command = ["ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", source]
    subprocess.run([*command, "-c:a", "libopus", "-b:a", "24k", str(path)], check=True)
    return path


@asynccontextmanager
async def process(
    *command: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *command, env={**os.environ, **(environment or {})}
    )
    try:
        yield child
    finally:
        with suppress(ProcessLookupError):
            child.terminate()
        await child.wait()


def amplifier_levels(cabinet: Path) -> list[int]:
    path = cabinet / "pins.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    facts = [json.loads(line) for line in lines if line.endswith("\n")]
    return [fact["level"] for fact in facts if fact.get("pin") == "amp"]


@pytest.fixture
async def cabinet(tmp_path: Path, eventually: Any) -> AsyncIterator[Path]:
    folder = tmp_path / "cabinet"
    folder.mkdir()
    words = ["--dir", str(folder), "--cluster", "bl-01", "--warm-up-s", "0.2"]
    async with process("hardware.simulated.cabinet", *words):
        await eventually(lambda: any(one.is_socket() for one in folder.iterdir()))
        yield folder


@pytest.fixture
def state(tmp_path: Path, papers: Any, tone: Path, system_clock: Any) -> Path:
    """A card with a plan whose only item is on air now, and its sound."""
    folder = tmp_path / "state"
    (folder / "sounds").mkdir(parents=True)
    sound = tone.read_bytes()
    bulletin = replace(
        papers.bulletin("tin", sound, DURATION_S),
        sha256=Sha256(hashlib.sha256(sound).hexdigest()),
    )
    (folder / "sounds" / f"{bulletin.sha256}.mka").write_bytes(sound)
    at = system_clock.now() - timedelta(seconds=1)
    plan = papers.plan(1, (bulletin, papers.slot(bulletin, at)), issued_at=at)
    (folder / "desired.note").write_bytes(papers.note(plan))
    return folder


@pytest.mark.broker
@pytest.mark.sound
async def test_an_orderly_stop_while_on_air_switches_the_amplifier_off_and_says_good_bye(
    broker: Any, cabinet: Path, state: Path, config_file: Path, config: Any, eventually: Any
) -> None:
    words = ["--config", str(config_file), "--state", str(state), "--simulated", str(cabinet)]
    status = StatusFile(state / "run" / "status.json")

    def is_on_air() -> bool:
        found = status.read()
        return found is not None and found.reported.on_air is not None and found.link_up

    async with process("edge.app", "run", *words) as agent:
        await eventually(is_on_air)
        assert amplifier_levels(cabinet)[-1] == 1
        agent.terminate()
        async with asyncio.timeout(20):
            assert await agent.wait() == 0
    await eventually(lambda: amplifier_levels(cabinet)[-1] == 0)
    assert status.read() is None
    ledger = Ledger(state / "ledger.db")
    assert ledger.open_item() is not None, "the next start must know what was on air"
    ledger.close()
    async with aiomqtt.Client("127.0.0.1", config.hub.mqtt_port, identifier="hub") as hub:
        await hub.subscribe(cluster_topic(config.commune, config.cluster, Kind.AVAILABILITY), qos=1)
        async with asyncio.timeout(20):
            message = await anext(aiter(hub.messages))
    assert isinstance(message.payload, bytes)
    assert not decode(message.payload, Availability).online
    assert broker is not None


@pytest.mark.sound
async def test_a_hanging_agent_is_found_by_the_watchdog_and_its_relay_goes_off(
    cabinet: Path, state: Path, config_file: Path, tmp_path: Path, eventually: Any
) -> None:
    """systemd's part is played here: it hears nothing, kills, and runs the stop command of the unit."""
    said: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)

        def listen() -> list[str]:
            with suppress(BlockingIOError):
                while True:
                    said.append(systemd.recv(4096).decode())
            return said

        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        words = ["--config", str(config_file), "--state", str(state), "--simulated", str(cabinet)]
        async with process("edge.app", "run", *words, environment=environment) as agent:
            await eventually(lambda: amplifier_levels(cabinet)[-1:] == [1])
            await eventually(lambda: listen().count("WATCHDOG=1") >= 3)
            assert said[0] == "READY=1"
            await eventually(lambda: any("đang phát: tin" in one for one in listen()))
            agent.send_signal(signal.SIGSTOP)
            heard = len(listen())
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):  # two and a half times the watchdog's time
                    await eventually(lambda: len(listen()) > heard + 1)
            agent.kill()
            await agent.wait()
    assert amplifier_levels(cabinet)[-1] == 1, "a released output stays driven"
    relays_off = ["--config", str(config_file), "--simulated", str(cabinet)]
    async with process("hardware.relays_off", *relays_off) as stop_command:
        assert await stop_command.wait() == 0
    await eventually(lambda: amplifier_levels(cabinet)[-1] == 0)


@pytest.mark.sound
@pytest.mark.skipif(built() is None, reason="the simulated card is not built: run scripts/setup")
async def test_a_card_that_holds_a_write_for_a_minute_does_not_hold_the_loop(
    cabinet: Path, state: Path, config_file: Path, tmp_path: Path, eventually: Any
) -> None:
    card = Card(state, tmp_path / "card")
    card.lay_out()
    words = ["--config", str(config_file), "--state", str(state), "--simulated", str(cabinet)]
    command = card.command([sys.executable, "-m", "edge.app", "run", *words])
    fed = 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)

        def feedings() -> int:
            nonlocal fed
            with suppress(BlockingIOError):
                while True:
                    fed += systemd.recv(4096) == b"WATCHDOG=1"
            return fed

        watched = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        agent = await asyncio.create_subprocess_exec(*command, env={**os.environ, **watched})
        try:
            status = StatusFile(state / "run" / "status.json")
            await eventually(lambda: (now := status.read()) and now.reported.on_air)
            card.change_faults(slow_sync_ms=60_000)
            async with World({"bl-01": cabinet}) as world:
                await world.pulse(["bl-01"], "surge_pulse")
            await eventually(lambda: (now := status.read()) and now.reported.surge_count == 1)
            before = feedings()
            await eventually(lambda: feedings() >= before + 20)
            await eventually(lambda: (now := status.read()) and "card_slow" in now.reported.faults)
        finally:
            agent.kill()
            await agent.wait()
    assert amplifier_levels(cabinet)[-1] == 1


async def test_without_its_cabinet_the_agent_ends_with_one_clear_failure(
    tmp_path: Path, config_file: Path
) -> None:
    words = ["--config", str(config_file), "--state", str(tmp_path / "s")]
    async with process("edge.app", "run", *words, "--simulated", str(tmp_path / "none")) as agent:
        async with asyncio.timeout(20):
            assert await agent.wait() == 2
