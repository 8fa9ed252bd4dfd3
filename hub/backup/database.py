"""The database's part of a backup: a consistent copy while the hub serves, and the way back."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, make_url

from hub.backup import refusals
from hub.settings import Settings
from hub.state_dir import StateDir

SQLITE = "sqlite"
POSTGRESQL = "postgresql"
MEMBER = {SQLITE: "hub.db", POSTGRESQL: "hub.dump"}
"""What the database is called in an archive."""
PG_LIMIT_S = 3600.0
BUSY_S = 20.0


def kind_of(settings: Settings) -> str:
    """Which database a hub has."""
    url = settings.store.url
    return make_url(url).get_backend_name() if url else SQLITE


def copy_out(state: StateDir, settings: Settings, target: Path) -> None:
    """Copies the database as it is at one instant, and looks whether the copy is sound.

    Raises:
        HubError: It is broken, or PostgreSQL's tools are missing or fail.
    """
    if kind_of(settings) == POSTGRESQL:
        _run(
            settings,
            "pg_dump",
            "--format=custom",
            f"--file={target}",
            f"--dbname={_pg_url(settings)}",
        )
        return
    source = sqlite_file(state, settings)
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=rw", uri=True, timeout=BUSY_S)) as live,
            closing(sqlite3.connect(target)) as copy,
        ):
            live.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise refusals.unsound_copy(str(error)) from error
    trouble = trouble_of(target)
    if trouble:
        raise refusals.unsound_copy(trouble)


def sqlite_file(state: StateDir, settings: Settings) -> Path:
    """Where the SQLite file of a hub is."""
    named = make_url(settings.store.url).database if settings.store.url else None
    return Path(named) if named else state.database


def trouble_of(database: Path) -> str:
    """What is wrong with an SQLite file; empty when nothing is."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as copy:
            verdict = str(copy.execute("PRAGMA integrity_check(1)").fetchone()[0])
            copy.execute("SELECT count(*) FROM cluster").fetchone()
    except sqlite3.Error as error:
        return str(error)
    return "" if verdict == "ok" else verdict


def put_back(dump: Path, settings: Settings) -> None:
    """Puts a PostgreSQL dump in the place of what is there, all of it or nothing.

    Raises:
        HubError: PostgreSQL's tools are missing or fail.
    """
    _run(
        settings,
        "pg_restore",
        "--clean",
        "--if-exists",
        "--no-owner",
        "--exit-on-error",
        "--single-transaction",
        f"--dbname={_pg_url(settings)}",
        str(dump),
    )


def _pg_url(settings: Settings) -> str:
    """The address without its password, which no other user should see among the processes."""
    url = make_url(settings.store.url)
    bare = URL.create(POSTGRESQL, url.username, None, url.host, url.port, url.database, url.query)
    return bare.render_as_string()


def _run(settings: Settings, tool: str, *arguments: str) -> None:
    found = shutil.which(tool) or _newest(tool)
    if found is None:
        raise refusals.no_pg_tool(tool)
    password = make_url(settings.store.url).password
    done = subprocess.run(
        [found, *arguments],
        capture_output=True,
        text=True,
        timeout=PG_LIMIT_S,
        check=False,
        env={**os.environ, **({"PGPASSWORD": str(password)} if password else {})},
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise refusals.pg_tool_failed(tool, lines[-1] if lines else str(done.returncode))


def _newest(tool: str) -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{tool}"))
    return str(found[-1]) if found else None
