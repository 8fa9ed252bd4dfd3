"""Data and hours for fetching: what the plan allows, and the count of what was fetched this month."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec.structs import replace

from contract.ids import Sha256
from contract.model import Bulletin, Desired, Fetching
from contract.ports import Clock
from edge.core.fetching import (
    ALLOWED,
    Allowance,
    Hindrance,
    Verdict,
    may_fetch,
    month_of,
    spend,
    spent_in,
)
from edge.core.needs import first_needs
from edge.shell.ledger import Ledger


class Rationing(Protocol):
    """What a fetcher must ask before it fetches, and tell afterwards."""

    def follow(self, plan: Desired | None, exempt: frozenset[Sha256]) -> None:
        """The plan whose rules count, and sounds that an emergency needs."""
        ...

    def verdicts(self, sounds: Sequence[tuple[Bulletin, int]]) -> list[Verdict]:
        """Which of some sounds, each with what is still to come of it in bytes, may be fetched now."""
        ...

    def wait_s(self, verdict: Verdict) -> float | None:
        """How long until it is worth asking again; None: until something else changes."""
        ...

    def count(self, received_bytes: int) -> None:
        """So much was fetched."""
        ...


class Unrationed:
    """Everything at any time, and nobody counts."""

    def follow(self, plan: Desired | None, exempt: frozenset[Sha256]) -> None:
        """Has no rules."""

    def verdicts(self, sounds: Sequence[tuple[Bulletin, int]]) -> list[Verdict]:
        """All."""
        return [ALLOWED for _ in sounds]

    def wait_s(self, verdict: Verdict) -> float | None:
        """Never needed."""
        del verdict
        return None

    def count(self, received_bytes: int) -> None:
        """Counts nothing."""


class Ration:
    """A cluster's own.

    Args:
        clock: Says the hour and the month, where it is trusted.
        ledger: Remembers what was fetched in which month.
    """

    def __init__(self, *, clock: Clock, ledger: Ledger) -> None:
        self._clock = clock
        self._ledger = ledger
        self._plan: Desired | None = None
        self._exempt: frozenset[Sha256] = frozenset()

    def follow(self, plan: Desired | None, exempt: frozenset[Sha256]) -> None:
        """The plan whose rules count, and sounds that an emergency needs."""
        self._plan, self._exempt = plan, exempt

    @property
    def rules(self) -> Fetching:
        """The plan's."""
        return self._plan.fetching if self._plan else Fetching()

    def verdicts(self, sounds: Sequence[tuple[Bulletin, int]]) -> list[Verdict]:
        """Which of some sounds may be fetched now; what is needed sooner has the first claim to the budget."""
        now = self._clock.now()
        due = first_needs(self._plan, now)
        given = Allowance(
            now=now,
            rules=self.rules,
            spent_bytes=self.month_bytes(),
            is_trusted=self._clock.trust().is_trusted,
        )
        found = []
        for one, rest_bytes in sounds:
            verdict = self._verdict(one, rest_bytes, due, given)
            if verdict.hindrance is not Hindrance.BUDGET:
                given = replace(given, spent_bytes=given.spent_bytes + rest_bytes)
            found.append(verdict)
        return found

    def _verdict(
        self, one: Bulletin, rest: int, due: dict[Sha256, datetime], given: Allowance
    ) -> Verdict:
        if one.sha256 in self._exempt:
            return ALLOWED
        return may_fetch(one, due.get(one.sha256), rest, given)

    def wait_s(self, verdict: Verdict) -> float | None:
        """How long until it is worth asking again; None: until something else changes."""
        if verdict.ask_again_at is None:
            return None
        return max(1.0, (verdict.ask_again_at - self._clock.now()).total_seconds())

    def month_bytes(self) -> int:
        """Fetched this month."""
        return spent_in(self._ledger.fetched(), self._month())

    def count(self, received_bytes: int) -> None:
        """So much was fetched."""
        if received_bytes:
            self._ledger.set_fetched(spend(self._ledger.fetched(), self._month(), received_bytes))

    def _month(self) -> str | None:
        return month_of(self._clock.now()) if self._clock.trust().is_trusted else None
