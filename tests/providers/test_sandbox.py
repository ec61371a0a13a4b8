"""The sandbox adapter's own: its outcome table, its deadline, its slowness, a file that fails."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from providers.contract import OTHER_TAG, TAG, Buyer, buyers
from providers.sandbox_rig import SandboxRig
from ringfence.errors import ConfigurationError, ProviderRefused, ProviderUnavailable, error_class
from ringfence.inventory import Readiness, Ready, Routing
from ringfence.numbers import Capability
from ringfence.offers import Buyable, Papers, PriceSource
from ringfence.outcomes import Captured, NotSent, Pending, Refused, Unclear, Unknown
from ringfence.providers.protocol import CarrierAdapter, SearchQuery
from ringfence.providers.sandbox import REFUSALS, refusal
from ringfence.sandbox import books
from ringfence.sandbox.carrier import Carrier
from ringfence.sandbox.faults import Fault
from ringfence.sandbox.trouble import CarrierError
from ringfence.ticket import mint_grant


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SandboxRig]:
    with closing(SandboxRig(tmp_path)) as rig:
        yield rig


@pytest.fixture
async def buyer(rig: SandboxRig) -> Buyer:
    [first] = await buyers(rig, 1)
    return first


def test_it_is_an_adapter_with_a_fixed_name_and_an_account_told_by_the_seed(
    rig: SandboxRig, tmp_path: Path
) -> None:
    adapter: CarrierAdapter = rig.adapter
    other = type(rig.adapter)(Carrier(tmp_path / "other.db", rig.clock, seed=2))
    assert (adapter.host, adapter.account) == ("sandbox.invalid", "sandbox-f851ae73")
    assert other.account not in {adapter.account, rig.carrier.account_id}


async def test_san_francisco_sells_twenty_numbers_that_call_and_text(rig: SandboxRig) -> None:
    wanted = SearchQuery(
        country="US", area_code="415", capabilities=(Capability.VOICE, Capability.SMS), limit=50
    )
    page = await rig.adapter.search(wanted)
    assert (len(page.stock), page.next_offset) == (20, None)
    assert {stock.place for stock in page.stock} == {"San Francisco, CA"}
    assert {stock.buyable for stock in page.stock} == {Buyable.NOW}


async def test_an_unpriced_number_is_listed_last_and_says_so(rig: SandboxRig) -> None:
    page = await rig.adapter.search(SearchQuery(country="GB", limit=50))
    assert page.next_offset == 50
    rest = await rig.adapter.search(SearchQuery(country="GB", limit=50), offset=50)
    assert [stock.price_source for stock in rest.stock][-2:] == [PriceSource.API, PriceSource.NONE]
    assert rest.stock[-1].price is None


async def test_the_places_where_mobiles_are_sold_have_no_names(rig: SandboxRig) -> None:
    mobile = SearchQuery.model_validate({"country": "AU", "type": "mobile"}, strict=False)
    in_melbourne = mobile.model_copy(update={"locality": "Melbourne"})
    assert (await rig.adapter.search(in_melbourne)).stock == ()
    assert len((await rig.adapter.search(mobile)).stock) == 5


# The outcome table.


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (SearchQuery(country="DE"), "papers_missing"),
        (SearchQuery(country="US", area_code="882"), "provider_refused"),
        (SearchQuery(country="GB", contains="3069990990"), "price_unknown"),
    ],
)
async def test_a_definite_no_is_refused_by_our_own_code(
    rig: SandboxRig, query: SearchQuery, code: str
) -> None:
    [stock, *_] = (await rig.adapter.search(query)).stock
    outcome = await Buyer(rig, stock).buy()
    assert isinstance(outcome, Refused)
    assert outcome.code == code
    assert rig.charges() == []


def test_every_refusal_in_the_table_has_an_error_of_ours() -> None:
    assert all(error_class(kind.code) is kind for kind in REFUSALS.values())


@pytest.mark.parametrize(
    "answer", [(500, "server_error"), (503, "unavailable"), (404, "not_found"), (418, "teapot")]
)
def test_an_answer_that_is_in_no_table_is_unknown(answer: tuple[int, str]) -> None:
    assert isinstance(refusal(CarrierError(*answer)), Unknown)


async def test_papers_that_nobody_knows_of_do_not_stop_a_purchase(rig: SandboxRig) -> None:
    [stock, *_] = (await rig.adapter.search(SearchQuery(country="KE"))).stock
    assert (stock.papers, stock.buyable) == (Papers.UNKNOWN, Buyable.UNKNOWN)
    assert isinstance(await Buyer(rig, stock).buy(), Captured)


@pytest.mark.parametrize(("fault", "found"), [(None, Captured), (Fault.PENDING, Pending)])
async def test_a_no_because_we_own_it_already_is_read_before_it_is_believed(
    rig: SandboxRig, buyer: Buyer, fault: Fault | None, found: type
) -> None:
    if fault:
        rig.strike(fault)
    await buyer.buy()
    assert isinstance(await buyer.buy(), found)
    assert len(rig.carrier.orders()) == 1


@pytest.mark.parametrize("fault", [None, Fault.PENDING])
async def test_a_number_that_another_line_of_ours_bought_is_gone(
    rig: SandboxRig, buyer: Buyer, fault: Fault | None
) -> None:
    if fault:
        rig.strike(fault)
    await buyer.buy(OTHER_TAG)
    outcome = await buyer.buy()
    assert isinstance(outcome, Refused)
    assert outcome.code == "number_gone"


async def test_a_request_of_another_account_sends_nothing(rig: SandboxRig, buyer: Buyer) -> None:
    request = rig.adapter.prepare(buyer.terms(account="sandbox-00000000"), tag=TAG)
    assert isinstance(await rig.adapter.buy(buyer.ticket(request), request), NotSent)
    assert rig.purchases_seen() == 0


async def test_a_stock_id_that_brings_another_number_is_unknown(rig: SandboxRig) -> None:
    one, two = await buyers(rig, 2)
    request = rig.adapter.prepare(one.terms(stock_id=two.stock.stock_id), tag=TAG)
    assert isinstance(await rig.adapter.buy(one.ticket(request), request), Unknown)


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'{"number": 1}'])
async def test_a_body_that_cannot_be_read_once_the_ticket_is_used_is_unknown(
    rig: SandboxRig, buyer: Buyer, body: bytes
) -> None:
    request = replace(buyer.request(), body=body)
    assert isinstance(await rig.adapter.buy(buyer.ticket(request), request), Unknown)
    assert rig.charges() == []


async def test_a_body_that_has_no_hash_sends_nothing(rig: SandboxRig, buyer: Buyer) -> None:
    request = buyer.request()
    outcome = await rig.adapter.buy(buyer.ticket(request), replace(request, body=b"\xff"))
    assert isinstance(outcome, NotSent)


# Slowness and the deadline.


async def test_a_slow_call_takes_a_second_and_a_half_longer_and_still_works(
    rig: SandboxRig, buyer: Buyer
) -> None:
    rig.strike(Fault.SLOW)
    rig.strike(Fault.SLOW)
    assert await rig.adapter.quote(buyer.stock.stock_id) is not None
    assert isinstance(await buyer.buy(), Captured)
    assert await rig.adapter.owned()
    assert rig.slept == [1.5, 1.5]


async def test_a_purchase_that_cannot_be_begun_in_time_is_never_begun(
    rig: SandboxRig, buyer: Buyer
) -> None:
    """Else its charge could show up after the quarantine, when the hold has been freed."""

    async def sleep_long(seconds: float) -> None:
        rig.clock.advance(seconds=rig.adapter.abilities.read_timeout_seconds)

    adapter = type(rig.adapter)(rig.carrier, sleep=sleep_long)
    request = buyer.request()
    rig.strike(Fault.SLOW)
    assert isinstance(await adapter.buy(buyer.ticket(request), request), Unknown)
    assert (rig.purchases_seen(), rig.charges()) == (1, [])


# Owned numbers.


async def test_what_we_own_says_whether_it_works_and_when_it_renews(
    rig: SandboxRig, buyer: Buyer
) -> None:
    await buyer.buy()
    [owned] = await rig.adapter.owned()
    assert owned.readiness == Readiness(
        voice=Ready.READY,
        sms=Ready.BLOCKED,
        whatsapp=Ready.UNKNOWN,
        blockers=("10DLC registration is needed before this number can send SMS to US numbers.",),
    )
    assert owned.bought_at == rig.clock.now()
    assert owned.renews_at is not None
    assert (owned.renews_at - owned.bought_at) == timedelta(days=30)  # 22 November to December


@pytest.mark.parametrize(
    ("query", "voice", "sms", "whatsapp"),
    [
        (SearchQuery(country="US", area_code="702"), Ready.READY, Ready.NO, Ready.NO),
        (SearchQuery(country="CA", area_code="416"), Ready.READY, Ready.READY, Ready.UNKNOWN),
        (SearchQuery(country="SE", area_code="08"), Ready.READY, Ready.NO, Ready.UNKNOWN),
        (SearchQuery(country="KE"), Ready.READY, Ready.UNKNOWN, Ready.UNKNOWN),
    ],
)
async def test_readiness_follows_from_country_type_and_capabilities(
    rig: SandboxRig, query: SearchQuery, voice: Ready, sms: Ready, whatsapp: Ready
) -> None:
    [stock, *_] = (await rig.adapter.search(query)).stock
    await Buyer(rig, stock).buy()
    [owned] = await rig.adapter.owned()
    assert owned.readiness == Readiness(voice=voice, sms=sms, whatsapp=whatsapp)


async def test_the_carrier_s_own_clock_counts(rig: SandboxRig, buyer: Buyer) -> None:
    rig.carrier.advance(timedelta(minutes=31))
    quote = await rig.adapter.quote(buyer.stock.stock_id)
    assert quote is not None
    assert quote.quoted_at == rig.clock.now() + timedelta(minutes=31)


# Trouble.


async def test_a_number_that_is_not_kept_for_anybody_is_refused(rig: SandboxRig) -> None:
    [stock, *_] = (await rig.adapter.search(SearchQuery(country="US", area_code="404"))).stock
    assert not stock.reservable
    with pytest.raises(ProviderRefused):
        await rig.adapter.reserve(stock.stock_id)


async def test_a_number_that_is_not_ours_is_not_configured(rig: SandboxRig, buyer: Buyer) -> None:
    grant = mint_grant(number_id="num_1", number=buyer.stock.number, assistant_id=None)
    with pytest.raises(ProviderRefused):
        await rig.adapter.configure(grant, "N-000009", Routing())


async def test_a_locked_file_is_unavailable_to_free_calls_and_unknown_to_a_purchase(
    rig: SandboxRig, buyer: Buyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "BUSY_SECONDS", 0)
    rig.carrier.close()
    with closing(sqlite3.connect(rig.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ProviderUnavailable):
            await rig.adapter.search(rig.query)
        assert isinstance(await buyer.buy(), Unknown)
        assert isinstance(await rig.adapter.find_purchase(buyer.line(), tag=TAG), Unclear)


async def test_a_damaged_file_is_a_matter_of_configuration_and_makes_a_purchase_unknown(
    rig: SandboxRig, buyer: Buyer
) -> None:
    rig.carrier.close()
    rig.path.write_text("dear diary, " * 1000)
    with pytest.raises(ConfigurationError):
        await rig.adapter.search(rig.query)
    assert isinstance(await buyer.buy(), Unknown)
    assert isinstance(await rig.adapter.find_purchase(buyer.line(), tag=TAG), Unclear)
