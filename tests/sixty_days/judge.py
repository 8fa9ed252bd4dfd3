"""Whether a cabinet did right: looks at what sounded and what was written, never at what the loop thought."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from msgspec import Struct

from contract.journal import ItemRow, Outcome
from contract.model import Priority
from contract.policy import quiet_from
from tests.sixty_days.devices import PROGRESS_S, Heard
from tests.sixty_days.evidence import Evidence, Key, S, name
from tests.sixty_days.jumping import BEGIN, MICROSECOND
from tests.sixty_days.why_not import WhyNot
from tests.sixty_days.world import LIMITS, World, Written

IDLE_S = 12.0
"""Relay on without a sound: warm-up, pauses that it is kept on for, a player that is tried again."""
LOOK_S = 2.0
"""Within this the loop has found that the clock was set, or that nobody vouches for it any more."""


class Figures(Struct, frozen=True, kw_only=True):
    """What a story came to."""

    days: int
    due: int
    aired: int
    explained: int
    well: int
    turns: int
    violations: tuple[str, ...]


def judge(world: World) -> Figures:
    """Every rule that was broken, and how much there was to break."""
    evidence = Evidence(world)
    judgement, why_not = _Rules(evidence), WhyNot(evidence)
    found = [
        *world.faults,
        *judgement.two_at_once(),
        *judgement.relay_while_idle(),
        *judgement.begun_against_the_rules(),
        *judgement.into_quiet_hours(),
        *judgement.through_maintenance(),
        *judgement.twice(),
        *judgement.steps_unseen(),
        *judgement.rows_in_number(),
        *judgement.rows_untrue(),
        *why_not.reasons_untrue(),
        *why_not.not_aired_though_all_was_well(),
    ]
    outcomes = Counter(one.row.outcome for one in world.written)
    return Figures(
        days=world.end_us // (86400 * S),
        due=len(evidence.due),
        aired=outcomes[Outcome.COMPLETED] + outcomes[Outcome.PARTIAL],
        explained=outcomes[Outcome.NOT_AIRED],
        well=why_not.well,
        turns=len(world.turns_us),
        violations=tuple(found),
    )


class _Rules:
    def __init__(self, evidence: Evidence) -> None:
        self.e = evidence

    def two_at_once(self) -> Iterator[str]:
        for one, other in pairwise(self.e.w.heard):
            if other.from_us < self.e.end(one) - 20_000:
                yield f"two at once: {name(one.key)} and {name(other.key)} at {other.from_us / S:.2f} s"

    def relay_while_idle(self) -> Iterator[str]:
        sounds = [(one.from_us, self.e.end(one)) for one in self.e.w.heard]
        for on in self.e.w.relay.on_us:
            at, until = on[0], on[1] if len(on) > 1 else self.e.w.clock.passed_us
            for begun, ended in sounds:
                if ended < at or begun > until:
                    continue
                if begun - at > IDLE_S * S:
                    yield f"relay on while idle from {at / S:.1f} to {begun / S:.1f} s"
                at = max(at, ended)
            if until - at > IDLE_S * S:
                yield f"relay on while idle from {at / S:.1f} to {until / S:.1f} s"

    def begun_against_the_rules(self) -> Iterator[str]:
        for one in self.e.w.heard:
            at = one.from_us
            if not any(self.e.w.trusted.during(at - LOOK_S * S, at)):
                yield f"{name(one.key)} begins at {at / S:.1f} s though nobody trusts the clock"
            plans = self.e.w.plan.during(at - S, at)
            if all(plan is not None and plan.maintenance for plan in plans):
                yield f"{name(one.key)} begins at {at / S:.1f} s in maintenance"

    def through_maintenance(self) -> Iterator[str]:
        for from_us, _, plan in self.e.plans:
            for one in self.e.w.heard if plan.maintenance else ():
                if one.from_us < from_us and self.e.end(one) > from_us + S // 2:
                    yield f"{name(one.key)} sounds on in maintenance from {from_us / S:.1f} s"

    def into_quiet_hours(self) -> Iterator[str]:
        """Looks at each stretch of a sound with one plan, one trusted clock."""
        for one in self.e.w.heard:
            edges = sorted(
                {
                    one.from_us,
                    self.e.end(one),
                    *(us for us, _, _ in self.e.plans if one.from_us < us < self.e.end(one)),
                    *(us for us, _ in self.e.w.steps if one.from_us < us < self.e.end(one)),
                }
            )
            for from_us, to_us in pairwise(edges):
                yield from self._quiet_broken(one, from_us, to_us)

    def _quiet_broken(self, one: Heard, from_us: int, to_us: int) -> Iterator[str]:
        look_us = from_us + round(LOOK_S * S)
        plan = self.e.w.plan.at(look_us)
        found = self.e.slot(plan, one.key[0])
        if to_us <= look_us or found is None or plan is None or not self.e.w.trusted.at(look_us):
            return
        slot, bulletin = found
        if slot.in_quiet_hours or bulletin.priority is Priority.EMERGENCY:
            return
        length_s = (to_us - look_us) / S
        quiet_at = quiet_from(self.e.wall(look_us), length_s, plan.quiet_hours, plan.zone)
        if quiet_at is not None:
            over = self.e.wall(look_us) + timedelta(seconds=length_s) - quiet_at
            if over > timedelta(seconds=LIMITS.quiet_grace_s + 1):
                yield f"{name(one.key)} sounds {over} in quiet hours from {quiet_at}"

    def twice(self) -> Iterator[str]:
        for key, stretches in self.e.heard.items():
            reached_ms = 0
            for one in stretches:
                if one.offset_ms < reached_ms - 2500:
                    yield f"{name(key)} sounds again from {one.offset_ms} ms, was at {reached_ms}"
                reached_ms = one.offset_ms + (self.e.end(one) - one.from_us) // 1000

    def steps_unseen(self) -> Iterator[str]:
        turns = iter(self.e.w.turns_us)
        turn = next(turns, None)
        for at_us, step_s in self.e.w.steps:
            while turn is not None and turn < at_us:
                turn = next(turns, None)
            is_up = all(self.e.w.is_up.during(at_us, at_us + LOOK_S * S))
            if is_up and abs(step_s) >= 0.5 and (turn is None or turn > at_us + LOOK_S * S):
                yield f"the step of {step_s:+.0f} s at {at_us / S:.1f} s is not seen within 2 s"

    def rows_in_number(self) -> Iterator[str]:
        for key, rows in self.e.rows.items():
            if len(rows) > 1:
                told = ", ".join(f"{one.row.outcome}/{one.row.reason}" for one in rows)
                yield f"{name(key)} has {len(rows)} rows: {told}"
            if not any(self.e.has(plan, key) for _, _, plan in self.e.plans):
                yield f"{name(key)} has a row and was in no plan"
            late_limit = max(
                (
                    one[0].late_limit_s
                    for _, _, plan in self.e.plans
                    if (one := self.e.slot(plan, key[0]))
                ),
                default=0,
            )
            if (
                key not in self.e.due
                and key not in self.e.heard
                and key[1] < BEGIN - timedelta(seconds=late_limit)
            ):
                yield f"{name(key)} has a row ({rows[0].row.reason}) and was never owed"
        for key in sorted(self.e.due - set(self.e.rows)):
            yield f"{name(key)} was due and has no row"

    def rows_untrue(self) -> Iterator[str]:
        for key, (written, *_) in self.e.rows.items():
            row, stretches = written.row, self.e.heard.get(key, [])
            heard_s = sum(self.e.end(one) - one.from_us for one in stretches) / S
            if row.started_at is None or row.ended_at is None:
                if heard_s > 0.2:
                    yield f"{name(key)} sounded for {heard_s:.1f} s and its row says it did not"
                continue
            if not stretches:
                yield f"{name(key)} never sounded, and its row says it did"
                continue
            whole_s = row.duration_ms / 1000
            if row.outcome is Outcome.COMPLETED and heard_s < whole_s - 0.3:
                yield f"{name(key)} is called completed and sounded {heard_s:.1f} of {whole_s:.1f} s"
            yield from self._times_untrue(key, written, row, stretches)

    def _times_untrue(
        self, key: Key, written: Written, row: ItemRow, stretches: list[Heard]
    ) -> Iterator[str]:
        begun_us, ended_us = stretches[0].from_us, self.e.end(stretches[-1])
        if not all(self.e.w.is_up.during(begun_us, written.at_us)):
            return
        if any(ended_us <= us <= written.at_us for us, _ in self.e.w.steps):
            return  # by which of the two clocks it ended is all the same
        steps_s = sum(step for us, step in self.e.w.steps if begun_us <= us < ended_us)
        if abs(steps_s - row.clock_step_s) > 0.6:
            yield f"{name(key)}: the clock was set by {steps_s} s on air, its row says {row.clock_step_s}"
        started_at = self.e.wall(ended_us - 1) - MICROSECOND * (ended_us - begun_us)
        if row.started_at is not None and abs(row.started_at - started_at) > timedelta(seconds=0.6):
            yield f"{name(key)} began at {started_at}, its row says {row.started_at}"
        ended_at = self.e.wall(ended_us - 1)
        is_hung = stretches[-1].is_hung
        if (
            row.ended_at is not None
            and not is_hung
            and abs(row.ended_at - ended_at) > timedelta(seconds=PROGRESS_S + 2)
        ):
            yield f"{name(key)} ended at {ended_at}, its row says {row.ended_at}"
