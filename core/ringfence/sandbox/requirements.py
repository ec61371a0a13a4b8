"""What the carrier wants before it sells a kind of number, read off its own stock and its rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ringfence.numbers import Capability, NumberType
from ringfence.offers import Buyable, Papers
from ringfence.sandbox.registrations import SMS_REGISTRATIONS, SmsRegistration
from ringfence.sandbox.stock import Item

BEST_FIRST = (Buyable.NOW, Buyable.UNKNOWN, Buyable.AFTER_PAPERS, Buyable.BACK_ORDER)
"""What serves a buyer better comes first; an answer about a kind is about the best of it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the carrier says about one kind of number; `buyable` is None where it sells none."""

    buyable: Buyable | None
    papers: tuple[Papers, ...] = ()
    registration: SmsRegistration | None = None
    """What SMS waits for."""
    is_sold_out: bool = False
    """The kind is sold, but nothing of it is on sale now."""
    sms: bool | None = None
    """Whether numbers of the kind carry SMS, the best of them; None where the carrier does not know."""
    unsure: tuple[Capability, ...] = ()
    """Capabilities that were asked for and that the carrier cannot promise."""
    instead: tuple[tuple[str, NumberType], ...] = ()
    """Where it sells none: other types of the country, else other countries that have the type."""


def terms_of(
    stock: Sequence[Item],
    on_sale: Sequence[Item],
    *,
    country: str,
    type_: NumberType,
    capabilities: Sequence[Capability],
) -> Terms:
    """The terms for a kind of number that can do all of `capabilities`.

    `stock` is everything that the carrier has ever sold, `on_sale` what it could sell now.
    """
    able = [item for item in stock if _may(item, capabilities)]
    kind = [item for item in able if (item.country, item.type) == (country, type_)]
    if not kind:
        return Terms(None, instead=_instead(able, country, type_))
    left = {item.stock_id for item in on_sale}
    sure = [item for item in kind if not _unsure(item, capabilities)] or kind
    ready = [item for item in sure if item.stock_id in left]
    best = min((item.buyable for item in ready), key=BEST_FIRST.index, default=Buyable.BACK_ORDER)
    like = [item for item in ready if item.buyable is best] or sure
    sms = _best([_can(item, Capability.SMS) for item in kind])
    return Terms(
        buyable=best,
        papers=_papers(like),
        registration=None if sms is False else SMS_REGISTRATIONS.get((country, type_)),
        is_sold_out=not ready,
        sms=sms,
        unsure=_unsure(sure[0], capabilities),
    )


def _can(item: Item, capability: Capability) -> bool | None:
    """Whether a number has a capability in at least one direction; None where nobody knows."""
    ability = next(each for each in item.abilities if each.capability is capability)
    if ability.inbound or ability.outbound:
        return True
    return None if ability.inbound is None or ability.outbound is None else False


def _may(item: Item, capabilities: Sequence[Capability]) -> bool:
    return all(_can(item, capability) is not False for capability in capabilities)


def _unsure(item: Item, capabilities: Sequence[Capability]) -> tuple[Capability, ...]:
    return tuple(capability for capability in capabilities if _can(item, capability) is None)


def _best(answers: Sequence[bool | None]) -> bool | None:
    return True if True in answers else None if None in answers else False


def _papers(items: Iterable[Item]) -> tuple[Papers, ...]:
    """Everything that one or another of these asks for, so that whoever brings it all can buy each."""
    asked = {item.papers for item in items} - {Papers.NONE}
    return tuple(papers for papers in Papers if papers in asked)


def _instead(
    items: Iterable[Item], country: str, type_: NumberType
) -> tuple[tuple[str, NumberType], ...]:
    sold = {(item.country, item.type) for item in items}
    here = [kind for kind in sorted(sold) if kind[0] == country]
    return tuple(here or [kind for kind in sorted(sold) if kind[1] is type_])
