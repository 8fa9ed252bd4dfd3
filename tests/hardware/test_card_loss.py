"""What a power cut may leave of a file, for any changes: against a model that remembers every state."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hardware.simulated.card_log import Change, Op, read_changes, unsafe
from hardware.simulated.card_loss import PAGE, _choose, _touched, undo

ROUGH = 3 * PAGE
sizes = st.integers(0, ROUGH) | st.sampled_from([0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE])
writes = st.tuples(st.just("write"), sizes, sizes, st.integers(1, 255))
cuts = st.tuples(st.just("cut"), sizes, st.just(0), st.just(0))
doings = st.lists(writes | cuts, max_size=8)


def change(op: Op, at: int, file: int = 1, other: int = 0, **more: Any) -> Change:
    facts: dict[str, Any] = {
        "offset": 0,
        "length": 0,
        "old_size": 0,
        "path": "",
        "new_path": "",
        "old": b"",
    }
    return Change(op, at, file, other, **(facts | more))


def play(doings: list[tuple[str, int, int, int]]) -> tuple[list[bytes], list[Change]]:
    """Every state of a file, and the log of what was done to it."""
    now = bytearray(b"\xfe" * (PAGE + 100))
    states, changes = [bytes(now)], []
    for number, (what, offset, length, byte) in enumerate(doings):
        size = len(now)
        if what == "write":
            old = bytes(now[offset : offset + length])
            changes.append(
                change(Op.WRITE, number, offset=offset, length=length, old_size=size, old=old)
            )
            if length:
                now.extend(bytes(max(0, offset + length - size)))
                now[offset : offset + length] = bytes([byte]) * length
        else:
            old = bytes(now[offset:])
            changes.append(change(Op.TRUNCATE, number, offset=offset, old_size=size, old=old))
            now = now[:offset] + bytes(max(0, offset - size))
        states.append(bytes(now))
    return states, changes


@given(doings)
def test_every_state_can_be_built_again(doings: list[tuple[str, int, int, int]]) -> None:
    states, changes = play(doings)
    now = bytearray(states[-1])
    for number in range(len(changes), 0, -1):
        assert bytes(now) == states[number]
        undo(now, changes[number - 1])
    assert bytes(now) == states[0]


@given(doings, st.integers())
def test_whole_writes_leave_a_state_that_was(
    doings: list[tuple[str, int, int, int]], seed: int
) -> None:
    states, changes = play(doings)
    assert _choose(bytearray(states[-1]), changes, random.Random(seed), torn=False) in states


@given(doings, st.integers())
def test_a_torn_file_holds_nothing_that_was_never_written(
    doings: list[tuple[str, int, int, int]], seed: int
) -> None:
    states, changes = play(doings)
    left = _choose(bytearray(states[-1]), changes, random.Random(seed), torn=True)
    assert len(left) <= max(len(state) for state in states)
    for at, byte in enumerate(left):
        if byte:
            assert any(at < len(state) and state[at] == byte for state in states)


@given(doings, st.integers())
def test_what_every_state_has_alike_is_never_lost(
    doings: list[tuple[str, int, int, int]], seed: int
) -> None:
    states, changes = play(doings)
    left = _choose(bytearray(states[-1]), changes, random.Random(seed), torn=True)
    touched = {page for one in changes for page in _touched(one)}
    for page in set(range(-(-len(states[0]) // PAGE))) - touched:
        part = slice(page * PAGE, (page + 1) * PAGE)
        assert left[part] == states[0][part]


def test_a_sync_covers_what_was_there_when_it_began() -> None:
    log = [
        change(Op.WRITE, 0),
        change(Op.WRITE, 100),
        change(Op.WRITE, 200, file=2),
        change(Op.SYNC_FILE, 300, other=100),
    ]
    left = unsafe(log)
    assert [one.at for one in left.data[1]] == [100]
    assert [one.at for one in left.data[2]] == [200]
    assert unsafe([*log, change(Op.SYNC_ALL, 400, other=400)]).data == {}


def test_an_entry_that_was_cut_off_is_no_entry(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"DRAC")
    assert read_changes(tmp_path / "log") == []
    assert read_changes(tmp_path / "none") == []
