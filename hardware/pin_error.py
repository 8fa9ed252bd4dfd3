"""What a pin's driver raises when the machine does not let it work."""

from __future__ import annotations


class PinError(OSError):
    """A pin cannot be opened, driven or read: it is in use, not permitted, or not there."""
