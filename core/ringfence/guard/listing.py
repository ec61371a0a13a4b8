"""The carrier's own list before a live purchase: a lost database, or a second one, does not begin the budgets anew.

What is ours is what the carrier lists, whatever is written here. So nothing live is bought at an account whose complete
list was not compared with our records within the hour; what nobody can explain has frozen spending by then.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ringfence.approvers import Purpose
from ringfence.errors import ProviderUnavailable, RingfenceError
from ringfence.guard import holds
from ringfence.intents import Intent, Line, Op
from ringfence.offers import Provider
from ringfence.states import LineState
from ringfence.store import carrier_lists, intents, statements
from ringfence.store.transaction import Transaction

MAX_AGE = timedelta(hours=1)
"""How old a list may be when something is bought."""
READ_AGAIN_AFTER = timedelta(minutes=30)
"""How old it may be before the runner reads another one, so that none grows too old while a carrier is out of reach."""
LOOK_AGAIN = timedelta(seconds=5)
"""When a line that waits for a list is taken up again."""


def is_wanted(tx: Transaction, provider: Provider, account: str) -> bool:
    """Whether an account's list is to be read before the next purchase; not while nothing is bought anyway."""
    if tx.mode != "live" or tx.frozen is not None:
        return False
    return _fault(tx, provider, account, READ_AGAIN_AFTER) is not None


def fault(tx: Transaction, provider: Provider, account: str) -> str | None:
    """Why the last list of an account does not do for a live purchase now; None where it does."""
    return _fault(tx, provider, account, MAX_AGE) if tx.mode == "live" else None


def puts_off(
    tx: Transaction, intent: Intent, line: Line, why: RingfenceError | None = None
) -> bool:
    """Whether a line is not sent yet for want of a list; then it waits, and says so.

    Args:
        why: what came of reading one just now, where that was tried in vain.
    """
    if intent.terms.op is not Op.BUY:
        return False
    found = fault(tx, line.terms.provider, line.terms.account)
    if found is None:
        return False
    intents.change_line(
        tx, line, due_at=tx.now + LOOK_AGAIN, error=holds.short(_waits(line, found, why))
    )
    return True


def could_not_be_read(tx: Transaction, line_id: str, why: RingfenceError) -> bool:
    """Put a line off whose carrier could not be listed; False where an earlier list still does."""
    intent, line = intents.of_line(tx, line_id)
    return line.state is LineState.READY and puts_off(tx, intent, line, why)


def _fault(tx: Transaction, provider: Provider, account: str, oldest: timedelta) -> str | None:
    last = carrier_lists.last(tx, provider, account)
    if last is None:
        return "there is none yet"
    lifted_at = statements.last_made_at(tx, Purpose.UNFREEZE, tx.installation_id)
    if lifted_at is not None and last.read_at <= lifted_at:
        return "the last one is from before a freeze was lifted"
    if not timedelta(0) <= tx.now - last.read_at <= oldest:
        return f"the last one is of {_minute(last.read_at)}"
    return None


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _waits(line: Line, found: str, why: RingfenceError | None) -> ProviderUnavailable:
    tried = f"; it could not be listed just now ({why.code})" if why is not None else ""
    return ProviderUnavailable(
        f"{line.terms.number} is not bought yet: a live purchase needs a list of all our numbers at "
        f"{line.terms.provider} that is at most an hour old, and {found}{tried}.",
        remedy="Tell the person to see whether it can be listed: ringfence numbers --refresh. Once it is, the number "
        "is bought by itself, unless the consent has ended by then.",
    )
