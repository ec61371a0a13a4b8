"""A policy is read exactly as it is written, or not at all; then the old one stays in force."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from nouns.made_up import BUDGETS, EUROS, NOW, budget, document, money, rules
from ringfence import plain_yaml
from ringfence.errors import ConfigurationError
from ringfence.intents import Level, Op
from ringfence.offers import Provider
from ringfence.policy import (
    REQUIRED_KINDS,
    ExchangeRate,
    PolicyDocument,
    ScopeKind,
    parse_document,
    read_policy,
    sandbox_policy,
)
from ringfence.store.policies import document_hash


def written(**changes: Any) -> str:
    """The made-up policy as somebody would write it."""
    return str(yaml.safe_dump(json.loads(json.dumps(document(**changes)))))  # shares nothing


def refusal(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read_policy(text)
    assert caught.value.remedy == "Correct the policy file; the old policy stays in force."
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 400
    return caught.value.message


# The policy that a sandbox starts with


def test_the_shipped_policy_is_what_the_contract_says() -> None:
    shipped = sandbox_policy().model_dump(mode="json")
    rates = shipped.pop("rates")
    assert shipped == {
        "currency": "USD",
        "approval_minutes": 60,
        "pending_per_requester": 5,
        "levels": {"buy": "client", "release": "client", "assign": "client", "buy_above": []},
        "budgets": [
            {"name": "cash", "scope": "all", "kind": "cash", "window": "month", "zone": "UTC", "limit": "25.00 USD"},
            {"name": "run-rate", "scope": "all", "kind": "run_rate", "limit": "15.00 USD"},
            {"name": "count", "scope": "all", "kind": "count", "limit": 10},
            {"name": "purchases", "scope": "all", "kind": "purchases", "window": "day", "zone": "UTC", "limit": 10},
            {"name": "attempts", "scope": "all", "kind": "attempts", "limit": 20},
            {"name": "per-number", "scope": "all", "kind": "per_number", "setup": "5.00 USD", "monthly": "5.00 USD",
             "first_year": "65.00 USD"},
        ],
        "carriers": [{"provider": "sandbox", "host": "sandbox.invalid", "accounts": "any"}],
        "countries": "any",
        "assistants": [
            {"name": "*", "voice_url": "https://example.com/assistants/{assistant_id}/voice",
             "sms_url": "https://example.com/assistants/{assistant_id}/sms"},
        ],
    }  # fmt: skip
    assert all(rate["target"] == "USD" and rate["haircut_basis_points"] == 500 for rate in rates)


def test_the_shipped_rates_never_grow_stale() -> None:
    for rate in sandbox_policy().rates:
        assert rate.is_fresh(datetime(2099, 1, 1, tzinfo=UTC))
        assert rate.is_fresh(datetime(2000, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("made", [sandbox_policy(), rules()], ids=["shipped", "made up"])
def test_a_policy_can_be_shown_as_yaml_or_json_and_read_again(made: PolicyDocument) -> None:
    plain = made.model_dump(mode="json")
    assert read_policy(yaml.safe_dump(plain)) == made
    assert read_policy(json.dumps(plain)) == made
    assert PolicyDocument.model_validate_json(made.model_dump_json()) == made


# Written strictly


def test_what_is_written_well_is_read() -> None:
    assert read_policy(written()) == rules()


PIECES = ("count", "purchases", "attempts")
BIRD = {"provider": "bird", "host": "api.bird.com"}
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown field": ({"is_unlimited": "yes please"}, "is_unlimited: Extra inputs"),
    "an unknown field inside": ({"budgets": budget("cash", mode="soft")}, "budgets.0.cash.mode"),
    "a missing cap": ({"budgets": budget("cash", limit=None)}, "budgets.0.cash.limit: Field required"),
    "a missing window": ({"budgets": budget("cash", window=None)}, "budgets.0.cash.window"),
    "a missing per-number cap": ({"budgets": budget("per-number", first_year=None)}, "first_year: Field required"),
    "no budgets": ({"budgets": []}, "budgets"),
    "too many budgets": ({"budgets": BUDGETS * 20}, "budgets"),
    "unlimited": ({"budgets": budget("cash", limit="unlimited")}, "budgets.0.cash.limit"),
    "a null cap": ({"budgets": [*BUDGETS, {"name": "c", "kind": "count", "limit": None}]}, "count.limit"),
    "no such kind": ({"budgets": budget("cash", kind="escalate")}, "budgets.0"),
    "no such window": ({"budgets": budget("cash", window="week")}, "budgets.0.cash.window"),
    "money for a count": ({"budgets": budget("count", limit="10.00 USD")}, "budgets.2.count.limit"),
    "a count for money": ({"budgets": budget("cash", limit=25)}, "budgets.0.cash.limit"),
    "text for a count": ({"budgets": budget("count", limit="10")}, "budgets.2.count.limit"),
    "a negative count": ({"budgets": budget("count", limit=-1)}, "budgets.2.count.limit"),
    "a huge count": ({"budgets": budget("count", limit=1_000_001)}, "budgets.2.count.limit"),
    "a number beyond 64 bits": ({"budgets": budget("count", limit=2**70)}, "no plain whole number"),
    "negative money": ({"budgets": budget("cash", limit="-1.00 USD")}, "budgets.0.cash.limit"),
    "huge money": ({"budgets": budget("cash", limit="1000000000000 USD")}, "budgets.0.cash.limit"),
    "bad money": ({"budgets": budget("cash", limit="$25")}, "budgets.0.cash.limit"),
    "gold": ({"budgets": budget("cash", limit="25.00 XAU")}, "no ISO 4217 currency"),
    "a bad currency": ({"currency": "usd"}, "no ISO 4217 currency"),
    "a token as currency": ({"currency": "USDC"}, "no ISO 4217 currency"),
    "a bad zone": ({"budgets": budget("cash", zone="Mars/Olympus")}, "no IANA time zone"),
    "an offset as zone": ({"budgets": budget("cash", zone="+02:00")}, "no IANA time zone"),
    "a path as zone": ({"budgets": budget("cash", zone="../../etc/passwd")}, "no IANA time zone"),
    "a folder as zone": ({"budgets": budget("cash", zone="Europe")}, "no IANA time zone"),
    "an empty zone": ({"budgets": budget("cash", zone="")}, "no IANA time zone"),
    "the machine's zone": ({"budgets": budget("cash", zone="localtime")}, "zone"),
    "a zone with leap seconds": ({"budgets": budget("cash", zone="right/UTC")}, "zone"),
    "a name twice": ({"budgets": [*BUDGETS, BUDGETS[0]]}, "each budget stands once"),
    "a name in capitals": ({"budgets": budget("cash", name="CASH")}, "budgets.0.cash.name"),
    "a name of ours": ({"budgets": budget("cash", name="@renewals")}, "budgets.0.cash.name"),
    "no such level": ({"levels": {"buy": "none", "release": "client", "assign": "client"}}, "levels.buy"),
    "a missing level": ({"levels": {"buy": "client", "release": "client"}}, "levels.assign"),
    "no carriers": ({"carriers": []}, "carriers"),
    "no such carrier": ({"carriers": [{"provider": "acme", "host": "acme.example"}]}, "carriers.0.provider"),
    "a carrier twice": ({"carriers": [BIRD, BIRD | {"host": "other"}]}, "each carrier stands once"),
    "a wildcard for accounts": ({"carriers": [BIRD | {"accounts": "*"}]}, "carriers.0.accounts"),
    "a wildcard for countries": ({"countries": "*"}, "countries"),
    "a wildcard in countries": ({"countries": ["G*"]}, "countries"),
    "a small country": ({"countries": ["us"]}, "countries"),
    "a host that a name could choose": (
        {"assistants": [{"name": "*", "voice_url": "https://{assistant_id}/voice"}]}, "a plain host"
    ),
    "a host that a name could lengthen": (
        {"assistants": [{"name": "*", "sms_url": "https://example.com{assistant_id}/sms"}]}, "a plain host"
    ),
    "a password in an address": (
        {"assistants": [{"name": "a", "voice_url": "https://me:secret@example.com/"}]}, "a plain host"
    ),
    "an unknown placeholder": (
        {"assistants": [{"name": "*", "voice_url": "https://example.com/{assistant}/"}]}, "no braces but"
    ),
    "an assistant twice": ({"assistants": [{"name": "a"}, {"name": "a"}]}, "each assistant stands once"),
    "a pattern in the middle": ({"assistants": [{"name": "a*b"}]}, "assistants.0.name"),
    "another pattern": ({"assistants": [{"name": "a?"}]}, "assistants.0.name"),
    "an assistant without a name": ({"assistants": [{"name": ""}]}, "assistants.0.name"),
    "an insecure address": ({"assistants": [{"name": "a", "voice_url": "http://example.com"}]}, "voice_url"),
    "an address with a space": ({"assistants": [{"name": "a", "sms_url": "https://a b"}]}, "sms_url"),
    "no waiting time": ({"approval_minutes": 0}, "approval_minutes"),
    "too long a wait": ({"approval_minutes": 10_081}, "approval_minutes"),
    "nothing may wait": ({"pending_per_requester": 0}, "pending_per_requester"),
    "a rate twice": ({"rates": [EUROS, EUROS]}, "each exchange rate stands once"),
    "a rate of zero": ({"rates": [EUROS | {"rate": "0.000000"}]}, "above zero"),
    "a negative rate": ({"rates": [EUROS | {"rate": "-1"}]}, "rates.0.rate"),
    "a rate with an exponent": ({"rates": [EUROS | {"rate": "1e2"}]}, "rates.0.rate"),
    "a rate with a comma": ({"rates": [EUROS | {"rate": "1,16"}]}, "rates.0.rate"),
    "a whole rate unquoted": ({"rates": [EUROS | {"rate": 1}]}, "rates.0.rate"),
    "a rate of gold": ({"rates": [EUROS | {"source": "XAU"}]}, "no ISO 4217 currency"),
    "a rate for ever, unsaid": ({"rates": [{k: v for k, v in EUROS.items() if k != "max_age_days"}]}, "max_age_days"),
    "a rate that lasts too long": ({"rates": [EUROS | {"max_age_days": 367}]}, "max_age_days"),
    "a rate without a date": ({"rates": [{k: v for k, v in EUROS.items() if k != "as_of"}]}, "as_of"),
    "a date without a zone": ({"rates": [EUROS | {"as_of": "2026-11-20T00:00:00"}]}, "as_of"),
    "a date without a time": ({"rates": [EUROS | {"as_of": "2026-11-20"}]}, "as_of"),
    "a date as a number": ({"rates": [EUROS | {"as_of": 1_800_000_000}]}, "as_of"),
    "a haircut above the whole": ({"rates": [EUROS | {"haircut_basis_points": 10_001}]}, "haircut"),
    "a negative haircut": ({"rates": [EUROS | {"haircut_basis_points": -1}]}, "haircut"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "says"), WRONG.values(), ids=WRONG.keys())
def test_a_policy_that_is_wrong_anywhere_is_not_read(changes: dict[str, Any], says: str) -> None:
    assert says in refusal(written(**changes))


@pytest.mark.parametrize("field", sorted(document().keys() - {"rates"}))
def test_everything_that_is_authority_must_be_said(field: str) -> None:
    said = {name: value for name, value in document().items() if name != field}
    assert f"{field}: Field required" in refusal(yaml.safe_dump(said))


EDGES: list[dict[str, Any]] = [
    {"approval_minutes": 1},
    {"approval_minutes": 10_080},
    {"pending_per_requester": 1},
    {"pending_per_requester": 1_000},
    {"budgets": [{"name": f"b{n}", "kind": "count", "limit": n} for n in range(100)]},
    *({"budgets": budget(name, limit=n)} for name in PIECES for n in (0, 1_000_000)),
    {"budgets": budget("cash", limit="999999999999.999999 USD")},
    {"rates": [EUROS | {"max_age_days": 1, "haircut_basis_points": 0}]},
    {"rates": [EUROS | {"max_age_days": 366, "haircut_basis_points": 10_000}]},
]


@pytest.mark.parametrize("changes", EDGES, ids=lambda changes: ",".join(changes))
def test_the_bounds_themselves_may_be_said(changes: dict[str, Any]) -> None:
    assert read_policy(written(**changes)) == rules(**changes)


BEYOND: list[dict[str, Any]] = [
    {"pending_per_requester": 1_001},
    {"budgets": [{"name": f"b{n}", "kind": "count", "limit": n} for n in range(101)]},
    *({"budgets": budget(name, limit=1_000_001)} for name in PIECES),
]


@pytest.mark.parametrize("changes", BEYOND, ids=lambda changes: ",".join(changes))
def test_what_is_beyond_a_bound_is_not_read(changes: dict[str, Any]) -> None:
    refusal(written(**changes))


SCOPES = [
    ("all", ScopeKind.ALL, ""),
    ("provider:sandbox", ScopeKind.PROVIDER, "sandbox"),
    ("country:GB", ScopeKind.COUNTRY, "GB"),
    ("type:toll_free", ScopeKind.TYPE, "toll_free"),
    ("assistant:front.desk:2", ScopeKind.ASSISTANT, "front.desk:2"),
    ("requester:local:anna", ScopeKind.REQUESTER, "local:anna"),
    ("mandate:man_01KAMW0000000000000000000A", ScopeKind.MANDATE, "man_01KAMW0000000000000000000A"),
]


@pytest.mark.parametrize(("scope", "kind", "value"), SCOPES)
def test_a_scope_is_all_or_one_exact_value(scope: str, kind: ScopeKind, value: str) -> None:
    [first, *_] = rules(budgets=budget("cash", scope=scope)).budgets
    assert (first.scope_kind, first.scope_value) == (kind, value)


NO_SCOPES = ["", "ALL", "*", "all:", "provider", "provider:", "provider:*", "provider:acme", "provider:Sandbox",
             "country:gb", "country:*", "country:G*", "country:GBR", "type:toll-free", "type:*", "assistant:*",
             "assistant:front*", "assistant:a b", "requester:*", "requester:local:*", "requester:", "mandate:x",
             "account:1", "country:GB ", "country:GB\n", "country:US|GB"]  # fmt: skip


@pytest.mark.parametrize("scope", NO_SCOPES, ids=ascii)
def test_a_scope_that_would_count_nothing_is_refused(scope: str) -> None:
    assert "a scope is `all` or one exact value" in refusal(
        written(budgets=budget("cash", scope=scope))
    )


# What YAML would guess

GUESSES = {
    "a float": ("approval_minutes: 60.0", "takes 60.0 for a float"),
    "a price as a float": ("limit: 1.10", "takes 1.10 for a float"),
    "not a number": ("limit: .nan", "takes .nan for a float"),
    "infinity": ("limit: .inf", "takes .inf for a float"),
    "Norway": ("countries: [SE, NO]", "takes NO for a truth value"),
    "on": ("levels: {buy: on}", "takes on for a truth value"),
    "true": ("countries: true", "takes true for a truth value"),
    "an octal number": ("approval_minutes: 010", "010 is no plain whole number"),
    "a sexagesimal number": ("approval_minutes: 1:30", "1:30 is no plain whole number"),
    "a hexadecimal number": ("approval_minutes: 0x3C", "0x3C is no plain whole number"),
    "a binary number": ("approval_minutes: 0b11", "0b11 is no plain whole number"),
    "grouping": ("approval_minutes: 1_000", "1_000 is no plain whole number"),
    "a plus": ("approval_minutes: +5", "+5 is no plain whole number"),
    "5 000 digits": ("approval_minutes: " + "9" * 5_000, "is no plain whole number"),
    "a duplicate key": ("currency: USD\ncurrency: EUR", "a key stands twice"),
    "a duplicate key inside": ("levels: {buy: page, buy: client}", "a key stands twice"),
    "a key spelt twice": ('currency: USD\n"currency": EUR', "a key stands twice"),
    "a number as key": ("1: USD", "keys are text"),
    "a list as key": ("? [a]\n: b", "keys are text"),
    "null as key": ("~: USD", "keys are text"),
    "a merge": ("<<: {currency: USD}", "takes << for a merge"),
    "an alias": ("a: &a [1]\nb: *a", "an alias is not followed"),
    "an object of Python": ("a: !!python/object/apply:os.system [ls]", "is not read"),
    "a set": ("a: !!set {b}", "is not read"),
    "bytes": ("a: !!binary aGk=", "takes aGk= for a binary"),
    "a tag of one's own": ("a: !money 5", "write it in quotes"),
    "two documents": ("a: b\n---\na: c", "single document"),
    "no document": ("", "Input should be an object"),
    "a list": ("- a", "Input should be an object"),
    "a word": ("unlimited", "Input should be an object"),
    "half a document": ("{a: [", "The policy cannot be read"),
    "a control character": ("a: \x00", "special characters"),
    "a lone surrogate": ('currency: "\\ud800"', "The policy cannot be read"),
}


@pytest.mark.parametrize(("text", "says"), GUESSES.values(), ids=GUESSES.keys())
def test_nothing_is_guessed(text: str, says: str) -> None:
    assert says in refusal(text)


def test_a_date_is_text_until_the_policy_reads_it() -> None:
    text = written(rates=[EUROS]).replace("'2026-11-20T00:00:00Z'", "2026-11-20T00:00:00Z")
    assert "as_of: 2026" in text
    assert read_policy(text) == rules()


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)
LONGEST = plain_yaml.MAX_CHARACTERS
HEAVY = {
    "aliases that stand for a thousand million words": (BOMB, "an alias is not followed"),
    "an alias of itself": ("&a [*a]", "an alias is not followed"),
    "a deep nest of lists": ("[" * 2_000, "nested too deep"),
    "a deep nest of maps": ("{a: " * 5_000, "nested too deep"),
    "a long text": ("#".ljust(LONGEST + 1, "x"), f"at most {LONGEST} are read"),
}


@pytest.mark.parametrize(("text", "says"), HEAVY.values(), ids=HEAVY.keys())
def test_a_policy_that_is_made_to_be_heavy_is_refused_in_no_time(text: str, says: str) -> None:
    began = time.process_time()
    assert says in refusal(text)
    assert time.process_time() - began < 20  # seconds; read in full, some would take days


def test_a_long_policy_is_still_read() -> None:
    assert read_policy(written().ljust(LONGEST, "#")) == rules()


@given(st.text(max_size=200) | st.from_regex(r"[a-z]{1,4}: [\[{&*!0-9._:a-zA-Z'\"-]{0,20}"))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        value = plain_yaml.read(text)
    except plain_yaml.BadYaml:
        return
    assert json.loads(json.dumps(value)) == value


def test_plain_values_are_checked_as_strictly_as_text() -> None:
    for changes in ({"approval_minutes": 60.0}, {"approval_minutes": True}, {"countries": None}):
        with pytest.raises(ValidationError):
            parse_document(document(**changes))


# Exchange rates


def euros(**changes: Any) -> ExchangeRate:
    [rate] = rules(rates=[EUROS | changes]).rates
    return rate


AS_OF = datetime(2026, 11, 20, tzinfo=UTC)
AGES = [
    (timedelta(0), True),
    (timedelta(days=7), True),
    (timedelta(days=7, microseconds=1), False),
    (timedelta(days=400), False),
    (timedelta(microseconds=-1), False),
    (timedelta(days=-400), False),
]


@pytest.mark.parametrize(("age", "is_fresh"), AGES)
def test_a_rate_is_good_from_its_day_until_it_is_stale(age: timedelta, is_fresh: bool) -> None:
    assert euros().is_fresh(AS_OF + age) is is_fresh
    found = rules().convert(money("1.00 EUR"), "USD", AS_OF + age)
    assert (found is not None) is is_fresh


def test_a_rate_from_the_far_future_is_not_fresh_until_then() -> None:
    assert not euros(as_of="9999-12-31T23:59:59Z", max_age_days=366).is_fresh(NOW)


def test_a_rate_that_never_grows_stale_is_good_at_any_time() -> None:
    assert euros(max_age_days=None).is_fresh(NOW + timedelta(days=3650))


def test_a_rate_in_another_zone_is_the_same_moment() -> None:
    assert not euros(as_of="2026-11-20T00:00:00-08:00").is_fresh(AS_OF)
    assert euros(as_of="2026-11-20T00:00:00+08:00").is_fresh(AS_OF)


def test_five_per_cent_are_added_unless_the_person_says_otherwise() -> None:
    assert euros().haircut_basis_points == 500
    assert rules().convert(money("1.00 EUR"), "USD", NOW) == money("1.218 USD")


def test_a_rate_works_in_one_direction_and_none_is_derived() -> None:
    dollars = EUROS | {"source": "USD", "target": "GBP"}
    made = rules(rates=[EUROS, dollars])
    assert made.convert(money("1.00 USD"), "EUR", NOW) is None
    assert made.convert(money("1.00 EUR"), "GBP", NOW) is None
    assert made.convert(money("1.00 CHF"), "USD", NOW) is None


def test_what_needs_no_conversion_is_not_converted() -> None:
    assert rules(rates=[]).convert(money("1.00 USD"), "USD", NOW) == money("1.00 USD")


# Who may be given numbers, and who may be paid

NAMES = ["*", "front*", "front-desk*", "front-desk-1", "night"]
MATCHES = [
    ("front-desk-1", "front-desk-1"),
    ("front-desk-2", "front-desk*"),
    ("front-desk", "front-desk*"),
    ("frontier", "front*"),
    ("frond", "*"),
    ("night", "night"),
    ("night-2", "*"),
    ("Night", "*"),
]


@pytest.mark.parametrize(("assistant_id", "name"), MATCHES)
@pytest.mark.parametrize("names", [NAMES, NAMES[::-1]], ids=["written", "reversed"])
def test_an_assistant_s_own_entry_comes_before_a_pattern_and_a_longer_pattern_first(
    assistant_id: str, name: str, names: list[str]
) -> None:
    entry = rules(assistants=[{"name": n} for n in names]).assistant(assistant_id)
    assert entry is not None
    assert entry.name == name


def test_without_an_entry_an_assistant_is_unknown() -> None:
    made = rules(assistants=[{"name": "front*"}, {"name": "night"}])
    assert made.assistant("day") is None
    assert made.assistant("nightly") is None
    assert rules(assistants=[]).assistant("night") is None


def test_the_longest_name_that_an_assistant_can_have_can_be_registered() -> None:
    longest = "a" * 64
    assert rules(assistants=[{"name": longest}]).assistant(longest) is not None
    assert rules(assistants=[{"name": f"{'a' * 63}*"}]).assistant(longest) is not None
    with pytest.raises(ValidationError):
        rules(assistants=[{"name": "a" * 65}])


def test_a_carrier_that_is_not_named_is_not_allowed() -> None:
    found = rules().carrier(Provider.SANDBOX)
    assert found is not None
    assert found.host == "sandbox.invalid"
    assert rules().carrier(Provider.TWILIO) is None


def test_each_operation_has_its_own_level() -> None:
    levels = rules(levels={"buy": "passkey", "release": "page", "assign": "client"}).levels
    assert [levels.needed(op) for op in Op] == [Level.PASSKEY, Level.PAGE, Level.CLIENT]


def test_zero_is_a_limit_and_the_required_kinds_are_the_four_that_bound_spending() -> None:
    zeros = [
        {"name": "none", "kind": "count", "limit": 0},
        {"name": "nil", "kind": "run_rate", "limit": "0 USD"},
    ]
    assert len(rules(budgets=zeros).budgets) == 2
    assert [kind.value for kind in REQUIRED_KINDS] == ["cash", "run_rate", "count", "attempts"]


# Where the approval page is besides this machine


@pytest.mark.parametrize(
    "url",
    [
        "https://approve.example.com",
        "https://a.b",
        "https://box.tail1234.ts.net",
        "https://approve.example.com:8443",
        "https://xn--bcher-kva.example",
    ],
)
def test_the_page_for_phones_has_an_https_origin(url: str) -> None:
    approvals = read_policy(written(approvals={"public_url": url})).approvals
    assert approvals is not None
    assert (approvals.public_url, approvals.host) == (url, url.removeprefix("https://"))


@pytest.mark.parametrize(
    "url",
    [
        "http://approve.example.com",
        "approve.example.com",
        "//approve.example.com",
        "HTTPS://approve.example.com",
        "https://Approve.example.com",
        "https://approve.example.com/",
        "https://approve.example.com/page",
        "https://approve.example.com?x",
        "https://approve.example.com#x",
        "https://user@approve.example.com",
        "https://user:word@approve.example.com",
        "https://approve.example.com:443",
        "https://approve.example.com:0",
        "https://approve.example.com:08443",
        "https://approve.example.com:65536",
        "https://approve.example.com:",
        "https://approve.example.com.",
        "https://approve..example.com",
        "https://-approve.example.com",
        "https://approve_it.example.com",
        "https://approve.example.com\n",
        "https://approve.example.com evil.example",
        "https://*.example.com",
        "https://b\u00fccher.example",
        "https://localhost",
        "https://localhost:7415",
        "https://page.localhost",
        "https://localhost.",
        "https://box",
        "https://127.0.0.1",
        "https://127.1",
        "https://192.168.1.10:8443",
        "https://10.0.0.0x1",
        "https://[::1]",
        f"https://{'a' * 64}.example",
        f"https://{'a.' * 130}example",
        "",
    ],
)
def test_an_address_that_is_no_plain_https_host_is_refused(url: str) -> None:
    assert "approvals.public_url: " in refusal(written(approvals={"public_url": url}))


def test_the_section_has_its_address_and_nothing_else() -> None:
    assert "approvals.public_url" in refusal(written(approvals={}))
    more = {"public_url": "https://approve.example.com", "trusted": "all"}
    assert "approvals.trusted" in refusal(written(approvals=more))


def test_a_policy_without_the_section_is_stored_as_it_was_before_there_was_one() -> None:
    """Its hash was signed, and must stay what it was."""
    assert "approvals" not in sandbox_policy().model_dump_json()
    assert document_hash(sandbox_policy()) == (
        "e3eb2de9ac41654251616c819d382b60738d3f0bf4d4093166b4297963ab3af3"
    )
