"""People: who may use the hub, and their logins."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection

from hub import refusals
from hub.clock import HubClock
from hub.core.model import OpenedSession, Session, User
from hub.core.release import SECRET_BYTES, new_secret, step_of
from hub.store import people as rows
from hub.store.engine import Store

SESSION_LENGTH = timedelta(hours=12)
MIN_PASSWORD = 8
MAX_NAME = 64


class People:
    """Accounts and logins."""

    def __init__(self, store: Store, clock: HubClock) -> None:
        self._store = store
        self._clock = clock
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

    async def add(self, name: str, password: str, *, by: str) -> User:
        """Makes an account."""
        if not 0 < len(name) <= MAX_NAME or any(c.isspace() for c in name):
            raise refusals.bad_user_name()
        if len(password) < MIN_PASSWORD:
            raise refusals.weak_password()
        made = User(name=name, created_at=self._clock.now())

        def work() -> User:
            hashed = self._hasher.hash(password)
            with self._store.writing() as connection:
                if rows.password_hash(connection, name) is not None:
                    raise refusals.user_exists(name)
                rows.insert(connection, made, hashed)
                rows.note_audit(connection, made.created_at, by, "user.add", name)
            return made

        return await self._store.aside(work)

    async def everyone(self) -> tuple[User, ...]:
        """All accounts, by name."""
        return await self._store.read(rows.everyone)

    async def is_password(self, name: str, password: str) -> bool:
        """Whether this is the person's password; takes as long when there is no such person."""

        def work() -> bool:
            with self._store.reading() as connection:
                stored = rows.password_hash(connection, name)
            if stored is None:
                self._hasher.hash(password)
                return False
            try:
                return self._hasher.verify(stored, password)
            except (VerificationError, InvalidHashError):
                return False

        return await self._store.aside(work)

    async def give_second_factor(self, name: str, *, by: str) -> str:
        """A new secret for a person's phone; the one before is worth nothing from then on.

        Raises:
            HubError: There is no such person.
        """
        secret = new_secret(secrets.token_bytes(SECRET_BYTES))
        now = self._clock.now()

        def work(connection: Connection) -> None:
            if rows.password_hash(connection, name) is None:
                raise refusals.unknown_user(name)
            rows.set_totp(connection, name, secret, 0)
            rows.note_audit(connection, now, by, "user.totp", name)

        await self._store.write(work)
        return secret

    async def check_code(self, name: str, code: str) -> None:
        """Takes a code of a person's second factor; it holds once.

        Raises:
            HubError: The person has none, or the code is wrong or was used.
        """
        now = self._clock.now()

        def work(connection: Connection) -> None:
            secret, last_step = rows.totp(connection, name)
            if secret is None:
                raise refusals.no_second_factor(name)
            step = step_of(secret, code, now, last_step)
            if step is None:
                raise refusals.wrong_code()
            rows.set_totp(connection, name, secret, step)

        await self._store.write(work)

    async def open_session(self, name: str) -> OpenedSession:
        """A login for a person whose password was right. Old logins of everyone are swept."""
        now = self._clock.now()
        token = secrets.token_urlsafe(32)
        session = Session(
            user=name, csrf=secrets.token_urlsafe(24), expires_at=now + SESSION_LENGTH
        )

        def work() -> None:
            with self._store.writing() as connection:
                rows.delete_sessions_before(connection, now)
                rows.insert_session(connection, _hashed(token), session)
                rows.note_audit(connection, now, name, "login", "")

        await self._store.aside(work)
        return OpenedSession(token=token, session=session)

    async def session(self, token: str) -> Session | None:
        """The login that a browser's token stands for, if it still holds."""
        found = await self._store.read(lambda c: rows.session(c, _hashed(token)))
        return found if found and found.expires_at > self._clock.now() else None

    async def close_session(self, token: str) -> None:
        """Ends a login."""
        await self._store.write(lambda c: rows.delete_session(c, _hashed(token)))


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
