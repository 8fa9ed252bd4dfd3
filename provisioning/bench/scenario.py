"""Scenario files as values: what is planned, what goes wrong and what must be heard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from contract.ids import ClusterId
from contract.journal import EventKind, Outcome, Reason
from contract.model import Percent, Priority
from contract.pack import PackKind
from provisioning.bench.happenings import Happening

COMMUNE = "binh-lu"

AtS = Annotated[float, Meta(ge=0, le=86_400)]
"""Seconds after the instant at which every cluster holds its plan and sounds."""
Label = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Heard = Annotated[str, Meta(pattern=r"^(@chime|[a-z0-9][a-z0-9._-]{0,63})$")]
"""A bulletin of the scenario, or the station chime that every cluster has."""
CHIME = "@chime"
Window = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")]


BoardName = Literal["cabinet-v1", "fm-bridge"]


class BulletinFile(Struct, frozen=True, kw_only=True):
    """A sound that the hub ingests before `at_s` = 0. `path` is `file` beside the scenario.

    Attributes:
        pack: It is the emergency pack's warning of this kind.
    """

    id: Label
    file: str
    priority: Priority = Priority.NORMAL
    pack: PackKind | None = None


class PlannedSlot(Struct, frozen=True, kw_only=True):
    """A slot that goes through the hub's API.

    Attributes:
        at_s: Planned start.
        push_at_s: When the hub gets it; None: before `at_s` = 0.
        id: Name under which events speak of it.
    """

    bulletin: Label
    at_s: AtS
    clusters: str | tuple[str, ...] = "all"
    push_at_s: AtS | None = None
    id: Label | None = None
    late_limit_s: Annotated[int, Meta(ge=0, le=86_400)] | None = None
    in_quiet_hours: bool = False
    volume_pct: Percent | None = None


class JournalMatch(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Keys that a journal row of the cluster must have; `detail` need only be contained."""

    row: str | None = None
    bulletin: str | None = None
    slot: str | None = None
    outcome: Outcome | None = None
    reason: Reason | None = None
    event: EventKind | None = None
    count: int | None = None
    link_up: bool | None = None
    clock_trust: str | None = None
    detail: str | None = None


class HeardExpectation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The bulletin sounds from the horn.

    Attributes:
        starts_at_s: When its first sample sounds (also of one joined in progress: where it would have begun).
        within_ms: How far the start may be off.
        fraction_min: How much of it must be heard.
        in_step_ms: All that is heard lies on the planned time line within so much.
        resumed_by_s: It sounds again by then, after a gap.
    """

    heard: Heard
    cluster: str | tuple[str, ...] = "all"
    starts_at_s: AtS | None = None
    within_ms: Annotated[float, Meta(ge=0)] = 200.0
    fraction_min: Annotated[float, Meta(ge=0, le=1)] = 0.95
    fraction_max: Annotated[float, Meta(ge=0, le=1)] = 1.0
    in_step_ms: Annotated[float, Meta(ge=0)] | None = None
    resumed_by_s: AtS | None = None
    ends_by_s: AtS | None = None


class NotHeardExpectation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """No part of the bulletin sounds from the horn, at all or within a window."""

    not_heard: Heard
    cluster: str | tuple[str, ...] = "all"
    from_s: AtS = 0.0
    to_s: AtS | None = None


class SilentExpectation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The horn is silent (RMS below -60 dBFS, everywhere in the window)."""

    silent_from_s: AtS
    silent_to_s: AtS
    cluster: str | tuple[str, ...] = "all"


class JournalExpectation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The hub stored a journal row of the cluster that matches, `times` of them if said."""

    journal: JournalMatch
    cluster: str | tuple[str, ...] = "all"
    times: Annotated[int, Meta(ge=0)] | None = None


class AlarmExpectation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The hub shows it by then: `cluster_lost`, `sound_missing`, `arrester_failed` or a fault's code."""

    alarm: str
    by_s: AtS
    from_s: AtS = 0.0
    cluster: str | tuple[str, ...] = "all"


Expectation = (
    HeardExpectation
    | NotHeardExpectation
    | SilentExpectation
    | JournalExpectation
    | AlarmExpectation
)


class Scenario(Struct, frozen=True, kw_only=True):
    """One scenario.

    Attributes:
        path: The file it came from.
        duration_s: Recording goes on until then.
        quiet_hours: Windows of the rig's commune; none unless set.
        boards: Clusters that are another board than the usual cabinet.
        modem_cycle_after_s: Time without link after which a modem is cycled; None: as usual.
        scrub_every_s: Each sound on a card is read again once in this; None: as usual.
        seed: Of what goes wrong at random.
    """

    path: Path
    name: str
    clusters: int
    duration_s: float
    seed: int = 0
    quiet_hours: tuple[str, ...] = ()
    boards: dict[str, BoardName] = {}
    modem_cycle_after_s: float | None = None
    scrub_every_s: float | None = None
    bulletins: tuple[BulletinFile, ...] = ()
    slots: tuple[PlannedSlot, ...] = ()
    events: tuple[Happening, ...] = ()
    expectations: tuple[Expectation, ...] = ()

    @property
    def cluster_names(self) -> tuple[ClusterId, ...]:
        """bl-01, bl-02 and so on."""
        return tuple(ClusterId(f"bl-{number:02d}") for number in range(1, self.clusters + 1))

    def named(self, wanted: str | tuple[str, ...]) -> list[str]:
        """Clusters that `all`, a name or a list stands for."""
        if wanted == "all":
            return [*self.cluster_names]
        return [wanted] if isinstance(wanted, str) else [*wanted]

    def sound_path(self, bulletin: BulletinFile) -> Path:
        """Where a bulletin's file lies."""
        return self.path.parent / bulletin.file
