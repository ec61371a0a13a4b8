"""Imports point one way, and each library has one home: the folders are the architecture.

Two tables hold the rules; the syntax tree of every module is read against them.
An arrow is an arrow: lazy imports, imports under TYPE_CHECKING and `import_module("a literal")`
count like any other.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ROOTS = ("core", "tools", "prompts", "server")

LAYER_OF_PACKAGE = {
    "ringfence_tools": "tools",
    "ringfence_prompts": "prompts",
    "ringfence_server": "server",
}
VALUES = ("", "errors", "money", "numbers", "ids", "clock", "places", "plain_yaml")
NOUNS = (
    "approvers",
    "nouns",
    "offers",
    "intents",
    "inventory",
    "outcomes",
    "policy",
    "states",
    "tags",
    "ticket",
)
# Within `ringfence`, by the name after the first dot. Whatever is not named here is a story.
# The package itself counts as a value: each of its modules runs it first.
LAYER_OF_PART = {
    **dict.fromkeys(VALUES, "values"),
    **dict.fromkeys(NOUNS, "nouns"),
    **{folder: folder for folder in ("guard", "store", "providers", "sandbox")},
}
CORE = {"values", "nouns", "store", "providers", "sandbox", "guard", "stories"}

MAY_IMPORT = {
    "values": {"values"},
    "nouns": {"values", "nouns"},
    "store": {"values", "nouns", "store"},
    "providers": {"values", "nouns", "providers"},
    "sandbox": {"values", "nouns", "sandbox"},
    "guard": {"values", "nouns", "store", "guard"},
    "stories": CORE,
    "tools": {*CORE, "tools"},
    "prompts": {"prompts"},
    "server": {*CORE, "tools", "prompts", "server"},
}
# The adapter of the simulated carrier is the one door to it.
EXCEPTIONS = {("core/ringfence/providers/sandbox.py", "sandbox")}

# Replacing a library touches its home and nothing else.
HOME_OF_LIBRARY = {
    "alembic": "core/ringfence/store/",
    "argon2": "server/ringfence_server/keys/",
    "webauthn": "core/ringfence/guard/",
    "httpx": "core/ringfence/providers/wire.py",
    "jinja2": "server/ringfence_server/approvals/",
    "httpx2": "server/",  # mcp's own transport: in core it would be a second way out to the network
    "mcp": "server/",
    "mcp_types": "server/",
    "psycopg": "core/ringfence/store/",
    "segno": "server/ringfence_server/cli/",
    "sqlalchemy": "core/ringfence/store/",
    "stamina": "core/ringfence/providers/",  # it retries, and only reads may be retried
    "starlette": "server/",
    "uvicorn": "server/",
}


def layer_of(module: str) -> str | None:
    """Return the layer that owns a dotted module name, or None if it is not ours."""
    package, _, rest = module.partition(".")
    if package == "ringfence":
        return LAYER_OF_PART.get(rest.partition(".")[0], "stories")
    return LAYER_OF_PACKAGE.get(package)


def module_at(path: str) -> str:
    """Return the dotted name of a file: `core/ringfence/desk.py` is `ringfence.desk`."""
    parts = Path(path).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source: str, path: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the full dotted name of everything that a module imports."""
    module = module_at(path)
    package = module if path.endswith("__init__.py") else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source, path)):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(names=names):
                origin = origin_of(node, package)
                yield from ((node.lineno, target(origin, alias.name)) for alias in names)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name


def origin_of(node: ast.ImportFrom, package: str) -> str:
    """Return what stands between `from` and `import`, with leading dots resolved."""
    ancestors = package.split(".")
    above = ancestors[: len(ancestors) - node.level + 1] if node.level else []
    return ".".join([*above, *filter(None, [node.module])])


def target(origin: str, name: str) -> str:
    """Return what `from origin import name` reaches: a submodule if the name looks like one."""
    return f"{origin}.{name}" if name[0].islower() else origin


def violations(source: str, path: str) -> Iterator[str]:
    """Yield one sentence, with file and line, for each import that breaks a rule."""
    ours = layer_of(module_at(path))
    assert ours is not None, f"{path} is in no package of ours"
    for line, name in imports(source, path):
        theirs = layer_of(name)
        allowed = theirs is None or theirs in MAY_IMPORT[ours] or (path, theirs) in EXCEPTIONS
        if not allowed:
            may = ", ".join(sorted(MAY_IMPORT[ours]))
            yield f"{path}:{line}: {ours} may not import {theirs} ({name}); only {may}"
        home = HOME_OF_LIBRARY.get(name.partition(".")[0])
        if home and not path.startswith(home):
            yield f"{path}:{line}: {name} may be imported only in {home}"


def test_every_import_follows_the_arrows_and_every_library_stays_at_home() -> None:
    found = [
        violation
        for root in ROOTS
        for file in sorted((REPOSITORY / root).rglob("*.py"))
        for violation in violations(
            file.read_text(encoding="utf-8"), file.relative_to(REPOSITORY).as_posix()
        )
    ]
    assert not found, "\n" + "\n".join(found)


FORBIDDEN = [
    ("core/ringfence/money.py", "from ringfence.offers import Offer", "values may not"),
    ("core/ringfence/__init__.py", "from ringfence.desk import Desk", "values may not"),
    ("core/ringfence/states.py", "from ringfence import store", "nouns may not"),
    ("core/ringfence/intents.py", "import ringfence.desk as desk", "nouns may not"),
    ("core/ringfence/store/rows.py", "from ..guard.card import Card", "store may not"),
    ("core/ringfence/store/__init__.py", "from .. import guard", "store may not"),
    ("core/ringfence/store/rows.py", "from ringfence.providers import wire", "store may not"),
    ("core/ringfence/providers/telnyx.py", "from ringfence.store import rows", "providers may not"),
    ("core/ringfence/providers/telnyx.py", "import ringfence.sandbox", "providers may not"),
    ("core/ringfence/providers/sandbox.py", "import ringfence.guard", "providers may not"),
    ("core/ringfence/sandbox/stock.py", "from ringfence.providers import x", "sandbox may not"),
    ("core/ringfence/guard/budget.py", "from ..providers import protocol", "guard may not"),
    ("core/ringfence/guard/budget.py", "from ringfence.runner import Runner", "guard may not"),
    ("core/ringfence/desk.py", "import ringfence_tools", "stories may not"),
    ("tools/ringfence_tools/buy_numbers.py", "import ringfence_server", "tools may not"),
    ("tools/ringfence_tools/buy_numbers.py", "import ringfence_prompts", "tools may not"),
    ("prompts/ringfence_prompts/__init__.py", "from ringfence import ids", "prompts may not"),
    ("tools/ringfence_tools/buy_numbers.py", "from mcp import types", "only in server/"),
    ("core/ringfence/desk.py", "import mcp_types", "only in server/"),
    ("core/ringfence/providers/telnyx.py", "import httpx", "only in core/ringfence/providers/wire"),
    ("server/ringfence_server/app.py", "import httpx", "only in core/ringfence/providers/wire"),
    ("core/ringfence/desk.py", "from sqlalchemy.engine import E", "only in core/ringfence/store/"),
    ("server/ringfence_server/app.py", "import alembic.command", "only in core/ringfence/store/"),
    ("core/ringfence/desk.py", "import starlette.routing", "only in server/"),
    ("core/ringfence/runner.py", "import stamina", "only in core/ringfence/providers/"),
    ("core/ringfence/money.py", "if TYPE_CHECKING:\n    import ringfence.store", "values may not"),
    ("core/ringfence/desk.py", "def late():\n    import uvicorn", "only in server/"),
    ("core/ringfence/desk.py", "import_module('mcp.client')", "only in server/"),
    ("core/ringfence/ids.py", "importlib.import_module('ringfence.desk')", "values may not"),
]


@pytest.mark.parametrize(("path", "source", "rule"), FORBIDDEN)
def test_an_import_against_an_arrow_is_named_with_its_line_and_rule(
    path: str, source: str, rule: str
) -> None:
    [violation] = violations(source, path)
    assert violation.startswith(f"{path}:{len(source.splitlines())}: ")
    assert rule in violation


PERMITTED = [
    ("core/ringfence/money.py", "from ringfence.errors import RingfenceError\nimport decimal"),
    ("core/ringfence/offers.py", "from ringfence import __version__, money"),
    ("core/ringfence/guard/approval.py", "from . import budget\nfrom ..store import rows"),
    ("core/ringfence/providers/sandbox.py", "from ringfence.sandbox.stock import Stock"),
    ("core/ringfence/providers/wire.py", "import httpx, stamina"),
    ("core/ringfence/store/migrations/env.py", "from alembic import context"),
    ("core/ringfence/runner.py", "from ringfence import desk, guard, providers, store"),
    ("tools/ringfence_tools/__init__.py", "from ringfence_tools import buy_numbers"),
    ("server/ringfence_server/app.py", "import mcp, ringfence_prompts, ringfence_tools, ringfence"),
    ("server/ringfence_server/app.py", "import mcp_extras"),
]


@pytest.mark.parametrize(("path", "source"), PERMITTED)
def test_an_import_along_an_arrow_passes(path: str, source: str) -> None:
    assert list(violations(source, path)) == []
