from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import psycopg
import pytest

from contract.ids import ClusterId, Sha256
from contract.model import Once, Priority
from hub.app import parser
from hub.broker import Broker
from hub.cli.init import init
from hub.clock import SystemClock
from hub.compose import Parts, compose, link_of
from hub.core.model import BulletinRecord, Cluster, SlotOrder
from hub.link import HubLink
from hub.operations.bulletins import NewBulletin
from hub.settings import load_settings, split_address
from hub.state_dir import StateDir
from hub.store import clusters

NINE = datetime.fromisoformat("2026-11-24T09:00:00+07:00")
DEADLINE_S = 30.0


class Watch:
    """A clock that stands until it is moved on."""

    def __init__(self, at: datetime = NINE) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def mono_ns(self) -> int:
        return round(self._at.timestamp() * 1e9)

    def pass_by(self, **span: float) -> datetime:
        self._at += timedelta(**span)
        return self._at


@pytest.fixture
def clock() -> Watch:
    return Watch()


@pytest.fixture
def free_port() -> Callable[[], int]:
    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return find


@pytest.fixture
def eventually() -> Callable[..., Awaitable[Any]]:
    """Polls a condition, blocking or not, until it holds."""

    async def wait(condition: Callable[[], Any], *, what: str = "") -> Any:
        deadline = asyncio.get_running_loop().time() + DEADLINE_S
        while True:
            found = condition()
            if hasattr(found, "__await__"):
                found = await found
            if found:
                return found
            assert asyncio.get_running_loop().time() < deadline, f"never came: {what or condition}"
            await asyncio.sleep(0.02)

    return wait


@pytest.fixture
async def state(tmp_path: Path, free_port: Callable[[], int]) -> StateDir:
    """A new hub, made by the command line's own verb."""
    wanted = ["init", "--state", str(tmp_path / "hub"), "--commune", "binh-lu"]
    wanted += ["--http", f"127.0.0.1:{free_port()}", "--mqtt", f"127.0.0.1:{free_port()}"]
    await init(parser().parse_args(wanted))
    return StateDir(tmp_path / "hub")


def _as_nobody_special(*command: str) -> list[str]:
    if os.geteuid() != 0:
        return list(command)
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """A private PostgreSQL on a unix socket; gives the URL of a new empty database."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    assert found, "PostgreSQL is missing: run scripts/setup test"
    tools = found[-1].parent
    folder = Path(tempfile.mkdtemp(prefix="loaxa-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    data = str(folder / "data")
    init_command = [str(tools / "initdb"), "-D", data, "-A", "trust", "-U", "loaxa"]
    init_command += ["--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]
    subprocess.run(
        _as_nobody_special(*init_command), check=True, capture_output=True, cwd=folder, timeout=120
    )
    server_command = [str(tools / "postgres"), "-D", data, "-k", str(folder)]
    server_command += ["-c", "listen_addresses=", "-c", "fsync=off"]
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        server = subprocess.Popen(
            _as_nobody_special(*server_command), stdout=log, stderr=log, cwd=folder
        )
    try:
        _wait_for_postgres(str(folder), server)
        yield _databases(str(folder))
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)
        shutil.rmtree(folder)
        Path(log.name).unlink()


def _wait_for_postgres(folder: str, server: subprocess.Popen[bytes]) -> None:
    pause = threading.Event()
    for _ in range(600):
        assert server.poll() is None, "PostgreSQL does not start"
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(host=folder, user="loaxa", dbname="postgres").close()
            return
        pause.wait(0.05)
    raise AssertionError("PostgreSQL does not answer")


def _databases(folder: str) -> Callable[[], str]:
    numbers = itertools.count(1)

    def make() -> str:
        name = f"hub_{next(numbers)}"
        connection = psycopg.connect(host=folder, user="loaxa", dbname="postgres", autocommit=True)
        with contextlib.closing(connection):
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql+psycopg://loaxa@/{name}?host={folder}"

    return make


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A private Redis on a unix socket."""
    program = shutil.which("redis-server")
    assert program, "redis-server is missing: run scripts/setup test"
    folder = Path(tempfile.mkdtemp(prefix="loaxa-redis-"))
    path = folder / "redis.sock"
    command = [
        program,
        "--port",
        "0",
        "--unixsocket",
        str(path),
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        pause = threading.Event()
        while not path.exists():
            assert server.poll() is None, "Redis does not start"
            pause.wait(0.02)
        yield f"unix://{path}"
    finally:
        server.terminate()
        server.wait(10)
        shutil.rmtree(folder)


@pytest.fixture
def parts(state: StateDir, clock: Watch) -> Iterator[Parts]:
    """The hub's parts on SQLite, nothing running."""
    made = compose(state, clock)
    yield made
    made.store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_parts(request: pytest.FixtureRequest, state: StateDir, clock: Watch) -> Iterator[Parts]:
    """The hub's parts, once on SQLite and once on PostgreSQL."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres")()
        text = state.settings.read_text()
        state.settings.write_text(f'{text}\n[store]\nurl = "{url}"\n')
        assert load_settings(state.settings).store.url == url
    made = compose(state, clock)
    yield made
    made.store.close()


class Village:
    """Short words for a commune with clusters, bulletins and slots, through the real operations."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.operations = parts.operations

    async def cluster(self, name: str, **more: Any) -> str:
        return await self.operations.clusters.add(Cluster(name=ClusterId(name), **more), by="t")

    async def bulletin(
        self, name: str = "tin", duration_s: float = 60, **more: Any
    ) -> BulletinRecord:
        return await self.operations.bulletins.add(
            NewBulletin(
                title=name,
                sha256=Sha256(name.encode().hex().ljust(64, "0")[:64]),
                size_bytes=1000,
                duration_ms=round(duration_s * 1000),
                priority=more.pop("priority", Priority.NORMAL),
                **more,
            ),
            by="t",
        )

    def order(self, bulletin: BulletinRecord, hour: str = "17:00", **more: Any) -> SlotOrder:
        at = datetime.fromisoformat(f"2026-11-24T{hour}:00+07:00")
        more.setdefault("when", Once(at=at))
        return SlotOrder(bulletin=bulletin.id, **more)


@pytest.fixture
async def village(parts: Parts) -> AsyncIterator[Village]:
    """A commune whose live view is open, on SQLite."""
    async with parts.live:
        yield Village(parts)


@pytest.fixture
async def any_village(any_parts: Parts) -> AsyncIterator[Village]:
    """The same on either store."""
    async with any_parts.live:
        yield Village(any_parts)


@pytest.fixture
def hub_command() -> Callable[..., list[str]]:
    """`loaxa-hub` as a process of its own."""

    def command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "hub.app", *arguments]

    return command


@pytest.fixture
async def broker(parts: Parts) -> AsyncIterator[Broker]:
    """A real Mosquitto, configured by the hub; the hub's own password is `hub-secret`."""
    address = parts.settings.mqtt.address
    folder = parts.state.broker
    made = Broker(folder, address, parts.settings.commune, "hub-secret", SystemClock())
    made.write_users(await parts.store.read(clusters.mosquitto_hashes))
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def link(parts: Parts) -> HubLink:
    """The hub's link to `broker`, not running."""
    return link_of(parts, "hub-secret")


@pytest.fixture
def running() -> Callable[..., AbstractAsyncContextManager[None]]:
    """Runs what never ends by itself, for the length of a `with`."""

    @asynccontextmanager
    async def run(forever: Coroutine[Any, Any, Any]) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(forever)
            yield
            task.cancel()

    return run


@pytest.fixture
def connect(parts: Parts) -> Callable[..., aiomqtt.Client]:
    """A client of the hub's Mosquitto under any name."""

    def client(name: str, password: str, **more: Any) -> aiomqtt.Client:
        host, port = split_address(parts.settings.mqtt.address)
        more.setdefault("identifier", f"binh-lu-{name}")
        return aiomqtt.Client(host, port, username=name, password=password, **more)

    return client
