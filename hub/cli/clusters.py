"""`loaxa-hub cluster add` and `cluster list`."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from pathlib import Path

import msgspec

from contract.ids import ClusterId
from hub import lock
from hub.cli.speak import say
from hub.clock import SystemClock
from hub.compose import Parts, compose
from hub.core.model import Cluster
from hub.errors import HubError
from hub.settings import split_address
from hub.state_dir import StateDir, write_private

TAKEN_IN_TIMEOUT_S = 5.0
POLL_S = 0.05


async def add(wanted: argparse.Namespace) -> None:
    """Makes a cluster known and writes the package that its edge is configured with."""
    parts = compose(StateDir(Path(wanted.state)), SystemClock())
    try:
        out = Path(wanted.out)
        _check_writable(out)
        host, port = split_address(wanted.mqtt_address or parts.settings.mqtt.address)
        new = Cluster(
            name=ClusterId(wanted.name),
            title=wanted.title or "",
            hamlet=wanted.hamlet or "",
            board=wanted.board,
            volume_pct=parts.settings.plan.volume_pct,
            groups=tuple(wanted.group),
        )
        secret = await parts.operations.clusters.add(new, by="local")
        media_url = wanted.media_url or f"http://{parts.settings.http.address}"
        write_private(out, _package(parts, new, (host, port), media_url, secret).encode())
        await _tell_running_hub(parts.state, wanted.name)
    finally:
        parts.store.close()
    say(f"{wanted.name}: {out}")


async def show(wanted: argparse.Namespace) -> None:
    """Lists the clusters."""
    parts = compose(StateDir(Path(wanted.state)), SystemClock())
    try:
        for one in await parts.operations.clusters.everyone():
            groups = ",".join(one.groups)
            say(f"{one.name}\t{one.title}\t{one.hamlet}\t{one.board}\t{groups}".rstrip())
    finally:
        parts.store.close()


def _check_writable(out: Path) -> None:
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        raise HubError(
            "no_permission",
            f"không ghi được vào {out.parent}",
            f"{out.parent} cannot be written to",
        )


def _package(parts: Parts, new: Cluster, mqtt: tuple[str, int], media_url: str, secret: str) -> str:
    host, port = mqtt
    return f"""\
commune = {_text(parts.settings.commune)}
cluster = {_text(new.name)}
board = {_text(new.board)}

[hub]
mqtt_host = {_text(host)}
mqtt_port = {port}
media_url = {_text(media_url)}
password = {_text(secret)}
keys = [{_text(parts.signer.verifier.encode())}]
"""


def _text(value: str) -> str:
    return msgspec.json.encode(value).decode()


async def _tell_running_hub(state: StateDir, name: str) -> None:
    """A hub that serves takes the cluster in before this returns."""
    process = lock.holder(state.lock)
    if process is None:
        return
    os.kill(process, signal.SIGHUP)
    users = state.broker / "passwd"
    try:
        async with asyncio.timeout(TAKEN_IN_TIMEOUT_S):
            while not _lists(users, name):  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        say("hub chưa nhận cụm loa mới; hãy khởi động lại hub — restart the hub to take it in")


def _lists(users: Path, name: str) -> bool:
    return users.exists() and any(
        line.startswith(f"{name}:") for line in users.read_text(encoding="utf-8").splitlines()
    )
