"""The database and what is in it: schema, books, audit chain, policy, and what is under way."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from ringfence.errors import RingfenceError, StorageUnavailable
from ringfence.guard import books
from ringfence.guard.card import quoted
from ringfence.policy import PolicyDocument
from ringfence.store import audit, installation, intents
from ringfence.store.transaction import Store, Transaction
from ringfence_server.checkup import processes
from ringfence_server.checkup.finding import Finding, fail, ok, warn
from ringfence_server.cli.remedies import for_person
from ringfence_server.settings import Settings

MAX_SHOWN = 3


def file_of(settings: Settings) -> Path | None:
    """The embedded database's file; None for a database on a network."""
    kind, _, path = settings.database.partition(":///")
    return Path(path) if kind.startswith("sqlite") else None


def reached(settings: Settings) -> Finding:
    """Whether it can be read, and has this program's tables; an absent file is not made."""
    file = file_of(settings)
    if file is not None and not file.exists():
        return warn("database", f"Not there yet: {file}", "ringfence init")
    try:
        found = installation.database_status(settings.database)
    except RingfenceError as error:
        return fail("database", error.message, _way_out(error, file))
    if found.found is None:
        return fail("database", f"{found.kind}: it has no tables yet.", "ringfence db upgrade")
    if found.found < found.expected:
        says = f"{found.kind}: schema {found.found}, and {found.expected} is needed."
        return fail("database", says, "ringfence db upgrade")
    if found.found > found.expected:
        says = f"{found.kind}: schema {found.found} is newer than this program."
        return fail("database", says, "pip install --upgrade ringfence")
    if found.journal not in {None, "wal"}:
        return fail(
            "database",
            f"{found.kind}: its journal is {found.journal} instead of WAL.",
            "Set RINGFENCE_HOME to a folder on a local disk.",
        )
    journal = ", WAL" if found.journal else ""
    return ok("database", f"{found.kind}, schema {found.found}{journal}.")


def _way_out(error: RingfenceError, file: Path | None) -> str:
    if file is None and isinstance(error, StorageUnavailable):
        return "Start the database server, or correct RINGFENCE_DATABASE_URL."
    return for_person(error.remedy)


def lock(settings: Settings) -> Iterator[Finding]:
    """Who keeps everybody from writing."""
    file = file_of(settings)
    if file is None:
        return
    holder = processes.lock_holder(Path(f"{file}.lock"))
    if holder is None:
        yield ok("lock", "Nobody holds the lock of the database.")
        return
    who = f"Process {holder}" if holder else "A process"
    mend = f"Look at it: ps -p {holder}" if holder else f"fuser {shlex.quote(f'{file}.lock')}"
    yield fail("lock", f"{who} holds the lock of the database, so nobody can write.", mend)


def contents(store: Store, settings: Settings) -> Iterator[Finding]:
    """The books, the chain, the policy and the freeze."""
    yield _books(store)
    yield _chain(store)
    frozen, rules, now, unsettled, waiting = store.read_now(_standing)
    if frozen is None:
        yield ok("freeze", "Spending is not frozen.")
    else:
        yield warn("freeze", f"All spending is frozen: {quoted(frozen)}.", "ringfence unfreeze")
    yield _rates(rules, now)
    yield from _under_way(settings, unsettled, waiting)


def _standing(tx: Transaction) -> tuple[str | None, PolicyDocument, datetime, int, int]:
    waiting = intents.awaiting_count(tx)
    return tx.frozen, tx.rules, tx.now, intents.unsettled_count(tx), waiting


def _books(store: Store) -> Finding:
    differences = store.read_now(books.verify)
    if not differences:
        return ok("ledger", "The ledger and every balance agree.")
    says = f"The books do not balance: {'; '.join(differences[:MAX_SHOWN])}."
    return fail("ledger", says, "ringfence ledger verify")


def _chain(store: Store) -> Finding:
    events, broken = store.read_now(audit.verify)
    if broken is None:
        return ok("audit", f"All {events} events of the audit chain hold.")
    return fail(
        "audit", f"The chain breaks at event {broken.seq}: {broken.why}.", "ringfence audit verify"
    )


def _rates(rules: PolicyDocument, now: datetime) -> Finding:
    stale = [f"{rate.source} to {rate.target}" for rate in rules.rates if not rate.is_fresh(now)]
    if not stale:
        return ok("rates", f"{len(rules.rates)} exchange rates, none of them stale.")
    return warn(
        "rates",
        f"Stale exchange rates, so prices in these currencies are refused: {', '.join(stale)}.",
        "ringfence policy show > policy.yaml, correct it, then ringfence policy apply policy.yaml",
    )


def _counted(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def _under_way(settings: Settings, unsettled: int, waiting: int) -> Iterator[Finding]:
    if unsettled:
        says = f"May cost money and not settled: {_counted(unsettled, 'purchase')}."
        yield warn("unsettled", says, "ringfence settle")
    else:
        yield ok("unsettled", "Nothing is unsettled.")
    if waiting:
        yield warn(
            "waiting",
            f"Waiting for a person: {_counted(waiting, 'wish', 'wishes')}.",
            "ringfence pending",
        )
    file = file_of(settings)
    if file is None or not processes.can_be_seen():
        return
    at_work = [process for process in processes.at_database(file) if process.works_off]
    if at_work:
        pids = ", ".join(str(process.pid) for process in at_work)
        yield ok("runner", f"At work: process {pids}.")
    elif unsettled:
        yield warn("runner", "No server runs to settle what is under way.", "ringfence settle")
    else:
        yield ok("runner", "No server runs; a client starts one when it needs it.")
