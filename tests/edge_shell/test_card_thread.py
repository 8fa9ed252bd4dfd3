"""A ledger and a plan on a card that hangs: who writes goes on, nothing is lost, nothing is sent too early."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.journal import EventKind, EventRow
from edge.shell import ledger as ledger_module
from edge.shell.card_thread import HOLD_S, CardThread
from edge.shell.ledger import Ledger
from edge.shell.plan_store import PlanStore

DEADLINE_S = 20.0


class SlowCard(CardThread):
    """Lets a piece through only when it is told to; the thread and its order are the real ones."""

    def __init__(self, mono_ns: Callable[[], int]) -> None:
        super().__init__(mono_ns)
        self._may = threading.Semaphore(0)
        self._hangs = False
        self.begun = 0

    def start(self, work: Callable[[], None]) -> Any:
        hangs, may = self._hangs, self._may

        def slowly() -> None:
            self.begun += 1
            if hangs:
                may.acquire(timeout=DEADLINE_S)
            work()

        return super().start(slowly)

    def hang(self) -> None:
        self._hangs = True

    def finish_one(self) -> None:
        self._may.release()

    def be_well(self) -> None:
        self._hangs = False
        for _ in range(20):
            self._may.release()


@pytest.fixture
def card(system_clock: Any) -> SlowCard:
    return SlowCard(system_clock.mono_ns)


@pytest.fixture
def ledger(tmp_path: Path, card: SlowCard) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "ledger.db", card=card)
    yield made
    card.be_well()
    made.close()


def row(clock: Any, word: str) -> EventRow:
    return EventRow(number=1, event=EventKind.SURGE, at=clock.now(), detail=word)


def words(ledger: Ledger) -> list[str]:
    found = ledger.rows_waiting(max_bytes=10**6)
    return [one.detail for one in found if isinstance(one, EventRow)]


def until(condition: Callable[[], Any], clock: Any) -> None:
    deadline_ns = clock.mono_ns() + DEADLINE_S * 1e9
    pause = threading.Event()
    while not condition():
        assert clock.mono_ns() < deadline_ns, "it never came true"
        pause.wait(0.005)


def test_on_a_good_card_a_row_is_there_when_the_call_returns(
    ledger: Ledger, system_clock: Any
) -> None:
    ledger.append(row(system_clock, "a"))
    assert words(ledger) == ["a"]
    assert ledger.write_ms is not None


def test_a_card_that_hangs_holds_nobody_and_its_rows_are_not_sent(
    ledger: Ledger, card: SlowCard, system_clock: Any
) -> None:
    card.hang()
    began_ns = system_clock.mono_ns()
    for word in "abc":
        ledger.append(row(system_clock, word))
    assert (system_clock.mono_ns() - began_ns) / 1e9 >= HOLD_S, "the first is waited for a moment"
    assert card.begun <= 2, "what comes meanwhile waits for what is on its way"
    assert words(ledger) == []
    assert ledger.waiting() == 3
    assert not ledger.is_behind, "a slow card is not a full one"
    assert not ledger.catch_up()
    assert (ledger.write_ms or 0) > 0


def test_what_waited_reaches_the_card_in_order_and_once(
    ledger: Ledger, card: SlowCard, system_clock: Any, tmp_path: Path
) -> None:
    card.hang()
    for word in "abc":
        ledger.append(row(system_clock, word))
    card.finish_one()
    until(ledger.catch_up, system_clock)
    assert words(ledger) == ["a"]
    card.be_well()
    until(lambda: ledger.catch_up() or words(ledger) == ["a", "b", "c"], system_clock)
    assert words(ledger) == ["a", "b", "c"]
    ledger.append(row(system_clock, "d"))
    ledger.close()
    again = Ledger(tmp_path / "ledger.db")
    assert words(again) == ["a", "b", "c", "d"]
    assert [one.number for one in again.rows_waiting(max_bytes=10**6)] == [1, 2, 3, 4]
    again.close()


def test_facts_count_at_once_and_the_last_word_is_the_one_that_stays(
    ledger: Ledger, card: SlowCard, system_clock: Any, tmp_path: Path
) -> None:
    card.hang()
    ledger.accept_version(7)
    ledger.accept_version(8)
    ledger.add("surges", 2)
    assert (ledger.accepted_version(), ledger.count("surges")) == (8, 2)
    card.finish_one()
    until(ledger.catch_up, system_clock)
    assert ledger.accepted_version() == 8
    card.be_well()
    ledger.close()
    again = Ledger(tmp_path / "ledger.db")
    assert (again.accepted_version(), again.count("surges")) == (8, 2)
    again.close()


def test_an_orderly_end_waits_for_the_card_and_takes_all_along(
    tmp_path: Path, card: SlowCard, system_clock: Any
) -> None:
    ledger = Ledger(tmp_path / "ledger.db", card=card)
    card.hang()
    for word in "ab":
        ledger.append(row(system_clock, word))
    threading.Timer(0.2, card.finish_one).start()
    ledger.close()
    again = Ledger(tmp_path / "ledger.db")
    assert words(again) == ["a", "b"]
    again.close()


def test_an_orderly_end_does_not_wait_for_ever(
    tmp_path: Path, card: SlowCard, system_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "LEAVE_S", 0.05)
    ledger = Ledger(tmp_path / "ledger.db", card=card)
    card.hang()
    ledger.append(row(system_clock, "a"))
    ledger.close()
    card.be_well()
    until(lambda: not ledger.catch_up() and words(ledger) == ["a"], system_clock)
    ledger.close()


def test_a_write_that_fails_later_is_tried_again(
    ledger: Ledger, card: SlowCard, system_clock: Any, tmp_path: Path
) -> None:
    card.hang()
    ledger.append(row(system_clock, "a"))
    other = Ledger(tmp_path / "ledger.db")
    other._db.execute("BEGIN IMMEDIATE")  # the card is taken: the late write will fail
    ledger._db.execute("PRAGMA busy_timeout=0")
    card.finish_one()
    until(ledger.catch_up, system_clock)
    assert words(ledger) == []
    other._db.execute("ROLLBACK")
    other.close()
    card.be_well()

    def is_there() -> bool:
        ledger.settle()
        return words(ledger) == ["a"]

    until(is_there, system_clock)


def test_pruning_waits_for_better_days(ledger: Ledger, card: SlowCard, system_clock: Any) -> None:
    card.hang()
    ledger.append(row(system_clock, "a"))
    ledger.prune(system_clock.now())
    assert ledger.waiting() == 1


def test_a_plan_is_saved_behind_what_was_handed_over_before(
    tmp_path: Path, card: SlowCard, papers: Any, config: Any, system_clock: Any
) -> None:
    store = PlanStore(
        tmp_path / "desired.note", config.verifier_keys(), config.commune, config.cluster, card
    )
    store.save(papers.note(papers.plan(1)))
    assert store.look() == papers.plan(1)
    card.hang()
    store.save(papers.note(papers.plan(2)))
    assert store.look() == papers.plan(1)
    card.finish_one()
    until(lambda: store.look() == papers.plan(2), system_clock)


def test_a_card_that_refuses_a_plan_says_so(
    tmp_path: Path, card: SlowCard, papers: Any, config: Any
) -> None:
    path = tmp_path / "none" / "desired.note"
    store = PlanStore(path, config.verifier_keys(), config.commune, config.cluster, card)
    with pytest.raises(FileNotFoundError):
        store.save(papers.note(papers.plan(1)))


def test_rows_go_out_only_when_it_is_on_the_card_that_they_did(
    ledger: Ledger, card: SlowCard, system_clock: Any
) -> None:
    ledger.append(row(system_clock, "a"))
    batch = ledger.batch_waiting(max_bytes=10**6)
    assert batch is not None
    card.hang()
    assert not ledger.going_out(batch)
    assert not ledger.catch_up()
    card.finish_one()
    until(ledger.catch_up, system_clock)
    assert ledger.going_out(batch)
    assert not ledger.catch_up()
