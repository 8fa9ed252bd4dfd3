"""Watches what the hub shows about its clusters."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence

from provisioning.bench.errors import BenchError
from provisioning.bench.evidence import FleetChange
from provisioning.bench.hub_api import ClusterState, HubApi

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
WORDS = {"sound_missing": "fetching sounds"}
USUAL = frozenset({"cluster_online", "off_air"})
"""What goes without saying at the first look."""


class Watch:
    """Looks at the hub's clusters and notes what becomes true.

    Args:
        api: The hub.
        at_s: The present instant.
        on_changes: Told the changes that one look brought.
    """

    def __init__(
        self,
        api: HubApi,
        at_s: Callable[[], float],
        on_changes: Callable[[Sequence[FleetChange]], None],
    ) -> None:
        self._api = api
        self._at_s = at_s
        self._on_changes = on_changes
        self._shown: dict[str, frozenset[str]] = {}
        self.changes: list[FleetChange] = []

    async def run(self) -> None:
        """Looks for ever; a hub that is gone shows nothing new."""
        while True:
            try:
                states = await self._api.clusters()
            except BenchError as error:
                log.debug("hub not seen: %s", error)
            else:
                found = [change for state in states for change in self._news(state)]
                self.changes += found
                if found:
                    self._on_changes(found)
            await asyncio.sleep(LOOK_EVERY_S)

    def _news(self, state: ClusterState) -> list[FleetChange]:
        now = signs(state)
        before = self._shown.get(state.name, now & USUAL)
        self._shown[state.name] = now
        return [
            FleetChange(at_s=self._at_s(), cluster=state.name, what=what)
            for what in sorted(now - before)
        ]


def signs(state: ClusterState) -> frozenset[str]:
    """What the hub shows about a cluster, as alarms and states are called in scenarios."""
    found = {"cluster_online" if state.online else "cluster_lost"}
    reported = state.reported
    if reported is not None:
        found.add("on_air" if reported.on_air and state.online else "off_air")
        found.update(reported.faults, state.alarms)
        if reported.missing:
            found.add("sound_missing")
        if reported.arrester_ok is False:
            found.add("arrester_failed")
    return frozenset(found)


def in_words(changes: Sequence[FleetChange], everyone: int) -> Iterator[str]:
    """One line for each thing that happened, naming the clusters it happened to."""
    for what in dict.fromkeys(one.what for one in changes):
        names = [one.cluster for one in changes if one.what == what]
        who = f"all {everyone}" if len(names) == everyone > 1 else ", ".join(names)
        yield f"{who}: {WORDS.get(what, what.replace('_', ' '))}"
