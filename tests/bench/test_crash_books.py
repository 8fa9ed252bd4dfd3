"""The judge of the crash trials finds what it is there to find."""

from __future__ import annotations

from typing import Any

import pytest

from provisioning.bench.crash_books import Books, Hurt, Row, Start
from provisioning.bench.crash_trials import kind_of


def row(number: int, mark: str = "", *, epoch: str = "e", name: str = "") -> Row:
    return Row(epoch, number, mark or f"m{number}", name or f"1.1.{number}")


def start(*rows: Row, **more: Any) -> Start:
    facts: dict[str, Any] = {"epoch": "e", "accepted": 3, "plan": 3, "plays": ("ab",)}
    return Start(rows=rows, **(facts | more))


@pytest.fixture
def books() -> Books:
    """Two rows told and sent, one told, plan 3 taken."""
    made = Books()
    assert made.started(start(accepted=0, plan=0, plays=()), Hurt()) == []
    for number in (1, 2, 3):
        made.row_told(("e", number), f"m{number}")
    assert made.rows_sent((row(1), row(2))) == []
    made.plan_signed(3, frozenset({"ab", "cd"}))
    assert made.plan_told(3) == []
    made.sound_told("ab")
    return made


def test_all_there_is_all_right(books: Books) -> None:
    assert books.started(start(row(1), row(2), row(3), row(4)), Hurt()) == []
    assert books.rows_sent((row(3), row(4))) == []
    assert books.delivered() == []
    assert books.hub.up_to("e") == 4


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (start(row(1), row(2)), "lost: row 3"),
        (start(row(1), row(2), row(3, "other")), "doubled: number 3 has another content"),
        (start(row(1), row(2), row(3), row(4, name="1.1.3")), "doubled: row 1.1.3 stands twice"),
        (start(row(1), row(2), row(3), accepted=2), "fell: plan version 2 after 3"),
        (start(row(1), row(2), row(3), wrong_plays=("ab",)), "bad play: ab"),
        (start(row(1), row(2), row(3), plan=2), "plan lost: 3, and 2 is in force"),
        (start(row(1), row(2), row(3), plays=()), "sound lost: ab"),
        (start(epoch="new"), "lost: a whole ledger was replaced by a new one"),
    ],
)
def test_what_a_crash_must_not_do(books: Books, left: Start, words: str) -> None:
    assert words in books.started(left, Hurt())


def test_a_dying_card_may_take_rows_with_the_ledger_when_that_is_noticed(books: Books) -> None:
    assert books.started(start(epoch="new"), Hurt(ledger=True)) == []
    assert (books.lost_with_card, books.unnoticed) == (1, 0), "the hub holds the other two"


def test_a_row_that_says_that_one_is_lost_is_no_other_content(books: Books) -> None:
    told = row(3, "filler", name="a row is lost on the card")
    assert books.started(start(row(1), row(2), told), Hurt(ledger=True)) == []
    assert (books.lost_with_card, books.unnoticed) == (1, 0)


def test_a_ledger_may_not_go_on_under_numbers_that_were_sent(books: Books) -> None:
    wrong = books.started(start(row(1)), Hurt(ledger=True))
    assert wrong == ["lost: the hub holds row 2, the ledger goes on without it"]
    assert books.unnoticed == 1, "row 3, which nobody else has seen"
    assert books.rows_sent((row(2, "other"),)) == [
        "doubled: number 2 came again with another content"
    ]


def test_a_dying_card_may_take_the_plan_or_a_sound(books: Books) -> None:
    left = start(row(1), row(2), row(3), plan=0, plays=())
    assert books.started(left, Hurt(plan=True, sounds=frozenset({"ab"}))) == []


def test_a_sound_that_no_plan_needs_any_more_may_go(books: Books) -> None:
    books.plan_signed(4, frozenset({"cd"}))
    assert books.plan_told(4) == []
    assert books.started(start(row(1), row(2), row(3), accepted=4, plan=4, plays=()), Hurt()) == []


def test_every_finding_has_its_kind() -> None:
    words = ("lost: x", "plan lost: x", "sound lost: x", "died by itself (1): x", "refused: x")
    assert [kind_of(one) for one in words] == ["lost", "plan lost", "sound lost", "died", "refused"]


def test_rows_that_never_came(books: Books) -> None:
    assert books.delivered() == ["lost: row 3 never came to the hub"]


def test_the_hub_acknowledges_no_further_than_without_a_gap(books: Books) -> None:
    assert books.rows_sent((row(4),)) == []
    assert books.hub.up_to("e") == 2
