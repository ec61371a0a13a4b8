"""Making a passkey on the page: the code from the terminal, the browser's ceremony, and the id to compare there.

The page enrols nobody. It keeps what was made with the invitation, and says so until the terminal has spoken.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from ringfence.approvers import KEY_ID_PATTERN
from ringfence.desk import Desk, inviting
from ringfence.desk.inviting import Standing
from ringfence.errors import ConfigurationError, RingfenceError, StorageUnavailable
from ringfence_server.approvals.form import read_answer, read_code
from ringfence_server.approvals.printing import Printer

_NO_CODE = "A code has eight letters and digits, as in K7QF-2M9X. The terminal shows it."
_WRONG_CODE = (
    "That is not the code, or it is not good any more. After five wrong ones the terminal has to "
    "make another."
)


class EnrolPages:
    """The handlers of enrolment."""

    def __init__(self, desk: Desk, printer: Printer, origin: Callable[[Request], str]) -> None:
        self._desk, self._printer, self._origin = desk, printer, origin

    def ask(self, _request: Request) -> Response:
        """The form for the code."""
        return self._printer.page("enroll.html", invited=None, notice=None)

    async def code(self, request: Request) -> Response:
        """The code was typed: whoever has it may make a passkey."""
        code = await read_code(request)
        if code is None:
            return PlainTextResponse("That is no code.\n", status_code=400)
        return await run_in_threadpool(self._code, code, self._origin(request))

    async def answer(self, request: Request) -> Response:
        """The browser has made a passkey."""
        answer = await read_answer(request)
        if answer is None:
            return PlainTextResponse("That is no passkey.\n", status_code=400)
        return await run_in_threadpool(self._answer, answer, self._origin(request))

    def back(self, _request: Request) -> Response:
        """Where somebody lands who asks for the address that only takes answers."""
        return RedirectResponse("/enroll", status_code=303)

    def made(self, request: Request) -> Response:
        """What was made, and whether it counts yet."""
        key_id = request.path_params["key_id"]
        if re.fullmatch(KEY_ID_PATTERN, key_id) is None:
            return self._printer.missing()
        try:
            standing, key = inviting.standing(self._desk, key_id)
        except RingfenceError as error:
            return self._printer.out_of_order(error)
        if key is None:
            return self._printer.page("enrolled.html", standing="unknown", person="", key_id="")
        said = "enrolled" if standing is Standing.ENROLLED else "waits"
        return self._printer.page(
            "enrolled.html", standing=said, person=key.person, key_id=key.shown_id
        )

    def _code(self, code: str, origin: str) -> Response:
        if not code:
            return self._printer.page("enroll.html", 409, invited=None, notice=_NO_CODE)
        try:
            invited = inviting.accept(self._desk, code, origin=origin)
        except RingfenceError as error:
            return self._printer.out_of_order(error)
        if invited is None:
            return self._printer.page("enroll.html", 409, invited=None, notice=_WRONG_CODE)
        return self._printer.page("enroll.html", invited=invited, notice=None)

    def _answer(self, answer: str, origin: str) -> Response:
        try:
            key = inviting.answer(self._desk, answer, origin=origin)
        except (StorageUnavailable, ConfigurationError) as error:
            return self._printer.out_of_order(error)
        except RingfenceError as error:
            return self._printer.page("enroll.html", 409, invited=None, notice=error.message)
        return RedirectResponse(f"/enroll/{key.key_id}", status_code=303)
