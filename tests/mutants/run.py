"""Tries mutants: each in a tree of its own, against the one test that must notice. `make mutants` tries them all."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mutants.table import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
COPIED = ("core", "tools", "prompts", "server", "tests", "docs", "README.md", "pyproject.toml")
TEST_SECONDS = 300
"""For one named test; a mutant that makes it hang has been noticed as well, but not by an assertion."""
FAILED_TESTS = 1
"""pytest's exit code when tests ran and some failed; every other one says that something else went wrong."""


class Verdict(StrEnum):
    """What became of one mutant."""

    CAUGHT = "caught"
    SURVIVED = "SURVIVED"
    STALE = "STALE"
    """The old text does not stand exactly once in its file."""
    BROKEN = "BROKEN"
    """Its test could not be run."""


@dataclass(frozen=True)
class Tried:
    """One mutant with its verdict."""

    mutant: Mutant
    verdict: Verdict
    seconds: float
    said: str = ""

    def __str__(self) -> str:
        return f"{self.verdict:<10} {self.seconds:6.1f} s  {self.mutant.name}  ({self.mutant.test})"


def tree(folder: Path) -> Path:
    """A copy of the sources and tests; pytest puts its folders before what is installed."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)
    return folder


def run_tests(folder: Path, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run tests of a tree in a process of their own, which leaves no bytecode of a mutant behind."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
    ]
    try:
        return subprocess.run(
            [*command, *(f"tests/{test}" for test in tests)],
            cwd=folder,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "CI": "true"},
            capture_output=True,
            text=True,
            timeout=TEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, -1, "", f"no end after {TEST_SECONDS} s")


def attempt(folder: Path, mutant: Mutant) -> Tried:
    """Take one check away, see whether its test notices, and put it back."""
    began = time.monotonic()
    path = folder / mutant.path
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        return Tried(mutant, Verdict.STALE, 0.0)
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        ran = run_tests(folder, [mutant.test])
    finally:
        path.write_text(text, encoding="utf-8")
    verdict = {0: Verdict.SURVIVED, FAILED_TESTS: Verdict.CAUGHT}.get(
        ran.returncode, Verdict.BROKEN
    )
    if verdict is Verdict.CAUGHT and " failed" not in ran.stdout.splitlines()[-1]:
        verdict = Verdict.BROKEN  # it could not be collected or set up: nothing was tested
    return Tried(mutant, verdict, time.monotonic() - began, f"{ran.stdout[-2_000:]}{ran.stderr}")


@contextmanager
def trees(count: int) -> Iterator[queue.Queue[Path]]:
    """So many trees, to be taken and given back."""
    with tempfile.TemporaryDirectory(prefix="ringfence-mutants-") as above:
        ready: queue.Queue[Path] = queue.Queue()
        for number in range(count):
            folder = Path(above, str(number))
            folder.mkdir()
            ready.put(tree(folder))
        yield ready


def attempt_all(mutants: Sequence[Mutant], *, workers: int) -> Iterator[Tried]:
    """Try mutants side by side, each worker in a tree of its own; in their order."""
    with trees(workers) as ready, ThreadPoolExecutor(workers) as threads:

        def one(mutant: Mutant) -> Tried:
            folder = ready.get()
            try:
                return attempt(folder, mutant)
            finally:
                ready.put(folder)

        yield from threads.map(one, mutants)


def untouched(mutants: Sequence[Mutant]) -> subprocess.CompletedProcess[str]:
    """The named tests on the sources as they are: a test that fails anyway notices nothing."""
    with trees(1) as ready:
        return run_tests(ready.get(), sorted({mutant.test for mutant in mutants}))


def main() -> int:
    """Try every mutant, or those whose names contain an argument; 0 if all are caught."""
    words = sys.argv[1:]
    chosen = [m for m in MUTANTS if not words or any(word in m.name for word in words)]
    workers = os.cpu_count() or 1
    began = time.monotonic()
    out = sys.stdout
    before = untouched(chosen)
    if before.returncode != 0:
        out.write(f"{before.stdout}{before.stderr}\nThe named tests fail without any mutant.\n")
        return 1
    missed = 0
    for tried in attempt_all(chosen, workers=workers):
        out.write(f"{tried}\n")
        out.flush()
        if tried.verdict is not Verdict.CAUGHT:
            missed += 1
            out.write(f"{tried.said}\n")
    out.write(
        f"{len(chosen) - missed} of {len(chosen)} caught in {time.monotonic() - began:.0f} s\n"
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
