"""What the commands say, to people and to programs."""

from __future__ import annotations

import sys

from hub.errors import HubError


def say(line: str) -> None:
    """One line of result, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def complain(error: HubError) -> None:
    """One line of refusal, in both languages."""
    sys.stderr.write(f"loaxa-hub: {error.message_vi} — {error.message_en}\n")


def warn(vietnamese: str, english: str) -> None:
    """One line that stops nothing, in both languages."""
    sys.stderr.write(f"loaxa-hub: {vietnamese} — {english}\n")
