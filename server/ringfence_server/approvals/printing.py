"""The pages as they are printed: the templates, and what is said where there is nothing else to show."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, Response

from ringfence.errors import RingfenceError
from ringfence.store.intents import DAMAGED
from ringfence_server.approvals.badge import badge_of

if TYPE_CHECKING:  # 40 ms that a purchase should not wait for; the first look pays
    from jinja2 import Environment

log = logging.getLogger(__name__)


class Printer:
    """Prints the pages of an installation of one mode."""

    def __init__(self, mode: str, *, is_public: bool = False) -> None:
        """`is_public` is for the address away from this machine, where strangers look too."""
        self.mode, self._is_public = mode, is_public

    def page(
        self,
        template: str,
        status: int = 200,
        *,
        is_opened: bool = False,
        is_simulated: bool | None = None,
        **values: object,
    ) -> Response:
        """A page, from its template.

        Args:
            template: its name.
            status: of the answer.
            is_opened: for whoever may see on the public page what installation this is.
            is_simulated: whether no real carrier is in what it shows; None where it shows nothing that costs.
            values: what the template prints.
        """
        is_known = is_opened or not self._is_public
        badge = badge_of(self.mode, is_simulated=is_simulated) if is_known else None
        html = (
            _environment()
            .get_template(template)
            .render(badge=badge, is_public=self._is_public, **values)
        )
        return HTMLResponse(html, status_code=status)

    def missing(self) -> Response:
        """One page for every id that shows nothing, so that none can be told from another."""
        return self.page("missing.html", 404)

    def damaged(self, error: RingfenceError, *, is_opened: bool = False) -> Response:
        """What is shown in the place of a request that cannot be read."""
        log.warning("The approval page cannot show a request: %s", error.message)
        return self.page("damaged.html", 503, is_opened=is_opened, said=error.message)

    def out_of_order(self, error: RingfenceError) -> Response:
        """What is shown where the store cannot be read, or does not hold."""
        if DAMAGED in error.details:
            return self.damaged(error)
        log.warning("The approval page cannot read the store: %s", error.message)
        said = "The store cannot be read." if self._is_public else error.message
        return self.page("broken.html", 503, said=said)


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
