"""Alembic's entry: run in the transaction that `installation.migrate` opened."""

from alembic import context

from ringfence.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a table in place
    transactional_ddl=True,
)
context.run_migrations()
