"""`loaxa-hub push`: upload and plan in one line, through the API of the hub that serves."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import secrets
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from contract.model import ZONE
from hub.cli.speak import say
from hub.clock import SystemClock
from hub.core.local_time import planned_at
from hub.errors import HubError
from hub.settings import load_settings, split_address
from hub.state_dir import StateDir

TIMEOUT_S = 900
CHUNK_BYTES = 1 << 16
FIRST_ERROR = 400


async def push(wanted: argparse.Namespace) -> None:
    """Uploads a sound and plans it."""
    state = StateDir(Path(wanted.state))
    api = _Api(load_settings(state.settings).http.address, state.read_local_token())
    file = Path(wanted.file)
    _when(wanted)  # a mistake in the time shows before the upload
    bulletin = api.upload(file, wanted.title or file.stem, wanted.priority)
    clusters = "all" if wanted.clusters == "all" else wanted.clusters.split(",")
    order = {
        "bulletin": bulletin["id"],
        "clusters": clusters,
        "when": _when(wanted),
        "in_quiet_hours": wanted.in_quiet_hours,
    }
    slot = api.call("POST", "/api/slots", json.dumps(order).encode(), "application/json")
    seconds = bulletin["duration_ms"] / 1000
    names = ", ".join(slot.get("clusters_changed", []))
    say(f"{slot['id']}: {bulletin['title']} ({seconds:.1f} s) {_shown(order['when'])} -> {names}")


def _when(wanted: argparse.Namespace) -> dict[str, Any]:
    try:
        if wanted.days:
            days = sorted({int(day) for day in wanted.days.split(",")})
            return {"kind": "weekly", "days": days, "times": wanted.at.split(",")}
        at = planned_at(wanted.at, SystemClock().now())
    except ValueError as error:
        raise HubError(
            "bad_time",
            f"không hiểu giờ {wanted.at!r}: dùng now, 17:00 hoặc 2026-11-24T17:00; --days dùng 1,2,..,7",
            f"{wanted.at!r} is no time: use now, 17:00 or 2026-11-24T17:00; --days takes 1,2,..,7",
        ) from error
    return {"kind": "once", "at": at.isoformat()}


def _shown(when: dict[str, Any]) -> str:
    if when["kind"] == "weekly":
        return f"thứ/days {when['days']} {', '.join(when['times'])}"
    return f"{datetime.fromisoformat(when['at']).astimezone(ZoneInfo(ZONE)):%d/%m/%Y %H:%M:%S}"


class _Api:
    def __init__(self, address: str, token: str) -> None:
        self._address = address
        self._token = token

    def upload(self, file: Path, title: str, priority: str) -> dict[str, Any]:
        boundary = secrets.token_hex(16)
        head, tail = _around(boundary, file.name, {"title": title, "priority": priority})
        with _opened(file) as source:
            size = len(head) + os.fstat(source.fileno()).st_size + len(tail)
            body = _chunks(head, _pieces(file, source), tail)
            kind = f"multipart/form-data; boundary={boundary}"
            return self.call("POST", "/api/bulletins", body, kind, size)

    def call(
        self,
        verb: str,
        path: str,
        body: bytes | Iterator[bytes],
        kind: str,
        size: int | None = None,
    ) -> dict[str, Any]:
        host, port = split_address(self._address)
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        length = size if size is not None else len(body) if isinstance(body, bytes) else 0
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": kind,
            "Content-Length": str(length),
        }
        try:
            connection.request(verb, path, body, headers)
            answer = connection.getresponse()
            return _read(answer.status, answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise HubError(
                "no_hub_serves",
                f"hub không trả lời ở {self._address}; hãy chạy: loaxa-hub serve ({error})",
                f"no hub answers at {self._address}; run: loaxa-hub serve ({error})",
            ) from error
        finally:
            connection.close()


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise _unreadable(file, error) from error


def _pieces(file: Path, source: BinaryIO) -> Iterator[bytes]:
    try:
        while piece := source.read(CHUNK_BYTES):
            yield piece
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: OSError) -> HubError:
    return HubError(
        "no_file",
        f"không đọc được tệp {file}: {error.strerror}",
        f"{file} cannot be read: {error.strerror}",
    )


def _read(status: int, data: bytes) -> dict[str, Any]:
    try:
        said = json.loads(data)
    except ValueError:
        said = {}
    if status >= FIRST_ERROR or not isinstance(said, dict):
        code = said.get("error", f"http_{status}") if isinstance(said, dict) else f"http_{status}"
        fallback = f"hub: HTTP {status}"
        raise HubError(
            str(code),
            str(said.get("message_vi", fallback)) if isinstance(said, dict) else fallback,
            str(said.get("message_en", fallback)) if isinstance(said, dict) else fallback,
        )
    return said


def _chunks(head: bytes, middle: Iterator[bytes], tail: bytes) -> Iterator[bytes]:
    yield head
    yield from middle
    yield tail


def _around(boundary: str, file_name: str, fields: dict[str, str]) -> tuple[bytes, bytes]:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    safe = file_name.replace('"', "_").replace("\r", "_").replace("\n", "_")
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{safe}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return "".join(parts).encode(), f"\r\n--{boundary}--\r\n".encode()
