from __future__ import annotations

from edge.core.heart import LINK, LOOP, PLAYER, Heart

PATIENCE_S = {LOOP: 10.0, LINK: 100.0, PLAYER: 20.0}


def test_nobody_is_overdue_before_a_part_had_its_time() -> None:
    heart = Heart(1000.0, PATIENCE_S)
    assert heart.overdue(1010.0) == ()
    assert heart.overdue(1010.1) == (LOOP,)
    assert heart.overdue(1100.1) == (LOOP, LINK, PLAYER)


def test_a_sign_gives_that_part_its_time_anew_and_no_other() -> None:
    heart = Heart(0.0, PATIENCE_S)
    heart.sign(LOOP, 15.0)
    assert heart.overdue(21.0) == (PLAYER,)
    heart.sign(PLAYER, 22.0)
    assert heart.overdue(24.0) == ()


def test_it_has_turned_with_the_loops_first_sign_alone() -> None:
    heart = Heart(0.0, PATIENCE_S)
    heart.sign(LINK, 1.0)
    assert not heart.has_turned
    heart.sign(LOOP, 2.0)
    assert heart.has_turned
