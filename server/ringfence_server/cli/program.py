"""The commands, and what every one of them ends with."""

from __future__ import annotations

import logging
import secrets
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import typer

from ringfence import __version__
from ringfence.errors import InternalError, InvalidArguments, RingfenceError
from ringfence_server.cli import (
    adjusting,
    approvals,
    approvers,
    assistants,
    auditing,
    books,
    calling,
    completion,
    config,
    database,
    deciding,
    doctor,
    exits,
    foreseeing,
    installing,
    keeping,
    policy,
    resolving,
    sandbox,
    scripting,
    up,
)
from ringfence_server.cli.examples import add_examples
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import fail

HELP = """Phone numbers for AI assistants, behind a spending guard.

Exit codes: 0 done; 2 correct the command or the installation; 3 refused, declined, or too late;
4 a person has to decide first; 5 it did not work out at the carrier; 6 the outcome is not known
yet.
"""

NEXT_STEP = """
New here? See the whole job once, simulated:   ringfence demo
Then try it yourself:                          ringfence search US --area-code 415
Your assistant starts the server itself, with: ringfence serve
"""

INTERRUPTED = 130
"""What shells give a program that Ctrl-C ended."""


def build() -> typer.Typer:
    """Every command, in the order of the help."""
    program = _group(HELP)
    program.callback()(_options)
    program.command("serve", context_settings=_ANYTHING)(_serve)
    program.command("demo")(_demo)
    for name, command in COMMANDS.items():
        program.command(name)(command)
    for name, (text, commands) in GROUPS.items():
        group = _group(text)
        for inner, command in commands.items():
            group.command(inner)(command)
        program.add_typer(group, name=name)
    program.command("completion")(completion.completion)
    add_examples(program)
    return program


Command = Callable[..., int | None]

COMMANDS: Mapping[str, Command] = {
    "init": config.init,
    "install": installing.install,
    "doctor": doctor.doctor,
    "search": calling.search,
    "numbers": calling.numbers,
    "spending": books.spending,
    "call": calling.call,
    "script": scripting.script,
    "pending": deciding.pending,
    "show": deciding.show_one,
    "approve": deciding.approve,
    "decline": deciding.decline,
    "up": up.up,
    "settle": keeping.settle,
    "resolve": resolving.resolve,
    "freeze": keeping.stop,
    "unfreeze": keeping.go_on,
}
GROUPS: Mapping[str, tuple[str, Mapping[str, Command]]] = {
    "approvals": (
        "The approval page: where a person decides in a browser.",
        {"serve": approvals.serve_page, "open": approvals.open_page},
    ),
    "approver": (
        "The approvers: who may sign for what is bought.",
        {
            "enroll": approvers.enroll,
            "list": approvers.list_approvers,
            "revoke": approvers.revoke,
        },
    ),
    "policy": (
        "The policy: what is allowed, and within which limits.",
        {
            "show": policy.show_policy,
            "plan": policy.plan_policy,
            "apply": policy.apply_policy,
            "test": foreseeing.foresee_purchase,
        },
    ),
    "assistant": (
        "The register of assistants: where their calls and texts go.",
        {
            "add": assistants.add_assistant,
            "list": assistants.list_assistants,
            "remove": assistants.remove_assistant,
        },
    ),
    "ledger": (
        "The ledger: what was held, sent, spent and given back.",
        {
            "verify": books.verify_ledger,
            "export": books.export_ledger,
            "adjust": adjusting.adjust,
        },
    ),
    "audit": (
        "The audit chain: everything that happened.",
        {
            "verify": auditing.verify_audit,
            "export": auditing.export_audit,
            "verifier": auditing.print_verifier,
            "erase": auditing.erase_words,
        },
    ),
    "config": (
        "Settings: what is in force, and where it comes from.",
        {"show": config.show_config},
    ),
    "db": (
        "The database: its tables, and a copy of it.",
        {
            "status": database.status,
            "upgrade": database.upgrade,
            "backup": database.backup,
        },
    ),
    "sandbox": (
        "Levers of the simulated carrier, in sandbox installations.",
        {
            "fault": sandbox.fault,
            "clock": sandbox.clock,
            "reset": sandbox.start_anew,
        },
    ),
}


def _print_version(wished: bool) -> None:
    if wished:
        print(f"ringfence {__version__}")
        raise typer.Exit


def _options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """What may stand before a command; the help is the group's own."""


_ANYTHING = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def _group(text: str) -> typer.Typer:
    return typer.Typer(
        help=text,
        no_args_is_help=False,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


def _serve(context: typer.Context) -> int:
    """Serve an assistant over MCP, on stdin and stdout."""
    from ringfence_server.cli.serving import serve

    return serve(context.args)


def _demo() -> int:
    """Show the whole job once, simulated, in a throw-away folder."""
    from ringfence_server.demo import demo

    return demo()


def run(arguments: Sequence[str]) -> int:
    """Run one command; every refusal ends in the form that was asked for, and in its exit code."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # text streams, both
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    if not arguments:
        code = _run(["--help"], as_json=False)
        print(NEXT_STEP)
        return code
    return _run(arguments, as_json="--json" in arguments or arguments[0] == "call")


def _run(arguments: Sequence[str], *, as_json: bool) -> int:
    try:
        code = build()(args=list(arguments), prog_name="ringfence", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough
        sys.stderr.close()
        return Exit.DONE
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception as error:
        refusal = error if isinstance(error, RingfenceError) else explained(error)
        fail(refusal, as_json=as_json)
        return exits.of_error(refusal)
    return int(code or 0)


def explained(error: Exception) -> RingfenceError:
    """An error of the command line's own library as a refusal; anything else is a bug of ours."""
    if hasattr(error, "format_message"):
        usage = getattr(error, "ctx", None)
        command = usage.command_path if usage else "ringfence"
        return InvalidArguments(error.format_message(), remedy=f"See: {command} --help")
    log_id = secrets.token_hex(4)
    print(f"{log_id}\n{''.join(traceback.format_exception(error))}", file=sys.stderr)
    return InternalError(
        f"Something went wrong inside ringfence; its details are above, under {log_id}.",
        details={"log_id": log_id},
    )
