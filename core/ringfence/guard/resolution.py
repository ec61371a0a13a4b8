"""Resolving: a person says what became of a line that no look at its carrier can settle.

What they found is posted as it is. A charge above what was approved counts over the budget if need be, and freezes
spending, like every charge that nobody consented to.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ringfence.approvers import Purpose, Signature, Statement
from ringfence.clock import rfc3339
from ringfence.errors import InvalidArguments, NotFound, PolicyRefused, error_class
from ringfence.guard import connection, counting, giving_back, holds, ruling, windows
from ringfence.guard.finding import (
    OF_LINES,
    Became,
    Finding,
    changed,
    check_price,
    document,
    finding_in,
    is_still,
    tell,
)
from ringfence.guard.freeze import freeze
from ringfence.guard.proposal import priced
from ringfence.guard.ruling import Given
from ringfence.guard.settlement import NEVER_DONE, record, take_move
from ringfence.intents import Intent, Line, Op
from ringfence.inventory import NumberRecord, Origin, Owned, Readiness, Ready, Routing
from ringfence.offers import Price
from ringfence.states import LineState
from ringfence.store import intents, inventory
from ringfence.store.audit import Words
from ringfence.store.transaction import Transaction


def manual(tx: Transaction, line_id: str) -> tuple[Intent, Line]:
    """A line that waits for a person, with its intent.

    Raises:
        NotFound: no such line.
        PolicyRefused: it does not wait for a person.
    """
    if not intents.is_line(tx, line_id):
        raise NotFound(
            f"There is no line {line_id} here.", remedy="See what waits: ringfence pending"
        )
    intent, line = intents.of_line(tx, line_id)
    if line.state is not LineState.MANUAL:
        raise PolicyRefused(
            f"{line_id} is {line.state}; only a line that is manual needs a person to say what became of it.",
            remedy="What is unknown is still being looked up: ringfence settle",
        )
    return intent, line


def line_body(tx: Transaction, line_id: str, finding: Finding) -> dict[str, Any]:
    """What approvers sign about a line: what became of it, and exactly which state of it they had before them.

    Raises:
        NotFound, PolicyRefused: as `manual`.
        InvalidArguments: what was found does not fit the line.
    """
    intent, line = manual(tx, line_id)
    _check_fits(intent, line, finding)
    return document(finding) | {"version": line.version, "digest": intent.digest}


def resolve(
    tx: Transaction,
    line_id: str,
    finding: Finding,
    words: Words,
    *,
    person: str,
    quarantine: timedelta,
) -> Line:
    """Settle a line as a person at the terminal of a sandbox found out.

    Raises:
        NotAuthorized: a live installation, where approvers sign.
        NotFound, PolicyRefused, InvalidArguments: as `line_body`; or it may still be carried out.
        ConfigurationError: there is no exchange rate for what was charged.
    """
    return _settle(tx, line_id, finding, ruling.unsigned(tx, words, person=person), quarantine)


def resolve_signed(
    tx: Transaction,
    statement: Statement,
    signature: Signature,
    words: Words | None,
    *,
    quarantine: timedelta,
) -> Line | None:
    """Settle a line as approvers signed; None while more of them have to.

    Raises:
        NotAuthorized: the signature does not count, or the line has changed since.
        NotFound, PolicyRefused, InvalidArguments, ConfigurationError: as `resolve`.
    """
    finding = finding_in(statement)
    if not is_still(line_body(tx, statement.subject, finding), statement):
        raise changed()
    given = ruling.sign(tx, statement, signature, words, purpose=Purpose.RESOLVE, loosens=False)
    return None if given is None else _settle(tx, statement.subject, finding, given, quarantine)


def _settle(
    tx: Transaction, line_id: str, finding: Finding, given: Given, quarantine: timedelta
) -> Line:
    intent, line = manual(tx, line_id)
    _check_fits(intent, line, finding)
    tell(tx, line_id, finding, given)
    if finding.became is Became.FAILED:
        return _fail(tx, intent, line, quarantine)
    return _capture(tx, intent, line, finding)


def _fail(tx: Transaction, intent: Intent, line: Line, quarantine: timedelta) -> Line:
    """Nothing was done; budget is given back only once nothing of it can be done any more."""
    until = (line.dispatched_at or tx.now) + quarantine
    if tx.now < until:
        raise PolicyRefused(
            f"{line.terms.number} may still be carried out until {rfc3339(until)}, so it has not failed yet.",
            remedy="Tell the person to look at the carrier again after that, and then say what became of it.",
        )
    done, remedy = NEVER_DONE[intent.terms.op]
    why = error_class("provider_unavailable")(
        f"{line.terms.number} was not {done}: a person found that the carrier never did it.",
        remedy=remedy,
    )
    failed = intents.move_line(tx, line, LineState.FAILED, due_at=None, error=holds.short(why))
    holds.release(tx, intent, failed)
    giving_back.follow(tx, intent, failed)
    return failed


def _capture(tx: Transaction, intent: Intent, line: Line, finding: Finding) -> Line:
    price = finding.price
    if price is not None:
        return _capture_purchase(tx, intent, line, finding.reference or "", price)
    captured = intents.move_line(
        tx, line, LineState.CAPTURED, carrier_ref=line.terms.stock_id, due_at=None, error=None
    )
    if intent.terms.op is Op.ASSIGN:
        take_move(tx, intent, captured)
    giving_back.follow(tx, intent, captured)
    return captured


def _capture_purchase(
    tx: Transaction, intent: Intent, line: Line, reference: str, price: Price
) -> Line:
    stranger = _stranger(tx, line)
    is_dearer = not price.is_no_dearer_than(priced(line))
    if stranger is not None:
        windows.keep_up(tx)
        counting.uncount(tx, stranger)  # from now on it counts as what the line bought
    if is_dearer:
        # Two entries of one line are told apart by its version: what was held is given back, then the truth counts.
        line = intents.change_line(tx, line)
        holds.release(tx, intent, line)
    captured = intents.move_line(
        tx, line, LineState.CAPTURED, carrier_ref=reference, due_at=None, error=None
    )
    (holds.adjust if is_dearer else holds.post)(tx, intent, captured, price=price)
    if stranger is not None:
        _take_over(tx, intent, captured, stranger, price)
    else:
        record(tx, intent, captured, _owned(tx, captured, price))
    if is_dearer:
        freeze(tx, f"{line.terms.number} was charged above what was approved", actor="ringfence")
    return captured


def _stranger(tx: Transaction, line: Line) -> NumberRecord | None:
    """The record of the number where it was found at the carrier before anybody knew which line had bought it.

    Raises:
        PolicyRefused: the number is in the books as bought by something else.
    """
    known = inventory.by_number(tx, line.terms.number)
    if known is None:
        return None
    is_there = (known.provider, known.account) == (line.terms.provider, line.terms.account)
    if known.line_id is None and is_there:
        return known
    raise PolicyRefused(
        f"{known.number} is in the books already, as {known.number_id}; this line did not buy it as well.",
        remedy="If the carrier charged for it twice, adjust the ledger and resolve this line as failed.",
    )


def _take_over(
    tx: Transaction, intent: Intent, line: Line, stranger: NumberRecord, price: Price
) -> None:
    """What was nobody's is what the line bought."""
    terms = intent.terms
    is_idle = stranger.assistant_id is stranger.wanted_assistant_id is None
    wanted = {"wanted_assistant_id": terms.assistant_id, "role": terms.role} if is_idle else {}
    changes = {
        "line_id": line.line_id,
        "requester": terms.principal,
        "origin": Origin.RINGFENCE,
        "carrier_ref": line.carrier_ref,
        "monthly": price.monthly,
        **wanted,
    }
    changed = stranger.model_copy(update=changes)
    known = inventory.change(
        tx, stranger, due_at=connection.due_at(tx, changed, changed.state), **changes
    )
    windows.count_missed_renewals(tx, known, since=line.dispatched_at or known.bought_at)
    tx.audit("number.explained", actor="ringfence", subject=known.number_id, line=line.line_id)


def _owned(tx: Transaction, line: Line, price: Price) -> Owned:
    """The number as far as a person's word goes; the carrier's next list says the rest."""
    terms, unknown = line.terms, Ready.UNKNOWN
    return Owned(
        provider=terms.provider,
        account=terms.account,
        carrier_ref=line.carrier_ref or terms.stock_id,
        number=terms.number,
        country=terms.country,
        type=terms.type,
        capabilities=terms.capabilities,
        readiness=Readiness(voice=unknown, sms=unknown, whatsapp=unknown),
        monthly=price.monthly,
        routing=Routing(),
        tag=None,
        bought_at=line.dispatched_at or tx.now,
        renews_at=None,
    )


def _check_fits(intent: Intent, line: Line, finding: Finding) -> None:
    is_charged = intent.terms.op is Op.BUY and finding.became is Became.CAPTURED
    given = {
        "setup": finding.setup is not None,
        "monthly": finding.monthly is not None,
        "reference": finding.reference is not None,
    }
    if finding.became not in OF_LINES:
        raise InvalidArguments("A line is captured or failed; active and released are numbers.")
    if is_charged and not all(given.values()):
        missing = ", ".join(name for name, is_given in given.items() if not is_given)
        raise InvalidArguments(
            f"A purchase that was carried out needs what was charged and the carrier's id: {missing}.",
            remedy="Take set-up, monthly and the id from the carrier's invoice or console.",
        )
    if not is_charged and any(given.values()):
        raise InvalidArguments("Only a purchase that was carried out has a price and a reference.")
    if is_charged:
        check_price(finding)
