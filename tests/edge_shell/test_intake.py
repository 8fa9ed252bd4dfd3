from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from contract.codec import MAX_DESIRED_BYTES, Refused, sign
from contract.ids import ClusterId, CommuneId
from contract.model import QuietHours, Weekly
from contract.note import generate_key, sign_note
from edge.shell.files import write_atomically
from edge.shell.intake import AlreadyHeld, take_desired
from edge.shell.plan_store import PlanStore

COMMUNE, CLUSTER = CommuneId("binh-lu"), ClusterId("bl-01")


def take(note: bytes, papers: Any, accepted: int = 5, held: int = 5) -> Any:
    keys = (papers.signer.verifier,)
    return take_desired(note, keys, COMMUNE, CLUSTER, accepted, held)


def test_a_newer_plan_is_taken(papers: Any) -> None:
    plan = papers.plan(6)
    assert take(papers.note(plan), papers) == plan


def test_the_plan_in_force_is_known_again(papers: Any) -> None:
    with pytest.raises(AlreadyHeld):
        take(papers.note(papers.plan(5)), papers)


@pytest.mark.parametrize("held", [0, 4])
def test_the_accepted_plan_is_taken_again_when_its_file_was_lost(papers: Any, held: int) -> None:
    assert take(papers.note(papers.plan(5)), papers, held=held).version == 5


def odd(papers: Any, **facts: Any) -> bytes:
    """A plan that the hub's own types would not let through, well signed."""
    raw = msgspec.json.decode(msgspec.json.encode(papers.plan(6))) | facts
    return sign_note(msgspec.json.encode(raw).decode() + "\n", papers.signer)


def weekly(papers: Any, **facts: Any) -> bytes:
    """A plan whose slot returns every week."""
    bulletin = papers.bulletin("tin")
    when = Weekly(days=(1, 2, 3, 4, 5, 6, 7), times=("17:00",))
    note: bytes = papers.note(papers.plan(6, (bulletin, papers.slot(bulletin, when=when)), **facts))
    return note


REFUSED: dict[str, tuple[Callable[[Any], bytes], str]] = {
    "nothing": (lambda p: b"", "signature"),
    "no note": (lambda p: b"hello", "signature"),
    "no UTF-8": (lambda p: b"\xff\xfe" * 50, "signature"),
    "unsigned": (lambda p: msgspec.json.encode(p.plan(6)) + b"\n", "signature"),
    "signed by a stranger": (lambda p: sign(p.plan(6), generate_key("stranger")), "no key"),
    "a stranger of the same name": (lambda p: sign(p.plan(6), generate_key(p.signer.name)), "no key"),
    "changed after signing": (
        lambda p: p.note(p.plan(6)).replace(b'"version": 6', b'"version": 7'),
        "does not fit",
    ),
    "cut off": (lambda p: p.note(p.plan(6))[:-20], "signature"),
    "oversized": (lambda p: p.note(p.plan(6, groups=("a" * 30,) * 9000)), "too large"),
    "an answer, not a plan": (lambda p: p.ack("e", 1), "unreadable|journal-ack"),
    "no JSON": (lambda p: sign_note("hello\n", p.signer), "unreadable"),
    "no number of a version": (lambda p: odd(p, version="6"), "unreadable"),
    "a naive instant": (lambda p: odd(p, issued_at="2026-11-24T17:00:00"), "unreadable"),
    "another kind": (lambda p: odd(p, kind="command"), "this is a 'command'"),
    "older": (lambda p: p.note(p.plan(4)), "older than 5"),
    "another cluster": (lambda p: p.note(p.plan(6, cluster=ClusterId("bl-02"))), "bl-02"),
    "another commune": (lambda p: p.note(p.plan(6, commune=CommuneId("xa-khac"))), "xa-khac"),
    "a zone that is none": (lambda p: weekly(p, zone="Mars/Base"), "unusable"),
    "a zone that is a path": (lambda p: weekly(p, zone="../etc/passwd"), "unusable"),
    "a zone of quiet hours": (
        lambda p: p.note(
            p.plan(6, zone="Mars", quiet_hours=(QuietHours(start="21:30", end="05:00"),))
        ),
        "unusable",
    ),
    "a sound without end": (
        lambda p: p.note(
            p.plan(6, *[(b, p.slot(b)) for b in [replace(p.bulletin("tin"), duration_ms=10**18)]])
        ),
        "unusable",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_says_why(papers: Any, case: str) -> None:
    make, why = REFUSED[case]
    note = make(papers)
    if case == "oversized":
        assert len(note) > MAX_DESIRED_BYTES
    with pytest.raises(Refused, match=why):
        take(note, papers)


# On the card


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "desired.note"


@pytest.fixture
def store(path: Path, papers: Any) -> PlanStore:
    return PlanStore(path, (papers.signer.verifier,), COMMUNE, CLUSTER)


def test_a_saved_plan_is_there_after_a_new_start(store: PlanStore, papers: Any) -> None:
    assert store.load() is None
    for version in (1, 2):
        store.save(papers.note(papers.plan(version)))
        assert store.load() == papers.plan(version)


@pytest.mark.parametrize("size", [0, 1, 100])
def test_a_write_cut_off_before_its_rename_leaves_the_old_plan(
    store: PlanStore, path: Path, papers: Any, size: int
) -> None:
    store.save(papers.note(papers.plan(1)))
    path.with_name(path.name + ".new").write_bytes(papers.note(papers.plan(2))[:size])
    assert store.load() == papers.plan(1)
    store.save(papers.note(papers.plan(3)))
    assert store.load() == papers.plan(3)
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_write_that_fails_leaves_the_old_plan(store: PlanStore, path: Path, papers: Any) -> None:
    store.save(papers.note(papers.plan(1)))
    path.with_name(path.name + ".new").mkdir()  # nothing can be written there
    with pytest.raises(OSError, match="directory"):
        write_atomically(path, b"half")
    assert store.load() == papers.plan(1)


@pytest.mark.parametrize(
    "damage", [lambda raw: b"", lambda raw: raw[:100], lambda raw: raw.replace(b"1", b"2")]
)
def test_a_damaged_plan_is_set_aside_and_kept_as_evidence(
    store: PlanStore, path: Path, papers: Any, damage: Any
) -> None:
    note = papers.note(papers.plan(1))
    path.write_bytes(damage(note))
    assert store.load() is None
    assert not path.exists()
    assert path.with_name("desired.note.broken-1").read_bytes() == damage(note)


def test_the_plan_of_another_cluster_is_not_in_force(
    store: PlanStore, path: Path, papers: Any
) -> None:
    path.write_bytes(papers.note(papers.plan(1, cluster=ClusterId("bl-02"))))
    assert store.load() is None


def test_a_plan_is_tried_out_at_the_instant_it_was_made(papers: Any) -> None:
    plan = papers.plan(6)
    late = replace(plan, issued_at=plan.issued_at + timedelta(days=3650))
    assert take(papers.note(late), papers) == late
