"""Accounts, logins and the audit trail, as rows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select, update
from sqlalchemy import insert as into

from hub.core.model import Session, User
from hub.store.tables import audit, login_session
from hub.store.tables import user as users


def insert(connection: Connection, made: User, password_hash: str) -> None:
    """Adds an account."""
    connection.execute(
        into(users).values(name=made.name, password_hash=password_hash, created_at=made.created_at)
    )


def everyone(connection: Connection) -> tuple[User, ...]:
    """All accounts, by name."""
    found = connection.execute(select(users).order_by(users.c.name)).mappings()
    return tuple(User(name=row["name"], created_at=row["created_at"]) for row in found)


def password_hash(connection: Connection, name: str) -> str | None:
    """The stored hash of a person's password."""
    return connection.execute(
        select(users.c.password_hash).where(users.c.name == name)
    ).scalar_one_or_none()


def totp(connection: Connection, name: str) -> tuple[str | None, int]:
    """A person's second factor, if there is one, and the step of the code that was used last."""
    query = select(users.c.totp_secret, users.c.totp_step).where(users.c.name == name)
    row = connection.execute(query).one_or_none()
    return (None, 0) if row is None else (row.totp_secret, row.totp_step)


def set_totp(connection: Connection, name: str, secret: str, step: int) -> None:
    """Writes a person's second factor, and the step of the code that was used last."""
    connection.execute(
        update(users).where(users.c.name == name).values(totp_secret=secret, totp_step=step)
    )


def insert_session(connection: Connection, token_hash: str, session: Session) -> None:
    """Adds a login."""
    connection.execute(
        into(login_session).values(
            token_hash=token_hash,
            user=session.user,
            csrf=session.csrf,
            expires_at=session.expires_at,
        )
    )


def session(connection: Connection, token_hash: str) -> Session | None:
    """A login by the hash of its token."""
    query = select(login_session).where(login_session.c.token_hash == token_hash)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    return Session(user=row["user"], csrf=row["csrf"], expires_at=row["expires_at"])


def delete_session(connection: Connection, token_hash: str) -> None:
    """Ends a login."""
    connection.execute(delete(login_session).where(login_session.c.token_hash == token_hash))


def delete_sessions_before(connection: Connection, now: datetime) -> None:
    """Sweeps logins that have run out."""
    connection.execute(delete(login_session).where(login_session.c.expires_at <= now))


def note_audit(connection: Connection, at: datetime, who: str, what: str, detail: str) -> None:
    """Writes down who did what."""
    connection.execute(into(audit).values(at=at, who=who, what=what, detail=detail))
