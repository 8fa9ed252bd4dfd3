"""Brings the tables up to date, with Alembic; quick when they already are."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from hub.errors import HubError

HEAD = "0004"
"""The newest revision in `migrations/versions`."""
FOLDER = Path(__file__).parent / "migrations"


def migrate(connection: Connection) -> None:
    """Runs the migrations that are missing, inside the caller's transaction.

    Raises:
        HubError: The store was written by a newer hub.
    """
    present = _revision(connection)
    if present == HEAD:
        return
    # Alembic is slow to import and seldom needed.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise HubError(
            "newer_store",
            f"cơ sở dữ liệu thuộc phiên bản mới hơn ({present}); hãy cập nhật loaxa",
            f"the store is of a newer version ({present}); update loaxa",
        ) from error


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(found) if found else None
