"""Keeps an eye on how long the link has been away, and takes the modem's supply away when that may help."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from contract.ports import Clock
from edge.core.modem_care import LinkHistory, ModemCare, after_cycle, after_link, cycle_at_s
from edge.shell.inbox import ModemCycled
from edge.shell.status_file import LinkStatus
from edge.shell.waiting import comes
from hardware.modem_power import ModemPower
from hardware.relay import RelayError

log = logging.getLogger(__name__)

NS = 1_000_000_000


class ModemKeeper:
    """Cares for the modem.

    Args:
        clock: Its monotonic time counts.
        power: The modem's supply; None: this cabinet has no relay for it, and nothing is cycled.
        care: When to cycle.
        on_event: Is told of each cycle.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        power: ModemPower | None,
        care: ModemCare,
        on_event: Callable[[ModemCycled], None],
    ) -> None:
        self._clock = clock
        self._power = power
        self._care = care
        self._on_event = on_event
        self._history = LinkHistory(down_since_s=self._now_s())
        self._changed = asyncio.Event()

    def _now_s(self) -> float:
        return self._clock.mono_ns() / NS

    def link_changed(self, *, is_up: bool) -> None:
        """The link came or went."""
        self._history = after_link(self._history, is_up=is_up, now_s=self._now_s())
        self._changed.set()

    def status(self) -> LinkStatus:
        """For `loaxa-edge status`."""
        history = self._history
        return LinkStatus(
            down_since_mono_ms=_ms(history.down_since_s),
            modem_cycled_mono_ms=_ms(history.cycled_at_s),
            modem_cycles=history.cycles,
        )

    async def run(self) -> None:
        """Cares for ever."""
        while True:
            due_s = cycle_at_s(self._history, self._care)
            if self._power is None or due_s is None:
                await self._changed.wait()
            elif not await comes(self._changed, max(0.0, due_s - self._now_s())):
                await self._cycle(self._power)
            self._changed.clear()

    async def _cycle(self, power: ModemPower) -> None:
        down_s = self._now_s() - (self._history.down_since_s or self._now_s())
        log.warning("no link for %.0f s: the modem is cycled", down_s)
        try:
            await power.cycle(self._care.off_s)
        except RelayError as error:
            log.error("the modem cannot be cycled: %s", error)
            self._history = after_cycle(self._history, self._now_s())
            return
        self._history = after_cycle(self._history, self._now_s())
        self._on_event(ModemCycled(down_s=down_s, times=self._history.cycles))


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
