"""One suite for every carrier adapter: what the guard may rely on, whoever the carrier is."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from providers.contract import OTHER_TAG, TAG, Buyer, Owner, Rig, buyers, owners
from providers.sandbox_rig import SandboxRig
from ringfence.inventory import Ready, Routing
from ringfence.offers import Papers
from ringfence.outcomes import (
    Absent,
    Ambiguous,
    Captured,
    NotSent,
    Outcome,
    Pending,
    Refused,
    Released,
    Unclear,
    Unknown,
)
from ringfence.providers.protocol import MAX_PAGE
from ringfence.sandbox.faults import Fault
from ringfence.ticket import TicketRefused, mint_grant

RIGS: dict[str, Callable[[Path], SandboxRig]] = {"sandbox": SandboxRig}


@pytest.fixture(params=RIGS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with closing(RIGS[request.param](tmp_path)) as rig:
        yield rig


@pytest.fixture
async def buyer(rig: Rig) -> Buyer:
    [first] = await buyers(rig, 1)
    return first


# Looking.


async def test_a_search_gives_the_cheapest_first_year_first(rig: Rig) -> None:
    page = await rig.adapter.search(rig.query)
    years = [stock.price.first_year.micros for stock in page.stock if stock.price]
    assert len(years) >= 6
    assert years == sorted(years)


async def test_pages_follow_on_each_other_without_a_gap(rig: Rig) -> None:
    whole = await rig.adapter.search(rig.query)
    seen: list[str] = []
    offset: int | None = 0
    while offset is not None and len(seen) <= MAX_PAGE:
        page = await rig.adapter.search(rig.query.model_copy(update={"limit": 3}), offset=offset)
        assert len(page.stock) <= 3
        seen += [stock.stock_id for stock in page.stock]
        offset = page.next_offset
    assert seen[: len(whole.stock)] == [stock.stock_id for stock in whole.stock]


async def test_no_page_is_longer_than_the_bound(rig: Rig) -> None:
    everything = rig.query.model_copy(update={"area_code": None, "limit": 1000})
    assert len((await rig.adapter.search(everything)).stock) <= MAX_PAGE


async def test_stock_names_the_carrier_and_the_account_that_would_pay(rig: Rig) -> None:
    page = await rig.adapter.search(rig.query)
    names = {(stock.provider, stock.account) for stock in page.stock}
    assert names == {(rig.adapter.provider, rig.adapter.account)}
    assert rig.adapter.account.startswith(f"{rig.adapter.provider}-")


async def test_a_quote_repeats_the_price_that_was_shown(rig: Rig, buyer: Buyer) -> None:
    quote = await rig.adapter.quote(buyer.stock.stock_id)
    assert quote is not None
    assert (quote.stock_id, quote.number) == (buyer.stock.stock_id, buyer.stock.number)
    assert quote.price == buyer.stock.price
    assert quote.quoted_at == rig.clock.now()


async def test_a_quote_shows_that_the_price_has_moved(rig: Rig, buyer: Buyer) -> None:
    rig.strike(Fault.PRICE_MOVED)
    quote = await rig.adapter.quote(buyer.stock.stock_id)
    assert quote is not None
    assert quote.price is not None
    assert buyer.stock.price is not None
    assert not quote.price.is_no_dearer_than(buyer.stock.price)


async def test_there_is_no_quote_for_what_is_not_on_sale(rig: Rig) -> None:
    assert await rig.adapter.quote("no-such-stock") is None


async def test_what_can_be_bought_now_needs_no_papers(rig: Rig, buyer: Buyer) -> None:
    stock = buyer.stock
    told = await rig.adapter.requirements(stock.country, stock.type, stock.capabilities)
    assert (told.buyable, told.papers) == (stock.buyable, ())
    assert told.instead == ()
    assert rig.charges() == []


async def test_a_kind_that_is_not_sold_is_answered_with_what_is(rig: Rig, buyer: Buyer) -> None:
    told = await rig.adapter.requirements("ZZ", buyer.stock.type, ())
    assert (told.buyable, told.papers, told.registrations) == (None, (), ())
    for kind in told.instead:
        assert (await rig.adapter.requirements(kind.country, kind.type, ())).buyable is not None


async def test_an_adapter_answers_only_what_it_declares_to_know(rig: Rig, buyer: Buyer) -> None:
    told = await rig.adapter.requirements(buyer.stock.country, buyer.stock.type, ())
    if not rig.adapter.abilities.knows_papers:
        assert told.papers == ()
    if not rig.adapter.abilities.knows_registrations:
        assert told.registrations == ()
    assert Papers.NONE not in told.papers
    assert Papers.UNKNOWN not in told.papers


async def test_what_sms_waits_for_blocks_it_once_the_number_is_ours(rig: Rig, buyer: Buyer) -> None:
    told = await rig.adapter.requirements(buyer.stock.country, buyer.stock.type, ())
    outcome = await buyer.buy()
    assert isinstance(outcome, Captured)
    assert bool(told.registrations) == (outcome.owned.readiness.sms is Ready.BLOCKED)


async def test_a_hold_is_extended_under_its_own_id_and_given_back_once(
    rig: Rig, buyer: Buyer
) -> None:
    if not rig.adapter.abilities.can_reserve:
        pytest.skip("this carrier keeps no numbers")
    first = await rig.adapter.reserve(buyer.stock.stock_id)
    rig.clock.advance(minutes=10)
    again = await rig.adapter.reserve(buyer.stock.stock_id)
    assert first is not None
    assert again is not None
    assert (again.hold_id, again.number) == (first.hold_id, buyer.stock.number)
    assert again.expires_at > first.expires_at
    if rig.adapter.abilities.can_cancel_reservation:
        assert await rig.adapter.cancel_reservation(again.hold_id)
        assert not await rig.adapter.cancel_reservation(again.hold_id)
    assert rig.charges() == []


async def test_nothing_is_reserved_that_is_not_on_sale(rig: Rig) -> None:
    assert await rig.adapter.reserve("no-such-stock") is None


def test_the_quarantine_outlasts_ticket_and_read_time_out(rig: Rig) -> None:
    abilities = rig.adapter.abilities
    lasting = abilities.ticket_life_seconds + abilities.read_timeout_seconds
    assert abilities.quarantine_seconds > lasting


# Buying.


async def test_a_request_is_a_pure_function_of_the_line_and_its_tag(buyer: Buyer) -> None:
    assert buyer.request() == buyer.request()
    assert buyer.request().host == buyer.rig.adapter.host
    assert buyer.request().hash != buyer.request(OTHER_TAG).hash


async def test_a_purchase_is_captured_under_our_tag_and_charged_once(
    rig: Rig, buyer: Buyer
) -> None:
    outcome = await buyer.buy()
    assert isinstance(outcome, Captured)
    owned, stock = outcome.owned, buyer.stock
    assert (owned.number, owned.tag) == (stock.number, TAG)
    assert (owned.provider, owned.account) == (stock.provider, stock.account)
    assert (owned.country, owned.type, owned.capabilities) == (
        stock.country,
        stock.type,
        stock.capabilities,
    )
    assert stock.price is not None
    assert owned.monthly == stock.price.monthly
    assert owned.routing.is_empty
    assert rig.charges() == [stock.number]
    assert await rig.adapter.owned() == [owned]
    assert await rig.adapter.read_number(owned.carrier_ref) == owned
    assert await rig.adapter.quote(stock.stock_id) is None


async def test_a_used_ticket_sends_nothing(rig: Rig, buyer: Buyer) -> None:
    request = buyer.request()
    ticket = buyer.ticket(request)
    assert isinstance(await rig.adapter.buy(ticket, request), Captured)
    assert isinstance(await rig.adapter.buy(ticket, request), NotSent)
    assert (rig.purchases_seen(), len(rig.charges())) == (1, 1)


async def test_a_dead_ticket_sends_nothing(rig: Rig, buyer: Buyer) -> None:
    request = buyer.request()
    ticket = buyer.ticket(request)
    rig.clock.advance(seconds=rig.adapter.abilities.ticket_life_seconds)
    assert isinstance(await rig.adapter.buy(ticket, request), NotSent)
    assert rig.purchases_seen() == 0


async def test_a_ticket_for_another_host_sends_nothing(rig: Rig, buyer: Buyer) -> None:
    request = buyer.request()
    ticket = buyer.ticket(request, host="elsewhere.invalid")
    assert isinstance(await rig.adapter.buy(ticket, request), NotSent)
    assert rig.purchases_seen() == 0


async def test_a_ticket_for_another_request_sends_nothing(rig: Rig) -> None:
    one, two = await buyers(rig, 2)
    assert isinstance(await rig.adapter.buy(one.ticket(one.request()), two.request()), NotSent)
    assert rig.purchases_seen() == 0


async def test_a_request_to_another_host_sends_nothing(rig: Rig, buyer: Buyer) -> None:
    request = rig.adapter.prepare(buyer.terms(host="elsewhere.invalid"), tag=TAG)
    assert isinstance(await rig.adapter.buy(buyer.ticket(request), request), NotSent)
    assert rig.purchases_seen() == 0


OUTCOMES: list[tuple[Fault, type[Outcome], int]] = [
    (Fault.GONE, Refused, 0),
    (Fault.TIMEOUT_BEFORE_CHARGE, Unknown, 0),
    (Fault.TIMEOUT_AFTER_CHARGE, Unknown, 1),
    (Fault.RATE_LIMITED, NotSent, 0),
    (Fault.SERVER_ERROR, Unknown, 0),
]


@pytest.mark.parametrize(("fault", "outcome", "charges"), OUTCOMES)
async def test_what_goes_wrong_is_an_outcome_and_never_an_exception(
    rig: Rig, buyer: Buyer, fault: Fault, outcome: type[Outcome], charges: int
) -> None:
    rig.strike(fault)
    assert isinstance(await buyer.buy(), outcome)
    assert (rig.purchases_seen(), len(rig.charges())) == (1, charges)


async def test_a_number_that_is_gone_is_refused_by_our_own_code(rig: Rig, buyer: Buyer) -> None:
    rig.strike(Fault.GONE)
    outcome = await buyer.buy()
    assert isinstance(outcome, Refused)
    assert outcome.code == "number_gone"
    assert await rig.adapter.quote(buyer.stock.stock_id) is None


async def test_what_was_rate_limited_can_be_sent_again(rig: Rig, buyer: Buyer) -> None:
    rig.strike(Fault.RATE_LIMITED)
    await buyer.buy()
    assert isinstance(await buyer.buy(), Captured)
    assert rig.charges() == [buyer.stock.number]


# Looking whether it was bought.


async def test_a_purchase_that_was_charged_unanswered_is_found(rig: Rig, buyer: Buyer) -> None:
    rig.strike(Fault.TIMEOUT_AFTER_CHARGE)
    await buyer.buy()
    look = await rig.adapter.find_purchase(buyer.line(), tag=TAG)
    assert isinstance(look, Captured)
    assert (look.owned.number, look.owned.tag) == (buyer.stock.number, TAG)
    assert rig.charges() == [buyer.stock.number]


@pytest.mark.parametrize("fault", [Fault.TIMEOUT_BEFORE_CHARGE, Fault.SERVER_ERROR])
async def test_a_purchase_that_never_was_is_absent(rig: Rig, buyer: Buyer, fault: Fault) -> None:
    rig.strike(fault)
    await buyer.buy()
    assert isinstance(await rig.adapter.find_purchase(buyer.line(), tag=TAG), Absent)


async def test_another_number_of_ours_does_not_pass_for_the_purchase(rig: Rig) -> None:
    one, two = await buyers(rig, 2)
    await one.buy()
    assert isinstance(await rig.adapter.find_purchase(two.line(), tag=TAG), Absent)


async def test_a_pending_order_is_found_pending_and_later_captured(rig: Rig, buyer: Buyer) -> None:
    if not rig.adapter.abilities.is_asynchronous:
        pytest.skip("this carrier answers at once")
    rig.strike(Fault.PENDING)
    outcome = await buyer.buy()
    assert isinstance(outcome, Pending)
    assert rig.charges() == []
    look = await rig.adapter.find_purchase(buyer.line(), tag=TAG)
    assert isinstance(look, Pending)
    assert look.carrier_ref == outcome.carrier_ref
    rig.clock.advance(seconds=2)
    assert isinstance(await rig.adapter.find_purchase(buyer.line(), tag=TAG), Captured)
    assert rig.charges() == [buyer.stock.number]


@pytest.mark.parametrize("fault", [None, Fault.PENDING])
async def test_a_purchase_under_another_tag_is_for_a_person_to_judge(
    rig: Rig, buyer: Buyer, fault: Fault | None
) -> None:
    if fault:
        rig.strike(fault)
    await buyer.buy(OTHER_TAG)
    assert isinstance(await rig.adapter.find_purchase(buyer.line(), tag=TAG), Ambiguous)


async def test_a_purchase_dearer_than_approved_is_for_a_person_to_judge(
    rig: Rig, buyer: Buyer
) -> None:
    await buyer.buy()
    line = buyer.line(price=buyer.cheaper())
    assert isinstance(await rig.adapter.find_purchase(line, tag=TAG), Ambiguous)


async def test_a_look_at_another_account_proves_nothing(rig: Rig, buyer: Buyer) -> None:
    line = buyer.line(account=f"{rig.adapter.provider}-00000000")
    assert isinstance(await rig.adapter.find_purchase(line, tag=TAG), Unclear)


# Giving back.


@pytest.fixture
async def owner(rig: Rig) -> Owner:
    [first] = await owners(rig, 1)
    return first


async def test_a_release_is_a_pure_function_of_the_line(rig: Rig) -> None:
    one, two = await owners(rig, 2)
    assert one.request() == one.request()
    assert one.request().host == rig.adapter.host
    assert len({one.request().hash, two.request().hash, one.buyer.request().hash}) == 3


async def test_a_number_that_is_given_back_is_ours_no_longer_and_costs_nothing_more(
    rig: Rig,
) -> None:
    owner, other = await owners(rig, 2)
    assert isinstance(await owner.give_back(), Released)
    assert not await owner.is_listed()
    assert [each.carrier_ref for each in await rig.adapter.owned()] == [other.carrier_ref]
    assert rig.charges() == [owner.buyer.stock.number, other.buyer.stock.number]
    assert isinstance(await rig.adapter.find_release(owner.line()), Released)


async def test_a_used_ticket_gives_nothing_back(rig: Rig, owner: Owner) -> None:
    request = owner.request()
    ticket = owner.buyer.ticket(request)
    assert isinstance(await rig.adapter.release(ticket, request), Released)
    assert isinstance(await rig.adapter.release(ticket, request), NotSent)
    assert rig.releases_seen() == 1


async def test_a_dead_ticket_gives_nothing_back(rig: Rig, owner: Owner) -> None:
    request = owner.request()
    ticket = owner.buyer.ticket(request)
    rig.clock.advance(seconds=rig.adapter.abilities.ticket_life_seconds)
    assert isinstance(await rig.adapter.release(ticket, request), NotSent)
    assert (rig.releases_seen(), await owner.is_listed()) == (0, True)


async def test_a_ticket_for_another_release_or_for_a_purchase_gives_nothing_back(rig: Rig) -> None:
    one, two = await owners(rig, 2)
    for other in (two.request(), one.buyer.request()):
        ticket = one.buyer.ticket(other)
        assert isinstance(await rig.adapter.release(ticket, one.request()), NotSent)
    ticket = one.buyer.ticket(one.request(), host="elsewhere.invalid")
    assert isinstance(await rig.adapter.release(ticket, one.request()), NotSent)
    assert rig.releases_seen() == 0


async def test_a_purchase_is_not_sent_as_a_release_nor_a_release_as_a_purchase(
    rig: Rig, owner: Owner
) -> None:
    purchase, release = owner.buyer.request(), owner.request()
    assert isinstance(await rig.adapter.release(owner.buyer.ticket(purchase), purchase), NotSent)
    assert isinstance(await rig.adapter.buy(owner.buyer.ticket(release), release), NotSent)
    assert (rig.purchases_seen(), rig.releases_seen()) == (1, 0)


async def test_a_release_at_another_host_or_account_sends_nothing(rig: Rig, owner: Owner) -> None:
    for changes in ({"host": "elsewhere.invalid"}, {"account": f"{rig.adapter.provider}-00000000"}):
        request = owner.request(**changes)
        assert isinstance(await rig.adapter.release(owner.buyer.ticket(request), request), NotSent)
    assert rig.releases_seen() == 0


RELEASE_OUTCOMES: list[tuple[Fault, type[Outcome], bool]] = [
    (Fault.GONE, Released, False),
    (Fault.TIMEOUT_BEFORE_CHARGE, Unknown, True),
    (Fault.TIMEOUT_AFTER_CHARGE, Unknown, False),
    (Fault.RATE_LIMITED, NotSent, True),
    (Fault.SERVER_ERROR, Unknown, True),
]


@pytest.mark.parametrize(("fault", "outcome", "is_ours"), RELEASE_OUTCOMES)
async def test_what_goes_wrong_with_a_release_is_an_outcome_and_a_look_tells_the_truth(
    rig: Rig, owner: Owner, fault: Fault, outcome: type[Outcome], is_ours: bool
) -> None:
    rig.strike(fault)
    assert isinstance(await owner.give_back(), outcome)
    assert (rig.releases_seen(), await owner.is_listed()) == (1, is_ours)
    look = await rig.adapter.find_release(owner.line())
    assert isinstance(look, Absent if is_ours else Released)


async def test_a_release_that_was_not_processed_can_be_sent_again(rig: Rig, owner: Owner) -> None:
    rig.strike(Fault.RATE_LIMITED)
    await owner.give_back()
    assert isinstance(await owner.give_back(), Released)


async def test_a_release_that_was_sent_twice_is_a_release(rig: Rig, owner: Owner) -> None:
    await owner.give_back()
    assert isinstance(await owner.give_back(), Released)


async def test_a_look_for_a_release_at_another_account_proves_nothing(
    rig: Rig, owner: Owner
) -> None:
    await owner.give_back()
    line = owner.line(account=f"{rig.adapter.provider}-00000000")
    assert isinstance(await rig.adapter.find_release(line), Unclear)


async def test_a_number_that_is_listed_under_another_name_is_for_a_person_to_judge(
    rig: Rig, owner: Owner
) -> None:
    line = owner.line(stock_id="no-such-number")
    assert isinstance(await rig.adapter.find_release(line), Ambiguous)


async def test_a_purchase_whose_number_was_given_back_since_is_for_a_person_to_judge(
    rig: Rig, owner: Owner
) -> None:
    """It had been taken for one that is still to come, and was looked up for ever."""
    await owner.give_back()
    look = await rig.adapter.find_purchase(owner.buyer.line(), tag=TAG)
    assert isinstance(look, Ambiguous)


# Owning.


async def test_routing_is_set_and_setting_it_twice_is_setting_it_once(
    rig: Rig, buyer: Buyer
) -> None:
    outcome = await buyer.buy()
    assert isinstance(outcome, Captured)
    grant = mint_grant(number_id="num_1", number=buyer.stock.number, assistant_id="front-desk")
    routing = Routing(voice_url="https://example.com/voice", sms_url="https://example.com/sms")
    for _ in range(2):
        owned = await rig.adapter.configure(grant, outcome.owned.carrier_ref, routing)
        assert owned.routing == routing
        assert await rig.adapter.read_number(owned.carrier_ref) == owned
    emptied = await rig.adapter.configure(grant, outcome.owned.carrier_ref, Routing())
    assert emptied == outcome.owned


async def test_a_grant_for_another_number_changes_nothing(rig: Rig, buyer: Buyer) -> None:
    outcome = await buyer.buy()
    assert isinstance(outcome, Captured)
    grant = mint_grant(number_id="num_1", number="+14155550199", assistant_id="front-desk")
    with pytest.raises(TicketRefused):
        await rig.adapter.configure(
            grant, outcome.owned.carrier_ref, Routing(voice_url="https://example.com/voice")
        )
    assert await rig.adapter.owned() == [outcome.owned]


async def test_a_number_that_is_not_ours_is_not_there(rig: Rig) -> None:
    assert await rig.adapter.read_number("no-such-number") is None
    assert await rig.adapter.owned() == []
