from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from contract.codec import open_signed
from contract.ids import ClusterId, SlotId
from contract.journal import EventKind, EventRow, ItemRow, JournalBatch, Outcome, Reason
from contract.model import Desired, Once, Weekly
from hub.compose import Parts, compose
from hub.errors import HubError
from hub.state_dir import StateDir
from hub.store import journal, plans
from hub.store.engine import open_store
from hub.store.migrate import FOLDER, HEAD
from hub.store.tables import metadata

BL_01 = ClusterId("bl-01")


def test_the_migrations_make_the_tables_that_the_code_speaks_of(any_parts: Parts) -> None:
    with any_parts.store.reading() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory(str(FOLDER)).get_current_head() == HEAD


def test_a_store_of_a_newer_hub_is_refused_in_one_line(any_parts: Parts, state: StateDir) -> None:
    with any_parts.store.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(HubError) as refused:
        open_store(any_parts.settings.store.url, state.database)
    assert refused.value.code == "newer_store"


def test_sqlite_syncs_fully_and_keeps_foreign_keys(parts: Parts) -> None:
    with parts.store.reading() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert found == ["wal", 2, 1]


def test_a_failed_change_leaves_nothing(any_parts: Parts) -> None:
    def half_done() -> None:
        with any_parts.store.writing() as connection:
            connection.execute(text("DELETE FROM alembic_version"))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        half_done()
    with any_parts.store.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1


def test_a_store_that_cannot_be_opened_is_told_in_one_line(tmp_path: Path) -> None:
    for url in ("nonsense", "oracle://x/y", f"sqlite:///{tmp_path}/no/such/dir.db"):
        with pytest.raises(HubError) as refused:
            open_store(url, tmp_path / "hub.db")
        assert refused.value.code in {"bad_store", "store_failed"}


async def test_a_change_reaches_only_the_clusters_it_concerns(any_village: Any) -> None:
    for name in ("bl-01", "bl-02", "bl-03"):
        await any_village.cluster(name)
    bulletin = await any_village.bulletin()
    some = any_village.order(bulletin, clusters=["bl-02", "bl-01"])
    done = await any_village.operations.slots.add(some, by="t")
    assert done.clusters_changed == ("bl-01", "bl-02")
    versions = {one.name: one.plan_version for one in await any_village.operations.clusters.views()}
    assert versions == {"bl-01": 2, "bl-02": 2, "bl-03": 1}


async def test_the_note_is_the_plan_signed_by_the_hub(any_village: Any) -> None:
    await any_village.cluster("bl-01", groups=("cho",))
    bulletin = await any_village.bulletin()
    weekly = Weekly(days=(1, 2), times=("17:00",))
    done = await any_village.operations.slots.add(
        any_village.order(bulletin, when=weekly, volume_pct=60), by="t"
    )
    parts = any_village.parts
    (plan,) = await parts.store.read(plans.newest)
    desired = open_signed(plan.note, Desired, (parts.signer.verifier,))
    assert (desired.version, desired.cluster, desired.groups) == (2, "bl-01", ("all", "cho"))
    (slot,) = desired.slots
    assert (slot.id, slot.when, slot.volume_pct) == (done.slot.id, weekly, 60)
    assert slot.owed_from == parts.clock.now()


async def test_a_new_cluster_gets_the_slots_for_all(any_village: Any) -> None:
    bulletin = await any_village.bulletin()
    await any_village.operations.slots.add(any_village.order(bulletin), by="t")
    await any_village.cluster("bl-09")
    (view,) = await any_village.operations.clusters.views()
    assert view.plan_version == 1
    (plan,) = await any_village.parts.store.read(plans.newest)
    desired = open_signed(plan.note, Desired, (any_village.parts.signer.verifier,))
    assert len(desired.slots) == 1


async def test_changes_at_once_give_each_their_version(any_village: Any) -> None:
    await any_village.cluster("bl-01")
    bulletin = await any_village.bulletin()
    orders = [any_village.order(bulletin, f"{hour}:00") for hour in range(14, 20)]
    await asyncio.gather(*(any_village.operations.slots.add(one, by="t") for one in orders))
    (view,) = await any_village.operations.clusters.views()
    assert view.plan_version == 1 + len(orders)


async def test_opened_again_the_hub_issues_nothing(any_village: Any, state: StateDir) -> None:
    await any_village.cluster("bl-01")
    bulletin = await any_village.bulletin()
    await any_village.operations.slots.add(any_village.order(bulletin), by="t")
    again = compose(state, any_village.parts.clock)
    assert await again.store.write(lambda c: again.issuer.issue(c, again.clock.now())) == ()
    again.store.close()


async def test_other_quiet_hours_in_the_settings_issue_plans(village: Any, state: StateDir) -> None:
    await village.cluster("bl-01")
    text_before = state.settings.read_text()
    state.settings.write_text(text_before.replace("21:30-05:00", "22:00-05:00"))
    again = compose(state, village.parts.clock)
    assert await again.store.write(lambda c: again.issuer.issue(c, again.clock.now())) == (BL_01,)
    again.store.close()


async def test_a_slot_keeps_its_stops_and_clusters_when_changed(any_village: Any) -> None:
    for name in ("bl-01", "bl-02"):
        await any_village.cluster(name)
    bulletin = await any_village.bulletin()
    slots = any_village.operations.slots
    order = any_village.order(bulletin, clusters=["bl-01"])
    made = (await slots.add(order, by="t")).slot
    await slots.stop(made.id, by="t")
    changed = await slots.change(
        made.id, any_village.order(bulletin, clusters=["bl-02"], volume_pct=50), by="t"
    )
    assert changed.clusters_changed == ("bl-01", "bl-02")
    (seen,) = await slots.everything()
    assert (seen.clusters, seen.volume_pct, len(seen.stops)) == (("bl-02",), 50, 1)
    assert seen.next_at is None


def item(number: int, **more: Any) -> ItemRow:
    return ItemRow(
        number=number,
        slot=SlotId("s"),
        bulletin=more.pop("bulletin", "b"),
        sha256=more.pop("sha256", "0" * 64),
        planned_at=more.pop("planned_at"),
        outcome=Outcome.COMPLETED,
        reason=Reason.PLANNED,
    )


async def test_rows_are_stored_once_however_they_come(any_village: Any, clock: Any) -> None:
    await any_village.cluster("bl-01")
    journal_of = any_village.operations.journal
    rows = [item(n, planned_at=clock.now()) for n in range(1, 6)]
    rows.append(EventRow(number=6, event=EventKind.SURGE, at=clock.now()))  # type: ignore[arg-type]

    async def send(*numbers: int, epoch: str = "e1") -> int:
        chosen = tuple(rows[n - 1] for n in numbers)
        return int(await journal_of.take(BL_01, JournalBatch(epoch=epoch, rows=chosen)))

    assert await send(2, 3) == 0
    assert await send(5) == 0
    assert await send(1, 2) == 3
    assert await send(1, 2, 3) == 3
    assert await send(4) == 5
    assert await send(6, 6) == 6
    assert await send() == 6
    assert await send(1, epoch="e2") == 1
    stored = await journal_of.after(0)
    assert sorted((one.epoch, one.row.number) for one in stored) == [
        *(("e1", n) for n in range(1, 7)),
        ("e2", 1),
    ]
    assert [one.row.number for one in await journal_of.after(stored[-2].id)] == [1]
    assert await journal_of.newest(cluster=ClusterId("bl-02")) == ()


async def test_the_same_rows_at_once_are_stored_once(any_village: Any, clock: Any) -> None:
    await any_village.cluster("bl-01")
    batch = JournalBatch(
        epoch="e", rows=tuple(item(n, planned_at=clock.now()) for n in range(1, 30))
    )
    work = any_village.parts.store.write
    done = await asyncio.gather(
        *(work(lambda c: journal.take(c, BL_01, batch, clock.now())) for _ in range(4))
    )
    assert [taken.up_to for taken in done] == [29] * 4
    assert len(await any_village.operations.journal.after(0)) == 29


async def test_people_and_their_logins(any_village: Any, clock: Any) -> None:
    people = any_village.operations.people
    await people.add("chị-hoa", "mật khẩu dài", by="t")
    assert await people.is_password("chị-hoa", "mật khẩu dài")
    assert not await people.is_password("chị-hoa", "mật khẩu")
    assert not await people.is_password("nobody", "mật khẩu dài")
    with pytest.raises(HubError, match="đã có"):
        await people.add("chị-hoa", "mật khẩu dài", by="t")
    opened = await people.open_session("chị-hoa")
    assert (await people.session(opened.token)) == opened.session
    assert await people.session("x" + opened.token) is None
    clock.pass_by(hours=13)
    assert await people.session(opened.token) is None
    other = await people.open_session("chị-hoa")
    await people.close_session(other.token)
    assert await people.session(other.token) is None
    trail = [(one.who, one.what) for one in await any_village.operations.journal.audit()]
    assert trail[:3] == [("chị-hoa", "login")] * 2 + [("t", "user.add")]


async def test_only_a_clusters_own_secret_is_its_secret(any_village: Any) -> None:
    secret = await any_village.cluster("bl-01")
    clusters = any_village.operations.clusters
    assert await clusters.is_secret("bl-01", secret)
    assert not await clusters.is_secret("bl-01", secret + "x")
    assert not await clusters.is_secret("bl-02", secret)
    assert not await clusters.is_secret("bl-02", "")


async def test_old_versions_are_forgotten_but_never_the_newest(
    any_village: Any, clock: Any
) -> None:
    await any_village.cluster("bl-01")
    store = any_village.parts.store
    issuer = any_village.parts.issuer
    for held in range(1, plans.KEPT_VERSIONS + 20):
        await store.write(lambda c, held=held: issuer.issue_above(c, BL_01, held, clock.now()))
    with store.reading() as connection:
        kept = connection.execute(text("SELECT min(version), max(version), count(*) FROM plan"))
        lowest, highest, count = kept.one()
    assert 1 < count <= plans.KEPT_VERSIONS
    assert highest - lowest < plans.KEPT_VERSIONS
    assert {BL_01: highest} == await store.read(plans.versions)


async def test_what_is_published_waits_no_more(any_village: Any, clock: Any) -> None:
    await any_village.cluster("bl-01")
    store = any_village.parts.store
    (waiting,) = await store.read(lambda c: plans.newest(c, unpublished_only=True))
    await store.write(lambda c: plans.mark_published(c, BL_01, waiting.version, clock.now()))
    assert await store.read(lambda c: plans.newest(c, unpublished_only=True)) == ()
    bulletin = await any_village.bulletin()
    later = clock.now() + timedelta(hours=1)
    await any_village.operations.slots.add(any_village.order(bulletin, when=Once(at=later)), by="t")
    (waiting,) = await store.read(lambda c: plans.newest(c, unpublished_only=True))
    assert waiting.version == 2


PAGE = 4096


async def test_a_torn_transaction_takes_none_with_it_that_was_told(
    village: Any, tmp_path: Path
) -> None:
    """The power goes while the next one is being written: every page that it touched is lost, whole."""
    database = village.parts.state.database
    log = database.with_name("hub.db-wal")
    torn_at = []
    for number in range(1, 9):
        await village.cluster(f"bl-0{number}")
        told = log.read_bytes()
        await village.operations.people.open_session("can-bo")
        after = bytearray(log.read_bytes())
        pages = range(0, len(after), PAGE)
        touched = [at for at in pages if after[at : at + PAGE] != told[at : at + PAGE]]
        for at in touched:
            after[at : at + PAGE] = bytes(len(after[at : at + PAGE]))
        torn_at.append(touched[0])
        copy = tmp_path / f"{number}.db"
        shutil.copy(database, copy)
        copy.with_name(f"{number}.db-wal").write_bytes(after)
        with closing(sqlite3.connect(copy)) as left:
            names = [name for (name,) in left.execute("SELECT name FROM cluster ORDER BY name")]
        assert names == [f"bl-0{n}" for n in range(1, number + 1)]
    assert all(torn_at), "nothing was told before"
