"""The values of the contract, as the tools publish and check them: for each one pattern or bound.

Patterns are written in what ECMA, Python and Rust read alike: JSON Schema means ECMA, our own check
is Rust's, and clients bring others.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from ringfence import ids, money, numbers
from ringfence.ids import Prefix
from ringfence.numbers import Capability
from ringfence.offers import Provider
from ringfence.policy import ASSISTANT_ID_PATTERN
from ringfence_tools.printing import MAX_PLACE

T = TypeVar("T")


class _NeverNull:
    """Takes the null arm away: an optional argument is left out, not sent as null."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        schema = handler(source)
        return schema["schema"] if schema["type"] == "nullable" else schema


Omittable = Annotated[T | None, _NeverNull()]
"""An argument that may be absent, which reads as None; an explicit null is refused."""


class _Unique:
    """Refuses a list in which a value stands twice; dropping it would hide a mistake."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(_check_unique, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "uniqueItems": True}


def _check_unique(items: tuple[T, ...]) -> tuple[T, ...]:
    if len(set(items)) != len(items):
        raise PydanticCustomError("unique_items", "holds the same value twice")
    return items


UNIQUE = _Unique()
"""Stands after the bounds of a list, so that pydantic sees those first."""


COUNTRY_PATTERN = r"^[A-Z]{2}$"
AREA_CODE_PATTERN = r"^[0-9]{1,8}$"
LEADING_DIGITS_PATTERN = r"^[0-9]{1,14}$"
KEYPAD_PATTERN = r"^[0-9A-Za-z][0-9A-Za-z -]{0,19}$"
DAYS_PATTERN = r"^[0-9]{1,4}$"
KEY_PATTERN = r"^[\x21-\x7e]{1,128}$"
CURSOR_PATTERN = r"^[\x21-\x7e]{1,512}$"
METADATA_KEY_PATTERN = r"^[A-Za-z0-9_.-]{1,64}$"
MOMENT_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
OFFER_ID_PATTERN = ids.pattern(Prefix.OFFER)
RESERVATION_ID_PATTERN = ids.pattern(Prefix.RESERVATION)
ITEM_ID_PATTERN = ids.pattern(Prefix.OFFER, Prefix.RESERVATION)
INTENT_ID_PATTERN = ids.pattern(Prefix.INTENT)
LINE_ID_PATTERN = ids.pattern(Prefix.LINE)

LOOKS_LIKE = {
    numbers.E164_PATTERN: "a number such as +14155550100",
    money.MONEY_PATTERN: 'money such as "5.00 USD"',
    COUNTRY_PATTERN: "two upper-case letters such as US",
    AREA_CODE_PATTERN: 'digits such as "415"',
    LEADING_DIGITS_PATTERN: 'digits after the country code, such as "415"',
    KEYPAD_PATTERN: 'up to 20 digits or letters, such as "PIZZA"',
    DAYS_PATTERN: 'a number of days such as "30"',
    KEY_PATTERN: "1 to 128 printable ASCII characters without spaces",
    CURSOR_PATTERN: "a next_cursor from an earlier result",
    ASSISTANT_ID_PATTERN: "an assistant id such as reception (letters, digits, . _ : -)",
    numbers.ROLE_PATTERN: "a short name such as main or night-line",
    METADATA_KEY_PATTERN: "a name of 1 to 64 letters, digits, _ . or -",
    OFFER_ID_PATTERN: "an offer_id from search_numbers (off_…)",
    RESERVATION_ID_PATTERN: "a reservation_id from reserve_numbers (res_…)",
    ITEM_ID_PATTERN: "an offer_id (off_…) or a reservation_id (res_…)",
    INTENT_ID_PATTERN: "an intent_id (int_…)",
}
"""How an error describes what a pattern takes."""

MAX_ITEMS = 25
"""Numbers in one call: what a person can still read on one card."""
MAX_WAIT_SECONDS = 25
"""Clients cut calls off at 60 s, some at 30 s; a wait ends before that."""
MAX_REASON = 300
MAX_LABEL = 100
MAX_METADATA_PAIRS = 32
MAX_METADATA_VALUE = 256
MAX_IDLE_DAYS = 3650
NOBODY = "none"
"""Said instead of an assistant's id: connected to no assistant. No assistant is called so."""
OUR_METADATA = "ringfence"
"""Metadata keys that begin so are ours."""

NumberText = Annotated[str, Field(pattern=numbers.E164_PATTERN)]
MoneyText = Annotated[str, Field(pattern=money.MONEY_PATTERN)]
CountryCode = Annotated[str, Field(pattern=COUNTRY_PATTERN)]
Moment = Annotated[str, Field(pattern=MOMENT_PATTERN)]
AssistantId = Annotated[str, Field(pattern=ASSISTANT_ID_PATTERN)]
OfferId = Annotated[str, Field(pattern=OFFER_ID_PATTERN)]
ReservationId = Annotated[str, Field(pattern=RESERVATION_ID_PATTERN)]
ItemId = Annotated[str, Field(pattern=ITEM_ID_PATTERN)]
IntentId = Annotated[str, Field(pattern=INTENT_ID_PATTERN)]
LineId = Annotated[str, Field(pattern=LINE_ID_PATTERN)]
Cursor = Annotated[str, Field(pattern=CURSOR_PATTERN)]
Capabilities = Annotated[
    tuple[Capability, ...], Field(min_length=1, max_length=len(Capability)), UNIQUE
]
Providers = Annotated[tuple[Provider, ...], Field(min_length=1, max_length=len(Provider)), UNIQUE]
Reason = Annotated[str, Field(max_length=MAX_REASON)]
Label = Annotated[str, Field(max_length=MAX_LABEL)]
Place = Annotated[str, Field(min_length=1, max_length=MAX_PLACE)]
IdempotencyKey = Annotated[str, Field(pattern=KEY_PATTERN)]
WaitSeconds = Annotated[int, Field(ge=0, le=MAX_WAIT_SECONDS)]
TypeOnSale = Literal["local", "national", "mobile", "toll_free"]
"""What can be asked for; what we own may also be `other`."""


def _not_ours(key: str) -> str:
    if key.startswith(OUR_METADATA):
        raise PydanticCustomError("reserved_key", "begins with a name that is ringfence's own")
    return key


Metadata = Annotated[
    dict[
        Annotated[str, Field(pattern=METADATA_KEY_PATTERN), AfterValidator(_not_ours)],
        Annotated[str, Field(max_length=MAX_METADATA_VALUE)],
    ],
    Field(max_length=MAX_METADATA_PAIRS),
    # Written out: pydantic would leave the object open and not say which keys are ours.
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": MAX_METADATA_PAIRS,
            "propertyNames": {"not": {"pattern": f"^{OUR_METADATA}"}},
            "patternProperties": {
                METADATA_KEY_PATTERN: {"type": "string", "maxLength": MAX_METADATA_VALUE}
            },
            "additionalProperties": False,
        }
    ),
]
