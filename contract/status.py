"""What a cluster and the hub say about themselves."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from contract.ids import BulletinId, Sha256, SlotId
from contract.model import CONTRACT_VERSION, Instant
from contract.ports import ClockTrust

BEAT_INTERVAL_S = 60.0
LOST_AFTER_S = 90.0
"""Age of the last sign of life at which the hub calls a cluster lost (the bar is 100 s)."""
TELEMETRY_INTERVAL_S = 900.0


class Availability(Struct, frozen=True, kw_only=True):
    """Birth and death. A death counts only against the birth with the same `pair`.

    Attributes:
        nonce: Of a birth: the hub answers it with a signed beacon. Empty: none is asked for.
    """

    v: int = CONTRACT_VERSION
    online: bool
    pair: str
    nonce: Annotated[str, Meta(max_length=32)] = ""


class Beat(Struct, frozen=True, kw_only=True):
    """Sign of life; at most 40 bytes. `b` names the boot, `n` counts within it."""

    b: Annotated[str, Meta(max_length=8)]
    n: int


class HubState(Struct, frozen=True, kw_only=True):
    """Whether the hub is there, so that its restart is not taken for lost clusters."""

    v: int = CONTRACT_VERSION
    online: bool
    at: Instant


class OnAir(Struct, frozen=True, kw_only=True):
    """What a cluster plays now."""

    slot: SlotId
    bulletin: BulletinId
    planned_at: Instant
    started_at: Instant


class Reported(Struct, frozen=True, kw_only=True):
    """How a cluster is, on change and at each birth. Retained.

    Attributes:
        at: The cluster's wall time as it sent this: its error is what the hub's clock says against it.
        desired_version: The plan in force; 0 when there is none.
        missing: Sounds that the plan needs and the cluster does not hold yet.
        relays: Relay name to whether it is on.
        faults: Codes of present faults (`contract.fault.FaultCode`), for which the hub has words; one that it does not
            know is shown as it is.
        refused: Plans refused since the start.
        surge_count: Surges counted since the ledger was made.
        maintenance: Somebody works at the cabinet: nothing timed plays.
        command_mark: The highest number of an order that was obeyed; a hub put back from an old backup goes on
            above it.
        emergency: The order whose emergency is on air; empty: none is.
    """

    v: int = CONTRACT_VERSION
    at: Instant
    boot: str
    software: str
    board: str
    desired_version: int = 0
    cached: int = 0
    missing: tuple[Sha256, ...] = ()
    on_air: OnAir | None = None
    relays: dict[str, bool] = {}
    arrester_ok: bool | None = None
    surge_count: int = 0
    faults: tuple[str, ...] = ()
    clock_trust: ClockTrust = ClockTrust.UNKNOWN
    refused: int = 0
    journal_waiting: int = 0
    maintenance: bool = False
    command_mark: int = 0
    emergency: str = ""


class Telemetry(Struct, frozen=True, kw_only=True):
    """Figures of the machine, every 15 minutes. None: this machine cannot tell.

    Attributes:
        month_fetched_mib: Sounds fetched this calendar month, towards the data budget.
        filesystem_errors: Errors that the file system has counted on the card.
        card_life_used_pct: Share of its life that an eMMC or card says is used up.
        card_write_ms: How long the last write and read back took.
        under_voltage: Whether the supply has been too weak since the machine started.
    """

    v: int = CONTRACT_VERSION
    at: Instant
    uptime_s: int
    cpu_pct: float
    memory_free_mib: int
    disk_free_mib: int
    temperature_c: float | None = None
    sent_bytes: int = 0
    received_bytes: int = 0
    surge_count: int = 0
    month_fetched_mib: float = 0.0
    filesystem_errors: int | None = None
    card_life_used_pct: int | None = None
    card_write_ms: float | None = None
    under_voltage: bool | None = None
