"""One download of one sound: goes on where the last one ended, and ends with a verified file."""

from __future__ import annotations

import base64
import http.client
import threading
from pathlib import Path
from urllib.parse import urlsplit

from contract.ids import Sha256
from edge.shell.sound_cache import CHUNK, hash_file

CONNECT_S = 15.0
SILENT_S = 60.0
"""A connection that brings nothing for so long is given up (as radio automation does: 10 bytes a second over 60 s)."""
OK, PARTIAL = 200, 206


class DownloadError(RuntimeError):
    """The link or the hub did not bring it; what came so far is kept."""


class WrongSound(ValueError):  # noqa: N818 - what came
    """What came is not the sound that the plan names; nothing of it is kept."""


class Download:
    """Fetches one sound into a staging file; runs in a thread, `cancel` ends it from outside.

    Args:
        media_url: The hub's address for sounds.
        user: Name for HTTP Basic.
        password: Its password.
    """

    def __init__(self, media_url: str, user: str, password: str) -> None:
        self._url = urlsplit(media_url)
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}", "Accept-Encoding": "identity"}
        self._connection: http.client.HTTPConnection | None = None
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Ends it at the next piece, and at once where the network is what it waits for."""
        self._cancelled.set()
        if self._connection is not None:
            self._connection.close()

    def run(self, sha256: Sha256, size_bytes: int, staged: Path) -> None:
        """Brings the sound into `staged`, whole and verified.

        Raises:
            DownloadError: It did not come; try again later, it goes on where it ended.
            WrongSound: What came is not it; the staging file is gone.
        """
        try:
            if _size(staged) < size_bytes:
                self._fetch(sha256, size_bytes, staged)
        except (OSError, http.client.HTTPException, AttributeError) as error:
            raise DownloadError(str(error) or type(error).__name__) from error
        except WrongSound:
            staged.unlink(missing_ok=True)
            raise
        finally:
            if self._connection is not None:
                self._connection.close()
        if hash_file(staged) != sha256:
            staged.unlink(missing_ok=True)
            raise WrongSound("the hash differs")

    def _fetch(self, sha256: Sha256, size_bytes: int, staged: Path) -> None:
        have = _size(staged)
        response = self._ask(sha256, have)
        if response.status not in (OK, PARTIAL):
            raise DownloadError(f"the hub answered {response.status}")
        goes_on = response.status == PARTIAL
        have = have if goes_on else 0
        with staged.open("ab" if goes_on else "wb") as file:
            while piece := response.read1(CHUNK):
                if self._cancelled.is_set():
                    raise DownloadError("cancelled")
                have += len(piece)
                if have > size_bytes:
                    raise WrongSound(f"larger than the plan's {size_bytes} bytes")
                file.write(piece)
        if have < size_bytes:
            raise DownloadError(f"cut off at {have} of {size_bytes} bytes")

    def _ask(self, sha256: Sha256, have: int) -> http.client.HTTPResponse:
        secure = self._url.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._connection = kind(self._url.hostname or "", self._url.port, timeout=CONNECT_S)
        self._connection.connect()
        if self._connection.sock is not None:
            self._connection.sock.settimeout(SILENT_S)
        range_header = {"Range": f"bytes={have}-"} if have else {}
        self._connection.request(
            "GET", f"{self._url.path}/media/{sha256}", headers=self._headers | range_header
        )
        return self._connection.getresponse()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
