"""`loaxa-hub cluster add`, `cluster renew` and `cluster list`."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import os
import signal
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from contract.ids import ClusterId
from hub import lock, refusals
from hub.cli.speak import say, warn
from hub.clock import SystemClock
from hub.compose import Parts, compose
from hub.core.model import Cluster
from hub.errors import HubError
from hub.keys import read_recovery_public
from hub.settings import split_address
from hub.state_dir import StateDir, write_private
from hub.store import clusters

TAKEN_IN_TIMEOUT_S = 5.0
POLL_S = 0.05


class Package(Struct, frozen=True, kw_only=True):
    """What an edge is configured with, save its secret.

    Attributes:
        keys: Verifier keys whose commands the cluster obeys.
        recovery_key: Verifier key of the commune's offline recovery key.
    """

    commune: str
    mqtt_host: str
    mqtt_port: int
    media_url: str
    keys: tuple[str, ...]
    recovery_key: str

    def text(self, cluster: Cluster, secret: str) -> str:
        """The edge's TOML file."""
        return f"""\
commune = {_text(self.commune)}
cluster = {_text(cluster.name)}
board = {_text(cluster.board)}

[hub]
mqtt_host = {_text(self.mqtt_host)}
mqtt_port = {self.mqtt_port}
media_url = {_text(self.media_url)}
password = {_text(secret)}
keys = [{", ".join(map(_text, self.keys))}]
recovery_key = {_text(self.recovery_key)}
"""


async def add(wanted: argparse.Namespace) -> None:
    """Makes a cluster known and writes the package that its edge is configured with."""
    parts = compose(StateDir(Path(wanted.state)), SystemClock())
    try:
        package = _package(parts, wanted)
        new = Cluster(
            name=ClusterId(wanted.name),
            title=wanted.title or "",
            hamlet=wanted.hamlet or "",
            board=wanted.board,
            volume_pct=parts.settings.plan.volume_pct,
            groups=tuple(wanted.group),
        )
        _check_writable(Path(wanted.out))
        secret = await parts.operations.clusters.add(new, by="local")
        await _hand_over(parts, Path(wanted.out), new, package, secret)
    finally:
        parts.store.close()


async def renew(wanted: argparse.Namespace) -> None:
    """Gives a known cluster a new password and writes its package again."""
    parts = compose(StateDir(Path(wanted.state)), SystemClock())
    try:
        package = _package(parts, wanted)
        known = await parts.operations.clusters.get(ClusterId(wanted.name))
        _check_writable(Path(wanted.out))
        secret = await parts.operations.clusters.renew(known.name, by="local")
        await _hand_over(parts, Path(wanted.out), known, package, secret)
    finally:
        parts.store.close()


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
    """Refuses what could not take the package, before a secret is made for it."""
    if out.is_dir():
        raise HubError(
            "is_folder",
            f"{out} là thư mục; hãy nêu tên tệp, ví dụ {out / 'edge.toml'}",
            f"{out} is a folder; name a file, for example {out / 'edge.toml'}",
        )
    try:
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise refusals.cannot_write(out, error) from error


def _package(parts: Parts, wanted: argparse.Namespace) -> Package:
    host, port = split_address(wanted.mqtt_address or parts.settings.mqtt.address)
    media_url = wanted.media_url or f"http://{parts.settings.http.address}"
    _host_of(media_url)
    return Package(
        commune=parts.settings.commune,
        mqtt_host=host,
        mqtt_port=port,
        media_url=media_url,
        keys=(parts.signer.verifier.encode(),),
        recovery_key=read_recovery_public(parts.state.recovery_public).encode(),
    )


def _warn_of_near(package: Package) -> None:
    near = {one for one in (package.mqtt_host, _host_of(package.media_url)) if _is_only_here(one)}
    if near:
        hosts = ", ".join(sorted(near))
        warn(
            f"{hosts} chỉ dùng được trên máy này; với Raspberry Pi hãy thêm --mqtt-address và --media-url",
            f"{hosts} works on this machine only; for a Raspberry Pi give --mqtt-address and --media-url",
        )


def _host_of(url: str) -> str:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not host:
        raise HubError(
            "bad_url",
            f"{url!r} phải có dạng http://MÁY:CỔNG",
            f"{url!r} must be http://HOST:PORT",
        )
    return host


def _is_only_here(host: str) -> bool:
    """Whether an address leads nowhere from another machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback or address.is_unspecified


def _text(value: str) -> str:
    return msgspec.json.encode(value).decode()


async def _hand_over(parts: Parts, out: Path, one: Cluster, package: Package, secret: str) -> None:
    """Writes the package; the running hub, if there is one, takes the secret in before this returns."""
    try:
        write_private(out, package.text(one, secret).encode())
    except OSError as error:
        raise HubError(
            "no_package",
            f"không ghi được {out} ({error.strerror}); hãy chạy: loaxa-hub cluster renew {one.name} --out TỆP",
            f"{out} cannot be written ({error.strerror}); run: loaxa-hub cluster renew {one.name} --out FILE",
        ) from error
    await _tell_running_hub(parts, one.name)
    say(f"{one.name}: {out}")
    _warn_of_near(package)


async def _tell_running_hub(parts: Parts, name: ClusterId) -> None:
    process = lock.holder(parts.state.lock)
    if process is None:
        return
    line = f"{name}:{(await parts.store.read(clusters.mosquitto_hashes))[name]}"
    try:
        os.kill(process, signal.SIGHUP)
        async with asyncio.timeout(TAKEN_IN_TIMEOUT_S):
            while not _lists(parts.state.broker / "passwd", line):  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(POLL_S)
    except (OSError, TimeoutError):
        warn(
            "hub chưa nhận mật khẩu mới của cụm loa; hãy khởi động lại hub",
            "restart the hub to take it in",
        )


def _lists(users: Path, line: str) -> bool:
    return users.exists() and line in users.read_text(encoding="utf-8").splitlines()
