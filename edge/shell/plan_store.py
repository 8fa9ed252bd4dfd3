"""The plan on the card: the signed note itself, verified again whenever it is read."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

from contract.codec import Refused
from contract.ids import ClusterId, CommuneId
from contract.model import Desired
from contract.note import VerifierKey
from edge.shell.card_thread import HOLD_S, CardThread
from edge.shell.files import set_aside, write_atomically
from edge.shell.intake import read_plan

log = logging.getLogger(__name__)


class PlanStore:
    """Keeps the note of the plan in force.

    Args:
        path: The file.
        keys: Keys whose signatures count.
        commune: This cluster's commune.
        cluster: This cluster.
        card: Writes in the caller's place, who goes on after `HOLD_S` whatever the card does; None: whoever saves waits
            for the card.
    """

    def __init__(
        self,
        path: Path,
        keys: tuple[VerifierKey, ...],
        commune: CommuneId,
        cluster: ClusterId,
        card: CardThread | None = None,
    ) -> None:
        self._card = card
        self._path = path
        self._keys = keys
        self._meant_for = (commune, cluster)

    def save(self, note: bytes) -> None:
        """Replaces the plan; after a power cut it is the old one or the new one, whole.

        Raises:
            OSError: The card does not take it.
        """
        if self._card is None:
            write_atomically(self._path, note)
            return
        piece = self._card.start(partial(write_atomically, self._path, note))
        if not piece.comes(HOLD_S):
            log.warning("the card is slow: the plan is in force before it is on the card")
        elif piece.error is not None:
            raise piece.error

    def load(self) -> Desired | None:
        """The plan in force. A file that does not hold is set aside: the hub sends it again."""
        try:
            note = self._path.read_bytes()
        except OSError:
            return None
        try:
            plan = read_plan(note, self._keys)
        except Refused as error:
            log.error(
                "the stored plan does not hold (%s); set aside as %s", error, set_aside(self._path)
            )
            return None
        return self._if_ours(plan)

    def look(self) -> Desired | None:
        """The plan in force, for one who only asks: a file that does not hold stays where it is."""
        try:
            return self._if_ours(read_plan(self._path.read_bytes(), self._keys))
        except (OSError, Refused):
            return None

    def _if_ours(self, plan: Desired) -> Desired | None:
        return plan if (plan.commune, plan.cluster) == self._meant_for else None
