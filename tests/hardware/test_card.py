"""The simulated card, proved with small programs that run on it."""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import pytest

from hardware.simulated.card import Card, build

SEEDS = 24
KNOWS = """
import os, sys, sqlite3, errno
root = sys.argv[1]
at = lambda name: os.path.join(root, name)
def put(name, data, mode="wb", sync=False):
    with open(at(name), mode) as file:
        file.write(data)
        file.flush()
        if sync: os.fsync(file.fileno())
def sync_names():
    handle = os.open(root, os.O_RDONLY); os.fsync(handle); os.close(handle)
"""
Seen = TypeVar("Seen")


@pytest.fixture(scope="session", autouse=True)
def _library() -> Path:
    return build()


@pytest.fixture
def card(tmp_path: Path) -> Card:
    made = Card(tmp_path / "store", tmp_path / "card")
    made.lay_out()
    return made


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def run(card: Card, store: Path, program: str, *, ends: int = 0) -> str:
    command = card.command([sys.executable, "-S", "-c", KNOWS + program, str(store)])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == ends, done.stderr
    return done.stdout.strip()


def outcomes(
    card: Card, store: Path, program: str, look: Callable[[], Seen], *, torn: bool = False
) -> set[Seen]:
    """What a power cut after the program may leave, over many choices."""
    seen: set[Seen] = set()
    for seed in range(SEEDS):
        for path in store.glob("*"):
            path.unlink() if path.is_file() else shutil.rmtree(path)
        card.lay_out()
        run(card, store, program)
        card.lose_power(random.Random(seed), torn=torn)
        seen.add(look())
    return seen


def content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def test_what_was_not_brought_to_the_card_may_be_lost(card: Card, store: Path) -> None:
    program = (
        "put('a', b'old', sync=True); sync_names(); put('a', b'1', 'ab'); put('a', b'2', 'ab')"
    )
    assert outcomes(card, store, program, lambda: content(store / "a")) == {
        b"old", b"old1", b"old12"
    }  # fmt: skip


@pytest.mark.parametrize("torn", [False, True])
def test_what_was_brought_to_it_never_is(card: Card, store: Path, torn: bool) -> None:
    program = "put('a', b'x' * 9000); put('a', b'y' * 9000, 'ab', sync=True); sync_names()"
    whole = b"x" * 9000 + b"y" * 9000
    assert outcomes(card, store, program, lambda: content(store / "a"), torn=torn) == {whole}


def test_a_new_file_may_vanish_until_its_folder_is_brought_to_the_card(
    card: Card, store: Path
) -> None:
    program = "put('a', b'x', sync=True)"
    seen = outcomes(card, store, program, lambda: content(store / "a"))
    assert seen == {None, b"x"}


def test_a_rename_may_be_lost_until_its_folder_is_brought_to_the_card(
    card: Card, store: Path
) -> None:
    program = """
put('a', b'old', sync=True); sync_names()
put('a.new', b'new', sync=True); os.replace(at('a.new'), at('a'))
"""
    seen = outcomes(card, store, program, lambda: (content(store / "a"), content(store / "a.new")))
    assert seen == {(b"old", None), (b"old", b"new"), (b"new", None)}
    program += "sync_names()"
    assert outcomes(card, store, program, lambda: content(store / "a")) == {b"new"}


def test_a_rename_before_the_data_is_on_the_card_leaves_an_empty_file(
    card: Card, store: Path
) -> None:
    """The classic fault of programs that forget the first fsync."""
    program = "put('a.new', b'new'); os.replace(at('a.new'), at('a')); sync_names()"
    assert outcomes(card, store, program, lambda: content(store / "a")) == {b"", b"new"}


def test_a_removed_file_may_come_back_whole(card: Card, store: Path) -> None:
    program = "put('a', b'x' * 5000, sync=True); sync_names(); os.unlink(at('a'))"
    seen = outcomes(card, store, program, lambda: content(store / "a"), torn=True)
    assert seen == {None, b"x" * 5000}


def test_names_are_lost_from_the_last_one_on(card: Card, store: Path) -> None:
    program = "[put(name, b'', sync=True) for name in 'abc']"
    seen = outcomes(card, store, program, lambda: "".join(sorted(p.name for p in store.iterdir())))
    assert seen == {"", "a", "ab", "abc"}


def test_a_folder_may_vanish_with_what_is_in_it(card: Card, store: Path) -> None:
    program = "os.mkdir(at('f')); put('f/a', b'x', sync=True)"
    seen = outcomes(card, store, program, lambda: len([*store.rglob("*")]))
    assert seen == {0, 1, 2}


def test_a_torn_write_is_a_part_of_it_or_zeros(card: Card, store: Path) -> None:
    program = "put('a', b'o' * 8192, sync=True); sync_names(); put('a', b'n' * 20000, 'r+b')"
    old, new = b"o" * 8192, b"n" * 20000
    seen = outcomes(card, store, program, (store / "a").read_bytes, torn=True)
    assert {old, new} < seen
    assert all(set(one) <= set(b"on\0") for one in seen)
    assert any(b"n" in one and b"o" in one for one in seen)
    assert any(b"\0" in one for one in seen)
    assert any(len(one) % 4096 for one in seen if one != new)


def test_pages_that_were_not_touched_stay(card: Card, store: Path) -> None:
    program = """
put('a', b'o' * 40960, sync=True); sync_names()
handle = os.open(at('a'), os.O_WRONLY); os.pwrite(handle, b'n' * 4096, 8192)
"""
    whole = b"o" * 40960
    for one in outcomes(card, store, program, lambda: content(store / "a"), torn=True):
        assert isinstance(one, bytes)
        assert one[:8192] + one[12288:] == whole[:8192] + whole[12288:]


def test_a_cut_file_may_be_whole_again(card: Card, store: Path) -> None:
    program = """
put('a', b'0123456789', sync=True); sync_names()
put('a', b'new'); os.truncate(at('a'), 1)
"""
    assert outcomes(card, store, program, lambda: content(store / "a")) == {
        b"0123456789", b"", b"new", b"n"
    }  # fmt: skip


def test_room_that_was_reserved_is_real_and_may_be_lost(card: Card, store: Path) -> None:
    program = """
put('a', b'x', sync=True); sync_names()
handle = os.open(at('a'), os.O_WRONLY); os.posix_fallocate(handle, 0, 100_000)
assert os.fstat(handle).st_blocks * 512 >= 100_000
"""
    seen = outcomes(card, store, program, lambda: content(store / "a"))
    assert seen == {b"x", b"x" + bytes(99_999)}


def test_a_cut_off_end_of_zeros_comes_back_too(card: Card, store: Path) -> None:
    program = "put('a', b'x' + bytes(9999), sync=True); sync_names(); os.truncate(at('a'), 1)"
    seen = outcomes(card, store, program, lambda: content(store / "a"))
    assert seen == {b"x", b"x" + bytes(9999)}


def test_memory_is_empty_after_it(card: Card, store: Path) -> None:
    run(card, store, "os.mkdir(at('run')); put('run/status.json', b'{}', sync=True); sync_names()")
    card.lose_power(random.Random(1))
    assert list((store / "run").iterdir()) == []


def test_a_second_program_goes_on_with_the_same_log(card: Card, store: Path) -> None:
    seen = set()
    for seed in range(SEEDS):
        (store / "a").unlink(missing_ok=True)
        card.lay_out()
        run(card, store, "put('a', b'1', sync=True); sync_names(); put('a', b'2', 'ab')")
        run(card, store, "put('a', b'3', 'ab')")
        card.lose_power(random.Random(seed))
        seen.add(content(store / "a"))
    assert seen == {b"1", b"12", b"123"}


# SQLite

ROWS = """
db = sqlite3.connect(at('a.db'), isolation_level=None)
db.execute('PRAGMA journal_mode=WAL'); db.execute('PRAGMA synchronous=%s')
db.execute('PRAGMA wal_autocheckpoint=%s')
db.execute('CREATE TABLE t (n, data)')
for n in range(12): db.execute('INSERT INTO t VALUES (?, ?)', (n, b'd' * 3000))
os._exit(0)
"""


def rows(store: Path) -> int | None:
    with closing(sqlite3.connect(store / "a.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        try:
            found = [n for (n,) in db.execute("SELECT n FROM t ORDER BY n")]
        except sqlite3.OperationalError:
            return None
    assert found == list(range(len(found)))
    return len(found)


@pytest.mark.parametrize("torn", [False, True])
def test_every_row_that_sqlite_brought_to_the_card_is_there(
    card: Card, store: Path, torn: bool
) -> None:
    assert outcomes(card, store, ROWS % ("FULL", 3), lambda: rows(store), torn=torn) == {12}


def test_without_its_fsyncs_sqlite_loses_rows(card: Card, store: Path) -> None:
    """Or the card would forget nothing that SQLite does."""
    seen = outcomes(card, store, ROWS % ("NORMAL", 0), lambda: rows(store))
    assert len(seen) > 1


# Faults

TRY = """
def attempt(do):
    try: return do()
    except OSError as error: return errno.errorcode[error.errno]
"""


def test_a_full_card_takes_what_fits_and_no_more(card: Card, store: Path) -> None:
    card.change_faults(room_bytes=5000)
    said = run(
        card,
        store,
        TRY + "handle = os.open(at('a'), os.O_RDWR | os.O_CREAT)\n"
        "free = lambda: (facts := os.statvfs(root)).f_bavail * facts.f_frsize\n"
        "print(free(), os.write(handle, b'x' * 4000), os.write(handle, b'y' * 4000), end=' ')\n"
        "print(attempt(lambda: os.write(handle, b'z')), free(), os.pwrite(handle, b'new', 0), end=' ')\n"
        "os.unlink(at('a')); print(free(), attempt(lambda: put('b', b'z')))",
    )
    assert said == "4096 4000 1000 ENOSPC 0 3 4096 None"


def test_a_full_card_fails_sqlite_as_a_real_one_does(card: Card, store: Path) -> None:
    run(card, store, ROWS % ("FULL", 3))
    card.change_faults(room_bytes=0)
    said = run(
        card,
        store,
        "db = sqlite3.connect(at('a.db'))\n"
        "try:\n    db.execute('INSERT INTO t VALUES (12, zeroblob(90000))'); db.commit()\n"
        "except sqlite3.OperationalError as error: print(error)",
    )
    assert said in ("database or disk is full", "disk I/O error")
    card.change_faults(room_bytes=-1)
    assert rows(store) == 12


def test_a_read_only_card(card: Card, store: Path) -> None:
    run(card, store, "put('a', b'x')")
    card.change_faults(read_only=True)
    said = run(
        card,
        store,
        TRY + "print(attempt(lambda: put('a', b'y')), attempt(lambda: put('b', b'')),"
        "attempt(lambda: os.unlink(at('a'))), open(at('a')).read(), os.statvfs(root).f_flag & 1)",
    )
    assert said == "EROFS EROFS EROFS x 1"


def test_writes_and_reads_that_fail(card: Card, store: Path) -> None:
    run(card, store, "put('a', b'x')")
    card.change_faults(write_errors_pct=100, read_errors_pct=100)
    said = run(
        card,
        store,
        TRY + "print(attempt(lambda: put('a', b'y')), attempt(lambda: open(at('a'), 'rb').read()))",
    )
    assert said == "EIO EIO"


def test_a_write_that_comes_back_wrong(card: Card, store: Path) -> None:
    card.change_faults(garbled_pct=100)
    run(card, store, "put('a', b'x' * 10, sync=True)")
    assert (store / "a").read_bytes() != b"x" * 10


def test_faults_come_and_go_while_the_program_runs(card: Card, store: Path) -> None:
    program = TRY + "for _ in sys.stdin: print(attempt(lambda: put('a', b'y')), flush=True)"
    command = card.command([sys.executable, "-S", "-c", KNOWS + program, str(store)])
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        said = []
        for read_only in (False, True, False):
            card.change_faults(read_only=read_only)
            child.stdin.write("\n")
            child.stdin.flush()
            said.append(child.stdout.readline().strip())
        child.stdin.close()
    assert said == ["None", "EROFS", "None"]


@pytest.mark.parametrize(("how", "left"), [(0, b""), (1, b"ab"), (2, b"abcd")])
def test_the_program_dies_at_the_change_that_was_chosen(
    card: Card, store: Path, how: int, left: bytes
) -> None:
    card.change_faults(kill_at=2, kill_how=how)  # 1: the file is made
    run(card, store, "put('a', b'abcd')", ends=-signal.SIGKILL)
    assert (store / "a").read_bytes() == left
    assert card.changes() == 2


def test_children_are_not_on_the_card(card: Card, store: Path) -> None:
    said = run(
        card,
        store,
        "import subprocess\n"
        "handle = os.open(at('a'), os.O_WRONLY | os.O_CREAT)\n"
        "print(subprocess.run(['env'], capture_output=True, text=True).stdout.count('LOAXA_CARD'))\n"
        "os.write(handle, b'x')",
    )
    assert said == "0"
    assert card.changes() == 2  # what a child closes is closed in the child alone


def test_a_file_outside_of_it_is_nobody_s_business(card: Card, store: Path) -> None:
    run(card, store, "put('../outside', b'x')")
    assert card.changes() == 0
