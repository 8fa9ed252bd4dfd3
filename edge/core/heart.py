"""Whether the agent still makes progress: each part that must live gives signs, and one that stops is named. Pure."""

from __future__ import annotations

from collections.abc import Mapping

LOOP, LINK, PLAYER = "loop", "link", "player"
PATIENCE_S: Mapping[str, float] = {LOOP: 120.0, LINK: 300.0, PLAYER: 120.0}
"""A part that gave no sign for so long hangs. The loop turns every second, but may wait for a sound to be hashed on a
slow card; the link speaks every minute, and looking up a name may take as long again; the player's keeper looks every
5 s and waits up to 30 s before it starts a new player."""


class Heart:
    """Signs of life, and who is overdue.

    Args:
        now_s: When everybody begins, on the clock of all the other times given.
        patience_s: Part to how long it may be without a sign.
    """

    def __init__(self, now_s: float, patience_s: Mapping[str, float] = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._signs_s = dict.fromkeys(patience_s, now_s)
        self.has_turned = False
        """Whether the loop has made its first turn."""

    def sign(self, part: str, now_s: float) -> None:
        """A part has made progress."""
        self._signs_s[part] = now_s
        self.has_turned = self.has_turned or part == LOOP

    def overdue(self, now_s: float) -> tuple[str, ...]:
        """Parts that hang."""
        return tuple(
            part
            for part, patience_s in self._patience_s.items()
            if now_s - self._signs_s[part] > patience_s
        )
