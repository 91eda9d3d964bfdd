"""Bring a database to the newest revision."""

from __future__ import annotations

import logging
from pathlib import Path

import sqlalchemy as sa

from service.store.errors import StoreError
from service.store.tables import VERSION_TABLE

logger = logging.getLogger(__name__)

_FOLDER = Path(__file__).parent / "migrations"

NEWEST = "0001"
"""The newest revision in `migrations`; a test holds it to that."""

_LOCK = 7_066_726_947_386_943  # any number that no other program takes


def migrate(connection: sa.Connection, *, place: str) -> None:
    """Apply the revisions that are missing: all or none. Any number of processes may do it at once.

    Args:
        connection: In a transaction that may write.
        place: Names the database in errors.

    Raises:
        StoreError: A newer version of this program was here.
    """
    if (
        connection.dialect.name == "postgresql"
    ):  # in SQLite, a transaction that writes is alone from its begin
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    revision = _revision(connection)
    if revision == NEWEST:
        return  # the usual start, without Alembic's half second of imports
    # Only where there is something to do.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise StoreError(
            f"{place}: a newer roomkeeper wrote it (revision {revision}, this one knows up to {NEWEST}); update "
            "roomkeeper, or name another database in DATABASE_URL"
        )
    command.upgrade(config, "head")
    logger.info(
        "the conversations' tables have their newest form",
        extra={"action": "database.migrated", "before": revision, "after": NEWEST},
    )


def _revision(connection: sa.Connection) -> str | None:
    """As Alembic has written it down; None = it has not."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608  # our own name
