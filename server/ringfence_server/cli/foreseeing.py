"""`policy test`: what a purchase would meet, before anybody asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from ringfence.desk.foreseeing import Foreseen, Imagined, foresee
from ringfence.errors import InvalidArguments, RingfenceError
from ringfence.guard.card import spelt
from ringfence.guard.decision import Decision, refusal
from ringfence.intents import WEAK_LEVELS, Level
from ringfence.money import Money
from ringfence.numbers import NumberType
from ringfence.offers import Price, Provider
from ringfence.policy import read_policy
from ringfence_server.cli.at_work import person, premises
from ringfence_server.cli.exits import Exit
from ringfence_server.cli.output import Json, filled, show
from ringfence_server.cli.policy import policy_text
from ringfence_server.cli.remedies import for_person
from ringfence_tools.refusal import read_violation

_WEAK = {
    Level.CLIENT: "the assistant's own question to its person is enough",
    Level.PAGE: "anybody at the page or the terminal can give it",
}


def foresee_purchase(
    offer: Annotated[
        str | None, typer.Argument(metavar="[OFFER]", help="An offer's id (off_…), as it is.")
    ] = None,
    *,
    country: Annotated[str | None, typer.Option(help="Two letters, such as US.")] = None,
    type_: Annotated[NumberType, typer.Option("--type", help="The kind.")] = NumberType.LOCAL,
    provider: Annotated[Provider, typer.Option(help="Who sells it.")] = Provider.SANDBOX,
    setup: Annotated[str | None, typer.Option(help='Once, such as "1.00 USD"; else 0.')] = None,
    monthly: Annotated[str | None, typer.Option(help='A month, such as "1.15 USD".')] = None,
    count: Annotated[int, typer.Option(help="How many in one purchase.")] = 1,
    assistant: Annotated[str | None, typer.Option(help="For whom.")] = None,
    requester: Annotated[str | None, typer.Option(help="Who asks; else you.")] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="A policy in YAML, as if it were in force.")
    ] = None,
    as_json: Json = False,
) -> Exit:
    """Say what a purchase would meet: each rule against it, and the consent that it would need.

    Of an offer, or of numbers that nobody has looked for yet. Nothing is asked for, held or written down.
    """
    if (offer is None) == (country is None):
        raise InvalidArguments(
            "It is about an offer, or about numbers in a country: give one of the two.",
            remedy='ringfence policy test --country US --monthly "1.15 USD"',
        )
    what: Imagined | str = offer or Imagined(
        provider, _country(country or ""), type_, _price(setup, monthly), count
    )
    rules = read_policy(policy_text(policy)) if policy else None
    with premises() as opened:
        foreseen = foresee(
            opened.desk,
            what,
            principal=requester or person(),
            assistant_id=assistant,
            rules=rules,
        )
    show(_document(foreseen), "\n".join(_told(foreseen)), as_json=as_json)
    return Exit.DONE if foreseen.is_allowed else Exit.REFUSED


def _country(country: str) -> str:
    code = country.upper()
    if len(code) != 2 or not code.isascii() or not code.isalpha():  # ISO 3166-1
        raise InvalidArguments(
            f"{country[:20]!r} is no country.", remedy="Give its two letters, such as US."
        )
    return code


def _price(setup: str | None, monthly: str | None) -> Price | None:
    """The price; none where nobody says what a month costs, since set-up alone is no price."""
    if monthly is None:
        if setup is not None:
            raise InvalidArguments("--setup without --monthly is no price.", remedy="Give both.")
        return None
    try:
        each = Money.parse(monthly)
        return Price(setup=Money.parse(setup) if setup else Money.zero(each.currency), monthly=each)
    except ValueError as error:
        raise InvalidArguments(
            "--setup and --monthly are no price.",
            remedy='Write both in one currency, such as "1.15 USD".',
        ) from error


def _refusals(foreseen: Foreseen) -> Iterator[tuple[dict[str, Any], RingfenceError]]:
    """Everything against it, the worst first, each with its own way out; what several numbers meet is said once."""
    for violation in dict.fromkeys(foreseen.decision.violations):
        yield (
            violation.model_dump(),
            refusal(Decision(violations=(violation,), level=foreseen.level)),
        )
    for error in foreseen.obstacles:
        yield {"rule": error.code}, error


def _who(foreseen: Foreseen) -> str:
    if foreseen.level in WEAK_LEVELS:
        return _WEAK[foreseen.level]
    found = foreseen.ways
    if found.lack is not None:
        return f"nobody can give it now, for {found.lack.says}: {found.lack.remedy}"
    names = ", ".join(found.people)
    if foreseen.level is Level.TWO_PEOPLE:
        return f"two of {names} can give it, one with a passkey"
    places = [
        *(["on the page with a passkey"] if found.on_page else []),
        *(["in a terminal with a passphrase"] if found.in_terminal else []),
    ]
    return f"{names} can give it, {' or '.join(places)}"


def _told(foreseen: Foreseen) -> Iterator[str]:
    version = foreseen.policy_version
    under = f"version {version} of the policy" if version else "this policy, were it in force"
    totals = foreseen.totals
    yield f"{'ALLOWED' if foreseen.is_allowed else 'REFUSED'} under {under}."
    if totals.now is not None:
        yield f"It costs {totals.now} now, {totals.monthly} a month, {totals.first_year} a first year."
    said = ""
    for violation, error in _refusals(foreseen):
        remedy = for_person(error.remedy)
        if said and remedy != said:
            yield filled(f"  {said}", indent=2)
        said = remedy  # once, below everything that it mends
        yield spelt(read_violation(violation))
        yield filled(f"  {spelt(error.message)}", indent=2)
    if said:
        yield filled(f"  {said}", indent=2)
    yield filled(f"It would need consent at level {foreseen.level}: {_who(foreseen)}.")


def _document(foreseen: Foreseen) -> dict[str, Any]:
    totals = foreseen.totals
    return {
        "allowed": foreseen.is_allowed,
        "policy_version": foreseen.policy_version,
        "now": totals.now and str(totals.now),
        "monthly": totals.monthly and str(totals.monthly),
        "first_year": totals.first_year and str(totals.first_year),
        "violations": [
            {**violation, "message": error.message, "remedy": for_person(error.remedy)}
            for violation, error in _refusals(foreseen)
        ],
        "level": foreseen.level.value,
        "people": list(foreseen.ways.people),
    }
