"""Requirements: what each carrier wants to see before it sells, and before SMS would work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import anyio
from anyio import create_task_group

from ringfence.desk.counter import Desk
from ringfence.errors import ProviderUnavailable, RingfenceError
from ringfence.nouns import Noun
from ringfence.numbers import Capability, NumberType
from ringfence.offers import Buyable, Papers, Provider
from ringfence.policy import PolicyDocument
from ringfence.providers.protocol import CarrierAdapter, Kind, Registration, Requirements

REQUIREMENTS_TIMEOUT_SECONDS = 8.0
"""A carrier that has not answered by then says nothing this time."""
MAX_INSTEAD = 25
"""Kinds that one carrier names in place of what it does not sell; a model needs no atlas."""


class RequirementsWish(Noun):
    """Which kind of number; it shall be able to do all of `capabilities`."""

    country: str
    type: NumberType
    capabilities: tuple[Capability, ...] = ()
    provider: Provider | None = None


@dataclass(frozen=True)
class Paper:
    """Something that a carrier wants to see, and whether it has it from us."""

    papers: Papers
    is_on_file: bool


@dataclass(frozen=True)
class CarrierAnswer:
    """What one carrier wants; where it sells no such numbers `buyable` is None, and `instead` says what it sells."""

    provider: Provider
    buyable: Buyable | None
    papers: tuple[Paper, ...] = ()
    sms: bool | None = None
    """Whether such numbers carry SMS at all; None where nobody says."""
    registrations: tuple[Registration, ...] = ()
    """What SMS waits for."""
    unknown: tuple[str, ...] = ()
    instead: tuple[Kind, ...] = ()
    is_answered: bool = True
    """Whether the carrier was there to be asked, and answered."""


async def check_requirements(
    desk: Desk, principal: str, wish: RequirementsWish
) -> tuple[CarrierAnswer, ...]:
    """Ask the carriers side by side; what one of them cannot say stands in its own `unknown`."""
    rules = await desk.store.read(lambda tx: tx.rules)
    answers: list[CarrierAnswer] = []

    async def ask(carrier: CarrierAdapter) -> None:
        answers.append(await _ask(carrier, wish, rules))

    async with create_task_group() as group:
        for name, carrier in desk.carriers.items():
            if wish.provider in {None, name}:
                group.start_soon(ask, carrier)
    if wish.provider is not None and wish.provider not in desk.carriers:
        answers.append(
            _silent(wish.provider, "This carrier is not connected to this installation.")
        )
    return tuple(sorted(answers, key=lambda answer: answer.provider))


async def _ask(
    carrier: CarrierAdapter, wish: RequirementsWish, rules: PolicyDocument
) -> CarrierAnswer:
    """One carrier's answer, within the time that it may take."""
    try:
        with anyio.fail_after(REQUIREMENTS_TIMEOUT_SECONDS):
            found = await carrier.requirements(wish.country, wish.type, wish.capabilities)
    except (TimeoutError, ProviderUnavailable):
        return _silent(carrier.provider, "The carrier gave no answer; ask again in a little while.")
    except RingfenceError as error:
        return _silent(carrier.provider, error.message)
    return _answer(carrier, wish, rules, found)


def _silent(provider: Provider, why: str) -> CarrierAnswer:
    return CarrierAnswer(provider, Buyable.UNKNOWN, unknown=(why,), is_answered=False)


def _answer(
    carrier: CarrierAdapter, wish: RequirementsWish, rules: PolicyDocument, found: Requirements
) -> CarrierAnswer:
    """What the carrier said; what it never says is unknown, and not absent."""
    if found.buyable is None:
        return CarrierAnswer(
            carrier.provider, None, unknown=found.unknown, instead=found.instead[:MAX_INSTEAD]
        )
    filed = papers_on_file(rules, carrier.provider, Kind(country=wish.country, type=wish.type))
    return CarrierAnswer(
        provider=carrier.provider,
        buyable=found.buyable,
        papers=tuple(Paper(papers, papers in filed) for papers in found.papers),
        sms=found.sms,
        registrations=found.registrations if _is_about_sms(wish) else (),
        unknown=(*found.unknown, *_never_said(carrier, wish, found)),
    )


def _never_said(
    carrier: CarrierAdapter, wish: RequirementsWish, found: Requirements
) -> Iterator[str]:
    if not carrier.abilities.knows_papers:
        yield "This carrier does not say which papers it wants."
    if not _is_about_sms(wish) or found.sms is False:
        return
    if found.sms is None and Capability.SMS not in wish.capabilities:
        yield "Whether these numbers can do sms is not known."
    if not carrier.abilities.knows_registrations:
        yield "This carrier does not say which registrations SMS waits for."
    for registration in found.registrations:
        if registration.days is None:
            yield f"How long it takes is not known: {registration.what}."
        if registration.fees is None:
            yield f"What it costs is not known: {registration.what}."


def _is_about_sms(wish: RequirementsWish) -> bool:
    return not wish.capabilities or Capability.SMS in wish.capabilities


def papers_on_file(rules: PolicyDocument, provider: Provider, kind: Kind) -> frozenset[Papers]:
    """The papers that a person has filed with a carrier for a kind of number.

    Only the policy can say so, since papers are authority; it has no words for them yet, and absent is no.
    """
    return frozenset()
