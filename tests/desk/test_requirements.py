"""Requirements: every carrier says for itself what it wants, and what nobody says is unknown rather than absent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from house import ME, House
from ringfence.desk import Desk, requirements
from ringfence.desk.requirements import CarrierAnswer, RequirementsWish, check_requirements
from ringfence.errors import BadCredentials, ProviderUnavailable, RateLimited
from ringfence.numbers import Capability, NumberType
from ringfence.offers import Buyable, Papers, Provider
from ringfence.providers.protocol import CarrierAbilities, Kind, Requirements
from ringfence.providers.sandbox import ABILITIES, SandboxAdapter
from ringfence.sandbox.carrier import Carrier
from ringfence.sandbox.faults import Fault
from ringfence.sandbox.trouble import CarrierError

Answer = Requirements | Exception | None


class OtherCarrier(SandboxAdapter):
    """Another company over a file of its own, which answers as told, or never."""

    def __init__(self, carrier: Carrier, provider: Provider, answer: Answer) -> None:
        super().__init__(carrier)
        self.provider: Provider = provider
        self.answer = answer
        self.told: CarrierAbilities = ABILITIES

    @property
    def abilities(self) -> CarrierAbilities:  # type: ignore[override]  # the sandbox's are fixed
        return self.told

    async def requirements(
        self, country: str, type_: NumberType, capabilities: Sequence[Capability]
    ) -> Requirements:
        if self.answer is None:
            await anyio.sleep_forever()
        if isinstance(self.answer, Exception):
            raise self.answer
        assert self.answer is not None
        return self.answer


@pytest.fixture
def carrier(house: House, tmp_path: Path) -> Iterator[Carrier]:
    with closing(Carrier(tmp_path / "other.db", house.clock)) as carrier:
        yield carrier


def beside(house: House, *others: SandboxAdapter) -> Desk:
    """The desk, connected to these carriers too."""
    carriers = {**house.desk.carriers, **{other.provider: other for other in others}}
    return replace(house.desk, carriers=carriers)


async def checked(desk: Desk, country: str, type_: str, **wish: object) -> list[CarrierAnswer]:
    asked = RequirementsWish(country=country, type=NumberType(type_), **wish)  # type: ignore[arg-type]  # a test's own words
    return list(await check_requirements(desk, ME, asked))


@pytest.mark.parametrize(
    ("country", "type_", "buyable", "papers"),
    [
        ("US", "local", Buyable.NOW, []),
        ("US", "toll_free", Buyable.NOW, []),
        ("FR", "local", Buyable.AFTER_PAPERS, [Papers.ADDRESS]),
        ("GB", "mobile", Buyable.AFTER_PAPERS, [Papers.BUNDLE]),
        ("JP", "local", Buyable.AFTER_PAPERS, [Papers.BUSINESS]),
        ("SE", "mobile", Buyable.BACK_ORDER, []),
        ("FR", "mobile", Buyable.BACK_ORDER, [Papers.BUNDLE]),
        ("KE", "national", Buyable.UNKNOWN, []),
    ],
)
async def test_a_carrier_says_what_it_wants_to_see_and_none_of_it_is_on_file(
    house: House, country: str, type_: str, buyable: Buyable, papers: list[Papers]
) -> None:
    [answer] = await checked(house.desk, country, type_)
    assert (answer.provider, answer.buyable) == (Provider.SANDBOX, buyable)
    assert [paper.papers for paper in answer.papers] == papers
    assert not any(paper.is_on_file for paper in answer.papers)
    assert ("Whether papers are needed is not known." in answer.unknown) == (country == "KE")


@pytest.mark.parametrize(
    ("country", "type_", "sms", "waits_for", "days", "fees"),
    [
        ("US", "local", True, "10DLC", 7, ["4.00 USD", "10.00 USD"]),
        ("US", "toll_free", True, "toll-free verification", 15, None),
        ("CA", "toll_free", True, "toll-free verification", 15, None),
        ("AU", "mobile", True, "registration of the sender", None, None),
        ("GB", "mobile", True, "registration of the sender", None, None),
        ("IE", "mobile", True, None, None, None),
        ("CA", "local", True, None, None, None),
        ("GB", "local", False, None, None, None),
        ("KE", "national", None, None, None, None),
    ],
)
async def test_sms_waits_for_what_the_rule_of_country_and_type_says(
    house: House,
    country: str,
    type_: str,
    sms: bool | None,
    waits_for: str | None,
    days: int | None,
    fees: list[str] | None,
) -> None:
    [answer] = await checked(house.desk, country, type_)
    assert answer.sms is sms
    assert len(answer.registrations) == (waits_for is not None)
    for needed in answer.registrations:
        assert waits_for is not None
        assert waits_for in needed.what
        assert needed.days == days
        assert fees == (None if needed.fees is None else [str(fee.amount) for fee in needed.fees])
        told = " ".join(answer.unknown)
        assert ("How long it takes" in told) == (days is None)
        assert ("What it costs" in told) == (fees is None)


async def test_a_number_is_blocked_by_exactly_what_was_said_before_it_was_bought(
    house: House,
) -> None:
    for country, area_code in (("US", "415"), ("CA", "416"), ("GB", "161")):
        [offer] = await house.find(country=country, area_code=area_code)
        [answer] = await checked(house.desk, offer.stock.country, offer.stock.type.value)
        await house.buy(offer)
        owned = next(o for o in await house.adapter.owned() if o.number == offer.stock.number)
        assert len(owned.readiness.blockers) == len(answer.registrations)


async def test_who_does_not_ask_for_sms_is_not_told_what_it_waits_for(house: House) -> None:
    [answer] = await checked(house.desk, "US", "local", capabilities=(Capability.VOICE,))
    assert (answer.registrations, answer.unknown) == ((), ())
    [answer] = await checked(
        house.desk, "US", "local", capabilities=(Capability.VOICE, Capability.SMS)
    )
    assert len(answer.registrations) == 1


async def test_what_a_number_may_be_able_to_do_is_unknown_and_not_a_no(house: House) -> None:
    [answer] = await checked(house.desk, "US", "local", capabilities=(Capability.WHATSAPP,))
    assert answer.buyable is Buyable.NOW
    assert answer.unknown == ("Whether these numbers can do whatsapp is not known.",)


@pytest.mark.parametrize(
    ("country", "type_", "capabilities", "instead"),
    [
        ("US", "mobile", (), ["US local", "US toll_free"]),
        ("GB", "local", (Capability.SMS,), ["GB mobile"]),
        ("ES", "toll_free", (), ["AU toll_free", "CA toll_free", "GB toll_free", "US toll_free"]),
        ("ES", "toll_free", (Capability.MMS,), []),
    ],
)
async def test_what_nobody_sells_is_an_answer_that_says_what_is_sold(
    house: House,
    country: str,
    type_: str,
    capabilities: tuple[Capability, ...],
    instead: list[str],
) -> None:
    [answer] = await checked(house.desk, country, type_, capabilities=capabilities)
    assert (answer.buyable, answer.papers, answer.registrations) == (None, (), ())
    assert [f"{kind.country} {kind.type}" for kind in answer.instead] == instead


async def test_a_kind_that_is_sold_out_is_still_a_kind(house: House) -> None:
    [last] = await house.find(country="IS", contains="2001944")
    house.carrier.add_fault(Fault.GONE)
    with pytest.raises(CarrierError):
        house.carrier.buy(last.stock.stock_id, tag="too late")
    [answer] = await checked(house.desk, "IS", "national")
    assert answer.buyable is Buyable.BACK_ORDER
    assert answer.unknown[0].startswith("None is on sale at this moment")


async def test_carriers_answer_side_by_side_and_each_fails_alone(
    house: House, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requirements, "REQUIREMENTS_TIMEOUT_SECONDS", 0.05)
    told = Requirements(buyable=Buyable.AFTER_PAPERS, papers=(Papers.ADDRESS,), sms=True)
    desk = beside(
        house,
        OtherCarrier(carrier, Provider.TWILIO, told),
        OtherCarrier(carrier, Provider.TELNYX, None),
        OtherCarrier(carrier, Provider.BIRD, ProviderUnavailable("HTTP 503 secret")),
        OtherCarrier(carrier, Provider.BURKI, RateLimited("Burki answered with HTTP 429.")),
        OtherCarrier(carrier, Provider.MESSAGEMEDIA, BadCredentials("The key was refused.")),
    )
    with anyio.fail_after(5):
        answers = {a.provider: a for a in await checked(desk, "US", "local")}
    assert list(answers) == sorted(answers)
    assert answers[Provider.SANDBOX].buyable is Buyable.NOW
    assert answers[Provider.TWILIO].buyable is Buyable.AFTER_PAPERS
    for silent in (Provider.TELNYX, Provider.BIRD, Provider.BURKI, Provider.MESSAGEMEDIA):
        assert (answers[silent].buyable, answers[silent].is_answered) == (Buyable.UNKNOWN, False)
        assert len(answers[silent].unknown) == 1
    assert "gave no answer" in answers[Provider.TELNYX].unknown[0]
    assert "secret" not in answers[Provider.BIRD].unknown[0]
    assert answers[Provider.MESSAGEMEDIA].unknown == ("The key was refused.",)


async def test_one_carrier_alone_can_be_asked(house: House, carrier: Carrier) -> None:
    desk = beside(house, OtherCarrier(carrier, Provider.TWILIO, AssertionError("not asked")))
    [answer] = await checked(desk, "US", "local", provider=Provider.SANDBOX)
    assert answer.provider is Provider.SANDBOX
    [answer] = await checked(desk, "US", "local", provider=Provider.BIRD)
    assert (answer.provider, answer.is_answered) == (Provider.BIRD, False)
    assert "not connected" in answer.unknown[0]


async def test_what_a_carrier_never_says_is_unknown(house: House, carrier: Carrier) -> None:
    """Two of the five carriers name no papers: that is not the same as wanting none."""
    other = OtherCarrier(carrier, Provider.BURKI, Requirements(buyable=Buyable.UNKNOWN))
    other.told = ABILITIES.model_copy(update={"knows_papers": False, "knows_registrations": False})
    [answer] = await checked(beside(house, other), "US", "local", provider=Provider.BURKI)
    assert answer.is_answered
    assert answer.unknown == (
        "This carrier does not say which papers it wants.",
        "Whether these numbers can do sms is not known.",
        "This carrier does not say which registrations SMS waits for.",
    )


async def test_what_is_sold_instead_is_bounded(house: House, carrier: Carrier) -> None:
    everywhere = tuple(
        Kind(country=f"{a}{b}", type=NumberType.LOCAL) for a in "ABCDEF" for b in "XYZUVW"
    )
    other = OtherCarrier(carrier, Provider.TWILIO, Requirements(buyable=None, instead=everywhere))
    [answer] = await checked(beside(house, other), "ES", "local", provider=Provider.TWILIO)
    assert len(answer.instead) == requirements.MAX_INSTEAD < len(everywhere)


async def test_asking_costs_nothing_and_changes_nothing(house: House) -> None:
    before = house.carrier.statement()
    await checked(house.desk, "US", "local")
    assert house.carrier.statement() == before
    assert house.charged() == []
