"""Adjusting: an invoice is not what the books say. The difference is an entry of its own; nothing is rewritten.

It corrects one charge, a purchase or a month's renewal, and counts where that counted: in its windows, its budgets and
at its exchange rates. So less can never be taken off than was put on. A monthly difference goes on: what the number
costs from now on is another price.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import rfc8785
from pydantic import ValidationError

from ringfence.approvers import Purpose, Signature, Statement
from ringfence.errors import InvalidArguments, NotAuthorized
from ringfence.guard import budget as budgets
from ringfence.guard import charges, connection, counting, ruling, windows
from ringfence.guard.charges import Charge
from ringfence.guard.effect import Effect
from ringfence.guard.finding import changed, is_still
from ringfence.guard.freeze import freeze
from ringfence.guard.ruling import Given
from ringfence.guard.standing import Standing
from ringfence.ids import Prefix
from ringfence.inventory import NumberRecord
from ringfence.money import Money
from ringfence.nouns import Noun
from ringfence.offers import MAX_PRICE_MICROS
from ringfence.policy import CashBudget, RunRateBudget
from ringfence.states import NumberState
from ringfence.store import balances, inventory, ledger
from ringfence.store.audit import Words
from ringfence.store.balances import Balance, Move
from ringfence.store.ledger import Entry, EntryKind
from ringfence.store.schema import moment_text
from ringfence.store.transaction import Transaction


class Difference(Noun):
    """How much more, or less, an invoice says than the books; at least one of the two amounts."""

    setup: Money | None = None
    """Once."""
    monthly: Money | None = None
    """This time, and every month from now on."""
    is_less: bool = False

    @property
    def setup_micros(self) -> int:
        """The set-up's difference, below zero where the invoice is lower."""
        return self._signed(self.setup)

    @property
    def monthly_micros(self) -> int:
        """The month's difference, as above."""
        return self._signed(self.monthly)

    @property
    def currency(self) -> str:
        """The currency of both."""
        amount = self.setup or self.monthly
        return amount.currency if amount is not None else ""

    def _signed(self, amount: Money | None) -> int:
        micros = 0 if amount is None else amount.micros
        return -micros if self.is_less else micros


def body(tx: Transaction, number_id: str, difference: Difference, charge: Charge) -> dict[str, Any]:
    """What approvers sign: the difference, the charge that it corrects, and the version of the number.

    Raises:
        NotFound: no such number.
        InvalidArguments: it takes off more than was charged, or is about what the books do not have.
    """
    record = charges.number_of(tx, number_id)
    _check(record, difference, charge)
    return difference.model_dump(mode="json", exclude_none=True) | {
        "charge": moment_text(charge.counts_at) if charge.is_booked else "none",
        "version": record.version,
    }


def _check(record: NumberRecord, difference: Difference, charge: Charge) -> None:
    amounts = [each for each in (difference.setup, difference.monthly) if each is not None]
    if not any(each.micros for each in amounts):
        raise InvalidArguments(
            "There is no difference in that.", remedy="Give --setup or --monthly."
        )
    wanted = {each.currency for each in amounts} | ({charge.currency} - {""})
    if difference.monthly is not None and record.monthly is not None:
        wanted.add(record.monthly.currency)
    if len(wanted) > 1:
        raise InvalidArguments(
            f"The books have {record.number} in {' and '.join(sorted(wanted - {difference.currency}))}.",
            remedy="Give the difference in the currency of the charge that it corrects.",
        )
    if difference.monthly is not None and record.state is NumberState.RELEASED:
        raise InvalidArguments(
            f"{record.number} is given back and costs nothing a month any more.",
            remedy="What was charged once more is a --setup.",
        )
    _check_amounts(record, difference, charge)


def _check_amounts(record: NumberRecord, difference: Difference, charge: Charge) -> None:
    monthly = record.monthly.micros if record.monthly is not None else 0
    left = min(
        charge.setup_micros + difference.setup_micros,
        charge.monthly_micros + difference.monthly_micros,
        monthly + difference.monthly_micros,
    )
    if left < 0:
        raise InvalidArguments(
            f"That takes more off than was charged for {record.number}: set-up "
            f"{_amount(charge.setup_micros, charge, difference)}, monthly "
            f"{_amount(charge.monthly_micros, charge, difference)}.",
            remedy="Correct each charge by its own adjustment: --month names one.",
        )
    most = max(charge.setup_micros, charge.monthly_micros, monthly)
    if most + max(abs(difference.setup_micros), abs(difference.monthly_micros)) > MAX_PRICE_MICROS:
        raise InvalidArguments("Nothing costs that much: it is a mistake.")


def _amount(micros: int, charge: Charge, difference: Difference) -> Money:
    return Money(micros, charge.currency or difference.currency)


# What it does.


def effects(
    tx: Transaction, record: NumberRecord, difference: Difference, charge: Charge
) -> Iterator[Effect]:
    """What an adjustment will do to every budget that it counts in.

    Raises:
        ConfigurationError: there is no exchange rate for it.
    """
    entry = _entry(tx, record, difference, charge)
    convert = partial(windows.convert_as_of, tx, charge.policy_version)
    for budget in budgets.balanced(tx.rules):
        if not budgets.matches(budget, charge.dimensions):
            continue
        if isinstance(budget, CashBudget):
            window = budgets.window_at(budget, charge.counts_at)
            amount = budgets.adjusted(budget, entry, convert)
        elif isinstance(budget, RunRateBudget) and difference.monthly is not None:
            window = budgets.window_at(budget, tx.now)
            amount = _run_rate(tx, record, difference, budget)
        else:
            continue
        row = balances.get(tx.connection, budget.name, window) or Balance()
        yield Effect(
            Standing(budget, window, row.used, row.held),
            Standing(budget, window, row.used + amount, row.held),
        )


def _run_rate(
    tx: Transaction, record: NumberRecord, difference: Difference, budget: RunRateBudget
) -> int:
    counted = counting.counted_by(tx, record)
    monthly = _monthly(record, difference)
    anew = counted.model_copy(
        update={"currency": monthly.currency, "monthly_micros": monthly.micros}
    )
    return counting.share(tx, anew, budget) - counting.share(tx, counted, budget)


def _monthly(record: NumberRecord, difference: Difference) -> Money:
    """What the number costs a month from now on."""
    before = record.monthly.micros if record.monthly is not None else 0
    return Money(before + difference.monthly_micros, difference.currency)


def adjust(
    tx: Transaction, number_id: str, shown: Mapping[str, Any], words: Words, *, person: str
) -> Entry:
    """Write a difference into the books, as a person at the terminal of a sandbox read it off an invoice.

    Args:
        shown: the `body` that the person had before them.

    Raises:
        NotAuthorized: a live installation, where approvers sign; or it is not any more what was shown.
        NotFound, InvalidArguments: as `body`.
        ConfigurationError: there is no exchange rate for it.
    """
    difference, charge = check_shown(tx, number_id, shown)
    return _write(tx, number_id, difference, charge, ruling.unsigned(tx, words, person=person))


def check_shown(
    tx: Transaction, number_id: str, shown: Mapping[str, Any]
) -> tuple[Difference, Charge]:
    """The difference and the charge that somebody had before them, as they still are.

    Raises:
        NotAuthorized: it is not any more what was shown.
        NotFound, InvalidArguments: as `body`.
    """
    difference, charge = difference_in(shown), charges.named(tx, number_id, shown)
    if body(tx, number_id, difference, charge) != shown:
        raise changed()
    return difference, charge


def adjust_signed(
    tx: Transaction, statement: Statement, signature: Signature, words: Words | None
) -> Entry | None:
    """Write a difference into the books, as approvers signed; None while more of them have to.

    What takes something off gives budget back, so it is signed like a looser policy.

    Raises:
        NotAuthorized: the signature does not count, or the number or its charges have changed since.
        NotFound, InvalidArguments, ConfigurationError: as `adjust`.
    """
    number_id = statement.subject
    difference = difference_in(statement.body)
    charge = charges.named(tx, number_id, statement.body)
    if not is_still(body(tx, number_id, difference, charge), statement):
        raise changed()
    given = ruling.sign(
        tx, statement, signature, words, purpose=Purpose.ADJUST, loosens=difference.is_less
    )
    return None if given is None else _write(tx, number_id, difference, charge, given)


def difference_in(shown: Mapping[str, Any]) -> Difference:
    """The difference that a statement's body is about.

    Raises:
        NotAuthorized: it is about none.
    """
    named = {name: shown[name] for name in Difference.model_fields if name in shown}
    try:
        return Difference.model_validate_json(rfc8785.dumps(named))
    except ValidationError as error:
        raise NotAuthorized("What was signed is no difference.") from error


def _write(
    tx: Transaction, number_id: str, difference: Difference, charge: Charge, given: Given
) -> Entry:
    windows.keep_up(tx)
    record = charges.number_of(tx, number_id)
    found = list(effects(tx, record, difference, charge))
    entry = _entry(tx, record, difference, charge)
    ledger.add(tx, [entry])
    for effect in found:
        if isinstance(effect.after.budget, CashBudget):  # the run-rate moves with the number
            _move(tx, effect)
    changes: dict[str, Any] = {}
    if difference.monthly is not None:
        changes["monthly"] = _monthly(record, difference)
        counting.recount(tx, record, changes["monthly"])
    # Written even where nothing of it changes: another adjustment that was signed meanwhile finds another version.
    inventory.change(tx, record, due_at=connection.due_at(tx, record, record.state), **changes)
    tx.audit(
        "ledger.adjusted",
        actor=given.people,
        subject=number_id,
        entry=entry.entry_id,
        charge=moment_text(charge.counts_at),
        words_hash=given.words,
        statement=given.statement,
        **difference.model_dump(mode="json", exclude_none=True),
    )
    _freeze_if_over(tx, record, found)
    return entry


def _move(tx: Transaction, effect: Effect) -> None:
    name, window = effect.after.budget.name, effect.after.window
    tx.balances.begin(name, window)
    tx.move(Move(name, window, used=effect.after.used - effect.before.used))


def _freeze_if_over(tx: Transaction, record: NumberRecord, found: Sequence[Effect]) -> None:
    over = [e.after.budget.name for e in found if e.is_over and e.after.used > e.before.used]
    if over:
        freeze(
            tx,
            f"{record.number} was charged more than the books had, and {over[0]} is over its limit",
            actor="ringfence",
        )


def _entry(tx: Transaction, record: NumberRecord, difference: Difference, charge: Charge) -> Entry:
    return Entry(
        entry_id=tx.new_id(Prefix.ENTRY),
        kind=EntryKind.ADJUST,
        line_id=None,
        line_version=None,
        intent_id=charge.intent_id,
        number_id=record.number_id,
        effective_at=charge.counts_at,
        policy_version=charge.policy_version,
        currency=difference.currency,
        setup_micros=difference.setup_micros,
        monthly_micros=difference.monthly_micros,
        dimensions=charge.dimensions,
    )
