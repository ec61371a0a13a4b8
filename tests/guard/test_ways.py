"""Ways to consent: for every level and whoever is enrolled, who can still say yes, where, or what is missing."""

from __future__ import annotations

import pytest

from house import policy_with
from ringfence.approvers import ApproverKey, KeyKind
from ringfence.guard.authority import Authority
from ringfence.guard.ways import Ways, unreachable, ways
from ringfence.intents import Level

HERE, THERE = "http://localhost:7415", "https://approve.example.com"


def key(person: str, kind: KeyKind = KeyKind.PASSPHRASE, origin: str | None = None) -> ApproverKey:
    return ApproverKey.model_construct(kind=kind, person=person, public_key="", origin=origin)


def passkey(person: str, origin: str = HERE) -> ApproverKey:
    return key(person, KeyKind.PASSKEY, origin)


def enrolled(*keys: ApproverKey) -> Authority:
    return Authority(keys={str(at): each for at, each in enumerate(keys)})


def of(found: Ways) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return found.in_terminal, found.on_page


ADA, BOB = key("ada"), key("bob")
ADAS, BOBS = passkey("ada"), passkey("bob")


@pytest.mark.parametrize("level", [Level.CLIENT, Level.PAGE])
def test_where_a_click_is_enough_nobody_need_be_enrolled(level: Level) -> None:
    found = ways(enrolled(), level)
    assert (found.serves_terminal, found.serves_page, found.lack) == (True, True, None)


def test_a_passphrase_serves_in_a_terminal_and_a_passkey_on_the_page() -> None:
    assert of(ways(enrolled(ADA, BOBS), Level.PASSPHRASE)) == (("ada",), ("bob",))
    assert of(ways(enrolled(ADA), Level.PASSPHRASE)) == (("ada",), ())
    assert of(ways(enrolled(ADA, BOBS), Level.PASSKEY)) == ((), ("bob",))


def test_a_passkey_of_another_address_serves_nobody_here() -> None:
    there = passkey("bob", THERE)
    assert of(ways(enrolled(ADA, there), Level.PASSPHRASE, origin=HERE)) == (("ada",), ())
    assert of(ways(enrolled(ADA, there), Level.PASSPHRASE, origin=THERE)) == (("ada",), ("bob",))


def test_two_people_begin_with_anybody_and_end_with_somebody_else() -> None:
    everybody = enrolled(ADA, ADAS, BOB, BOBS)
    assert of(ways(everybody, Level.TWO_PEOPLE)) == (("ada", "bob"), ("ada", "bob"))
    assert of(ways(everybody, Level.TWO_PEOPLE, [ADA])) == ((), ("bob",))
    assert of(ways(everybody, Level.TWO_PEOPLE, [ADAS])) == (("bob",), ("bob",))
    assert of(ways(everybody, Level.TWO_PEOPLE, [ADA, BOB])) == ((), ("ada", "bob"))


def test_where_the_first_has_the_only_passkey_both_are_still_asked() -> None:
    """Ada signed with her passphrase: what is left is her passkey, and somebody else's name."""
    found = ways(enrolled(ADA, ADAS, BOB), Level.TWO_PEOPLE, [ADA])
    assert (of(found), found.lack) == ((("bob",), ("ada",)), None)


def test_away_from_this_machine_no_click_counts() -> None:
    assert not ways(enrolled(), Level.PAGE, origin=THERE).serves_page
    assert not ways(enrolled(passkey("bob", HERE)), Level.PAGE, origin=THERE).serves_page
    assert ways(enrolled(passkey("bob", THERE)), Level.PAGE, origin=THERE).serves_page
    assert ways(enrolled(), Level.PAGE, origin=HERE).serves_page


def test_who_has_signed_is_told_while_that_is_not_enough() -> None:
    everybody = enrolled(ADA, BOBS)
    assert ways(everybody, Level.TWO_PEOPLE, [ADA]).signed == ("ada",)
    assert ways(everybody, Level.TWO_PEOPLE, [ADA, BOBS]).signed == ()


@pytest.mark.parametrize(
    ("keys", "level", "says", "remedy"),
    [
        ((), Level.PASSPHRASE, "no approver is enrolled", "enroll NAME"),
        ((), Level.PASSKEY, "no approver is enrolled", "--passkey"),
        ((ADA, BOB), Level.PASSKEY, "no approver has one", "--passkey"),
        ((ADA, BOB), Level.TWO_PEOPLE, "no approver has one", "--passkey"),
        ((ADAS,), Level.TWO_PEOPLE, "there is one approver", "enroll NAME"),
        ((ADA,), Level.TWO_PEOPLE, "there is one approver", "--passkey"),
    ],
)
def test_what_is_missing_is_named_with_what_mends_it(
    keys: tuple[ApproverKey, ...], level: Level, says: str, remedy: str
) -> None:
    found = ways(enrolled(*keys), level)
    assert found.lack is not None
    assert says in found.lack.says
    assert found.lack.remedy.endswith(remedy)
    assert found.people == ()


def test_a_policy_asks_for_what_nobody_can_give() -> None:
    rules = policy_with(levels="{buy: passphrase, release: passkey, assign: passphrase}")
    assert [level for level, _ in unreachable(enrolled(ADA), rules)] == [Level.PASSKEY]
    assert unreachable(enrolled(ADA, BOBS), rules) == []
