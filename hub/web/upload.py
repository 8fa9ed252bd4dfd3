"""Takes a multipart upload straight to disk: whatever its size, little of it is ever in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from hub.media import faults
from hub.web import refusals

MAX_FIELD_BYTES = 4096
MAX_PARTS = 20


@dataclass(kw_only=True)
class Upload:
    """A received form: its text fields, the file's name and its size; the file itself lies where it was asked for."""

    fields: dict[str, str] = field(default_factory=dict)
    file_name: str | None = None
    size_bytes: int = 0


class _Sink:
    """Sorts the parser's pieces: the part named `file` to disk, short fields to memory."""

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        self.upload = Upload()
        self.ended = False
        self._file = file
        self._max_bytes = max_bytes
        self._header = bytearray()
        self._header_value = bytearray()
        self._disposition = b""
        self._name = ""
        self._is_file = False
        self._text = bytearray()
        self._parts = 0

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header_value.extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise refusals.bad_form()
        self._disposition = b""
        self._text.clear()

    def _header_end(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._disposition = bytes(self._header_value)
        self._header.clear()
        self._header_value.clear()

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode(errors="replace")
        self._is_file = self._name == "file" and b"filename" in options
        if self._is_file:
            if self.upload.file_name is not None:
                raise refusals.bad_form()
            self.upload.file_name = options[b"filename"].decode(errors="replace")[:255]

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self.upload.size_bytes += end - start
            if self.upload.size_bytes > self._max_bytes:
                raise faults.too_large(self._max_bytes)
            self._file.write(data[start:end])
        else:
            self._text.extend(data[start:end])
            if len(self._text) > MAX_FIELD_BYTES:
                raise refusals.bad_form()

    def _end(self) -> None:
        if not self._is_file:
            self.upload.fields[self._name] = self._text.decode(errors="replace")

    def _finish(self) -> None:
        self.ended = True


async def receive(
    stream: AsyncIterator[bytes], content_type: str, target: Path, *, max_bytes: int
) -> Upload:
    """Reads a multipart form, its file to `target`.

    Args:
        stream: The body as it comes.
        content_type: The request's Content-Type.
        target: Where the file goes; the caller removes it.
        max_bytes: Largest file.

    Raises:
        WebRefusal: No multipart form, broken off, or without a file.
        IngestError: The file is too large, or the disk does not take it.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or b"boundary" not in options:
        raise refusals.bad_form()
    try:
        with target.open("wb") as file:
            sink = _Sink(file, max_bytes)
            parser = MultipartParser(options[b"boundary"], sink.callbacks())  # type: ignore[arg-type]
            async for chunk in stream:
                await asyncio.to_thread(parser.write, chunk)
            parser.finalize()
    except FormParserError as error:
        raise refusals.bad_form() from error
    except OSError as error:
        raise faults.not_stored(error.strerror or str(error)) from error
    if not sink.ended:
        raise refusals.bad_form()
    if sink.upload.file_name is None:
        raise refusals.no_file()
    return sink.upload
