"""How long a proposal takes: one writer on a small and a large ledger in turn, then several writers at once.

    python bench/guard.py [--url URL] [--proposals 400] [--rows 1000,100000] [--writers 1,3,8] [--seconds 5]

A proposal here is what `buy_numbers` does once the carrier has answered: recognise a repeat, judge, hold budget in
five budgets, write intent, line, holds, ledger and audit, in one transaction. Sizes are measured in turns, one
proposal each, so that a machine whose speed drifts does not favour one of them.

Prints milliseconds. The bars: p95 below 20 ms at 100 000 rows, and no more than 1.2 times that at 1 000; with
several writers p99 at most 250 ms, none above 1 s, and no writer starved. `--check` exits with 1 over a bar.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert, make_url, text

from ringfence.clock import SystemClock
from ringfence.guard.digest import stock_key
from ringfence.guard.proposal import Proposal, propose
from ringfence.ids import Prefix, RandomIds
from ringfence.intents import LineTerms, Op
from ringfence.money import Money
from ringfence.numbers import Capability, NumberType
from ringfence.offers import Price, Provider
from ringfence.policy import PolicyDocument, parse_document, sandbox_policy
from ringfence.store import intents, schema
from ringfence.store.engine import open_engine
from ringfence.store.installation import migrate, open_store, sqlite_url
from ringfence.store.transaction import Store

LARGE = 1_000_000_000
P95_MS, RATIO, CROWD_P99_MS, CROWD_MAX_MS = 20.0, 1.2, 250.0, 1_000.0


def roomy_policy() -> PolicyDocument:
    """The sandbox's budgets, by their kinds, with limits that no bench reaches."""
    document = sandbox_policy().model_dump(mode="json")
    for budget in document["budgets"]:
        if budget["kind"] in {"cash", "run_rate"}:
            budget["limit"] = f"{LARGE}.00 USD"
        elif budget["kind"] != "per_number":
            budget["limit"] = 1_000_000
    document["pending_per_requester"] = 1_000
    return parse_document(document)


def open_bench(url: str) -> Store:
    """A store under the roomy policy; PostgreSQL is migrated first."""
    if make_url(url).get_backend_name() == "postgresql":
        engine = open_engine(url)
        migrate(engine)
        engine.dispose()
    return open_store(
        url, mode="sandbox", clock=SystemClock(), ids=RandomIds(), first_policy=roomy_policy
    )


def proposal(serial: int) -> Proposal:
    """A wish for a number of its own, by one of many callers."""
    number = f"+1415{serial % 10_000_000:07d}"
    line = LineTerms(
        line_id="",
        provider=Provider.SANDBOX,
        account="bench",
        host="sandbox.invalid",
        number=number,
        stock_id=number,
        country="US",
        type=NumberType.LOCAL,
        raw_type="local",
        capabilities=(Capability.VOICE,),
        price=Price(setup=Money(1_000_000, "USD"), monthly=Money(1_000_000, "USD")),
        min_term_months=1,
        place=None,
    )
    return Proposal(
        op=Op.BUY,
        principal=f"bench:{serial % 500}",
        assistant_id="reception",
        lines=[line],
        stock_key=stock_key(Op.BUY, [("sandbox", number)]),
        reason="bench",
    )


def propose_once(store: Store, serial: int) -> float:
    """Seconds that one proposal took."""
    wish = proposal(serial)

    def body(tx: Any) -> None:
        if (
            intents.open_intent(
                tx, wish.principal, Op.BUY, [(Provider.SANDBOX, wish.lines[0].number)]
            )
            is None
        ):
            propose(tx, wish)

    began = time.perf_counter()
    store.write_now(body)
    return time.perf_counter() - began


def fill(store: Store, rows: int) -> None:
    """Give the ledger a past: so many posted purchases, as the tables would hold them."""
    now = datetime.now(UTC)
    with store.engine.begin() as connection:
        for start in range(0, rows, 10_000):
            connection.execute(
                insert(schema.ledger_entry),
                [
                    {
                        "entry_id": f"past_{serial:09d}",
                        "kind": "renewal",
                        "line_id": None,
                        "line_version": None,
                        "intent_id": None,
                        "number_id": f"num_{serial % 10_000:09d}",
                        "effective_at": now,
                        "recorded_at": now,
                        "policy_version": 1,
                        "currency": "USD",
                        "setup_micros": 0,
                        "monthly_micros": 0,
                        "provider": "sandbox",
                        "account": "bench",
                        "country": "US",
                        "type": "local",
                        "assistant_id": None,
                        "requester": "bench:past",
                        "mandate_id": None,
                        "number": f"+1415{serial % 10_000_000:07d}",
                    }
                    for serial in range(start, min(start + 10_000, rows))
                ],
            )
        if store.engine.dialect.name == "postgresql":
            connection.execute(text("ANALYZE"))
    if store.engine.dialect.name == "sqlite":
        raw = store.engine.raw_connection()  # a checkpoint wants to be outside of any transaction
        raw.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]  # sqlite3's own
        raw.close()


def percentiles(times: list[float]) -> dict[str, float]:
    """p50, p95, p99 and the longest, in milliseconds."""
    ordered = sorted(times)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))] * 1_000

    return {"p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "max": ordered[-1] * 1_000}


def shown(figures: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:7.2f}" for name, value in figures.items())


def one_writer(urls: dict[int, str], proposals: int) -> dict[int, dict[str, float]]:
    """One writer on each size in turn."""
    stores = {rows: open_bench(url) for rows, url in urls.items()}
    for rows, store in stores.items():
        fill(store, rows)
        for serial in range(20):
            propose_once(store, serial)
    times: dict[int, list[float]] = {rows: [] for rows in stores}
    for serial in range(20, 20 + proposals):
        for rows, store in stores.items():
            times[rows].append(propose_once(store, serial))
    for store in stores.values():
        store.close()
    return {rows: percentiles(taken) for rows, taken in times.items()}


def _write_for(url: str, writer: int, seconds: float, results: Any) -> None:
    store = open_bench(url)
    taken: list[float] = []
    propose_once(store, writer * 1_000_000)
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        taken.append(propose_once(store, writer * 1_000_000 + len(taken) + 1))
    store.close()
    results.put(taken)


def crowd(url: str, writers: int, seconds: float) -> tuple[dict[str, float], list[int]]:
    """Several writing processes at once: their percentiles together, and how much each got done."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [
        context.Process(target=_write_for, args=(url, writer + 1, seconds, results))
        for writer in range(writers)
    ]
    for process in processes:
        process.start()
    taken = [results.get() for _ in processes]
    for process in processes:
        process.join()
    return percentiles([t for each in taken for t in each]), sorted(len(each) for each in taken)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--url", help="a PostgreSQL address; databases are made in it (default: SQLite files)"
    )
    parser.add_argument("--proposals", type=int, default=400)
    parser.add_argument("--rows", default="1000,100000")
    parser.add_argument("--writers", default="1,3,8")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    sizes = [int(rows) for rows in options.rows.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        new_url = _postgres_urls(options.url) if options.url else _sqlite_urls(Path(folder))
        figures = one_writer({rows: new_url(f"rows{rows}") for rows in sizes}, options.proposals)
        for rows, each in figures.items():
            print(f"one writer, {rows:>9} ledger rows   {shown(each)}")
        ratio = statistics.median([figures[sizes[-1]]["p95"] / figures[sizes[0]]["p95"]])
        print(f"p95 at {sizes[-1]} rows is {ratio:.2f} times that at {sizes[0]}")
        is_over = figures[sizes[-1]]["p95"] > P95_MS or ratio > RATIO
        for writers in map(int, options.writers.split(",")):
            url = new_url(f"crowd{writers}")
            open_bench(url).close()
            together, each_did = crowd(url, writers, options.seconds)
            print(
                f"{writers} writers   {shown(together)}   done by each {each_did[0]}-{each_did[-1]}"
            )
            is_over = is_over or together["p99"] > CROWD_P99_MS or together["max"] > CROWD_MAX_MS
    return int(options.check and is_over)


def _sqlite_urls(folder: Path) -> Any:
    return lambda name: sqlite_url(folder / f"{name}.sqlite3")


def _postgres_urls(url: str) -> Any:
    from sqlalchemy import create_engine

    def make(name: str) -> str:
        admin = create_engine(url, isolation_level="AUTOCOMMIT")
        database = f"bench_{name}_{RandomIds().new(Prefix.ENTRY, datetime.now(UTC)).lower()[-8:]}"
        with admin.connect() as connection:
            connection.exec_driver_sql(f'CREATE DATABASE "{database}"')
        admin.dispose()
        return make_url(url).set(database=database).render_as_string(hide_password=False)

    return make


if __name__ == "__main__":
    sys.exit(main())
