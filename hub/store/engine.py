"""Opens the store and gives transactions, in SQLite and PostgreSQL alike."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from hub.errors import HubError
from hub.store.migrate import migrate

Result = TypeVar("Result")

BUSY_TIMEOUT_S = 20.0
WRITING = "loaxa_writing"
WRITE_LOCK = 0x6C6F617861  # "loaxa": PostgreSQL's advisory lock of writers
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")


class Store:
    """Durable facts. Writers go one after another, so that a plan is never made from half a change."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with _converted(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes, alone: all of it, or nothing."""
        with _converted(), self._engine.connect() as plain:
            connection = plain.execution_options(**{WRITING: True})
            with connection.begin():
                if self._engine.dialect.name == "postgresql":
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})"))
                yield connection

    async def aside(self, work: Callable[[], Result]) -> Result:
        """Runs blocking work in a thread."""
        return await asyncio.to_thread(work)

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """Runs `work` in a thread, in a reading transaction."""

        def run() -> Result:
            with self.reading() as connection:
                return work(connection)

        return await asyncio.to_thread(run)

    async def write(self, work: Callable[[Connection], Result]) -> Result:
        """Runs `work` in a thread, in a writing transaction."""

        def run() -> Result:
            with self.writing() as connection:
                return work(connection)

        return await asyncio.to_thread(run)

    def close(self) -> None:
        """Closes every connection."""
        self._engine.dispose()


def open_store(url: str, database: Path) -> Store:
    """Opens the store and brings its tables up to date.

    Args:
        url: SQLAlchemy URL, or empty for the SQLite file.
        database: The SQLite file.

    Raises:
        HubError: It cannot be opened, or is of a newer hub.
    """
    try:
        place = make_url(url) if url else _file(database)
        engine = create_engine(place, **_options(place))
    except (ArgumentError, ModuleNotFoundError) as error:
        raise HubError(
            "bad_store",
            f"[store] url không dùng được: {error}",
            f"[store] url cannot be used: {error}",
        ) from error
    if place.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    store = Store(engine)
    try:
        with store.writing() as connection:
            migrate(connection)
        if not url:
            _bring_to_disk(database)
    except (HubError, OSError):
        store.close()
        raise
    return store


def _bring_to_disk(database: Path) -> None:
    """What a killed hub had written and not synced is read again now: it must not be shown, and then lost.

    All of that is in the log beside the database. The database itself must not be opened here: closing it would undo
    the locks that SQLite holds on it for the whole process.
    """
    with suppress(FileNotFoundError):
        handle = os.open(database.with_name(f"{database.name}-wal"), os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _file(database: Path) -> URL:
    """An SQLite file on a disk that may tear what it was writing when the power went, whole pages of it.

    With `psow=0` SQLite begins each transaction on a page of its own, so that no torn one takes a page with it in which
    the last one ends (`sqlite.org/psow.html`).
    """
    address = f"file:{quote(str(database.absolute()))}"
    return URL.create("sqlite", database=address, query={"psow": "0", "uri": "true"})


def _options(place: URL) -> dict[str, Any]:
    if place.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": BUSY_TIMEOUT_S}}
    return {"pool_pre_ping": True}


def _prepare_sqlite(connection: Any, record: object) -> None:  # noqa: ANN401 - DB-API
    connection.isolation_level = (
        None  # transactions begin where we say, not where the driver guesses
    )
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _converted() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise HubError(
            "store_failed",
            f"không đọc ghi được cơ sở dữ liệu: {error.orig}",
            f"the store does not answer: {error.orig}",
        ) from error
    except SQLAlchemyError as error:
        raise HubError(
            "store_failed", f"cơ sở dữ liệu gặp lỗi: {error}", f"the store failed: {error}"
        ) from error
