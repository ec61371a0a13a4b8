"""Stored intents and their lines; every change of state is a conditional update that one process can win."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Row, bindparam, delete, func, insert, select, update

from ringfence.errors import ConfigurationError
from ringfence.intents import DeclineReason, Intent, Level, Line, LineTerms, Op, Terms
from ringfence.numbers import MAIN_ROLE
from ringfence.offers import Provider
from ringfence.states import (
    ENDED_LINES,
    OPEN_INTENTS,
    SENDABLE_INTENTS,
    UNSETTLED_LINES,
    IntentState,
    LineState,
    check_transition,
    intent_state,
)
from ringfence.store import audit, schema
from ringfence.store.transaction import Conflict, Transaction

T = TypeVar("T")

DAMAGED = "damaged"
"""Where an error that is about one damaged intent names it."""
MAX_LISTED = 1_000
"""Intents in one list for a person; nobody reads more."""
REPEAT_WINDOW = timedelta(hours=24)
"""How long the same items without a key mean the same purchase."""


def add(tx: Transaction, intent: Intent, *, terms: str, stock_key: str) -> None:
    """Store a new intent with its lines; an open one also claims its numbers for its principal.

    `terms` is the canonical text that the digest was taken of.
    """
    wish = intent.terms
    tx.connection.execute(
        insert(schema.intent),
        {
            "intent_id": wish.intent_id,
            "principal": wish.principal,
            "op": wish.op.value,
            "state": intent.state.value,
            "terms": terms,
            "digest": intent.digest,
            "stock_key": stock_key,
            "created_at": wish.created_at,
            "expires_at": intent.expires_at,
            "quoted_at": wish.created_at,
            "refusal": _json(intent.refusal),
            "assistant_id": wish.assistant_id,
            "role": wish.role,
        },
    )
    tx.connection.execute(
        insert(schema.line),
        [
            {
                "line_id": line.line_id,
                "intent_id": wish.intent_id,
                "position": position,
                "state": line.state.value,
                "version": line.version,
                "attempts": 0,
                "negative_looks": 0,
                "due_at": line.due_at,
                "error": _json(line.error),
            }
            for position, line in enumerate(intent.lines)
        ],
    )
    if intent.state is not IntentState.REFUSED:
        tx.connection.execute(
            insert(schema.open_line),
            [
                {
                    "principal": wish.principal,
                    "provider": line.terms.provider.value,
                    "number": line.terms.number,
                    "intent_id": wish.intent_id,
                    "line_id": line.line_id,
                }
                for line in intent.lines
            ],
        )


def get(tx: Transaction, intent_id: str, *, principal: str | None = None) -> Intent | None:
    """An intent; with `principal` only if it is theirs.

    Raises:
        ConfigurationError: it is damaged, and so it is nothing that anybody can decide or send.
    """
    query = select(schema.intent).where(schema.intent.c.intent_id == intent_id)
    if principal is not None:
        query = query.where(schema.intent.c.principal == principal)
    try:
        rows = tx.connection.execute(query).all()
    except (ValueError, TypeError) as error:  # a time in the row that is none
        raise _damaged(intent_id, "it cannot be read") from error
    return _intent(tx, rows[0]) if rows else None


def terms_bytes(tx: Transaction, intent_id: str) -> bytes:
    """The terms of an intent as they are stored; it must exist."""
    text: str = tx.connection.execute(
        select(schema.intent.c.terms).where(schema.intent.c.intent_id == intent_id)
    ).scalar_one()
    return text.encode()


def of_line(tx: Transaction, line_id: str) -> tuple[Intent, Line]:
    """A line with its intent; the line must exist."""
    table = schema.line.c
    owner: str = tx.connection.execute(
        select(table.intent_id).where(table.line_id == line_id)
    ).scalar_one()
    intent = get(tx, owner)
    if intent is None:
        raise _damaged(owner, "it is there no longer, and a line of it is")
    return intent, next(line for line in intent.lines if line.line_id == line_id)


def is_line(tx: Transaction, line_id: str) -> bool:
    """Whether there is such a line."""
    table = schema.line.c
    found = tx.connection.execute(select(table.line_id).where(table.line_id == line_id))
    return found.first() is not None


def manual_lines(tx: Transaction) -> list[tuple[Intent, Line]]:
    """Every line that waits for a person to say what became of it, the oldest first, with its intent.

    Those of intents that cannot be read are left out: see `damaged`.
    """
    table = schema.line.c
    ids = tx.connection.execute(
        select(table.line_id).where(table.state == LineState.MANUAL.value).order_by(table.line_id)
    )
    return list(_whole(ids.scalars().all(), lambda line_id: of_line(tx, line_id)))


def delayed_lines(tx: Transaction) -> list[tuple[Intent, Line]]:
    """Every line that may be sent and is not yet, for a reason that stands at it, the oldest first, with its intent."""
    table = schema.line.c
    ids = tx.connection.execute(
        select(table.line_id)
        .where(
            table.due_at.is_not(None),
            table.state == LineState.READY.value,
            table.error.is_not(None),
        )
        .order_by(table.line_id)
    )
    return list(_whole(ids.scalars().all(), lambda line_id: of_line(tx, line_id)))


def _intent(tx: Transaction, row: Row[Any]) -> Intent:
    """An intent as its rows say, which must agree with its terms.

    Raises:
        ConfigurationError: they do not, or cannot be read: somebody changed them, or they are damaged.
    """
    try:
        return _agreed(row, _read(tx, row))
    except (ValueError, TypeError) as error:
        raise _damaged(row.intent_id, "it cannot be read") from error


def _agreed(row: Row[Any], intent: Intent) -> Intent:
    """The intent, if what stands beside its terms to be searched by is what they say."""
    terms = intent.terms
    role = terms.role or (MAIN_ROLE if terms.assistant_id else None)
    said = (terms.intent_id, terms.principal, terms.op, terms.assistant_id, terms.created_at)
    if (row.intent_id, row.principal, row.op, row.assistant_id, row.created_at) != said:
        raise _damaged(row.intent_id, "its row says something else than its terms")
    if row.role not in {terms.role, role} or row.expires_at > terms.expires_at:
        raise _damaged(row.intent_id, "its row says something else than its terms")
    return intent


def _damaged(intent_id: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"What is stored of {intent_id} is not what was proposed: {why}. Nothing of it is sent.",
        remedy="Tell the person: the database was changed or is damaged. ringfence audit verify says what "
        "differs; compare it with a copy, or restore one.",
        details={DAMAGED: intent_id},
    )


def _read(tx: Transaction, row: Row[Any]) -> Intent:
    terms = Terms.model_validate_json(row.terms)
    words = audit.words_of(tx, row.intent_id)
    # All at once: an error in the midst of a look would leave its cursor open, and the database locked.
    rows = tx.connection.execute(
        select(schema.line)
        .where(schema.line.c.intent_id == row.intent_id)
        .order_by(schema.line.c.position)
    ).all()
    return Intent(
        terms=terms,
        digest=row.digest,
        state=IntentState(row.state),
        lines=tuple(
            _line(line, line_terms) for line, line_terms in zip(rows, terms.lines, strict=True)
        ),
        expires_at=row.expires_at,
        refusal=json.loads(row.refusal) if row.refusal else None,
        decided_by=row.decided_by,
        decided_level=Level(row.decided_level) if row.decided_level else None,
        decline_reason=DeclineReason(row.decline_reason) if row.decline_reason else None,
        reason=words.text if words and not words.is_erased else None,
        is_reason_erased=words is not None and words.is_erased,
    )


def _line(row: Row[Any], terms: LineTerms) -> Line:
    if row.line_id != terms.line_id:
        raise _damaged(row.intent_id, "a line stands in the place of another")
    return Line(
        intent_id=row.intent_id,
        terms=terms,
        state=LineState(row.state),
        version=row.version,
        attempts=row.attempts,
        attempt_id=row.attempt_id,
        request_hash=row.request_hash,
        dispatched_at=row.dispatched_at,
        due_at=row.due_at,
        negative_looks=row.negative_looks,
        looked_at=row.looked_at,
        carrier_ref=row.carrier_ref,
        error=json.loads(row.error) if row.error else None,
    )


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, sort_keys=True, default=str)


def move(tx: Transaction, intent: Intent, state: IntentState, **changes: Any) -> Intent:
    """Take an intent to another state.

    Raises:
        Conflict: it has moved since it was read; the transaction runs again and reads anew.
    """
    check_transition(intent.state, state)
    table = schema.intent.c
    done = tx.connection.execute(
        update(schema.intent)
        .where(table.intent_id == intent.intent_id, table.state == intent.state.value)
        .values(state=state.value, **changes)
    )
    if done.rowcount != 1:
        raise Conflict(f"intent {intent.intent_id}")
    row = tx.connection.execute(
        select(schema.intent).where(schema.intent.c.intent_id == intent.intent_id)
    ).one()
    return _intent(tx, row)


def set_expiry(tx: Transaction, intent: Intent, expires_at: datetime) -> None:
    """Let consent end at another time; terms and digest stay as they are."""
    tx.connection.execute(
        update(schema.intent)
        .where(schema.intent.c.intent_id == intent.intent_id)
        .values(expires_at=expires_at)
    )


def set_quoted(tx: Transaction, intent_id: str) -> None:
    """Note that the prices of a waiting intent were just confirmed."""
    tx.connection.execute(
        update(schema.intent).where(schema.intent.c.intent_id == intent_id).values(quoted_at=tx.now)
    )


def quoted_at(tx: Transaction, intent_id: str) -> datetime:
    """When the prices of an intent were last confirmed; it must exist."""
    moment: datetime = tx.connection.execute(
        select(schema.intent.c.quoted_at).where(schema.intent.c.intent_id == intent_id)
    ).scalar_one()
    return moment


def move_line(tx: Transaction, line: Line, state: LineState, **changes: Any) -> Line:
    """Take a line to another state, and its intent to what its lines now say.

    Raises:
        Conflict: the line has changed since it was read.
    """
    check_transition(line.state, state)
    moved = change_line(tx, line, state=state.value, **changes)
    if state in ENDED_LINES:
        tx.connection.execute(
            delete(schema.open_line).where(schema.open_line.c.line_id == line.line_id)
        )
    _follow_lines(tx, line.intent_id)
    return moved


def change_line(tx: Transaction, line: Line, **changes: Any) -> Line:
    """Write down something about a line, once, if nobody else changed it since it was read."""
    if "error" in changes:
        changes["error"] = _json(changes["error"])
    table = schema.line.c
    done = tx.connection.execute(
        update(schema.line)
        .where(
            table.line_id == line.line_id,
            table.version == line.version,
            table.state == line.state.value,
        )
        .values(version=line.version + 1, **changes)
    )
    if done.rowcount != 1:
        raise Conflict(f"line {line.line_id}")
    row = tx.connection.execute(select(schema.line).where(table.line_id == line.line_id)).one()
    return _line(row, line.terms)


def _follow_lines(tx: Transaction, intent_id: str) -> None:
    """Once a line has been sent, or all have ended, the intent's state follows from its lines."""
    table = schema.line.c
    states = [
        LineState(s)
        for s in tx.connection.execute(
            select(table.state).where(table.intent_id == intent_id)
        ).scalars()
    ]
    before = IntentState(
        tx.connection.execute(
            select(schema.intent.c.state).where(schema.intent.c.intent_id == intent_id)
        ).scalar_one()
    )
    if before not in {IntentState.APPROVED, *_FOLLOWING}:
        return
    after = intent_state(states)
    if (
        before is IntentState.APPROVED
        and after is IntentState.EXECUTING
        and not set(states) & (UNSETTLED_LINES | ENDED_LINES)
    ):
        return
    if after is not before:
        check_transition(before, after)
        tx.connection.execute(
            update(schema.intent)
            .where(schema.intent.c.intent_id == intent_id)
            .values(state=after.value)
        )


_FOLLOWING = frozenset({
    IntentState.EXECUTING, IntentState.NEEDS_ATTENTION, IntentState.FAILED,
    IntentState.PARTLY_COMPLETED, IntentState.COMPLETED,
})  # fmt: skip


_OPEN_LINES = (
    select(schema.open_line.c.provider, schema.open_line.c.number, schema.open_line.c.intent_id)
    .join(schema.intent, schema.intent.c.intent_id == schema.open_line.c.intent_id)
    .where(
        schema.open_line.c.principal == bindparam("principal_"),
        schema.open_line.c.number.in_(bindparam("numbers_", expanding=True)),
        schema.intent.c.op == bindparam("op_"),
    )
)


def open_intent(
    tx: Transaction, principal: str, op: Op, numbers: Sequence[tuple[Provider, str]]
) -> Intent | None:
    """The principal's intent to do this with one of these numbers that has an open line for it."""
    rows = tx.connection.execute(
        _OPEN_LINES,
        {
            "principal_": principal,
            "op_": op.value,
            "numbers_": [number for _, number in numbers],
        },
    ).all()
    wanted = {(provider.value, number) for provider, number in numbers}
    found = sorted(row.intent_id for row in rows if (row.provider, row.number) in wanted)
    return get(tx, found[0]) if found else None


@dataclass(frozen=True)
class OpenLine:
    """Whose line about a number is open, and what it is to do."""

    principal: str
    op: Op


def open_lines(tx: Transaction, provider: Provider, number: str) -> list[OpenLine]:
    """Everybody's open lines about a number, in the order in which they were asked for."""
    table = schema.open_line.c
    rows = tx.connection.execute(
        select(table.principal, schema.intent.c.op)
        .join(schema.intent, schema.intent.c.intent_id == table.intent_id)
        .where(table.provider == provider.value, table.number == number)
        .order_by(table.line_id)
    )
    return [OpenLine(row.principal, Op(row.op)) for row in rows]


def completed_repeat(tx: Transaction, principal: str, stock_key: str) -> Intent | None:
    """The latest completed purchase of exactly this stock by this principal within a day."""
    table = schema.intent.c
    row = tx.connection.execute(
        select(schema.intent)
        .where(
            table.principal == principal,
            table.stock_key == stock_key,
            table.created_at > tx.now - REPEAT_WINDOW,
            table.state.in_([IntentState.COMPLETED.value, IntentState.PARTLY_COMPLETED.value]),
        )
        .order_by(table.created_at.desc(), table.intent_id.desc())
        .limit(1)
    ).one_or_none()
    return _intent(tx, row) if row is not None else None


def awaiting(tx: Transaction) -> list[Intent]:
    """Every intent that waits for a person, oldest first; `damaged` has those that cannot be read."""
    table = schema.intent.c
    ids = tx.connection.execute(
        select(table.intent_id)
        .where(table.state == IntentState.AWAITING_APPROVAL.value)
        .order_by(table.created_at, table.intent_id)
        .limit(MAX_LISTED)
    )
    return list(_whole(ids.scalars().all(), lambda intent_id: get(tx, intent_id)))


def lately(tx: Transaction, *, since: datetime, limit: int) -> list[Intent]:
    """Intents since then that a person was asked about and that wait no more, newest first.

    Those that cannot be read are left out; of the open ones `damaged` tells.
    """
    table = schema.intent.c
    left_out = (IntentState.AWAITING_APPROVAL.value, IntentState.REFUSED.value)
    ids = tx.connection.execute(
        select(table.intent_id)
        .where(table.created_at > since, table.state.not_in(left_out))
        .order_by(table.created_at.desc(), table.intent_id.desc())
        .limit(limit)
    )
    return list(_whole(ids.scalars().all(), lambda intent_id: get(tx, intent_id)))


@dataclass(frozen=True)
class Damaged:
    """An open intent that cannot be read, or is not what was proposed: nothing of it is approved or sent."""

    intent_id: str
    why: str
    """A sentence, with the id."""
    remedy: str


def damaged(tx: Transaction) -> list[Damaged]:
    """Every open intent that is damaged, by id."""
    table = schema.intent.c
    ids = tx.connection.execute(
        select(table.intent_id)
        .where(table.state.in_([state.value for state in OPEN_INTENTS]))
        .order_by(table.intent_id)
        .limit(MAX_LISTED)
    )
    found = []
    for intent_id in ids.scalars().all():
        try:
            get(tx, intent_id)
        except ConfigurationError as error:
            found.append(Damaged(intent_id, error.message, error.remedy))
    return found


def _whole(names: Iterable[str], read: Callable[[str], T | None]) -> Iterator[T]:
    """Whatever of these can be read: one damaged row must not hide the others."""
    for name in names:
        with suppress(ConfigurationError):
            found = read(name)
            if found is not None:
                yield found


def ids_of(tx: Transaction, principal: str, *, limit: int) -> list[str]:
    """A principal's own intents by id, the latest first."""
    table = schema.intent.c
    rows = tx.connection.execute(
        select(table.intent_id)
        .where(table.principal == principal)
        .order_by(table.intent_id.desc())
        .limit(limit)
    )
    return list(rows.scalars())


def is_being_moved(tx: Transaction, number_id: str) -> bool:
    """Whether an assign line of this number has been sent and is not settled yet."""
    table = schema.open_line.c
    found = tx.connection.execute(
        select(table.line_id)
        .join(schema.line, schema.line.c.line_id == table.line_id)
        .join(schema.intent, schema.intent.c.intent_id == table.intent_id)
        .join(
            schema.number,
            (schema.number.c.number == table.number) & (schema.number.c.provider == table.provider),
        )
        .where(
            schema.number.c.number_id == number_id,
            schema.intent.c.op == Op.ASSIGN.value,
            schema.line.c.state.in_([state.value for state in UNSETTLED_LINES]),
        )
    )
    return found.first() is not None


def open_intents(tx: Transaction) -> list[Intent]:
    """Every intent that has not ended; a new policy holds their lines anew."""
    table = schema.intent.c
    rows = tx.connection.execute(
        select(schema.intent)
        .where(table.intent_id.in_(select(schema.open_line.c.intent_id)))
        .order_by(table.created_at, table.intent_id)
    ).all()
    return [_intent(tx, row) for row in rows]


def overdue(tx: Transaction, limit: int) -> list[str]:
    """Ids of intents whose consent has ended while nothing was sent."""
    table = schema.intent.c
    rows = tx.connection.execute(
        select(table.intent_id)
        .where(
            table.state.in_([IntentState.AWAITING_APPROVAL.value, IntentState.APPROVED.value]),
            table.expires_at <= tx.now,
        )
        .order_by(table.expires_at, table.intent_id)
        .limit(limit)
    )
    return list(rows.scalars())


def stale_quotes(tx: Transaction, older_than: timedelta, limit: int) -> list[str]:
    """Ids of waiting purchases whose prices were last confirmed longer ago than that."""
    table = schema.intent.c
    rows = tx.connection.execute(
        select(table.intent_id)
        .where(
            table.state == IntentState.AWAITING_APPROVAL.value,
            table.op == Op.BUY.value,
            table.quoted_at <= tx.now - older_than,
        )
        .order_by(table.quoted_at, table.intent_id)
        .limit(limit)
    )
    return list(rows.scalars())


def due_lines(tx: Transaction, limit: int) -> list[str]:
    """Ids of lines for which something is to be done now, longest due first.

    Consent of ours says when its lines are due. A line that may be sent and has no such time was never consented to:
    somebody wrote that into the database. It is due now, so that the checks before a byte void it.
    """
    table = schema.line.c
    due = tx.connection.execute(
        select(table.line_id)
        .where(table.due_at <= tx.now)
        .order_by(table.due_at, table.line_id)
        .limit(limit)
    )
    timeless = tx.connection.execute(
        _UNSENT.where(table.due_at.is_(None)).order_by(table.line_id).limit(limit)
    )
    return [*due.scalars().all(), *timeless.scalars().all()][:limit]


_UNSENT = (
    select(schema.line.c.line_id)
    .join(schema.intent, schema.intent.c.intent_id == schema.line.c.intent_id)
    .where(
        schema.intent.c.state.in_([state.value for state in SENDABLE_INTENTS]),
        schema.line.c.state == LineState.READY.value,
    )
)
"""Lines that may be sent, and have not been."""


def next_due(tx: Transaction) -> datetime | None:
    """When the next line is due, whether past or to come."""
    return tx.connection.execute(select(func.min(schema.line.c.due_at))).scalar_one_or_none()


def lines_of_number(tx: Transaction, provider: Provider, number: str) -> list[str]:
    """Every purchase line for a number, whatever became of it."""
    table = schema.ledger_entry.c
    rows = tx.connection.execute(
        select(table.line_id)
        .distinct()
        .where(table.number == number, table.provider == provider.value, table.line_id.is_not(None))
        .order_by(table.line_id)
    )
    return list(rows.scalars())


@dataclass(frozen=True)
class Standing:
    """How an intent stands in its table, word for word."""

    intent_id: str
    state: str
    digest: str
    terms: str


def standings(tx: Transaction) -> Iterator[Standing]:
    """How every intent stands; read a few at a time."""
    table = schema.intent.c
    query = select(table.intent_id, table.state, table.digest, table.terms)
    for row in tx.connection.execute(query.execution_options(yield_per=1_000)):
        yield Standing(row.intent_id, row.state, row.digest, row.terms)


def unsettled_count(tx: Transaction) -> int:
    """How many lines may cost money and are not settled yet."""
    states = [state.value for state in UNSETTLED_LINES]
    return int(
        tx.connection.execute(
            select(func.count()).where(schema.line.c.state.in_(states))
        ).scalar_one()
    )


def unsent_count(tx: Transaction) -> int:
    """How many lines are approved and have not been sent."""
    unsent = select(func.count()).select_from(_UNSENT.subquery())
    return int(tx.connection.execute(unsent).scalar_one())


def awaiting_count(tx: Transaction) -> int:
    """How many intents wait for a person."""
    waits = schema.intent.c.state == IntentState.AWAITING_APPROVAL.value
    return int(
        tx.connection.execute(
            select(func.count()).select_from(schema.intent).where(waits)
        ).scalar_one()
    )


def postpone_line(tx: Transaction, line_id: str, due_at: datetime) -> None:
    """Look at a line later; says nothing about it, so its version stays."""
    table = schema.line.c
    is_to_be_done = table.due_at.is_not(None) | (table.state == LineState.READY.value)
    tx.connection.execute(
        update(schema.line).where(table.line_id == line_id, is_to_be_done).values(due_at=due_at)
    )


def line_states(tx: Transaction) -> dict[str, LineState]:
    """The state of every line."""
    rows = tx.connection.execute(select(schema.line.c.line_id, schema.line.c.state))
    return {row.line_id: LineState(row.state) for row in rows}
