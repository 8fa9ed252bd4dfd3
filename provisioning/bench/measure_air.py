"""Measures what people hear: when a programme starts, in step with the others, and without gaps."""

from __future__ import annotations

from pathlib import Path

from provisioning.bench.evidence import Horn
from provisioning.bench.figures import Figure, figure
from provisioning.bench.listening import Occurrence
from provisioning.bench.measuring import Say, Session, Sound, session

CLUSTERS = 6
MS = 1000.0
WORDS = "Xin chào bà con. Đây là bản tin của xã."
OTHER_WORDS = "Mời bà con nghe tiếp phần thời tiết."
LONGER_WORDS = "Thông báo khẩn. Mời bà con ở gần suối về nhà văn hoá ngay bây giờ. Xin nhắc lại."
NEXT_AFTER_S = 9.0
"""From one start to the next: each time the amplifier has been off in between."""
NEAR_S = 3.0


async def measure_air(folder: Path, say: Say, *, starts: int, pairs: int) -> list[Figure]:
    """Start error, skew, gap between two items, and how soon an order sounds."""
    async with session(folder, CLUSTERS, say) as on:
        first = await on.sound("bản tin", WORDS)
        other = await on.sound("thời tiết", OTHER_WORDS)
        planned = await _single_starts(on, first, starts, say)
        in_a_row = await _in_a_row(on, first, other, pairs, say)
        longer = await on.sound("thông báo", LONGER_WORDS)
        asked = await _at_once(on, longer, pairs, say)
    horns = on.horns()
    say("listening to the recordings")
    return [
        *_starts(horns, first, planned),
        _gaps(horns, first, other, in_a_row),
        _soonest(horns, longer, asked),
    ]


async def _single_starts(on: Session, sound: Sound, starts: int, say: Say) -> list[float]:
    first_s = on.at_s() + 8 + starts / 2
    planned = [round(first_s + number * NEXT_AFTER_S, 3) for number in range(starts)]
    for at_s in planned:
        await on.plan(sound, at_s)
    await on.until_held()
    say(f"{starts} starts on {CLUSTERS} clusters, {NEXT_AFTER_S:.0f} s apart")
    await on.until(planned[-1] + sound.duration_s + 2)
    return planned


async def _in_a_row(on: Session, first: Sound, other: Sound, pairs: int, say: Say) -> list[float]:
    """The second is due while the first sounds, so it follows as soon as it can."""
    say(f"{pairs} times two items in a row")
    step_s = first.duration_s + other.duration_s + 5
    begin_s = on.at_s() + 8
    planned = [round(begin_s + number * step_s, 3) for number in range(pairs)]
    for at_s in planned:
        await on.plan(first, at_s)
        await on.plan(other, at_s + 1)
    await on.until(planned[-1] + step_s)
    return planned


async def _at_once(on: Session, sound: Sound, orders: int, say: Say) -> list[float]:
    """The officer plans for the next moment: message, amplifier and player are all in the way."""
    say(f"{orders} orders to play at once")
    asked = []
    for _ in range(orders):
        asked.append(on.at_s())
        await on.plan(sound, asked[-1] + SOON_S)
        await on.until(asked[-1] + sound.duration_s + 6)
    return asked


SOON_S = 0.25
"""The hub takes no start in the past."""


def _starts(horns: dict[str, Horn], sound: Sound, planned: list[float]) -> list[Figure]:
    errors, skews, missing = [], [], 0
    for at_s in planned:
        found = [_start_of(_nearest(horn, sound, at_s), horn, sound) for horn in horns.values()]
        began = [start_s for start_s in found if start_s is not None]
        missing += len(found) - len(began)
        errors += [(start_s - at_s) * MS for start_s in began]
        if began:
            skews.append((max(began) - min(began)) * MS)
    return [
        figure(
            "start error", "ms", errors, limits={"p95": 20, "max": 100},
            note=f"cached item, first sample of the file against its planned instant; {missing} not heard",
        ),
        figure(
            "skew in a slot", "ms", skews, limits={"p95": 10, "max": 50},
            note=f"first to last of {len(horns)} clusters",
        ),
    ]  # fmt: skip


def _gaps(horns: dict[str, Horn], first: Sound, other: Sound, planned: list[float]) -> Figure:
    gaps = []
    for horn in horns.values():
        for at_s in planned:
            before = _start_of(_nearest(horn, first, at_s), horn, first)
            after = _start_of(_nearest(horn, other, at_s + first.duration_s), horn, other)
            if before is not None and after is not None:
                gaps.append((after - before - first.duration_s) * MS)
    return figure(
        "gap between two in a row",
        "ms",
        gaps,
        note="end of one file to the first sample of the next",
    )


def _soonest(horns: dict[str, Horn], sound: Sound, asked: list[float]) -> Figure:
    waits = []
    for horn in horns.values():
        for at_s in asked:
            found = _nearest(horn, sound, at_s)
            if found is not None:
                waits.append(horn.first_s + found.heard_from_s - at_s)
    return figure(
        "order to first sound", "s", waits,
        note=f"slot planned {SOON_S:g} s ahead, sound cached; 2 s of it is the amplifier's warm-up, then the horns "
        "join in progress",
    )  # fmt: skip


def _nearest(horn: Horn, sound: Sound, at_s: float) -> Occurrence | None:
    playings = horn.playings(sound.ingested.id, sound.source)
    near = [one for one in playings if abs(horn.first_s + one.start_s - at_s) < NEAR_S]
    return min(near, key=lambda one: abs(horn.first_s + one.start_s - at_s), default=None)


def _start_of(found: Occurrence | None, horn: Horn, sound: Sound) -> float | None:
    """When the first sample of the whole file sounded, its quiet lead included."""
    return None if found is None else horn.first_s + found.start_s - sound.source.lead_s
