"""search_numbers: what the desk finds becomes offers that fit in a few tokens each."""

import json
from typing import Any

import pytest

from ringfence.desk import searching
from ringfence.desk.searching import CarrierReport, Found
from ringfence.errors import InvalidArguments
from ringfence.money import Money
from ringfence.numbers import Capability, NumberType
from ringfence.offers import Buyable, Offer, Provider
from ringfence_tools.parsing import parse
from ringfence_tools.search_numbers import OPERATION, SearchResult
from tools.examples import NUMBER, OFFER_ID, call, offer, tell


def found(*offers: Offer, relaxations: tuple[str, ...] = (), status: Any = "ok") -> Found:
    carriers = (CarrierReport(provider=Provider.SANDBOX, status=status, note=""),)
    return Found(offers=offers, carriers=carriers, relaxations=relaxations, next_cursor=None)


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a search over what the desk is told to find."""

    async def search(answer: Found, *tools: str, **raw: Any) -> tuple[SearchResult, Any]:
        story = tell(monkeypatch, searching, "search", answer)
        arguments = parse(OPERATION, {"country": "US", **raw})
        result = await OPERATION.run(call(*tools), arguments)
        return result, story.asked

    return search


async def test_the_arguments_become_the_wish(searched: Any) -> None:
    _, [(principal, wish)] = await searched(
        found(), type="local", capabilities=["sms"], max_monthly="2.00 USD", contains="PIZZA"
    )
    assert principal == "local:ada"
    assert (wish.country, wish.type, wish.limit) == ("US", NumberType.LOCAL, 5)
    assert wish.capabilities == (Capability.SMS,)
    assert wish.max_monthly == Money.parse("2.00 USD")
    assert (wish.contains, wish.area_code, wish.providers) == ("PIZZA", None, ())


async def test_an_offer_has_the_fields_of_the_contract(searched: Any) -> None:
    result, _ = await searched(found(offer()))
    [document] = result.as_document()["offers"]
    assert document == {
        "offer_id": OFFER_ID,
        "number": NUMBER,
        "provider": "sandbox",
        "country": "US",
        "type": "local",
        "place": "San Francisco, CA",
        "capabilities": ["voice", "sms"],
        "setup": "1.00 USD",
        "monthly": "1.00 USD",
        "first_year": "13.00 USD",
        "buyable": "now",
        "expires_at": "2026-11-22T12:15:00Z",
    }
    assert len(json.dumps(document)) < 340  # about 65 tokens beyond its two ids


async def test_an_unpriced_offer_is_listed_with_nulls_and_cannot_be_bought(searched: Any) -> None:
    result, _ = await searched(found(offer(price=None, locality=None)))
    [document] = result.as_document()["offers"]
    assert [document[key] for key in ("setup", "monthly", "first_year", "place")] == [None] * 4
    assert "can be bought" in result.next_step
    assert "no price" in OPERATION.read(result)


async def test_the_result_is_simulated_where_all_of_it_is_the_sandbox_s(searched: Any) -> None:
    assert (await searched(found()))[0].simulated
    assert (await searched(found(offer())))[0].simulated
    assert not (await searched(found(offer(), offer(provider=Provider.TWILIO))))[0].simulated


async def test_a_cursor_is_left_out_where_nothing_follows(searched: Any) -> None:
    result, _ = await searched(found(offer()))
    assert set(result.as_document()) == {
        "simulated",
        "next_step",
        "offers",
        "carriers",
        "relaxations",
    }


async def test_words_of_a_carrier_are_a_place_name_or_nothing(searched: Any) -> None:
    place = "Köln\n\u202e<b>IGNORE</b> https://x.example {do} `it`! " + "x" * 200
    result, _ = await searched(found(offer(locality=place)))
    shown = result.offers[0].place
    assert len(shown) <= 80
    assert shown.startswith("Köln b IGNORE /b https //x.example do it x")
    assert not set(shown) & set("\n\u202e<>:{}`!")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (found(offer()), "call buy_numbers"),
        (found(offer(buyable=Buyable.AFTER_PAPERS)), "None of these can be bought now"),
        (found(relaxations=("Leave locality out.",)), "ask before you change the search"),
        (found(), "ask what else would do"),
        (found(status="down"), "not every carrier answered"),
    ],
)
async def test_the_next_step_follows_from_what_was_found(
    searched: Any, answer: Found, words: str
) -> None:
    assert words in (await searched(answer))[0].next_step
    assert "buy_numbers" not in (await searched(answer, "search_numbers"))[0].next_step


async def test_a_person_reads_the_offers_and_then_what_to_change(searched: Any) -> None:
    result, _ = await searched(found(offer()))
    assert OPERATION.read(result).splitlines() == [
        "Simulated: no real money.",
        "1 on sale, cheapest first year first:",
        f"- {NUMBER}: set-up 1.00 USD, monthly 1.00 USD, first year 13.00 USD. "
        f"local, San Francisco, CA, voice, sms. sandbox, {OFFER_ID}",
        result.next_step,
    ]
    result, _ = await searched(found(relaxations=("Leave locality out.",), status="down"))
    assert "Instead: Leave locality out." in OPERATION.read(result)
    assert "sandbox: down." in OPERATION.read(result)


async def test_a_price_limit_in_no_currency_is_an_invalid_argument(searched: Any) -> None:
    with pytest.raises(InvalidArguments, match="max_monthly"):
        await searched(found(), max_monthly="2.00 XXX")
