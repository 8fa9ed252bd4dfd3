"""Names of things, as types, so that a slot's name is never taken for a cluster's."""

from __future__ import annotations

import re
from typing import NewType

CommuneId = NewType("CommuneId", str)
ClusterId = NewType("ClusterId", str)
BulletinId = NewType("BulletinId", str)
SlotId = NewType("SlotId", str)
Sha256 = NewType("Sha256", str)

NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,31}$"
"""Communes, clusters and groups: they stand in topics, file names and user names, so nothing else may."""

SHA256_PATTERN = r"^[0-9a-f]{64}$"

ALL_GROUP = "all"
"""The group that every cluster of a commune belongs to."""


def is_name(text: str) -> bool:
    """Whether `text` may name a commune, a cluster or a group."""
    return re.fullmatch(NAME_PATTERN, text) is not None


def is_sha256(text: str) -> bool:
    """Whether `text` is a SHA-256 in lower-case hexadecimal."""
    return re.fullmatch(SHA256_PATTERN, text) is not None
