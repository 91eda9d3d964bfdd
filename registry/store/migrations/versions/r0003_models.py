"""Of agents, the language models that they may use, how these are, and how agents went from one to another."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"

# Written out here and not taken from the package: a migration never changes, the package does.
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("local_agents", sa.Column("llmState", sa.Text()))
    for name in ("models", "switches"):
        op.add_column("local_agents", sa.Column(name, _JSON, nullable=False, server_default=sa.text("'[]'")))
