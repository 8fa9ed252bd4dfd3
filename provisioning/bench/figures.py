"""Figures of a benchmark: how often something was measured, how it is spread, and what was promised."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct


class Figure(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One measured quantity.

    Attributes:
        unit: Of all the numbers here.
        n: Number of trials.
        p50: Half of the trials were at or below this.
        limit: What is promised of `limited` ("p95", "max" ...), by its name.
        note: How it was measured, where that is not plain.
    """

    name: str
    unit: str
    n: int
    p50: float
    p95: float
    max: float
    limits: dict[str, float] = {}
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether every promise is kept."""
        return all(getattr(self, which) <= limit for which, limit in self.limits.items())


def figure(
    name: str,
    unit: str,
    values: Sequence[float],
    *,
    note: str = "",
    limits: dict[str, float] | None = None,
) -> Figure:
    """Sums up trials; of errors the size counts, not the sign.

    Raises:
        ValueError: There are no trials.
    """
    if not values:
        raise ValueError(f"{name}: nothing was measured")
    sizes = sorted(abs(value) for value in values)
    return Figure(
        name=name,
        unit=unit,
        n=len(sizes),
        p50=_rounded(quantile(sizes, 0.5)),
        p95=_rounded(quantile(sizes, 0.95)),
        max=_rounded(sizes[-1]),
        limits=limits or {},
        note=note,
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the ordered values does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def table(figures: Sequence[Figure]) -> list[str]:
    """Lines for a person: one a figure."""
    rows = [("", "n", "p50", "p95", "max", "unit", "promised")]
    for one in figures:
        promised = ", ".join(f"{which} <= {limit:g}" for which, limit in one.limits.items())
        if promised:
            promised += "  kept" if one.holds else "  MISSED"
        numbers = (f"{one.p50:g}", f"{one.p95:g}", f"{one.max:g}")
        rows.append((one.name, str(one.n), *numbers, one.unit, promised))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [_line(row, widths) for row in rows]
    notes = [f"  {one.name}: {one.note}" for one in figures if one.note]
    return [*lines, "", *notes] if notes else lines


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    name, *numbers, unit, promised = row
    middle = "  ".join(cell.rjust(width) for cell, width in zip(numbers, widths[1:5], strict=True))
    return f"{name.ljust(widths[0])}  {middle}  {unit.ljust(widths[5])}  {promised}".rstrip()
