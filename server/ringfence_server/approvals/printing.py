"""The pages as they are printed: the templates, and what is said where there is nothing else to show."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, Response

from ringfence.errors import RingfenceError

if TYPE_CHECKING:  # 40 ms that a purchase should not wait for; the first look pays
    from jinja2 import Environment

log = logging.getLogger(__name__)


class Printer:
    """Prints the pages of an installation of one mode."""

    def __init__(self, mode: str) -> None:
        self._mode = mode

    def page(self, template: str, status: int = 200, **values: object) -> Response:
        """A page, from its template."""
        html = _environment().get_template(template).render(mode=self._mode, **values)
        return HTMLResponse(html, status_code=status)

    def missing(self) -> Response:
        """One page for every id that shows nothing, so that none can be told from another."""
        return self.page("missing.html", 404)

    def out_of_order(self, error: RingfenceError) -> Response:
        """What is shown where the store cannot be read, or does not hold."""
        log.warning("The approval page cannot read the store: %s", error.message)
        return self.page("broken.html", 503, said=error.message)


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
