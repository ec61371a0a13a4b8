"""The protocol of dispatch and recovery does no harm, and every one of its rules is needed.

Read the failures as stories: each one carries the shortest way to the harm.
"""

from __future__ import annotations

from functools import cache

import pytest

from protocol_model.model import Harm
from protocol_model.search import CounterExample, Graph, counter_example, explore
from protocol_model.world import Bound, Carrier, LineState, Rule, World

# A way longer than this is hardly a story a reader can follow: look for a smaller model.
MOST_STEPS = 12

EVERY_WORLD = [
    World(carrier, is_asynchronous, process_count)
    for carrier in Carrier
    for is_asynchronous in (False, True)
    for process_count in (1, 2)
]

# What comes of a broken rule, where it is not a charge that no hold covers.
OTHER_HARM = {Rule.CLAIM_IS_A_LEASE: Harm.LEAKED_HOLD}

# Rules that speak of orders, which only an asynchronous carrier has.
ASYNCHRONOUS_RULES = {Rule.PENDING_ORDER_IS_NOT_ABSENT}

# Without these, a line may be sent twice; what the others prevent is a charge that is lost.
RULES_AGAINST_A_SECOND_REQUEST = [
    Rule.RECORD_BEFORE_SEND,
    Rule.CLAIM_IS_COMPARE_AND_SET,
    Rule.TICKET_SINGLE_USE,
    Rule.DISPATCHING_OF_A_DEAD_PROCESS_BECOMES_UNKNOWN,
    Rule.NEVER_RESEND,
]


@pytest.mark.parametrize("world", EVERY_WORLD, ids=lambda world: name_of(world))
def test_with_all_rules_nothing_bad_can_happen_at_any_carrier(world: World) -> None:
    """Neither a late success, nor a leaked hold, nor a line that is stuck, nor worse."""
    found = explored(world).counter_examples()
    assert not found, stories(found)


@pytest.mark.parametrize("carrier", Carrier)
@pytest.mark.parametrize("rule", Rule)
def test_without_any_one_rule_harm_is_done_at_every_carrier(rule: Rule, carrier: Carrier) -> None:
    """A rule that could go would only slow readers down; no kind of idempotency replaces one."""
    world = World(carrier, is_asynchronous=rule in ASYNCHRONOUS_RULES).without(rule)
    found = counter_example(world, OTHER_HARM.get(rule, Harm.CHARGE_WITHOUT_HOLD))
    assert found is not None, f"{rule} is not needed at a carrier with {carrier}"
    assert len(found.labels) <= MOST_STEPS, str(found)


@pytest.mark.parametrize("rule", sorted(set(Rule) - ASYNCHRONOUS_RULES))
def test_an_asynchronous_carrier_needs_the_same_rules(rule: Rule) -> None:
    """An order that is charged later gives every mistake more time, never less."""
    world = World(Carrier.NO_IDEMPOTENCY, is_asynchronous=True).without(rule)
    found = counter_example(world, OTHER_HARM.get(rule, Harm.CHARGE_WITHOUT_HOLD))
    assert found is not None, f"{rule} is not needed at an asynchronous carrier"
    assert len(found.labels) <= MOST_STEPS, str(found)


@pytest.mark.parametrize("rule", RULES_AGAINST_A_SECOND_REQUEST)
def test_a_second_request_is_a_second_charge_where_there_is_no_idempotency(rule: Rule) -> None:
    found = counter_example(World(Carrier.NO_IDEMPOTENCY).without(rule), Harm.TWO_CHARGES)
    assert found is not None, f"without {rule} there is still only one charge"
    assert len(found.labels) <= MOST_STEPS, str(found)


def test_a_new_key_for_each_retry_is_a_second_charge_even_with_idempotency() -> None:
    world = World(Carrier.IDEMPOTENCY_KEY, has_new_key_per_send=True).without(Rule.NEVER_RESEND)
    found = counter_example(world, Harm.TWO_CHARGES)
    assert found is not None
    assert len(found.labels) <= MOST_STEPS, str(found)


@pytest.mark.parametrize("carrier", [Carrier.NATURAL_KEY, Carrier.IDEMPOTENCY_KEY])
def test_a_key_stops_the_second_charge_of_a_blind_retry_but_loses_the_first(
    carrier: Carrier,
) -> None:
    """The retry fails, be it refused or never sent, and says nothing of the first request."""
    world = World(carrier, process_count=1).without(Rule.NEVER_RESEND)
    harms = set(explored(world).first_with)
    assert Harm.TWO_CHARGES not in harms
    assert {Harm.CHARGE_WITHOUT_HOLD, Harm.WRONG_RECORD} <= harms


def test_a_check_of_the_state_does_not_replace_the_fence() -> None:
    """Two looks at one stale list: the second to be written finds the line unknown, as expected."""
    world = World(Carrier.NO_IDEMPOTENCY, has_state_check=True).without(Rule.FENCED_SETTLEMENT)
    found = counter_example(world, Harm.CHARGE_WITHOUT_HOLD)
    assert found is not None
    assert len(found.labels) <= MOST_STEPS, str(found)


def test_without_a_fence_a_late_writer_unsettles_a_settled_line() -> None:
    world = World(Carrier.NO_IDEMPOTENCY).without(Rule.FENCED_SETTLEMENT)
    found = counter_example(world, Harm.HOLD_AND_LINE_DISAGREE)
    assert found is not None
    assert len(found.labels) <= MOST_STEPS, str(found)


def test_a_charge_that_was_sent_before_it_was_recorded_is_never_found() -> None:
    """Recovery looks only for what the book knows, so nobody asks the carrier for this one."""
    world = World(Carrier.NO_IDEMPOTENCY).without(Rule.RECORD_BEFORE_SEND)
    found = counter_example(world, Harm.WRONG_RECORD)
    assert found is not None
    assert found.state.line is LineState.VOIDED, str(found)


def test_a_claim_that_never_ends_leaves_the_line_of_a_crashed_process_stuck() -> None:
    world = World(Carrier.NO_IDEMPOTENCY).without(Rule.CLAIM_IS_A_LEASE)
    assert counter_example(world, Harm.STUCK) is not None


@pytest.mark.parametrize("bound", Bound)
def test_when_the_world_breaks_a_bound_the_charge_is_late_but_not_lost(bound: Bound) -> None:
    """The one correction of a settled line: found later, and captured by an adjusting entry."""
    graph = explored(World(Carrier.NO_IDEMPOTENCY).without(bound))
    expected = {Harm.CHARGE_WITHOUT_HOLD, Harm.LATE_SUCCESS}
    assert set(graph.first_with) == expected, stories(graph.counter_examples())
    assert (LineState.FAILED, LineState.CAPTURED) in graph.line_transitions()


def test_the_states_of_a_line_are_those_of_the_real_table() -> None:
    from ringfence.states import LineState as RealLineState

    assert {str(state) for state in LineState} == {str(state) for state in RealLineState}


def test_every_move_of_a_line_is_in_the_real_table() -> None:
    from ringfence.states import LINE_TRANSITIONS

    real = {
        (str(before), str(after)) for before, afters in LINE_TRANSITIONS.items() for after in afters
    }
    worlds = [*EVERY_WORLD, *(World(Carrier.NO_IDEMPOTENCY).without(bound) for bound in Bound)]
    moves = set().union(*(explored(world).line_transitions() for world in worlds))
    assert {(str(before), str(after)) for before, after in moves} - real == set()


@cache
def explored(world: World) -> Graph:
    """A world walked through to its end, once for all tests."""
    return explore(world)


def name_of(world: World) -> str:
    """A short name of a world that follows all rules."""
    way = "asynchronous" if world.is_asynchronous else "synchronous"
    return f"{world.carrier}-{way}-{world.process_count}"


def stories(found: list[CounterExample]) -> str:
    """All counter-examples, one below the other."""
    return "\n\n".join(str(example) for example in found)
