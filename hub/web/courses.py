"""Emergencies in words: what was ordered, and what each cluster made of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from contract.command import Mode, Refusal, Stage
from contract.ids import ClusterId
from contract.journal import Reason
from hub.core.emergency import Answer, Course
from hub.web.moments import instant_words
from hub.web.proof import REASONS
from hub.web.texts import Say, mark
from hub.web.tones import Tone

STAGES = {
    Stage.RECEIVED: (Tone.WARN, mark("has received it")),
    Stage.VERIFIED: (Tone.WARN, mark("has the order, about to sound")),
    Stage.STARTED: (Tone.AIR, mark("is sounding it")),
    Stage.ENDED: (Tone.CALM, mark("has sounded it to its end")),
    Stage.FAILED: (Tone.BAD, mark("DID NOT SOUND IT")),
}
STOP_STAGES = STAGES | {
    Stage.VERIFIED: STAGES[Stage.RECEIVED],
    Stage.ENDED: (Tone.CALM, mark("was stopped")),
}
REFUSALS = {
    Refusal.EXPIRED: mark("the order came too late"),
    Refusal.NO_BEACON: mark("it does not know the time yet; asked again"),
    Refusal.TOO_MANY: mark("too many orders at once; asked again"),
}
NO_ANSWER = mark("NO ANSWER YET: go there, or call the hamlet's head")
STOPPED_UNANSWERED = mark("has not answered; stopped")
EXPIRED_UNANSWERED = mark("too late now, has not answered")


class AnswerLine(Struct, frozen=True, kw_only=True):
    """One cluster's answer."""

    cluster: str
    tone: Tone
    words: str


class CourseLine(Struct, frozen=True, kw_only=True):
    """One order.

    Attributes:
        is_open: It may still be obeyed, and can be stopped.
        answers: Of every cluster that was meant, those to worry about first.
    """

    id: str
    what: str
    title: str
    when: str
    by: str
    is_drill: bool
    is_open: bool
    answers: tuple[AnswerLine, ...]


def course_line(course: Course, names: Mapping[str, str], now: datetime, say: Say) -> CourseLine:
    """An order with every cluster's answer."""
    lines = [_answer(course, name, names.get(name, name), now, say) for name in course.meant]
    return CourseLine(
        id=course.id,
        what=course.what,
        title=course.title,
        when=instant_words(course.issued_at),
        by=course.by,
        is_drill=course.mode is Mode.DRILL,
        is_open=course.what == "start" and course.is_open(now),
        answers=tuple(sorted(lines, key=lambda one: [*Tone].index(one.tone))),
    )


def _answer(course: Course, cluster: ClusterId, title: str, now: datetime, say: Say) -> AnswerLine:
    answer = course.answer_of(cluster)
    if answer is None:
        tone, words = _unanswered(course, now)
        return AnswerLine(cluster=title, tone=tone, words=say(words))
    return _answered(course, answer, title, say)


def _unanswered(course: Course, now: datetime) -> tuple[Tone, str]:
    """Nobody is called to go to a cluster for an order that is over."""
    if course.ended_at is not None:
        return Tone.CALM, STOPPED_UNANSWERED
    if not course.is_open(now):
        return Tone.WARN, EXPIRED_UNANSWERED
    return Tone.BAD, NO_ANSWER


def _answered(course: Course, answer: Answer, title: str, say: Say) -> AnswerLine:
    tone, words = (STOP_STAGES if course.what == "stop" else STAGES)[answer.stage]
    why = _why(answer.reason, say)
    if answer.stage is Stage.FAILED and answer.reason == Reason.STOPPED:
        tone, words = Tone.CALM, mark("was stopped")
        why = ""
    return AnswerLine(cluster=title, tone=tone, words=f"{say(words)}: {why}" if why else say(words))


def _why(reason: str, say: Say) -> str:
    if reason in set(Refusal):
        return say(REFUSALS[Refusal(reason)]) if Refusal(reason) in REFUSALS else reason
    return say(REASONS[Reason(reason)]) if reason in set(Reason) else reason
