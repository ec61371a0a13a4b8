"""What the templates print of a change that waits for signatures, and of the freeze."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ringfence.approvers import Purpose
from ringfence.desk.authorizing import ShownChange, ShownFreeze
from ringfence.guard import passkeys
from ringfence.guard.card import quoted
from ringfence.guard.changes import Change, ChangeState
from ringfence.intents import Level
from ringfence_server.approvals.outcome import Outcome

_ACTIONS = {
    Purpose.POLICY: "Change the policy",
    Purpose.ENROLL: "Let a new key sign",
    Purpose.REVOKE: "Let a key sign no longer",
    Purpose.RESOLVE: "Write down what became of it",
    Purpose.ADJUST: "Correct the books",
}
_NEEDS = {
    Level.PASSKEY: "an approver’s passkey",
    Level.TWO_PEOPLE: "two people, at least one with a passkey",
}
_LOOSENS, _TIGHTENS = "loosens: ", "tightens: "
_OUTCOMES = {
    ChangeState.IN_FORCE: Outcome("good", "In force", "It counts from now on."),
    ChangeState.DECLINED: Outcome(
        "quiet", "Declined", "It changed nothing. Whoever wants it after all proposes it anew."
    ),
    ChangeState.EXPIRED: Outcome(
        "quiet", "Expired", "Not enough people signed in time. It changed nothing."
    ),
    ChangeState.OVERTAKEN: Outcome(
        "quiet", "Void", "Another change came first, so this one would no longer do what it says."
    ),
}
_OUTCOMES_OF_RULINGS = _OUTCOMES | {
    ChangeState.IN_FORCE: Outcome("good", "In the books", "That is written down, and counts."),
    ChangeState.OVERTAKEN: Outcome(
        "quiet",
        "Void",
        "What it is about has changed since, so it would no longer do what it says.",
    ),
}


@dataclass(frozen=True)
class Said:
    """One thing that a change does."""

    text: str
    loosens: bool | None
    """None where it is neither."""


@dataclass(frozen=True)
class ChangeView:
    """One change that waits for signatures, or did."""

    change_id: str
    action: str
    title: str
    """Which one of its kind, under the action."""
    name: str
    """What it is called where it stands alone."""
    says: Sequence[Said]
    signed: str
    """Who has signed; empty where nobody has."""
    needs: str
    command: str
    """How a person signs it in a terminal."""
    until: str
    until_iso: str
    passkey: str | None
    """What the browser is asked for, as JSON; None where no passkey of this page could add anything."""
    outcome: Outcome | None


@dataclass(frozen=True)
class ChangeRow:
    """A change as the list of what waits shows it."""

    change_id: str
    title: str
    said: str
    signed: str


@dataclass(frozen=True)
class FreezeView:
    """The freeze, and how it is lifted."""

    reason: str | None
    passkey: str | None
    statement: str


def change_view(shown: ShownChange) -> ChangeView:
    """Everything that a change's page prints."""
    change = shown.change
    challenge, keys = change.statement.challenge, shown.passkeys
    outcomes = _OUTCOMES if change.number is None else _OUTCOMES_OF_RULINGS
    return ChangeView(
        change_id=change.change_id,
        action=_ACTIONS[change.purpose],
        title=change.title
        if change.key
        else _capital(change.title),  # a person is called as they are
        name=_capital(change.name),
        says=[_said(line) for line in change.says],
        signed=" and ".join(change.signed_by),
        needs=_NEEDS.get(change.needed, "an approver") if change.needed else "nobody can sign it",
        command=f"ringfence approve {change.change_id}",
        until=_moment(change.until),
        until_iso=change.until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        passkey=passkeys.request_options(challenge, keys) if keys else None,
        outcome=outcomes.get(change.state),
    )


def change_row(change: Change) -> ChangeRow:
    """One change in the list of what waits."""
    more = len(change.says) - 1
    first = change.says[0] if change.says else "nothing"
    return ChangeRow(
        change_id=change.change_id,
        title=_capital(change.name),
        said=f"{first}; and {more} more" if more > 0 else first,
        signed=" and ".join(change.signed_by),
    )


def freeze_view(shown: ShownFreeze) -> FreezeView:
    """Everything that the freeze's page prints."""
    reason = quoted(shown.reason) if shown.reason is not None else None
    if shown.statement is None:
        return FreezeView(reason, None, "")
    asked = passkeys.request_options(shown.statement.challenge, shown.passkeys)
    return FreezeView(reason, asked, shown.statement.encoded.decode())


def _capital(name: str) -> str:
    return f"{name[:1].upper()}{name[1:]}"


def _said(line: str) -> Said:
    for mark, loosens in ((_LOOSENS, True), (_TIGHTENS, False)):
        if line.startswith(mark):
            return Said(line.removeprefix(mark), loosens)
    return Said(line, None)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
