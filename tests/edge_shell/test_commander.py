"""What is obeyed, what is refused, and that neither is done twice, whatever the power does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.codec import decode, sign
from contract.command import (
    Ack,
    Audience,
    Beacon,
    Command,
    Mode,
    Refusal,
    Stage,
    StartEmergency,
    StopEmergency,
)
from contract.fault import FaultCode
from contract.journal import EventKind, EventRow, ItemRow, Outcome, Reason
from contract.model import Desired
from contract.note import SignerKey, generate_key
from contract.ports import ClockTrust
from contract.topics import Kind
from edge.core.emergency import Step, Turn
from edge.core.state import Cue, Occurrence
from edge.shell.acks import Acks
from edge.shell.commander import BURST, Commander
from edge.shell.diary import Diary
from edge.shell.emergency_desk import SPEECH_TRIES, EmergencyDesk
from edge.shell.fault_board import FaultBoard
from edge.shell.ledger import Ledger

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)


class HandClock:
    """Moves when it is told."""

    def __init__(self) -> None:
        self.at = NOW
        self.mono = 10**12
        self.known = ClockTrust.SYNCHRONISED

    def now(self) -> datetime:
        return self.at

    def mono_ns(self) -> int:
        return self.mono

    def trust(self) -> ClockTrust:
        return self.known

    def pass_s(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.mono += round(seconds * 1e9)


class NoPlan:
    """The keeper of a cluster that has no plan yet, counting how often it was asked to fetch."""

    plan: Desired | None = None
    fetches = 0

    def fetch_what_is_missing(self) -> None:
        self.fetches += 1


class Post:
    """A commander with its real parts."""

    def __init__(self, folder: Path, config: Any, papers: Any, wire: Any) -> None:
        self.folder = folder
        self.config = config
        self.papers = papers
        self.wire = wire
        self.clock = HandClock()
        self.start()

    def start(self) -> None:
        """As after a power cut: only the ledger knows what was."""
        self.ledger = Ledger(self.folder / "ledger.db")
        self.acks = Acks(clock=self.clock, link=self.wire)
        diary = Diary(clock=self.clock, ledger=self.ledger, poke=lambda: None)
        self.faults = FaultBoard(diary)
        self.desk = EmergencyDesk(
            clock=self.clock,
            ledger=self.ledger,
            acks=self.acks,
            held=lambda: frozenset({self.bulletin().sha256}),
            on_row=lambda: None,
        )
        self.plans = NoPlan()
        self.commander = Commander(
            config=self.config,
            clock=self.clock,
            ledger=self.ledger,
            plans=self.plans,
            desk=self.desk,
            acks=self.acks,
            diary=diary,
            faults=self.faults,
        )
        self.desk.know_time(self.commander.real_now)  # as the loop does before each decision

    def power_cut(self) -> None:
        self.ledger.close()
        self.start()

    def bulletin(self) -> Any:
        return self.papers.bulletin("lu")

    def command(self, seq: int = 1, **more: Any) -> Command:
        facts: dict[str, Any] = {
            "commune": self.config.commune,
            "id": f"e-{seq}",
            "seq": seq,
            "audience": Audience(everyone=True),
            "issued_at": self.clock.now(),
            "expires_at": self.clock.now() + timedelta(minutes=30),
            "order": StartEmergency(bulletin=self.bulletin(), repeats=1),
        }
        return Command(**(facts | more))

    def note(self, command: Command, key: SignerKey | None = None) -> bytes:
        return sign(command, key or self.papers.signer)

    def take(self, seq: int = 1, **more: Any) -> bytes:
        note = self.note(self.command(seq, **more))
        self.commander.take(note)
        return note

    def meet_hub(
        self, at: datetime | None = None, seq_floor: int = 0, nonce: str = "n" * 8
    ) -> None:
        self.commander.connected(nonce)
        self.beacon(at, seq_floor, nonce)

    def beacon(self, at: datetime | None = None, seq_floor: int = 0, nonce: str = "n" * 8) -> None:
        beacon = Beacon(
            commune=self.config.commune,
            cluster=self.config.cluster,
            nonce=nonce,
            at=at or self.clock.now(),
            seq_floor=seq_floor,
        )
        self.commander.take_beacon(sign(beacon, self.papers.signer))

    @property
    def queue(self) -> list[str]:
        return [one.id for one in self.desk.queue]

    def said(self) -> list[tuple[str, Stage, str]]:
        return [(ack.command, ack.stage, ack.reason) for ack in self.acks._waiting]

    def events(self, kind: EventKind) -> list[EventRow]:
        rows = self.ledger.rows_waiting(max_bytes=10**9)
        return [row for row in rows if isinstance(row, EventRow) and row.event is kind]


@pytest.fixture
def post(tmp_path: Path, config: Any, papers: Any, wire: Any) -> Iterator[Post]:
    made = Post(tmp_path, config, papers, wire)
    made.meet_hub()
    yield made
    made.ledger.close()


def test_an_emergency_is_remembered_before_it_is_answered(post: Post) -> None:
    post.take(1)
    assert post.queue == ["e-1"]
    assert post.said() == [("e-1", Stage.VERIFIED, "")]
    assert post.plans.fetches == 1
    post.power_cut()
    assert post.queue == ["e-1"]
    assert post.ledger.marks().have(1)


def test_the_same_one_twice_is_one_also_after_a_power_cut(post: Post) -> None:
    note = post.take(1)
    post.commander.take(note)
    assert post.queue == ["e-1"]
    post.power_cut()
    post.commander.take(note)
    assert post.queue == ["e-1"]
    assert post.said()[-1] == ("e-1", Stage.FAILED, "replay")
    assert post.commander.refused == {}  # the hub asks again when an answer was lost


def test_an_old_recording_is_told_as_one(post: Post) -> None:
    note = post.take(1)
    post.clock.pass_s(3600)
    post.commander.take(note)
    assert post.commander.refused == {Refusal.REPLAY: 1}
    assert FaultCode.COMMANDS_REFUSED in post.faults.present


def test_two_wait_in_turn(post: Post) -> None:
    post.take(2)
    post.take(1)
    assert post.queue == ["e-2", "e-1"]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"commune": "ban-hon"}, Refusal.OTHER_COMMUNE),
        ({"expires_at": NOW - timedelta(seconds=1)}, Refusal.EXPIRED),
        ({"expires_at": NOW + timedelta(days=3)}, Refusal.TOO_LONG_LIVED),
    ],
)
def test_what_does_not_hold_is_refused_and_told(
    post: Post, more: dict[str, Any], why: Refusal
) -> None:
    post.take(1, **more)
    assert post.queue == []
    assert post.commander.refused == {why: 1}
    assert FaultCode.COMMANDS_REFUSED in post.faults.present
    assert [row.detail.split(":")[0] for row in post.events(EventKind.COMMAND_REFUSED)] == [why]


def test_a_stranger_commands_nothing(post: Post) -> None:
    post.commander.take(post.note(post.command(), generate_key("hub-binh-lu")))
    post.commander.take(b"loud!")
    post.commander.take(b"x" * 20_000)
    assert post.queue == []
    assert post.said() == []
    assert post.commander.refused == {Refusal.NOT_SIGNED: 2, Refusal.TOO_LARGE: 1}


def test_others_are_meant(post: Post) -> None:
    post.take(1, audience=Audience(clusters=("bl-02",)))
    assert (post.queue, post.said()) == ([], [])
    post.take(2, audience=Audience(groups=("all",)))
    assert post.queue == ["e-2"]


def test_a_flood_is_counted_in_one_row_and_the_next_order_after_it_is_obeyed(post: Post) -> None:
    forged = post.note(post.command(), generate_key("hub-binh-lu"))
    for _ in range(10_000):
        post.commander.take(forged)
    assert post.commander.refused[Refusal.NOT_SIGNED] == BURST
    assert post.commander.refused.total() == 10_000
    assert len(post.events(EventKind.COMMAND_REFUSED)) == 1
    post.clock.pass_s(1)
    post.take(1)
    assert post.queue == ["e-1"]
    post.clock.pass_s(600)
    post.commander.look()
    assert sum(row.count for row in post.events(EventKind.COMMAND_REFUSED)) == 10_000
    post.clock.pass_s(600)
    post.commander.look()
    assert FaultCode.COMMANDS_REFUSED not in post.faults.present


def test_without_a_clock_only_this_connections_beacon_tells_what_is_fresh(post: Post) -> None:
    recorded = post.note(post.command(5))
    post.clock.at = datetime(1970, 1, 1, tzinfo=UTC)
    post.clock.known = ClockTrust.UNKNOWN
    post.commander.connected("m" * 8)
    post.beacon(NOW, nonce="n" * 8)  # of another connection: somebody plays it back
    post.commander.take(recorded)
    assert post.queue == []
    post.beacon(NOW + timedelta(hours=2), nonce="m" * 8)
    post.commander.take(recorded)
    assert post.commander.refused == {Refusal.NO_BEACON: 1, Refusal.EXPIRED: 1}
    post.take(6, issued_at=NOW, expires_at=NOW + timedelta(hours=3))
    assert post.queue == ["e-6"]
    assert post.desk.queue[0].until - post.clock.now() == timedelta(hours=1)


def test_a_ledger_that_lost_its_marks_obeys_nothing_from_before_the_beacon(post: Post) -> None:
    recorded = post.take(7)
    post.ledger.close()
    (post.folder / "ledger.db").unlink()
    post.start()
    post.commander.take(recorded)
    assert post.queue == []
    post.meet_hub(seq_floor=7)
    post.commander.take(recorded)
    assert post.queue == []
    assert post.said()[-1] == ("e-7", Stage.FAILED, "replay")
    post.take(8)
    assert post.queue == ["e-8"]


def cue_of(post: Post, step: Step) -> Cue:
    turn = Turn(emergency="e-1", step=step, not_before=post.clock.now())
    post.desk.turn = turn
    bulletin = post.bulletin()
    occurrence = Occurrence(
        slot=post.papers.slot(bulletin), bulletin=bulletin, planned_at=post.clock.now()
    )
    return Cue(
        occurrence=occurrence,
        begun_at=post.clock.now(),
        start_at=post.clock.now(),
        offset_ms=0,
        reason=Reason.PLANNED,
        volume_pct=100,
        turn=turn,
    )


def test_what_became_of_it_is_a_row_and_the_hub_is_told(post: Post) -> None:
    post.take(1)
    post.desk.began(cue_of(post, Step.TONE), post.clock.now())
    post.desk.heard_out(cue_of(post, Step.TONE), post.clock.now())
    assert post.desk.turn is not None
    assert post.desk.turn.step is Step.SPEECH
    post.clock.pass_s(20)
    post.desk.heard_out(cue_of(post, Step.SPEECH), post.clock.now())
    assert post.queue == []
    (row,) = [r for r in post.ledger.rows_waiting(max_bytes=10**6) if isinstance(r, ItemRow)]
    assert (row.slot, row.outcome, row.reason) == ("e-1", Outcome.COMPLETED, Reason.PLANNED)
    assert (row.started_at, row.ended_at) == (NOW, NOW + timedelta(seconds=20))
    assert [stage for _, stage, _ in post.said()] == [Stage.VERIFIED, Stage.STARTED, Stage.ENDED]
    post.power_cut()
    assert post.queue == []


@pytest.mark.parametrize(
    ("level_db", "is_let_out", "why"),
    [(-110.0, True, Reason.SILENT), (-20.0, False, Reason.AMPLIFIER_SILENT)],
)
def test_what_was_played_and_not_heard_is_not_called_heard(
    post: Post, level_db: float, is_let_out: bool, why: Reason
) -> None:
    post.take(1)
    post.desk.began(cue_of(post, Step.TONE), post.clock.now())
    post.desk.measured(cue_of(post, Step.SPEECH), level_db, is_let_out=is_let_out)
    post.desk.heard_out(cue_of(post, Step.SPEECH), post.clock.now())
    (row,) = [r for r in post.ledger.rows_waiting(max_bytes=10**6) if isinstance(r, ItemRow)]
    assert (row.outcome, row.reason, row.started_at) == (Outcome.NOT_AIRED, why, None)
    assert post.said()[-1] == ("e-1", Stage.FAILED, str(why))


def test_a_stop_ends_what_sounds_and_what_waits(post: Post) -> None:
    post.take(1)
    post.take(2)
    post.desk.began(cue_of(post, Step.TONE), post.clock.now())
    post.take(3, order=StopEmergency())
    assert post.queue == []
    assert post.desk.overridden_until == post.clock.now()
    rows = [r for r in post.ledger.rows_waiting(max_bytes=10**6) if isinstance(r, ItemRow)]
    assert [(row.slot, row.outcome, row.reason) for row in rows] == [
        ("e-1", Outcome.PARTIAL, Reason.STOPPED),
        ("e-2", Outcome.NOT_AIRED, Reason.STOPPED),
    ]
    assert post.said()[-1] == ("e-3", Stage.ENDED, "")


def test_a_bulletin_that_the_player_cannot_play_gives_way_to_the_next(post: Post) -> None:
    post.take(1)
    post.take(2)
    for tried in range(SPEECH_TRIES):
        assert post.queue == ["e-1", "e-2"], tried
        post.desk.failed(cue_of(post, Step.SPEECH))
    assert post.queue == ["e-2"]
    assert ("e-1", Stage.FAILED, "player_failed") in post.said()


async def test_acknowledgements_wait_for_the_link_and_keep_their_order(
    post: Post, wire: Any, running: Any, eventually: Any
) -> None:
    wire.is_up = False
    post.take(1)
    async with running(post.acks.run()):
        await eventually(lambda: wire.tries)
        post.desk.began(cue_of(post, Step.TONE), post.clock.now())
        wire.is_up = True
        post.acks.link_is_up()
        await eventually(lambda: len(wire.of(Kind.ACK)) == 2)
    acks = [decode(payload, Ack) for payload in wire.of(Kind.ACK)]
    assert [ack.stage for ack in acks] == [Stage.VERIFIED, Stage.STARTED]


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_no_byte_of_an_order_can_be_changed(post: Post, data: st.DataObject) -> None:
    post.clock.pass_s(60)
    note = bytearray(post.note(post.command(2**40, mode=Mode.DRILL)))
    place = data.draw(st.integers(0, len(note) - 1))
    note[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != note[place]))
    post.commander.take(bytes(note))
    assert post.queue == []


def test_its_life_counts_from_the_hubs_clock(post: Post) -> None:
    post.clock.at -= timedelta(minutes=20)  # trusted, and wrong all the same
    post.meet_hub(NOW)
    post.take(1, issued_at=NOW, expires_at=NOW + timedelta(minutes=5))
    (one,) = post.desk.queue
    assert one.until == post.clock.now() + timedelta(minutes=5)
