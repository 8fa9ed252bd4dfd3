from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contract.journal import EventKind, EventRow
from contract.ports import ClockTrust
from edge.core.clock_trust import RELEASED_AT, Doubt
from edge.core.rows import UNNUMBERED
from edge.shell.agent_clock import CELL_LOST_AFTER_NS, AgentClock
from edge.shell.clock_keeper import ASK_AGAIN_NS, LONGEST_NS, ClockKeeper
from edge.shell.ledger import Ledger

NOW = RELEASED_AT + timedelta(days=100)
SECOND_NS = 10**9


class Machine:
    """A machine whose clock is told to move; its wall may be set."""

    def __init__(self) -> None:
        self.mono = 7 * SECOND_NS
        self.over = NOW - datetime(1970, 1, 1, tzinfo=UTC)
        self.kernel = ClockTrust.UNKNOWN
        self.boot_id = "boot-1"

    def now(self) -> datetime:
        return (
            datetime(1970, 1, 1, tzinfo=UTC) + self.over + timedelta(microseconds=self.mono / 1000)
        )

    def mono_ns(self) -> int:
        return self.mono

    def trust(self) -> ClockTrust:
        return self.kernel

    def pass_s(self, seconds: float) -> None:
        self.mono += round(seconds * SECOND_NS)

    def set_by(self, seconds: float) -> None:
        self.over += timedelta(seconds=seconds)

    def start_again(self, *, behind_s: float) -> None:
        """Another start of the machine: monotonic time begins anew, and wall time may have stood still."""
        now = self.now()
        self.boot_id += "'"
        self.mono = SECOND_NS
        self.over += now - self.now() - timedelta(seconds=behind_s)
        self.kernel = ClockTrust.UNKNOWN


class Network:
    """A cell network: its time is the true one plus an error; None: it gives none."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.true_over_machine = timedelta(0)
        self.gives = False
        self.asked = 0

    async def read(self) -> datetime | None:
        self.asked += 1
        return self._machine.now() + self.true_over_machine if self.gives else None


class Cluster:
    """The agent's clock and its keeper between a machine, a network and a real ledger."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ledger.db"
        self.machine = Machine()
        self.network = Network(self.machine)
        self.changes = 0
        self.ledger = Ledger(self._path)
        self._open()

    def _open(self) -> None:
        self.clock = AgentClock(self.machine, self.ledger.clock_memory())
        self.keeper = ClockKeeper(
            clock=self.clock, cell=self.network, ledger=self.ledger, on_change=self._changed
        )

    def _changed(self) -> None:
        self.changes += 1

    def start_again(self) -> None:
        """The agent starts anew."""
        self.ledger.close()
        self.ledger = Ledger(self._path)
        self._open()

    @property
    def on_card(self) -> datetime | None:
        """What another start would find."""
        other = Ledger(self._path, read_only=True)
        found = other.clock_memory()
        other.close()
        return found.saved_at if found else None

    def row(self) -> None:
        self.ledger.append(EventRow(number=UNNUMBERED, event=EventKind.SURGE, at=NOW))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    yield made
    made.ledger.close()


# Where time comes from


async def test_without_anything_that_vouches_time_is_the_systems_and_unknown(
    cluster: Cluster,
) -> None:
    await cluster.keeper.look()
    assert cluster.clock.trust() is ClockTrust.UNKNOWN
    assert cluster.clock.now() == cluster.machine.now()
    assert cluster.on_card is None


async def test_the_cell_networks_time_is_taken_where_nothing_better_vouches(
    cluster: Cluster,
) -> None:
    cluster.network.true_over_machine = timedelta(hours=6)
    cluster.network.gives = True
    await cluster.keeper.look()
    assert cluster.changes == 1
    assert cluster.clock.trust() is ClockTrust.CELL
    assert cluster.clock.now() == cluster.machine.now() + timedelta(hours=6)
    cluster.machine.pass_s(100)
    cluster.machine.set_by(
        -3600
    )  # whoever sets the system's clock does not move the cell network's
    assert cluster.clock.now() == cluster.machine.now() + timedelta(hours=7)


async def test_ntp_takes_over_at_the_next_look_and_not_in_between(cluster: Cluster) -> None:
    cluster.network.true_over_machine = timedelta(seconds=90)
    cluster.network.gives = True
    await cluster.keeper.look()
    cluster.clock.trust()
    cluster.machine.kernel = ClockTrust.SYNCHRONISED
    cluster.machine.set_by(91)
    assert cluster.clock.now() == cluster.machine.now() - timedelta(seconds=1)
    assert cluster.clock.trust() is ClockTrust.SYNCHRONISED
    assert cluster.clock.now() == cluster.machine.now()
    asked = cluster.network.asked
    cluster.machine.pass_s(10 * 3600)
    await cluster.keeper.look()
    assert cluster.network.asked == asked, "nobody needs it now"


async def test_the_network_is_asked_often_until_it_answers_and_rarely_after(
    cluster: Cluster,
) -> None:
    for asked in range(1, 4):
        await cluster.keeper.look()
        assert cluster.network.asked == asked
    cluster.network.gives = True
    await cluster.keeper.look()
    for pause_ns in (ASK_AGAIN_NS, 2 * ASK_AGAIN_NS, 4 * ASK_AGAIN_NS, LONGEST_NS, LONGEST_NS):
        cluster.clock.trust()
        asked = cluster.network.asked
        cluster.machine.mono += pause_ns - 1
        await cluster.keeper.look()
        assert cluster.network.asked == asked
        cluster.machine.mono += 1
        await cluster.keeper.look()
        assert cluster.network.asked == asked + 1


async def test_whole_seconds_of_a_modem_do_not_make_the_time_jump(cluster: Cluster) -> None:
    cluster.network.gives = True
    await cluster.keeper.look()
    cluster.clock.trust()
    cluster.machine.mono += ASK_AGAIN_NS
    at = cluster.clock.now()
    cluster.network.true_over_machine = timedelta(seconds=0.9)
    await cluster.keeper.look()
    assert cluster.clock.now() == at
    cluster.machine.mono += 2 * ASK_AGAIN_NS
    cluster.network.true_over_machine = timedelta(seconds=30)
    await cluster.keeper.look()
    assert cluster.clock.now() == cluster.machine.now() + timedelta(seconds=30)


async def test_a_network_that_has_gone_silent_is_believed_for_hours_only(cluster: Cluster) -> None:
    cluster.network.gives = True
    await cluster.keeper.look()
    assert cluster.clock.trust() is ClockTrust.CELL
    cluster.network.gives = False
    cluster.machine.mono += CELL_LOST_AFTER_NS
    await cluster.keeper.look()
    assert cluster.clock.trust() is ClockTrust.CELL
    cluster.machine.pass_s(1)
    assert cluster.clock.trust() is ClockTrust.LAST_SAVED
    assert cluster.clock.doubt is Doubt.NOT_VOUCHED


async def test_a_clock_that_was_synchronised_runs_on_over_a_restart_of_the_agent(
    cluster: Cluster,
) -> None:
    cluster.machine.kernel = ClockTrust.SYNCHRONISED
    await cluster.keeper.look()
    cluster.machine.kernel = ClockTrust.UNKNOWN  # the kernel takes its word back after nine hours
    cluster.machine.pass_s(9 * 3600)
    cluster.start_again()
    assert cluster.clock.trust() is ClockTrust.SYNCHRONISED
    assert cluster.clock.doubt is Doubt.HELD
    cluster.machine.set_by(3600)
    assert cluster.clock.trust() is ClockTrust.LAST_SAVED


@pytest.mark.parametrize(
    ("behind_s", "trust"), [(0, ClockTrust.LAST_SAVED), (7200, ClockTrust.UNKNOWN)]
)
async def test_after_a_start_of_the_machine_what_was_saved_is_a_bound_alone(
    cluster: Cluster, behind_s: float, trust: ClockTrust
) -> None:
    cluster.machine.kernel = ClockTrust.SYNCHRONISED
    await cluster.keeper.look()
    cluster.machine.start_again(behind_s=behind_s)
    cluster.start_again()
    assert cluster.clock.trust() is trust


# What it costs the card


def transactions(cluster: Cluster) -> int:
    return int(cluster.ledger._db.total_changes)


async def test_it_writes_once_an_hour_at_most(cluster: Cluster) -> None:
    cluster.machine.kernel = ClockTrust.SYNCHRONISED
    before = transactions(cluster)
    for _ in range(24 * 60):
        cluster.machine.pass_s(60)
        await cluster.keeper.look()
    assert 24 <= transactions(cluster) - before <= 25


async def test_it_rides_on_what_is_written_anyway(cluster: Cluster) -> None:
    cluster.machine.kernel = ClockTrust.SYNCHRONISED
    await cluster.keeper.look()
    for _ in range(20):
        cluster.machine.pass_s(15 * 60)
        before = transactions(cluster)
        await cluster.keeper.look()
        assert transactions(cluster) == before
        cluster.row()
        assert cluster.on_card == cluster.machine.now()


async def test_a_memory_that_cannot_be_read_is_none(cluster: Cluster) -> None:
    cluster.ledger._save({"clock": "garbage"})
    cluster.start_again()
    assert cluster.clock.memory is None
