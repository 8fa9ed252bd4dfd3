"""Whether Debian's libvlc is there."""

from __future__ import annotations

import ctypes

LIBRARY = "libvlc.so.5"


def libvlc_version(library: str = LIBRARY) -> str | None:
    """Version of libvlc, or None where it is not installed."""
    try:
        get_version = ctypes.CDLL(library).libvlc_get_version
    except (OSError, AttributeError):
        return None
    get_version.restype = ctypes.c_char_p
    return str(get_version().decode())
