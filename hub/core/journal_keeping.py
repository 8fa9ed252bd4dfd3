"""What the hub keeps of journal rows: each once, and honestly what will never come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from contract.journal import EventKind, EventRow, ItemRow, JournalRow, Reason


class Gap(Struct, frozen=True, kw_only=True):
    """Rows that the cluster does not hold any more and the hub never got."""

    first: int
    last: int


class Taken(Struct, frozen=True, kw_only=True):
    """What came of a batch.

    Attributes:
        up_to: No row up to this one is waited for any more.
        gaps: Rows below it that will never come, newly found.
        conflicts: Numbers under which other rows lie here already; those are kept.
    """

    up_to: int
    gaps: tuple[Gap, ...] = ()
    conflicts: tuple[int, ...] = ()


def gaps_below(known: int, held_from: int, stored: Iterable[int]) -> Iterator[Gap]:
    """Rows above `known` and below `held_from` that are not stored.

    Args:
        known: Up to this row nothing is waited for.
        held_from: The oldest row that the cluster still holds.
        stored: Numbers of rows in between that the hub holds, rising.
    """
    wanted = known + 1
    for number in (*stored, held_from):
        if number > wanted:
            yield Gap(first=wanted, last=number - 1)
        wanted = number + 1


def is_same(kept: JournalRow, came: JournalRow) -> bool:
    """Whether two rows of one number say the same; a word that was once unknown here counts as known."""
    match kept, came:
        case ItemRow(reason=Reason.OTHER), ItemRow():
            return kept == replace(came, reason=Reason.OTHER)
        case EventRow(event=EventKind.OTHER), EventRow():
            return kept.number == came.number
        case _:
            return kept == came
