"""A number is written in E.164, in full and in one way, or it is refused."""

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from ringfence.numbers import (
    E164_PATTERN,
    BadNumber,
    grouped,
    keypad_digits,
    national_digits,
    parse_e164,
)

DOCUMENT: TypeAdapter[str] = TypeAdapter(Annotated[str, Field(pattern=E164_PATTERN)])

NUMBERS = [
    ("+14155550142", "4155550142", "+1 415-555-0142"),
    ("+18005550199", "8005550199", "+1 800-555-0199"),
    ("+442079460958", "2079460958", "+44 20 7946 0958"),
    ("+493023125000", "3023125000", "+49 30 23125000"),
    ("+390612345678", "0612345678", "+39 06 1234 5678"),
    ("+61491570006", "491570006", "+61 491 570 006"),
    ("+5491123456789", "91123456789", "+54 9 11 2345-6789"),
]


@pytest.mark.parametrize(("number", "national", "people"), NUMBERS)
def test_a_number_in_e164_is_itself_and_is_printed_for_people(
    number: str, national: str, people: str
) -> None:
    assert parse_e164(number) == number
    assert DOCUMENT.validate_python(number) == number
    assert national_digits(number) == national
    assert grouped(number) == people


def test_a_number_that_is_reserved_for_fiction_is_a_number() -> None:
    assert parse_e164("+14155550100") == "+14155550100"


MISSPELT = {
    "empty": "",
    "a plus alone": "+",
    "no plus": "14155550142",
    "two pluses": "++14155550142",
    "a full-width plus": "\uff0b14155550142",
    "a leading 00": "0014155550142",
    "a plus and 00": "+0014155550142",
    "a leading 011": "01114155550142",
    "a trunk zero only": "04155550142",
    "spaces": "+1 415 555 0142",
    "hyphens": "+1-415-555-0142",
    "a non-breaking hyphen": "+1415555\u20110142",
    "an en dash": "+1415555\u20130142",
    "brackets and a non-ASCII hyphen": "+1 (415) 555\u20110100",
    "a no-break space": "+1\u00a04155550142",
    "a space before": " +14155550142",
    "a space after": "+14155550142 ",
    "a line feed after": "+14155550142\n",
    "a zero-width space": "+1415555\u200b0142",
    "a right-to-left override": "\u202e+14155550142",
    "vanity letters": "+1415555PIZZA",
    "full-width digits": "+1\uff14\uff11\uff15\uff15\uff15\uff15\uff10\uff11\uff14\uff12",
    "Arabic digits": "+1\u0664\u0661\u0665\u0665\u0665\u0665\u0660\u0661\u0664\u0662",
    "a superscript": "+1415555014\u00b2",
    "a URI": "tel:+14155550142",
    "an extension": "+14155550142;ext=5",
    "an extension in words": "+14155550142x5",
    "six digits": "+123456",
    "sixteen digits": "+1234567890123456",
}


@pytest.mark.parametrize("text", MISSPELT.values(), ids=MISSPELT.keys())
def test_another_spelling_is_refused_and_never_mended(text: str) -> None:
    with pytest.raises(BadNumber):
        parse_e164(text)
    with pytest.raises(ValidationError):
        DOCUMENT.validate_python(text)


IMPOSSIBLE = {
    "too short for its plan": "+1415555014",
    "too long for its plan": "+141555501422",
    "local only, without an area code": "+15550142",
    "a trunk zero, which makes a second spelling": "+4402079460958",
    "no such country code": "+9991234567",
}


@pytest.mark.parametrize("text", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_what_cannot_be_a_full_number_is_refused(text: str) -> None:
    with pytest.raises(BadNumber):
        parse_e164(text)


def test_the_refusal_of_a_second_spelling_names_the_first() -> None:
    with pytest.raises(BadNumber, match=r"\+442079460958"):
        parse_e164("+4402079460958")


@given(st.text() | st.from_regex(r"\+?[0-9]{5,17}", fullmatch=True))
def test_whatever_is_read_as_a_number_has_the_published_form(text: str) -> None:
    try:
        number = parse_e164(text)
    except BadNumber:
        return
    assert number == text == DOCUMENT.validate_python(text)
    assert text.isascii()
    assert text.endswith(national_digits(text))


# Keypads

WISHES = [
    ("", ""),
    ("PIZZA", "74992"),
    ("pizza", "74992"),
    ("555-PIZZA", "55574992"),
    ("1 800 flowers", "18003569377"),
    ("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999"),
    ("0123456789", "0123456789"),
]


@pytest.mark.parametrize(("wish", "digits"), WISHES)
def test_letters_are_read_off_the_keypad(wish: str, digits: str) -> None:
    assert keypad_digits(wish) == digits


NO_KEYS = [
    *("\u00df", "\u0131", "\ufb01", "\u017f"),  # which become S, I, FI in capitals
    *("\u00e9", "\u00c5", "\u0410", "\uff21", "\uff15", "\u0665", "\u00b2"),
    *("\u2011", "\u2013", "\u00a0", "\u200b", "\t", "\n"),
    *("*", "#", "+", "(415)", ".", "%", "'", "\U0001f355"),
]


@pytest.mark.parametrize("character", NO_KEYS, ids=ascii)
def test_what_no_keypad_has_is_refused(character: str) -> None:
    with pytest.raises(BadNumber):
        keypad_digits(f"555{character}")


@given(st.text())
def test_what_a_keypad_gives_is_ascii_digits_one_for_each_key(text: str) -> None:
    try:
        digits = keypad_digits(text)
    except BadNumber:
        return
    assert len(digits) == len(text.replace("-", "").replace(" ", ""))
    assert all(digit in "0123456789" for digit in digits)
