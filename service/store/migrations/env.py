"""Alembic's entry. It migrates over the connection, in the transaction, that `service.store.migrate` began."""

from alembic import context

from service.store.tables import METADATA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    transactional_ddl=True,  # SQLite can; Alembic is careful because its driver, left alone, cannot
)
with context.begin_transaction():
    context.run_migrations()
