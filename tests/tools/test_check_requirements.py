"""check_requirements: what the carriers want becomes facts that a model can tell a person."""

from typing import Any

import pytest

from ringfence.desk import requirements
from ringfence.desk.requirements import CarrierAnswer, Paper, RequirementsWish
from ringfence.money import Money
from ringfence.numbers import Capability, NumberType
from ringfence.offers import Buyable, Papers, Provider
from ringfence.providers.protocol import Fee, Kind, Registration
from ringfence_tools.check_requirements import OPERATION
from ringfence_tools.parsing import parse
from tools.examples import call, tell

DLC = Registration(
    what="10DLC registration",
    days=7,
    fees=(
        Fee(amount=Money.parse("4.00 USD"), is_monthly=False),
        Fee(amount=Money.parse("10.00 USD"), is_monthly=True),
    ),
)
FREE = CarrierAnswer(Provider.SANDBOX, Buyable.NOW, sms=True, registrations=(DLC,))
PAPERS = CarrierAnswer(
    Provider.TWILIO,
    Buyable.AFTER_PAPERS,
    papers=(Paper(Papers.ADDRESS, is_on_file=True), Paper(Papers.BUNDLE, is_on_file=False)),
    sms=True,
    registrations=(Registration(what="registration of the sender", days=None, fees=None),),
    unknown=("How long it takes is not known.",),
)
NOT_SOLD = CarrierAnswer(
    Provider.SANDBOX, None, instead=(Kind(country="US", type=NumberType.TOLL_FREE),)
)
SILENT = CarrierAnswer(Provider.BIRD, Buyable.UNKNOWN, unknown=("No answer.",), is_answered=False)
LATER = CarrierAnswer(Provider.SANDBOX, Buyable.BACK_ORDER)
MAYBE = CarrierAnswer(Provider.SANDBOX, Buyable.UNKNOWN, unknown=("Whether papers are needed.",))


async def checked(
    monkeypatch: pytest.MonkeyPatch,
    *answers: CarrierAnswer,
    tools: tuple[str, ...] = (),
    **raw: Any,
) -> tuple[Any, RequirementsWish]:
    story = tell(monkeypatch, requirements, "check_requirements", answers)
    arguments = parse(OPERATION, {"country": "US", "type": "local", **raw})
    result = await OPERATION.run(call(*tools), arguments)
    [(_, wish)] = story.asked
    return result, wish


async def test_the_arguments_become_the_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    _, wish = await checked(monkeypatch, FREE, capabilities=["sms"], provider="sandbox")
    assert wish == RequirementsWish(
        country="US",
        type=NumberType.LOCAL,
        capabilities=(Capability.SMS,),
        provider=Provider.SANDBOX,
    )
    _, wish = await checked(monkeypatch, FREE)
    assert (wish.capabilities, wish.provider) == ((), None)


async def test_a_carrier_has_the_fields_of_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = await checked(monkeypatch, FREE, PAPERS)
    assert result.as_document()["carriers"] == [
        {
            "provider": "sandbox",
            "buyable": "now",
            "papers": [],
            "messaging": [
                {
                    "what": "10DLC registration",
                    "days": 7,
                    "fees": [
                        {"amount": "4.00 USD", "due": "once"},
                        {"amount": "10.00 USD", "due": "monthly"},
                    ],
                }
            ],
            "unknown": [],
        },
        {
            "provider": "twilio",
            "buyable": "after_papers",
            "papers": [{"name": "address", "on_file": True}, {"name": "bundle", "on_file": False}],
            "messaging": [{"what": "registration of the sender"}],
            "unknown": ["How long it takes is not known."],
        },
    ]


async def test_what_is_not_sold_says_so_and_what_is(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = await checked(monkeypatch, NOT_SOLD)
    [carrier] = result.as_document()["carriers"]
    assert (carrier["buyable"], carrier["sold_instead"]) == ("not_sold", ["US toll_free"])
    assert "sold_instead" in result.next_step
    assert "sells none. It sells US toll_free." in OPERATION.read(result)


async def test_numbers_without_sms_say_so_unless_something_else_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mute = CarrierAnswer(Provider.SANDBOX, Buyable.NOW, sms=False)
    result, _ = await checked(monkeypatch, mute)
    assert result.as_document()["carriers"][0]["messaging"] == [
        {"what": "none: these numbers carry no SMS"}
    ]
    result, _ = await checked(monkeypatch, mute, capabilities=["voice"])
    assert result.as_document()["carriers"][0]["messaging"] == []


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ((FREE,), "Nothing stands in the way"),
        ((PAPERS, FREE), "Nothing stands in the way"),
        ((PAPERS,), "which papers are missing"),
        ((MAYBE,), "may be bought, but the carrier may still refuse"),
        ((LATER,), "None can be bought now"),
        ((NOT_SOLD, SILENT), "No carrier that answered sells such numbers"),
        ((SILENT,), "No carrier answered"),
        ((), "No carrier answered"),
    ],
)
async def test_the_next_step_follows_from_the_best_answer(
    monkeypatch: pytest.MonkeyPatch, answers: tuple[CarrierAnswer, ...], words: str
) -> None:
    result, _ = await checked(monkeypatch, *answers)
    assert words in result.next_step
    alone, _ = await checked(monkeypatch, *answers, tools=("check_requirements",))
    assert "search_numbers" not in alone.next_step


async def test_papers_on_file_stand_in_nobodys_way(monkeypatch: pytest.MonkeyPatch) -> None:
    filed = CarrierAnswer(
        Provider.SANDBOX, Buyable.AFTER_PAPERS, papers=(Paper(Papers.ADDRESS, is_on_file=True),)
    )
    result, _ = await checked(monkeypatch, filed)
    assert "Nothing stands in the way" in result.next_step


async def test_who_was_not_heard_makes_nothing_real(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await checked(monkeypatch, FREE, SILENT))[0].simulated
    assert (await checked(monkeypatch, SILENT))[0].simulated
    assert not (await checked(monkeypatch, FREE, PAPERS))[0].simulated


async def test_a_person_reads_papers_then_sms_then_what_nobody_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result, _ = await checked(monkeypatch, FREE, PAPERS)
    assert OPERATION.read(result).splitlines() == [
        "- sandbox: buyable now; no papers that it names.",
        "  SMS: 10DLC registration, up to 7 business days, 4.00 USD once, 10.00 USD a month.",
        "- twilio: buyable after papers; papers: address (on file), bundle (missing).",
        "  SMS: registration of the sender.",
        "  Not known: How long it takes is not known.",
        result.next_step,
    ]
