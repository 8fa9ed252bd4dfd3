from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from msgspec.structs import replace

from contract.command import Ack, Mode, Refusal, Stage
from contract.ids import ClusterId
from hub.core.emergency import Answer, Course, after, seq_floor

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
ONE, TWO = ClusterId("bl-01"), ClusterId("bl-02")


def ack(stage: Stage, reason: str = "") -> Ack:
    return Ack(command="e-1", stage=stage, at=NOW, reason=reason)


def course(*answers: Answer, seq: int = 5) -> Course:
    return Course(
        id="e-1",
        seq=seq,
        what="start",
        title="Lũ quét",
        mode=Mode.LIVE,
        issued_at=NOW,
        expires_at=NOW + timedelta(minutes=30),
        by="can-bo",
        meant=(ONE, TWO),
        answers=answers,
    )


def told(*acks: Ack) -> Answer:
    known = None
    for one in acks:
        known = after(known, one, ONE, NOW)
    assert known is not None
    return known


@pytest.mark.parametrize(
    "acks",
    list(
        permutations(
            [ack(Stage.VERIFIED), ack(Stage.STARTED), ack(Stage.ENDED), ack(Stage.STARTED)]
        )
    ),
)
def test_the_farthest_counts_in_whatever_order_it_comes(acks: tuple[Ack, ...]) -> None:
    assert told(*acks).stage is Stage.ENDED


def test_who_has_not_answered_is_asked_again() -> None:
    assert course().unanswered == (ONE, TWO)
    assert course(told(ack(Stage.RECEIVED))).unanswered == (ONE, TWO)
    assert course(told(ack(Stage.VERIFIED))).unanswered == (TWO,)
    assert course(told(ack(Stage.FAILED, Refusal.NO_BEACON))).unanswered == (ONE, TWO)
    assert course(told(ack(Stage.FAILED, Refusal.EXPIRED))).unanswered == (TWO,)


def test_a_replay_means_that_it_was_obeyed_before() -> None:
    lost = told(ack(Stage.FAILED, Refusal.REPLAY))
    assert lost.stage is Stage.VERIFIED
    assert told(ack(Stage.STARTED), ack(Stage.FAILED, Refusal.REPLAY)).stage is Stage.STARTED


def test_a_cluster_that_could_not_and_then_could() -> None:
    assert told(ack(Stage.FAILED, Refusal.TOO_MANY), ack(Stage.VERIFIED)).stage is Stage.VERIFIED
    assert told(ack(Stage.VERIFIED), ack(Stage.FAILED, Refusal.NO_BEACON)).stage is Stage.VERIFIED


def test_it_is_open_until_it_expires_or_is_ended() -> None:
    one = course()
    assert one.is_open(NOW)
    assert not one.is_open(NOW + timedelta(hours=1))
    assert not replace(one, ended_at=NOW).is_open(NOW)


def test_what_is_over_is_told_by_the_oldest_that_is_not() -> None:
    assert seq_floor([course(seq=7), course(seq=5)], newest=9) == 4
    assert seq_floor([], newest=9) == 9
