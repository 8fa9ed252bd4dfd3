"""What a person can do with the hub: one method each, for the command line and the pages alike."""

from __future__ import annotations

from dataclasses import dataclass

from hub.operations.backups import Backups
from hub.operations.bulletins import Bulletins
from hub.operations.clusters import Clusters
from hub.operations.emergencies import Emergencies
from hub.operations.journal import Journal
from hub.operations.people import People
from hub.operations.slots import Slots


@dataclass(frozen=True, kw_only=True)
class Operations:
    """All operations, by topic. Each raises `HubError` when it refuses."""

    people: People
    clusters: Clusters
    bulletins: Bulletins
    slots: Slots
    emergencies: Emergencies
    journal: Journal
    backups: Backups
