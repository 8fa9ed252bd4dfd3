"""After a start: looks into the sounds on the card that nobody is sure of, while the loop already plays the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from contract.ids import Sha256
from contract.model import Bulletin
from edge.shell.inbox import SoundArrived, SoundDamaged
from edge.shell.sound_cache import SoundCache


class StartCheck:
    """Those needed soonest first, one at a time, each in a thread.

    Args:
        cache: Knows which.
        wanted: What the plan needs now, soonest first.
        on_event: Is told of each.
    """

    def __init__(
        self,
        *,
        cache: SoundCache,
        wanted: Callable[[], Sequence[Bulletin]],
        on_event: Callable[[SoundArrived | SoundDamaged], None],
    ) -> None:
        self._cache = cache
        self._wanted = wanted
        self._on_event = on_event

    async def run(self) -> None:
        """Ends when every sound was looked into."""
        while unsure := self._cache.unsure():
            sha256 = self._soonest(unsure)
            if await self._cache.look_into(sha256):
                self._on_event(SoundArrived(sha256=sha256))
            else:
                self._on_event(SoundDamaged(sha256=sha256))

    def _soonest(self, unsure: frozenset[Sha256]) -> Sha256:
        needed = (one.sha256 for one in self._wanted() if one.sha256 in unsure)
        return next(needed, min(unsure))
