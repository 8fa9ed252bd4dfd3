"""The course of an order to the clusters: who is meant, who has answered what, and who must be asked again. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from contract.command import Ack, CommandId, Mode, Refusal, Stage
from contract.ids import BulletinId, ClusterId
from contract.model import Instant, Percent

VALID_S = 1800
"""A warning that was not begun within half an hour is not begun any more, unless a person says otherwise."""
ORDER_OF_STAGES = (Stage.RECEIVED, Stage.VERIFIED, Stage.STARTED, Stage.FAILED, Stage.ENDED)
ASK_AGAIN = frozenset({Refusal.NO_BEACON, Refusal.TOO_MANY})
"""A cluster that refused for one of these obeys the next time."""


class EmergencyOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person asks for: this bulletin at once, over everything.

    Attributes:
        clusters: `all`, or names.
        mode: `drill` says so first, by the words of the commune's drill sound.
        valid_s: Not begun later than this.
    """

    bulletin: BulletinId
    clusters: str | list[str] = "all"
    mode: Mode = Mode.LIVE
    repeats: Annotated[int, Meta(ge=1, le=10)] = 2
    gap_s: Annotated[int, Meta(ge=0, le=600)] = 5
    volume_pct: Percent = 100
    valid_s: Annotated[int, Meta(ge=60, le=24 * 3600)] = VALID_S


class Answer(Struct, frozen=True, kw_only=True):
    """How far an order has come on a cluster.

    Attributes:
        at: By the cluster's clock.
        heard_at: By the hub's.
    """

    cluster: ClusterId
    stage: Stage
    at: Instant
    heard_at: Instant
    reason: str = ""


class Course(Struct, frozen=True, kw_only=True):
    """One order with all that came of it.

    Attributes:
        seq: Its number among all orders of the commune.
        what: `start` or `stop`.
        title: Of the bulletin.
        meant: Clusters that were meant when it was given.
        ended_at: When a later order ended it.
    """

    id: CommandId
    seq: int
    what: str
    title: str
    mode: Mode
    issued_at: Instant
    expires_at: Instant
    by: str
    meant: tuple[ClusterId, ...]
    ended_at: Instant | None = None
    answers: tuple[Answer, ...] = ()

    def answer_of(self, cluster: ClusterId) -> Answer | None:
        """What a cluster has said, if anything."""
        return next((one for one in self.answers if one.cluster == cluster), None)

    def is_open(self, now: datetime) -> bool:
        """Whether clusters may still obey it."""
        return self.ended_at is None and now <= self.expires_at

    @property
    def unanswered(self) -> tuple[ClusterId, ...]:
        """Clusters that do not have it yet, as far as they have said."""
        return tuple(name for name in self.meant if not _has_it(self.answer_of(name)))


def _has_it(answer: Answer | None) -> bool:
    if answer is None or answer.stage is Stage.RECEIVED:
        return False
    return answer.stage is not Stage.FAILED or answer.reason not in ASK_AGAIN


def after(known: Answer | None, ack: Ack, cluster: ClusterId, now: datetime) -> Answer:
    """The farthest that a cluster has said, whatever comes late or twice.

    A cluster that refuses an order as a replay has obeyed it before: the order had come, its answer was lost.
    """
    stage, reason = ack.stage, ack.reason
    if stage is Stage.FAILED and reason == Refusal.REPLAY:
        stage, reason = Stage.VERIFIED, ""
    said = Answer(cluster=cluster, stage=stage, at=ack.at, heard_at=now, reason=reason)
    if known is None or not _has_it(known):
        return said
    is_farther = ORDER_OF_STAGES.index(stage) > ORDER_OF_STAGES.index(known.stage)
    return said if is_farther and _has_it(said) else known


def seq_floor(open_ones: Iterable[Course], newest: int) -> int:
    """Numbers up to this are over: a cluster without a memory of its own obeys none of them."""
    return min((one.seq - 1 for one in open_ones), default=newest)
