"""The decision holds for every snapshot, also for those that no run of the agent comes to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from contract.model import QuietHours, Weekly
from contract.ports import ClockTrust
from edge.core.decide import LOOK_AGAIN, decide
from edge.core.rows import open_item
from edge.core.state import Aired, Cue, Limits, Snapshot
from edge.core.succession import succeed

LIMITS = Limits()
FAR_S = 40 * 86400


def moments(scene: Any) -> st.SearchStrategy[datetime]:
    near = st.integers(-4000, 4000) | st.integers(-FAR_S, FAR_S)
    long_ago = st.integers(0, 10**6).map(
        lambda s: datetime(1970, 1, 2, tzinfo=UTC) + timedelta(seconds=s)
    )
    return near.map(scene.at) | long_ago


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_it_never_raises_and_always_looks_again_within_the_hour(
    scene: Any, data: st.DataObject
) -> None:
    draw, moment = data.draw, moments(scene)
    maybe = st.none() | moment
    names = [f"b{n}" for n in range(draw(st.integers(1, 4)))]
    pairs = [
        (
            scene.bulletin(name, draw(st.integers(1, 4000))),
            scene.slot(name, draw(st.integers(-4000, 4000))),
        )
        for name in names
    ]
    plan = scene.plan(*pairs, maintenance=draw(st.booleans()))
    weekly = replace(plan.slots[0], when=Weekly(days=(1, 4), times=("16:50", "17:01")))
    quiet = QuietHours(start=draw(st.sampled_from(["16:00", "17:02"])), end="18:00")
    plan = replace(
        plan, slots=(*plan.slots[1:], weekly), quiet_hours=draw(st.sampled_from([(), (quiet,)]))
    )
    cues = decide(scene.snapshot(plan, draw(st.integers(-3000, 3000))), LIMITS).cues
    is_cued, is_open = data.draw(st.booleans()), data.draw(st.booleans())
    snapshot = Snapshot(
        now=draw(moment),
        trust=draw(st.sampled_from(ClockTrust)),
        plan=draw(st.none() | st.just(plan)),
        held=frozenset(b.sha256 for b, _ in pairs if draw(st.booleans())),
        closed={
            (slot.id, scene.at(0)): Aired(begun_at=at, ended_at=at + timedelta(seconds=60))
            for slot, at in ((slot, draw(moment)) for slot in plan.slots if draw(st.booleans()))
        },
        open=_on_air(cues[0], draw(moment)) if cues and is_open else None,
        watermark=draw(maybe),
        owed_since=draw(maybe),
        cued=cues if is_cued else (),
        failures={cue.key: draw(st.integers(0, 4)) for cue in cues},
        amplifier_on_at=draw(maybe),
        sound_ended_at=draw(maybe),
        guard_tripped_at=draw(maybe),
        booted_at=draw(maybe),
        trusted_since=draw(maybe),
        clock_set_at=draw(maybe),
        plan_accepted_at=draw(maybe),
    )
    decision = decide(snapshot, LIMITS)
    assert snapshot.now < decision.wake_at <= snapshot.now + LOOK_AGAIN
    assert len(decision.cues) <= 2
    keys = [closing.occurrence.key for closing in decision.closings if closing.occurrence]
    assert len(keys) == len(set(keys))
    if not snapshot.trust.is_trusted or (snapshot.plan and snapshot.plan.maintenance):
        new = [cue for cue in decision.cues if cue not in snapshot.cued]
        assert new == []
    other = replace(scene.plan(*pairs[1:]), issued_at=draw(moment))
    told = [c.occurrence.key for c in succeed(snapshot, other, LIMITS).closings if c.occurrence]
    assert len(told) == len(set(told))
    assert not set(told) & set(snapshot.closed)


def _on_air(cue: Cue, at: datetime) -> Any:
    item = open_item(cue, at, trust=ClockTrust.RTC, link_up=True, plan_version=1)
    return replace(item, heard_until=at + timedelta(seconds=30))
