from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from contract.codec import decode
from contract.ids import ClusterId
from contract.status import HubState
from contract.topics import Kind, cluster_topic, hub_state_topic
from hub import lock
from hub.settings import load_settings, split_address
from hub.state_dir import StateDir

pytestmark = [pytest.mark.broker, pytest.mark.rig]


class Served:
    """A hub as a process, and how the outside sees it."""

    def __init__(self, state: StateDir, command: Any, eventually: Any) -> None:
        self.state = state
        self.settings = load_settings(state.settings)
        self.process: asyncio.subprocess.Process | None = None
        self._command = command
        self._eventually = eventually

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *self._command("serve", "--state", str(self.state.root)),
            stdout=asyncio.subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.process.stdout
        async with asyncio.timeout(60):
            line = await self.process.stdout.readline()
        assert line.decode() == f"loaxa-hub: ready at http://{self.settings.http.address}\n"

    async def end(self, how: signal.Signals) -> int:
        assert self.process
        self.process.send_signal(how)
        async with asyncio.timeout(30):
            return await self.process.wait()

    async def run(self, *arguments: str) -> None:
        child = await asyncio.create_subprocess_exec(
            *self._command(*arguments, "--state", str(self.state.root)),
            stdout=subprocess.DEVNULL,
        )
        assert await child.wait() == 0

    async def add(self, name: str) -> dict[str, Any]:
        out = self.state.root / f"{name}.toml"
        await self.run("cluster", "add", name, "--out", str(out))
        return tomllib.loads(out.read_text())

    async def api(self, path: str, method: str = "GET", body: Any = None) -> Any:
        def ask() -> Any:
            token = self.state.local_token.read_text().strip()
            host, port = split_address(self.settings.http.address)
            with contextlib.closing(http.client.HTTPConnection(host, port, timeout=30)) as hub:
                headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
                hub.request(method, path, json.dumps(body) if body else None, headers)
                return json.loads(hub.getresponse().read())

        return await asyncio.to_thread(ask)

    @contextlib.asynccontextmanager
    async def edge(self, package: dict[str, Any]) -> AsyncIterator[aiomqtt.Client]:
        hub = package["hub"]
        client = aiomqtt.Client(
            hub["mqtt_host"],
            hub["mqtt_port"],
            username=package["cluster"],
            password=hub["password"],
        )
        async with client:
            yield client

    async def retained(self, package: dict[str, Any], topic: str) -> bytes:
        async with self.edge(package) as client, asyncio.timeout(30):
            await client.subscribe(topic, qos=1)
            message = await anext(aiter(client.messages))
            assert isinstance(message.payload, bytes)
            return message.payload

    def mosquittos(self) -> list[int]:
        wanted = str(self.state.broker / "mosquitto.conf").encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if wanted in (folder / "cmdline").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
        return found

    async def no_mosquitto(self) -> None:
        await self._eventually(lambda: not self.mosquittos(), what="Mosquitto gone")


@pytest.fixture
async def served(state: StateDir, hub_command: Any, eventually: Any) -> AsyncIterator[Served]:
    made = Served(state, hub_command, eventually)
    await made.start()
    yield made
    if made.process and made.process.returncode is None:
        await made.end(signal.SIGKILL)
    await made.no_mosquitto()


def topic(served: Served, name: str, kind: Kind = Kind.DESIRED) -> str:
    return cluster_topic(served.settings.commune, ClusterId(name), kind)


async def test_a_cluster_added_while_the_hub_runs_connects_at_once(
    served: Served, eventually: Any
) -> None:
    package = await served.add("bl-01")

    async def has_plan() -> bytes:
        with contextlib.suppress(aiomqtt.MqttError):
            return await served.retained(package, topic(served, "bl-01"))
        return b""

    assert b"hub.binh-lu" in await eventually(has_plan)
    (seen,) = await served.api("/api/clusters")
    assert (seen["name"], seen["plan_version"]) == ("bl-01", 1)


async def test_a_renewed_cluster_gets_in_with_its_new_password_only(
    served: Served, eventually: Any
) -> None:
    old = await served.add("bl-01")
    out = served.state.root / "bl-01.toml"
    await served.run("cluster", "renew", "bl-01", "--out", str(out))
    new = tomllib.loads(out.read_text())

    async def gets_in(package: dict[str, Any]) -> bool:
        with contextlib.suppress(aiomqtt.MqttError):
            async with served.edge(package):
                return True
        return False

    await eventually(lambda: gets_in(new))
    assert not await gets_in(old)


async def test_a_hub_that_is_starting_survives_being_told_of_a_cluster(
    state: StateDir, hub_command: Any, eventually: Any
) -> None:
    made = Served(state, hub_command, eventually)
    starting = asyncio.create_task(made.start())
    process = await eventually(lambda: lock.holder(state.lock), what="the lock")
    while not starting.done():
        os.kill(process, signal.SIGHUP)
        await asyncio.wait([starting], timeout=0.05)
    await starting
    assert await made.end(signal.SIGTERM) == 0
    await made.no_mosquitto()


async def test_a_killed_hub_leaves_no_mosquitto_and_comes_back_with_the_same_plans(
    served: Served,
) -> None:
    package = await served.add("bl-01")
    await served.end(signal.SIGKILL)
    await served.no_mosquitto()
    await served.start()
    before = await served.retained(package, topic(served, "bl-01"))
    await served.end(signal.SIGKILL)
    await served.no_mosquitto()
    await served.start()
    assert await served.retained(package, topic(served, "bl-01")) == before
    (seen,) = await served.api("/api/clusters")
    assert seen["plan_version"] == 1


async def test_told_to_stop_the_hub_says_goodbye_and_ends(served: Served) -> None:
    package = await served.add("bl-01")
    state_topic = hub_state_topic(served.settings.commune)
    heard: list[bool] = []
    async with served.edge(package) as client:
        await client.subscribe(state_topic, qos=1)
        ending = asyncio.create_task(served.end(signal.SIGTERM))
        with contextlib.suppress(aiomqtt.MqttError):
            async with asyncio.timeout(30):
                async for message in client.messages:
                    assert isinstance(message.payload, bytes)
                    heard.append(decode(message.payload, HubState).online)
        assert await ending == 0
    assert heard[:2] == [True, False]
    assert served.mosquittos() == []


async def test_a_mosquitto_that_dies_comes_back_by_itself(served: Served, eventually: Any) -> None:
    package = await served.add("bl-01")
    before = await served.retained(package, topic(served, "bl-01"))
    (old,) = served.mosquittos()
    os.kill(old, signal.SIGKILL)

    async def again() -> bool:
        with contextlib.suppress(aiomqtt.MqttError):
            return await served.retained(package, topic(served, "bl-01")) == before
        return False

    await eventually(again)
    assert (await served.api("/health"))["ok"]


async def test_what_cannot_start_says_why_in_one_line(
    served: Served, hub_command: Any, tmp_path: Path
) -> None:
    async def refused(state: StateDir) -> str:
        child = await asyncio.create_subprocess_exec(
            *hub_command("serve", "--state", str(state.root)),
            stdout=subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await child.communicate()
        assert child.returncode == 2
        (line,) = said.decode().splitlines()
        return line

    assert "runs already" in await refused(served.state)
    other = StateDir(tmp_path / "other")
    ports = ["--http", "127.0.0.1:1", "--mqtt", served.settings.mqtt.address]
    child = await asyncio.create_subprocess_exec(
        *hub_command("init", "--state", str(other.root), "--commune", "x", *ports),
        stdout=subprocess.DEVNULL,
    )
    assert await child.wait() == 0
    text = other.settings.read_text()
    other.settings.write_text(text.replace('127.0.0.1:1"', f'{served.settings.http.address}"'))
    _, port = split_address(served.settings.http.address)
    assert f"port {port} is in use" in await refused(other)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    other.settings.write_text(text.replace('127.0.0.1:1"', f'127.0.0.1:{free}"'))
    _, port = split_address(served.settings.mqtt.address)
    assert f"port {port} is in use" in await refused(other)
