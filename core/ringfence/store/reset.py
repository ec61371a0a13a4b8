"""Starting anew: a sandbox's embedded database is emptied where it stands.

Its file stays, so that a server which has it open goes on with the new installation and not, unseen,
with the old one.
"""

from __future__ import annotations

from pathlib import Path

from ringfence.errors import ConfigurationError
from ringfence.store import audit, schema
from ringfence.store.transaction import Store, file_lock, translated


def empty(store: Store) -> None:
    """Drop every table; the next opening founds a new installation.

    Raises:
        ConfigurationError: not a sandbox, or not an embedded database.
    """
    if store.read_now(lambda tx: tx.mode) != "sandbox":
        raise ConfigurationError("Only a sandbox installation can be thrown away.")
    if store.engine.dialect.name != "sqlite":
        raise ConfigurationError(
            "Only an embedded database is thrown away from here.",
            remedy="Drop and create the database by its own means.",
        )
    lock = Path(f"{store.engine.url.database}.lock")
    with translated(), file_lock(lock), store.engine.begin() as connection:
        schema.metadata.drop_all(connection)
        audit.alembic_version.drop(connection)
