"""The emergency pack: warnings that lie ready on every cluster, whatever becomes of hub and link."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from contract.ids import BulletinId


class PackKind(StrEnum):
    """What a warning of the pack is about."""

    FLOOD = "flood"
    FLASH_FLOOD = "flash_flood"
    LANDSLIDE = "landslide"
    STORM = "storm"
    WILDFIRE = "wildfire"
    EARTHQUAKE = "earthquake"
    EPIDEMIC = "epidemic"
    EVACUATION = "evacuation"
    ALL_CLEAR = "all_clear"
    DRILL = "drill"
    """The words that say that what follows is a drill."""


class Pinned(Struct, frozen=True, kw_only=True):
    """A bulletin of the plan that is the pack's warning of a kind."""

    kind: PackKind
    bulletin: BulletinId
