"""One function can spend and give back: it alone calls what a carrier cannot take back, with a ticket of the guard's.

What a sender does without a valid ticket is tested at run time, for every adapter, in `tests/providers`.
"""

import ast
import re

import pytest

from architecture.source import function, places

THE_ONE = ("core/ringfence/runner.py", "Runner.dispatch")
PROVIDERS = "core/ringfence/providers/"
SENDING = ("buy", "release")
"""What an adapter can do that cannot be taken back."""
NOT_CARRIERS = {
    # the levels that the two need
    ("core/ringfence/policy.py", "Levels.needed", "self.buy"),
    ("core/ringfence/policy.py", "Levels.needed", "self.release"),
    ("core/ringfence/guard/ruling.py", "needed", "tx.rules.levels.buy"),
    # budget that is held, and a runner's turn at a piece of work
    ("core/ringfence/guard/settlement.py", "_fail", "holds.release"),
    ("core/ringfence/guard/resolution.py", "_fail", "holds.release"),
    ("core/ringfence/guard/resolution.py", "_capture_purchase", "holds.release"),
    ("core/ringfence/runner.py", "Runner._leased", "lease.release"),
    ("core/ringfence/settle.py", "Lister._read", "lease.release"),
}


def attributes(tree: ast.AST, *names: str) -> list[ast.Attribute]:
    return [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr in names]


def test_exactly_one_function_calls_a_carrier_s_paid_endpoint() -> None:
    named = {
        (path, scope, ast.unparse(node))
        for path, scope, node in places()
        if isinstance(node, ast.Attribute) and node.attr in SENDING
    }
    # Within an adapter it is the carrier's own door, behind the redeemed ticket: see below.
    outside = {place for place in named if not place[0].startswith(PROVIDERS)}
    assert outside - NOT_CARRIERS == {(*THE_ONE, "carrier.buy"), (*THE_ONE, "carrier.release")}
    assert outside >= NOT_CARRIERS, "an exception that nothing needs"


def test_nothing_reaches_it_by_a_name_in_a_string() -> None:
    reached = [
        (path, scope)
        for path, scope, node in places()
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"getattr", "attrgetter", "methodcaller"}
        and any(isinstance(a, ast.Constant) and a.value in {*SENDING, "redeem"} for a in node.args)
    ]
    assert reached == []


def test_it_calls_once_outside_any_loop_and_cannot_be_cancelled_midway() -> None:
    story = function(*THE_ONE)
    [choice] = [n for n in ast.walk(story) if isinstance(n, ast.IfExp) and attributes(n, *SENDING)]
    assert {ast.unparse(choice.body), ast.unparse(choice.orelse)} == {
        "carrier.buy",
        "carrier.release",
    }
    assert len(attributes(story, *SENDING)) == 2, "one of the two, and nothing besides"
    [chosen] = [n for n in ast.walk(story) if isinstance(n, ast.Assign) and n.value is choice]
    [call] = [
        n
        for n in ast.walk(story)
        if isinstance(n, ast.Call) and ast.unparse(n.func) == ast.unparse(chosen.targets[0])
    ]
    assert not [n for n in ast.walk(story) if isinstance(n, ast.For | ast.AsyncFor | ast.While)]
    shields = [n for n in ast.walk(story) if isinstance(n, ast.With)]
    assert [ast.unparse(shield.items[0]) for shield in shields] == ["CancelScope(shield=True)"]
    assert {call, choice} <= set(ast.walk(shields[0]))


def test_no_library_that_repeats_calls_is_near_it() -> None:
    words = re.compile(r"\b(stamina|tenacity|backoff|retry|retrying)\b")
    near = [
        (path, ast.unparse(node))
        for path, _, node in places("core")
        if isinstance(node, ast.Import | ast.ImportFrom) and words.search(ast.unparse(node))
    ]
    # Reads may be retried, in the one module that talks to the network.
    assert [path for path, _ in near if path != f"{PROVIDERS}wire.py"] == []


def test_every_adapter_redeems_the_ticket_before_it_sends() -> None:
    sending = {
        (path, scope, node.name)
        for path, scope, node in places(PROVIDERS)
        if isinstance(node, ast.AsyncFunctionDef) and node.name in SENDING
        if scope != "CarrierAdapter"  # the protocol
    }
    adapters = {(path, adapter) for path, adapter, _ in sending}
    redeeming = {
        (path, scope.partition(".")[0])
        for path, scope, node in places()
        if isinstance(node, ast.Attribute) and node.attr == "redeem"
    }
    assert adapters
    assert redeeming == adapters
    assert sending == {(*adapter, name) for adapter in adapters for name in SENDING}
    for path, adapter, name in sending:
        story = function(path, f"{adapter}.{name}")
        [redeemed] = attributes(story, "redeem", "_redeem")
        awaits = [n.lineno for n in ast.walk(story) if isinstance(n, ast.Await)]
        assert redeemed.lineno < min(awaits)


MINTS = {
    "mint_ticket": {
        ("core/ringfence/guard/dispatch.py", "claim_purchase"),
        ("core/ringfence/guard/dispatch.py", "claim_release"),
    },
    "mint_grant": {
        ("core/ringfence/guard/dispatch.py", "claim_move"),
        ("core/ringfence/guard/connection.py", "begin"),
    },
}


def test_tickets_and_grants_are_minted_in_the_guard_alone() -> None:
    for name, allowed in MINTS.items():
        named = {
            (path, scope)
            for path, scope, node in places()
            if (isinstance(node, ast.Name) and node.id == name)
            or (isinstance(node, ast.Attribute) and node.attr == name)
        }
        assert named == allowed
        imported = {
            path
            for path, _, node in places()
            if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}
        }
        assert all(path.startswith("core/ringfence/guard/") for path in imported)


@pytest.mark.parametrize("claim", ["claim_purchase", "claim_release", "claim_move"])
def test_nothing_is_minted_before_the_claim_has_been_committed(claim: str) -> None:
    story = function("core/ringfence/guard/dispatch.py", claim)
    commits = [
        n.lineno
        for n in ast.walk(story)
        if isinstance(n, ast.Await) and ast.unparse(n).startswith("await store.write(")
    ]
    mints = [n.lineno for n in ast.walk(story) if isinstance(n, ast.Name) and n.id in MINTS]
    assert len(commits) == len(mints) == 1
    assert commits < mints


def test_the_seal_is_known_to_its_own_module_alone() -> None:
    named = {
        path
        for path, _, node in places()
        if (isinstance(node, ast.Name) and node.id == "_SEAL")
        or (isinstance(node, ast.Attribute) and node.attr == "_SEAL")
        or (isinstance(node, ast.alias) and node.name == "_SEAL")
        or (isinstance(node, ast.Constant) and node.value == "_SEAL")
    }
    assert named == {"core/ringfence/ticket.py"}


def test_nobody_else_makes_a_ticket_or_a_grant_or_turns_one_back() -> None:
    made = {
        (path, scope)
        for path, scope, node in places()
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"Ticket", "Grant"}
    }
    assert made == {
        ("core/ringfence/ticket.py", "mint_ticket"),
        ("core/ringfence/ticket.py", "mint_grant"),
    }
    touched = {
        path
        for path, _, node in places()
        if isinstance(node, ast.Attribute) and node.attr in {"_redeemed", "_dies_at"}
    }
    assert touched == {"core/ringfence/ticket.py"}


# Databases are spoken to in constants and parameters

SQL = re.compile(
    r"\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|PRAGMA|WITH|BEGIN|ATTACH|REPLACE)\b", re.I
)
OUR_OWN_CONSTANTS = {
    ("core/ringfence/store/engine.py", "_open_sqlite._configure"),  # pragmas
    ("core/ringfence/store/schema.py", "append_only_ddl"),  # triggers, by our tables' names
    ("core/ringfence/store/schema.py", "_no_replacement"),  # one more
    ("core/ringfence/sandbox/books.py", "Books.empty"),  # names out of its own catalogue
    ("core/ringfence/sandbox/books.py", "_write_schema"),  # two numbers of ours
    ("core/ringfence/sandbox/books.py", "_upgrade"),  # one of them
}
"""Statements that are put together, each from words of ours alone."""


def is_put_together(node: ast.AST) -> bool:
    """Whether this is a text of SQL with something put into it."""
    match node:
        case ast.JoinedStr(values=[ast.Constant(value=str(start)), *_]):
            return SQL.match(start) is not None
        case ast.BinOp(left=ast.Constant(value=str(start)), op=ast.Mod() | ast.Add()):
            return SQL.match(start) is not None
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(start)), attr="format")):
            return SQL.match(start) is not None
    return False


def test_no_statement_is_put_together_from_what_somebody_sent() -> None:
    found = {(path, scope) for path, scope, node in places() if is_put_together(node)}
    assert found <= OUR_OWN_CONSTANTS


def test_the_store_never_passes_raw_text_to_sqlalchemy() -> None:
    raw = {"text", "literal_column", "TextClause"}
    imported = [
        (path, alias.name)
        for path, _, node in places()
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy")
        for alias in node.names
        if alias.name in raw
    ]
    driven = [
        (path, ast.unparse(node))
        for path, _, node in places()
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and (node.func.attr in raw or node.func.attr == "exec_driver_sql")
        and not all(
            isinstance(part, ast.Constant | ast.IfExp | ast.Name | ast.Load)
            for argument in node.args
            for part in ast.walk(argument)
        )
    ]
    assert (imported, driven) == ([], [])


def test_the_check_for_statements_sees_every_way_of_putting_one_together() -> None:
    for source in (
        'f"SELECT {x}"',
        'f"delete from t where a = {x}"',
        '"DROP TABLE " + x',
        '"SELECT %s" % x',
        '"INSERT INTO {}".format(x)',
    ):
        [statement] = ast.parse(source).body
        assert isinstance(statement, ast.Expr)
        assert is_put_together(statement.value), source
    for source in ('"SELECT 1"', 'f"{x} is selected"', '"a" + x'):
        [statement] = ast.parse(source).body
        assert isinstance(statement, ast.Expr)
        assert not is_put_together(statement.value), source
