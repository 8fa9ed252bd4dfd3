"""Where each message travels: `loaxa/v1/<commune>/<cluster>/<kind>`."""

from __future__ import annotations

from enum import StrEnum

from contract.ids import ClusterId, CommuneId

ROOT = "loaxa/v1"


class Kind(StrEnum):
    """Kinds of message between a hub and one cluster."""

    DESIRED = "desired"
    COMMAND = "command"
    ACK = "ack"
    REPORTED = "reported"
    AVAILABILITY = "availability"
    BEAT = "beat"
    TELEMETRY = "telemetry"
    JOURNAL = "journal"
    JOURNAL_ACK = "journal-ack"
    BEACON = "beacon"


TO_CLUSTER = (Kind.DESIRED, Kind.COMMAND, Kind.JOURNAL_ACK, Kind.BEACON)
FROM_CLUSTER = (Kind.ACK, Kind.REPORTED, Kind.AVAILABILITY, Kind.BEAT, Kind.TELEMETRY, Kind.JOURNAL)


def cluster_topic(commune: CommuneId, cluster: ClusterId, kind: Kind) -> str:
    """Topic of one kind of message of one cluster."""
    return f"{ROOT}/{commune}/{cluster}/{kind}"


def hub_state_topic(commune: CommuneId) -> str:
    """Topic on which the hub says whether it is there."""
    return f"{ROOT}/{commune}/hub-state"


def command_topic(commune: CommuneId) -> str:
    """Topic of commands to the whole commune; the signed body names its audience."""
    return f"{ROOT}/{commune}/command"


def every_cluster_topic(commune: CommuneId, kind: Kind) -> str:
    """Subscription of the hub to one kind of message of all its clusters."""
    return f"{ROOT}/{commune}/+/{kind}"


def split_cluster_topic(topic: str) -> tuple[CommuneId, ClusterId, Kind] | None:
    """Commune, cluster and kind of a topic, or None when it is not a cluster's."""
    parts = topic.split("/")
    if len(parts) != 5 or "/".join(parts[:2]) != ROOT or parts[4] not in set(Kind):  # noqa: PLR2004
        return None
    return CommuneId(parts[2]), ClusterId(parts[3]), Kind(parts[4])
