"""What a hub has answered, and whether it is all there after a crash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class HubBooks:
    """Keeps account of one hub; each method that looks returns what is wrong, a line each."""

    def __init__(self) -> None:
        self._bulletins: set[str] = set()
        self._slots: set[str] = set()
        self._up_to: dict[str, int] = {}
        self._versions: dict[str, int] = {}
        self._settings: dict[str, int] = {}
        self.sounds: set[str] = set()
        self.answers = 0

    def answered(self, fact: Mapping[str, Any]) -> list[str]:
        """The hub has answered something."""
        self.answers += 1
        match fact["say"]:
            case "sound":
                self._bulletins.add(fact["bulletin"])
                self.sounds.add(fact["sha256"])
            case "slot":
                self._slots.add(fact["slot"])
                return self._take_versions(fact["versions"])
            case "rows":
                self._up_to[fact["cluster"]] = fact["up_to"]
            case "settings":
                self._settings[fact["cluster"]] = fact["monthly_mib"]
            case _:
                pass
        return []

    def started(self, fact: Mapping[str, Any]) -> list[str]:
        """The hub is there again, and tells what it holds."""
        wrong = [f"lost: bulletin {one}" for one in self._bulletins - {*fact["bulletins"]}]
        wrong += [f"lost: slot {one}" for one in self._slots - {*fact["slots"]}]
        wrong += self._look_at_rows([(cluster, number) for cluster, number in fact["rows"]])
        wrong += self._take_versions(fact["versions"])
        wrong += [
            f"lost: settings of {cluster}"
            for cluster in self._settings
            if self._is_older(fact["settings"].get(cluster), cluster)
        ]
        self._bulletins, self._slots = {*fact["bulletins"]}, {*fact["slots"]}
        self.sounds |= {*fact["sounds"]}
        return wrong

    def _is_older(self, found: int | None, cluster: str) -> bool:
        """Whether a setting fell back: each that is given is higher than the last, answered or not."""
        return found is None or found < self._settings[cluster]

    def _look_at_rows(self, rows: list[tuple[str, int]]) -> list[str]:
        wrong = [] if len(rows) == len(set(rows)) else ["doubled: a journal row"]
        for cluster, up_to in self._up_to.items():
            held = {number for name, number in rows if name == cluster}
            lost = set(range(1, up_to + 1)) - held
            if lost:
                wrong.append(f"lost: row {min(lost)} of {cluster}, which was acknowledged")
        return wrong

    def _take_versions(self, versions: Mapping[str, int]) -> list[str]:
        wrong = [
            f"fell: plan {versions.get(name, 0)} of {name} after {before}"
            for name, before in self._versions.items()
            if versions.get(name, 0) < before
        ]
        self._versions = dict(versions)
        return wrong
