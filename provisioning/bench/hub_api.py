"""The hub's API as the rig uses it, like an operator."""

from __future__ import annotations

import asyncio
import http.client
import json
import secrets
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import Struct, convert

from contract.ids import ClusterId
from contract.status import Reported
from provisioning.bench.errors import BenchError, HubRefusedError

TIMEOUT_S = 120.0
FIRST_ERROR = 400
Json = dict[str, Any]


class HubGoneError(BenchError):
    """Nobody answers at the hub's address."""


class ClusterState(Struct, frozen=True, kw_only=True):
    """A cluster as the hub shows it.

    Attributes:
        alarms: What is wrong: the cluster's own faults, and what the hub finds (`clock_off`).
    """

    name: ClusterId
    online: bool
    reported: Reported | None
    plan_version: int
    plan_version_reported: int
    alarms: tuple[str, ...] = ()
    clock_error_s: float | None = None

    @property
    def holds_all(self) -> bool:
        """Whether it has said that it holds the newest plan and every sound."""
        return (
            self.online
            and self.reported is not None
            and self.plan_version == self.plan_version_reported
            and not self.reported.missing
        )


class IngestedBulletin(Struct, frozen=True, kw_only=True):
    """A bulletin as the hub answered its upload."""

    id: str
    sha256: str
    size_bytes: int
    duration_ms: int


class HubApi:
    """Speaks with one hub by its local token.

    Args:
        address: HOST:PORT.
        token_file: Read at each call, so that the hub may be made later.
    """

    def __init__(self, address: str, token_file: Path) -> None:
        self._address = address
        self._token_file = token_file

    async def clusters(self) -> list[ClusterState]:
        """Every cluster as it is now."""
        return convert(await self._call("GET", "/api/clusters"), list[ClusterState])

    async def upload(
        self, file: Path, title: str, priority: str, pack: str = ""
    ) -> IngestedBulletin:
        """Has a sound ingested; one of the emergency pack then lies ready on every cluster."""
        boundary = secrets.token_hex(16)
        data = await asyncio.to_thread(file.read_bytes)
        fields = {"title": title, "priority": priority, "pack": pack}
        body = _form(boundary, fields, file.name, data)
        kind = f"multipart/form-data; boundary={boundary}"
        return convert(await self._call("POST", "/api/bulletins", body, kind), IngestedBulletin)

    async def plan(self, order: Json, slot: str | None = None) -> str:
        """Plans a slot, or changes one; returns its id."""
        body = json.dumps(order).encode()
        path = "/api/slots" if slot is None else f"/api/slots/{slot}"
        answer = await self._call("POST" if slot is None else "PUT", path, body)
        return str(answer["id"])

    async def set_cluster(self, name: str, **settings: object) -> None:
        """Gives a cluster other settings."""
        await self._call("PATCH", f"/api/clusters/{name}", json.dumps(settings).encode())

    async def cancel(self, slot: str) -> None:
        """Calls a slot off."""
        await self._call("DELETE", f"/api/slots/{slot}")

    async def stop(self, slot: str) -> None:
        """Stops what a slot has on air, else its next start."""
        await self._call("POST", f"/api/slots/{slot}/stop", b"{}")

    async def sound_emergency(self, bulletin: str, clusters: str | list[str], **more: Any) -> str:  # noqa: ANN401 - as the order has them
        """Sounds a bulletin at once, over everything; returns the order's id."""
        order = {"bulletin": bulletin, "clusters": clusters, **more}
        word = "DIỄN TẬP" if more.get("mode") == "drill" else "KHẨN CẤP"
        body = json.dumps({"order": order, "word": word}).encode()
        return str((await self._call("POST", "/api/emergencies", body))["id"])

    async def stop_emergencies(self) -> None:
        """Ends every emergency."""
        await self._call("POST", "/api/emergencies/stop", b"{}")

    async def emergencies(self) -> list[Json]:
        """The newest orders with every cluster's answer, newest first."""
        found: list[Json] = await self._call("GET", "/api/emergencies")
        return found

    async def bulletins(self) -> list[Json]:
        """All bulletins."""
        found: list[Json] = await self._call("GET", "/api/bulletins")
        return found

    async def slots(self) -> list[Json]:
        """The newest slots."""
        found: list[Json] = await self._call("GET", "/api/slots")
        return found

    async def journal(self, *, after: int = 0) -> list[Json]:
        """Every journal row of every cluster, as the hub stored them; only those behind the one with id `after`."""
        rows: list[Json] = []
        while page := await self._call("GET", f"/api/journal?after={_last_id(rows) or after}"):
            rows += page
        return rows

    async def sound(self, sha256: str) -> bytes:
        """An ingested sound file."""
        status, data = await self._ask("GET", f"/media/{sha256}", b"", "")
        if status >= FIRST_ERROR:
            raise HubRefusedError(f"hub: no sound {sha256[:12]} (HTTP {status})")
        return data

    async def is_there(self) -> bool:
        """Whether it answers."""
        try:
            status, _ = await self._ask("GET", "/health", b"", "")
        except HubGoneError:
            return False
        return status < FIRST_ERROR

    async def _call(
        self, verb: str, path: str, body: bytes = b"", kind: str = "application/json"
    ) -> Any:  # noqa: ANN401 - JSON
        status, data = await self._ask(verb, path, body, kind)
        try:
            said = json.loads(data) if data else {}
        except ValueError:
            said = {}
        if status >= FIRST_ERROR:
            told = said.get("message_en") if isinstance(said, dict) else None
            raise HubRefusedError(f"hub: {told or f'HTTP {status} for {verb} {path}'}")
        return said

    async def _ask(self, verb: str, path: str, body: bytes, kind: str) -> tuple[int, bytes]:
        return await asyncio.to_thread(self._ask_now, verb, path, body, kind)

    def _ask_now(self, verb: str, path: str, body: bytes, kind: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT_S)
        try:
            headers = {"Authorization": f"Bearer {self._token()}"}
            if kind and body:
                headers["Content-Type"] = kind
            connection.request(verb, path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise HubGoneError(f"no hub answers at {self._address}: {error}") from error
        finally:
            connection.close()

    def _token(self) -> str:
        try:
            return self._token_file.read_text(encoding="ascii").strip()
        except OSError:
            return ""


def once(bulletin: str, at: datetime, clusters: str | list[str], **more: int | bool | None) -> Json:
    """The order for one planned start."""
    said = {key: value for key, value in more.items() if value is not None}
    when = {"kind": "once", "at": at.isoformat()}
    return {"bulletin": bulletin, "clusters": clusters, "when": when, **said}


def _last_id(rows: list[Json]) -> int:
    return int(rows[-1]["id"]) if rows else 0


def _form(boundary: str, fields: dict[str, str], file_name: str, data: bytes) -> bytes:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    safe = file_name.replace('"', "_").replace("\r", "_").replace("\n", "_")
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{safe}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return "".join(parts).encode() + data + f"\r\n--{boundary}--\r\n".encode()
