"""Reconciling: a carrier's complete list against our records; what cannot be explained freezes spending."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from ringfence.guard import budget as budgets
from ringfence.guard import connection, counting, windows
from ringfence.guard.freeze import freeze
from ringfence.guard.settlement import late_success
from ringfence.ids import Prefix
from ringfence.inventory import NumberRecord, Origin, Owned
from ringfence.money import Money
from ringfence.offers import Provider
from ringfence.states import UNSETTLED_LINES, LineState, NumberState, check_transition
from ringfence.store import carrier_lists, intents, inventory
from ringfence.store.carrier_lists import CarrierList
from ringfence.store.transaction import Transaction
from ringfence.tags import installation_letters, purchase_tag, read_tag


def compare(  # one carrier's list with all that is known of it
    tx: Transaction,
    *,
    provider: Provider,
    account: str,
    listed: Sequence[Owned],
    seen_from: datetime,
) -> None:
    """Bring records of one carrier account in line with its list.

    Args:
        listed: every number of the account; a list that was read in part proves nothing, and does not come here.
        seen_from: a moment before the list was read; what we bought since may be missing from it, and what was
            released since may still be in it.
    """
    by_number = {owned.number: owned for owned in listed}
    known = {
        r.number: r
        for r in inventory.paid_for(tx)
        if (r.provider, r.account) == (provider, account)
    }
    for number, record in known.items():
        if number in by_number:
            _refresh(tx, record, by_number[number])
        elif record.state is NumberState.ACTIVE and record.bought_at < seen_from:
            _lose(tx, record)
    unknown = [by_number[number] for number in sorted(by_number.keys() - known.keys())]
    strange = [
        owned
        for owned in unknown
        if not _left_since(tx, owned, seen_from) and not _is_explained(tx, owned)
    ]
    carrier_lists.note(tx, CarrierList(provider, account, seen_from, len(listed)))
    for owned in strange:
        _adopt(tx, owned)
    if strange:
        freeze(tx, _said_of(tx, strange), actor="ringfence")


def _left_since(tx: Transaction, owned: Owned, moment: datetime) -> bool:
    """Whether we learnt since then that a listed number is ours no longer: the list is older than that."""
    record = inventory.latest(tx, owned.number)
    if record is None or record.released_at is None:
        return False
    is_the_same = (record.provider, record.account) == (owned.provider, owned.account)
    return is_the_same and record.released_at >= moment


def _refresh(tx: Transaction, record: NumberRecord, owned: Owned) -> None:
    """Readiness and renewal follow the carrier, and so does a first price; a price that changed is an event."""
    changes: dict[str, object] = {"readiness": owned.readiness, "renews_at": owned.renews_at}
    state = record.state
    if state is NumberState.LOST:
        state = NumberState.ACTIVE
        check_transition(record.state, state)
    if record.monthly is None:
        changes["monthly"] = _countable(tx, owned)
    if state is not record.state or any(getattr(record, n) != v for n, v in changes.items()):
        due_at = connection.due_at(tx, record, state)
        refreshed = inventory.change(tx, record, due_at=due_at, state=state, **changes)
        if state is not record.state:
            tx.audit("number.found", actor="ringfence", subject=record.number_id)
        if refreshed.monthly != record.monthly:
            windows.keep_up(tx)
            counting.uncount(tx, record)
            counting.count(tx, refreshed)
    if record.monthly is not None and owned.monthly not in {None, record.monthly}:
        tx.audit(
            "number.price_changed",
            actor="ringfence",
            subject=record.number_id,
            before=record.monthly,
            after=owned.monthly,
        )


def _lose(tx: Transaction, record: NumberRecord) -> None:
    """The carrier lists it no longer; it still counts, until a person says what became of it."""
    check_transition(record.state, NumberState.LOST)
    inventory.change(tx, record, state=NumberState.LOST)
    tx.audit("number.lost", actor="ringfence", subject=record.number_id, number=record.number)


def _is_explained(tx: Transaction, owned: Owned) -> bool:
    """Whether a number that we have no record of belongs to one of our own lines, settled late or not settled yet."""
    for line_id in intents.lines_of_number(tx, owned.provider, owned.number):
        if owned.tag != purchase_tag(tx.installation_id, line_id):
            continue
        _, line = intents.of_line(tx, line_id)
        if line.state is LineState.FAILED:
            late_success(tx, line_id, owned)
        if line.state in UNSETTLED_LINES | {LineState.FAILED}:
            return True  # the runner's looks settle what is still open
    return False


def _adopt(tx: Transaction, owned: Owned) -> None:
    """Write a stranger down as ours, since we pay for it."""
    monthly = _countable(tx, owned)
    record = NumberRecord(
        number_id=tx.new_id(Prefix.NUMBER),
        provider=owned.provider,
        account=owned.account,
        carrier_ref=owned.carrier_ref,
        number=owned.number,
        country=owned.country,
        type=owned.type,
        capabilities=owned.capabilities,
        readiness=owned.readiness,
        state=NumberState.ACTIVE,
        label=None,
        metadata={},
        assistant_id=None,
        wanted_assistant_id=None,
        unassigned_since=tx.now,
        requester="external",
        line_id=None,
        monthly=monthly,
        origin=Origin.EXTERNAL,
        bought_at=owned.bought_at,
        renews_at=owned.renews_at,
        version=1,
    )
    windows.keep_up(tx)  # what it cost before we knew of it is nobody's to say
    inventory.add(tx, record, due_at=None)
    windows.count_missed_renewals(tx, record, since=tx.now)  # a month may begin early in some zone
    counting.count(tx, record)
    tag = read_tag(owned.tag)
    tx.audit(
        "number.external",
        actor="ringfence",
        subject=record.number_id,
        number=record.number,
        tag=tag and tag[0],  # what else may stand there is not ours to repeat
    )


def _said_of(tx: Transaction, strange: Sequence[Owned]) -> str:
    """Why spending freezes: the first number that nobody here can explain, whose it seems to be, and how many more."""
    first, more = strange[0], len(strange) - 1
    tag = read_tag(first.tag)
    letters = tag and tag[1]
    if letters is None:
        why = "nobody here bought it"
    elif letters == installation_letters(tx.installation_id):
        why = "this installation bought it, though its database does not know of it"
    else:
        why = f"another installation ({letters}) bought it"
    rest = f"; {more} more {'is' if more == 1 else 'are'} unexplained" if more else ""
    return f"{first.number} is in the carrier account and {why}{rest}"


def _countable(tx: Transaction, owned: Owned) -> Money | None:
    """What it costs a month, where every budget can count that; a price without a rate is as good as none."""
    price = owned.monthly
    if price is None:
        return None
    targets = {currency for budget in tx.rules.budgets for currency in budgets.currencies(budget)}
    convert = partial(windows.convert_as_of, tx, tx.policy_version)
    return price if all(convert(price, target) is not None for target in targets) else None
