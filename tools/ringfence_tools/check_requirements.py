"""check_requirements: which papers and registrations a kind of number needs, at every connected carrier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ringfence.desk import requirements
from ringfence.desk.requirements import CarrierAnswer, RequirementsWish
from ringfence.numbers import NumberType
from ringfence.offers import Buyable, Provider
from ringfence.providers.protocol import Fee, Kind, Registration
from ringfence_tools.operation import Arguments, Call, Operation, Part, Result
from ringfence_tools.printing import named, reading, words
from ringfence_tools.texts import only_listed
from ringfence_tools.vocabulary import Capabilities, CountryCode, MoneyText, Omittable, TypeOnSale

NOT_SOLD: Literal["not_sold"] = "not_sold"
NO_SMS = "none: these numbers carry no SMS"


class CheckArguments(Arguments):
    """Which kind of number."""

    country: CountryCode
    type: TypeOnSale
    capabilities: Capabilities = ()
    provider: Omittable[Provider] = None


class PaperDocument(Part):
    """Something that the carrier wants to see before it sells."""

    name: str
    on_file: bool


class FeeDocument(Part):
    """What a registration costs, besides the number."""

    amount: MoneyText
    due: Literal["once", "monthly"]


class MessagingDocument(Part):
    """What SMS waits for; days are business days at most, and what is not known is left out."""

    what: str
    days: int | None = None
    fees: tuple[FeeDocument, ...] | None = None


class CarrierDocument(Part):
    """What one carrier wants; `sold_instead` only where it sells no such numbers."""

    provider: Provider
    buyable: Literal["now", "after_papers", "back_order", "unknown", "not_sold"]
    papers: tuple[PaperDocument, ...]
    messaging: tuple[MessagingDocument, ...]
    unknown: tuple[str, ...]
    sold_instead: tuple[str, ...] | None = None


class CheckResult(Result):
    """One entry a carrier."""

    carriers: tuple[CarrierDocument, ...]


async def run(call: Call, arguments: CheckArguments) -> CheckResult:
    """Ask the carriers and show what they want."""
    wish = RequirementsWish(
        country=arguments.country,
        type=NumberType(arguments.type),
        capabilities=arguments.capabilities,
        provider=arguments.provider,
    )
    answers = await requirements.check_requirements(call.desk, call.principal, wish)
    return CheckResult(
        carriers=tuple(_carrier(answer, wish) for answer in answers),
        simulated=call.is_simulated(a.provider for a in answers if a.is_answered),
        next_step=only_listed(_next_step(answers), call.surface.tools),
    )


def _carrier(answer: CarrierAnswer, wish: RequirementsWish) -> CarrierDocument:
    is_sold = answer.buyable is not None
    return CarrierDocument(
        provider=answer.provider,
        buyable=answer.buyable.value if answer.buyable else NOT_SOLD,
        papers=tuple(
            PaperDocument(name=each.papers.value, on_file=each.is_on_file) for each in answer.papers
        ),
        messaging=_messaging(answer, wish),
        unknown=answer.unknown,
        sold_instead=None if is_sold else tuple(map(_kind, answer.instead)),
    )


def _messaging(answer: CarrierAnswer, wish: RequirementsWish) -> tuple[MessagingDocument, ...]:
    if answer.sms is False and not wish.capabilities:
        return (MessagingDocument(what=NO_SMS),)
    return tuple(map(_registration, answer.registrations))


def _registration(needed: Registration) -> MessagingDocument:
    fees = None if needed.fees is None else tuple(map(_fee, needed.fees))
    return MessagingDocument(what=needed.what, days=needed.days, fees=fees)


def _fee(fee: Fee) -> FeeDocument:
    return FeeDocument(amount=str(fee.amount), due="monthly" if fee.is_monthly else "once")


def _kind(kind: Kind) -> str:
    return f"{kind.country} {kind.type}"


def _next_step(answers: Sequence[CarrierAnswer]) -> str:
    heard = [answer for answer in answers if answer.is_answered]
    sold = [answer for answer in heard if answer.buyable is not None]
    if not heard:
        return "No carrier answered. Tell the person what unknown says; the same call may find more later."
    if not sold:
        return (
            "No carrier that answered sells such numbers. "
            "Tell the person what sold_instead says and ask what would do."
        )
    if any(map(_is_free_to_buy, sold)):
        return (
            "Nothing stands in the way of buying one. "
            "Before you promise SMS, tell the person what messaging and unknown say. "
            "To see numbers with prices, call search_numbers."
        )
    if any(answer.buyable is Buyable.UNKNOWN for answer in sold):
        return (
            "Tell the person what unknown says. "
            "Such a number may be bought, but the carrier may still refuse or ask for papers."
        )
    if any(answer.buyable is Buyable.AFTER_PAPERS for answer in sold):
        return (
            "Tell the person which papers are missing: only they can file them. "
            "Do not try to buy before they are on file."
        )
    return "None can be bought now. Tell the person and ask what else would do."


def _is_free_to_buy(answer: CarrierAnswer) -> bool:
    has_papers = all(each.is_on_file for each in answer.papers)
    return answer.buyable is Buyable.NOW or (
        answer.buyable is Buyable.AFTER_PAPERS and bool(answer.papers) and has_papers
    )


def read(result: CheckResult) -> str:
    """Each carrier with what it wants, then what nobody knows."""
    lines = [line for carrier in result.carriers for line in _read_carrier(carrier)]
    return reading(result, *(lines or ["No carrier is connected."]))


def _read_carrier(carrier: CarrierDocument) -> list[str]:
    if carrier.buyable == NOT_SOLD:
        return [f"- {carrier.provider}: sells none. {_read_instead(carrier.sold_instead or ())}"]
    papers = [
        f"{each.name} ({'on file' if each.on_file else 'missing'})" for each in carrier.papers
    ]
    needed = f"papers: {', '.join(papers)}" if papers else "no papers that it names"
    return [
        f"- {carrier.provider}: buyable {words(carrier.buyable)}; {needed}.",
        *(f"  SMS: {_read_messaging(each)}." for each in carrier.messaging),
        *(f"  Not known: {each}" for each in carrier.unknown),
    ]


def _read_instead(kinds: Sequence[str]) -> str:
    return f"It sells {named(kinds)}." if kinds else "It names nothing else."


def _read_messaging(entry: MessagingDocument) -> str:
    days = f"up to {entry.days} business days" if entry.days is not None else None
    fees = [
        f"{fee.amount} {'a month' if fee.due == 'monthly' else 'once'}" for fee in entry.fees or ()
    ]
    return ", ".join(filter(None, [entry.what, days, *fees]))


OPERATION = Operation(
    name="check_requirements",
    title="Check papers and registrations",
    description=(
        "Says which papers or registrations a kind of number needs, which are on file, and what SMS "
        "waits for. Costs nothing. Call before buying outside US/CA or promising SMS. "
        "To see numbers with prices, use search_numbers. "
        "For a number that we own, use list_numbers."
    ),
    arguments=CheckArguments,
    result=CheckResult,
    run=run,
    read=read,
    scopes=frozenset({"numbers:read"}),
    is_read_only=True,
)
