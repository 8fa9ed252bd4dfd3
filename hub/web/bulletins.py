"""Bulletins over HTTP: upload and list."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from contract.model import Priority
from contract.pack import PackKind
from hub.core.model import BulletinRecord
from hub.hub import Hub
from hub.media import IngestError, IngestLimits, faults, ingest
from hub.operations.bulletins import NewBulletin
from hub.settings import MediaSettings
from hub.web import refusals
from hub.web.callers import PersonRequest, signed_in
from hub.web.upload import Upload, receive

log = logging.getLogger(__name__)

FORM_OVERHEAD_BYTES = 64 * 1024
MAX_TITLE = 200


class UploadOperation(Operation):
    """Describes the form, which is read by hand."""

    def __post_init__(self) -> None:
        """Adds the body."""
        text = Schema(type=OpenAPIType.STRING)
        binary = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
        form = Schema(
            type=OpenAPIType.OBJECT,
            properties={"file": binary, "title": text, "priority": text},
            required=["file"],
        )
        self.request_body = RequestBody(
            content={"multipart/form-data": OpenAPIMediaType(schema=form)}, required=True
        )


def ingest_limits(settings: MediaSettings) -> IngestLimits:
    """The limits that the settings name."""
    return IngestLimits(
        max_bytes=settings.max_upload_mib * 2**20, max_duration_s=float(settings.max_duration_s)
    )


@asynccontextmanager
async def staged(media: Path) -> AsyncIterator[Path]:
    """A place on the disk of the sounds for one upload; gone afterwards."""
    parent = media / "staging"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(dir=parent, prefix="upload-")
    except OSError as error:
        raise faults.not_stored(error.strerror or str(error)) from error
    with folder as name:
        yield Path(name) / "upload"


async def sweep_staging(media: Path) -> None:
    """Removes what uploads left behind when the hub was cut off; only while nobody uploads."""
    await asyncio.to_thread(shutil.rmtree, media / "staging", ignore_errors=True)


@post("/", request_max_body_size=None, operation_class=UploadOperation)
async def add(request: PersonRequest, hub: NamedDependency[Hub]) -> BulletinRecord:
    """Takes a sound in: form fields `file`, `title`, `priority`, and `pack` for a warning that lies ready."""
    limits = ingest_limits(hub.settings.media)
    declared = request.headers.get("Content-Length", "")
    if declared.isdigit() and int(declared) > limits.max_bytes + FORM_OVERHEAD_BYTES:
        raise faults.too_large(limits.max_bytes)
    async with staged(hub.state.media) as path:
        upload = await _receive(request, path, limits)
        priority = _priority(upload.fields.get("priority", ""))
        try:
            sound = await ingest(path, hub.state.media, limits=limits)
        except IngestError as error:
            log.info("upload %r refused: %s", upload.file_name, error)
            raise
    new = NewBulletin(
        title=_title(upload),
        sha256=sound.sha256,
        size_bytes=sound.size_bytes,
        duration_ms=sound.duration_ms,
        priority=priority,
        loudness_lufs=sound.loudness_lufs,
        true_peak_dbtp=sound.true_peak_dbtp,
        source_name=upload.file_name or "",
        pack=_pack(upload.fields.get("pack", "")),
    )
    return await hub.operations.bulletins.add(new, by=request.user.name)


async def _receive(request: PersonRequest, path: Path, limits: IngestLimits) -> Upload:
    content_type = request.headers.get("Content-Type", "")
    try:
        return await receive(request.stream(), content_type, path, max_bytes=limits.max_bytes)
    except ClientException as error:
        raise refusals.bad_form() from error


def _priority(text: str) -> Priority:
    try:
        return Priority(text or Priority.NORMAL)
    except ValueError as error:
        raise refusals.bad_request("priority: normal, priority") from error


def _pack(text: str) -> PackKind | None:
    try:
        return PackKind(text) if text else None
    except ValueError as error:
        raise refusals.bad_request(f"pack: {', '.join(PackKind)}") from error


def _title(upload: Upload) -> str:
    title = " ".join(upload.fields.get("title", "").split())
    return (title or Path(upload.file_name or "").stem or "bản tin")[:MAX_TITLE]


@get("/")
async def everything(hub: NamedDependency[Hub]) -> tuple[BulletinRecord, ...]:
    """All bulletins, newest first."""
    return await hub.operations.bulletins.everything()


def router() -> Router:
    """The routes of this topic."""
    return Router(
        "/api/bulletins", route_handlers=[add, everything], guards=[signed_in], tags=["bulletins"]
    )
