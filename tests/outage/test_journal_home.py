"""Outbox, ledger and the hub's journal over a link that loses, delays, doubles and reorders."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, select

from contract.codec import decode
from contract.ids import ClusterId
from contract.journal import EventKind, EventRow, JournalBatch
from contract.topics import Kind
from edge.shell.ledger import Ledger
from edge.shell.outbox import BATCH_BYTES, Outbox
from hub.store import journal as hub_journal
from hub.store.tables import journal, metadata

NOW = datetime.fromisoformat("2026-11-24T17:00:00+07:00")
CLUSTER = ClusterId("bl-01")
UNANSWERED_S = 20.0
LONGEST_S = 24 * 3600.0


class Fate(Enum):
    """What becomes of one message."""

    ARRIVES = "arrives"
    LATE = "late"
    TWICE = "twice"
    LOST = "lost"
    UNCONFIRMED = "unconfirmed"
    """It arrives, and its sender does not learn of it."""


FATES = st.lists(st.sampled_from(Fate), max_size=40)
DELAYS = {Fate.ARRIVES: (0.15,), Fate.LATE: (95.0,), Fate.TWICE: (0.15, 700.0), Fate.LOST: ()}


class HubSide:
    """The hub's own journal, on a store of its own."""

    def __init__(self) -> None:
        self._engine = create_engine("sqlite://")
        metadata.create_all(self._engine)

    def take(self, payload: bytes) -> tuple[str, int]:
        batch = decode(payload, JournalBatch)
        with self._engine.begin() as connection:
            return batch.epoch, hub_journal.take(connection, CLUSTER, batch, NOW).up_to

    def numbers(self) -> list[int]:
        with self._engine.begin() as connection:
            return list(connection.execute(select(journal.c.number)).scalars())


class BadLink:
    """Takes fates one by one, up and down; when there are none left it is a good link."""

    def __init__(self, up: list[Fate], down: list[Fate], hub: HubSide) -> None:
        self._up, self._down = iter(up), iter(down)
        self._hub = hub
        self.on_ack: Callable[[str, int], None] = lambda _epoch, _up_to: None
        self.sent = 0

    async def publish(
        self, kind: Kind, payload: bytes, *, retain: bool = False, qos: int = 1
    ) -> bool:
        self.sent += 1
        fate = next(self._up, Fate.ARRIVES)
        for delay_s in DELAYS.get(fate, (0.15,)):
            self._later(delay_s, self._arrive, payload)
        confirmed = fate not in (Fate.LOST, Fate.UNCONFIRMED)
        await asyncio.sleep(0.3 if confirmed else UNANSWERED_S)
        return confirmed

    def _later(self, delay_s: float, do: Callable[..., None], *facts: Any) -> None:
        asyncio.get_running_loop().call_later(delay_s, do, *facts)

    def _arrive(self, payload: bytes) -> None:
        epoch, up_to = self._hub.take(payload)
        for delay_s in DELAYS.get(next(self._down, Fate.ARRIVES), ()):
            self._later(delay_s, self.on_ack, epoch, up_to)


@contextmanager
def new_ledger() -> Iterator[Ledger]:
    with TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "ledger.db")
        yield ledger
        ledger.close()


async def bring_home(link: BadLink, ledger: Ledger, rows: int, row_bytes: int, ups: int) -> None:
    """Rows come while the link is bad; returns once the hub has said that it holds all."""
    outbox = Outbox(ledger, link)

    def acknowledge(epoch: str, up_to: int) -> None:
        if ledger.acknowledge(epoch, up_to):
            outbox.acknowledged()

    link.on_ack = acknowledge
    running = asyncio.create_task(outbox.run())
    for number in range(rows):
        at = NOW + timedelta(seconds=number)
        detail = "x" * row_bytes
        ledger.append(EventRow(number=1, event=EventKind.SURGE, at=at, detail=detail))
        outbox.poke()
        if number % 7 == 6:
            await asyncio.sleep(3.0)
    for _ in range(ups):
        outbox.link_is_up()
        await asyncio.sleep(5.0)
    async with asyncio.timeout(LONGEST_S):
        while ledger.waiting():  # noqa: ASYNC110 - the ledger has no event for it
            await asyncio.sleep(1.0)
    running.cancel()


@given(
    up=FATES,
    down=FATES,
    rows=st.integers(1, 25),
    row_bytes=st.sampled_from([0, BATCH_BYTES // 3]),
    ups=st.integers(0, 4),
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_row_comes_home_once_whatever_the_link_does(
    jumping: Any, up: list[Fate], down: list[Fate], rows: int, row_bytes: int, ups: int
) -> None:
    hub = HubSide()
    link = BadLink(up, down, hub)
    with new_ledger() as ledger:
        jumping(bring_home(link, ledger, rows, row_bytes, ups))
        assert sorted(hub.numbers()) == list(range(1, rows + 1))
    faults = sum(fate is not Fate.ARRIVES for fate in (*up, *down))
    assert link.sent <= 2 * rows + 6 * (faults + ups) + 2, "it chatters"


@pytest.mark.parametrize("fate", Fate)
def test_one_misfortune_after_another(jumping: Any, fate: Fate) -> None:
    hub = HubSide()
    with new_ledger() as ledger:
        jumping(bring_home(BadLink([fate] * 12, [fate] * 12, hub), ledger, 20, 3000, 2))
        assert sorted(hub.numbers()) == list(range(1, 21))
