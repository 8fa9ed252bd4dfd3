"""`loaxa-hub cluster set`: volume, when and how much a cluster fetches, maintenance."""

from __future__ import annotations

import argparse
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from contract.ids import ClusterId
from hub import lock, refusals
from hub.cli.speak import say, warn
from hub.clock import SystemClock
from hub.compose import compose
from hub.core.model import Cluster, ClusterSettings
from hub.state_dir import StateDir

ANY = "any"
USUAL = "usual"


async def change(wanted: argparse.Namespace) -> None:
    """Gives a cluster other settings; a hub that runs hands them out at once."""
    settings = _settings(wanted)
    if not settings.named():
        raise refusals.nothing_to_set()
    parts = compose(StateDir(Path(wanted.state)), SystemClock())
    try:
        done = await parts.operations.clusters.change(ClusterId(wanted.name), settings, by="local")
        say(_told(done))
        process = lock.holder(parts.state.lock)
    finally:
        parts.store.close()
    if process is None:
        warn("hub chưa chạy; cụm loa nhận khi hub chạy", "the hub does not run; handed out when it does")  # fmt: skip
        return
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGHUP)


def _settings(wanted: argparse.Namespace) -> ClusterSettings:
    named: dict[str, Any] = {}
    if wanted.volume is not None:
        named["volume_pct"] = _number(wanted.volume, "--volume")
    if wanted.download_window:
        named["download_windows"] = _windows(wanted.download_window)
    if wanted.monthly_mib is not None:
        words = {ANY: 0, USUAL: None}
        text = wanted.monthly_mib
        named["monthly_mib"] = words[text] if text in words else _number(text, "--monthly-mib")
    if wanted.maintenance is not None:
        named["maintenance"] = wanted.maintenance == "on"
    try:
        return msgspec.convert(named, ClusterSettings)
    except msgspec.ValidationError as error:
        raise refusals.bad_cluster_settings(str(error)) from error


def _windows(texts: list[str]) -> list[str] | None:
    if texts == [USUAL]:
        return None
    return [] if texts == [ANY] else texts


def _number(text: str, option: str) -> int:
    if not text.isdecimal():
        raise refusals.bad_cluster_settings(f"{option} {text!r}")
    return int(text)


def _told(one: Cluster) -> str:
    windows = USUAL if one.download_windows is None else ",".join(one.download_windows) or ANY
    monthly = USUAL if one.monthly_mib is None else one.monthly_mib or ANY
    return (
        f"{one.name}: volume {one.volume_pct} %, download window {windows}, "
        f"monthly MiB {monthly}, maintenance {'on' if one.maintenance else 'off'}"
    )
