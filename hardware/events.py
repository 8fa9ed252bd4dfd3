"""What happens in a cabinet by itself."""

from __future__ import annotations

from msgspec import Struct


class ArresterChanged(Struct, frozen=True, kw_only=True):
    """The surge arrester's loop opened (failed, or its wire is cut) or closed."""

    ok: bool


class SurgeCounted(Struct, frozen=True, kw_only=True):
    """The surge counter pulsed."""

    count: int = 1


class RelayGuardTripped(Struct, frozen=True, kw_only=True):
    """The guard switched a relay off by itself."""

    relay: str
    why: str


class KeyMoved(Struct, frozen=True, kw_only=True):
    """The contacts of the cabinet's key are closed as told, and keep still."""

    turned: bool
    rest: bool
    stop: bool


class ClockChanged(Struct, frozen=True, kw_only=True):
    """The clock was set, or its trust changed."""


HardwareEvent = ArresterChanged | SurgeCounted | RelayGuardTripped | KeyMoved | ClockChanged
