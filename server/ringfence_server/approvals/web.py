"""The page's web app: an inbox, one page an intent, and the form on it. Looking changes nothing.

What a person sees after a decision is always read from the store, so a form that is sent twice, or
after somebody else has decided, shows what is true and does nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ringfence.desk import Desk, authorizing, consenting, showing, viewing
from ringfence.desk.showing import Inbox, Shown
from ringfence.desk.viewing import Moment
from ringfence.errors import (
    ConfigurationError,
    NotAuthorized,
    NotFound,
    PolicyRefused,
    RingfenceError,
    StorageUnavailable,
)
from ringfence.guard.card import quoted
from ringfence.ids import Prefix, pattern
from ringfence.intents import DeclineReason, Intent
from ringfence_server.approvals import identity
from ringfence_server.approvals.change_view import change_row
from ringfence_server.approvals.changing import ChangePages
from ringfence_server.approvals.enrolling import EnrolPages
from ringfence_server.approvals.form import (
    APPROVE,
    DECLINE,
    WITHDRAW,
    Form,
    Seen,
    Signed,
    read_form,
    read_freeze,
    read_signed,
)
from ringfence_server.approvals.freezing import FREEZE, FreezeView, freeze_view, handed
from ringfence_server.approvals.gate import Gate
from ringfence_server.approvals.origins import Origin, Origins
from ringfence_server.approvals.pace import LOCKED, Pace, Strikes
from ringfence_server.approvals.printing import Printer
from ringfence_server.approvals.public import PublicPages
from ringfence_server.approvals.seal import Seal
from ringfence_server.approvals.view import card_view, row_view

_INTENT_ID = re.compile(pattern(Prefix.INTENT))
_STATIC = {"page.css": "text/css", "page.js": "text/javascript"}


@dataclass(frozen=True, kw_only=True)
class Site:
    """What the page stands on."""

    desk: Desk
    secret: str
    """The installation's, for the proof that this page is ours."""
    port: int
    origin: str
    """Of the page, as a browser names it; passkeys that are made here sign here alone."""
    person: str
    """Who sits here, as far as this machine knows."""
    mode: str
    changed: Callable[[], None]
    """Wakes whoever waits for a decision; called from any thread."""


def build_app(
    site: Site,
    *,
    pace: Pace | None = None,
    public_pace: Pace | None = None,
    strikes: Strikes | None = None,
) -> ASGIApp:
    """The web app, with its gate in front."""
    seal, strikes = Seal(site.secret), strikes or Strikes()
    return Gate(
        _local_app(site, seal, strikes),
        _public_app(site, seal, strikes),
        origins=Origins(site.desk.store, port=site.port),
        pace=pace,
        public_pace=public_pace,
    )


def _local_app(site: Site, seal: Seal, strikes: Strikes) -> ASGIApp:
    printer = Printer(site.mode)
    pages = _Pages(site, printer, seal, strikes)
    changes = ChangePages(
        site.desk,
        printer,
        strikes,
        origin=origin_of,
        person=site.person,
        changed=site.changed,
    )
    return Starlette(
        routes=[
            Route("/", pages.inbox),
            Route("/i/{intent_id}", pages.intent),
            Route("/i/{intent_id}", pages.decide, methods=["POST"]),
            Route("/i/{intent_id}/passkey", pages.back),
            Route("/i/{intent_id}/passkey", pages.sign, methods=["POST"]),
            Route("/freeze", pages.freeze),
            Route("/freeze/all", pages.back_to_freeze),
            Route("/freeze/all", pages.freeze_all, methods=["POST"]),
            Route("/c/{change_id}", changes.change),
            Route("/c/{change_id}", changes.decline, methods=["POST"]),
            Route("/c/{change_id}/passkey", changes.back),
            Route("/c/{change_id}/passkey", changes.sign, methods=["POST"]),
            Route("/unfreeze", changes.freeze),
            Route("/unfreeze/passkey", changes.back_to_freeze),
            Route("/unfreeze/passkey", changes.lift, methods=["POST"]),
            Route("/whoami", pages.whoami),
            *_enrolment(site.desk, printer),
            *_static(),
        ],
        exception_handlers={HTTPException: pages.missing, Exception: pages.broken},
    )


def _public_app(site: Site, seal: Seal, strikes: Strikes) -> ASGIApp:
    """Everything but how it looks, and where passkeys are made, is one locked page until somebody has opened it."""
    printer = Printer(site.mode, is_public=True)
    pages = PublicPages(
        site.desk, printer=printer, seal=seal, strikes=strikes, changed=site.changed
    )
    return Starlette(
        routes=[
            *_enrolment(site.desk, printer),
            *_static(),
            Route("/i/{intent_id}/passkey", pages.back),
            Route("/i/{intent_id}/passkey", pages.sign, methods=["POST"]),
            Route("/i/{intent_id}/decline", pages.back),
            Route("/i/{intent_id}/decline", pages.decline, methods=["POST"]),
            Route("/freeze/all", pages.back),
            Route("/freeze/all", pages.freeze, methods=["POST"]),
            Route("/{path:path}", pages.look),
            Route("/{path:path}", pages.view, methods=["POST"]),
        ],
        exception_handlers={Exception: pages.broken},
    )


def _enrolment(desk: Desk, printer: Printer) -> list[Route]:
    pages = EnrolPages(desk, printer, origin_of)
    return [
        Route("/enroll", pages.ask),
        Route("/enroll", pages.code, methods=["POST"]),
        Route("/enroll/passkey", pages.back),
        Route("/enroll/passkey", pages.answer, methods=["POST"]),
        Route("/enroll/{key_id}", pages.made),
    ]


def _static() -> list[Route]:
    def send(request: Request) -> Response:
        name = request.url.path.rpartition("/")[2]
        text = files(__package__).joinpath("static", name).read_text(encoding="utf-8")
        return Response(text, media_type=_STATIC[name])

    return [Route(f"/static/{name}", send) for name in _STATIC]


def origin_of(request: Request) -> str:
    """Where the browser is that asks: what a passkey's answer must name."""
    origin: Origin = request.state.origin
    return origin.url


class _Pages:
    """The handlers; those that are no coroutines run in worker threads, since the store blocks."""

    def __init__(self, site: Site, printer: Printer, seal: Seal, strikes: Strikes) -> None:
        self._site, self._printer, self._seal, self._strikes = site, printer, seal, strikes

    def inbox(self, _request: Request) -> Response:
        try:
            inbox = showing.inbox(self._site.desk)
            changes = [change_row(each) for each in authorizing.waiting(self._site.desk)]
        except RingfenceError as error:
            return self._printer.out_of_order(error)
        mode = self._site.mode
        rows = [row_view(intent, inbox, mode=mode) for intent in inbox.waiting]
        lately = [row_view(intent, inbox, mode=mode) for intent in inbox.lately]
        frozen = quoted(inbox.frozen) if inbox.frozen is not None else None
        return self._printer.page(
            "inbox.html",
            is_simulated=inbox.is_simulated,
            waiting=rows,
            lately=lately,
            damaged=inbox.damaged,
            changes=changes,
            frozen=frozen,
            freeze=self._freeze_form(inbox),
        )

    def freeze(self, _request: Request) -> Response:
        """Whether all spending is frozen, and the form for it."""
        try:
            moment = viewing.moment(self._site.desk)
            return self._printer.page("frozen.html", freeze=self._freeze_form(moment))
        except RingfenceError as error:
            return self._printer.out_of_order(error)

    def back_to_freeze(self, _request: Request) -> Response:
        """Where somebody lands who asks for the address that only takes the form."""
        return RedirectResponse("/freeze", status_code=303)

    async def freeze_all(self, request: Request) -> Response:
        form = await read_freeze(request)
        if form is None or form.by:
            return PlainTextResponse("That is no form of this page.\n", status_code=400)
        return await run_in_threadpool(self._freeze_all, form)

    def _freeze_all(self, form: Seen) -> Response:
        desk = self._site.desk
        try:
            drawn = handed(self._seal, form.nonce, viewing.moment(desk).now, FREEZE, "")
            if drawn is not None:
                viewing.freeze_all(desk, drawn, by=self._site.person)
        except PolicyRefused:
            pass  # sent twice: the page shows how it stands
        except RingfenceError as error:
            return self._printer.out_of_order(error)
        self._site.changed()
        return RedirectResponse("/freeze", status_code=303)

    def _freeze_form(self, seen: Moment | Inbox | Shown) -> FreezeView:
        return freeze_view(self._seal, mode=self._printer.mode, reason=seen.frozen, now=seen.now)

    def intent(self, request: Request) -> Response:
        return self._show(request, is_form=request.method == "GET")

    def back(self, request: Request) -> Response:
        """Where somebody lands who asks for the address that only takes answers."""
        return RedirectResponse(f"/i/{request.path_params['intent_id'][:64]}", status_code=303)

    async def decide(self, request: Request) -> Response:
        form = await read_form(request)
        if form is None:
            return PlainTextResponse("That is no decision.\n", status_code=400)
        return await run_in_threadpool(self._decide, request, form)

    async def sign(self, request: Request) -> Response:
        """A passkey has answered."""
        signed = await read_signed(request)
        if signed is None:
            return PlainTextResponse("That is no signature.\n", status_code=400)
        return await run_in_threadpool(self._sign, request, signed)

    def whoami(self, request: Request) -> Response:
        nonce = request.query_params.get("n", "")
        if identity.NONCE.fullmatch(nonce) is None:
            return PlainTextResponse("", status_code=404)
        return PlainTextResponse(identity.proof(self._site.secret, nonce, self._site.port))

    def missing(self, _request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        if status == 404:
            return self._printer.missing()
        return PlainTextResponse("That is not possible here.\n", status_code=status)

    def broken(self, _request: Request, _error: Exception) -> Response:
        """Starlette logs the error as well; the person only learns that it is ours."""
        return self._printer.page("broken.html", 500, said="Something went wrong inside ringfence.")

    def _decide(self, request: Request, form: Form) -> Response:
        return self._tell(request, lambda intent_id: self._tell_desk(intent_id, form))

    def _sign(self, request: Request, signed: Signed) -> Response:
        intent_id = request.path_params["intent_id"]
        if self._strikes.is_locked(intent_id):
            return self._show(request, is_form=True, notice=LOCKED, status=429)
        origin = origin_of(request)

        def sign(intent_id: str) -> Intent:
            try:
                return consenting.approve_with_passkey(
                    self._site.desk,
                    intent_id,
                    nonce=signed.nonce,
                    answer=signed.answer,
                    origin=origin,
                )
            except NotAuthorized:
                self._strikes.count(intent_id)
                raise

        return self._tell(request, sign)

    def _tell(self, request: Request, decide: Callable[[str], Intent]) -> Response:
        """Do what a person said, and show what is true afterwards."""
        intent_id, notice = request.path_params["intent_id"], None
        try:
            _check_id(intent_id)
            decide(intent_id)
            self._site.changed()
        except NotFound:
            return self._printer.missing()
        except (StorageUnavailable, ConfigurationError) as error:
            return self._printer.out_of_order(error)
        except RingfenceError as error:
            notice = error.message
        if notice is not None and self._is_open(request):
            return self._show(request, is_form=True, notice=notice, status=409)
        return RedirectResponse(f"/i/{intent_id}", status_code=303)

    def _tell_desk(self, intent_id: str, form: Form) -> Intent:
        desk, person = self._site.desk, self._site.person
        if form.decision == APPROVE:
            return consenting.approve_on_page(desk, intent_id, nonce=form.nonce, person=person)
        if form.decision == WITHDRAW:
            return consenting.withdraw_on_page(desk, intent_id, nonce=form.nonce, person=person)
        reason = None if form.decision == DECLINE else DeclineReason(form.decision)
        return consenting.decline_on_page(
            desk, intent_id, nonce=form.nonce, person=person, reason=reason
        )

    def _is_open(self, request: Request) -> bool:
        try:
            return self._shown(request, is_form=False).is_open
        except RingfenceError:
            return False

    def _show(
        self, request: Request, *, is_form: bool, notice: str | None = None, status: int = 200
    ) -> Response:
        try:
            shown = self._shown(request, is_form=is_form)
        except NotFound:
            return self._printer.missing()
        except RingfenceError as error:
            return self._printer.out_of_order(error)
        return self._printer.page(
            "intent.html",
            status,
            is_simulated=shown.facts.intent.is_simulated,
            card=card_view(shown),
            notice=notice,
            freeze=self._freeze_form(shown),
        )

    def _shown(self, request: Request, *, is_form: bool) -> Shown:
        intent_id = request.path_params["intent_id"]
        _check_id(intent_id)
        return showing.shown(self._site.desk, intent_id, origin=origin_of(request), is_form=is_form)


def _check_id(intent_id: str) -> None:
    if _INTENT_ID.fullmatch(intent_id) is None:
        raise NotFound("There is no such intent here.")
