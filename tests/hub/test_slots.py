from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from contract.ids import BulletinId, ClusterId, SlotId
from contract.model import Once, Priority, Weekly
from contract.status import OnAir, Reported
from hub.core.local_time import planned_at
from hub.errors import HubError, NotFound
from hub.store import slots as rows

FIVE = datetime.fromisoformat("2026-11-24T17:00:00+07:00")


@pytest.fixture
async def slots(village: Any) -> Any:
    await village.cluster("bl-01")
    await village.cluster("bl-02")
    return village.operations.slots


async def refusal(work: Any) -> HubError:
    with pytest.raises(HubError) as refused:
        await work
    return refused.value


@pytest.mark.parametrize(
    ("hour", "duration_s"),
    [("21:30", 60), ("21:29", 120), ("12:00", 1), ("04:59", 1), ("23:00", 1)],
)
async def test_quiet_hours_need_a_persons_word(
    village: Any, slots: Any, hour: str, duration_s: float
) -> None:
    bulletin = await village.bulletin(duration_s=duration_s)
    tomorrow = datetime.fromisoformat(f"2026-11-25T{hour}:00+07:00")
    order = village.order(bulletin, when=Once(at=tomorrow))
    error = await refusal(slots.add(order, by="t"))
    assert error.code == "quiet_hours"
    assert "giờ yên tĩnh" in error.message_vi
    assert "quiet hours" in error.message_en
    allowed = village.order(bulletin, when=Once(at=tomorrow), in_quiet_hours=True)
    assert (await slots.add(allowed, by="t")).slot.in_quiet_hours


async def test_a_weekly_slot_touches_quiet_hours_on_any_of_its_days(
    village: Any, slots: Any
) -> None:
    bulletin = await village.bulletin()
    weekly = Weekly(days=(1,), times=("17:00", "22:00"))  # today is a Tuesday
    assert (await refusal(slots.add(village.order(bulletin, when=weekly), by="t"))).code == (
        "quiet_hours"
    )


async def test_what_can_never_sound_is_refused(village: Any, slots: Any) -> None:
    bulletin = await village.bulletin()
    cases = {
        "slot_in_past": Once(at=FIVE - timedelta(days=1)),
        "never_starts": Weekly(days=(1,), times=("17:00",), until_date="2026-11-01"),
        "bad_dates": Weekly(
            days=(1,), times=("17:00",), from_date="2026-12-02", until_date="2026-12-01"
        ),
    }
    for code, when in cases.items():
        assert (await refusal(slots.add(village.order(bulletin, when=when), by="t"))).code == code
    no_day = Weekly(days=(1,), times=("17:00",), from_date="2026-02-31")
    assert (await refusal(slots.add(village.order(bulletin, when=no_day), by="t"))).code == (
        "bad_dates"
    )


async def test_unknown_names_are_refused(village: Any, slots: Any) -> None:
    bulletin = await village.bulletin()
    order = village.order(bulletin, clusters=["bl-01", "bl-77"])
    error = await refusal(slots.add(order, by="t"))
    assert isinstance(error, NotFound)
    assert "bl-77" in error.message_vi
    assert "bl-01" not in error.message_vi
    empty = village.order(bulletin, clusters=[])
    assert (await refusal(slots.add(empty, by="t"))).code == "no_clusters"
    assert (await refusal(slots.cancel(SlotId("s-none"), by="t"))).code == "unknown_slot"


async def test_an_emergency_does_not_wait_for_a_time(village: Any, slots: Any) -> None:
    bulletin = await village.bulletin(priority=Priority.EMERGENCY)
    assert (await refusal(slots.add(village.order(bulletin), by="t"))).code == "emergency_by_slot"


async def test_a_refused_change_changes_nothing(village: Any, slots: Any) -> None:
    bulletin = await village.bulletin()
    made = (await slots.add(village.order(bulletin), by="t")).slot
    await refusal(slots.change(made.id, village.order(bulletin, "22:00"), by="t"))
    (seen,) = await slots.everything()
    assert seen.when == Once(at=FIVE)


async def test_the_preview_tells_who_sounds_when(village: Any, slots: Any) -> None:
    bulletin = await village.bulletin()
    seen = await slots.preview(village.order(bulletin, clusters=["bl-02"]))
    assert (seen.clusters, seen.starts) == (("bl-02",), (FIVE,))
    weekly = Weekly(days=(2, 4), times=("17:00",), from_date="2026-12-07")
    seen = await slots.preview(village.order(bulletin, when=weekly))
    assert seen.clusters == ("bl-01", "bl-02")
    assert [f"{at:%d/%m}" for at in seen.starts] == ["08/12", "10/12", "15/12"]


async def test_a_cancelled_slot_is_called_off_once(village: Any, slots: Any) -> None:
    bulletin = await village.bulletin()
    made = (await slots.add(village.order(bulletin), by="t")).slot
    done = await slots.cancel(made.id, by="t")
    assert (done.slot.next_at, done.clusters_changed) == (None, ("bl-01", "bl-02"))
    assert (await refusal(slots.cancel(made.id, by="t"))).code == "slot_cancelled"


async def test_stop_means_what_may_sound_now_else_the_next(
    village: Any, slots: Any, clock: Any
) -> None:
    bulletin = await village.bulletin()
    weekly = Weekly(days=(2,), times=("17:00", "18:00"))
    made = (await slots.add(village.order(bulletin, when=weekly), by="t")).slot
    clock.pass_by(hours=8, minutes=0.5)
    first = await slots.stop(made.id, by="t")
    assert [stop.planned_at for stop in first.slot.stops] == [FIVE]
    assert first.slot.next_at == FIVE + timedelta(hours=1)
    second = await slots.stop(made.id, by="t")
    assert second.slot.stops[-1].planned_at == FIVE + timedelta(hours=1)
    again = await slots.stop(made.id, by="t", planned_at=FIVE)
    assert again.clusters_changed == ()


async def test_stop_means_what_clusters_say_they_play(village: Any, slots: Any, clock: Any) -> None:
    bulletin = await village.bulletin()
    weekly = Weekly(days=(2,), times=("17:00", "18:00"))
    made = (await slots.add(village.order(bulletin, when=weekly), by="t")).slot
    clock.pass_by(hours=8, minutes=50)  # 17:00 waited long and sounds only now
    on_air = OnAir(slot=made.id, bulletin=bulletin.id, planned_at=FIVE, started_at=clock.now())
    reported = Reported(at=clock.now(), boot="b", software="1", board="x", on_air=on_air)
    await village.parts.live.heard_reported(ClusterId("bl-02"), reported, retained=False)
    assert (await slots.get(made.id)).on_air == ("bl-02",)
    done = await slots.stop(made.id, by="t")
    assert [stop.planned_at for stop in done.slot.stops] == [FIVE]


async def test_nothing_to_stop(village: Any, slots: Any, clock: Any) -> None:
    bulletin = await village.bulletin()
    made = (await slots.add(village.order(bulletin), by="t")).slot
    clock.pass_by(hours=10)
    assert (await refusal(slots.stop(made.id, by="t"))).code == "nothing_to_stop"


@pytest.mark.parametrize(
    "named",
    [
        "2026-11-24T17:00:01+07:00",
        "2026-11-25T17:00:00+07:00",
        "0001-01-01T00:00:00+00:00",
        "9999-12-31T23:59:59.999999+00:00",
    ],
)
async def test_a_start_that_is_none_is_not_stopped(village: Any, slots: Any, named: str) -> None:
    bulletin = await village.bulletin()
    made = (await slots.add(village.order(bulletin), by="t")).slot
    at = datetime.fromisoformat(named)
    error = await refusal(slots.stop(made.id, by="t", planned_at=at))
    assert (error.code, error.http_status) == ("no_such_start", 404)
    assert (await slots.get(made.id)).stops == ()


@pytest.mark.parametrize(
    "when",
    [
        Weekly(days=(2,), times=("17:00",), until_date="9999-12-31"),
        Weekly(days=(2,), times=("17:00",), from_date="0001-01-01"),
        Once(at=datetime.fromisoformat("9999-12-31T23:00:00+00:00")),
        Once(at=datetime.fromisoformat("0001-01-01T00:00:00+00:00")),
    ],
)
async def test_dates_beyond_reason_are_refused(village: Any, slots: Any, when: Any) -> None:
    bulletin = await village.bulletin()
    error = await refusal(slots.preview(village.order(bulletin, when=when)))
    assert error.code == "bad_dates"
    assert "2000–2199" in error.message_en
    assert (
        await refusal(slots.add(village.order(bulletin, when=when), by="t"))
    ).code == "bad_dates"


async def test_a_slot_may_end_in_the_far_future(village: Any, slots: Any) -> None:
    bulletin = await village.bulletin()
    when = Weekly(days=(2,), times=("17:00",), until_date="2199-12-31")
    made = (await slots.add(village.order(bulletin, when=when), by="t")).slot
    assert made.next_at == FIVE


async def owed_from(village: Any, slot: SlotId) -> datetime:
    found = await village.parts.store.read(lambda c: rows.require(c, slot))
    assert isinstance(found.owed_from, datetime)
    return found.owed_from


async def test_new_times_owe_nothing_that_has_passed(village: Any, slots: Any, clock: Any) -> None:
    bulletin = await village.bulletin()
    made = (await slots.add(village.order(bulletin), by="t")).slot
    now = clock.pass_by(hours=1)
    await slots.change(made.id, village.order(bulletin, "18:00"), by="t")
    assert await owed_from(village, made.id) == now


async def test_another_volume_does_not_cut_what_sounds(
    village: Any, slots: Any, clock: Any
) -> None:
    bulletin = await village.bulletin()
    made = (await slots.add(village.order(bulletin), by="t")).slot
    since = await owed_from(village, made.id)
    clock.pass_by(hours=8, minutes=0.5)
    await slots.change(made.id, village.order(bulletin, volume_pct=50), by="t")
    assert await owed_from(village, made.id) == since


async def test_one_more_time_does_not_cut_what_sounds(village: Any, slots: Any, clock: Any) -> None:
    bulletin = await village.bulletin()
    when = Weekly(days=(2,), times=("17:00",))
    made = (await slots.add(village.order(bulletin, when=when), by="t")).slot
    clock.pass_by(hours=8, minutes=0.5)
    more = Weekly(days=(2,), times=("17:00", "18:00"))
    await slots.change(made.id, village.order(bulletin, when=more), by="t")
    assert await owed_from(village, made.id) == FIVE


async def test_a_plan_that_would_not_pass_is_refused_whole(village: Any, slots: Any) -> None:
    bulletins = [await village.bulletin(f"{n} " + "ờ" * 60_000) for n in range(3)]
    first = await slots.add(village.order(bulletins[0]), by="t")
    assert first.clusters_changed
    error = await refusal(slots.add(village.order(bulletins[1], "18:00"), by="t"))
    assert error.code == "plan_too_large"
    assert len(await slots.everything()) == 1


async def test_bulletins_are_found_again(village: Any) -> None:
    made = await village.bulletin("tin", loudness_lufs=-18.0, source_name="tin.mp3")
    assert await village.operations.bulletins.get(made.id) == made
    assert await village.operations.bulletins.everything() == (made,)
    error = await refusal(village.operations.bulletins.get(BulletinId("b-none")))
    assert error.code == "unknown_bulletin"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("now", "2026-11-24T09:00:04+07:00"),
        ("17:00", "2026-11-24T17:00:00+07:00"),
        ("08:59", "2026-11-25T08:59:00+07:00"),
        ("2026-11-24T17:00", "2026-11-24T17:00:00+07:00"),
        ("2026-11-24T10:00:00+00:00", "2026-11-24T17:00:00+07:00"),
    ],
)
def test_times_as_people_type_them(clock: Any, text: str, meant: str) -> None:
    assert planned_at(text, clock.now()) == datetime.fromisoformat(meant)


@pytest.mark.parametrize("text", ["", "25:00", "soon", "2026-13-01T00:00"])
def test_what_is_no_time_is_refused(clock: Any, text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        planned_at(text, clock.now())
