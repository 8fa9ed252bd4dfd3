"""Backups: made by a person or by the hub itself, and how the last ones went."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NoReturn

from msgspec.structs import replace
from sqlalchemy import Connection

from hub.backup.archive import SoundMark
from hub.backup.making import BackupDone, backup_folder, make_backup, tidy
from hub.clock import HubClock
from hub.core.backups import BackupFacts, next_at
from hub.errors import HubError
from hub.settings import Settings
from hub.state_dir import StateDir
from hub.store import bulletins, people
from hub.store.engine import Store
from hub.store.facts import backup_facts, set_backup_facts

log = logging.getLogger(__name__)

LOOK_S = 30.0
"""The clock may be set: the due time is looked at this often."""


class Backups:
    """The hub's backups."""

    def __init__(self, store: Store, clock: HubClock, state: StateDir, settings: Settings) -> None:
        self._store = store
        self._clock = clock
        self._state = state
        self._settings = settings

    async def make(self, *, by: str, folder: str = "") -> BackupDone:
        """Makes a backup, and remembers how it went; one to another folder that failed is told to who asked only.

        Args:
            by: Who asks.
            folder: Where to, else as the settings say; old backups go only from there.

        Raises:
            HubError: Why there is none.
        """
        now = self._clock.now()
        try:
            done = await self._store.aside(lambda: self._make(folder, now))
        except HubError as error:
            if not folder:
                await self._failed(error, now)
            raise
        facts = BackupFacts(made_at=now, file=str(done.file))
        await self._store.write(lambda c: self._note(c, facts, now, by))
        log.info("backed up to %s", done.file)
        return done

    def _make(self, named: str, now: datetime) -> BackupDone:
        place = backup_folder(self._state, self._settings, named)
        done = make_backup(self._state, self._settings, place, self._sounds(), now)
        if not named:
            keep = self._settings.backup
            tidy(place, self._settings.commune, keep.daily, keep.weekly)
        return done

    def _sounds(self) -> Iterator[SoundMark]:
        with self._store.reading() as connection:
            found = {one.sha256: one.size_bytes for one in bulletins.everything(connection)}
        for sha256, size_bytes in sorted(found.items()):
            yield SoundMark(sha256=sha256, size_bytes=size_bytes)

    def _note(self, connection: Connection, facts: BackupFacts, now: datetime, by: str) -> None:
        set_backup_facts(connection, facts)
        people.note_audit(connection, now, by, "hub.backup", facts.file)

    async def _failed(self, error: HubError, now: datetime) -> None:
        known = await self.facts()
        told = {"why_vi": error.message_vi, "why_en": error.message_en}
        facts = replace(known, failed_at=now, **told)
        await self._store.write(lambda c: set_backup_facts(c, facts))

    async def facts(self) -> BackupFacts:
        """How the last ones went."""
        return await self._store.read(backup_facts)

    async def run(self) -> NoReturn:
        """Makes one every day, for ever."""
        started_at = self._clock.now()
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.make_if_due(started_at)
            except HubError as error:
                log.error("no backup: %s", error)  # tried again later

    async def make_if_due(self, started_at: datetime) -> bool:
        """Makes one if it is time; whether it was.

        Args:
            started_at: Since when the hub serves.
        """
        rules = self._settings.backup
        if not rules.daily:
            return False
        facts = await self.facts()
        now = self._clock.now()
        tried_at = facts.failed_at or facts.made_at
        if tried_at is not None and tried_at > now + timedelta(days=1):
            facts = BackupFacts()  # the clock stood in the future then
        if now < next_at(facts, rules.hour, started_at):
            return False
        await self.make(by="hub")
        return True
