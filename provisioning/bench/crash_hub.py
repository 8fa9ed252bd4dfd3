"""The hub of the crash trials: serves sounds by Range over a link that breaks, and signs plans."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import random
import re
from contextlib import suppress
from datetime import UTC, datetime

from contract.codec import sign
from contract.ids import BulletinId, ClusterId, CommuneId, Sha256
from contract.model import Bulletin, Desired
from contract.note import generate_key

COMMUNE, CLUSTER = CommuneId("binh-lu"), ClusterId("bl-01")
ISSUED_AT = datetime(2026, 11, 23, tzinfo=UTC)
SIZES = (700, 3000, 9000, 20_000, 50_000, 120_000, 300_000, 700_000)
PIECE = 16 * 1024
BREAKS_PCT = 25


class CrashHub:
    """Sounds over HTTP on the loopback. Use it with `async with`.

    Args:
        dice: Chooses sounds, plans and where a transfer breaks.
    """

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._signer = generate_key("hub-binh-lu")
        self._sounds: dict[str, bytes] = {}
        self._server: asyncio.Server | None = None
        for size in SIZES:
            sound = dice.randbytes(size)
            self._sounds[hashlib.sha256(sound).hexdigest()] = sound

    async def __aenter__(self) -> CrashHub:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._server is not None:
            self._server.close()

    @property
    def url(self) -> str:
        """Address for sounds."""
        if self._server is None:
            raise RuntimeError("the hub does not serve yet")
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def key(self) -> str:
        """Whose signature counts."""
        return self._signer.verifier.encode()

    def plan(self, version: int) -> tuple[str, frozenset[str]]:
        """A signed plan as one word, and the sounds that it needs."""
        wanted = self._dice.sample(sorted(self._sounds), self._dice.randint(2, 5))
        bulletins = tuple(
            Bulletin(
                id=BulletinId(f"b-{sha256[:6]}"),
                title="Bản tin",
                sha256=Sha256(sha256),
                size_bytes=len(self._sounds[sha256]),
                duration_ms=60_000,
            )
            for sha256 in wanted
        )
        plan = Desired(
            commune=COMMUNE,
            cluster=CLUSTER,
            version=version,
            issued_at=ISSUED_AT,
            bulletins=bulletins,
        )
        return base64.b64encode(sign(plan, self._signer)).decode(), frozenset(wanted)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            asked = (await reader.readuntil(b"\r\n\r\n")).decode()
            await self._answer(asked, writer)
        writer.close()

    async def _answer(self, asked: str, writer: asyncio.StreamWriter) -> None:
        found = re.match(r"GET \S*/media/([0-9a-f]{64}) ", asked)
        sound = self._sounds.get(found[1]) if found else None
        if sound is None:
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return
        start = re.search(r"(?i)^range: bytes=(\d+)-", asked, re.MULTILINE)
        first = int(start[1]) if start else 0
        rest = sound[first:]
        status = "206 Partial Content" if start else "200 OK"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(rest)}\r\n\r\n".encode())
        if self._dice.randrange(100) < BREAKS_PCT:
            rest = rest[: self._dice.randint(0, len(rest))]
        for at in range(0, len(rest), PIECE):
            writer.write(rest[at : at + PIECE])
            await writer.drain()
            await asyncio.sleep(0)
