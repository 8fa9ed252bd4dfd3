"""The attention tone as a sound of the cluster's own: always there, whatever the plan holds."""

from __future__ import annotations

import logging
from pathlib import Path

from msgspec import Struct

from contract.ids import BulletinId, Sha256
from contract.model import Bulletin, Priority
from edge.shell.sound_cache import hash_file
from hardware.attention import LENGTH_MS, write_attention

log = logging.getLogger(__name__)

FILE = "attention.wav"


class Attention(Struct, frozen=True, kw_only=True):
    """Where it is, and what the core calls it."""

    path: Path
    bulletin: Bulletin


def open_attention(folder: Path) -> Attention:
    """The tone in a cluster's store; a card that does not take it costs the tone, and not the emergency."""
    path = folder / FILE
    try:
        write_attention(path)
        sha256, size_bytes = hash_file(path), path.stat().st_size
    except OSError as error:
        log.error("the attention tone is not on the card: %s", error)
        sha256, size_bytes = "0" * 64, 1
    bulletin = Bulletin(
        id=BulletinId("attention"),
        title="attention",
        sha256=Sha256(sha256),
        size_bytes=size_bytes,
        duration_ms=LENGTH_MS,
        priority=Priority.EMERGENCY,
    )
    return Attention(path=path, bulletin=bulletin)
