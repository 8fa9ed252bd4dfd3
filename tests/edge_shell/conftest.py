from __future__ import annotations

import asyncio
import hashlib
import os
import pwd
import shutil
import signal
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from contract.codec import sign
from contract.ids import BulletinId, ClusterId, CommuneId, Sha256, SlotId
from contract.journal import JournalAck
from contract.model import Bulletin, Desired, Once, Slot
from contract.note import SignerKey, generate_key
from edge.shell.config import EdgeConfig, HubAddress
from hardware.clock import SystemClock

FIVE = datetime.fromisoformat("2026-11-24T17:00:00+07:00")
DEADLINE_S = 20.0
COMMUNE, CLUSTER = CommuneId("binh-lu"), ClusterId("bl-01")


@pytest.fixture
def eventually() -> Callable[..., Awaitable[Any]]:
    """Waits for a condition; fails when it has not come true in 20 s."""

    async def wait(condition: Callable[[], Any]) -> Any:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                if found := condition():
                    return found
                await asyncio.sleep(0.01)

    return wait


@pytest.fixture
def running() -> Callable[..., AbstractAsyncContextManager[None]]:
    """Runs what never ends by itself, for the length of a `with`."""

    @asynccontextmanager
    async def run(*forever: Coroutine[Any, Any, Any]) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(one) for one in forever]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            ended, alive = await asyncio.wait(tasks, timeout=DEADLINE_S)
            assert not alive, f"cancelled, and goes on: {alive}"
            for task in ended:
                if not task.cancelled() and (error := task.exception()):
                    raise error

    return run


@pytest.fixture(scope="session")
def system_clock() -> SystemClock:
    return SystemClock()


@pytest.fixture(scope="session")
def signer() -> SignerKey:
    return generate_key("hub-binh-lu")


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def config(free_port: int, signer: SignerKey) -> EdgeConfig:
    """A cluster whose broker, if any, is on `free_port`."""
    return EdgeConfig(
        commune=COMMUNE,
        cluster=CLUSTER,
        board="cabinet-v1",
        hub=HubAddress(
            mqtt_host="127.0.0.1",
            mqtt_port=free_port,
            media_url="http://127.0.0.1:9",
            password="secret",
            keys=(signer.verifier.encode(),),
        ),
    )


class Papers:
    """Short words for what a hub signs."""

    def __init__(self, signer: SignerKey) -> None:
        self.signer = signer

    def sound(self, name: str, size_bytes: int = 1000) -> bytes:
        return (name.encode() * size_bytes)[:size_bytes]

    def bulletin(self, name: str, sound: bytes | None = None, duration_s: float = 60) -> Bulletin:
        sound = sound or self.sound(name)
        return Bulletin(
            id=BulletinId(name),
            title=f"Bản tin {name}",
            sha256=Sha256(hashlib.sha256(sound).hexdigest()),
            size_bytes=len(sound),
            duration_ms=round(duration_s * 1000),
        )

    def slot(self, bulletin: Bulletin, at: datetime = FIVE, **more: Any) -> Slot:
        before = at - timedelta(days=10)
        facts: dict[str, Any] = {"owed_from": before, "approved_at": before, "when": Once(at=at)}
        return Slot(id=SlotId(f"slot-{bulletin.id}"), bulletin=bulletin.id, **(facts | more))

    def plan(self, version: int = 1, *pairs: tuple[Bulletin, Slot], **more: Any) -> Desired:
        issued_at = FIVE - timedelta(days=1)
        whom: dict[str, Any] = {"commune": COMMUNE, "cluster": CLUSTER, "issued_at": issued_at}
        return Desired(
            version=version,
            bulletins=tuple(bulletin for bulletin, _ in pairs),
            slots=tuple(slot for _, slot in pairs),
            **(whom | more),
        )

    def note(self, plan: Desired) -> bytes:
        return sign(plan, self.signer)

    def ack(self, epoch: str, up_to: int, **more: Any) -> bytes:
        whom: dict[str, Any] = {"commune": COMMUNE, "cluster": CLUSTER, "issued_at": FIVE}
        return sign(JournalAck(epoch=epoch, up_to=up_to, **(whom | more)), self.signer)


@pytest.fixture
def papers(signer: SignerKey) -> Papers:
    return Papers(signer)


class Mosquitto:
    """A real broker that can be killed and started again on the same port."""

    def __init__(self, folder: Path, port: int) -> None:
        self._port = port
        self._conf = folder / "mosquitto.conf"
        user = pwd.getpwuid(os.geteuid()).pw_name
        self._conf.write_text(
            f"user {user}\nlistener {port} 127.0.0.1\nallow_anonymous true\nlog_dest none\n"
            "use_username_as_clientid false\npersistence false\nmax_packet_size 400000\n"
        )
        found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        assert found, "Mosquitto is missing: run scripts/setup test"
        self._command = ["setpriv", "--pdeathsig", "TERM", found, "-c", str(self._conf)]
        self._child: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._child = await asyncio.create_subprocess_exec(
            *self._command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(DEADLINE_S):
            while True:
                assert self._child.returncode is None, "Mosquitto does not start"
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                    writer.close()
                    await writer.wait_closed()
                    return
                await asyncio.sleep(0.02)

    def freeze(self) -> None:
        """It answers nothing any more, and closes nothing: as a link that went dead."""
        assert self._child is not None
        self._child.send_signal(signal.SIGSTOP)

    async def kill(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            await child.wait()


@pytest.fixture
async def broker(tmp_path: Path, free_port: int) -> AsyncIterator[Mosquitto]:
    made = Mosquitto(tmp_path, free_port)
    await made.start()
    yield made
    await made.kill()


class MediaServer(ThreadingHTTPServer):
    """Serves sounds by Range, and misbehaves as told: one word of `script` a request, then well.

    Attributes:
        asked: (hash, first byte) of each request, in order.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.sounds: dict[str, bytes] = {}
        self.script: list[str] = []
        self.asked: list[tuple[str, int]] = []
        self.headers: list[dict[str, str]] = []
        self.let_go = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def offer(self, *sounds: bytes) -> None:
        self.sounds |= {hashlib.sha256(sound).hexdigest(): sound for sound in sounds}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: MediaServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass

    def do_GET(self) -> None:
        server = self.server
        sha256 = self.path.rpartition("/")[2]
        first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        server.asked.append((sha256, first))
        server.headers.append(dict(self.headers.items()))
        word, _, number = (server.script.pop(0) if server.script else "well").partition(" ")
        whole = server.sounds.get(sha256)
        if word == "status" or whole is None:
            self._answer(int(number or 404), b"no")
            return
        if word == "ignores_range":
            first = 0
        if word == "wrong":
            whole = bytes(byte ^ 0xFF for byte in whole)
        if word == "longer":
            whole += b"x" * int(number)
        rest = whole[first:]
        if word in ("cuts", "stalls"):
            self._head(206 if first else 200, len(rest))
            self.wfile.write(rest[: int(number)])
            self.wfile.flush()
            if word == "stalls":
                server.let_go.wait(DEADLINE_S)
            self.close_connection = True
            return
        self._answer(206 if first else 200, rest)

    def _head(self, status: int, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _answer(self, status: int, body: bytes) -> None:
        self._head(status, len(body))
        self.wfile.write(body)


@pytest.fixture
def media() -> Iterator[MediaServer]:
    server = MediaServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.let_go.set()
    server.shutdown()
    thread.join()
    server.server_close()


class Wire:
    """A link that behaves: takes messages while it is up, and counts tries while it is down."""

    def __init__(self) -> None:
        self.is_up = True
        self.tries = 0
        self.sent: list[tuple[str, bytes]] = []

    async def publish(
        self, kind: str, payload: bytes, *, retain: bool = False, qos: int = 1
    ) -> bool:
        await asyncio.sleep(0)
        self.tries += 1
        if self.is_up:
            self.sent.append((kind, payload))
        return self.is_up

    def of(self, *kinds: str) -> Sequence[bytes]:
        return [payload for kind, payload in self.sent if kind in kinds]


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def config_file(tmp_path: Path, config: EdgeConfig) -> Path:
    """The cluster's configuration as the technician's file."""
    path = tmp_path / "edge.toml"
    hub = config.hub
    path.write_text(
        f'commune = "{config.commune}"\ncluster = "{config.cluster}"\nboard = "{config.board}"\n'
        f'[hub]\nmqtt_host = "{hub.mqtt_host}"\nmqtt_port = {hub.mqtt_port}\n'
        f'media_url = "{hub.media_url}"\npassword = "x"\nkeys = ["{hub.keys[0]}"]\n'
    )
    return path
