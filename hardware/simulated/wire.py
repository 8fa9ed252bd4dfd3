"""How programs speak with a simulated cabinet: one Unix socket, the first line says what the connection is for.

`{"role": "pins"}` and `{"role": "world"}` go on in JSON lines, `{"role": "sound"}` in the frames below;
`{"role": "uplink"}` hears in JSON lines whether the modem carries anything.
"""

from __future__ import annotations

import struct
from enum import IntEnum

SOCKET_NAME = "cabinet.sock"
FRAME = struct.Struct("<BIqqfI")
"""Kind, voice, instant of sounding and of putting out (CLOCK_MONOTONIC nanoseconds), gain, number of bytes that
follow."""
RATE = 48_000


CARD_IS_SILENT, CARD_SOUNDS = b"\x01", b"\x00"
"""What the cabinet says to the player: from now on its sound card puts out zeros, or sound again."""


class FrameKind(IntEnum):
    """What a frame of sound means."""

    BLOCK = 0
    """Samples of a voice, 16 bit little endian mono; the first sounds at the instant."""
    CUT = 1
    """The voice is silent from the instant on; what it has sent beyond is forgotten."""


def hello(role: str) -> bytes:
    """The first line of a connection."""
    return f'{{"role": "{role}"}}\n'.encode()


def frame(
    kind: FrameKind,
    voice: int,
    mono_ns: int,
    out_ns: int,
    samples: bytes = b"",
    *,
    gain: float = 1.0,
) -> bytes:
    """One frame of sound, due at `mono_ns` and put out at `out_ns`; the cabinet applies the gain."""
    return FRAME.pack(kind, voice, mono_ns, out_ns, gain, len(samples)) + samples
