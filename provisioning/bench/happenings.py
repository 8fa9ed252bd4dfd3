"""What may happen in a scenario, each kind with its parameters. `docs/bench.md` tells them to people."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Moment = Annotated[float, Meta(ge=0, le=86_400)]
Who = str | tuple[str, ...]
Part = Literal["all", "messages", "sounds"]
"""Which traffic of a link: MQTT (`messages`), HTTP (`sounds`), or both."""


class _Somewhere(Struct, frozen=True, kw_only=True):
    at_s: Moment
    cluster: Who


class _AtTheHub(Struct, frozen=True, kw_only=True):
    at_s: Moment


class LinkDown(_Somewhere, frozen=True, kw_only=True, tag="link_down", tag_field="do"):
    """Nothing passes and nothing is closed."""

    part: Part = "all"


class LinkUp(_Somewhere, frozen=True, kw_only=True, tag="link_up", tag_field="do"):
    """The link carries again, at full speed; connections from before are reset."""

    part: Part = "all"


class LinkSlow(_Somewhere, frozen=True, kw_only=True, tag="link_slow", tag_field="do"):
    """Everything comes later and slower. `bytes_per_s` 0: no limit."""

    latency_ms: Annotated[float, Meta(ge=0, le=60_000)] = 0.0
    bytes_per_s: Annotated[float, Meta(ge=0)] = 0.0
    part: Part = "all"


class LinkLoss(_Somewhere, frozen=True, kw_only=True, tag="link_loss", tag_field="do"):
    """Segments are lost at random and come again after a retransmission time-out."""

    loss_pct: Annotated[float, Meta(ge=0, le=90)] = 10.0
    part: Part = "all"


class ModemHang(_Somewhere, frozen=True, kw_only=True, tag="modem_hang", tag_field="do"):
    """The modem carries nothing more until it has lost its supply for a moment; then it boots for so long."""

    boot_s: Annotated[float, Meta(ge=0, le=3600)] = 5.0


class KillAgent(_Somewhere, frozen=True, kw_only=True, tag="kill_agent", tag_field="do"):
    """SIGKILL to the agent and its player; it stays down."""


class StartAgent(_Somewhere, frozen=True, kw_only=True, tag="start_agent", tag_field="do"):
    """Starts the agent again."""


class PowerCut(_Somewhere, frozen=True, kw_only=True, tag="power_cut", tag_field="do"):
    """Agent dead, every pin at its wired rest; what was not brought to the card may be lost, if `torn` in part."""

    torn: bool = True


class PowerRestore(_Somewhere, frozen=True, kw_only=True, tag="power_restore", tag_field="do"):
    """Power is back and the agent starts."""


class EmergencyBegins(_Somewhere, frozen=True, kw_only=True, tag="emergency", tag_field="do"):
    """An officer sounds a bulletin at once, over everything."""

    bulletin: str
    mode: Literal["live", "drill"] = "live"
    repeats: Annotated[int, Meta(ge=1, le=10)] = 1
    gap_s: Annotated[int, Meta(ge=0, le=600)] = 2
    valid_s: Annotated[int, Meta(ge=60, le=86_400)] = 1800


class EmergencyStop(_AtTheHub, frozen=True, kw_only=True, tag="emergency_stop", tag_field="do"):
    """An officer ends every emergency."""


class KeySwitch(_Somewhere, frozen=True, kw_only=True, tag="key_switch", tag_field="do"):
    """Somebody turns the key in the cabinet, or lightning shorts its wires."""

    position: Literal["rest", "sound", "stop", "shorted"]


class HubKill(_AtTheHub, frozen=True, kw_only=True, tag="hub_kill", tag_field="do"):
    """SIGKILL to the hub; its Mosquitto dies with it."""


class HubStart(_AtTheHub, frozen=True, kw_only=True, tag="hub_start", tag_field="do"):
    """Starts the hub again on the same state."""


class Maintenance(_Somewhere, frozen=True, kw_only=True, tag="maintenance", tag_field="do"):
    """Somebody switches maintenance on or off at the hub."""

    on: bool = True


class HubBackup(_AtTheHub, frozen=True, kw_only=True, tag="hub_backup", tag_field="do"):
    """`loaxa-hub backup`, while the hub serves."""


class HubRestore(_AtTheHub, frozen=True, kw_only=True, tag="hub_restore", tag_field="do"):
    """SIGKILL to the hub, `loaxa-hub restore` of the last backup over what it had, and it starts again."""


class Surge(_Somewhere, frozen=True, kw_only=True, tag="surge", tag_field="do"):
    """The surge counter pulses."""

    pulses: Annotated[int, Meta(ge=1, le=100)] = 1
    width_ms: Annotated[int, Meta(ge=1, le=1000)] = 50


class Strike(_Somewhere, frozen=True, kw_only=True, tag="strike", tag_field="do"):
    """Lightning: one surge everywhere at once, where `arrester_fails` also opens the arrester's loop."""

    arrester_fails: bool = False


class ArresterFails(_Somewhere, frozen=True, kw_only=True, tag="spd_fail", tag_field="do"):
    """The arrester's normally closed loop opens."""


class ArresterOk(_Somewhere, frozen=True, kw_only=True, tag="spd_ok", tag_field="do"):
    """The arrester's loop is closed again."""


class ClockStep(_Somewhere, frozen=True, kw_only=True, tag="clock_step", tag_field="do"):
    """The cluster's clock is off by so much from the host's."""

    offset_s: Annotated[float, Meta(ge=-2e9, le=2e9)] = 0.0
    synchronised: bool | None = None


class RtcRemove(_Somewhere, frozen=True, kw_only=True, tag="rtc_remove", tag_field="do"):
    """No clock survives a power cut any more, and none is synchronised."""


class RtcWeak(_Somewhere, frozen=True, kw_only=True, tag="rtc_weak", tag_field="do"):
    """The RTC's battery is empty: after the next power cut it begins in 2000."""


class CellTime(_Somewhere, frozen=True, kw_only=True, tag="cell_time", tag_field="do"):
    """The cell network tells the cluster's modem the time, off the host's by so much; or tells it no more."""

    offset_s: Annotated[float, Meta(ge=-2e9, le=2e9)] = 0.0
    on: bool = True


class AmplifierDead(_Somewhere, frozen=True, kw_only=True, tag="amp_dead", tag_field="do"):
    """The amplifier is silent whatever its relay does."""

    dead: bool = True


class UnderVoltage(_Somewhere, frozen=True, kw_only=True, tag="under_voltage", tag_field="do"):
    """The computer's supply is too weak for a while."""

    for_s: Annotated[float, Meta(gt=0, le=3600)] = 3.0


class TooHot(_Somewhere, frozen=True, kw_only=True, tag="too_hot", tag_field="do"):
    """The computer is so hot from now on."""

    temperature_c: Annotated[float, Meta(ge=-40, le=125)] = 85.0


class CardWorn(_Somewhere, frozen=True, kw_only=True, tag="card_worn", tag_field="do"):
    """The card says that so much of its life is used up."""

    life_used_pct: Annotated[int, Meta(ge=10, le=110)] = 90


class CorruptCache(_Somewhere, frozen=True, kw_only=True, tag="corrupt_cache", tag_field="do"):
    """Bytes of the sound in the cluster's store are flipped."""

    bulletin: str


class DiskFull(_Somewhere, frozen=True, kw_only=True, tag="disk_full", tag_field="do"):
    """The card has room for so much more, and then for nothing."""

    full: bool = True
    room_bytes: Annotated[int, Meta(ge=0)] = 0


class CardReadOnly(_Somewhere, frozen=True, kw_only=True, tag="card_read_only", tag_field="do"):
    """The card takes nothing, as after the kernel has mounted it anew."""

    read_only: bool = True


class CardErrors(_Somewhere, frozen=True, kw_only=True, tag="card_errors", tag_field="do"):
    """Shares of writes and reads fail, or of writes are stored wrongly; all 0: the card is well.

    The kernel's count of errors is its own, as real ones come from what fails below the file system.
    """

    write_errors_pct: Annotated[int, Meta(ge=0, le=100)] = 0
    read_errors_pct: Annotated[int, Meta(ge=0, le=100)] = 0
    garbled_pct: Annotated[int, Meta(ge=0, le=100)] = 0
    counted: Annotated[int, Meta(ge=0, le=10_000)] | None = None


class CardSlow(_Somewhere, frozen=True, kw_only=True, tag="card_slow", tag_field="do"):
    """Every fsync takes so much longer; 0: no longer than it must."""

    slow_sync_ms: Annotated[int, Meta(ge=0, le=60_000)] = 2000


class PlayerSilent(_Somewhere, frozen=True, kw_only=True, tag="player_silent", tag_field="do"):
    """The sound card puts out zeros although all seems well. `until`: `restart`: a new player mends it; `never`."""

    silent: bool = True
    until: Literal["restart", "never"] = "restart"


class PlayerStuck(_Somewhere, frozen=True, kw_only=True, tag="player_stuck", tag_field="do"):
    """SIGSTOP to the player's process: it neither sounds nor answers, and does not end."""


class SlotCancel(_AtTheHub, frozen=True, kw_only=True, tag="slot_cancel", tag_field="do"):
    """A person calls a slot off."""

    slot: str


class SlotStop(_AtTheHub, frozen=True, kw_only=True, tag="slot_stop", tag_field="do"):
    """A person stops what a slot has on air."""

    slot: str


class SlotMove(_AtTheHub, frozen=True, kw_only=True, tag="slot_move", tag_field="do"):
    """A person moves a slot to another time."""

    slot: str
    to_s: Moment


Happening = (
    LinkDown
    | LinkUp
    | LinkSlow
    | LinkLoss
    | ModemHang
    | KillAgent
    | StartAgent
    | PowerCut
    | PowerRestore
    | EmergencyBegins
    | EmergencyStop
    | KeySwitch
    | HubKill
    | HubStart
    | Maintenance
    | HubBackup
    | HubRestore
    | Surge
    | Strike
    | ArresterFails
    | ArresterOk
    | ClockStep
    | RtcRemove
    | RtcWeak
    | CellTime
    | AmplifierDead
    | UnderVoltage
    | TooHot
    | CardWorn
    | CorruptCache
    | DiskFull
    | CardReadOnly
    | CardErrors
    | CardSlow
    | PlayerSilent
    | PlayerStuck
    | SlotCancel
    | SlotStop
    | SlotMove
)

NOT_YET = frozenset({"mains_off", "live"})
"""Planned kinds that no driver or hub knows yet."""


def kinds() -> dict[str, type[Happening]]:
    """Every kind by the word that a scenario writes."""
    return {word(kind): kind for kind in Happening.__args__}


def word(kind: Struct | type[Struct]) -> str:
    """The word that a scenario writes for it."""
    return str(kind.__struct_config__.tag)
