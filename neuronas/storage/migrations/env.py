"""Alembic's entry point; the connection is handed over by ``neuronas.storage.schema``."""

from alembic import context

from neuronas.storage.tables import VERSION_TABLE, Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
