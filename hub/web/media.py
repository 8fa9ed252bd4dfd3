"""Sounds over HTTP, whole or in ranges, for clusters and for people who listen before they plan."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from litestar import HttpMethod, Request, Response, Router, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from contract.ids import is_sha256
from hub.hub import Hub
from hub.web import refusals
from hub.web.answers import error_answer
from hub.web.callers import Connection

MEDIA_TYPE = "audio/x-matroska"
CHUNK_BYTES = 64 * 1024
ONE_RANGE = re.compile(r"^bytes=(\d*)-(\d*)$")

Span = tuple[int, int]
MediaRequest = Request[Any, Any, Any]


class Unsatisfiable(ValueError):  # noqa: N818 - HTTP's own word
    """The range begins behind the end of the file."""


def read_range(header: str, size: int) -> Span | None:
    """First and last byte that a Range header asks for, or None for the whole.

    Several ranges, and what is no range, are answered with the whole, as HTTP allows.

    Raises:
        Unsatisfiable: There is no such byte.
    """
    match = ONE_RANGE.match(header.strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size - 1
    else:
        start, end = int(first), min(int(last) if last else size - 1, size - 1)
        if last and int(last) < start:
            return None
    if start >= size or start > end:
        raise Unsatisfiable
    return start, end


async def may_read(connection: Connection, hub: Hub) -> bool:
    """Whether the caller is known: a person, a program on this machine, or a cluster by its secret."""
    if connection.scope.get("user") is not None:
        return True
    scheme, _, encoded = connection.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:  # no base64, no UTF-8, no ASCII
        return False
    return await hub.operations.clusters.is_secret(name, secret)


async def _answer(sha256: str, request: MediaRequest, hub: Hub) -> Response[Any]:
    if not await may_read(request, hub):
        return _refused(request)
    path = hub.state.media / sha256
    if not is_sha256(sha256) or not await asyncio.to_thread(path.is_file):
        raise refusals.no_such_sound()
    size = (await asyncio.to_thread(path.stat)).st_size
    etag = f'"{sha256}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=31536000, immutable",
    }
    if etag in request.headers.get("If-None-Match", ""):
        return Response(b"", status_code=304, headers=headers)
    try:
        span = _wanted(request, etag, size)
    except Unsatisfiable:
        return Response(
            b"", status_code=416, headers=headers | {"Content-Range": f"bytes */{size}"}
        )
    return _sound(path, span, size, headers, is_head=request.method == "HEAD")


def _wanted(request: MediaRequest, etag: str, size: int) -> Span | None:
    if request.headers.get("If-Range", etag) != etag:
        return None
    return read_range(request.headers.get("Range", ""), size)


def _refused(request: MediaRequest) -> Response[Any]:
    error = refusals.not_signed_in()
    answer = error_answer(401, error.code, error.message_vi, error.message_en)
    if not request.cookies:  # a browser would open a dialogue over the page
        answer.headers["WWW-Authenticate"] = 'Basic realm="loaxa"'
    return answer


def _sound(
    path: Path, span: Span | None, size: int, headers: dict[str, str], *, is_head: bool
) -> Response[Any]:
    start, end = span or (0, size - 1)
    headers = headers | {"Content-Length": str(end - start + 1)}
    if span is not None:
        headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    status = 200 if span is None else 206
    if is_head:
        return Response(b"", status_code=status, headers=headers, media_type=MEDIA_TYPE)
    content = _bytes(path, start, end)
    return Stream(content, status_code=status, headers=headers, media_type=MEDIA_TYPE)


async def _bytes(path: Path, start: int, end: int) -> AsyncIterator[bytes]:
    left = end - start + 1
    file = await asyncio.to_thread(path.open, "rb")
    try:
        await asyncio.to_thread(file.seek, start)
        while left > 0:
            chunk = await asyncio.to_thread(file.read, min(CHUNK_BYTES, left))
            if not chunk:
                return
            left -= len(chunk)
            yield chunk
    finally:
        file.close()


@route("/{sha256:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD])
async def sound(
    sha256: FromPath[str], request: MediaRequest, hub: NamedDependency[Hub]
) -> Response[Any]:
    """A sound by its SHA-256; Range is understood. HTTP Basic with a cluster's name and secret, or a login."""
    return await _answer(sha256, request, hub)


def router() -> Router:
    """The routes of this topic."""
    return Router("/media", route_handlers=[sound], tags=["media"])
