"""What a person found out, where no look at a carrier can tell: the words of a ruling about a line or a number."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import rfc8785
from pydantic import Field, ValidationError

from ringfence.approvers import Statement
from ringfence.errors import InvalidArguments, NotAuthorized
from ringfence.guard.ruling import WORDS, Given
from ringfence.money import Money
from ringfence.nouns import Noun
from ringfence.offers import Price
from ringfence.store.transaction import Transaction


class Became(StrEnum):
    """What a person found out."""

    CAPTURED = "captured"
    """The carrier did what the line asked for."""
    FAILED = "failed"
    """It did not, and will not; nothing was charged."""
    ACTIVE = "active"
    """A number that the carrier had stopped listing is ours after all."""
    RELEASED = "released"
    """It is ours no longer."""


OF_LINES = frozenset({Became.CAPTURED, Became.FAILED})
OF_NUMBERS = frozenset({Became.ACTIVE, Became.RELEASED})


class Finding(Noun):
    """What became of a line or a number, with what it cost; amounts for a purchase that was carried out, else none."""

    became: Became
    setup: Money | None = None
    monthly: Money | None = None
    reference: Annotated[str, Field(pattern=r"^[!-~]{1,200}$")] | None = None
    """The carrier's own id of what was bought."""

    @property
    def price(self) -> Price | None:
        """What was charged; None where nothing was."""
        if self.setup is None or self.monthly is None:
            return None
        return Price(setup=self.setup, monthly=self.monthly)


def finding_in(statement: Statement) -> Finding:
    """What a statement says was found.

    Raises:
        NotAuthorized: it is none.
    """
    named = {name: statement.body[name] for name in Finding.model_fields if name in statement.body}
    try:
        return Finding.model_validate_json(rfc8785.dumps(named))
    except ValidationError as error:
        raise NotAuthorized("What was signed does not say what became of it.") from error


def document(finding: Finding) -> dict[str, Any]:
    """A finding as it is signed and recorded."""
    return finding.model_dump(mode="json", exclude_none=True)


def is_still(body: dict[str, Any], statement: Statement) -> bool:
    """Whether a statement says what would be signed now, beside the words."""
    return statement.body == {**body, WORDS: statement.body.get(WORDS)}


def changed() -> NotAuthorized:
    """Why a statement that was signed does nothing any more."""
    return NotAuthorized(
        "It is not any more what was signed.", remedy="Look at it again, and sign anew."
    )


def tell(tx: Transaction, subject: str, finding: Finding, given: Given) -> None:
    """Record who said what about a line or a number."""
    kind = "number" if finding.became in OF_NUMBERS else "line"
    tx.audit(
        f"{kind}.resolved",
        actor=given.people,
        subject=subject,
        words_hash=given.words,
        statement=given.statement,
        **document(finding),
    )


def check_price(finding: Finding) -> None:
    """Refuse amounts that are together no price.

    Raises:
        InvalidArguments: two currencies, or more than anything costs.
    """
    try:
        _ = finding.price
    except ValidationError as error:
        raise InvalidArguments(
            "What was charged is no price: set-up and month are in one currency, and nothing costs millions."
        ) from error
