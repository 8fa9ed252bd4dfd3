"""The judge of the crash trials finds what it is there to find."""

from __future__ import annotations

import pytest

from provisioning.bench.crash_books import Books, Row, Start


def row(number: int, mark: str = "", *, epoch: str = "e", name: str = "") -> Row:
    return Row(epoch, number, mark or f"m{number}", name or f"1.1.{number}")


def start(
    *rows: Row, epoch: str = "e", accepted: int = 3, wrong_plays: tuple[str, ...] = ()
) -> Start:
    return Start(epoch=epoch, rows=rows, accepted=accepted, wrong_plays=wrong_plays)


@pytest.fixture
def books() -> Books:
    """Two rows told and sent, one told, plan 3 taken."""
    made = Books()
    assert made.started(start(accepted=0), ledger_hurt=False) == []
    for number in (1, 2, 3):
        made.row_told(("e", number), f"m{number}")
    assert made.rows_sent((row(1), row(2))) == []
    assert made.plan_told(3) == []
    return made


def test_all_there_is_all_right(books: Books) -> None:
    assert books.started(start(row(1), row(2), row(3), row(4)), ledger_hurt=False) == []
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
        (start(epoch="new"), "lost: a whole ledger was replaced by a new one"),
    ],
)
def test_what_a_crash_must_not_do(books: Books, left: Start, words: str) -> None:
    assert words in books.started(left, ledger_hurt=False)


def test_a_dying_card_may_take_rows_with_the_ledger_when_that_is_noticed(books: Books) -> None:
    assert books.started(start(epoch="new"), ledger_hurt=True) == []
    assert (books.lost_with_card, books.unnoticed) == (1, 0), "the hub holds the other two"


def test_a_row_that_says_that_one_is_lost_is_no_other_content(books: Books) -> None:
    told = row(3, "filler", name="a row is lost on the card")
    assert books.started(start(row(1), row(2), told), ledger_hurt=True) == []
    assert (books.lost_with_card, books.unnoticed) == (1, 0)


def test_a_ledger_may_not_go_on_under_numbers_that_were_sent(books: Books) -> None:
    wrong = books.started(start(row(1)), ledger_hurt=True)
    assert wrong == ["lost: the hub holds row 2, the ledger goes on without it"]
    assert books.unnoticed == 1, "row 3, which nobody else has seen"
    assert books.rows_sent((row(2, "other"),)) == [
        "doubled: number 2 came again with another content"
    ]


def test_rows_that_never_came(books: Books) -> None:
    assert books.delivered() == ["lost: row 3 never came to the hub"]


def test_the_hub_acknowledges_no_further_than_without_a_gap(books: Books) -> None:
    assert books.rows_sent((row(4),)) == []
    assert books.hub.up_to("e") == 2
