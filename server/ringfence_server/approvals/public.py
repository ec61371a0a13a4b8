"""The page away from this machine: one locked page for every address, until a passkey has opened it.

There is no session. What is opened is the answer to that one request: the list or the card, with forms that were drawn
for this viewer. Whoever has not opened anything learns nothing, not even whether there is anything.
"""

from __future__ import annotations

import json
import logging
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from ringfence.approvers import Statement, relying_party
from ringfence.desk import Desk, consenting, showing, viewing
from ringfence.desk.showing import Inbox, Shown
from ringfence.desk.viewing import Handed, Moment, Viewer
from ringfence.errors import (
    ConfigurationError,
    NotAuthorized,
    NotFound,
    RingfenceError,
    StorageUnavailable,
)
from ringfence.guard.passkeys import TIMEOUT_MS
from ringfence.guard.viewing import statement
from ringfence.ids import Prefix, pattern
from ringfence.intents import DeclineReason
from ringfence.store.intents import DAMAGED
from ringfence_server.approvals.form import (
    DECLINE,
    WITHDRAW,
    Seen,
    Signed,
    read_freeze,
    read_seen,
    read_signed,
)
from ringfence_server.approvals.freezing import FREEZE, FreezeView, freeze_view, handed
from ringfence_server.approvals.origins import Origin
from ringfence_server.approvals.pace import Strikes
from ringfence_server.approvals.printing import Printer
from ringfence_server.approvals.seal import DECISION, VIEW, Seal
from ringfence_server.approvals.view import opened_view, row_view

_INTENT_PATH = re.compile(rf"/i/({pattern(Prefix.INTENT).strip('^$')})")
_NOT_OPENED = (
    "That did not open it. It takes a passkey that was made on this page and still counts here, and a page that was "
    "drawn minutes ago at most."
)
_NOTHING_DONE = "Nothing was done. Open it again to see how it stands."

log = logging.getLogger(__name__)


class PublicPages:
    """The handlers; the store is asked in worker threads."""

    def __init__(
        self,
        desk: Desk,
        *,
        printer: Printer,
        seal: Seal,
        strikes: Strikes,
        changed: Callable[[], None],
    ) -> None:
        self._desk, self._printer, self._seal = desk, printer, seal
        self._strikes, self._changed = strikes, changed

    def look(self, request: Request) -> Response:
        """The locked page, which is the same for everything that somebody can ask for."""
        return self._locked(request, request.url.path)

    def back(self, request: Request) -> Response:
        """Where somebody lands who asks for an address that only takes forms."""
        return RedirectResponse(request.url.path.rpartition("/")[0], status_code=303)

    async def view(self, request: Request) -> Response:
        """A passkey has answered the locked page."""
        signed = await read_signed(request)
        if signed is None:
            return _no_form()
        return await run_in_threadpool(self._view, request, signed)

    async def sign(self, request: Request) -> Response:
        """A passkey has answered a card's form."""
        signed = await read_signed(request)
        if signed is None:
            return _no_form()
        return await run_in_threadpool(self._sign, request, signed)

    async def decline(self, request: Request) -> Response:
        """A no, or a yes taken back, from a card that was opened."""
        seen = await read_seen(request)
        if seen is None:
            return _no_form()
        return await run_in_threadpool(self._decline, request, seen)

    async def freeze(self, request: Request) -> Response:
        """Freeze all spending, from a page that was opened."""
        seen = await read_freeze(request)
        if seen is None:
            return _no_form()
        return await run_in_threadpool(self._freeze, request, seen)

    def broken(self, _request: Request, _error: Exception) -> Response:
        """Starlette logs the error; nothing of it is shown to strangers."""
        return _out_of_order()

    def _locked(
        self, request: Request, path: str, *, notice: str | None = None, status: int = 200
    ) -> Response:
        try:
            moment = viewing.moment(self._desk)
        except RingfenceError as error:
            log.warning("The public page cannot read the store: %s", error.message)
            return _out_of_order()
        nonce = self._seal.nonce(moment.now, VIEW, path)
        options = {
            "challenge": _text(self._statement(moment, path, nonce).challenge),
            "rpId": relying_party(_origin(request).url),
            "timeout": TIMEOUT_MS,
            "userVerification": "required",
            # Empty, so that the authenticator finds the key: a list would tell strangers who may sign.
            "allowCredentials": [],
        }
        return self._printer.page(
            "locked.html",
            status,
            options=json.dumps(options),
            nonce=nonce,
            # None posts to where it is; so no page differs by what was asked for.
            sent_to=path if request.url.path != path else None,
            notice=notice,
        )

    def _statement(self, moment: Moment, path: str, nonce: str) -> Statement:
        made_at = self._seal.made_at(nonce, VIEW, path)
        if made_at is None:
            raise NotAuthorized("This was never asked for here.")
        return statement(moment.installation_id, path, nonce=nonce, made_at=made_at)

    def _view(self, request: Request, signed: Signed) -> Response:
        path, origin = request.url.path, _origin(request)
        try:
            moment = viewing.moment(self._desk)
            asked = self._statement(moment, path, signed.nonce)
            key = viewing.view(self._desk, asked, signed.answer, origin=origin.url)
            return self._opened(path, Viewer(key.key_id, origin.url))
        except NotAuthorized as error:
            log.info("The page was not opened: %s", error.message)
            return self._locked(request, path, notice=_NOT_OPENED, status=403)
        except RingfenceError as error:
            log.warning("The public page cannot be opened: %s", error.message)
            return _out_of_order()

    def _opened(self, path: str, viewer: Viewer, *, is_form: bool = True) -> Response:
        """What somebody asked for who may see it."""
        found = _INTENT_PATH.fullmatch(path)
        if path == "/":
            return self._inbox(viewer)
        if path == "/freeze":
            return self._printer.page(
                "frozen.html",
                is_opened=True,
                freeze=self._freeze_form(viewing.moment(self._desk), viewer),
            )
        if found is None:
            return self._printer.missing()
        return self._card(found[1], viewer, is_form=is_form)

    def _inbox(self, viewer: Viewer) -> Response:
        inbox, mode = showing.inbox(self._desk), self._printer.mode
        return self._printer.page(
            "inbox.html",
            is_opened=True,
            is_simulated=inbox.is_simulated,
            changes=(),  # who may sign, and what, is changed at this machine alone
            frozen=None,
            waiting=[row_view(intent, inbox, mode=mode) for intent in inbox.waiting],
            lately=[row_view(intent, inbox, mode=mode) for intent in inbox.lately],
            damaged=inbox.damaged,
            freeze=self._freeze_form(inbox, viewer),
        )

    def _card(self, intent_id: str, viewer: Viewer, *, is_form: bool) -> Response:
        try:
            shown = showing.shown(self._desk, intent_id, origin=viewer.origin, is_form=is_form)
        except NotFound:
            return self._printer.missing()
        except ConfigurationError as error:
            if DAMAGED not in error.details:
                raise
            return self._printer.damaged(error, is_opened=True)
        no = self._seal.nonce(shown.now, DECISION, intent_id, viewer.key_id)
        return self._printer.page(
            "intent.html",
            is_opened=True,
            is_simulated=shown.facts.intent.is_simulated,
            card=opened_view(shown, decline_nonce=no, by=viewer.key_id),
            notice=None,
            freeze=self._freeze_form(shown, viewer),
        )

    def _freeze_form(self, seen: Moment | Inbox | Shown, viewer: Viewer) -> FreezeView:
        return freeze_view(
            self._seal,
            mode=self._printer.mode,
            reason=seen.frozen,
            now=seen.now,
            by=viewer.key_id,
        )

    def _sign(self, request: Request, signed: Signed) -> Response:
        """Take a signature, and show what came of it."""
        intent_id, origin = request.path_params["intent_id"], _origin(request).url

        def sign() -> Viewer:
            if self._strikes.is_locked(intent_id):
                raise NotAuthorized("Too many wrong answers were given for this request.")
            try:
                consenting.approve_with_passkey(
                    self._desk, intent_id, nonce=signed.nonce, answer=signed.answer, origin=origin
                )
            except NotAuthorized:
                self._strikes.count(intent_id)
                raise
            return viewing.signer(self._desk, signed.answer, origin=origin)

        return self._do(request, sign)

    def _decline(self, request: Request, seen: Seen) -> Response:
        intent_id, viewer = request.path_params["intent_id"], Viewer(seen.by, _origin(request).url)

        def decline() -> Viewer:
            drawn = self._handed(seen, DECISION, intent_id, seen.by)
            if seen.decision == WITHDRAW:
                viewing.withdraw(self._desk, intent_id, drawn, viewer=viewer)
                return viewer
            reason = None if seen.decision == DECLINE else DeclineReason(seen.decision)
            viewing.decline(self._desk, intent_id, drawn, viewer=viewer, reason=reason)
            return viewer

        return self._do(request, decline)

    def _freeze(self, request: Request, seen: Seen) -> Response:
        viewer = Viewer(seen.by, _origin(request).url)

        def freeze() -> Viewer:
            drawn = self._handed(seen, FREEZE, seen.by)
            viewing.freeze_all(self._desk, drawn, by=viewer)
            return viewer

        return self._do(request, freeze)

    def _do(self, request: Request, act: Callable[[], Viewer]) -> Response:
        """Do what a form asks for, and show what is true then; where nothing was done, the locked page and no reason.

        Strangers send forms too, and must learn nothing from what is refused.
        """
        path = request.url.path.rpartition("/")[0]
        try:
            viewer = act()
            self._changed()
            return self._opened(path, viewer, is_form=False)
        except (StorageUnavailable, ConfigurationError) as error:
            log.warning("The public page cannot do what was asked: %s", error.message)
            return _out_of_order()
        except RingfenceError as error:
            log.info("Nothing was done on the public page: %s", error.message)
            return self._locked(request, path, notice=_NOTHING_DONE, status=403)

    def _handed(self, seen: Seen, *about: str) -> Handed:
        drawn = handed(self._seal, seen.nonce, viewing.moment(self._desk).now, *about)
        if drawn is None:
            raise NotAuthorized("The form was not drawn here, or too long ago.")
        return drawn


def _origin(request: Request) -> Origin:
    origin: Origin = request.state.origin
    return origin


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _no_form() -> Response:
    return PlainTextResponse("That is no form of this page.\n", status_code=400)


def _out_of_order() -> Response:
    return PlainTextResponse("The page is out of order; look again in a moment.\n", status_code=503)
