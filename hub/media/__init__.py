"""Ingest: whatever a person uploads becomes one kind of sound file that every cluster plays, or a clear refusal."""

from hub.media.faults import IngestError
from hub.media.intake import Ingested, IngestLimits, ingest

__all__ = ["IngestError", "IngestLimits", "Ingested", "ingest"]
