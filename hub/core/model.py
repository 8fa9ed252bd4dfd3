"""The hub's facts as values: what the store holds and the operations speak of."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict, replace

from contract.ids import BulletinId, ClusterId, Sha256, SlotId
from contract.journal import JournalRow
from contract.model import LATE_LIMIT_S, Bulletin, Instant, Once, Percent, Priority, Stop, Weekly
from contract.pack import PackKind
from contract.status import Reported, Telemetry
from hub.core.windows import MAX_DOWNLOAD_WINDOWS, Window


class User(Struct, frozen=True, kw_only=True):
    """A person who may use the hub."""

    name: str
    created_at: datetime


class Session(Struct, frozen=True, kw_only=True):
    """A person's login in one browser."""

    user: str
    csrf: str
    expires_at: datetime


class OpenedSession(Struct, frozen=True, kw_only=True):
    """A login just made. The token is known to the browser alone: only its hash is stored."""

    token: str
    session: Session


class Cluster(Struct, frozen=True, kw_only=True):
    """A cluster as the hub knows it.

    Attributes:
        title: What people call it.
        hamlet: Where it stands.
        board: Name of the cabinet's wiring.
        volume_pct: Volume unless a slot names its own.
        groups: Its groups besides `all`.
        download_windows: When it fetches sounds (none: at any time); None: as the commune's settings say.
        monthly_mib: How much it fetches a month at most (0: any amount); None: as the commune's settings say.
        maintenance: Somebody works at the cabinet: nothing timed plays.
    """

    name: ClusterId
    title: str = ""
    hamlet: str = ""
    board: str = "cabinet-v1"
    volume_pct: int = 80
    groups: tuple[str, ...] = ()
    download_windows: tuple[str, ...] | None = None
    monthly_mib: int | None = None
    maintenance: bool = False


class ClusterSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person changes of a cluster: only what is named. The body of PATCH.

    Attributes:
        download_windows: None goes back to the commune's settings.
        monthly_mib: 0: any amount; None goes back to the commune's settings.
    """

    volume_pct: Percent | UnsetType = UNSET
    download_windows: (
        Annotated[tuple[Window, ...], Meta(max_length=MAX_DOWNLOAD_WINDOWS)] | UnsetType | None
    ) = UNSET
    monthly_mib: Annotated[int, Meta(ge=0, le=1000000)] | UnsetType | None = UNSET
    maintenance: bool | UnsetType = UNSET

    def named(self) -> dict[str, Any]:
        """What is to be changed, by name."""
        return {key: value for key, value in asdict(self).items() if value is not UNSET}


class ClusterView(Struct, frozen=True, kw_only=True):
    """A cluster as a person sees it now: what it should do beside what it says.

    Attributes:
        quiet: A beat of it is overdue: what it said last may be so no more.
        last_seen_at: Last sign of life; None when there never was one.
        alarms: Codes of what is wrong: its own faults, and what the hub finds (`hub.core.alarms`).
        clock_error_s: Its clock minus the hub's; None until it has said something this session.
        maintenance: Whether the hub asks for it; `reported` tells whether the cluster knows.
        plan_version: The newest plan the hub has made for it; 0 when none.
        plan_version_reported: The plan it says is in force; 0 when none.
    """

    name: ClusterId
    title: str
    hamlet: str
    groups: tuple[str, ...]
    board: str
    online: bool
    last_seen_at: datetime | None
    reported: Reported | None
    plan_version: int
    plan_version_reported: int
    quiet: bool = False
    alarms: tuple[str, ...] = ()
    clock_error_s: float | None = None
    telemetry: Telemetry | None = None
    volume_pct: int = 80
    download_windows: tuple[str, ...] | None = None
    monthly_mib: int | None = None
    maintenance: bool = False


class BulletinRecord(Struct, frozen=True, kw_only=True):
    """A bulletin with how it was made.

    Attributes:
        pack: It is the emergency pack's warning of this kind, unless a newer one is.
    """

    id: BulletinId
    title: str
    sha256: Sha256
    size_bytes: int
    duration_ms: int
    priority: Priority
    loudness_lufs: float | None
    true_peak_dbtp: float | None
    source_name: str
    created_at: datetime
    created_by: str
    pack: PackKind | None = None

    def for_plan(self) -> Bulletin:
        """The part of it that a cluster needs."""
        return Bulletin(
            id=self.id,
            title=self.title,
            sha256=self.sha256,
            size_bytes=self.size_bytes,
            duration_ms=self.duration_ms,
            priority=self.priority,
        )

    def for_emergency(self) -> Bulletin:
        """The same as an order names it: exempt from what holds other sounds back."""
        return replace(self.for_plan(), priority=Priority.EMERGENCY)


class EmergencyPreview(Struct, frozen=True, kw_only=True):
    """Who would hear what, if it were sent now."""

    title: str
    duration_ms: int
    clusters: tuple[ClusterId, ...]


class SlotOrder(Struct, frozen=True, kw_only=True):
    """What a person asks for: this bulletin, on these clusters, then. The body of POST and PUT.

    Attributes:
        clusters: `all` (clusters that come later too), or names.
        late_limit_s: How late it may still start or be joined in progress.
        in_quiet_hours: The person says that it may sound in quiet hours.
        volume_pct: Volume for this slot, else each cluster's own.
    """

    bulletin: BulletinId
    when: Once | Weekly
    clusters: str | list[str] = "all"
    late_limit_s: Annotated[int, Meta(ge=0, le=24 * 3600)] = LATE_LIMIT_S
    in_quiet_hours: bool = False
    volume_pct: Percent | None = None


class SlotRecord(Struct, frozen=True, kw_only=True):
    """A slot with its history.

    Attributes:
        clusters: Names; None for every cluster of the commune.
        stops: Planned starts of it that a person stopped.
    """

    id: SlotId
    bulletin: BulletinId
    when: Once | Weekly
    clusters: tuple[ClusterId, ...] | None
    owed_from: datetime
    approved_at: datetime
    late_limit_s: int = LATE_LIMIT_S
    in_quiet_hours: bool = False
    volume_pct: int | None = None
    cancelled_at: datetime | None = None
    created_by: str = ""
    stops: tuple[Stop, ...] = ()

    def is_for(self, cluster: ClusterId) -> bool:
        """Whether this cluster is meant."""
        return self.clusters is None or cluster in self.clusters


class SlotView(Struct, frozen=True, kw_only=True):
    """A slot as a person sees it.

    Attributes:
        clusters: `all`, or names.
        next_at: Its next planned start that is not stopped; None when there is none.
        on_air: Clusters that say they play it now.
    """

    id: SlotId
    bulletin: BulletinId
    title: str
    duration_ms: int
    when: Once | Weekly
    clusters: str | tuple[ClusterId, ...]
    late_limit_s: int
    in_quiet_hours: bool
    volume_pct: int | None
    cancelled_at: datetime | None
    created_by: str
    approved_at: datetime
    stops: tuple[Stop, ...]
    next_at: datetime | None
    on_air: tuple[ClusterId, ...] = ()


class SlotChange(Struct, frozen=True, kw_only=True):
    """What came of a change: the slot, and the clusters whose plan it changed."""

    slot: SlotView
    clusters_changed: tuple[ClusterId, ...]


class Preview(Struct, frozen=True, kw_only=True):
    """Which clusters would sound when, before a person confirms."""

    clusters: tuple[ClusterId, ...]
    starts: tuple[Instant, ...]
    duration_ms: int


class Plan(Struct, frozen=True, kw_only=True):
    """A plan as it was made for one cluster: signed, whether published yet or not."""

    cluster: ClusterId
    version: int
    body_hash: str
    note: bytes
    issued_at: datetime
    published_at: datetime | None = None


class JournalRecord(Struct, frozen=True, kw_only=True):
    """A journal row as the hub stored it. `id` rises: ask for what came after one."""

    id: int
    cluster: ClusterId
    epoch: str
    stored_at: datetime
    row: JournalRow


class JournalGap(Struct, frozen=True, kw_only=True):
    """Journal rows that a cluster does not hold any more and the hub never got."""

    cluster: ClusterId
    epoch: str
    first: int
    last: int
    noted_at: datetime


class AuditRecord(Struct, frozen=True, kw_only=True):
    """Who did what, and when."""

    at: datetime
    who: str
    what: str
    detail: str
