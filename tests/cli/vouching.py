"""An approver vouches for another one at once, as two commands in two terminals would."""

from __future__ import annotations

from pathlib import Path

from guard.signing import Somebody
from ringfence.guard import consent, enrolment
from ringfence_server.keys.locked import KeyFile, read_key
from ringfence_server.opening import open_installation
from ringfence_server.settings import read_settings


def vouch(file: Path, passphrase: str, who: Somebody | KeyFile) -> None:
    """Let somebody sign from now on, in the installation of this process's settings."""
    signer = read_key(file).unlock(passphrase)
    opened = open_installation(read_settings())
    store = opened.desk.store
    statement = store.read_now(
        lambda tx: enrolment.enrolment(tx, who.key, nonce=consent.fresh_nonce())
    )
    store.write_now(lambda tx: enrolment.change(tx, statement, [signer.sign(statement)]))
    opened.close()
