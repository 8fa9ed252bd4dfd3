"""What was so from when on, by true time: what a judge looks at afterwards."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Course(Generic[Value]):
    """A value over time. Of what is set at one instant the last counts."""

    def __init__(self, first: Value) -> None:
        self._since_us = [0]
        self._values = [first]

    def set(self, at_us: int, value: Value) -> None:
        if value == self._values[-1]:
            return
        self._since_us.append(at_us)
        self._values.append(value)

    def at(self, moment_us: float) -> Value:
        return self._values[max(0, bisect_right(self._since_us, moment_us) - 1)]

    def during(self, from_us: float, to_us: float) -> list[Value]:
        """Every value that it had in between, both ends included."""
        first = max(0, bisect_right(self._since_us, from_us) - 1)
        last = bisect_right(self._since_us, to_us)
        return self._values[first : max(last, first + 1)]

    def stretches(self, until_us: int) -> Iterator[tuple[int, int, Value]]:
        ends = [*self._since_us[1:], until_us]
        yield from zip(self._since_us, ends, self._values, strict=True)
