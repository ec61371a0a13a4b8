"""The page's web app: an inbox, one page an intent, and the form on it. Looking changes nothing.

What a person sees after a decision is always read from the store, so a form that is sent twice, or
after somebody else has decided, shows what is true and does nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ringfence.desk import Desk, consenting, showing
from ringfence.errors import ConfigurationError, NotFound, RingfenceError, StorageUnavailable
from ringfence.ids import Prefix, pattern
from ringfence.intents import DeclineReason, Intent
from ringfence_server.approvals import identity
from ringfence_server.approvals.form import APPROVE, DECLINE, WITHDRAW, Form, read_form
from ringfence_server.approvals.gate import Gate
from ringfence_server.approvals.pace import Pace
from ringfence_server.approvals.view import card_view, row_view

if TYPE_CHECKING:  # 40 ms that a purchase should not wait for; the first look pays
    from jinja2 import Environment

log = logging.getLogger(__name__)

_INTENT_ID = re.compile(pattern(Prefix.INTENT))
_STATIC = {"page.css": "text/css", "page.js": "text/javascript"}


@dataclass(frozen=True)
class Site:
    """What the page stands on."""

    desk: Desk
    secret: str
    """The installation's, for the proof that this page is ours."""
    port: int
    person: str
    """Who sits here, as far as this machine knows."""
    mode: str
    changed: Callable[[], None]
    """Wakes whoever waits for a decision; called from any thread."""


def build_app(site: Site, *, pace: Pace | None = None) -> ASGIApp:
    """The web app, with its gate in front."""
    pages = _Pages(site)
    app = Starlette(
        routes=[
            Route("/", pages.inbox),
            Route("/i/{intent_id}", pages.intent),
            Route("/i/{intent_id}", pages.decide, methods=["POST"]),
            Route("/whoami", pages.whoami),
            Route("/static/{name}", pages.static),
        ],
        exception_handlers={HTTPException: pages.missing, Exception: pages.broken},
    )
    return Gate(app, port=site.port, pace=pace)


class _Pages:
    """The handlers; those that are no coroutines run in worker threads, since the store blocks."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def inbox(self, _request: Request) -> Response:
        try:
            inbox = showing.inbox(self._site.desk)
        except RingfenceError as error:
            return self._out_of_order(error)
        rows = [row_view(intent, inbox) for intent in inbox.waiting]
        lately = [row_view(intent, inbox) for intent in inbox.lately]
        return self._page("inbox.html", waiting=rows, lately=lately)

    def intent(self, request: Request) -> Response:
        return self._show(request.path_params["intent_id"], is_form=request.method == "GET")

    async def decide(self, request: Request) -> Response:
        form = await read_form(request)
        if form is None:
            return PlainTextResponse("That is no decision.\n", status_code=400)
        return await run_in_threadpool(self._decide, request.path_params["intent_id"], form)

    def whoami(self, request: Request) -> Response:
        nonce = request.query_params.get("n", "")
        if identity.NONCE.fullmatch(nonce) is None:
            return PlainTextResponse("", status_code=404)
        return PlainTextResponse(identity.proof(self._site.secret, nonce, self._site.port))

    def static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _STATIC:
            return self._missing()
        text = files(__package__).joinpath("static", name).read_text(encoding="utf-8")
        return Response(text, media_type=_STATIC[name])

    def missing(self, _request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        if status == 404:
            return self._missing()
        return PlainTextResponse("That is not possible here.\n", status_code=status)

    def broken(self, _request: Request, _error: Exception) -> Response:
        """Starlette logs the error as well; the person only learns that it is ours."""
        return self._page("broken.html", 500, said="Something went wrong inside ringfence.")

    def _decide(self, intent_id: str, form: Form) -> Response:
        notice = None
        try:
            self._tell_desk(intent_id, form)
            self._site.changed()
        except NotFound:
            return self._missing()
        except (StorageUnavailable, ConfigurationError) as error:
            return self._out_of_order(error)
        except RingfenceError as error:
            notice = error.message
        if notice is not None and self._is_open(intent_id):
            return self._show(intent_id, is_form=True, notice=notice, status=409)
        return RedirectResponse(f"/i/{intent_id}", status_code=303)

    def _tell_desk(self, intent_id: str, form: Form) -> Intent:
        _check_id(intent_id)
        desk, person = self._site.desk, self._site.person
        if form.decision == APPROVE:
            return consenting.approve_on_page(desk, intent_id, nonce=form.nonce, person=person)
        if form.decision == WITHDRAW:
            return consenting.withdraw_on_page(desk, intent_id, nonce=form.nonce, person=person)
        reason = None if form.decision == DECLINE else DeclineReason(form.decision)
        return consenting.decline_on_page(
            desk, intent_id, nonce=form.nonce, person=person, reason=reason
        )

    def _is_open(self, intent_id: str) -> bool:
        try:
            return showing.shown(self._site.desk, intent_id, is_form=False).is_open
        except RingfenceError:
            return False

    def _show(
        self, intent_id: str, *, is_form: bool, notice: str | None = None, status: int = 200
    ) -> Response:
        try:
            _check_id(intent_id)
            shown = showing.shown(self._site.desk, intent_id, is_form=is_form)
        except NotFound:
            return self._missing()
        except RingfenceError as error:
            return self._out_of_order(error)
        return self._page("intent.html", status, card=card_view(shown), notice=notice)

    def _missing(self) -> Response:
        """One page for every id that shows nothing, so that none can be told from another."""
        return self._page("missing.html", 404)

    def _out_of_order(self, error: RingfenceError) -> Response:
        log.warning("The approval page cannot read the store: %s", error.message)
        return self._page("broken.html", 503, said=error.message)

    def _page(self, template: str, status: int = 200, **values: object) -> Response:
        html = _environment().get_template(template).render(mode=self._site.mode, **values)
        return HTMLResponse(html, status_code=status)


def _check_id(intent_id: str) -> None:
    if _INTENT_ID.fullmatch(intent_id) is None:
        raise NotFound("There is no such intent here.")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
