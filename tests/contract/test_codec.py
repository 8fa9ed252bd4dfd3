from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from contract.codec import (
    MAX_DESIRED_BYTES,
    Refused,
    decode,
    encode,
    encode_batch,
    open_signed,
    sign,
)
from contract.command import Ack, Beacon, Command
from contract.ids import ClusterId, CommuneId
from contract.journal import EventKind, EventRow, ItemRow, JournalAck, JournalBatch, Reason
from contract.model import Desired
from contract.note import SignerKey, sign_note
from contract.status import Availability, Beat, HubState, Reported, Telemetry
from contract.topics import Kind, cluster_topic, split_cluster_topic

GOLDEN = Path(__file__).parents[2] / "contract" / "golden"
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
PLAN = Desired(commune=CommuneId("binh-lu"), cluster=ClusterId("bl-01"), version=3, issued_at=NOW)

KINDS: dict[str, type[msgspec.Struct]] = {
    "desired": Desired,
    "reported": Reported,
    "availability": Availability,
    "beat": Beat,
    "telemetry": Telemetry,
    "hub-state": HubState,
    "journal": JournalBatch,
    "journal-ack": JournalAck,
    "command": Command,
    "ack": Ack,
    "beacon": Beacon,
}


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda p: p.name)
def test_every_golden_example_is_still_read(path: Path) -> None:
    kind = KINDS[path.name.split(".")[0]]
    message = decode(path.read_bytes(), kind, max_bytes=MAX_DESIRED_BYTES)
    assert decode(encode(message), kind) == message


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("journal.*.json")), ids=lambda p: p.name)
def test_rows_without_their_defaults_are_the_same_rows(path: Path) -> None:
    batch = decode(path.read_bytes(), JournalBatch)
    brief = encode_batch(batch)
    assert decode(brief, JournalBatch) == batch
    assert len(brief) <= len(encode(batch))


def test_a_row_leaves_out_what_goes_without_saying_and_nothing_else() -> None:
    row = EventRow(number=1, event=EventKind.SURGE, at=NOW, count=2)
    brief = msgspec.json.decode(encode_batch(JournalBatch(epoch="e", rows=(row,))))
    said = {"row": "event", "number": 1, "event": "surge", "at": "2026-11-24T10:00:00Z", "count": 2}
    assert brief == {"v": 1, "epoch": "e", "rows": [said], "held_from": 1}


def test_every_kind_of_message_has_an_example() -> None:
    assert {path.name.split(".")[0] for path in GOLDEN.glob("*.json")} == set(KINDS)


def test_a_beat_fits_forty_bytes() -> None:
    assert len(encode(Beat(b="0123abcd", n=10**9))) <= 40


def test_unknown_fields_are_ignored_and_unknown_shapes_refused() -> None:
    assert decode(b'{"online":true,"pair":"a","later":1}', Availability).online
    for payload in (b"", b"{", b"[]", b'{"online":1}', b"\xff", b"x" * 100_000):
        with pytest.raises(Refused):
            decode(payload, Availability)


@pytest.mark.parametrize(
    "payload", [b'{"v":2,"online":true,"pair":"a"}', b'{"v":2,"is_online":"yes"}']
)
def test_a_newer_contract_is_refused_by_its_name(payload: bytes) -> None:
    with pytest.raises(Refused, match="contract version 2, and this program knows 1: update it"):
        decode(payload, Availability)


def test_a_signed_plan_of_a_newer_contract_is_refused(hub_key: SignerKey) -> None:
    note = sign(msgspec.structs.replace(PLAN, v=2), hub_key)
    with pytest.raises(Refused, match="contract version 2"):
        open_signed(note, Desired, (hub_key.verifier,))


def test_a_signed_plan_is_text_and_opens(hub_key: SignerKey) -> None:
    note = sign(PLAN, hub_key)
    assert b'"version": 3' in note
    assert open_signed(note, Desired, (hub_key.verifier,)) == PLAN


def test_a_note_of_another_kind_is_refused(hub_key: SignerKey) -> None:
    ack = JournalAck(commune=PLAN.commune, cluster=PLAN.cluster, epoch="e", up_to=1, issued_at=NOW)
    with pytest.raises(Refused):
        open_signed(sign(ack, hub_key), Desired, (hub_key.verifier,))
    with pytest.raises(Refused):
        open_signed(sign(PLAN, hub_key), JournalAck, (hub_key.verifier,))


def test_an_oversized_plan_is_refused_before_it_is_read(hub_key: SignerKey) -> None:
    with pytest.raises(Refused, match="too large"):
        open_signed(
            sign_note("x" * MAX_DESIRED_BYTES + "\n", hub_key), Desired, (hub_key.verifier,)
        )


def test_naive_instants_are_refused(hub_key: SignerKey) -> None:
    text = encode(PLAN).decode().replace("2026-11-24T10:00:00Z", "2026-11-24T10:00:00") + "\n"
    with pytest.raises(Refused):
        open_signed(sign_note(text, hub_key), Desired, (hub_key.verifier,))


def test_topics_come_back_as_they_went() -> None:
    topic = cluster_topic(PLAN.commune, PLAN.cluster, Kind.JOURNAL_ACK)
    assert topic == "loaxa/v1/binh-lu/bl-01/journal-ack"
    assert split_cluster_topic(topic) == (PLAN.commune, PLAN.cluster, Kind.JOURNAL_ACK)
    for other in (
        "",
        "loaxa/v1/binh-lu/command",
        "loaxa/v2/a/b/beat",
        "loaxa/v1/a/b/nothing",
        "a/b/c/d/e",
    ):
        assert split_cluster_topic(other) is None


def test_a_journal_word_of_a_newer_program_is_taken_as_other() -> None:
    batch = (GOLDEN / "journal.v1.json").read_bytes()
    newer = batch.replace(b'"agent_down"', b'"eclipse"').replace(b'"surge"', b'"meteor"')
    rows = decode(newer, JournalBatch).rows
    assert isinstance(rows[0], ItemRow)
    assert isinstance(rows[1], EventRow)
    assert (rows[0].reason, rows[1].event) == (Reason.OTHER, EventKind.OTHER)
