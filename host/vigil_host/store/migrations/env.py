"""What alembic runs for every migration: on the connection the store gives it, in the store's transaction."""

from alembic import context

from vigil_host.store import schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    version_table="schema_version",
    render_as_batch=True,
)
context.run_migrations()
