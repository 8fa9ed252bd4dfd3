"""A hub without broker and network, and a client that speaks HTTP to it in the same loop."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from contract.ids import ClusterId
from hub.app import parser
from hub.cli.init import init
from hub.compose import compose, link_of
from hub.core.model import Cluster
from hub.hub import Hub
from hub.state_dir import StateDir
from hub.web.app import build

NINE = datetime.fromisoformat("2026-11-24T09:00:00+07:00")
PASSWORD = "mat-khau-thu"


class Watch:
    """A clock that stands until it is moved on."""

    def __init__(self) -> None:
        self._at = NINE

    def now(self) -> datetime:
        return self._at

    def mono_ns(self) -> int:
        return round(self._at.timestamp() * 1e9)

    def pass_by(self, **span: float) -> None:
        self._at += timedelta(**span)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def hub(tmp_path: Path, watch: Watch) -> AsyncIterator[Hub]:
    """A hub with the user can-bo and no cluster; nothing runs, nothing listens."""
    state = StateDir(tmp_path / "hub")
    secret = tmp_path / "password"
    secret.write_text(PASSWORD, encoding="utf-8")
    wanted = ["init", "--state", str(state.root), "--commune", "binh-lu", "--name", "Xã Bình Lư"]
    wanted += ["--user", "can-bo", "--password-file", str(secret)]
    await init(parser().parse_args(wanted))
    parts = compose(state, watch)
    async with parts.live:
        yield Hub(
            settings=parts.settings,
            state=state,
            clock=watch,
            store=parts.store,
            live=parts.live,
            operations=parts.operations,
            link=link_of(parts, ""),
            signer=parts.signer,
            local_token=state.local_token.read_text(encoding="ascii").strip(),
            started_at=watch.now(),
        )
    parts.store.close()


@pytest.fixture
async def secret(hub: Hub) -> str:
    """The secret of the cluster bl-01, which is made for it; bl-02 is there too."""
    thing = Cluster(name=ClusterId("bl-02"), title="Bản Nà Đon", hamlet="Bản Nà Đon")
    await hub.operations.clusters.add(thing, by="test")
    thing = Cluster(name=ClusterId("bl-01"), title="Bản Thẳm", hamlet="Bản Thẳm")
    return await hub.operations.clusters.add(thing, by="test")


@pytest.fixture
async def anyone(hub: Hub) -> AsyncIterator[httpx.AsyncClient]:
    """A caller whom nobody knows."""
    transport = httpx.ASGITransport(app=build(hub))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://hub.test") as client:
        yield client


@pytest.fixture
async def local(anyone: httpx.AsyncClient, hub: Hub) -> httpx.AsyncClient:
    """A program on the hub's machine."""
    anyone.headers["Authorization"] = f"Bearer {hub.local_token}"
    return anyone


@pytest.fixture
def log_in(anyone: httpx.AsyncClient) -> Callable[..., Awaitable[httpx.Response]]:
    async def run(user: str = "can-bo", password: str = PASSWORD) -> httpx.Response:
        return await anyone.post("/api/login", json={"user": user, "password": password})

    return run


@pytest.fixture
def speech(tmp_path: Path) -> bytes:
    path = tmp_path / "speech.wav"
    command = ["espeak-ng", "-v", "vi", "-w", str(path), "Kính mời bà con nghe bản tin chiều."]
    subprocess.run(command, check=True, timeout=60)
    return path.read_bytes()


@pytest.fixture
def upload(speech: bytes) -> Callable[..., Awaitable[Any]]:
    """Uploads the speech: `await upload(client)`; the bulletin."""

    async def run(client: httpx.AsyncClient, title: str = "Bản tin chiều") -> Any:
        files = {"file": ("speech.wav", speech, "audio/wav")}
        answer = await client.post("/api/bulletins", files=files, data={"title": title})
        assert answer.status_code == 201, answer.text
        return answer.json()

    return run
