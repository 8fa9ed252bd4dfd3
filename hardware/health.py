"""How card and supply of the computer are, and which faults that means. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from contract.fault import FaultCode

TOO_HOT_C, COOL_AGAIN_C = 80.0, 75.0
"""A Pi slows itself down from 80 on; it must have cooled by some degrees, so that the alarm does not come and go."""
SLOW_MS, QUICK_AGAIN_MS = 5_000.0, 1_000.0
"""A good card brings 4 KiB home in some milliseconds and may pause for half a second (SD's own limit for SDXC); on a
dying one it takes tens of seconds."""
WORN_PCT = 80
"""eMMC's own figure, in steps of ten; from here on a card is replaced before it fails."""
LOW_RESERVE = 2
"""eMMC's `pre_eol_info`: 1 normal, 2 four fifths of the spare blocks are used, 3 nearly all."""


class Canary(Struct, frozen=True, kw_only=True):
    """One small write, brought to the card and read back.

    Attributes:
        write_ms: How long it took.
        came_back: Whether what was read is what was written.
        is_read_only: The card took nothing.
        why: What the system said, if it failed.
    """

    write_ms: float
    came_back: bool = True
    is_read_only: bool = False
    why: str = ""


class Health(Struct, frozen=True, kw_only=True):
    """One reading. None: this machine cannot tell.

    Attributes:
        filesystem_errors: Errors that the file system has counted since it was last checked.
        life_used_pct: Share of its life that the card says is used up, in steps of ten.
        reserve: The card's `pre_eol_info`.
        under_voltage: Whether the supply was too weak at any time since the machine started.
        canary: The last one, if there was any.
    """

    filesystem_errors: int | None = None
    is_read_only: bool | None = None
    life_used_pct: int | None = None
    reserve: int | None = None
    under_voltage: bool | None = None
    temperature_c: float | None = None
    canary: Canary | None = None


def faults_of(health: Health, before: Mapping[FaultCode, str]) -> dict[FaultCode, str]:
    """Present faults, each with its figure. What nothing tells of stays as it was."""
    found: dict[FaultCode, str] = {}
    for code, is_so, detail in _judged(health, before):
        if is_so or (is_so is None and code in before):
            found[code] = detail or before.get(code, "")
    return found


def _judged(
    health: Health, before: Mapping[FaultCode, str]
) -> Iterator[tuple[FaultCode, bool | None, str]]:
    canary = health.canary
    yield FaultCode.CARD_READ_ONLY, _read_only(health), ""
    yield FaultCode.CARD_ERRORS, _errors(health), _error_words(health)
    slow_ms = None if canary is None or canary.why else canary.write_ms
    yield (
        FaultCode.CARD_SLOW,
        _over(slow_ms, SLOW_MS, QUICK_AGAIN_MS, FaultCode.CARD_SLOW in before),
        f"{slow_ms / 1000:.0f} s" if slow_ms is not None else "",
    )
    worn_pct, reserve = health.life_used_pct, health.reserve
    is_worn = None if worn_pct is None and reserve is None else _worn(worn_pct, reserve)
    yield FaultCode.CARD_WORN, is_worn, "" if worn_pct is None else f"{worn_pct} %"
    yield FaultCode.UNDER_VOLTAGE, health.under_voltage, ""
    heat_c = health.temperature_c
    is_hot = _over(heat_c, TOO_HOT_C, COOL_AGAIN_C, FaultCode.TOO_HOT in before)
    yield FaultCode.TOO_HOT, is_hot, "" if heat_c is None else f"{heat_c:.0f} °C"


def _over(figure: float | None, limit: float, again: float, is_over: bool) -> bool | None:  # noqa: FBT001 - what was so
    return None if figure is None else figure >= (again if is_over else limit)


def _read_only(health: Health) -> bool | None:
    if health.canary is not None and health.canary.is_read_only:
        return True
    return health.is_read_only


def _errors(health: Health) -> bool | None:
    canary = health.canary
    if canary is not None and not canary.came_back:
        return True
    return None if health.filesystem_errors is None else health.filesystem_errors > 0


def _error_words(health: Health) -> str:
    canary = health.canary
    if canary is not None and not canary.came_back:
        return canary.why or "what was written did not come back the same"
    return f"{health.filesystem_errors} in the file system" if health.filesystem_errors else ""


def _worn(life_used_pct: int | None, reserve: int | None) -> bool:
    return (life_used_pct or 0) >= WORN_PCT or (reserve or 0) >= LOW_RESERVE


HEALTH_FAULTS = tuple(code for code, _, _ in _judged(Health(), {}))
"""All that this judges."""
