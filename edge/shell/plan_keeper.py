"""The plan in force: from the link or from the card, and what follows from it for sounds."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from contract.codec import Refused
from contract.ids import Sha256
from contract.journal import EventKind
from contract.model import Bulletin, Desired
from contract.ports import Clock
from edge.core.needs import sounds_in_order_of_need
from edge.shell.airing import Airing
from edge.shell.config import EdgeConfig
from edge.shell.diary import Diary
from edge.shell.fetcher import Fetcher
from edge.shell.intake import AlreadyHeld, take_desired
from edge.shell.ledger import Ledger
from edge.shell.plan_store import PlanStore
from edge.shell.sound_cache import SoundCache

log = logging.getLogger(__name__)


class PlanKeeper:
    """Takes plans and keeps the newest.

    Attributes:
        before_accepting: Is told of a good plan while the one before it is still in force.
        plan: In force; None: there is none yet.
        accepted_at: When it came over the link; None: it was on the card at the start.
        refused: Plans refused since the start.
    """

    def __init__(  # noqa: PLR0913 - each part by its name
        self,
        *,
        config: EdgeConfig,
        clock: Clock,
        ledger: Ledger,
        store: PlanStore,
        cache: SoundCache,
        fetcher: Fetcher,
        airing: Airing,
        diary: Diary,
        urgent: Callable[[], tuple[Bulletin, ...]],
    ) -> None:
        self._config = config
        self._clock = clock
        self._ledger = ledger
        self._store = store
        self._cache = cache
        self._fetcher = fetcher
        self._airing = airing
        self._diary = diary
        self._urgent = urgent
        self.before_accepting: Callable[[Desired], None] = lambda plan: None
        self.plan: Desired | None = None
        self.accepted_at: datetime | None = None
        self.refused = 0

    @property
    def version(self) -> int:
        """Of the plan in force; 0: there is none."""
        return self.plan.version if self.plan else 0

    def recall(self) -> None:
        """The plan on the card is in force again."""
        plan = self._store.load()
        if plan is not None and plan.version > self._ledger.accepted_version():
            # the power went in between, or the ledger is new
            self._ledger.accept_version(plan.version)
        self._use(plan)

    def take(self, note: bytes) -> None:
        """A plan came over the link: it is in force from now on, or refused with a row."""
        config = self._config
        try:
            plan = take_desired(
                note,
                config.verifier_keys(),
                config.commune,
                config.cluster,
                self._ledger.accepted_version(),
                self.version,
            )
        except AlreadyHeld:
            return
        except Refused as error:
            self.refused = self._ledger.add("plans_refused", 1)
            self._diary.event(EventKind.PLAN_REFUSED, detail=str(error)[:200])
            log.warning("plan refused: %s", error)
            return
        self._accept(plan, note)

    def _accept(self, plan: Desired, note: bytes) -> None:
        self.before_accepting(plan)
        try:
            self._store.save(note)
        except OSError as error:
            log.error("plan %s is in force but not on the card: %s", plan.version, error)
        self._ledger.accept_version(plan.version)
        self.accepted_at = self._clock.now()
        self._use(plan)
        self._diary.event(EventKind.PLAN_ACCEPTED, detail=f"version {plan.version}")
        log.info(
            "plan %s accepted: %s slots, %s sounds",
            plan.version,
            len(plan.slots),
            len(plan.bulletins),
        )

    def _use(self, plan: Desired | None) -> None:
        self.plan = plan
        self._airing.plan_version = self.version
        self.fetch_what_is_missing()

    def shift(self, step: timedelta) -> None:
        """The clock was set: when the plan came, by the new time."""
        if self.accepted_at is not None:
            self.accepted_at += step

    def sound_damaged(self, sha256: Sha256) -> None:
        """A sound on the card was wrong: a row says so, and it is fetched again where the plan needs it."""
        self._diary.event(EventKind.SOUND_REFUSED, detail=f"{sha256[:12]}: damaged on the card")
        self.fetch_what_is_missing()

    def fetch_what_is_missing(self) -> None:
        """Says again what is needed, emergencies first, then soonest first; all else may go."""
        urgent = self._urgent()
        needed = (*urgent, *sounds_in_order_of_need(self.plan, self._clock.now()))
        exempt = frozenset(sound.sha256 for sound in urgent)
        self._fetcher.ration.follow(self.plan, exempt)
        self._fetcher.want(needed, exempt)
        cued = {cue.occurrence.bulletin.sha256 for cue in self._airing.cued}
        self._cache.evict(frozenset(cued | {sound.sha256 for sound in needed}))
