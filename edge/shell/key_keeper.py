"""The cabinet's key at work: an emergency of its own from the pack, link or no link, and its stop."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from datetime import timedelta

from contract.command import Mode
from contract.fault import FaultCode
from contract.journal import EventKind
from contract.model import Bulletin, Desired
from contract.ports import Clock
from edge.core.emergency import Emergency
from edge.core.key_switch import Act, Contacts, Key, look, look_again_s, moved
from edge.shell.config import KeyRules
from edge.shell.diary import Diary
from edge.shell.emergency_desk import EmergencyDesk
from edge.shell.fault_board import FaultBoard
from edge.shell.inbox import KeyLook
from hardware.events import KeyMoved

log = logging.getLogger(__name__)

VALID = timedelta(hours=1)
GAP_S = 5
VOLUME_PCT = 100


class KeyKeeper:
    """Follows the key.

    Args:
        clock: How long it is held, by its monotonic side.
        rules: What it sounds.
        plan: Tells the plan in force, which names the pack.
        attention: The tone, sounded as it is where the card holds no pack.
        desk: Takes the emergency.
        diary: Takes the rows.
        faults: Shows contacts that contradict each other.
        ask: Brings an event into the loop.
        fetch: Asks for what is not on the card.
    """

    def __init__(  # noqa: PLR0913 - each part by its name
        self,
        *,
        clock: Clock,
        rules: KeyRules,
        plan: Callable[[], Desired | None],
        attention: Bulletin,
        desk: EmergencyDesk,
        diary: Diary,
        faults: FaultBoard,
        ask: Callable[[KeyLook], None],
        fetch: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._rules = rules
        self._plan = plan
        self._attention = attention
        self._desk = desk
        self._diary = diary
        self._faults = faults
        self._ask = ask
        self._fetch = fetch
        self._key = Key()
        self._timer: asyncio.TimerHandle | None = None

    def moved(self, event: KeyMoved) -> None:
        """Contacts have moved."""
        contacts = Contacts(turned=event.turned, rest=event.rest, stop=event.stop)
        self._key = moved(self._key, contacts, self._now_s())
        self.look()

    def look(self) -> None:
        """Does what the key asks for now, and looks again when it may ask for more."""
        self._key, act = look(self._key, self._now_s())
        match act:
            case Act.SOUND:
                self._sound()
            case Act.STOP:
                self._stop()
            case None:
                pass
        self._faults.tell(FaultCode.KEY_FAULT, is_so=self._key.is_faulty)
        self._look_again()

    def _look_again(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        again_s = look_again_s(self._key, self._now_s())
        if again_s is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(again_s + 0.01, self._ask, KeyLook())

    def _now_s(self) -> float:
        return self._clock.mono_ns() / 1e9

    def _sound(self) -> None:
        bulletin = self._warning()
        now = self._clock.now()
        self._diary.event(EventKind.KEY_TURNED, detail=f"sound {bulletin.id}")
        self._desk.take(
            Emergency(
                id=f"key-{secrets.token_hex(5)}",
                bulletin=bulletin,
                repeats=self._rules.repeats,
                gap_s=GAP_S,
                volume_pct=VOLUME_PCT,
                mode=Mode.LIVE,
                taken_at=now,
                until=now + VALID,
                local=True,
            )
        )
        self._fetch()

    def _stop(self) -> None:
        self._diary.event(EventKind.KEY_TURNED, detail="stop")
        log.warning("the key stops every emergency")
        self._desk.stop(None)

    def _warning(self) -> Bulletin:
        """The warning of the pack that the key is set to, else the bare tone."""
        plan = self._plan()
        if plan is None:
            return self._attention
        wanted = [one.bulletin for one in plan.pack if one.kind == self._rules.sounds]
        return next((one for one in plan.bulletins if one.id in wanted), self._attention)
