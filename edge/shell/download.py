"""One download of one sound: goes on where the last one ended, and ends with a verified file."""

from __future__ import annotations

import base64
import contextlib
import http.client
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from contract.ids import Sha256
from contract.ports import Clock
from edge.shell.sound_cache import CHUNK, hash_file

CONNECT_S = 15.0
SILENT_S = 60.0
"""A connection that brings nothing for so long is given up."""
SLOWEST_BYTES_S = 10
"""So is one that is slower than this over `SILENT_S` (as radio automation does)."""
SYNC_BYTES = CHUNK
"""So often what comes is brought to the card: a power cut takes little of a long sound. No piece is larger."""
OK, PARTIAL = 200, 206
TELL_BYTES = 2 * 1024 * 1024
"""So much at most goes uncounted when the power is cut; more often would cost the card a write each time."""


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
        clock: Tells how slow the link is.
        silent_s: Patience with a link that brings nothing, or next to nothing.

    Attributes:
        on_received: Is told how many bytes have come, every now and then and at the end, from the thread that fetches.
    """

    def __init__(
        self,
        media_url: str,
        user: str,
        password: str,
        *,
        clock: Clock,
        silent_s: float = SILENT_S,
    ) -> None:
        self._url = urlsplit(media_url)
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}", "Accept-Encoding": "identity"}
        self._connection: http.client.HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self._cancelled = threading.Event()
        self._clock = clock
        self._silent_s = silent_s
        self.on_received: Callable[[int], None] = lambda count: None
        self._untold = 0

    def cancel(self) -> None:
        """Ends it at the next piece, and at once where the network is what it waits for.

        The connection is shut down, not closed: closing would wait for the thread that reads from it.
        """
        self._cancelled.set()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def run(self, sha256: Sha256, size_bytes: int, staged: Path) -> None:
        """Brings the sound into `staged`, whole and verified.

        Raises:
            DownloadError: It did not come; try again later, it goes on where it ended. What an earlier try had brought
                and is wrong is gone: the next one begins with what was surely on the card, and then anew.
            WrongSound: What came is not it; the staging file is gone.
        """
        began_with = _size(staged)
        try:
            if began_with < size_bytes:
                self._fetch(sha256, size_bytes, staged)
            _bring_to_card(staged)
        except (OSError, http.client.HTTPException) as error:
            raise DownloadError(str(error) or type(error).__name__) from error
        except WrongSound:
            staged.unlink(missing_ok=True)
            raise
        finally:
            if self._connection is not None:
                self._connection.close()
            self._tell_received()
        if hash_file(staged) != sha256:
            _keep_what_is_safe(staged, began_with)
            if began_with:  # a power cut may have torn it; the hub is not to blame
                raise DownloadError("what an earlier try had brought was damaged")
            raise WrongSound("the hash differs")

    def _fetch(self, sha256: Sha256, size_bytes: int, staged: Path) -> None:
        have = _size(staged)
        response = self._ask(sha256, have)
        if response.status not in (OK, PARTIAL):
            raise DownloadError(f"the hub answered {response.status}")
        goes_on = response.status == PARTIAL
        have = have if goes_on else 0
        pace = _Pace(self._clock, self._silent_s)
        with staged.open("ab" if goes_on else "wb") as file:
            while piece := response.read1(CHUNK):
                self._received(len(piece))
                self._heed_cancel()
                pace.took(len(piece))
                have += len(piece)
                if have > size_bytes:
                    raise WrongSound(f"larger than the plan's {size_bytes} bytes")
                file.write(piece)
                if have // SYNC_BYTES > (have - len(piece)) // SYNC_BYTES:
                    file.flush()
                    os.fsync(file.fileno())
        self._heed_cancel()
        if have < size_bytes:
            raise DownloadError(f"cut off at {have} of {size_bytes} bytes")

    def _ask(self, sha256: Sha256, have: int) -> http.client.HTTPResponse:
        secure = self._url.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._connection = kind(self._url.hostname or "", self._url.port, timeout=CONNECT_S)
        self._heed_cancel()
        self._connection.connect()
        self._socket = self._connection.sock
        self._socket.settimeout(self._silent_s)
        self._heed_cancel()
        range_header = {"Range": f"bytes={have}-"} if have else {}
        self._connection.request(
            "GET", f"{self._url.path}/media/{sha256}", headers=self._headers | range_header
        )
        return self._connection.getresponse()

    def _received(self, count: int) -> None:
        self._untold += count
        if self._untold >= TELL_BYTES:
            self._tell_received()

    def _tell_received(self) -> None:
        self.on_received(self._untold)
        self._untold = 0

    def _heed_cancel(self) -> None:
        if self._cancelled.is_set():
            raise DownloadError("cancelled")


class _Pace:
    """Gives up on a link that drips."""

    def __init__(self, clock: Clock, window_s: float) -> None:
        self._clock = clock
        self._window_s = window_s
        self._since_ns = clock.mono_ns()
        self._bytes = 0

    def took(self, count: int) -> None:
        """Counts what came.

        Raises:
            DownloadError: Too little has come in the last window.
        """
        self._bytes += count
        now_ns = self._clock.mono_ns()
        if now_ns - self._since_ns < self._window_s * 1e9:
            return
        if self._bytes < SLOWEST_BYTES_S * self._window_s:
            raise DownloadError(f"only {self._bytes} bytes in {self._window_s:.0f} s")
        self._since_ns, self._bytes = now_ns, 0


def _keep_what_is_safe(staged: Path, began_with: int) -> None:
    """Of a file that was found with `began_with` bytes after a power cut and turned out to be wrong.

    All but its last piece or two had been brought to the card. A second time even that is not believed.
    """
    safe = (began_with // SYNC_BYTES - 1) * SYNC_BYTES if began_with % SYNC_BYTES else 0
    if safe > 0:
        os.truncate(staged, safe)
    else:
        staged.unlink(missing_ok=True)


def _bring_to_card(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
