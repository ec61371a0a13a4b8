"""Every deliberate error, each with a way out.

    RingfenceError
    ├── InvalidArguments        invalid_arguments      fix the arguments
    ├── NotFound                not_found              look the id up again
    ├── OfferExpired            offer_expired          search again
    ├── ReservationExpired      reservation_expired    search again
    ├── NumberGone              number_gone            choose another number
    ├── PriceUnknown            price_unknown          choose another, or a person adds a price or a rate
    ├── PriceChanged            price_changed          look at the new price, ask again
    ├── Refused                 (the guard says no; only a person can change that)
    │   ├── BudgetExceeded      budget_exceeded
    │   ├── PolicyRefused       policy_refused
    │   ├── PapersMissing       papers_missing
    │   ├── Frozen              frozen
    │   └── NotAuthorized       not_authorized
    ├── Declined                declined               a person said no
    ├── Expired                 expired                nobody answered in time
    ├── IdempotencyConflict     idempotency_conflict   use another key
    ├── StorageUnavailable      storage_unavailable    wait and try again
    ├── ProviderUnavailable     provider_unavailable   wait and try again
    │   └── RateLimited         rate_limited
    ├── ProviderRefused         provider_refused       the carrier says no
    │   ├── InsufficientFunds   insufficient_funds
    │   └── BadCredentials      bad_credentials
    ├── OutcomeUnknown          outcome_unknown        wait: never buy again
    ├── ConfigurationError      configuration          the operator mends the installation
    └── InternalError           internal               a bug of ours

The class is the decision a caller makes, the `code` is what a program reads, the `message` says what
happened with the value that was sent, and the `remedy` names the next call or the person that can succeed.
Neither may hold a secret or the words of a carrier.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class RingfenceError(Exception):
    """A deliberate refusal or failure that the caller can act on."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False
    default_remedy: ClassVar[str] = "Tell the person what happened; this needs a person."

    def __init__(
        self,
        message: str,
        *,
        remedy: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy or self.default_remedy
        self.details: dict[str, Any] = dict(details or {})

    def as_document(self) -> dict[str, Any]:
        """The error as tools and `--json` print it: `code`, `message`, `remedy`, `retryable`, `details`."""
        return {
            "code": self.code,
            "message": self.message,
            "remedy": self.remedy,
            "retryable": self.retryable,
            "details": self.details,
        }


class InvalidArguments(RingfenceError):
    """The call breaks the tool's schema; the same call can never succeed."""

    code = "invalid_arguments"
    default_remedy = "Correct the arguments that are named and call again."


class NotFound(RingfenceError):
    """No such thing for this caller; what belongs to another caller looks the same."""

    code = "not_found"
    default_remedy = (
        "Use an id exactly as this server gave it. Call search_numbers for offers. "
        "Call list_numbers for numbers that are ours."
    )


class OfferExpired(RingfenceError):
    """The offer is older than its price may be trusted."""

    code = "offer_expired"
    default_remedy = "Call search_numbers again and use the new offer_id."


class ReservationExpired(RingfenceError):
    """The reservation has lapsed or was given back."""

    code = "reservation_expired"
    default_remedy = "Call search_numbers again, then reserve_numbers or buy_numbers."


class NumberGone(RingfenceError):
    """Somebody else has the number now."""

    code = "number_gone"
    default_remedy = "Call search_numbers again and choose another number; nothing was charged."


class PriceUnknown(RingfenceError):
    """There is no price, or no exchange rate to hold it against a budget."""

    code = "price_unknown"
    default_remedy = "Choose a number with a price, or ask the person to add the price or rate."


class PriceChanged(RingfenceError):
    """The carrier's price is no longer what was offered."""

    code = "price_changed"
    default_remedy = "Call search_numbers again to see the new price, then ask again."


class Refused(RingfenceError):
    """The guard says no, and nothing that a model does can change it."""

    default_remedy = "Only a person can change this: tell them the rule, the limit and the amount."


class BudgetExceeded(Refused):
    """A budget has not enough left."""

    code = "budget_exceeded"
    default_remedy = (
        "Look for a cheaper number with search_numbers, or ask the person to change the policy: "
        "only they can."
    )


class PolicyRefused(Refused):
    """A rule other than a budget forbids it."""

    code = "policy_refused"


class PapersMissing(Refused):
    """The country asks for papers that are not on file."""

    code = "papers_missing"
    default_remedy = (
        "Choose a number that needs no papers, or ask the person to file the papers first."
    )


class Frozen(Refused):
    """All spending is stopped until a person lifts the freeze."""

    code = "frozen"
    default_remedy = "Tell the person that spending is frozen and why; only they can lift it."


class NotAuthorized(Refused):
    """This caller may not do this."""

    code = "not_authorized"


class Declined(RingfenceError):
    """A person said no to this intent."""

    code = "declined"
    default_remedy = "Ask the person what they would rather have; do not propose the same again."


class Expired(RingfenceError):
    """Nobody decided in time."""

    code = "expired"
    default_remedy = "Ask the person whether it is still wanted; if it is, propose it again."


class IdempotencyConflict(RingfenceError):
    """The key was used before with other arguments."""

    code = "idempotency_conflict"
    default_remedy = "Repeat the first arguments, or use a new idempotency_key for a new wish."


class StorageUnavailable(RingfenceError):
    """The database is locked, full or cannot be reached; nothing was changed."""

    code = "storage_unavailable"
    retryable = True
    default_remedy = (
        "Nothing was changed. Wait a little and repeat the same call; if it stays, tell the person."
    )


class ProviderUnavailable(RingfenceError):
    """The carrier gave no usable answer to a free request."""

    code = "provider_unavailable"
    retryable = True
    default_remedy = "Nothing was bought. Wait a little and repeat the same call."


class RateLimited(ProviderUnavailable):
    """The carrier asks us to slow down."""

    code = "rate_limited"


class ProviderRefused(RingfenceError):
    """The carrier answered with a definite no."""

    code = "provider_refused"
    default_remedy = (
        "Nothing was charged. Choose another number, or tell the person what was refused."
    )


class InsufficientFunds(ProviderRefused):
    """The carrier account has not enough money."""

    code = "insufficient_funds"
    default_remedy = "Tell the person to add funds to the carrier account; nothing was charged."


class BadCredentials(ProviderRefused):
    """The carrier does not accept our key."""

    code = "bad_credentials"
    default_remedy = (
        "Tell the person to check the carrier's key in the installation; nothing was charged."
    )


class OutcomeUnknown(RingfenceError):
    """The number may have been bought; it is being looked up."""

    code = "outcome_unknown"
    default_remedy = (
        "Do not buy another. Tell the person and end your turn. When they return, call get_intent."
    )


class ConfigurationError(RingfenceError):
    """The installation itself is wrong: a file, a setting, or a database of another version."""

    code = "configuration"
    default_remedy = "Tell the person: the installation needs mending before anything can be done."


class InternalError(RingfenceError):
    """A bug of ours; the log has the details under the id that the message names."""

    code = "internal"
    default_remedy = "Nothing more can be done from here; tell the person the id in the message."


def all_errors(root: type[RingfenceError] = RingfenceError) -> list[type[RingfenceError]]:
    """Every error class that has a code of its own, in the order of the tree."""
    found: list[type[RingfenceError]] = []
    for kind in root.__subclasses__():
        if "code" in vars(kind):
            found.append(kind)
        found.extend(all_errors(kind))
    return found


def error_class(code: str) -> type[RingfenceError]:
    """The class that stands for a stored `code`; unknown codes are `InternalError`."""
    return next((kind for kind in all_errors() if kind.code == code), InternalError)
