"""The API of the hub that serves on this machine, for the commands that need it to run."""

from __future__ import annotations

import http.client
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from hub.errors import HubError
from hub.settings import load_settings, split_address
from hub.state_dir import StateDir

TIMEOUT_S = 900
CHUNK_BYTES = 1 << 16
FIRST_ERROR = 400


def api_of(state_dir: str) -> Api:
    """The API of the hub in a state directory.

    Raises:
        HubError: There is no hub there.
    """
    state = StateDir(Path(state_dir))
    return Api(load_settings(state.settings).http.address, state.read_local_token())


class Api:
    """Speaks for this machine; every refusal is a `HubError`."""

    def __init__(self, address: str, token: str) -> None:
        self._address = address
        self._token = token

    def upload(self, file: Path, title: str, priority: str, **more: str) -> dict[str, Any]:
        """Has a sound taken in; the bulletin."""
        boundary = secrets.token_hex(16)
        fields = {"title": title, "priority": priority, **more}
        head, tail = _around(boundary, file.name, fields)
        with _opened(file) as source:
            size = len(head) + os.fstat(source.fileno()).st_size + len(tail)
            body = _chunks(head, _pieces(file, source), tail)
            kind = f"multipart/form-data; boundary={boundary}"
            made: dict[str, Any] = self.call("POST", "/api/bulletins", body, kind, size)
            return made

    def ask(self, verb: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """One call with a JSON body, or none."""
        data = b"" if body is None else json.dumps(body).encode()
        return self.call(verb, path, data, "application/json")

    def call(
        self,
        verb: str,
        path: str,
        body: bytes | Iterator[bytes],
        kind: str,
        size: int | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        """One call.

        Raises:
            HubError: No hub serves, or it refuses.
        """
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


def _read(status: int, data: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        said = json.loads(data)
    except ValueError:
        said = {}
    if status >= FIRST_ERROR:
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
