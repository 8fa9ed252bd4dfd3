"""What the rig refuses, in one clear line."""

from __future__ import annotations


class BenchError(Exception):
    """Nothing was run, or it cannot go on; the text says why and what to do."""


class HubRefusedError(BenchError):
    """The hub answered, and said no."""
