"""Phone numbers: E.164 text, the kinds of number, and what a number can do."""

from __future__ import annotations

import re
from enum import StrEnum

E164_PATTERN = r"^\+[1-9][0-9]{6,14}$"
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_KEYPAD = {
    letter: digit
    for digit, letters in enumerate(
        ("", "", "ABC", "DEF", "GHI", "JKL", "MNO", "PQRS", "TUV", "WXYZ")
    )
    for letter in letters
}

E164 = str
ROLE_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,31}$"
"""What a number is for among the numbers of one assistant."""
MAIN_ROLE = "main"
"""The role of a number that nobody gave another."""


class NumberType(StrEnum):
    """The kind of number, in the field's four common words; what we own may also be `other`."""

    LOCAL = "local"
    NATIONAL = "national"
    MOBILE = "mobile"
    TOLL_FREE = "toll_free"
    OTHER = "other"


class Capability(StrEnum):
    """What a number can carry."""

    VOICE = "voice"
    SMS = "sms"
    MMS = "mms"
    WHATSAPP = "whatsapp"
    FAX = "fax"


class BadNumber(ValueError):
    """The text is no phone number in E.164 form."""


def parse_e164(text: str) -> E164:
    """Return the number itself if it is written as E.164, in full, and may exist; nobody need have it.

    Possible, not valid: numbers that are reserved for fiction belong to no subscriber, so libraries call
    them invalid, and the sandbox sells only those.

    Raises:
        BadNumber: another form (spaces, hyphens, letters, a leading 00), an impossible length, or a second
            spelling of a number (a trunk zero): two spellings would count as two numbers.
    """
    if _E164.fullmatch(text) is None:
        raise BadNumber(f"{text[:30]!r} is not an E.164 number such as +14155550100.")
    import phonenumbers  # lazily: 15 ms that start-up need not pay

    try:
        parsed = phonenumbers.parse(text)
    except phonenumbers.NumberParseException as error:
        raise BadNumber(f"{text!r} belongs to no numbering plan.") from error
    # `is_possible_number` would also take what can only be dialled locally: +15550142, without an area code.
    reason = phonenumbers.is_possible_number_with_reason(parsed)
    if reason != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise BadNumber(f"{text!r} has no possible length for its numbering plan.")
    written = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    if written != text:
        raise BadNumber(f"{text!r} is written {written} in E.164.")
    return text


def grouped(number: E164) -> str:
    """The number as people read it: `+1 415-555-0142`."""
    import phonenumbers

    return phonenumbers.format_number(
        phonenumbers.parse(number), phonenumbers.PhoneNumberFormat.INTERNATIONAL
    )


def keypad_digits(text: str) -> str:
    """Digits of a wish such as `555-PIZZA` on a telephone keypad; hyphens and spaces fall away.

    Raises:
        BadNumber: a character that no keypad has.
    """
    digits = []
    for character in text:
        key = character.upper() if character.isascii() else character  # `ß` would become `SS`
        if character in "0123456789":
            digits.append(character)
        elif key in _KEYPAD:
            digits.append(str(_KEYPAD[key]))
        elif character not in "- ":
            raise BadNumber(f"{text[:30]!r} holds {character!r}, which no keypad has.")
    return "".join(digits)


def national_digits(number: E164) -> str:
    """The number without its country code: `+14155550142` gives `4155550142`."""
    import phonenumbers

    return phonenumbers.national_significant_number(phonenumbers.parse(number))
