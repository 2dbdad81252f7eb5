"""Run by Alembic, for `app.persistence.migrate`, which hands over the connection."""

from __future__ import annotations

from alembic import context

from app.persistence.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,  # SQLite can; without it a revision that fails half-way would leave half of it
)
with context.begin_transaction():
    context.run_migrations()
