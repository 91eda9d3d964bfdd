"""Bring a database to the newest revision."""

from __future__ import annotations

import logging
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from registry.store.errors import StoreError
from registry.store.tables import VERSION_TABLE

logger = logging.getLogger(__name__)

_FOLDER = Path(__file__).parent / "migrations"


def migrate(connection: sa.Connection, *, place: str) -> None:
    """Apply the revisions that are missing. All or none: `connection` is in a transaction, and holds the lock.

    Args:
        place: Names the database in errors.

    Raises:
        StoreError: A newer version of this program was here.
    """
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
