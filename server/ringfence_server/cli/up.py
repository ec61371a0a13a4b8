"""`ringfence up`: the approval page and the runner, in this terminal or as a service of this user."""

from __future__ import annotations

import shlex
from typing import Annotated, Any

import typer

from ringfence.errors import InvalidArguments
from ringfence_server.checkup import database, processes
from ringfence_server.cli.approvals import at_the_page, until_told
from ringfence_server.cli.at_work import in_premises, premises
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import Json, show
from ringfence_server.opening import Premises
from ringfence_server.serve import log_to_stderr
from ringfence_server.service import manager
from ringfence_server.service import program as programs
from ringfence_server.service.program import Service
from ringfence_server.settings import read_settings


def up(
    *,
    install: Annotated[
        bool, typer.Option("--install", help="Run it as a service of this user from now on.")
    ] = False,
    uninstall: Annotated[
        bool, typer.Option("--uninstall", help="Stop that service, and take it away.")
    ] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Say whether it is there, and whether it runs.")
    ] = False,
    as_json: Json = False,
) -> Exit:
    """Serve the approval page, and execute what is approved, until Ctrl-C.

    So there is a page while no assistant runs, and what is approved there is bought at once. With --install the system
    starts it at login, and again when it failed.
    """
    if install + uninstall + status > 1:
        raise InvalidArguments(
            "--install, --uninstall and --status are three different wishes.",
            remedy="See: ringfence up --help",
        )
    if install:
        return _install(as_json=as_json)
    if uninstall:
        return _uninstall(as_json=as_json)
    if status:
        return _status(as_json=as_json)
    log_to_stderr()
    return in_premises(_serve)


async def _serve(opened: Premises) -> Exit:
    """Unlike a page alone, it goes on without one: whoever approves in a terminal needs the runner."""
    async with at_the_page(opened.page_keeper()) as (keeper, signals):
        url = await keeper.address()
        if url is None:
            told = (
                f"{opened.settings.approvals_url} cannot be served now; it is tried again. What is approved in "
                "a terminal is executed all the same."
            )
        elif keeper.is_owner:
            told = url
        else:
            told = f"{url}\nAnother process serves it; this one takes over from it."
        show({}, f"{told}\nCtrl-C ends this.", as_json=False)
        await until_told(opened, keeper, signals)
    return Exit.DONE


def _service() -> Service:
    return manager.service(programs.of(read_settings()))


def _install(*, as_json: bool) -> Exit:
    service = _service()
    with premises():
        pass  # what cannot be opened now would fail again and again, where nobody looks
    manager.write(service)
    failed = manager.run(service.start)
    document = {**_document(service), "text": service.text, "started": failed is None}
    head = f"{service.file}\n\n{service.text}"
    show(document, head, _started(service, failed), as_json=as_json)
    return Exit.DONE


def _started(service: Service, failed: str | None) -> str:
    if failed is None:
        return f"It runs now. Its log: {service.log}\n{service.afterwards}".rstrip()
    commands = " && ".join(shlex.join(words) for words in service.start)
    return f"It is written, and not started ({failed}). To start it:\n{commands}"


def _uninstall(*, as_json: bool) -> Exit:
    service = _service()
    is_there = manager.is_installed(service)
    failed = manager.run(service.stop) if is_there else None
    manager.remove(service)
    text = "It is stopped, and taken away." if is_there else "There was no such service."
    if failed is not None:
        commands = " && ".join(shlex.join(words) for words in service.stop)
        text = f"{service.file} is taken away. If it still runs ({failed}): {commands}"
    document = {**_document(service), "removed": is_there, "stopped": is_there and failed is None}
    show(document, text, as_json=as_json)
    return Exit.DONE


def _status(*, as_json: bool) -> Exit:
    service = _service()
    is_installed = manager.is_installed(service)
    is_active = manager.is_active(service) if is_installed else False
    with premises() as opened:
        page = opened.page_keeper().living()
        pids = _at_work(opened)
    document = {
        **_document(service),
        "installed": is_installed,
        "active": is_active,
        "page": page,
        "processes": pids,
    }
    text = [
        f"service   {service.name}: {_how(is_installed, is_active)}",
        f"page      {page or 'not served now'}",
        f"at work   {_who(pids)}",
    ]
    show(document, "\n".join(text), as_json=as_json)
    return Exit.DONE


def _document(service: Service) -> dict[str, Any]:
    return {"service": service.name, "file": str(service.file)}


def _how(is_installed: bool, is_active: bool | None) -> str:
    if not is_installed:
        return "not installed; to install it: ringfence up --install"
    said = {True: "it runs", False: "it does not run", None: "whether it runs cannot be seen"}
    return said[is_active]


def _at_work(opened: Premises) -> list[int] | None:
    """Processes of this user that execute what is approved; None where they cannot be seen."""
    file = database.file_of(opened.settings)
    if file is None or not processes.can_be_seen():
        return None
    return [process.pid for process in processes.at_database(file) if process.works_off]


def _who(pids: list[int] | None) -> str:
    if pids is None:
        return "not visible from here"
    return f"process {', '.join(map(str, pids))}" if pids else "nobody"
