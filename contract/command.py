"""What the hub tells clusters to do now: one signed note on the commune's command topic, never retained."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from contract.ids import NAME_PATTERN, ClusterId, CommuneId
from contract.model import CONTRACT_VERSION, Bulletin, Instant, Name, Percent

COMMAND_ID_PATTERN = r"^[a-z0-9][a-z0-9-]{0,31}$"
MAX_COMMAND_BYTES = 16 * 1024
"""A command names clusters by groups or a list of at most 200: far less than this."""
MAX_LIFE_S = 24 * 3600
"""A command that says it holds longer than a day was made by mistake."""

CommandId = Annotated[str, Meta(pattern=COMMAND_ID_PATTERN)]


class Mode(StrEnum):
    """Whether it is meant. A drill says so before it speaks; a test moves nothing that is heard."""

    LIVE = "live"
    DRILL = "drill"
    TEST = "test"


class Audience(Struct, frozen=True, kw_only=True):
    """Who is meant: whoever is named, is in a group that is named, or everyone.

    Attributes:
        everyone: Every cluster of the commune.
        groups: As the cluster's signed plan has them.
    """

    everyone: bool = False
    groups: Annotated[tuple[Name, ...], Meta(max_length=50)] = ()
    clusters: Annotated[tuple[Name, ...], Meta(max_length=200)] = ()

    def means(self, cluster: ClusterId, groups: tuple[str, ...]) -> bool:
        """Whether a cluster in these groups is meant."""
        return self.everyone or cluster in self.clusters or not set(groups).isdisjoint(self.groups)


class StartEmergency(Struct, frozen=True, kw_only=True, tag="start_emergency", tag_field="do"):
    """Sound this now, over everything.

    Attributes:
        bulletin: Its sound; one that is not on the card is fetched at once while the attention tone sounds.
        preface: Spoken before the bulletin each time: in a drill, the words that say so.
        repeats: How often it is spoken in all.
        gap_s: Silence between two of them.
        volume_pct: Loudness, whatever the cluster's own is.
    """

    bulletin: Bulletin
    preface: Bulletin | None = None
    repeats: Annotated[int, Meta(ge=1, le=10)] = 2
    gap_s: Annotated[int, Meta(ge=0, le=600)] = 5
    volume_pct: Percent = 100


class StopEmergency(Struct, frozen=True, kw_only=True, tag="stop_emergency", tag_field="do"):
    """End emergencies and forget those that wait.

    Attributes:
        emergency: Id of the command that started it; None: all of them.
    """

    emergency: CommandId | None = None


Order = StartEmergency | StopEmergency


class Command(Struct, frozen=True, kw_only=True):
    """One order. It is obeyed once, by whom it means, until it expires.

    Attributes:
        seq: Only rises over all commands of a commune.
        expires_at: Not obeyed after this; an emergency is not begun after it either.
    """

    v: int = CONTRACT_VERSION
    kind: str = "command"
    commune: Annotated[CommuneId, Meta(pattern=NAME_PATTERN)]
    id: CommandId
    seq: Annotated[int, Meta(ge=1, le=2**53)]
    audience: Audience
    mode: Mode = Mode.LIVE
    issued_at: Instant
    expires_at: Instant
    order: Order


class Stage(StrEnum):
    """How far a command has come on a cluster."""

    RECEIVED = "received"
    VERIFIED = "verified"
    STARTED = "started"
    ENDED = "ended"
    FAILED = "failed"


class Ack(Struct, frozen=True, kw_only=True):
    """A cluster says how far a command has come.

    Attributes:
        reason: Of a failure, as a word of `contract.command.Refusal` or `contract.journal.Reason`.
    """

    v: int = CONTRACT_VERSION
    command: CommandId
    stage: Stage
    at: Instant
    reason: str = ""


class Refusal(StrEnum):
    """Why a cluster does not obey a command."""

    NOT_SIGNED = "not_signed"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    OTHER_COMMUNE = "other_commune"
    REPLAY = "replay"
    EXPIRED = "expired"
    TOO_LONG_LIVED = "too_long_lived"
    NO_BEACON = "no_beacon"
    TOO_MANY = "too_many"


class Beacon(Struct, frozen=True, kw_only=True):
    """The hub's signed answer to the nonce of a cluster's birth: fresh time for one that has none to trust.

    Attributes:
        nonce: The cluster's own, of this connection.
        at: The hub's time when it answered.
        seq_floor: Commands up to this number are over for this connection.
    """

    v: int = CONTRACT_VERSION
    kind: str = "beacon"
    commune: Annotated[CommuneId, Meta(pattern=NAME_PATTERN)]
    cluster: Annotated[ClusterId, Meta(pattern=NAME_PATTERN)]
    nonce: Annotated[str, Meta(min_length=8, max_length=32)]
    at: Instant
    seq_floor: Annotated[int, Meta(ge=0, le=2**53)]
