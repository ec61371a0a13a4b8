"""Changes of authority on the page, and the freeze: shown in words, signed with a passkey, declined without one."""

from __future__ import annotations

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from ringfence.desk import Desk, authorizing
from ringfence.errors import (
    ConfigurationError,
    NotAuthorized,
    NotFound,
    RingfenceError,
    StorageUnavailable,
)
from ringfence.guard.changes import ChangeState
from ringfence_server.approvals.change_view import change_view, freeze_view
from ringfence_server.approvals.form import read_answer, read_lifting, read_no
from ringfence_server.approvals.pace import LOCKED, Strikes
from ringfence_server.approvals.printing import Printer

_FREEZE = "unfreeze"


class ChangePages:
    """The handlers of changes and of the freeze; each looks at the store again before it says how things stand."""

    def __init__(  # what the page stands on
        self,
        desk: Desk,
        printer: Printer,
        strikes: Strikes,
        *,
        origin: Callable[[Request], str],
        person: str,
        changed: Callable[[], None],
    ) -> None:
        self._desk, self._printer, self._strikes = desk, printer, strikes
        self._origin, self._person, self._changed = origin, person, changed

    def change(self, request: Request) -> Response:
        """One change, ready to be signed."""
        return self._show(request)

    def back(self, request: Request) -> Response:
        """Where somebody lands who asks for the address that only takes answers."""
        return RedirectResponse(f"/c/{request.path_params['change_id'][:64]}", status_code=303)

    async def decline(self, request: Request) -> Response:
        """A person says no."""
        if not await read_no(request):
            return PlainTextResponse("That is no decision.\n", status_code=400)
        return await run_in_threadpool(
            self._tell,
            request,
            lambda change_id: authorizing.decline(self._desk, change_id, person=self._person),
        )

    async def sign(self, request: Request) -> Response:
        """A passkey has answered."""
        answer = await read_answer(request)
        if answer is None:
            return PlainTextResponse("That is no signature.\n", status_code=400)
        return await run_in_threadpool(self._sign, request, answer)

    def freeze(self, request: Request) -> Response:
        """Whether all spending is frozen, ready to be lifted."""
        return self._show_freeze(request)

    def back_to_freeze(self, _request: Request) -> Response:
        """As `back`."""
        return RedirectResponse("/unfreeze", status_code=303)

    async def lift(self, request: Request) -> Response:
        """A passkey has answered for the end of the freeze."""
        lifting = await read_lifting(request)
        if lifting is None:
            return PlainTextResponse("That is no signature.\n", status_code=400)
        return await run_in_threadpool(self._lift, request, *lifting)

    def _sign(self, request: Request, answer: str) -> Response:
        if self._strikes.is_locked(request.path_params["change_id"]):
            return self._show(request, notice=LOCKED, status=429)
        origin = self._origin(request)

        def sign(change_id: str) -> object:
            try:
                return authorizing.sign(self._desk, change_id, answer=answer, origin=origin)
            except NotAuthorized:
                self._strikes.count(change_id)
                raise

        return self._tell(request, sign)

    def _tell(self, request: Request, decide: Callable[[str], object]) -> Response:
        """Do what a person said, and show what is true afterwards."""
        change_id = request.path_params["change_id"]
        try:
            decide(change_id)
            self._changed()
        except NotFound:
            return self._printer.missing()
        except (StorageUnavailable, ConfigurationError) as error:
            return self._printer.out_of_order(error)
        except RingfenceError as error:
            return self._show(request, notice=error.message, status=409)
        return RedirectResponse(f"/c/{change_id}", status_code=303)

    def _show(self, request: Request, *, notice: str | None = None, status: int = 200) -> Response:
        change_id = request.path_params["change_id"]
        try:
            shown = authorizing.shown(self._desk, change_id, origin=self._origin(request))
        except NotFound:
            return self._printer.missing()
        except RingfenceError as error:
            return self._printer.out_of_order(error)
        if notice is not None and shown.change.state is not ChangeState.WAITING:
            return RedirectResponse(f"/c/{change_id}", status_code=303)
        return self._printer.page("change.html", status, change=change_view(shown), notice=notice)

    def _lift(self, request: Request, said: str, answer: str) -> Response:
        if self._strikes.is_locked(_FREEZE):
            return self._show_freeze(request, notice=LOCKED, status=429)
        try:
            authorizing.lift(self._desk, said, answer=answer, origin=self._origin(request))
            self._changed()
        except NotAuthorized as error:
            self._strikes.count(_FREEZE)
            return self._show_freeze(request, notice=error.message, status=409)
        except RingfenceError as error:
            return self._printer.out_of_order(error)
        return RedirectResponse("/unfreeze", status_code=303)

    def _show_freeze(
        self, request: Request, *, notice: str | None = None, status: int = 200
    ) -> Response:
        try:
            shown = authorizing.frozen(self._desk, origin=self._origin(request))
        except RingfenceError as error:
            return self._printer.out_of_order(error)
        if notice is not None and shown.reason is None:
            return RedirectResponse("/unfreeze", status_code=303)
        return self._printer.page("unfreeze.html", status, freeze=freeze_view(shown), notice=notice)
