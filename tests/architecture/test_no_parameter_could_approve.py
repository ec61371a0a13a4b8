"""No tool, setting or switch can consent: only a person does, outside the chat.

A parameter that merely looked like consent would be filled in by the first model that meets it.
"""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from architecture.source import REPOSITORY, modules, places
from ringfence_server.settings import Settings
from ringfence_tools import CATALOG
from ringfence_tools.schema import list_document

CONSENT = {
    "admin", "allow", "allowed", "approval", "approve", "approved", "authorise", "authorised", "authorize",
    "authorized", "bypass", "code", "confirm", "confirmation", "confirmed", "consent", "consented", "force",
    "forced", "human", "ignore", "level", "override", "passcode", "passphrase", "password", "pin", "secret",
    "skip", "sudo", "token", "trusted", "unsafe", "yes",
}  # fmt: skip
PLAIN_NAMES = {"area_code"}
"""Names that hold such a word and mean something else to everybody."""
NOT_CONSENT = {
    ("tools/ringfence_tools/parsing.py", "_problem", "code"),  # the kind of a wrong argument
}


def words(name: str) -> set[str]:
    """The words in a name: `autoApprove` and `auto_approve` both hold `approve`."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def could_consent(name: str) -> bool:
    return name not in PLAIN_NAMES and bool(words(name) & CONSENT)


def test_names_are_taken_apart_as_people_read_them() -> None:
    for name in ("auto_approve", "autoApprove", "AUTO_APPROVE", "auto-approve"):
        assert words(name) == {"auto", "approve"}
    for name in (
        "approved_by",
        "userConfirmed",
        "PIN",
        "force",
        "skip_it",
        "code",
        "approval_code",
    ):
        assert could_consent(name)
    for name in ("idempotency_key", "area_code", "spin", "max_total", "allowance", "codes"):
        assert not could_consent(name)


# Tools


def arguments(schema: Any) -> Iterator[str]:
    """Every name of an argument in a schema, at any depth."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for inner in schema.values():
            yield from arguments(inner)
    if isinstance(schema, list):
        for inner in schema:
            yield from arguments(inner)


LISTED: list[dict[str, Any]] = list_document(CATALOG)


@pytest.mark.parametrize("tool", LISTED, ids=lambda tool: tool["name"])
def test_no_argument_of_a_tool_could_be_taken_for_consent(tool: dict[str, Any]) -> None:
    names = list(arguments(tool["inputSchema"]))
    assert names
    assert [name for name in names if could_consent(name)] == []


def test_no_snapshot_of_a_schema_has_one_either() -> None:
    files = sorted((REPOSITORY / "tests" / "snapshots").glob("*.json"))
    assert files
    for file in files:
        schema = json.loads(file.read_text(encoding="utf-8"))
        named = arguments(schema.get("inputSchema", {}))
        assert [name for name in named if could_consent(name)] == [], file.name


def test_no_function_of_the_tools_takes_one() -> None:
    taken = {
        (path, scope.rpartition(".")[2], node.arg)
        for path, scope, node in places("tools")
        if isinstance(node, ast.arg) and could_consent(node.arg)
    }
    assert taken - NOT_CONSENT == set()


def test_no_tool_approves_enrols_or_loosens() -> None:
    verbs = {"approve", "confirm", "authorize", "unfreeze", "enrol", "enroll", "sign", "set"}
    verbs |= {"budget", "policy", "mandate", "decline", "resolve"}
    assert [tool["name"] for tool in LISTED if words(tool["name"]) & verbs] == []


def test_no_tool_calls_what_consents() -> None:
    consenting = {"approve", "approve_by_client", "approve_at_terminal", "unfreeze", "add_approval"}
    called = [
        (path, ast.unparse(node))
        for path, _, node in places("tools")
        if isinstance(node, ast.Name | ast.Attribute | ast.alias)
        and {getattr(node, "id", ""), getattr(node, "attr", ""), getattr(node, "name", "")}
        & consenting
    ]
    assert called == []


AUTHORITY = {
    "changes", "change_kinds", "enrolment", "policy_change", "freeze", "consent", "approval", "authority",
    "ruling", "rulings", "resolution", "lost_numbers", "adjustment",
    "authorizing", "inviting", "resolving", "adjusting",
}  # fmt: skip


def test_no_tool_knows_the_modules_that_change_authority() -> None:
    """So none of them can propose a change or a ruling, sign one, or say no to one."""
    known = [
        (path, node.module, [each.name for each in node.names])
        for path, _, node in places("tools")
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith(("ringfence.guard", "ringfence.desk"))
    ]
    assert known, "the search would find what is there"
    reached = {
        (path, name)
        for path, module, names in known
        for name in [str(module).rpartition(".")[2], *names]
        if name in AUTHORITY
    }
    assert reached == set()


# Settings, switches and environment

FLAG = re.compile(
    r"""
    (
        ( --no[-_]
        | \b\w*?(skip|bypass|disable|ignore|auto|always|allow|force|unsafe|insecure)
        | \b\w*?(?-i:NO_|WITHOUT_)
        )
        [_-]?(all[_-]?)?
        (approv|consent|confirm|guard|budget|polic|human|freeze|ticket)
      |
        (approv\w*|consent|confirm\w*|guard|budgets?|ticket)[_-]?
        (skip|bypass|disabled?|off|override|all|automatic)\b
      | yolo | dangerously
    )\w*
    """,
    re.IGNORECASE | re.VERBOSE,
)
LOOKS_LIKE_FLAGS = [
    "SKIP_APPROVAL", "RINGFENCE_SKIP_APPROVAL", "skip_approvals", "BYPASS_GUARD", "AUTO_APPROVE", "autoApprove",
    "--auto-approve", "--no-confirm", "DISABLE_BUDGETS", "ignore_policy", "approve_all", "GUARD_OFF",
    "GUARD_DISABLED", "force_confirm", "WITHOUT_CONSENT", "RINGFENCE_NO_GUARD", "YOLO", "--dangerously-skip-it",
]  # fmt: skip
NO_FLAGS = ["approve_at", "approval_minutes", "policy_refused", "RINGFENCE_APPROVALS_URL", "no approval", "is_allowed",
            "allowed", "budget_present", "consent_possible", "offer", "NotAuthorized"]  # fmt: skip


@pytest.mark.parametrize("text", LOOKS_LIKE_FLAGS)
def test_a_switch_that_would_go_round_the_guard_is_recognised(text: str) -> None:
    assert FLAG.search(text)


@pytest.mark.parametrize("text", NO_FLAGS)
def test_what_is_no_such_switch_is_left_alone(text: str) -> None:
    assert not FLAG.search(text)


READ = {"py", "toml", "yaml", "yml", "json", "cfg", "ini", "sh", "sql", "env", "mako", "service"}
FOLDERS = (".ci", "bench", "core", "prompts", "server", "tests", "tools")


def test_the_code_base_has_no_switch_that_goes_round_the_guard() -> None:
    files = [REPOSITORY / "Makefile", REPOSITORY / "pyproject.toml"] + [
        file
        for folder in FOLDERS
        for file in (REPOSITORY / folder).rglob("*")
        if file.is_file() and (file.suffix[1:] in READ or file.parent.name == ".ci")
    ]
    assert len(files) > 100
    found = [
        f"{file.relative_to(REPOSITORY)}: {match[0]}"
        for file in files
        if file.name != "test_no_parameter_could_approve.py"
        for match in FLAG.finditer(file.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_no_setting_consents_or_goes_round_the_guard() -> None:
    for name in Settings.model_fields:
        assert not FLAG.search(name)
        assert not words(name) & (CONSENT - {"approval", "token"}), name


def test_no_environment_variable_is_read_in_the_core_or_by_a_tool() -> None:
    """Authority is the stored policy's; the environment of a process is anybody's."""
    reads = {"environ", "getenv", "environb"}
    reading = [
        path
        for path, _, node in places("core", "tools", "prompts")
        if (isinstance(node, ast.Attribute) and node.attr in reads)
        or (isinstance(node, ast.alias) and node.name in reads)
    ]
    assert reading == []


SWITCHES = {"yes", "force", "skip", "bypass", "confirm", "approve", "pin", "override", "unsafe"}
SWITCHES |= {"passphrase", "password"}
"""A passphrase is typed into the terminal device; in an argument it would be in the shell's history."""


def test_no_option_of_the_command_line_consents_in_a_person_s_place() -> None:
    options = {
        node.value
        for module in modules("server/ringfence_server/cli")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"--?[a-z][a-z-]*", node.value)
    }
    parameters = {
        node.arg
        for _, _, node in places("server/ringfence_server/cli")
        if isinstance(node, ast.arg)
    }
    assert options
    assert [name for name in options | parameters if words(name) & SWITCHES] == []
    assert "-y" not in options
