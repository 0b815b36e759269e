"""Alembic's environment: always online, on the connection that ``open_store`` hands over.

A schema is only ever brought forward: whoever wants the one before restores a back-up. So no migration has a way back.
"""

from alembic import context

from nest_builder.store.tables import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
