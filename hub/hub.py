"""Everything a running hub consists of, in one bundle."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from contract.note import SignerKey
from hub.clock import HubClock
from hub.link import HubLink
from hub.live import Live
from hub.operations import Operations
from hub.settings import Settings
from hub.state_dir import StateDir
from hub.store.engine import Store


@dataclass(frozen=True, kw_only=True)
class Hub:
    """A running hub.

    Attributes:
        local_token: Bearer token of programs on this machine.
        started_at: Since when it serves.
    """

    settings: Settings
    state: StateDir
    clock: HubClock
    store: Store
    live: Live
    operations: Operations
    link: HubLink
    signer: SignerKey
    local_token: str
    started_at: datetime
