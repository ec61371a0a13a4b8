"""The policy: everything that is authority, as one versioned document that only a person changes.

A policy is written by hand in YAML. It is closed and strict: an unknown field, a float or a wildcard where none
is allowed stops it from being read at all, and then nothing is bought.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AwareDatetime, Field, ValidationError, field_validator, model_validator

from ringfence.errors import ConfigurationError
from ringfence.ids import ULID_PATTERN
from ringfence.intents import Level, Op
from ringfence.money import MICROS, Money, check_currency, micros_of
from ringfence.nouns import Noun
from ringfence.numbers import NumberType
from ringfence.offers import Country, Provider

ASSISTANT_ID_PATTERN = r"^[A-Za-z0-9._:-]{1,64}$"
BASIS_POINTS = 10_000


class BudgetKind(StrEnum):
    """What a budget counts."""

    CASH = "cash"
    RUN_RATE = "run_rate"
    COUNT = "count"
    PURCHASES = "purchases"
    ATTEMPTS = "attempts"
    PER_NUMBER = "per_number"


class ScopeKind(StrEnum):
    """Which purchases a budget is charged for."""

    ALL = "all"
    PROVIDER = "provider"
    COUNTRY = "country"
    TYPE = "type"
    ASSISTANT = "assistant"
    REQUESTER = "requester"
    MANDATE = "mandate"


class Window(StrEnum):
    """A calendar window in the budget's zone."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"


# A value that cannot occur would make a budget that counts nothing, and looks as if it did.
_SCOPES = {
    ScopeKind.PROVIDER: "|".join(Provider),
    ScopeKind.COUNTRY: "[A-Z]{2}",
    ScopeKind.TYPE: "|".join(NumberType),
    ScopeKind.ASSISTANT: ASSISTANT_ID_PATTERN.strip("^$"),
    ScopeKind.REQUESTER: r"[^\s*]{1,128}",
    ScopeKind.MANDATE: f"man_{ULID_PATTERN}",
}
_SCOPE = re.compile("all|" + "|".join(f"{kind}:(?:{value})" for kind, value in _SCOPES.items()))


_Zone = Annotated[
    str,
    Field(
        description="The IANA time zone, such as Europe/Berlin, in which a day, month or year begins."
    ),
]
_Window = Annotated[Window, Field(description="Over which calendar window it counts.")]


_KIND = Field(description="What it counts.")


class _Budget(Noun):
    name: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$",
            description="What it is called on cards and in refusals; each name stands once.",
        ),
    ]
    scope: Annotated[
        str,
        Field(
            description="Which purchases it counts: `all`, or one exact value such as `country:GB`; no patterns."
        ),
    ] = "all"

    @field_validator("scope")
    @classmethod
    def _is_a_scope(cls, scope: str) -> str:
        if _SCOPE.fullmatch(scope) is None:
            raise ValueError("a scope is `all` or one exact value such as `country:GB`")
        return scope

    @property
    def scope_kind(self) -> ScopeKind:
        return ScopeKind(self.scope.partition(":")[0])

    @property
    def scope_value(self) -> str:
        return self.scope.partition(":")[2]


_NO_ZONES = ("localtime", "Factory", "posix", "right/")
"""In the zone files, but not the same on every machine, or not what they seem."""


def _check_zone(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{zone!r} is no IANA time zone such as Europe/Berlin") from error
    if zone.startswith(_NO_ZONES):
        raise ValueError(f"{zone!r} is not a zone that is the same everywhere")
    return zone


class CashBudget(_Budget):
    """All outlay of a calendar window: set-up, first months, and the renewals of what we own."""

    kind: Annotated[Literal[BudgetKind.CASH], _KIND]
    window: _Window
    zone: _Zone = "UTC"
    limit: Annotated[Money, Field(description="The most that is spent in one window.")]

    _zone = field_validator("zone")(_check_zone)


class RunRateBudget(_Budget):
    """What all our numbers cost a month."""

    kind: Annotated[Literal[BudgetKind.RUN_RATE], _KIND]
    limit: Annotated[Money, Field(description="The most that they cost a month together.")]


class CountBudget(_Budget):
    """How many numbers we own."""

    kind: Annotated[Literal[BudgetKind.COUNT], _KIND]
    limit: Annotated[int, Field(ge=0, le=1_000_000, description="The most that we own.")]


class PurchasesBudget(_Budget):
    """How many numbers are bought in a calendar window."""

    kind: Annotated[Literal[BudgetKind.PURCHASES], _KIND]
    window: _Window
    zone: _Zone = "UTC"
    limit: Annotated[
        int, Field(ge=0, le=1_000_000, description="The most that are bought in one window.")
    ]

    _zone = field_validator("zone")(_check_zone)


class AttemptsBudget(_Budget):
    """How many purchases are sent in any hour, failed and unknown ones counted too."""

    kind: Annotated[Literal[BudgetKind.ATTEMPTS], _KIND]
    limit: Annotated[
        int, Field(ge=0, le=1_000_000, description="The most that are sent in any hour.")
    ]


class PerNumberBudget(_Budget):
    """What one number may cost."""

    kind: Annotated[Literal[BudgetKind.PER_NUMBER], _KIND]
    setup: Annotated[Money, Field(description="The most that it costs once.")]
    monthly: Annotated[Money, Field(description="The most that it costs a month.")]
    first_year: Annotated[
        Money, Field(description="The most that set-up and twelve months come to.")
    ]


Budget = Annotated[
    CashBudget | RunRateBudget | CountBudget | PurchasesBudget | AttemptsBudget | PerNumberBudget,
    Field(discriminator="kind"),
]
REQUIRED_KINDS = (BudgetKind.CASH, BudgetKind.RUN_RATE, BudgetKind.COUNT, BudgetKind.ATTEMPTS)
"""Absent is refuse: without one of each of these for scope `all`, nothing is bought."""


class ExchangeRate(Noun):
    """One unit of `source` costs `rate` of `target`, said by a person on a day."""

    source: Annotated[str, Field(description="The currency of a price, by its ISO 4217 code.")]
    target: Annotated[
        str, Field(description="The currency that it is counted in: a budget's, or the policy's.")
    ]
    rate: Annotated[
        str,
        Field(
            pattern=r"^[0-9]{1,12}(\.[0-9]{1,6})?$",
            description='What one unit of `source` costs in `target`, as text: `"1.16"`. None is derived from others.',
        ),
    ]
    as_of: Annotated[
        AwareDatetime,
        Field(
            description='When it was so, as text: `"2026-11-20T00:00:00Z"`; one of the future is not used.'
        ),
    ]
    max_age_days: Annotated[
        Annotated[int, Field(ge=1, le=366)] | None,
        Field(
            description="How long it may be used; after that, what needs it is refused. Null never grows stale: only a "
            "sandbox policy may say so."
        ),
    ]
    haircut_basis_points: Annotated[
        int,
        Field(
            ge=0,
            le=BASIS_POINTS,
            description="What is added on top, in hundredths of a percent, so that a rate that moves breaks no budget.",
        ),
    ] = 500

    @field_validator("source", "target")
    @classmethod
    def _is_a_currency(cls, code: str) -> str:
        return check_currency(code)

    @field_validator("rate")
    @classmethod
    def _is_positive(cls, rate: str) -> str:
        if micros_of(rate) == 0:
            raise ValueError("a rate is above zero")
        return rate

    def is_fresh(self, now: datetime) -> bool:
        """Whether the rate may be used: neither stale nor dated in the future, which would keep it fresh for ever."""
        if self.max_age_days is None:
            return True
        return self.as_of <= now and now - self.as_of <= timedelta(days=self.max_age_days)

    def convert(self, amount: Money) -> Money:
        """The amount in the target currency with the haircut on top, rounded up to a micro-unit."""
        dividend = amount.micros * micros_of(self.rate) * (BASIS_POINTS + self.haircut_basis_points)
        return Money(-(-dividend // (MICROS * BASIS_POINTS)), self.target)


_PLACEHOLDER = "{assistant_id}"


def _check_template(template: str | None) -> str | None:
    """An address whose host is the operator's own words: names of assistants are chosen by models."""
    if template is None:
        return None
    host, _, rest = template.removeprefix("https://").partition("/")
    if re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?", host) is None:
        raise ValueError(
            "an address begins with https:// and a plain host; the rest follows a slash"
        )
    if re.search(r"[{}]", rest.replace(_PLACEHOLDER, "")):
        raise ValueError(f"an address holds no braces but those of {_PLACEHOLDER}")
    return template


class RegisteredAssistant(Noun):
    """An assistant that may be given numbers: a name, or `*` for any.

    Its addresses may hold `{assistant_id}` behind the host.
    """

    name: Annotated[
        str,
        Field(
            pattern=r"^([A-Za-z0-9._:-]{1,64}|[A-Za-z0-9._:-]{0,63}\*)$",
            description="Its `assistant_id`, or a beginning and `*` for all that begin so. The exact name counts "
            "before a pattern, and a longer pattern before a shorter one. A live policy takes no bare `*`.",
        ),
    ]
    voice_url: Annotated[
        Annotated[str, Field(pattern=r"^https://\S{1,500}$")] | None,
        Field(description="Where calls to its numbers go; null is nowhere."),
    ] = None
    sms_url: Annotated[
        Annotated[str, Field(pattern=r"^https://\S{1,500}$")] | None,
        Field(description="Where texts to its numbers go; null is nowhere."),
    ] = None

    _templates = field_validator("voice_url", "sms_url")(_check_template)

    def matches(self, assistant_id: str) -> bool:
        """Whether this entry speaks for that assistant."""
        if self.name.endswith("*"):
            return assistant_id.startswith(self.name[:-1])
        return assistant_id == self.name


class CarrierPolicy(Noun):
    """A carrier that may be used, the only host that may be paid, and the accounts that may pay."""

    provider: Annotated[Provider, Field(description="Which carrier; each stands once.")]
    host: Annotated[
        str, Field(description="The only host that is asked to sell, without a scheme.")
    ]
    accounts: Annotated[
        tuple[str, ...] | Literal["any"],
        Field(
            description="Fingerprints of the accounts that may pay, as a refusal names them. `any` is for sandbox "
            "policies; a live one names them."
        ),
    ] = "any"


class LevelAbove(Noun):
    """The consent that a purchase needs whose first year costs more than an amount."""

    first_year: Annotated[
        Money,
        Field(
            description="The amount: set-up and twelve months of all its numbers, in any currency."
        ),
    ]
    level: Annotated[
        Level,
        Field(description="The weakest consent that is enough for what costs more than that."),
    ]


class Levels(Noun):
    """The consent that each operation needs at least; `assign` is a move of a number in use."""

    buy: Annotated[Level, Field(description="The weakest consent that is enough to buy.")]
    release: Annotated[
        Level, Field(description="The weakest consent that is enough to give a number back.")
    ]
    assign: Annotated[
        Level,
        Field(
            description="The weakest consent that is enough to move a number in use, or another requester's; to "
            "connect an idle one of one's own needs none."
        ),
    ]
    buy_above: Annotated[
        tuple[LevelAbove, ...],
        Field(
            max_length=4,
            description="More for dear purchases, never less than `buy`. Of several that fit the strongest counts; "
            "where the total is unknown, all do.",
        ),
    ] = ()

    def needed(self, op: Op) -> Level:
        """The level for one operation, whatever it costs."""
        return {Op.BUY: self.buy, Op.RELEASE: self.release, Op.ASSIGN: self.assign}[op]

    def all(self) -> tuple[Level, ...]:
        """Every level that is asked for anywhere."""
        return (*map(self.needed, Op), *(step.level for step in self.buy_above))


_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PUBLIC_URL = re.compile(rf"https://((?:{_LABEL}\.)+{_LABEL})(?::([1-9][0-9]{{0,4}}))?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""The last part of a host that a browser takes for an IP address."""
MAX_HOST = 253
HTTPS_PORT, LAST_PORT = 443, 65_535


def _is_absent(value: object) -> bool:
    return value is None


class Approvals(Noun):
    """Where the approval page is besides this machine, for phones and for people at other machines."""

    public_url: Annotated[
        str,
        Field(
            description="`https://host` or `https://host:port` behind your own reverse proxy, as browsers write it: "
            "exactly the page's origin there, in lower case, no path, no IP address."
        ),
    ]

    @field_validator("public_url")
    @classmethod
    def _is_an_origin(cls, url: str) -> str:
        found = _PUBLIC_URL.fullmatch(url)
        if found is None or len(found[1]) > MAX_HOST:
            raise ValueError(
                "a public address is https:// and a host name with a dot, in lower case, with a port "
                "if need be and nothing after it, such as https://approve.example.com"
            )
        last = found[1].rpartition(".")[2]
        if _NUMBER.fullmatch(last) or last == "localhost":
            raise ValueError("a public address is a host name, neither an IP address nor localhost")
        if found[2] and not (int(found[2]) <= LAST_PORT and int(found[2]) != HTTPS_PORT):
            raise ValueError(f"a port is at most {LAST_PORT}, and {HTTPS_PORT} is left out")
        return url

    @property
    def host(self) -> str:
        """Host and port, as a browser's `Host` says them."""
        return self.public_url.removeprefix("https://")


class PolicyDocument(Noun):
    """What a person writes; the store adds version and hash."""

    currency: Annotated[
        str,
        Field(
            description="The ISO 4217 code of the currency in which totals are shown where prices differ in theirs."
        ),
    ]
    approval_minutes: Annotated[
        int,
        Field(
            ge=1,
            le=10_080,
            description="How long a wish waits for a person, holding its budget; after that it expires.",
        ),
    ]
    pending_per_requester: Annotated[
        int,
        Field(
            ge=1,
            le=1_000,
            description="How many wishes of one requester may wait at once; one more is refused.",
        ),
    ]
    levels: Annotated[Levels, Field(description="The consent that each operation needs.")]
    budgets: Annotated[
        tuple[Budget, ...],
        Field(
            min_length=1,
            max_length=100,
            description="The limits, each of one kind. A purchase needs room in every budget that counts it.",
        ),
    ]
    rates: Annotated[
        tuple[ExchangeRate, ...],
        Field(
            description="Exchange rates. What would be counted in another currency without one is refused."
        ),
    ] = ()
    carriers: Annotated[
        tuple[CarrierPolicy, ...],
        Field(min_length=1, description="The carriers that may be used; no other is."),
    ]
    countries: Annotated[
        tuple[Country, ...] | Literal["any"],
        Field(
            description="Where numbers may be bought, as ISO 3166 codes; an empty list is nowhere. `any` is for "
            "sandbox policies; a live one names them."
        ),
    ]
    assistants: Annotated[
        tuple[RegisteredAssistant, ...],
        Field(description="Who may be given numbers, and where their calls and texts go."),
    ]
    # Left out of the document where it is absent, as it was before there was such a section: the hash
    # of a policy that was signed then must stay what it was.
    approvals: Annotated[
        Approvals | None,
        Field(
            exclude_if=_is_absent,
            description="The approval page's public address; without it the page is at this machine alone.",
        ),
    ] = None

    @field_validator("currency")
    @classmethod
    def _is_a_currency(cls, code: str) -> str:
        return check_currency(code)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for kind, names in (
            ("budget", [b.name for b in self.budgets]),
            ("assistant", [a.name for a in self.assistants]),
            ("exchange rate", [f"{r.source}>{r.target}" for r in self.rates]),
            ("carrier", [c.provider.value for c in self.carriers]),
        ):
            if len(set(names)) != len(names):
                raise ValueError(f"each {kind} stands once: {', '.join(names)}")
        return self

    def assistant(self, assistant_id: str) -> RegisteredAssistant | None:
        """The entry that speaks for an assistant: its own name before a pattern, a longer pattern first."""
        entries = sorted(
            (a for a in self.assistants if a.matches(assistant_id)),
            key=lambda a: (a.name.endswith("*"), -len(a.name)),
        )
        return entries[0] if entries else None

    def carrier(self, provider: Provider) -> CarrierPolicy | None:
        """What the policy says of a carrier; None where it says nothing, which is no."""
        return next((c for c in self.carriers if c.provider == provider), None)

    def rate(self, source: str, target: str) -> ExchangeRate | None:
        """The rate from one currency to another; none is derived from others."""
        return next((r for r in self.rates if (r.source, r.target) == (source, target)), None)

    def level_for(self, op: Op, first_year: Money | None, now: datetime) -> Level:
        """The consent that an operation needs; a total that is unknown needs the strongest there is."""
        asked = [self.levels.needed(op)]
        for step in self.levels.buy_above if op is Op.BUY else ():
            total = first_year and self.convert(first_year, step.first_year.currency, now)
            if not total or total > step.first_year:
                asked.append(step.level)
        return max(asked, key=lambda level: level.strength)

    def convert(self, amount: Money, target: str, now: datetime) -> Money | None:
        """The amount in another currency, rounded against us; None without a fresh rate."""
        if amount.currency == target:
            return amount
        rate = self.rate(amount.currency, target)
        return rate.convert(amount) if rate is not None and rate.is_fresh(now) else None


class Policy(Noun):
    """A policy document as it was put in force."""

    version: int
    document: PolicyDocument
    hash: str
    applied_at: datetime
    applied_by: str


def read_policy(text: str) -> PolicyDocument:
    """Read a policy from YAML or JSON text.

    Raises:
        ConfigurationError: not YAML, a float, a duplicate key, an unknown field, a missing one.
    """
    from ringfence import plain_yaml  # lazily: start-up reads stored policies, which are JSON

    try:
        return parse_document(plain_yaml.read(text))
    except (plain_yaml.BadYaml, ValidationError) as error:
        raise ConfigurationError(
            f"The policy cannot be read: {explain(error)}",
            remedy="Correct the policy file; the old policy stays in force.",
        ) from error


def parse_document(raw: Any) -> PolicyDocument:
    """Read a policy from plain values.

    Raises:
        ValidationError: it is no policy.
    """
    import json

    return PolicyDocument.model_validate_json(json.dumps(raw))


def read_stored(text: str) -> PolicyDocument:
    """Read a policy as the store keeps it, which is as strict as reading what a person wrote.

    Raises:
        ValueError: it is no policy: not JSON, a key that stands twice, a float, an unknown field, a missing one.
    """
    import json

    return parse_document(
        json.loads(text, object_pairs_hook=_once, parse_float=_no_float, parse_constant=_no_float)
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_float(text: str) -> Any:
    raise ValueError(f"{text[:40]} is a float")


def explain(error: Exception) -> str:
    """A refusal in one line: where it is wrong and why, without the libraries' links."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        return f"{where}: {first['msg'].removeprefix('Value error, ')}"
    return str(error)


@cache
def sandbox_policy() -> PolicyDocument:
    """The policy that a new sandbox installation starts with."""
    return read_policy(
        files("ringfence").joinpath("sandbox_policy.yaml").read_text(encoding="utf-8")
    )
