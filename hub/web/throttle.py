"""Slows down whoever guesses passwords."""

from __future__ import annotations

from collections import OrderedDict, deque

from hub.clock import HubClock
from hub.web import refusals

FAILURES = 10
WINDOW_NS = 600 * 10**9
MAX_KEYS = 10_000


class LoginThrottle:
    """At most ten failures in ten minutes for one user name at one address."""

    def __init__(self, clock: HubClock) -> None:
        self._clock = clock
        self._failures: OrderedDict[tuple[str, str], deque[int]] = OrderedDict()

    def attempt(self, user: str, address: str) -> None:
        """Lets a login be tried, and counts it as failed until `succeeded`: of many at once only ten pass.

        Raises:
            WebRefusal: Too many have failed lately.
        """
        key = (user, address)
        failures = self._recent(key)
        if len(failures) >= FAILURES:
            wait_ns = failures[0] + WINDOW_NS - self._clock.mono_ns()
            raise refusals.too_many_failures(wait_ns / 1e9)
        failures.append(self._clock.mono_ns())
        self._failures[key] = failures
        self._failures.move_to_end(key)
        while len(self._failures) > MAX_KEYS:
            self._failures.popitem(last=False)

    def succeeded(self, user: str, address: str) -> None:
        """Forgets the failures of a person who got in."""
        self._failures.pop((user, address), None)

    def _recent(self, key: tuple[str, str]) -> deque[int]:
        oldest = self._clock.mono_ns() - WINDOW_NS
        return deque((at for at in self._failures.get(key, ()) if at > oldest), maxlen=FAILURES)
