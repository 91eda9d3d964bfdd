"""Bring a database to the newest revision."""

from __future__ import annotations

import logging
from pathlib import Path

import sqlalchemy as sa

from registry.store.errors import StoreError
from registry.store.tables import VERSION_TABLE

logger = logging.getLogger(__name__)

_FOLDER = Path(__file__).parent / "migrations"


NEWEST = "0004"
"""The newest revision in `migrations`; a test holds it to that."""


def _revision(connection: sa.Connection) -> str | None:
    """The database's revision, as Alembic has written it down; None = it has not."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608  # our own name


def migrate(connection: sa.Connection, *, place: str) -> None:
    """Apply the revisions that are missing. All or none: `connection` is in a transaction, and holds the lock.

    Args:
        place: Names the database in errors.

    Raises:
        StoreError: A newer version of this program was here.
    """
    if _revision(connection) == NEWEST:
        return  # the usual start, without Alembic's half second of imports
    # Only where there is something to do.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    there = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_heads()
    newest = scripts.get_heads()
    if set(there) == set(newest):
        return
    known = {script.revision for script in scripts.walk_revisions()}
    if unknown := set(there) - known:
        raise StoreError(
            f"{place}: a newer roomkeeper wrote it (revision {', '.join(sorted(unknown))}, this one knows up to "
            f"{', '.join(newest)}); update roomkeeper, or name another database in DATABASE_URL"
        )
    command.upgrade(config, "head")
    logger.info(
        "the database has its newest form",
        extra={"action": "database.migrated", "before": ", ".join(there) or None, "after": ", ".join(newest)},
    )
