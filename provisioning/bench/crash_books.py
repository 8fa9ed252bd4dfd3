"""What the world knows of a cluster that crashes: what it had said could be relied upon, and what a hub holds.

Pure: the trials feed it, and it says what is not as it was promised.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from msgspec import Struct

Key = tuple[str, int]
"""Epoch and number of a journal row."""
OURS = re.compile(r"\d+\.\d+\.\d+")
"""Names that the drill gives its rows; rows that the ledger writes by itself have others."""


class Row(Struct, frozen=True):
    """A journal row: a mark tells one content from another, the name what it is about."""

    epoch: str
    number: int
    mark: str
    name: str

    @property
    def key(self) -> Key:
        """Where it stands."""
        return (self.epoch, self.number)


class Start(Struct, frozen=True):
    """What a store held when it was opened again.

    Attributes:
        epoch: Of its ledger.
        rows: All of them.
        accepted: The highest plan version taken.
        plan: Version of the plan in force.
        plays: Sounds that would be played.
        wrong_plays: Of these, those that are not what their name says.
    """

    epoch: str
    rows: tuple[Row, ...]
    accepted: int
    plan: int
    plays: tuple[str, ...] = ()
    wrong_plays: tuple[str, ...] = ()


class Hurt(Struct, frozen=True):
    """What a dying card has damaged since the last start that could be looked at.

    Attributes:
        ledger: The ledger itself.
        plan: The plan.
        sounds: Sounds, by their names.
    """

    ledger: bool = False
    plan: bool = False
    sounds: frozenset[str] = frozenset()


class HubBooks:
    """The rows as a hub stores them: each number once, the first content stays."""

    def __init__(self) -> None:
        self.rows: dict[Key, Row] = {}

    def take(self, rows: Iterable[Row]) -> list[str]:
        """Stores rows; says which number came with another content."""
        wrong = []
        for row in rows:
            held = self.rows.setdefault(row.key, row)
            if held.mark != row.mark and OURS.fullmatch(row.name):
                wrong.append(f"doubled: number {row.number} came again with another content")
        return wrong

    def up_to(self, epoch: str) -> int:
        """Every row up to this one is there."""
        number = 0
        while (epoch, number + 1) in self.rows:
            number += 1
        return number


class Books:
    """One cluster's life in the eyes of the world.

    Attributes:
        hub: What a hub holds.
        lost_with_card: Rows that a dying card took, and that is allowed.
        unnoticed: Of these, rows that the cluster has not noticed to be gone: none had been sent.
    """

    def __init__(self) -> None:
        self.hub = HubBooks()
        self.lost_with_card = 0
        self.unnoticed = 0
        self._epoch = ""
        self._told: dict[Key, str] = {}
        self._sent: set[Key] = set()
        self._accepted = 0
        self._plan = 0
        self._needed: dict[int, frozenset[str]] = {}
        self._held: frozenset[str] = frozenset()

    def plan_signed(self, version: int, sounds: frozenset[str]) -> None:
        """The hub has signed a plan that needs these sounds."""
        self._needed[version] = sounds

    def sound_told(self, sha256: str) -> None:
        """The cluster has said that it holds this sound; one that its plan does not need may go again."""
        self._held |= {sha256} & self._needed.get(self._plan, frozenset())

    def row_told(self, key: Key, mark: str) -> None:
        """The cluster has said that this row is on the card."""
        self._told[key] = mark

    def rows_sent(self, rows: tuple[Row, ...]) -> list[str]:
        """The cluster has sent rows, which must be on the card then, and a hub stores them."""
        self._told |= {row.key: row.mark for row in rows}
        self._sent |= {row.key for row in rows}
        return self.hub.take(rows)

    def plan_told(self, version: int) -> list[str]:
        """The cluster has said that it took a plan for good."""
        fell = version < self._accepted
        self._accepted = max(version, self._accepted)
        self._plan = version
        self._held &= self._needed.get(version, frozenset())
        return [f"fell: plan {version} was taken after {self._accepted}"] if fell else []

    def started(self, start: Start, hurt: Hurt) -> list[str]:
        """What is not as promised, now that the store was opened again."""
        wrong = [f"bad play: {sha256[:12]}" for sha256 in start.wrong_plays]
        wrong += self._check_rows(start, ledger_hurt=hurt.ledger)
        wrong += _doubled([*start.rows, *self.hub.rows.values()])
        wrong += self._check_plan_and_sounds(start, hurt)
        if start.accepted < self._accepted and not hurt.ledger:
            wrong.append(f"fell: plan version {start.accepted} after {self._accepted}")
        if self._epoch and start.epoch != self._epoch and not hurt.ledger:
            wrong.append("lost: a whole ledger was replaced by a new one")
        self._epoch, self._accepted = start.epoch, start.accepted
        self._told = {row.key: row.mark for row in start.rows}
        return wrong

    def _check_plan_and_sounds(self, start: Start, hurt: Hurt) -> list[str]:
        wrong = []
        if start.plan < self._plan and not hurt.plan:
            wrong.append(f"plan lost: {self._plan}, and {start.plan} is in force")
        if start.plan != self._plan:  # taken, and the crash came before it was told
            self._held &= self._needed.get(start.plan, frozenset())
        self._plan = start.plan
        gone = self._held - set(start.plays) - hurt.sounds
        wrong += [f"sound lost: {sha256[:12]}" for sha256 in sorted(gone)]
        self._held = frozenset(start.plays) & self._needed.get(start.plan, frozenset())
        return wrong

    def _check_rows(self, start: Start, *, ledger_hurt: bool) -> list[str]:
        wrong = []
        rows = {row.key: row for row in start.rows}
        for key, mark in self._told.items():
            row = rows.get(key)
            if row is not None and row.mark == mark:
                continue
            if row is not None and OURS.fullmatch(row.name):
                wrong.append(f"doubled: number {key[1]} has another content")
            elif not ledger_hurt:
                wrong.append(f"lost: row {key[1]}")
            elif key not in self.hub.rows:
                wrong += self._lost_with_card(key, is_noticed=row is not None, start=start)
            elif start.epoch == key[0] and row is None:
                wrong.append(f"lost: the hub holds row {key[1]}, the ledger goes on without it")
        return wrong

    def _lost_with_card(self, key: Key, *, is_noticed: bool, start: Start) -> list[str]:
        self.lost_with_card += 1
        if is_noticed or start.epoch != key[0]:
            return []
        self.unnoticed += 1
        return [f"lost: row {key[1]} was sent and its number is free again"] * (key in self._sent)

    def delivered(self) -> list[str]:
        """The cluster says that the hub holds all: what is not so."""
        gone = [key for key in self._told if key not in self.hub.rows]
        return [f"lost: row {number} never came to the hub" for _, number in gone]


def _doubled(rows: Iterable[Row]) -> list[str]:
    """Rows that stand under two numbers."""
    places = {(row.name, row.key) for row in rows if OURS.fullmatch(row.name)}
    count = Counter(name for name, _ in places)
    return [f"doubled: row {name} stands twice" for name, times in count.items() if times > 1]
