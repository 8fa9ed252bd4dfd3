"""Commands from the hub: checked, remembered before anything is done, obeyed once, and answered."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime, timedelta
from typing import Protocol, assert_never

from contract.codec import Refused, open_signed
from contract.command import (
    MAX_COMMAND_BYTES,
    Beacon,
    Command,
    Refusal,
    Stage,
    StartEmergency,
    StopEmergency,
)
from contract.fault import FaultCode
from contract.journal import EventKind
from contract.model import Desired
from contract.ports import Clock
from edge.core.emergency import taken
from edge.core.obey import Bearing, all_up_to, is_asked_again, marks_from, refusal_of
from edge.core.rate import Bucket
from edge.shell.acks import Acks
from edge.shell.config import EdgeConfig
from edge.shell.diary import Diary
from edge.shell.emergency_desk import EmergencyDesk
from edge.shell.fault_board import FaultBoard
from edge.shell.ledger import Ledger

log = logging.getLogger(__name__)

BURST, PER_S = 30.0, 5.0
"""Commands looked at: a hub sends a few an hour; each look costs a small Pi about a millisecond."""
TOLD_AGAIN_NS = 600 * 10**9
"""A row about refused commands at most this often; it tells how many there were."""


class Plans(Protocol):
    """The part of the plan's keeper that a commander needs."""

    @property
    def plan(self) -> Desired | None:
        """In force; it names the cluster's groups."""
        ...

    def fetch_what_is_missing(self) -> None:
        """Says again what is needed."""
        ...


class Commander:
    """Obeys what is signed, new, fresh and meant for this cluster.

    Attributes:
        refused: Commands refused since the start, by reason.
    """

    def __init__(  # noqa: PLR0913 - each part by its name
        self,
        *,
        config: EdgeConfig,
        clock: Clock,
        ledger: Ledger,
        plans: Plans,
        desk: EmergencyDesk,
        acks: Acks,
        diary: Diary,
        faults: FaultBoard,
    ) -> None:
        self._config = config
        self._clock = clock
        self._ledger = ledger
        self._plans = plans
        self._desk = desk
        self._acks = acks
        self._diary = diary
        self._faults = faults
        self._bucket = Bucket.full(BURST, PER_S, clock.mono_ns())
        self._nonce = ""
        self._beacon: tuple[Beacon, int] | None = None
        self._told_ns: int | None = None
        self._untold = 0
        self.refused: Counter[Refusal] = Counter()

    # The connection's beacon

    def connected(self, nonce: str) -> None:
        """A new connection asked for a beacon with this nonce; what the last one said counts no more."""
        self._nonce, self._beacon = nonce, None

    def take_beacon(self, note: bytes) -> None:
        """The hub's answer; one for another connection, or for another cluster, is none."""
        try:
            beacon = open_signed(note, Beacon, self._config.verifier_keys())
        except Refused as error:
            log.warning("beacon refused: %s", error)
            return
        ours = (self._config.commune, self._config.cluster, self._nonce)
        if self._nonce and (beacon.commune, beacon.cluster, beacon.nonce) == ours:
            self._beacon = (beacon, self._clock.mono_ns())
            if not self._ledger.marks().are_whole:
                self._ledger.obey(marks_from(beacon.seq_floor), self._desk.kept)

    def bearing(self) -> Bearing:
        """What is known of time and of this connection now."""
        now, is_trusted = self._clock.now(), self._clock.trust().is_trusted
        if self._beacon is None:
            return Bearing(now=now, is_trusted=is_trusted)
        beacon, at_ns = self._beacon
        passed = timedelta(microseconds=(self._clock.mono_ns() - at_ns) / 1000)
        return Bearing(
            now=now,
            is_trusted=is_trusted,
            hub_now=beacon.at + passed,
            seq_floor=beacon.seq_floor,
        )

    @property
    def real_now(self) -> datetime | None:
        """The time, by the hub's clock or by our own if that may be believed; None: nobody knows."""
        bearing = self.bearing()
        return bearing.hub_now or (bearing.now if bearing.is_trusted else None)

    # Commands

    def take(self, note: bytes) -> None:
        """A command came; nothing of it is believed yet."""
        is_let, self._bucket = self._bucket.take(self._clock.mono_ns())
        if not is_let:
            self._refuse(Refusal.TOO_MANY)
        elif len(note) > MAX_COMMAND_BYTES:
            self._refuse(Refusal.TOO_LARGE)
        elif (command := self._open(note)) is not None:
            self._consider(command)

    def _open(self, note: bytes) -> Command | None:
        try:
            return open_signed(note, Command, self._config.verifier_keys())
        except Refused as error:
            is_forged = str(error).startswith("signature")
            self._refuse(Refusal.NOT_SIGNED if is_forged else Refusal.UNREADABLE, str(error))
        return None

    def _consider(self, command: Command) -> None:
        groups = self._plans.plan.groups if self._plans.plan else ("all",)
        is_ours = command.commune == self._config.commune
        if is_ours and not command.audience.means(self._config.cluster, groups):
            return
        bearing = self.bearing()
        why = refusal_of(command, self._config.commune, self._ledger.marks(), bearing)
        if why is not None:
            if not (
                why is Refusal.REPLAY and is_asked_again(command, self._ledger.marks(), bearing)
            ):
                self._refuse(why, command.id)
            self._acks.say(command.id, Stage.FAILED, str(why))
            return
        self._acks.say(command.id, Stage.VERIFIED)
        self._obey(command, bearing.hub_now or bearing.now)

    def _obey(self, command: Command, hub_now: datetime) -> None:
        marks = self._ledger.marks().after(command.seq)
        match command.order:
            case StartEmergency() as order:
                emergency = taken(order, command, self._clock.now(), hub_now)
                self._desk.take(emergency, marks)
                self._plans.fetch_what_is_missing()
            case StopEmergency(emergency=wanted):
                if wanted is None:
                    marks = all_up_to(self._ledger.marks(), command.seq)
                self._ledger.obey(marks, self._desk.kept)
                self._desk.stop(wanted)
                self._acks.say(command.id, Stage.ENDED)
            case _:
                assert_never(command.order)

    def _refuse(self, why: Refusal, about: str = "") -> None:
        """Counted always; told at the first and then at most every ten minutes, so that a flood fills nothing."""
        self.refused[why] += 1
        self._untold += 1
        self._faults.tell(FaultCode.COMMANDS_REFUSED, is_so=True)
        now_ns = self._clock.mono_ns()
        if self._told_ns is not None and now_ns - self._told_ns < TOLD_AGAIN_NS:
            return
        self._told_ns = now_ns
        words = f"{why}: {about}" if about else str(why)
        log.warning("command refused: %s", words)
        self._diary.event(EventKind.COMMAND_REFUSED, detail=words[:200], count=self._untold)
        self._untold = 0

    def look(self) -> None:
        """Tells of what was refused meanwhile; ten quiet minutes end the fault."""
        if self._told_ns is None or self._clock.mono_ns() - self._told_ns < TOLD_AGAIN_NS:
            return
        if self._untold:
            self._told_ns = self._clock.mono_ns()
            self._diary.event(EventKind.COMMAND_REFUSED, detail="more", count=self._untold)
            self._untold = 0
        else:
            self._told_ns = None
            self._faults.tell(FaultCode.COMMANDS_REFUSED, is_so=False)
