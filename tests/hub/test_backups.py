from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contract.codec import encode_batch
from contract.ids import ClusterId, Sha256
from contract.journal import EventKind, EventRow, JournalBatch
from contract.model import Priority
from edge.shell.ledger import Ledger
from hub import lock
from hub.app import main, parser
from hub.backup.archive import read_manifest
from hub.backup.restoring import Restored, restore
from hub.cli.init import init
from hub.compose import Parts, compose
from hub.core.backups import BackupFacts, file_name, is_stale, kept, made_at, next_at
from hub.core.journal_reading import read_batch
from hub.errors import HubError
from hub.operations.bulletins import NewBulletin
from hub.state_dir import StateDir
from hub.store import orders, plans

BL_01 = ClusterId("bl-01")
NINE = datetime.fromisoformat("2026-11-24T09:00:00+07:00")


# When, and which


def test_the_first_comes_soon_and_then_one_each_night() -> None:
    assert next_at(BackupFacts(), 2, NINE) == NINE + timedelta(minutes=10)
    after = BackupFacts(made_at=NINE)
    assert next_at(after, 2, NINE) == datetime.fromisoformat("2026-11-25T02:00:00+07:00")
    at_night = BackupFacts(made_at=NINE.replace(hour=2, minute=0))
    assert next_at(at_night, 2, NINE) == datetime.fromisoformat("2026-11-25T02:00:00+07:00")


def test_a_hub_that_was_off_at_night_makes_its_backup_in_the_morning() -> None:
    facts = BackupFacts(made_at=NINE - timedelta(days=3))
    assert next_at(facts, 2, NINE) < NINE


def test_one_that_failed_is_tried_again_in_an_hour() -> None:
    facts = BackupFacts(made_at=NINE, failed_at=NINE + timedelta(days=1))
    assert next_at(facts, 2, NINE) == NINE + timedelta(days=1, hours=1)


def test_stale() -> None:
    facts = BackupFacts(made_at=NINE)
    assert not is_stale(facts, NINE, NINE + timedelta(days=2))
    assert is_stale(facts, NINE, NINE + timedelta(days=2, seconds=1))
    assert not is_stale(BackupFacts(), NINE, NINE + timedelta(hours=3))
    assert is_stale(BackupFacts(), NINE, NINE + timedelta(days=3))


def test_seven_days_and_four_weeks_are_kept() -> None:
    nights = [NINE - timedelta(days=n) for n in range(60)]
    stay = kept(nights, 7, 4)
    assert {*nights[:7]} <= stay
    assert sorted(NINE - at for at in stay)[7:] == [timedelta(days=n) for n in (9, 16)]
    assert kept([*nights[:1], NINE - timedelta(minutes=5)], 7, 4) == {NINE}
    assert kept(nights, 0, 0) == {NINE}
    assert kept([], 7, 4) == frozenset()


def test_names() -> None:
    name = file_name("binh-lu", NINE)
    assert name == "loaxa-hub-binh-lu-20261124T020000Z.tar.gz"
    assert made_at(name, "binh-lu") == NINE
    for other in (name.replace("binh", "tam"), name[:-3], "loaxa-hub-binh-lu-x.tar.gz", "hub.db"):
        assert made_at(other, "binh-lu") is None


# A hub with something in it


class Site:
    """A hub with a cluster, a sound, a slot and a journal row; and its backups."""

    def __init__(self, village: Any, clock: Any) -> None:
        self.parts: Parts = village.parts
        self.village = village
        self.clock = clock

    @property
    def state(self) -> StateDir:
        return self.parts.state

    async def sound(self, text: bytes) -> Sha256:
        sha256 = Sha256(hashlib.sha256(text).hexdigest())
        (self.state.media / sha256).write_bytes(text)
        new = NewBulletin(
            title=sha256[:4],
            sha256=sha256,
            size_bytes=len(text),
            duration_ms=60_000,
            priority=Priority.NORMAL,
        )
        made = await self.village.operations.bulletins.add(new, by="t")
        await self.village.operations.slots.add(self.village.order(made), by="t")
        return sha256

    async def row(self, number: int) -> None:
        row = EventRow(number=number, event=EventKind.SURGE, at=NINE)
        batch = JournalBatch(epoch="e", rows=(row,))
        await self.village.operations.journal.take(BL_01, batch)

    async def backup(self, folder: str = "") -> Path:
        self.clock.pass_by(seconds=1)
        done = await self.parts.operations.backups.make(by="t", folder=folder)
        return done.file

    def restore(self, file: Path, *, over: bool = True) -> Restored:
        self.parts.store.close()
        return restore(file, self.state, over=over, now=self.clock.pass_by(seconds=1))


@pytest.fixture
async def site(village: Any, clock: Any) -> Site:
    made = Site(village, clock)
    await village.cluster("bl-01")
    await made.sound(b"tin chieu")
    await made.row(1)
    return made


@pytest.fixture
def reopened(clock: Any) -> Iterator[Any]:
    """Opens a state directory; closed at the end."""
    opened: list[Parts] = []

    def run(state: StateDir) -> Parts:
        opened.append(compose(state, clock))
        return opened[-1]

    yield run
    for parts in opened:
        parts.store.close()


async def test_a_backup_is_whole_private_and_small(site: Site) -> None:
    file = await site.backup()
    assert file.parent == site.state.backups
    assert file.stat().st_mode & 0o777 == 0o600
    manifest = read_manifest(file, verify=True)
    assert {*manifest.files} == {"hub.toml", "signing.key", "recovery.pub", "local.token", "hub.db"}
    (sound,) = manifest.sounds
    beside = file.parent / "sounds" / sound.sha256
    assert beside.samefile(site.state.media / sound.sha256)
    assert [one.name for one in file.parent.iterdir() if ".making" in one.name] == []
    facts = await site.village.operations.backups.facts()
    assert (facts.made_at, facts.file, facts.failed_at) == (site.clock.now(), str(file), None)


async def test_a_sound_is_copied_to_another_disk_once(site: Site, tmp_path: Path) -> None:
    with pytest.raises(HubError, match="no such folder"):
        await site.backup(str(tmp_path / "usb"))
    assert (await site.village.operations.backups.facts()).failed_at is None
    (tmp_path / "usb").mkdir()
    await site.backup(str(tmp_path / "usb"))
    (copy,) = (tmp_path / "usb" / "sounds").iterdir()
    written = copy.stat().st_mtime_ns
    await site.backup(str(tmp_path / "usb"))
    assert copy.stat().st_mtime_ns == written
    assert len([*(tmp_path / "usb").glob("*.tar.gz")]) == 2
    assert (await site.village.operations.backups.facts()).failed_at is None


async def test_a_hub_comes_back_on_another_machine(
    site: Site, tmp_path: Path, clock: Any, reopened: Any
) -> None:
    (tmp_path / "usb").mkdir()
    file = await site.backup(str(tmp_path / "usb"))
    done = restore(file, StateDir(tmp_path / "new" / "hub"), over=False, now=clock.now())
    assert (done.missing, done.replaced) == ((), None)
    parts = reopened(StateDir(tmp_path / "new" / "hub"))
    assert [one.name for one in await parts.operations.clusters.everyone()] == ["bl-01"]
    assert len(await parts.operations.bulletins.everything()) == 1
    assert len(await parts.operations.journal.after(0)) == 1
    assert parts.signer == site.parts.signer
    (sound,) = done.manifest.sounds
    assert (parts.state.media / sound.sha256).read_bytes() == b"tin chieu"
    assert parts.state.signing_key.stat().st_mode & 0o777 == 0o600


async def test_what_came_after_the_backup_is_put_aside(site: Site, reopened: Any) -> None:
    file = await site.backup()
    await site.sound(b"tin toi")
    with pytest.raises(HubError, match="--over"):
        site.restore(file, over=False)
    done = site.restore(file)
    assert done.replaced is not None
    assert (done.replaced / "hub.db").exists()
    assert len(await reopened(site.state).operations.bulletins.everything()) == 1
    shutil.copy(done.replaced / "hub.db", site.state.database)
    assert len(await reopened(site.state).operations.bulletins.everything()) == 2


async def test_after_a_restore_plans_are_above_all_that_clusters_hold(
    site: Site, reopened: Any, clock: Any
) -> None:
    file = await site.backup()
    for text in (b"1", b"2", b"3"):
        await site.sound(text)
    held = (await site.parts.store.read(plans.versions))[BL_01]
    seen = [held]
    for _ in range(2):
        site.restore(file)
        parts = reopened(site.state)
        await parts.store.write(lambda c, parts=parts: parts.issuer.issue(c, clock.now()))
        seen.append((await parts.store.read(plans.versions))[BL_01])
        issue = parts.issuer.issue
        assert await parts.store.write(lambda c, issue=issue: issue(c, clock.now())) == ()
        parts.store.close()
    assert seen == sorted(set(seen))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A real cluster's ledger."""
    made = Ledger(tmp_path / "edge" / "ledger.db")
    yield made
    made.close()


async def bring_home(ledger: Ledger, parts: Parts) -> None:
    """Rows go from a real ledger to a real hub, as outbox and link carry them, until none waits."""
    while rows := ledger.rows_waiting(max_bytes=600):
        batch = JournalBatch(epoch=ledger.epoch, rows=tuple(rows), held_from=ledger.held_from())
        read = read_batch(encode_batch(batch), parts.clock.now())
        up_to = await parts.operations.journal.take(BL_01, read)
        assert ledger.acknowledge(ledger.epoch, up_to), f"no news in {up_to}"


def surges(ledger: Ledger, count: int) -> None:
    for _ in range(count):
        ledger.append(EventRow(number=1, event=EventKind.SURGE, at=NINE))


async def numbers(parts: Parts, epoch: str) -> list[int]:
    return [one.row.number for one in await parts.operations.journal.after(0) if one.epoch == epoch]


async def test_a_cluster_brings_again_what_its_restored_hub_has_forgotten(
    site: Site, ledger: Ledger, reopened: Any
) -> None:
    surges(ledger, 5)
    await bring_home(ledger, site.parts)
    file = await site.backup()
    surges(ledger, 30)
    await bring_home(ledger, site.parts)
    site.restore(file)
    parts = reopened(site.state)
    assert await numbers(parts, ledger.epoch) == [1, 2, 3, 4, 5]
    surges(ledger, 1)
    await bring_home(ledger, parts)
    assert sorted(await numbers(parts, ledger.epoch)) == [*range(1, 37)]
    assert await parts.operations.journal.gaps() == ()


async def test_what_the_cluster_gave_up_meanwhile_is_a_gap_and_no_stall(
    site: Site, ledger: Ledger, reopened: Any
) -> None:
    surges(ledger, 5)
    await bring_home(ledger, site.parts)
    file = await site.backup()
    surges(ledger, 3)
    await bring_home(ledger, site.parts)
    ledger.prune(NINE + timedelta(days=100))
    surges(ledger, 2)
    site.restore(file)
    parts = reopened(site.state)
    await bring_home(ledger, parts)
    assert await numbers(parts, ledger.epoch) == [1, 2, 3, 4, 5, 9, 10]
    (gap,) = await parts.operations.journal.gaps()
    assert (gap.first, gap.last) == (6, 8)


async def test_an_order_after_a_restore_is_above_all_that_clusters_have_obeyed(
    site: Site, reopened: Any, clock: Any
) -> None:
    file = await site.backup()
    await site.parts.store.write(lambda c: orders.skip_to(c, 40))
    site.restore(file)
    parts = reopened(site.state)
    assert await parts.store.read(orders.next_seq) == int(clock.now().timestamp()) + 1


async def test_logins_do_not_come_back(site: Site, reopened: Any) -> None:
    opened = await site.village.operations.people.open_session("can-bo")
    file = await site.backup()
    site.restore(file)
    assert await reopened(site.state).operations.people.session(opened.token) is None


async def test_a_hub_that_runs_is_not_replaced(site: Site) -> None:
    file = await site.backup()
    with lock.held(site.state.lock), pytest.raises(HubError, match="runs already"):
        site.restore(file)


async def test_another_communes_hub_is_not_replaced(site: Site, tmp_path: Path) -> None:
    other = StateDir(tmp_path / "other")
    wanted = ["init", "--state", str(other.root), "--commune", "tam-duong"]
    await init(parser().parse_args([*wanted, "--recovery-key", str(tmp_path / "key")]))
    with pytest.raises(HubError, match="of binh-lu, and the hub here is of tam-duong"):
        restore(await site.backup(), other, over=True, now=NINE)


def _damage(file: Path, how: str) -> None:
    data = bytearray(file.read_bytes())
    match how:
        case "cut":
            data = data[: len(data) // 2]
        case "flipped":
            data[len(data) // 2] ^= 0xFF
        case "other":
            data = bytearray(b"ID3 a song")
        case "empty":
            data = bytearray()
    file.write_bytes(data)


@pytest.mark.parametrize("how", ["cut", "flipped", "other", "empty"])
async def test_a_damaged_or_foreign_file_changes_nothing(
    site: Site, tmp_path: Path, how: str, reopened: Any
) -> None:
    file = tmp_path / "copy.tar.gz"
    shutil.copy(await site.backup(), file)
    _damage(file, how)
    new = StateDir(tmp_path / "new" / "hub")
    for state, over in ((new, False), (site.state, True)):
        with pytest.raises(HubError) as refused:
            restore(file, state, over=over, now=NINE)
        assert "\n" not in str(refused.value)
    assert not (tmp_path / "new").exists()
    assert not site.state.replaced.exists()
    assert len(await reopened(site.state).operations.bulletins.everything()) == 1


async def test_a_restore_that_fails_in_the_middle_is_undone(
    site: Site, monkeypatch: pytest.MonkeyPatch, reopened: Any
) -> None:
    file = await site.backup()
    await site.sound(b"tin toi")
    swap = os.replace

    def full(source: Any, target: Any) -> None:
        if Path(target) == site.state.settings and ".restoring" in str(source):
            raise OSError(28, "No space left on device")
        swap(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(HubError, match="No space left"):
        site.restore(file)
    assert len(await reopened(site.state).operations.bulletins.everything()) == 2
    assert not (site.state.root / ".restoring").exists()


async def test_missing_sounds_are_told(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "alone.tar.gz"
    shutil.copy(await site.backup(), file)
    new = StateDir(tmp_path / "new")
    assert len(restore(file, new, over=False, now=NINE).missing) == 1


async def test_a_sound_that_is_broken_is_in_no_backup(site: Site) -> None:
    (sound,) = [one for one in site.state.media.iterdir() if one.is_file()]
    sound.write_bytes(b"something else")
    done = await site.village.operations.backups.make(by="t")
    assert done.missing == (sound.name,)


async def test_old_ones_and_their_sounds_go_in_their_turn(site: Site) -> None:
    for _ in range(12):
        await site.backup()
        site.clock.pass_by(days=1)
    left = [*site.state.backups.glob("*.tar.gz")]
    assert 7 <= len(left) <= 9
    stray = site.state.backups / "sounds" / ("0" * 64)
    stray.write_bytes(b"of a bulletin that no backup names")
    await site.backup()
    assert not stray.exists()
    assert len([*(site.state.backups / "sounds").iterdir()]) == 1


async def test_by_itself_every_day_and_again_when_it_failed(site: Site) -> None:
    backups, clock = site.village.operations.backups, site.clock
    since = clock.now()
    assert not await backups.make_if_due(since)
    clock.pass_by(minutes=10)
    assert await backups.make_if_due(since)
    assert not await backups.make_if_due(since)
    clock.pass_by(days=1)
    shutil.rmtree(site.state.backups)
    site.state.backups.write_text("in the way")
    with pytest.raises(HubError):
        await backups.make_if_due(since)
    facts = await backups.facts()
    assert facts.failed_at == clock.now()
    assert facts.made_at is not None
    assert not await backups.make_if_due(since)
    site.state.backups.unlink()
    clock.pass_by(hours=1)
    assert await backups.make_if_due(since)
    assert (await backups.facts()).failed_at is None


async def test_a_folder_that_is_not_there_is_told_once(
    site: Site, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    wanted = ["backup", "--to", "/nope", "--state", str(site.state.root)]
    assert await asyncio.to_thread(main, wanted) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no such folder" in line
    assert [one.message for one in caplog.records if "no such folder" in one.message] == []


async def test_a_clock_that_stood_in_the_future_does_not_end_the_backups(site: Site) -> None:
    backups, clock = site.village.operations.backups, site.clock
    clock.pass_by(days=4000)
    await site.backup()
    clock.pass_by(days=-4000)
    since = clock.now()
    clock.pass_by(minutes=10)
    assert await backups.make_if_due(since)


async def test_postgresql_is_dumped_and_put_back(
    any_village: Any, any_parts: Parts, clock: Any, reopened: Any
) -> None:
    site = Site(any_village, clock)
    await any_village.cluster("bl-01")
    await site.sound(b"tin chieu")
    file = await site.backup()
    await site.sound(b"tin toi")
    site.restore(file)
    parts = reopened(any_parts.state)
    assert len(await parts.operations.bulletins.everything()) == 1
    await parts.store.write(lambda c: parts.issuer.issue(c, clock.now()))
    assert (await parts.store.read(plans.versions))[BL_01] > 1_000_000


def test_the_verbs_say_one_line_each(state: StateDir, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", "--state", str(state.root)]) == 0
    told = capsys.readouterr().out
    assert "Đã sao lưu / backed up: " in told
    file = told.split("backed up: ")[1].split(" (")[0]
    assert main(["restore", file, "--state", str(state.root)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--over" in line
    assert main(["restore", file, "--over", "--state", str(state.root)]) == 0
    assert "Đã khôi phục / restored: binh-lu" in capsys.readouterr().out


def test_dates_are_utc() -> None:
    assert made_at("loaxa-hub-x-20261124T020000Z.tar.gz", "x") == datetime(
        2026, 11, 24, 2, tzinfo=UTC
    )
