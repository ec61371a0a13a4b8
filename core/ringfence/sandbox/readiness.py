"""Whether a number that was just bought can be called and texted, as the carrier knows it."""

from __future__ import annotations

from ringfence.inventory import Readiness, Ready
from ringfence.numbers import Capability, NumberType
from ringfence.offers import Ability
from ringfence.sandbox.stock import Item

_10DLC = "10DLC registration is needed before this number can send SMS to US numbers."
_VERIFICATION = "Toll-free verification is needed before this number can send SMS."
_SENDER = "The sender must be registered before this number can send SMS."

_SMS_BLOCKERS = {
    ("US", NumberType.LOCAL): _10DLC,
    ("US", NumberType.TOLL_FREE): _VERIFICATION,
    ("CA", NumberType.TOLL_FREE): _VERIFICATION,
    ("AU", NumberType.MOBILE): _SENDER,
    ("GB", NumberType.MOBILE): _SENDER,
}
"""By country and type. (AWS End User Messaging SMS, phone number registrations, read 2026-11.)"""


def readiness_of(item: Item) -> Readiness:
    """What works at once; SMS waits for a registration in some countries."""
    able = {ability.capability: _able(ability) for ability in item.abilities}
    blocker = _SMS_BLOCKERS.get((item.country, item.type))
    is_blocked = able[Capability.SMS] is Ready.READY and blocker is not None
    return Readiness(
        voice=able[Capability.VOICE],
        sms=Ready.BLOCKED if is_blocked else able[Capability.SMS],
        # What the number could do is not what it can: WhatsApp asks for an account of its own.
        whatsapp=Ready.NO if able[Capability.WHATSAPP] is Ready.NO else Ready.UNKNOWN,
        blockers=(blocker,) if is_blocked and blocker else (),
    )


def _able(ability: Ability) -> Ready:
    if ability.inbound or ability.outbound:
        return Ready.READY
    return Ready.UNKNOWN if ability.inbound is None or ability.outbound is None else Ready.NO
