"""Whether a number that was just bought can be called and texted, as the carrier knows it."""

from __future__ import annotations

from ringfence.inventory import Readiness, Ready
from ringfence.numbers import Capability
from ringfence.offers import Ability
from ringfence.sandbox.registrations import SMS_REGISTRATIONS
from ringfence.sandbox.stock import Item


def readiness_of(item: Item) -> Readiness:
    """What works at once; SMS waits for a registration in some countries."""
    able = {ability.capability: _able(ability) for ability in item.abilities}
    needed = SMS_REGISTRATIONS.get((item.country, item.type))
    is_blocked = able[Capability.SMS] is Ready.READY and needed is not None
    return Readiness(
        voice=able[Capability.VOICE],
        sms=Ready.BLOCKED if is_blocked else able[Capability.SMS],
        # What the number could do is not what it can: WhatsApp asks for an account of its own.
        whatsapp=Ready.NO if able[Capability.WHATSAPP] is Ready.NO else Ready.UNKNOWN,
        blockers=(needed.blocker,) if is_blocked and needed else (),
    )


def _able(ability: Ability) -> Ready:
    if ability.inbound or ability.outbound:
        return Ready.READY
    return Ready.UNKNOWN if ability.inbound is None or ability.outbound is None else Ready.NO
